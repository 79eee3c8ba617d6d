//! Who may do what: every call, by many tokens, in many channels. What is expected follows from docs/reference alone: the tables of
//! calls say what each needs, and `Token` says what a pattern opens.

mod calls;

use std::io::Write as _;

use futures_util::future::join_all;
use serde_json::{Value, json};

use Needs::*;
use calls::Call::{self, *};
use calls::{Place, add, names};

use crate::harness::{Socket, Target, room};

/// Each call with the right that it needs, its answer to a token that has it, and its answer to one that does not. No
/// answer to a stranger shows that an endpoint exists.
const CALLS: &[(Call, Needs, &str, &str)] = &[
    (Send, ToPublish, "202", "403 forbidden"),
    (SendToTwo, ToPublishToBoth, "202", "403 forbidden"),
    (Read, ToRead, "200", "403 forbidden"),
    (Poll, ToRead, "200", "403 forbidden"),
    (LookAtChannel, ToRead, "200", "403 forbidden"),
    (MarkRead, ToBeTheUser, "200", "403 forbidden"),
    (LookAtScheduled, ToPublish, "200", "403 forbidden"),
    (LookAtScheduledForTwo, ToPublishToBoth, "200", "403 forbidden"),
    (CancelScheduled, ToPublish, "200", "403 forbidden"),
    (CancelScheduledForTwo, ToPublishToBoth, "200", "403 forbidden"),
    (Disconnect, ToBeTheUserOrPublish, "200", "403 forbidden"),
    (ListEndpoints, ToBeTheUserOrPublish, "200", "403 forbidden"),
    (LookAtEndpoint, ToPublish, "200", "404 not_found"),
    (RotateEndpoint, ToPublish, "200", "404 not_found"),
    (ReplayEndpoint, ToPublish, "202", "404 not_found"),
    (RemoveEndpoint, ToPublish, "204", "404 not_found"),
    (AddEndpoint, ToBeTheUserOrPublish, "201", "403 forbidden"),
    (Handshake, ToRead, "101", "403"),
    (SubscribeFrame, ToRead, "subscribed", "error forbidden"),
    (PublishFrame, ToPublish, "published", "error forbidden"),
    (ReadFrame, ToBeTheUser, "read", "error forbidden"),
];

/// The same for an endpoint that the token's user has added, when they could still send there.
const CALLS_BY_ITS_OWNER: &[(Call, Needs, &str, &str)] = &[
    (RotateEndpoint, ToBeTheUserOrPublish, "200", "403 forbidden"),
    (ReplayEndpoint, ToBeTheUserOrPublish, "202", "403 forbidden"),
    (ListEndpoints, Nothing, "200", ""),
    (LookAtEndpoint, Nothing, "200", ""),
    (RemoveEndpoint, Nothing, "204", ""),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Needs {
    /// A good token is enough.
    Nothing,
    ToRead,
    ToPublish,
    /// To publish to the channel and to the next one in the list.
    ToPublishToBoth,
    /// The channel is the token's own inbox.
    ToBeTheUser,
    /// The same, or to publish to the channel.
    ToBeTheUserOrPublish,
}

/// A user's rights.
#[derive(Debug)]
struct Token {
    sub: String,
    subscribe: Vec<String>,
    publish: Vec<String>,
}

impl Token {
    fn claims(&self) -> Value {
        json!({"sub": self.sub, "subscribe": self.subscribe, "publish": self.publish})
    }

    fn is_user_of(&self, channel: &str) -> bool {
        channel == format!("user:{}", self.sub)
    }

    /// Docs/api.md: "For reading, only a pattern that begins with `user:` opens other people's inboxes."
    fn may_read(&self, channel: &str) -> bool {
        let is_inbox = channel.starts_with("user:");
        let opens = |pattern: &String| matches(pattern, channel) && (!is_inbox || pattern.starts_with("user:"));
        self.is_user_of(channel) || self.subscribe.iter().any(opens)
    }

    fn may_publish(&self, channel: &str) -> bool {
        self.publish.iter().any(|pattern| matches(pattern, channel))
    }

    fn has(&self, needs: Needs, place: &Place) -> bool {
        let channel = &place.channel;
        match needs {
            Nothing => true,
            ToRead => self.may_read(channel),
            ToPublish => self.may_publish(channel),
            ToPublishToBoth => self.may_publish(channel) && self.may_publish(&place.other),
            ToBeTheUser => self.is_user_of(channel),
            ToBeTheUserOrPublish => self.is_user_of(channel) || self.may_publish(channel),
        }
    }
}

/// Docs/api.md: "A pattern is a channel's name, or a prefix that ends in `*`."
fn matches(pattern: &str, channel: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == channel, |prefix| channel.starts_with(prefix))
}

/// Four users without rights, whose names nearly are another's, and one token for each pattern, which may publish to what another
/// one reads.
fn tokens(target: &Target) -> Vec<Token> {
    let users = ["ali", "alice", "alice.", "Alice"].map(|sub| (sub, None, None));
    let patterns = ["user:alice", "user:al*", "topic:ab", "topic:a*"].map(|pattern| names(target, pattern));
    let patterns = [&["*", "u*", "us*", "user*", "user:*"].map(str::to_owned)[..], &patterns].concat();
    let with = |n: usize| ("zoe", Some(patterns[n].clone()), Some(patterns[(n + 4) % patterns.len()].clone()));
    let all = users.into_iter().chain((0..patterns.len()).map(with)).enumerate();
    let token = |(n, (sub, subscribe, publish)): (usize, (&str, Option<String>, Option<String>))| Token {
        sub: names(target, &if sub == "zoe" { format!("zoe{n}") } else { sub.to_owned() }),
        subscribe: subscribe.into_iter().collect(),
        publish: publish.into_iter().collect(),
    };
    all.map(token).collect()
}

const CHANNELS: [&str; 10] = [
    "user:ali",
    "user:alice",
    "user:alice.",
    "user:Alice",
    "users:alice",
    "u:alice",
    "topic:a",
    "topic:ab",
    "topic:abc",
    "topic:b",
];

/// The number of tries, and those that came out otherwise than expected.
#[derive(Default)]
struct Tried {
    checks: usize,
    mismatches: Vec<String>,
}

impl Tried {
    fn check(&mut self, what: impl FnOnce() -> String, got: &str, expected: &str) {
        self.checks += 1;
        if got != expected {
            self.mismatches.push(format!("{}: {got}, and not {expected}", what()));
        }
    }

    fn sum(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, one| {
            sum.checks += one.checks;
            sum.mismatches.extend(one.mismatches);
            sum
        })
    }
}

/// The calls of a table that a token may make in a place, or those that it may not, with what is expected of each.
fn calls<'a>(
    table: &'a [(Call, Needs, &str, &str)],
    token: &'a Token,
    place: &'a Place,
    allowed: bool,
) -> impl Iterator<Item = (Call, &'a str)> {
    let here = move |row: &&(Call, Needs, &str, &str)| row.0.exists_in(&place.channel);
    let chosen = table.iter().filter(here).filter(move |row| token.has(row.1, place) == allowed);
    chosen.map(move |(call, _, yes, no)| (*call, if allowed { *yes } else { *no }))
}

/// All tokens in all channels over HTTP, one call at a time in each channel: some would meet, as two rotations do.
async fn over_http(target: &Target, tokens: &[Token], places: &[Place], allowed: bool) -> Tried {
    let in_one = places.iter().map(|place| async move {
        let mut tried = Tried::default();
        for (n, token) in tokens.iter().enumerate() {
            for (call, expected) in calls(CALLS, token, place, allowed).filter(|(call, _)| !call.is_frame()) {
                let spare = if (call, allowed) == (RemoveEndpoint, true) {
                    let owner = json!({"sub": names(target, &format!("spare{n}")), "publish": ["*"]});
                    Some(add(target, &owner, &place.channel).await)
                } else {
                    None
                };
                let got = call.over_http(target, token, place, spare.as_ref().unwrap_or(&place.endpoint)).await;
                tried.check(|| format!("{call:?} in {} by {}", place.channel, token.claims()), &got, expected);
            }
        }
        tried
    });
    Tried::sum(join_all(in_one).await)
}

/// All tokens in all channels over their sockets, which stay open.
async fn over_sockets(tokens: &[Token], places: &[Place], sockets: &mut [Socket], allowed: bool) -> Tried {
    let by_one = tokens.iter().zip(sockets).map(|(token, socket)| async move {
        let mut tried = Tried::default();
        for place in places {
            for (call, expected) in calls(CALLS, token, place, allowed).filter(|(call, _)| call.is_frame()) {
                let got = call.over_socket(socket, place).await;
                tried.check(|| format!("{call:?} in {} by {}", place.channel, token.claims()), &got, expected);
            }
        }
        tried
    });
    Tried::sum(join_all(by_one).await)
}

/// With endpoints that the tokens' users have added under other tokens, which could send there.
async fn by_owners(target: &Target, tokens: &[Token], places: &[Place]) -> Tried {
    let in_one = places.iter().map(|place| async move {
        let mut tried = Tried::default();
        for token in tokens {
            let mut earlier = token.claims();
            earlier["publish"] = json!(["*"]);
            let own = add(target, &earlier, &place.channel).await;
            for allowed in [false, true] {
                for (call, expected) in calls(CALLS_BY_ITS_OWNER, token, place, allowed) {
                    let got = call.over_http(target, token, place, &own).await;
                    tried.check(
                        || format!("its owner's {call:?} in {} by {}", place.channel, token.claims()),
                        &got,
                        expected,
                    );
                }
            }
        }
        tried
    });
    Tried::sum(join_all(in_one).await)
}

async fn states(target: &Target, places: &[Place]) -> Vec<Value> {
    join_all(places.iter().map(|place| place.state(target))).await
}

#[tokio::test]
async fn every_call_by_every_token_in_every_channel_is_allowed_or_refused_as_documented() {
    let _room = room().await;
    let target = Target::start().await;
    let pairs = CHANNELS.iter().zip(CHANNELS.iter().cycle().skip(1));
    let places = join_all(pairs.map(|(channel, other)| Place::new(&target, channel, other))).await;
    let tokens = tokens(&target);
    let mut sockets = join_all(tokens.iter().map(async |token| target.connect_with(&token.claims()).await)).await;

    let before = states(&target, &places).await;
    let refused = Tried::sum([
        over_http(&target, &tokens, &places, false).await,
        over_sockets(&tokens, &places, &mut sockets, false).await,
    ]);
    for (before, after) in before.iter().zip(states(&target, &places).await) {
        assert_eq!(*before, after, "a refused call changed something; {:#?}", refused.mismatches);
    }
    // First over the sockets: a call over HTTP cuts them. None was cut until here, or no frame would be answered.
    let frames = over_sockets(&tokens, &places, &mut sockets, true).await;
    join_all(sockets.into_iter().map(Socket::close)).await;
    let allowed = over_http(&target, &tokens, &places, true).await;
    let tried = Tried::sum([refused, frames, allowed, by_owners(&target, &tokens, &places).await]);

    // Not `eprintln!`, whose text a passing test keeps to itself.
    let line = format!("\nrights: {} checks, {} mismatches\n", tried.checks, tried.mismatches.len());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(
        tried.mismatches.is_empty(),
        "{} of {} checks: {:#?}",
        tried.mismatches.len(),
        tried.checks,
        tried.mismatches
    );
    assert!(tried.checks > 3_000, "the table has shrunk to {} checks", tried.checks);
}
