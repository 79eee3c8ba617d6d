//! Steps of the tests of endpoints with a stack.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, RECEIVERS, Stack};

/// With these, webhooks may be on this machine, at the ports of receivers.
pub(crate) static LOOPBACK: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let ports: Vec<_> = RECEIVERS.map(|port| port.to_string()).collect();
    vec!["--parameter", format!("AllowLoopbackWebhooks={}", ports.join(",")).leak()]
});

impl Stack {
    fn endpoints(channel: &str) -> String {
        format!("/v1/channels/{channel}/endpoints")
    }

    /// Adds an endpoint as a publisher, and gives what was answered.
    pub(crate) async fn add_endpoint(&self, channel: &str, fields: &Value) -> Value {
        let publisher = self.publisher();
        let answer =
            self.call(Method::POST, &Self::endpoints(channel), Some(&publisher), &[], Some(fields.to_string())).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Adds a webhook, and gives its id and its secret.
    pub(crate) async fn add_webhook(&self, channel: &str, url: &str) -> (String, String) {
        let answer = self.add_endpoint(channel, &json!({"kind": "webhook", "url": url})).await;
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// An endpoint as it stands.
    pub(crate) async fn endpoint(&self, channel: &str, id: &str) -> Value {
        let publisher = self.publisher();
        let path = format!("{}/{id}", Self::endpoints(channel));
        let answer = self.call(Method::GET, &path, Some(&publisher), &[], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Disables an endpoint, as five days of failures do: nothing goes there until a replay.
    pub(crate) async fn disable_endpoint(&self, channel: &str, id: &str) {
        let change = json!({
            "TableName": self.table("Subscribers").await,
            "Key": {"channel": {"S": channel}, "subscriber": {"S": format!("~{}", &id[..17])}},
            "UpdateExpression": "SET disabled_at = created_at",
        });
        self.dynamodb("UpdateItem", &change).await;
    }

    /// Has an endpoint be slow, at least until then, in milliseconds since 1970.
    pub(crate) async fn slow_endpoint(&self, channel: &str, id: &str, until: u64) {
        let change = json!({
            "TableName": self.table("Subscribers").await,
            "Key": {"channel": {"S": channel}, "subscriber": {"S": format!("~{}", &id[..17])}},
            "UpdateExpression": "SET slow_until = :until",
            "ExpressionAttributeValues": {":until": {"N": until.to_string()}},
        });
        self.dynamodb("UpdateItem", &change).await;
    }

    /// Does something with an endpoint: `rotate` or `replay`.
    pub(crate) async fn do_with_endpoint(&self, channel: &str, id: &str, what: &str, body: Option<Value>) -> Value {
        let publisher = self.publisher();
        let path = format!("{}/{id}/{what}", Self::endpoints(channel));
        let answer = self.call(Method::POST, &path, Some(&publisher), &[], body.map(|body| body.to_string())).await;
        assert!([200, 202].contains(&answer.status), "{answer:?}");
        answer.body
    }

    /// Waits until the stack lists so many attempts at an endpoint, and gives them, oldest first.
    pub(crate) async fn attempts(&self, channel: &str, id: &str, count: usize) -> Vec<Value> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let mut attempts = self.endpoint(channel, id).await["attempts"].as_array().unwrap().clone();
            if attempts.len() >= count {
                attempts.reverse();
                return attempts;
            }
            assert!(Instant::now() < give_up, "{} of {count} attempts are listed: {attempts:?}", attempts.len());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Has what waits in the endpoints queue come so many seconds sooner.
    pub(crate) async fn hasten(&self, seconds: u64) -> u64 {
        let body = json!({ "seconds": seconds });
        let answer = self.control(Method::POST, "queues/EndpointsQueue/advance", Some(body)).await;
        answer["moved"].as_u64().unwrap()
    }

    /// The messages that wait in the endpoints queue.
    pub(crate) async fn waiting(&self) -> u64 {
        self.queue("EndpointsQueue").await["delayed"].as_u64().unwrap()
    }

    /// Waits until so many messages wait in the endpoints queue.
    pub(crate) async fn until_waiting(&self, count: u64) {
        let give_up = Instant::now() + PATIENCE;
        while self.waiting().await != count {
            assert!(Instant::now() < give_up, "{}", self.queue("EndpointsQueue").await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
