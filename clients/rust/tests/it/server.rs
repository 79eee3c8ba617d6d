//! A WebSocket server that does nothing by itself: each test says what it does.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// Longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a free port.
pub(crate) struct Server {
    listener: TcpListener,
}

/// The server's end of a connection.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    /// The subprotocols that the client offered.
    pub(crate) protocols: String,
    /// The path and query that it asked for.
    pub(crate) path: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    /// Waits for a connection, and takes it.
    pub(crate) async fn accept(&self) -> Peer {
        let stream = within(self.listener.accept()).await.unwrap().0;
        let (mut protocols, mut path) = (String::new(), String::new());
        // The error's size is tungstenite's choice.
        #[allow(clippy::result_large_err)]
        let answer = |request: &Request, mut response: Response| {
            let offered = request.headers().get("sec-websocket-protocol").unwrap();
            protocols = offered.to_str().unwrap().to_owned();
            path = request.uri().to_string();
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("tidings"));
            Ok(response)
        };
        let socket = within(tokio_tungstenite::accept_hdr_async(stream, answer)).await.unwrap();
        Peer { socket, protocols, path }
    }

    /// Waits for a connection, and refuses it with a status line.
    pub(crate) async fn refuse(&self, status: &str) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = within(self.listener.accept()).await.unwrap().0;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(response.as_bytes()).await.unwrap();
    }
}

impl Peer {
    /// The next frame of the client.
    pub(crate) async fn frame(&mut self) -> Value {
        match within(self.socket.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("no frame but {other:?}"),
        }
    }

    /// The next frame, which has to be a `subscribe`, but for its `ref`; and that.
    pub(crate) async fn question(&mut self) -> (Value, Value) {
        let mut question = self.frame().await;
        let reference = question.as_object_mut().unwrap().remove("ref").unwrap();
        (question, reference)
    }

    /// Waits until the client has closed.
    pub(crate) async fn closed(&mut self) {
        while let Some(Ok(message)) = within(self.socket.next()).await {
            assert!(!message.is_text(), "{message}");
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Sends what need not be JSON.
    pub(crate) async fn send_text(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn notify(&mut self, channel: &str, seqs: &[u64]) {
        let items: Vec<_> = seqs.iter().map(|seq| json!({"seq": seq, "id": "x", "sent_at": "", "body": "b"})).collect();
        self.send(json!({"type": "notifications", "channel": channel, "items": items})).await;
    }

    pub(crate) async fn subscribed(&mut self, channel: &str, seq: u64, reference: Value) {
        let answer = json!({"type": "subscribed", "channel": channel, "seq": seq, "recovered": true, "more": false});
        let Value::Object(mut answer) = answer else { unreachable!() };
        answer.insert("ref".to_owned(), reference);
        self.send(answer.into()).await;
    }

    /// Cuts the connection without a word, as a dying network does: a reset, no close frame.
    pub(crate) fn disconnect(self) {
        self.socket.get_ref().set_zero_linger().unwrap();
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes too long")
}
