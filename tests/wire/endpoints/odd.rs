//! Receivers whose answers are odd in all but the status: the status counts, and it counts from when it comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack, bind_receiver};

/// The behaviour of a receiver after it has written its answer.
#[derive(Clone, Copy)]
enum Then {
    /// Closes the connection.
    Close,
    /// Holds it, and says nothing more.
    Hold,
    /// Keeps writing this.
    Repeat(&'static str),
}

/// A receiver that writes bytes as they are given, whatever HTTP makes of them.
struct Raw {
    url: String,
    requests: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Raw {
    async fn start(answer: String, then: Then) -> Self {
        let listener = bind_receiver();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answer.clone(), then, Arc::clone(&seen)));
            }
        });
        Self { url, requests, serving }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers one request. The other side may leave at any time.
async fn serve(mut stream: TcpStream, answer: String, then: Then, requests: Arc<AtomicUsize>) -> Option<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    requests.fetch_add(1, Ordering::Relaxed);
    stream.write_all(answer.as_bytes()).await.ok()?;
    match then {
        Then::Close => {}
        Then::Hold => drop(stream.read(&mut [0]).await),
        Then::Repeat(more) => loop {
            stream.write_all(more.as_bytes()).await.ok()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        },
    }
    Some(())
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

/// Heads that people's servers, and what stands before them, have been seen to send, and some that are worse.
fn odd_heads() -> Vec<String> {
    let many = "X-Header: 1\r\n".repeat(300);
    let lines = [
        "Set-Cookie: visid_incap=a\x01b; path=/".to_owned(),
        "Set-Cookie: a=\0b".to_owned(),
        "Server : IIS".to_owned(),
        "X-Folded: one\r\n two\r\n\tthree".to_owned(),
        "PHP Warning:  Undefined index in /var/www/hook.php on line 3".to_owned(),
        "no colon at all".to_owned(),
        ": no name".to_owned(),
        "X-Kürzel: ja".to_owned(),
        format!("X-Long: {}", "x".repeat(9_000)),
        format!("X-Longer: {}", "x".repeat(300_000)),
        many.trim_end().to_owned(),
        "Content-Length: many".to_owned(),
        "Content-Length: 2\r\nContent-Length: 3".to_owned(),
        "Content-Length: -1".to_owned(),
        "Transfer-Encoding: gzip, fancy".to_owned(),
        "Transfer-Encoding: chunked".to_owned(),
        "Content-Encoding: gzip".to_owned(),
    ];
    let heads = lines.iter().map(|line| format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n"));
    let others = [
        "HTTP/1.1 200 OK\nServer: x\n\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1  200  OK\r\n\r\n",
        "HTTP/1.1 200 F\x01ine\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink : x\r\n\r\nHTTP/1.1 200 OK\r\nServer : x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nServer: and no more",
        "HTTP/1.1 200 OK\r\n",
    ];
    heads.chain(others.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_200_is_a_success_whatever_else_is_in_the_answer() {
    let stack = Stack::start_with(&LOOPBACK).await;
    for (n, head) in odd_heads().into_iter().enumerate() {
        let channel = format!("topic:odd-{n}");
        let receiver = Raw::start(format!("{head}ok"), Then::Close).await;
        let (id, _) = stack.add_webhook(&channel, &receiver.url).await;
        stack.post(&json!({"to": channel, "body": "x"})).await;
        let attempts = stack.attempts(&channel, &id, 1).await;
        let shown = head.chars().take(100).collect::<String>();
        assert_eq!((&attempts[0]["outcome"], &attempts[0]["status"]), (&json!("delivered"), &json!(200)), "{shown:?}");
        assert_eq!(receiver.requests(), 1, "{shown:?}");
    }
    assert_eq!(stack.waiting().await, 0, "nothing is tried again");
}

#[tokio::test]
async fn a_failure_with_odd_headers_has_its_status_and_is_waited_for() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let head = format!("HTTP/1.1 503 Busy\r\nServer : x\r\nRetry-After: 90\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    let receiver = Raw::start(head, Then::Close).await;
    let (id, _) = stack.add_webhook("topic:odd", &receiver.url).await;
    stack.post(&json!({"to": "topic:odd", "body": "x"})).await;
    let attempts = stack.attempts("topic:odd", &id, 1).await;
    assert_eq!((&attempts[0]["outcome"], &attempts[0]["status"]), (&json!("failed"), &json!(503)));
    stack.until_waiting(1).await;
    stack.hasten(80).await;
    assert_eq!(stack.waiting().await, 1, "it asked for 90 s");
}

/// Six at once, all of them as quick as their status.
async fn assert_quick(stack: &Stack, name: &str, answer: &str, then: Then) {
    let channel = format!("topic:{name}");
    let receiver = Raw::start(answer.to_owned(), then).await;
    let (id, _) = stack.add_webhook(&channel, &receiver.url).await;
    for n in 0..6 {
        stack.post(&json!({"to": channel, "data": n})).await;
    }
    let attempts = stack.attempts(&channel, &id, 6).await;
    for attempt in &attempts {
        assert_eq!((&attempt["outcome"], &attempt["attempt"]), (&json!("delivered"), &json!(1)), "{name}: {attempt}");
        assert!(attempt["latency_ms"].as_u64().unwrap() < 1_000, "{name}: {attempt}");
    }
    let row = stack.endpoint_row(&id).await;
    assert!(row["slow_until"].is_null(), "{name}: {row}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_as_quick_as_its_status() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let hold = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    assert_quick(&stack, "silent", hold, Then::Hold).await;
    assert_quick(&stack, "endless", hold, Then::Repeat("data: x\n\n")).await;
    assert_quick(&stack, "short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Then::Hold).await;
    assert_quick(&stack, "head", "HTTP/1.1 200 OK\r\n", Then::Hold).await;
    assert_quick(&stack, "heads", "HTTP/1.1 200 OK\r\n", Then::Repeat("X: x\r\n")).await;
}

#[tokio::test]
async fn one_that_was_slow_is_still_slow_when_it_is_added_again() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let late = Receiver::start().await;
    late.always(Reply::Late(Duration::from_secs(4)));
    let (id, _) = stack.add_webhook("topic:late", &late.url).await;
    stack.post(&json!({"to": "topic:late", "data": 0})).await;
    stack.attempts("topic:late", &id, 1).await;
    let remove = async |channel: &str, id: &str| {
        let path = format!("/v1/channels/{channel}/endpoints/{id}");
        let removed = stack.call(Method::DELETE, &path, Some(&stack.publisher()), &[], None).await;
        assert_eq!(removed.status, 204);
    };
    remove("topic:late", &id).await;
    let (again, _) = stack.add_webhook("topic:late", &late.url).await;
    assert_ne!(again, id);
    assert!(stack.endpoint_row(&again).await["slow_until"]["N"].is_string());
    let before = stack.queue("EndpointsQueue").await["sent"].clone();
    stack.post(&json!({"to": "topic:late", "data": 1})).await;
    stack.attempts("topic:late", &again, 1).await;
    assert_eq!(stack.queue("EndpointsQueue").await["sent"], before, "it goes to the queue of slow ones");

    // Removed while it is found to be slow, it is remembered too.
    let (once, _) = stack.add_webhook("topic:once", &format!("{}/once", late.url)).await;
    let came = late.received().len();
    stack.post(&json!({"to": "topic:once", "data": 0})).await;
    late.wait_for(came + 1, PATIENCE).await;
    remove("topic:once", &once).await;
    let remembered = || async {
        let rows = stack.rows("Once").await;
        rows.iter()
            .any(|row| row["key"]["S"].as_str().unwrap().starts_with("slow#") && row["slow_until"]["N"].is_string())
    };
    stack.until("it is remembered", remembered).await;

    // Quick again, it stays so as well.
    late.always(Reply::status(204));
    stack.slow_endpoint("topic:late", &again, 0).await;
    stack.post(&json!({"to": "topic:late", "data": "quick"})).await;
    let is_quick = || async { stack.endpoint_row(&again).await["slow_until"].is_null() };
    stack.until_within(PATIENCE, "it is quick", is_quick).await;
    remove("topic:late", &again).await;
    let (quick, _) = stack.add_webhook("topic:late", &late.url).await;
    assert!(stack.endpoint_row(&quick).await["slow_until"].is_null());
}

/// A number or a text of a row.
fn plain(attribute: &Value) -> Value {
    attribute.get("N").or_else(|| attribute.get("S")).cloned().unwrap_or(attribute.clone())
}

impl Stack {
    /// An endpoint's row.
    pub(super) async fn endpoint_row(&self, id: &str) -> Value {
        let rows = self.rows("Subscribers").await;
        let row = rows.into_iter().find(|row| plain(&row["id"]) == id);
        row.unwrap_or_else(|| panic!("{id} has no row"))
    }
}
