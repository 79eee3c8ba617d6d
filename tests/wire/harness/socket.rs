//! A raw WebSocket: it knows frames and nothing of what a good client does.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use super::bundle::{PATIENCE, source};
use super::said::Said;

pub(crate) struct Socket {
    stream: Stream,
    /// The subprotocol that the server chose.
    pub(crate) protocol: Option<String>,
    said: Said,
}

/// A refused handshake.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str, request: Request) -> Result<(Stream, Response), Error> {
    let Some(source) = source(url) else { return connect_async(request).await };
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let host = request.uri().authority().unwrap().as_str().parse().unwrap();
    let stream = MaybeTlsStream::Plain(socket.connect(host).await?);
    client_async(request, stream).await
}

impl Socket {
    pub(crate) async fn open(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Refused> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio::time::timeout(PATIENCE, connect(url, request)).await.expect("the handshake hangs") {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
                Ok(Self { stream, protocol, said: Said::default() })
            }
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(Refused {
                    status: response.status().as_u16(),
                    body: serde_json::from_slice(body).unwrap_or_default(),
                })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Has what is sent here remembered there.
    pub(super) fn listened_to_by(mut self, said: &Said) -> Self {
        self.said = said.clone();
        self
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.said.json(frame);
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.said.text(text);
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        self.next_or_close().await.unwrap_or_else(|close| panic!("closed: {close:?}"))
    }

    /// The next frame, or how the server closed the socket.
    pub(crate) async fn next_or_close(&mut self) -> Result<Value, Option<CloseFrame>> {
        tokio::time::timeout(PATIENCE, self.whenever_it_comes()).await.expect("no frame came")
    }

    /// The same, however long that takes.
    pub(crate) async fn whenever_it_comes(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(close))) => return Err(close),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Sends a frame and gives its answer, with the notifications that came before it.
    pub(crate) async fn ask(&mut self, mut frame: Value) -> (Vec<Value>, Value) {
        let reference = frame.get("ref").cloned().unwrap_or_else(|| json!("r"));
        frame["ref"] = reference.clone();
        self.send(&frame).await;
        let mut items = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["ref"] == reference {
                return (items, frame);
            }
            assert_eq!(frame["type"], "notifications", "{frame}");
            items.extend(frame["items"].as_array().unwrap().clone());
        }
    }

    /// The next pushed item.
    pub(crate) async fn item(&mut self) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], "notifications", "{frame}");
        assert_eq!(frame["items"].as_array().unwrap().len(), 1, "{frame}");
        frame["items"][0].clone()
    }

    /// Says goodbye as RFC 6455 has it.
    pub(crate) async fn close(mut self) {
        self.stream.close(None).await.unwrap();
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    /// Drops the TCP connection without a word.
    pub(crate) fn drop_abruptly(self) {
        drop(self);
    }
}
