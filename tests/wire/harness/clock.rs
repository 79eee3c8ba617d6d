//! The time in which functions live, set ahead of the machine's.

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::stack::Stack;

/// libfaketime, where Debian's package puts it.
fn library() -> Option<String> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).filter(|path| path.exists());
    libraries.next().map(|path| path.to_str().unwrap().to_owned())
}

impl Stack {
    /// A stack whose functions' clock can be set; says aloud where there is none.
    pub(crate) async fn start_with_clock(arguments: &[&str]) -> Option<Self> {
        let Some(library) = library() else {
            assert!(std::env::var_os("CI").is_none(), "libfaketime is missing, and in CI nothing is skipped");
            let test = std::thread::current();
            let name = test.name().unwrap_or_default().to_owned();
            let line = format!("\nSKIPPED {name}: it needs libfaketime (Debian: apt-get install libfaketime)\n");
            // Not `eprintln!`, whose text a passing test keeps to itself.
            std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
            return None;
        };
        Some(Self::start_with(&[&["--faketime", &library], arguments].concat()).await)
    }

    /// Sets the functions' clock ahead of the machine's by so many milliseconds.
    pub(crate) async fn set_ahead(&self, milliseconds: i64) {
        self.control(Method::POST, "clock", Some(json!({"ahead_ms": milliseconds}))).await;
    }

    /// Sets the functions' clock to a moment, from which on it goes.
    pub(crate) async fn set_clock(&self, moment: &str) {
        let moment: Timestamp = moment.parse().unwrap();
        self.set_ahead(moment.as_millisecond() - Timestamp::now().as_millisecond()).await;
    }

    /// Goes to a moment over a time in which nothing is due, in milliseconds since 1970: the next sweep begins ten minutes
    /// before then, as the very first one does, instead of going through each minute on the way.
    pub(crate) async fn skip_to(&self, moment: i64) {
        let key = json!({"bucket": {"S": "sweeper"}, "id": {"S": "progress"}});
        let table = self.table("Schedule").await;
        self.dynamodb("DeleteItem", &json!({"TableName": table, "Key": key})).await;
        self.set_ahead(moment - Timestamp::now().as_millisecond()).await;
    }

    /// Runs the sweeper now, once.
    pub(crate) async fn sweep(&self) {
        let answer = self.control(Method::POST, "schedules/SweepRule/fire", None).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// Keeps the timer from running the sweeper.
    pub(crate) async fn stop_sweeps(&self) {
        self.control(Method::POST, "schedules/SweepRule/disable", None).await;
    }

    /// The number of messages that were sent to a queue so far.
    pub(crate) async fn queued(&self, queue: &str) -> u64 {
        self.queue(queue).await["sent"].as_u64().unwrap()
    }

    /// The address of a queue.
    pub(crate) async fn queue_url(&self, queue: &str) -> String {
        let name = self.queue(queue).await["name"].clone();
        let (_, answer) = self.aws_call("AmazonSQS.GetQueueUrl", &json!({"QueueName": name})).await;
        answer["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// The state of a queue.
    pub(crate) async fn queue(&self, queue: &str) -> Value {
        let queues = self.control(Method::GET, "queues", None).await;
        queues.as_array().unwrap().iter().find(|q| q["queue"] == queue).unwrap().clone()
    }
}
