//! The largest requests that the gateways pass on, in every shape that JSON has: each is refused, and costs little memory.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::harness::{Function, Stack, in_an_hour, room, root};

/// The largest event that Lambda takes, less what is around the body.
const EVENT: usize = 6 * 1024 * 1024 - 4096;

/// The most memory that a function may take for a request of any kind, in megabytes.
const MOST: usize = 100;

/// The most memory that a poll may take, whatever is in the logs that it reads, in megabytes: half of what
/// template.yaml gives it.
const MOST_OF_A_POLL: usize = 128;

/// As much JSON of one shape as fits: what is repeated, and what begins and ends it.
struct Shape {
    name: &'static str,
    begins: String,
    repeated: String,
    ends: &'static str,
}

impl Shape {
    /// The text, of at most this many bytes.
    fn text(&self, bytes: usize) -> String {
        self.filled(bytes, str::len)
    }

    /// The text, so long that an event takes it: each quote counts twice there.
    fn in_event(&self) -> String {
        self.filled(EVENT, |text| json!(text).to_string().len() - 2)
    }

    fn filled(&self, bytes: usize, size: impl Fn(&str) -> usize) -> String {
        let room = bytes - size(&self.begins) - size(self.ends) - 1;
        let repeated = self.repeated.repeat(room / size(&self.repeated));
        // A list ends with something that has no comma behind it.
        let last = if self.repeated.ends_with(',') { "0" } else { "" };
        format!("{}{repeated}{last}{}", self.begins, self.ends)
    }
}

/// Objects whose field of this name has the shape.
fn shapes(field: &str) -> Vec<Shape> {
    let deep = format!("{}0{},", "{\"\":".repeat(118), "}".repeat(118));
    let begins = |what: &str| format!("{{\"to\":\"topic:a\",\"{field}\":{what}");
    let list = |name, repeated: &str| Shape { name, begins: begins("["), repeated: repeated.to_owned(), ends: "]}" };
    vec![
        list("objects in objects", &deep),
        list("small objects", "{\"\":0},"),
        list("lists", "[],"),
        list("numbers", "0,"),
        list("texts", "\"\","),
        Shape { name: "a text", begins: begins("\""), repeated: "x".to_owned(), ends: "\"}" },
        Shape { name: "a name", begins: begins("{\""), repeated: "x".to_owned(), ends: "\":0}}" },
        Shape { name: "one name many times", begins: begins("{"), repeated: "\"\":{},".to_owned(), ends: "\"\":0}}" },
        Shape { name: "no JSON", begins: begins("["), repeated: "[".to_owned(), ends: "" },
    ]
}

pub(crate) fn event(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("events/{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The event of a call of the HTTP API.
pub(crate) fn call(stack: &Stack, route: &str, body: String) -> Value {
    let (method, path) = route.split_once(' ').unwrap();
    let mut event = event("send");
    let token = stack.token(&json!({"sub": "nobody"}));
    stack.said.token(&token);
    event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    event["routeKey"] = json!(route);
    event["requestContext"]["routeKey"] = json!(route);
    event["requestContext"]["http"]["method"] = json!(method);
    event["pathParameters"] =
        json!({"channel": "user:nobody", "id": "0123456789abcdef0123456789abcdef0", "sub": "nobody"});
    event["rawPath"] = json!(path.replace("{channel}", "user:nobody").replace("{id}", "0"));
    event["body"] = json!(body);
    event
}

/// The status of an answer, and its code.
pub(crate) async fn refused(function: &mut Function, event: &Value) -> (u64, String) {
    let answer = function.invoke(event).await;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
    (answer["statusCode"].as_u64().unwrap_or_default(), body["code"].as_str().unwrap_or_default().to_owned())
}

pub(crate) fn assert_small(name: &str, function: &Function) {
    assert_takes_less(name, function, MOST);
}

fn assert_takes_less(name: &str, function: &Function, most: usize) {
    match function.peak() {
        Some(peak) => {
            println!("{name} had at most {peak} MB");
            assert!(peak < most, "{name}: {peak} MB");
        }
        None => eprintln!("SKIPPED: this system does not say how much memory a process has had"),
    }
}

const SEND: &str = "POST /v1/notifications";
const TICKETS: &str = "POST /v1/tickets";

/// Calls that take little.
const OTHERS: [&str; 5] = [
    TICKETS,
    "POST /v1/channels/{channel}/read",
    "POST /v1/channels/{channel}/endpoints",
    "POST /v1/channels/{channel}/endpoints/{id}/rotate",
    "POST /v1/channels/{channel}/endpoints/{id}/replay",
];

#[tokio::test]
async fn the_largest_body_of_any_shape_is_refused_before_it_takes_memory() {
    let _room = room().await;
    let stack = Stack::start().await;
    let mut send = Function::start_within(&stack, "Send", 512).await;
    for field in ["data", "more"] {
        for shape in shapes(field) {
            let answer = refused(&mut send, &call(&stack, SEND, shape.in_event())).await;
            assert_eq!(answer, (413, "notification_too_large".to_owned()), "{field}: {}", shape.name);
        }
    }
    for route in OTHERS {
        let answer = refused(&mut send, &call(&stack, route, shapes("more")[0].in_event())).await;
        assert_eq!(answer, (413, "body_too_large".to_owned()), "{route}");
    }
    for shape in shapes("more") {
        let mut binary = call(&stack, TICKETS, BASE64_STANDARD.encode(shape.text(EVENT / 4 * 3)));
        binary["isBase64Encoded"] = json!(true);
        assert_eq!(refused(&mut send, &binary).await, (413, "body_too_large".to_owned()), "{}", shape.name);
    }
    assert_small("send", &send);
}

#[tokio::test]
async fn what_may_be_large_takes_little_memory_too() {
    let _room = room().await;
    let stack = Stack::start().await;
    let mut send = Function::start_within(&stack, "Send", 512).await;
    for shape in shapes("data").iter().chain(&shapes("more")).chain(&shapes("to")) {
        let (status, code) = refused(&mut send, &call(&stack, SEND, shape.text(256 * 1024))).await;
        assert!((400..500).contains(&status), "{}: {status} {code}", shape.name);
        let add = call(&stack, "POST /v1/channels/{channel}/endpoints", shape.text(32 * 1024));
        assert_eq!(refused(&mut send, &add).await.0, 400, "{}", shape.name);
    }
    let spaces = format!("{{{}\"seq\": 0}}", " ".repeat(EVENT - 100));
    let (status, _) = refused(&mut send, &call(&stack, "POST /v1/channels/{channel}/read", spaces)).await;
    assert_eq!(status, 200, "white space is no part of what a body says");
    assert_small("send", &send);
}

#[tokio::test]
async fn frames_messages_and_polls_take_little_memory() {
    let _room = room().await;
    let stack = Stack::start().await;
    let mut message = Function::start_within(&stack, "Message", 512).await;
    let mut ingest = Function::start_within(&stack, "Ingest", 512).await;
    for (n, shape) in shapes("data").iter().chain(&shapes("more")).enumerate() {
        // What API Gateway takes at most, and more than that.
        for text in [shape.text(128 * 1024), shape.in_event()] {
            let mut frame = event("message");
            frame["body"] = json!(text);
            message.invoke(&frame).await;
        }
        // The largest message of SNS: one that names a channel, and another service's.
        let text = shape.text(256 * 1024);
        for (kind, text) in [("ours", text.clone()), ("theirs", text.replace("\"to\":\"topic:a\"", "\"title\":\"x\""))]
        {
            let mut published = event("ingest");
            published["Records"][0]["Sns"]["MessageId"] = json!(format!("{kind}-{n}"));
            published["Records"][0]["Sns"]["Message"] = json!(text);
            published["Records"][0]["Sns"]["MessageAttributes"] = json!({});
            ingest.invoke(&published).await;
        }
    }
    assert_small("message", &message);
    assert_small("ingest", &ingest);

    let mut poll = Function::start_within(&stack, "Poll", 512).await;
    let mut asked = call(&stack, "GET /v1/notifications", shapes("data")[0].in_event());
    // API Gateway takes 10 KB of headers and address together.
    asked["rawQueryString"] = json!("a&".repeat(5_000));
    asked["queryStringParameters"] = (0..2_000).map(|n| (format!("{n:x}"), json!(""))).collect();
    assert_eq!(refused(&mut poll, &asked).await, (400, "invalid_request".to_owned()));
    assert_small("poll", &poll);

    let mut authorizer = Function::start_within(&stack, "Authorizer", 512).await;
    let mut handshake = event("authorizer");
    handshake["queryStringParameters"] = json!({"token": "x".repeat(10_000)});
    handshake["multiValueHeaders"] = (0..2_000).map(|n| (format!("x{n:x}"), json!([""]))).collect();
    authorizer.invoke(&handshake).await;
    assert_small("authorizer", &authorizer);
}

/// Fills a log with the largest notifications, of nothing but quotes: each is two bytes in an answer, and four in what Lambda is given.
async fn fill(stack: &Stack, channel: &str) {
    let table = stack.table("Notifications").await;
    let content = json!({"body": "\"".repeat(16_000)}).to_string();
    let row = |seq: u64| {
        let expires_at = in_an_hour() + 500_000 + seq;
        json!({"PutRequest": {"Item": {
            "channel": {"S": channel}, "seq": {"N": seq.to_string()}, "v": {"N": "1"}, "id": {"S": format!("id-{seq}")},
            "sent_at": {"N": "1700000000000"}, "content": {"S": content}, "expires_at": {"N": expires_at.to_string()},
        }}})
    };
    let seqs: Vec<u64> = (1..=110).collect();
    for batch in seqs.chunks(22) {
        let rows: Vec<Value> = batch.iter().map(|seq| row(*seq)).collect();
        stack.dynamodb("BatchWriteItem", &json!({"RequestItems": {&table: rows}})).await;
    }
}

#[tokio::test]
async fn the_largest_answer_of_a_poll_fits_into_its_memory() {
    let _room = room().await;
    let stack = Stack::start().await;
    let channels: Vec<_> = (0..10).map(|n| format!("topic:large-{n}")).collect();
    for channel in &channels {
        fill(&stack, channel).await;
    }
    let mut poll = Function::start_within(&stack, "Poll", 512).await;
    // From the end, and behind a cursor.
    for cursor in ["", ":1"] {
        let mut asked = call(&stack, "GET /v1/notifications", String::new());
        let cursors: Vec<_> = channels.iter().map(|channel| format!("channel={channel}{cursor}")).collect();
        asked["rawQueryString"] = json!(format!("limit=100&{}", cursors.join("&")));
        // On a busy machine a read of 32 MB may come too late, as a reader would see it: that one asks again.
        let (mut answered, mut asks) = (0, 0);
        while answered < 2 {
            asks += 1;
            // One user may not have as much read as this test does.
            let token = stack.token(&json!({"sub": format!("reader{asks}{}", cursor.len()), "subscribe": ["topic:*"]}));
            asked["headers"]["authorization"] = json!(format!("Bearer {token}"));
            let answer = poll.invoke(&asked).await;
            let body = answer["body"].as_str().unwrap();
            if answer["statusCode"] == 503 && asks < 20 {
                // As its `Retry-After` asks.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                continue;
            }
            assert!(answer["statusCode"] == 200 && body.len() > 2_000_000, "{}", &body[..body.len().min(300)]);
            answered += 1;
        }
    }
    assert_takes_less("poll", &poll, MOST_OF_A_POLL);
}
