//! The cost of something.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::gateway::Seen;

/// The resources that one function has used.
#[derive(Debug, Default)]
pub struct Used {
    /// Invocations of the function.
    pub invocations: u64,
    /// The number of processes that these were in.
    pub processes: u64,
    /// Requests to DynamoDB.
    pub dynamodb: u64,
    /// DynamoDB's read units.
    pub read_units: f64,
    /// DynamoDB's write units.
    pub write_units: f64,
    /// Requests to SQS that it made itself.
    pub sqs: u64,
    /// Posts to connections.
    pub posts: u64,
    /// Removals of rows that DynamoDB throttled.
    pub throttled: u64,
    /// The variables of its processes.
    pub environment: Value,
}

impl Used {
    /// Adds a call of the journal's.
    pub fn add(&mut self, call: &Value) {
        match call["service"].as_str().unwrap() {
            "dynamodb" => self.dynamodb += 1,
            "sqs" => self.sqs += 1,
            _ => {}
        }
        if call["operation"] == "DeleteItem" {
            self.throttled += u64::from(call["error"] == "ThrottlingException");
        }
        self.read_units += call["read_units"].as_f64().unwrap();
        self.write_units += call["write_units"].as_f64().unwrap();
    }
}

/// The resources that all functions have used for something, and the time that it took.
#[derive(Debug)]
pub struct Spent {
    /// By function.
    pub functions: BTreeMap<String, Used>,
    /// The number of messages sent to queues.
    pub messages: u64,
    /// From the request to its answer.
    pub answered: Duration,
    /// From the beginning until the last post.
    pub last_post: Duration,
    /// The posts that the gateway took.
    pub seen: Seen,
}

impl Spent {
    /// The sum over all functions.
    pub fn sum<T: std::iter::Sum>(&self, of: impl Fn(&Used) -> T) -> T {
        self.functions.values().map(of).sum()
    }

    /// Invocations of one function.
    pub fn invocations(&self, function: &str) -> u64 {
        self.functions.get(function).map_or(0, |used| used.invocations)
    }

    /// The fault in the posts, if so many connections were to be posted to once.
    pub fn wrong(&self, connections: u64) -> Option<String> {
        let (reached, posts) = (self.seen.connections.len() as u64, self.seen.connections.values().sum::<u64>());
        let is_right = (reached, posts, self.seen.others) == (connections, connections, 0);
        let what = format!("{reached} were reached by {posts} posts and {} other calls", self.seen.others);
        (!is_right).then(|| format!("of {connections} connections, {what}"))
    }

    /// Requests to SQS: the functions' own, and for each batch that Lambda hands to a function one that receives it and one
    /// that deletes it, which the journal does not have.
    pub fn sqs(&self) -> u64 {
        self.sum(|used| used.sqs) + 2 * (self.invocations("Share") + self.invocations("Deliver"))
    }
}
