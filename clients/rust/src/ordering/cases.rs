//! The cases that every client runs: see `clients/cases/README.md`.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    name: String,
    cursor: Option<u64>,
    steps: Vec<Turn>,
    ends_at: u64,
    held: usize,
}

#[derive(Deserialize)]
struct Turn {
    #[serde(flatten)]
    takes: Takes,
    #[serde(default)]
    gives: Vec<Given>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Takes {
    Push(Vec<u64>),
    Answer(Answer),
    Reconnect(bool),
}

#[derive(Deserialize)]
struct Answer {
    after: Option<u64>,
    #[serde(flatten)]
    answer: Subscribed,
    #[serde(default)]
    items: Vec<u64>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Given {
    Item(u64),
    Lost { lost: [u64; 2] },
    Reset { reset: [u64; 2] },
}

fn items(seqs: &[u64]) -> Vec<Item> {
    seqs.iter().map(|seq| Item { seq: Some(*seq), ..Item::default() }).collect()
}

fn take(ordering: &mut Ordering, takes: &Takes) -> Vec<Step> {
    match takes {
        Takes::Push(seqs) => ordering.take(items(seqs)),
        Takes::Answer(Answer { after, answer, items: seqs }) => {
            let mut steps = ordering.take(items(seqs));
            steps.extend(ordering.answered(*after, answer));
            steps
        }
        Takes::Reconnect(is_new) => {
            assert!(is_new);
            ordering.restart();
            Vec::new()
        }
    }
}

fn given(step: &Step) -> Given {
    match step {
        Step::Item(item) => Given::Item(item.seq.unwrap()),
        Step::Gap { after, resumed_at } => Given::Lost { lost: [*after, resumed_at - 1] },
        Step::Reset { after, seq } => Given::Reset { reset: [*after, *seq] },
    }
}

#[test]
fn an_ordering_gives_what_the_cases_of_all_clients_say() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../cases/ordering.json")).unwrap();
    for Case { name, cursor, steps, ends_at, held } in cases {
        let mut ordering = Ordering::new(cursor);
        for (number, Turn { takes, gives }) in steps.iter().enumerate() {
            let given: Vec<Given> = take(&mut ordering, takes).iter().map(given).collect();
            assert_eq!(given, *gives, "{name}: step {number}");
        }
        assert_eq!((ordering.cursor(), ordering.held()), (Some(ends_at), held), "{name}");
    }
}
