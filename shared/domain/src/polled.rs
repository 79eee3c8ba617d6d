//! The answer to a poll.

use serde::Serialize;

use super::channel::Channel;
use super::frame::Position;
use super::poll::Cursor;
use super::replay::ReplayPage;
use super::seq::Seq;

/// The most bytes of notifications in one answer. A function answers with 6 MB at most
/// (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), in which each quote and backslash takes two.
const MAX_BYTES: usize = 2_500_000;

/// One channel's part of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolledChannel {
    /// The channel.
    pub channel: Channel,
    /// Where the reader stands.
    #[serde(flatten)]
    pub position: Position,
    /// The number of notifications that the inbox's owner has not read. Inboxes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
    /// The notifications, in order: the place of each, and its JSON.
    #[serde(skip)]
    pub items: Vec<(Seq, String)>,
}

impl PolledChannel {
    /// Leaves out what is too much for one answer; the reader asks again for it. One item always stays.
    fn bounded(mut self, mut room: usize) -> Self {
        let fits = |(_, item): &&(Seq, String)| {
            let fits = item.len() <= room;
            room = room.saturating_sub(item.len());
            fits
        };
        let kept = self.items.iter().take_while(fits).count().max(1);
        if kept < self.items.len() {
            self.items.truncate(kept);
            self.position.seq = self.items[kept - 1].0;
            self.position.more = true;
        }
        self
    }

    /// In bytes.
    fn size(&self) -> usize {
        self.items.iter().map(|(_, item)| item.len()).sum()
    }

    fn to_json(&self) -> String {
        // A struct of strings and numbers has no way to fail.
        let head = serde_json::to_string(self).unwrap_or_default();
        let items: Vec<_> = self.items.iter().map(|(_, item)| item.as_str()).collect();
        format!("{},\"items\":[{}]}}", head.trim_end_matches('}'), items.join(","))
    }
}

/// The answer in JSON. What does not fit into it is left out, and `more` says so.
#[must_use]
pub fn answer(channels: Vec<PolledChannel>) -> String {
    let shares = shares(channels.iter().map(PolledChannel::size).collect());
    let bounded = channels.into_iter().zip(shares).map(|(polled, share)| polled.bounded(share).to_json());
    let channels: Vec<_> = bounded.collect();
    format!("{{\"channels\":[{}]}}", channels.join(","))
}

/// The room that each of so many bytes gets: an equal part, and what others leave of theirs.
fn shares(sizes: Vec<usize>) -> Vec<usize> {
    let mut smallest_first: Vec<usize> = (0..sizes.len()).collect();
    smallest_first.sort_by_key(|i| sizes[*i]);
    let (mut shares, mut room, mut others) = (vec![0; sizes.len()], MAX_BYTES, sizes.len());
    for i in smallest_first {
        shares[i] = sizes[i].min(room / others);
        room -= shares[i];
        others -= 1;
    }
    shares
}

/// Whether the answer is worth sending before the wait ends. An answer also reports that all of a log has expired, but
/// that alone ends no wait: the next poll would be answered at once too, and so on.
#[must_use]
pub fn is_news<R>(cursor: &Cursor, page: &ReplayPage<R>) -> bool {
    let position = page.position;
    let has_missed = !position.recovered && cursor.after != Some(position.seq);
    !page.items.is_empty() || position.more || position.reset || has_missed
}

/// Puts what came later behind what was there.
pub fn merge<R>(page: &mut ReplayPage<R>, next: ReplayPage<R>) {
    page.items.extend(next.items);
    page.position = Position { recovered: page.position.recovered && next.position.recovered, ..next.position };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn position(seq: u64) -> Position {
        Position { seq: Seq(seq), recovered: true, more: false, reset: false }
    }

    fn news() -> Channel {
        Channel::parse("topic:news").unwrap()
    }

    fn polled(sizes: &[usize]) -> PolledChannel {
        let items = sizes
            .iter()
            .zip(1..)
            .map(|(size, seq)| (Seq(seq), json!({"seq": seq, "body": "x".repeat(*size)}).to_string()));
        let items: Vec<_> = items.collect();
        PolledChannel { channel: news(), position: position(sizes.len() as u64), unread: None, items }
    }

    fn read(channels: Vec<PolledChannel>) -> Value {
        serde_json::from_str(&answer(channels)).unwrap()
    }

    #[test]
    fn an_answer_has_the_contracts_shape() {
        let answered = read(vec![polled(&[1]), PolledChannel { unread: Some(2), ..polled(&[]) }]);
        assert_eq!(
            answered,
            json!({"channels": [
                {"channel": "topic:news", "seq": 1, "recovered": true, "more": false, "items": [{"seq": 1, "body": "x"}]},
                {"channel": "topic:news", "seq": 0, "recovered": true, "more": false, "unread": 2, "items": []},
            ]})
        );
    }

    #[test]
    fn what_is_too_much_is_left_for_the_next_answer() {
        let large = [30_000; 100];
        let answered = read(vec![polled(&large), polled(&[10, 10])]);
        let first = &answered["channels"][0];
        let kept = first["items"].as_array().unwrap().len() as u64;
        assert!(kept > 80 && kept < 100, "what the second leaves is the first one's: {kept}");
        assert_eq!((first["seq"].as_u64(), &first["more"]), (Some(kept), &json!(true)));
        assert_eq!(answered["channels"][1]["more"], false);
        assert!(answer(vec![polled(&large); 10]).len() < 2_600_000);
    }

    #[test]
    fn one_item_is_always_returned() {
        let larger_than_its_share = polled(&[MAX_BYTES, 1]);
        assert_eq!(read(vec![larger_than_its_share])["channels"][0]["seq"], 1);
    }

    #[test]
    fn a_log_that_has_expired_is_no_news_to_who_stands_at_its_end() {
        let at = |after| Cursor { channel: news(), after };
        let page = |position| ReplayPage::<()> { items: Vec::new(), position };
        assert!(!is_news(&at(Some(Seq(4))), &page(position(4))));
        assert!(!is_news(&at(Some(Seq(4))), &page(Position { recovered: false, ..position(4) })));
        assert!(is_news(&at(Some(Seq(4))), &page(Position { recovered: false, ..position(9) })));
        assert!(is_news(&at(Some(Seq(4))), &page(Position { more: true, ..position(9) })));
        // What has outlived its `ttl` moves the cursor and is nothing to tell.
        assert!(!is_news(&at(Some(Seq(4))), &page(position(9))));
        assert!(!is_news(&at(None), &page(position(9))));
    }
}
