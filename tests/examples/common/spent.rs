//! What something has cost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::gateway::Seen;

/// What one function has used.
#[allow(dead_code, reason = "each bench looks at a part of it")]
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) invocations: u64,
    /// How many processes these were in.
    pub(crate) processes: u64,
    /// Requests to DynamoDB.
    pub(crate) dynamodb: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Requests to SQS that it made itself.
    pub(crate) sqs: u64,
    pub(crate) posts: u64,
    /// Removals of rows that DynamoDB throttled.
    pub(crate) throttled: u64,
    /// The variables of its processes.
    pub(crate) environment: Value,
}

impl Used {
    /// Adds a call of the journal's.
    pub(crate) fn add(&mut self, call: &Value) {
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

/// What all functions have used for something, and how long it took.
#[derive(Debug)]
pub(crate) struct Spent {
    pub(crate) functions: BTreeMap<String, Used>,
    /// What was sent to queues.
    pub(crate) messages: u64,
    pub(crate) answered: Duration,
    /// From the beginning until the last post.
    pub(crate) last_post: Duration,
    pub(crate) seen: Seen,
}

impl Spent {
    /// The sum over all functions.
    pub(crate) fn sum<T: std::iter::Sum>(&self, of: impl Fn(&Used) -> T) -> T {
        self.functions.values().map(of).sum()
    }

    pub(crate) fn invocations(&self, function: &str) -> u64 {
        self.functions.get(function).map_or(0, |used| used.invocations)
    }

    /// What is wrong with the posts, if so many connections were to be posted to once.
    pub(crate) fn wrong(&self, connections: u64) -> Option<String> {
        let (reached, posts) = (self.seen.connections.len() as u64, self.seen.connections.values().sum::<u64>());
        let is_right = (reached, posts, self.seen.others) == (connections, connections, 0);
        let what = format!("{reached} were reached by {posts} posts and {} other calls", self.seen.others);
        (!is_right).then(|| format!("of {connections} connections, {what}"))
    }

    /// Requests to SQS: the functions' own, and for each batch that Lambda hands to a function one that receives it and one
    /// that deletes it, which the journal does not have.
    pub(crate) fn sqs(&self) -> u64 {
        self.sum(|used| used.sqs) + 2 * (self.invocations("Share") + self.invocations("Deliver"))
    }
}
