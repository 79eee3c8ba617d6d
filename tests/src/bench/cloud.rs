//! A local stack with the real functions, queues and tables, and an audience of rows: what is done there is counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::gateway::Gateway;
use super::spent::{Spent, Used};
use super::stack::Stack;
use super::subscribers;
use super::template::Template;

/// The secret that signs the tokens of the benches.
const SECRET: &str = "the secret of the stacks that are measured";

/// The length of a request's body, in bytes.
const REQUEST: usize = 1024;

/// Write units a second of a partition of a table (DynamoDB, "Best practices for designing and using partition keys").
const PARTITION: u32 = 1_000;

/// The time between two looks whether all is quiet.
const LOOK: Duration = Duration::from_millis(250);

/// A local stack, and a stand-in for API Gateway that takes the functions' posts.
pub struct Cloud {
    stack: Stack,
    gateway: Gateway,
    client: Client,
    token: String,
    // Read when the stack starts; kept until it ends.
    _template: Template,
}

impl Cloud {
    /// Starts both.
    pub async fn start() -> Self {
        let gateway = Gateway::start().await;
        let template = Template::posting_to(gateway.address);
        let stack = Stack::start(&[
            "--template",
            template.path().to_str().unwrap(),
            "--parameter",
            &format!("LocalTokenSecret={SECRET}"),
        ]);
        // Its reads would come in between, once a minute, whatever is sent.
        stack.control(Method::POST, "schedules/SweepRule/disable").await;
        let claims =
            json!({"sub": "bench", "publish": ["*"], "subscribe": ["topic:*"], "exp": get_current_timestamp() + 7200});
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        Self { stack, gateway, client: Client::new(), token, _template: template }
    }

    /// A channel with so many connections, whose log has begun: the first notification of a channel's life costs more.
    /// Gives that one's cursor.
    pub async fn audience(&self, channel: &str, connections: u64) -> String {
        let first = self.send(&json!({"to": channel, "body": "the first"})).await;
        subscribers::write(&self.stack, channel, connections).await;
        format!("{channel}:{}", first["channels"][0]["seq"])
    }

    /// From now on, so many of a hundred connections are gone, and DynamoDB takes no more writes than AWS does in a partition.
    pub async fn lose(&self, percent: u64) {
        self.gateway.lose(percent);
        let limit = json!({"on": "partition.Subscribers", "do": {"write_units": PARTITION}});
        self.stack.fault(&limit).await;
    }

    /// The number of a channel's rows of connections.
    pub async fn rows(&self, channel: &str) -> u64 {
        subscribers::count(&self.stack, channel).await
    }

    /// Sends a notification.
    pub async fn send(&self, notification: &Value) -> Value {
        self.call(Method::POST, "/v1/notifications", notification.to_string()).await
    }

    /// One call of the HTTP API, which must succeed.
    pub async fn call(&self, method: Method, path: &str, body: String) -> Value {
        let address = format!("{}{path}", self.stack.address("http"));
        let answer = self.client.request(method, address).bearer_auth(&self.token).body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The cost of this, with all that follows from it.
    pub async fn spent_by(&self, doing: impl Future) -> Spent {
        let (processes, messages) = (self.invocations().await, self.messages().await);
        self.stack.control(Method::DELETE, "calls").await;
        self.gateway.seen();
        let begun = Instant::now();

        doing.await;

        let answered = begun.elapsed();
        while !self.is_quiet().await {
            tokio::time::sleep(LOOK).await;
        }
        let seen = self.gateway.seen();
        let functions = self.used(&processes, &seen.processes).await;
        let messages = self.messages().await - messages;
        let last_post = seen.last.map_or(answered, |last| last.duration_since(begun));
        Spent { functions, messages, answered, last_post, seen }
    }

    /// Nothing waits in a queue, and nobody works.
    async fn is_quiet(&self) -> bool {
        let is_empty = |queue: &Value| ["visible", "in_flight", "delayed"].iter().all(|count| queue[count] == 0);
        let queues = self.list("queues").await;
        for dead in queues.iter().filter(|queue| is_for_the_dead(queue)) {
            assert!(is_empty(dead), "something could not be done: {dead}");
        }
        // In this order: what a queue hands out is in flight until a process is done with it.
        queues.iter().all(is_empty) && self.list("processes").await.iter().all(|process| process["state"] == "frozen")
    }

    /// The number of invocations of each process.
    async fn invocations(&self) -> BTreeMap<String, u64> {
        let count = |process: &Value| (text(&process["process"]), process["invocations"].as_u64().unwrap());
        self.list("processes").await.iter().map(count).collect()
    }

    /// The number of messages that were sent to queues.
    async fn messages(&self) -> u64 {
        self.list("queues").await.iter().map(|queue| queue["sent"].as_u64().unwrap()).sum()
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let Value::Array(list) = self.stack.control(Method::GET, what).await else { panic!("no list: {what}") };
        list
    }

    /// The resources that each function has used since `before`, with the posts of each process.
    async fn used(&self, before: &BTreeMap<String, u64>, posts: &BTreeMap<String, u64>) -> BTreeMap<String, Used> {
        let mut functions = BTreeMap::<String, Used>::new();
        for process in self.list("processes").await {
            let (name, key) = (text(&process["function"]), text(&process["process"]));
            let invocations = process["invocations"].as_u64().unwrap() - before.get(&key).copied().unwrap_or_default();
            if invocations > 0 {
                let used = functions.entry(name).or_default();
                used.environment = process["environment"].clone();
                used.invocations += invocations;
                used.processes += 1;
                used.posts += posts.get(&key).copied().unwrap_or_default();
            }
        }
        for call in self.list("calls").await.iter().filter(|call| call["function"].is_string()) {
            functions.get_mut(&text(&call["function"])).expect("who calls was invoked").add(call);
        }
        functions
    }
}

/// A notification whose request is 1 KB long.
pub fn notification(channel: &str) -> Value {
    let mut notification = json!({"to": channel, "title": "A notification", "body": ""});
    notification["body"] = json!("x".repeat(REQUEST - notification.to_string().len()));
    notification
}

fn is_for_the_dead(queue: &Value) -> bool {
    text(&queue["queue"]).ends_with("DeadLetters")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
