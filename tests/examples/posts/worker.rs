//! The function `share`, as it is deployed: invoked over Lambda's Runtime API with messages of its queue.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Child;

use crate::mock::{Mock, Transport};
use crate::rows::CHANNEL;
use tidings_tests::bench::cpu::on_core;
use tidings_tests::bench::runtime::Runtime;

/// A running worker.
pub(crate) struct Worker {
    pub(crate) process: Child,
    runtime: Runtime,
}

impl Worker {
    /// One of so many that make so many posts a second together.
    pub(crate) async fn start(
        binaries: &Path,
        mock: &Mock,
        transport: Transport,
        (posts, workers): (u32, u32),
    ) -> Self {
        let runtime = Runtime::start().await;
        let process = on_core(1, &binaries.join("share"))
            .env_clear()
            .envs(runtime.environment("share"))
            .env("AWS_ENDPOINT_URL", mock.aws())
            .env("SSL_CERT_FILE", mock.certificate())
            .env("SUBSCRIBERS_TABLE", "Subscribers")
            .env("NOTIFICATIONS_TABLE", "Notifications")
            .env("RETENTION_DAYS", "7")
            .env("SHARES_QUEUE", format!("{}/123456789012/shares", mock.aws()))
            .env("MANAGEMENT_ENDPOINT", mock.management(transport))
            .env("POSTS_PER_SECOND", posts.to_string())
            .env("SHARE_CONCURRENCY", workers.to_string())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { process, runtime }
    }

    /// Serves the whole audience: its own messages until there are none left.
    pub(crate) async fn serve(&mut self, mock: &Mock) {
        let whole = json!({"v": 1, "channel": CHANNEL, "seq": 1, "range": {"digits": ""}});
        let mut open = vec![whole.to_string()];
        while let Some(body) = open.pop() {
            let answer = self.runtime.invoke(event(&body)).await;
            assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
            let shares = mock.seen().await["shares"].take();
            open.extend(shares.as_array().unwrap().iter().map(|share| share.as_str().unwrap().to_owned()));
        }
    }
}

fn event(body: &str) -> Value {
    json!({"Records": [{
        "messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:shares", "awsRegion": "eu-central-1",
    }]})
}
