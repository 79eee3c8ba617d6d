//! The most that one user can make others pay in a day: `cargo bench-cost --flood`.
//!
//! Each request that costs much for its size is made once on a local stack, which counts what it needs. The number of
//! such requests a day follows from their bound: the user's allowance, or what the API takes from all users together.

use std::fmt;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::bill::{posting, working};
use tidings_tests::bench::batch::{BATCH, put};
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::prices::Prices;
use tidings_tests::bench::spent::Used;
use tidings_tests::bench::stack::Stack;
use tidings_tests::bench::subscribers;

const SECRET: &str = "the secret of the stack that is flooded";

/// The defaults of the template's parameters.
const REQUESTS_PER_SECOND: f64 = 1_000.0;
const CONNECTIONS_PER_USER: usize = 100;
const REPLAY_MEGABYTES_PER_HOUR: f64 = 256.0;

/// In read units: 1 MB, and what of a request is free (`shared/domain/src/allowance.rs`).
const MEGABYTE: f64 = 256.0;
const FREE: f64 = 16.0;

/// Of a day's hours, the first has the allowance twice: what was left, and what becomes free.
const HOURS: f64 = 25.0;
const SECONDS: f64 = 24.0 * 60.0 * 60.0;

/// Calls are noted when they are answered, which may be after the client has its own answer.
const NOTED: Duration = Duration::from_millis(500);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The way in which a request is paid.
#[derive(Clone, Copy)]
enum Way {
    Http,
    WebSocket,
}

/// The bound on the number of such requests.
enum Bound {
    /// The user's allowance of reads beyond the free ones.
    Allowance,
    /// The stack's throttle, for all users together.
    Throttle,
}

struct Request {
    name: &'static str,
    way: Way,
    bound: Bound,
    used: Used,
}

impl Request {
    /// Dollars for a million.
    fn dollars(&self, prices: &Prices) -> f64 {
        let Used { invocations, dynamodb, read_units, write_units, posts, environment, .. } = &self.used;
        let asked = prices[match self.way {
            Way::Http => "http_request",
            Way::WebSocket => "websocket_message",
        }];
        let memory: f64 = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"].as_str().unwrap().parse().unwrap();
        let gb_seconds = memory / 1024.0 * (working(*invocations, *dynamodb) + posting(*posts)) / 1000.0;
        asked
            + *invocations as f64 * prices["lambda_request"]
            + gb_seconds * prices["lambda_gb_second"]
            + read_units * prices["dynamodb_read"]
            + write_units * prices["dynamodb_write"]
            + *posts as f64 * prices["websocket_message"]
    }

    /// The most such requests in a day.
    fn a_day(&self) -> f64 {
        match self.bound {
            Bound::Allowance => HOURS * REPLAY_MEGABYTES_PER_HOUR * MEGABYTE / (self.used.read_units - FREE),
            Bound::Throttle => SECONDS * REQUESTS_PER_SECOND,
        }
    }
}

pub(crate) struct Flood {
    requests: Vec<Request>,
    prices: Prices,
}

impl Flood {
    /// Makes each of them once.
    pub(crate) async fn measure() -> Self {
        let stack = Stack::start(&["--parameter", &format!("LocalTokenSecret={SECRET}")]);
        stack.control(Method::POST, "schedules/SweepRule/disable").await;
        write(&stack, "user:mallory", 10, 30_000).await;
        write(&stack, "topic:free", 48, 900).await;
        subscribers::write(&stack, "topic:busy", 1_000).await;
        let mut socket = connect(&stack).await;
        let mut requests = Vec::new();
        for (name, channel, bound) in [
            ("a frame that has 256 KB replayed", "user:mallory", Bound::Allowance),
            ("a frame that has 48 KB replayed", "topic:free", Bound::Throttle),
        ] {
            // It joins first, which costs a write once.
            ask(&mut socket, channel).await;
            let used = used(&stack, "Message", ask(&mut socket, channel)).await;
            requests.push(Request { name, way: Way::WebSocket, bound, used });
        }
        for (name, path, function) in [
            ("a look at a channel with 1,000 connections", "/v1/channels/topic:busy", "Send"),
            ("a poll without news", "/v1/notifications?channel=topic:free:48", "Poll"),
        ] {
            let used = used(&stack, function, get(&stack, path)).await;
            requests.push(Request { name, way: Way::Http, bound: Bound::Throttle, used });
        }
        let mut all = Vec::new();
        for _ in 1..CONNECTIONS_PER_USER {
            all.push(connect(&stack).await);
        }
        let connecting = async { all.push(connect(&stack).await) };
        let connect = used(&stack, "Connect", connecting).await;
        let name = "a handshake that closes the oldest of 100 connections";
        requests.push(Request { name, way: Way::WebSocket, bound: Bound::Throttle, used: connect });
        use_up(&stack).await;
        let again = all.last_mut().unwrap();
        let refused = used(&stack, "Message", ask(again, "user:mallory")).await;
        let name = "a frame that is refused a replay";
        requests.push(Request { name, way: Way::WebSocket, bound: Bound::Throttle, used: refused });
        Self { requests, prices: Prices::read() }
    }
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "What one token can make others pay, counted on the local stack ({}):\n", self.prices.title())?;
        writeln!(f, "| | read units | write units | posts | dollars for a million | a day at most | dollars a day |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for request in &self.requests {
            let Used { read_units, write_units, posts, .. } = &request.used;
            let (million, times) = (request.dollars(&self.prices), request.a_day());
            let (often, day) = (grouped(times.round() as u64), million * times / 1e6);
            writeln!(
                f,
                "| {} | {read_units} | {write_units} | {posts} | {million:.2} | {often} | {day:.2} |",
                request.name
            )?;
        }
        write!(
            f,
            "\nThe first is bounded by the user's own allowance, {REPLAY_MEGABYTES_PER_HOUR} MB an hour, which a day has {HOURS} times. \
             All others are bounded by what an API takes from all users together: {REQUESTS_PER_SECOND} requests a second."
        )
    }
}

/// The resources that one function has used for something that is done once.
async fn used(stack: &Stack, function: &str, doing: impl Future) -> Used {
    tokio::time::sleep(NOTED).await;
    stack.control(Method::DELETE, "calls").await;
    doing.await;
    tokio::time::sleep(NOTED).await;
    let mut used = Used { invocations: 1, processes: 1, ..Used::default() };
    let calls = stack.control(Method::GET, "calls").await;
    for call in calls.as_array().unwrap().iter().filter(|call| call["function"] == function) {
        used.add(call);
        used.posts += u64::from(call["service"] == "management" && call["operation"] == "POST");
    }
    let processes = stack.control(Method::GET, "processes").await;
    let process = processes.as_array().unwrap().iter().find(|process| process["function"] == function).unwrap();
    used.environment = process["environment"].clone();
    used
}

/// A log of so many notifications.
async fn write(stack: &Stack, channel: &str, count: u64, bytes: usize) {
    let (table, until) = (stack.table("Notifications").await, get_current_timestamp() + 100_000);
    let content = json!({"body": "x".repeat(bytes)}).to_string();
    let row = |seq: u64| {
        json!({
            "channel": {"S": channel}, "seq": {"N": seq.to_string()}, "v": {"N": "1"}, "id": {"S": format!("id-{seq}")},
            "sent_at": {"N": "1700000000000"}, "content": {"S": content}, "expires_at": {"N": until.to_string()},
            "starts": {"BOOL": seq == 1}, "fleeting": {"N": "0"},
        })
        .to_string()
    };
    for first in (1..=count).step_by(BATCH as usize) {
        put(stack, &table, (first..(first + BATCH).min(count + 1)).map(row)).await;
    }
}

/// Has all that mallory may have read be read.
async fn use_up(stack: &Stack) {
    let paid_at = (get_current_timestamp() + 7_200) * 1000;
    let row = format!(r#"{{"key":{{"S":"allowance#mallory"}},"paid_at":{{"N":"{paid_at}"}}}}"#);
    put(stack, &stack.table("Once").await, [row].into_iter()).await;
}

fn token() -> String {
    let claims = json!({"sub": "mallory", "subscribe": ["topic:*"], "exp": get_current_timestamp() + 7200});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn connect(stack: &Stack) -> Socket {
    connect_async(format!("{}/?token={}", stack.address("websocket"), token())).await.unwrap().0
}

/// Subscribes from the beginning, and waits for the answer.
async fn ask(socket: &mut Socket, channel: &str) {
    let frame = json!({"action": "subscribe", "channel": channel, "after": 0, "ref": 1});
    socket.send(Message::text(frame.to_string())).await.unwrap();
    loop {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        if serde_json::from_str::<Value>(&text).unwrap()["ref"] == 1 {
            return;
        }
    }
}

async fn get(stack: &Stack, path: &str) {
    let request = Client::new().get(format!("{}{path}", stack.address("http"))).bearer_auth(token());
    assert!(request.send().await.unwrap().status().is_success(), "{path}");
}
