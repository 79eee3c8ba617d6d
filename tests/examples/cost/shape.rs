//! The usual shapes of a notification, and what each has used.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use tidings_tests::bench::cloud::{Cloud, notification};
use tidings_tests::bench::spent::Spent;

/// The time that a reader has waited when there is something for it; its shape's name says so too.
const WAITED: Duration = Duration::from_secs(10);

/// The resources that one notification has used.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// The number of recipients.
    pub(crate) deliveries: u64,
    /// Requests to the HTTP API.
    pub(crate) requests: u64,
    /// The time that a reader has waited for it.
    pub(crate) waited: Duration,
    pub(crate) spent: Spent,
    /// The fault, if the result is not as it should be.
    pub(crate) wrong: Option<String>,
}

impl Shape {
    /// To these connections, at once.
    pub(crate) async fn now(cloud: &Cloud, name: &'static str, channel: &str, connections: u64) -> Self {
        cloud.audience(channel, connections).await;
        Self::sent(cloud, name, &notification(channel), connections).await
    }

    /// To a user's connection, later.
    pub(crate) async fn later(cloud: &Cloud) -> Self {
        let channel = "user:later";
        cloud.audience(channel, 1).await;
        let mut notification = notification(channel);
        notification["delay"] = json!("3s");
        Self::sent(cloud, "one user, later (within 3 minutes)", &notification, 1).await
    }

    async fn sent(cloud: &Cloud, name: &'static str, notification: &Value, connections: u64) -> Self {
        eprintln!("measuring: {name}");
        let spent = cloud.spent_by(cloud.send(notification)).await;
        eprintln!("answered after {:?}, posted after {:?}", spent.answered, spent.last_post);
        let wrong = spent.wrong(connections);
        Self { name, deliveries: connections, requests: 1, waited: Duration::ZERO, spent, wrong }
    }

    /// To a reader who waits.
    pub(crate) async fn polled(cloud: &Cloud) -> Self {
        eprintln!("measuring: a long poll");
        let channel = "topic:polled";
        let path = format!("/v1/notifications?wait=20&channel={}", cloud.audience(channel, 0).await);
        let mut answer = Value::Null;
        let both = async {
            let sending = async {
                tokio::time::sleep(WAITED).await;
                cloud.send(&notification(channel)).await
            };
            (answer, _) = tokio::join!(cloud.call(Method::GET, &path, String::new()), sending);
        };
        let spent = cloud.spent_by(both).await;
        let items = answer["channels"][0]["items"].as_array().map_or(0, Vec::len);
        let wrong =
            spent.wrong(0).or_else(|| (items != 1).then(|| format!("the reader was given {items} notifications")));
        Self { name: "a reader who has polled for 10 s", deliveries: 1, requests: 2, waited: WAITED, spent, wrong }
    }
}
