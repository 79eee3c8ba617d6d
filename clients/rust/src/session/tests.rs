//! A session, turn by turn.

use serde_json::json;

use super::*;

struct TestSession {
    session: Session,
    now: Instant,
    id: ConnectionId,
}

fn channel(name: &str) -> Channel {
    name.parse().unwrap()
}

fn frame(value: &serde_json::Value) -> ServerFrame {
    ServerFrame::parse(&value.to_string()).unwrap()
}

fn items(channel: &str, seqs: &[u64]) -> ServerFrame {
    let items: Vec<_> = seqs.iter().map(|seq| json!({"seq": seq})).collect();
    frame(&json!({"type": "notifications", "channel": channel, "items": items}))
}

fn replayed(channel: &str, seq: u64, reference: u64) -> ServerFrame {
    let item = json!({"seq": seq});
    frame(&json!({"type": "notifications", "channel": channel, "items": [item], "replay": reference}))
}

fn answer(seq: u64, reference: u64) -> ServerFrame {
    frame(&json!({"type": "subscribed", "seq": seq, "recovered": true, "more": false, "ref": reference}))
}

fn questions(effects: &[Effect]) -> Vec<(String, Option<u64>, u64)> {
    let question = |effect: &Effect| match effect {
        Effect::Send(_, ClientFrame::Subscribe { channel, after, reference }) => {
            Some((channel.to_string(), *after, *reference))
        }
        _ => None,
    };
    effects.iter().filter_map(question).collect()
}

fn seqs(effects: &[Effect]) -> Vec<u64> {
    let seq = |effect: &Effect| match effect {
        Effect::Tell(Event::Notification { item, .. }) => item.seq,
        _ => None,
    };
    effects.iter().filter_map(seq).collect()
}

/// Waits for the session's next deadline and returns what it does then.
fn next(told: &mut TestSession) -> Vec<Effect> {
    told.now = told.session.deadline().unwrap();
    told.session.fired(told.now)
}

/// A session with these cursors whose first connection is open; and what it asked.
fn open(cursors: &[&str]) -> (TestSession, Vec<(String, Option<u64>, u64)>) {
    let now = Instant::now();
    let cursors = cursors.iter().map(|cursor| cursor.parse().unwrap()).collect();
    let mut session = Session::new(Timing::default(), 1, now, cursors);
    let Some(Effect::Connect(id)) = session.fired(now).pop() else { panic!("it does not connect") };
    let effects = session.opened(now, id, Vec::new(), None);
    assert_eq!(effects[0], Effect::Tell(Event::Connected));
    (TestSession { session, now, id }, questions(&effects))
}

#[test]
fn every_channel_is_asked_for_with_the_seq_that_is_known() {
    let (_, asked) = open(&["topic:a:41", "user:alice"]);
    assert_eq!(asked, [("topic:a".to_owned(), Some(41), 1), ("user:alice".to_owned(), None, 2)]);
}

#[test]
fn what_the_token_joins_is_asked_for_too() {
    let (mut told, _) = open(&["topic:a:41"]);
    let effects = told.session.closed(told.now, told.id, "cut".to_owned());
    assert!(matches!(effects[..], [Effect::Tell(Event::Disconnected { .. })]), "{effects:?}");
    let Some(Effect::Connect(id)) = next(&mut told).pop() else { panic!("it does not connect") };
    let joined = vec![channel("topic:a"), channel("user:alice")];
    let asked = questions(&told.session.opened(told.now, id, joined, None));
    assert_eq!(asked, [("topic:a".to_owned(), Some(41), 2), ("user:alice".to_owned(), None, 3)]);
}

#[test]
fn a_push_of_a_channel_that_nobody_named_makes_it_known() {
    let (mut told, _) = open(&[]);
    let effects = told.session.received(told.now, told.id, items("topic:a", &[7]));
    assert_eq!(questions(&effects), [("topic:a".to_owned(), None, 1)]);
    assert_eq!(seqs(&effects), [0; 0]);
    assert_eq!(seqs(&told.session.received(told.now, told.id, answer(7, 1))), [7]);
}

#[test]
fn a_gap_is_asked_for_after_half_a_second_to_three() {
    let (mut told, _) = open(&["topic:a:41"]);
    told.session.received(told.now, told.id, answer(41, 1));
    assert_eq!(told.session.received(told.now, told.id, items("topic:a", &[43])), []);
    let before = told.now;
    assert_eq!(questions(&next(&mut told)), [("topic:a".to_owned(), Some(41), 2)]);
    let waited = told.now - before;
    assert!((Duration::from_millis(500)..=Duration::from_secs(3)).contains(&waited), "{waited:?}");
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[42]))), [42, 43]);
}

#[test]
fn a_gap_that_closes_by_itself_is_not_asked_for() {
    let (mut told, _) = open(&["topic:a:41"]);
    told.session.received(told.now, told.id, answer(41, 1));
    told.session.received(told.now, told.id, items("topic:a", &[43]));
    told.session.received(told.now, told.id, items("topic:a", &[42]));
    assert_eq!(questions(&next(&mut told)), []);
}

#[test]
fn more_is_asked_for_at_once() {
    let (mut told, _) = open(&["topic:a:41"]);
    told.session.received(told.now, told.id, items("topic:a", &[42, 43]));
    let more = frame(&json!({"type": "subscribed", "seq": 43, "recovered": true, "more": true, "ref": 1}));
    let effects = told.session.received(told.now, told.id, more);
    assert_eq!(seqs(&effects), [42, 43]);
    assert_eq!(questions(&effects), [("topic:a".to_owned(), Some(43), 2)]);
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[44]))), [44]);
    let more = frame(&json!({"type": "subscribed", "seq": 44, "recovered": true, "more": true, "ref": 2}));
    assert_eq!(questions(&told.session.received(told.now, told.id, more)), [("topic:a".to_owned(), Some(44), 3)]);
}

#[test]
fn more_that_brings_nothing_is_not_asked_for_at_once() {
    let (mut told, _) = open(&["topic:a:41"]);
    let more = frame(&json!({"type": "subscribed", "seq": 41, "recovered": true, "more": true, "ref": 1}));
    assert_eq!(told.session.received(told.now, told.id, more), []);
    assert_eq!(questions(&next(&mut told)), [("topic:a".to_owned(), Some(41), 2)]);
}

#[test]
fn a_question_without_an_answer_is_asked_again_and_in_the_end_the_connection_given_up() {
    let (mut told, _) = open(&["topic:a:41"]);
    let mut asked = 1;
    let reason = loop {
        let effects = next(&mut told);
        asked += questions(&effects).len();
        let lost = effects.iter().find_map(|effect| match effect {
            Effect::Tell(Event::Disconnected { reason, .. }) => Some(reason.clone()),
            _ => None,
        });
        if let Some(reason) = lost {
            break reason;
        }
        told.session.heard(told.now, told.id);
    };
    assert_eq!((asked, reason.as_str()), (4, "the server stopped answering"));
}

#[test]
fn after_the_gateways_own_error_every_question_is_asked_again_unless_it_is_answered_after_all() {
    let (mut told, _) = open(&["topic:a:41", "topic:b:1"]);
    let before = told.now;
    told.session.received(told.now, told.id, frame(&json!({"message": "Internal server error"})));
    told.session.received(told.now, told.id, answer(1, 2));
    assert_eq!(questions(&next(&mut told)), [("topic:a".to_owned(), Some(41), 3)]);
    assert!(told.now - before <= Duration::from_secs(3));
}

#[test]
fn a_busy_channel_is_asked_again_later_each_time() {
    let (mut told, _) = open(&["topic:a:41"]);
    let begin = told.now;
    for reference in 1..=4 {
        let busy = json!({"type": "error", "code": "channel_busy", "detail": "", "ref": reference});
        assert_eq!(told.session.received(told.now, told.id, frame(&busy)), []);
        while questions(&next(&mut told)).is_empty() {
            told.session.heard(told.now, told.id);
        }
    }
    assert!(told.now - begin >= Duration::from_millis(500 * (1 + 2 + 4 + 8)));
}

#[test]
fn a_channel_whose_user_has_read_too_much_is_asked_again_when_the_server_says() {
    let (mut told, _) = open(&["topic:a:41"]);
    let begin = told.now;
    let refusal = json!({"type": "error", "code": "too_many_replays", "detail": "", "retry_after": 90, "ref": 1});
    assert_eq!(told.session.received(told.now, told.id, frame(&refusal)), []);
    while questions(&next(&mut told)).is_empty() {
        told.session.heard(told.now, told.id);
    }
    let waited = (told.now - begin).as_secs_f64();
    assert!((90.5..=115.5).contains(&waited), "{waited} s");
}

#[test]
fn a_connection_that_was_one_too_many_is_not_opened_again_at_once() {
    let (mut told, _) = open(&["topic:a"]);
    let begin = told.now;
    let crowded = json!({"type": "error", "code": "too_many_connections", "detail": "more than 100"});
    let effects = told.session.received(told.now, told.id, frame(&crowded));
    let Effect::Tell(Event::Disconnected { reason, retry_in }) = &effects[1] else { panic!("{effects:?}") };
    assert_eq!((&effects[0], reason.as_str()), (&Effect::Close(told.id), "too_many_connections: more than 100"));
    assert!((60..=300).contains(&retry_in.as_secs()), "{retry_in:?}");
    assert!(matches!(next(&mut told)[..], [Effect::Connect(_)]));
    assert_eq!(told.now - begin, *retry_in);
}

#[test]
fn a_refused_channel_is_reported_and_asked_for_on_the_next_connection_only() {
    let (mut told, _) = open(&["topic:a"]);
    let no = json!({"type": "error", "code": "forbidden", "detail": "no", "ref": 1});
    let effects = told.session.received(told.now, told.id, frame(&no));
    let (code, detail) = ("forbidden".to_owned(), "no".to_owned());
    assert_eq!(effects, [Effect::Tell(Event::Refused { channel: channel("topic:a"), code, detail })]);
    assert_eq!(next(&mut told), [Effect::Send(told.id, ClientFrame::Ping)]);
    told.session.closed(told.now, told.id, "cut".to_owned());
    let Some(Effect::Connect(id)) = next(&mut told).pop() else { panic!("it does not connect") };
    assert_eq!(questions(&told.session.opened(told.now, id, Vec::new(), None)).len(), 1);
}

#[test]
fn an_expired_token_is_a_reason_to_connect_again() {
    let (mut told, _) = open(&["topic:a"]);
    let expired = json!({"type": "error", "code": "expired_token", "detail": "", "ref": 1});
    let effects = told.session.received(told.now, told.id, frame(&expired));
    assert_eq!(effects[0], Effect::Close(told.id));
    assert!(matches!(next(&mut told)[..], [Effect::Connect(_)]));
}

#[test]
fn a_connection_is_replaced_before_its_token_ends() {
    let now = Instant::now();
    let mut session = Session::new(Timing::default(), 1, now, Vec::new());
    let Some(Effect::Connect(id)) = session.fired(now).pop() else { panic!("it does not connect") };
    session.opened(now, id, Vec::new(), Some(Duration::from_secs(600)));
    let mut told = TestSession { session, now, id };
    let next_id = loop {
        match next(&mut told)[..] {
            [Effect::Connect(next_id)] => break next_id,
            _ => told.session.heard(told.now, id),
        }
    };
    let age = (told.now - now).as_secs();
    assert!((360..=540).contains(&age), "{age}");
    let effects = told.session.opened(told.now, next_id, Vec::new(), Some(Duration::from_secs(45)));
    assert_eq!(effects[0], Effect::Close(id));
}

#[test]
fn a_refused_token_is_asked_for_anew_twice_and_then_ends_the_listener() {
    let now = Instant::now();
    let session = Session::new(Timing::default(), 1, now, Vec::new());
    let mut told = TestSession { session, now, id: ConnectionId(0) };
    for _ in 0..2 {
        let Some(Effect::Connect(id)) = next(&mut told).pop() else { panic!("it does not connect") };
        let effects = told.session.token_refused(told.now, id, 401);
        assert!(matches!(effects[..], [Effect::Tell(Event::Disconnected { .. })]), "{effects:?}");
    }
    let Some(Effect::Connect(id)) = next(&mut told).pop() else { panic!("it does not connect") };
    assert_eq!(told.session.token_refused(told.now, id, 401), [Effect::End { status: 401 }]);
    assert!(told.now - now < Duration::from_secs(1), "a bad token is reported late");
}

#[test]
fn a_token_refused_while_a_connection_is_open_ends_nothing() {
    let (mut told, _) = open(&["topic:a:41"]);
    told.session.received(told.now, told.id, answer(41, 1));
    for _ in 0..5 {
        let id = loop {
            match next(&mut told)[..] {
                [Effect::Connect(id)] => break id,
                _ => told.session.heard(told.now, told.id),
            }
        };
        assert_eq!(told.session.token_refused(told.now, id, 403), []);
    }
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[42]))), [42]);
}

#[test]
fn a_frame_that_cannot_be_read_is_brought_again_by_a_new_connection() {
    let (mut told, _) = open(&["topic:a:41"]);
    let effects = told.session.unreadable(told.now, told.id);
    assert_eq!(effects[0], Effect::Close(told.id));
    // The answer that covers what was in the frame comes too late to be believed.
    assert_eq!(told.session.received(told.now, told.id, answer(42, 1)), []);
    let Some(Effect::Connect(id)) = next(&mut told).pop() else { panic!("it does not connect") };
    let asked = questions(&told.session.opened(told.now, id, Vec::new(), None));
    assert_eq!(asked, [("topic:a".to_owned(), Some(41), 2)]);
}

#[test]
fn so_many_questions_are_under_way_at_once_and_no_more() {
    let names: Vec<String> = (10..40).map(|n| format!("topic:{n}:0")).collect();
    let (mut told, mut asked) = open(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(asked.len(), MAX_QUESTIONS);
    let mut served = 0;
    while let Some((_, _, reference)) = asked.pop() {
        served += 1;
        asked.extend(questions(&told.session.received(told.now, told.id, answer(0, reference))));
        assert!(asked.len() <= MAX_QUESTIONS);
    }
    assert_eq!(served, 30);
}

#[test]
fn what_waits_unread_while_the_application_takes_nothing_was_not_late() {
    let (mut told, _) = open(&["topic:a:41"]);
    let long = Duration::from_secs(3_600);
    while !matches!(next(&mut told)[..], [Effect::Send(_, ClientFrame::Ping)]) {
        told.session.heard(told.now, told.id);
    }
    told.now += long;
    told.session.stalled(long);
    assert_eq!(told.session.fired(told.now), []);
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[42]))), [0; 0]);
}

#[test]
fn too_much_out_of_order_is_a_reason_to_connect_again() {
    let (mut told, _) = open(&["topic:a:41"]);
    told.session.received(told.now, told.id, answer(41, 1));
    let effects = (0..10_000).map(|n| told.session.received(told.now, told.id, items("topic:a", &[100 + n])));
    let given_up = effects.into_iter().position(|effects| effects.contains(&Effect::Close(told.id)));
    assert_eq!(given_up, Some(2_000));
}

#[test]
fn after_a_connection_that_worked_the_first_wait_is_all_jitter() {
    let waits: Vec<Duration> = (0..50)
        .map(|seed| {
            let now = Instant::now();
            let mut session = Session::new(Timing::default(), seed, now, vec!["topic:a:41".parse().unwrap()]);
            let Some(Effect::Connect(id)) = session.fired(now).pop() else { panic!("it does not connect") };
            session.opened(now, id, Vec::new(), None);
            session.received(now, id, answer(41, 1));
            session.closed(now, id, "cut".to_owned());
            session.deadline().unwrap() - now
        })
        .collect();
    assert!(waits.iter().any(|wait| *wait < Duration::from_millis(300)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > Duration::from_millis(1_700)), "{waits:?}");
}

#[test]
fn the_longest_periods_are_no_trouble() {
    let forever = Duration::MAX..=Duration::MAX;
    let now = Instant::now();
    let (gap, answer, ping, replace) = (forever.clone(), forever.clone(), forever.clone(), forever.clone());
    let (pong, first_retry, longest_retry) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let connect = Duration::MAX;
    let (reconnect, crowded) = (forever.clone(), forever);
    let timing = Timing { gap, answer, ping, pong, replace, reconnect, crowded, first_retry, longest_retry, connect };
    let mut session = Session::new(timing, 1, now, vec!["topic:a:41".parse().unwrap()]);
    let Some(Effect::Connect(id)) = session.fired(now).pop() else { panic!("it does not connect") };
    session.opened(now, id, Vec::new(), Some(Duration::MAX));
    session.received(now, id, frame(&json!({"message": "Internal server error"})));
    session.stalled(Duration::MAX);
    session.closed(now, id, "cut".to_owned());
    assert!(session.deadline().is_some());
}

#[test]
fn what_an_old_connection_brings_changes_nothing() {
    let (mut told, _) = open(&["topic:a:41"]);
    let old = told.id;
    told.session.received(told.now, old, answer(41, 1));
    told.session.closed(told.now, old, "cut".to_owned());
    let Some(Effect::Connect(id)) = next(&mut told).pop() else { panic!("it does not connect") };
    assert_eq!(questions(&told.session.opened(told.now, id, Vec::new(), None)), [("topic:a".to_owned(), Some(41), 2)]);
    assert_eq!(told.session.received(told.now, old, items("topic:a", &[42])), []);
    assert_eq!(told.session.received(told.now, old, answer(50, 2)), []);
    assert_eq!(told.session.closed(told.now, old, "again".to_owned()), []);
    told.session.received(told.now, id, items("topic:a", &[42]));
    assert_eq!(seqs(&told.session.received(told.now, id, answer(42, 2))), [42]);
}

/// Frames of 32 KB over 8 KB a second: what has come is handed on, and nothing is asked twice while an answer is under way.
#[test]
fn over_a_slow_link_a_backlog_comes_once_as_it_arrives() {
    let (mut told, _) = open(&["topic:a:41", "topic:b:7"]);
    let mut asked = Vec::new();
    let mut arrive = |told: &mut TestSession, frame: ServerFrame| {
        let at = told.now + Duration::from_secs(4);
        while let Some(deadline) = told.session.deadline().filter(|deadline| *deadline < at) {
            told.now = deadline;
            asked.extend(questions(&told.session.fired(deadline)));
        }
        told.now = at;
        told.session.received(at, told.id, frame)
    };
    for seq in 42..=60 {
        assert_eq!(seqs(&arrive(&mut told, replayed("topic:a", seq, 1))), [seq]);
    }
    arrive(&mut told, answer(60, 1));
    for seq in 8..=26 {
        assert_eq!(seqs(&arrive(&mut told, replayed("topic:b", seq, 2))), [seq]);
    }
    arrive(&mut told, answer(26, 2));
    assert_eq!(asked, []);
}

#[test]
fn an_older_questions_answer_is_as_true_as_the_last_ones() {
    let (mut told, _) = open(&["topic:a:41"]);
    let (_, _, again) = loop {
        if let Some(question) = questions(&next(&mut told)).pop() {
            break question;
        }
        told.session.heard(told.now, told.id);
    };
    assert_eq!(again, 2);
    told.session.received(told.now, told.id, items("topic:a", &[42, 43]));
    assert_eq!(seqs(&told.session.received(told.now, told.id, answer(43, 1))), [42, 43]);
    assert_eq!(seqs(&told.session.received(told.now, told.id, answer(44, 2))), [0; 0]);
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[45]))), [45]);
}

#[test]
fn a_reset_in_two_answers_is_reported_once() {
    let (mut told, _) = open(&["topic:a:41"]);
    while questions(&next(&mut told)).is_empty() {
        told.session.heard(told.now, told.id);
    }
    let reset = |reference: u64| {
        frame(
            &json!({"type": "subscribed", "seq": 5, "recovered": false, "reset": true, "more": false, "ref": reference}),
        )
    };
    let first = told.session.received(told.now, told.id, reset(1));
    assert!(
        first.iter().any(|effect| matches!(effect, Effect::Tell(Event::Reset { after: 41, seq: 5, .. }))),
        "{first:?}"
    );
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[6]))), [6]);
    assert_eq!(told.session.received(told.now, told.id, reset(2)), []);
    assert_eq!(seqs(&told.session.received(told.now, told.id, items("topic:a", &[6, 7]))), [7]);
}

#[test]
fn an_error_that_this_release_does_not_know_silences_no_channel() {
    let (mut told, _) = open(&["topic:a:41"]);
    let unknown = json!({"type": "error", "code": "out_of_breath", "detail": "", "ref": 1});
    assert_eq!(told.session.received(told.now, told.id, frame(&unknown)), []);
    assert_eq!(questions(&next(&mut told)), [("topic:a".to_owned(), Some(41), 2)]);
}

#[test]
fn a_machine_that_wakes_finds_out_whether_its_connection_is_dead() {
    let (mut told, _) = open(&["topic:a:41"]);
    told.session.received(told.now, told.id, answer(41, 1));
    let begin = told.now;
    // Woken many times, it still waits no longer than for one answer.
    let lost = loop {
        told.session.woken(told.now);
        told.now += Duration::from_secs(3);
        let effects = told.session.fired(told.now);
        if effects.contains(&Effect::Close(told.id)) {
            break told.now - begin;
        }
    };
    assert!(lost <= Duration::from_secs(15), "{lost:?}");
}

/// The reaction of a session whose `subscribe` is answered with this code, in the words of `clients/cases/errors.json`.
fn answered_with(code: &str) -> &'static str {
    let (mut told, _) = open(&["topic:a"]);
    let error = json!({"type": "error", "code": code, "detail": "no", "ref": 1});
    match &told.session.received(told.now, told.id, frame(&error))[..] {
        [] => "passing",
        [Effect::Tell(Event::Refused { .. })] => "permanent",
        [Effect::Close(_), Effect::Tell(Event::Disconnected { retry_in, .. })] if retry_in.as_secs() >= 60 => "crowded",
        [Effect::Close(_), ..] => "connection",
        effects => panic!("{effects:?}"),
    }
}

#[test]
fn a_session_takes_each_error_as_the_cases_of_all_clients_say() {
    let cases: BTreeMap<String, Vec<String>> =
        serde_json::from_str(include_str!("../../../cases/errors.json")).unwrap();
    for (kind, codes) in cases {
        for code in codes {
            assert_eq!(answered_with(&code), kind, "{code}");
        }
    }
}
