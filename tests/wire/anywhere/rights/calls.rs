//! The calls themselves, and what has to be there for them.

use reqwest::Method;
use serde_json::{Value, json};

use Call::*;

use super::Token;
use crate::harness::{Answer, Socket, Target};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Call {
    Send,
    SendToTwo,
    Read,
    Poll,
    LookAtChannel,
    MarkRead,
    LookAtScheduled,
    LookAtScheduledForTwo,
    CancelScheduled,
    CancelScheduledForTwo,
    Disconnect,
    ListEndpoints,
    LookAtEndpoint,
    RotateEndpoint,
    ReplayEndpoint,
    RemoveEndpoint,
    AddEndpoint,
    Handshake,
    SubscribeFrame,
    PublishFrame,
    ReadFrame,
}

/// Names of which some begin with others, and that no other run has.
pub(super) fn names(target: &Target, name: &str) -> String {
    let mark = target.name("");
    name.split_once(':').map_or_else(|| format!("{mark}{name}"), |(space, name)| format!("{space}:{mark}{name}"))
}

/// A channel, with what calls need that are about something in it.
pub(super) struct Place {
    pub(super) channel: String,
    /// The next channel: some calls are about both.
    pub(super) other: String,
    /// The id of what is scheduled for the channel, and of what is for both.
    scheduled: String,
    scheduled_for_two: String,
    /// The id of an endpoint that none of the tokens' users has added.
    pub(super) endpoint: String,
}

/// The claims of the user who schedules, sends and adds everything.
fn operator(target: &Target) -> Value {
    json!({"sub": target.name("operator"), "publish": ["*"], "subscribe": ["*", "user:*"]})
}

impl Place {
    pub(super) async fn new(target: &Target, channel: &str, other: &str) -> Self {
        let (channel, other) = (names(target, channel), names(target, other));
        target.send(&channel, "there is something to read").await;
        let schedule = async |to: Value| {
            let body = json!({"to": to, "body": "x", "delay": "1h"});
            let by = target.token(&operator(target));
            let answer = target.call(Method::POST, "/v1/notifications", Some(&by), &[], Some(body.to_string())).await;
            answer.body["id"].as_str().unwrap().to_owned()
        };
        let (scheduled, scheduled_for_two) = (schedule(json!(channel)).await, schedule(json!([channel, other])).await);
        let endpoint = add(target, &operator(target), &channel).await;
        Self { channel, other, scheduled, scheduled_for_two, endpoint }
    }

    /// Everything that a refused call could have changed.
    pub(super) async fn state(&self, target: &Target) -> Value {
        let by = target.token(&operator(target));
        let get = async |path: String| target.call(Method::GET, &path, Some(&by), &[], None).await.body;
        let Self { channel, scheduled, scheduled_for_two, .. } = self;
        json!([
            get(format!("/v1/channels/{channel}")).await,
            get(format!("/v1/channels/{channel}/endpoints")).await,
            get(format!("/v1/notifications/{scheduled}")).await,
            get(format!("/v1/notifications/{scheduled_for_two}")).await,
        ])
    }
}

fn webhook() -> Value {
    // Nothing goes there: what is sent has no high priority.
    json!({"kind": "webhook", "url": "https://hooks.example.invalid/", "min_priority": "high"})
}

/// Adds an endpoint, which must succeed, and gives its id.
pub(super) async fn add(target: &Target, claims: &Value, channel: &str) -> String {
    let path = format!("/v1/channels/{channel}/endpoints");
    let answer = target.call(Method::POST, &path, Some(&target.token(claims)), &[], Some(webhook().to_string())).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

/// The outcome of a call, as the tables have it.
fn outcome(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.code()).trim_end().to_owned()
}

impl Call {
    pub(super) fn is_frame(self) -> bool {
        [SubscribeFrame, PublishFrame, ReadFrame].contains(&self)
    }

    /// Whether there is such a call in a channel: only users have connections to be cut.
    pub(super) fn exists_in(self, channel: &str) -> bool {
        self != Disconnect || channel.starts_with("user:")
    }

    /// The request, about this endpoint if it is about one.
    fn request(self, place: &Place, endpoint: &str) -> (Method, String, Option<Value>) {
        let Place { channel, other, scheduled, scheduled_for_two, .. } = place;
        let user = channel.split_once(':').unwrap().1;
        let (send, of_channel) = ("/v1/notifications".to_owned(), format!("/v1/channels/{channel}"));
        match self {
            Send => (Method::POST, send, Some(json!({"to": channel, "body": "x"}))),
            SendToTwo => (Method::POST, send, Some(json!({"to": [channel, other], "body": "x"}))),
            Read => (Method::GET, format!("{send}?channel={channel}"), None),
            Poll => (Method::GET, format!("{send}?channel={channel}:0&wait=1"), None),
            LookAtChannel => (Method::GET, of_channel, None),
            MarkRead => (Method::POST, format!("{of_channel}/read"), Some(json!({"seq": 1}))),
            LookAtScheduled => (Method::GET, format!("{send}/{scheduled}"), None),
            LookAtScheduledForTwo => (Method::GET, format!("{send}/{scheduled_for_two}"), None),
            CancelScheduled => (Method::DELETE, format!("{send}/{scheduled}"), None),
            CancelScheduledForTwo => (Method::DELETE, format!("{send}/{scheduled_for_two}"), None),
            Disconnect => (Method::DELETE, format!("/v1/users/{user}/connections"), None),
            ListEndpoints => (Method::GET, format!("{of_channel}/endpoints"), None),
            AddEndpoint => (Method::POST, format!("{of_channel}/endpoints"), Some(webhook())),
            LookAtEndpoint => (Method::GET, format!("{of_channel}/endpoints/{endpoint}"), None),
            RemoveEndpoint => (Method::DELETE, format!("{of_channel}/endpoints/{endpoint}"), None),
            RotateEndpoint => (Method::POST, format!("{of_channel}/endpoints/{endpoint}/rotate"), None),
            ReplayEndpoint => {
                (Method::POST, format!("{of_channel}/endpoints/{endpoint}/replay"), Some(json!({"seq": 1})))
            }
            Handshake | SubscribeFrame | PublishFrame | ReadFrame => unreachable!("{self:?} is no request"),
        }
    }

    pub(super) async fn over_http(self, target: &Target, token: &Token, place: &Place, endpoint: &str) -> String {
        if self == Handshake {
            let mut claims = token.claims();
            claims["channels"] = json!([place.channel]);
            return match target.try_connect(&target.token(&claims)).await {
                Ok(socket) => {
                    socket.close().await;
                    "101".to_owned()
                }
                Err(refused) => refused.status.to_string(),
            };
        }
        let (method, path, body) = self.request(place, endpoint);
        let by = target.token(&token.claims());
        outcome(&target.call(method, &path, Some(&by), &[], body.map(|body| body.to_string())).await)
    }

    pub(super) async fn over_socket(self, socket: &mut Socket, place: &Place) -> String {
        let channel = &place.channel;
        let frame = match self {
            SubscribeFrame => json!({"action": "subscribe", "channel": channel}),
            PublishFrame => json!({"action": "publish", "to": channel, "body": "x"}),
            ReadFrame => json!({"action": "read", "channel": channel, "seq": 1}),
            _ => unreachable!("{self:?} is no frame"),
        };
        let (_, answer) = socket.ask(frame).await;
        let code = answer["code"].as_str().unwrap_or_default();
        format!("{} {code}", answer["type"].as_str().unwrap()).trim_end().to_owned()
    }
}
