//! One WebSocket: opens, reads, writes, and reports. It decides nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{LOCATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::address::redirected;
use crate::channel::Channel;
use crate::frame::{ClientFrame, ServerFrame};
use crate::session::ConnectionId;
use crate::token::Claims;

/// The longest that writing a frame may take. Only a dead network takes that long.
const WRITE: Duration = Duration::from_secs(10);
/// The longest that a closing handshake may take.
const CLOSE: Duration = Duration::from_secs(1);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where tokens come from: asked for each connection.
pub(crate) type TokenSource =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, Failure>> + Send>> + Send + Sync>;

/// Where to connect to, and as whom.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: TokenSource,
    /// The claim of the token that names the user.
    pub(crate) user_claim: String,
    pub(crate) patience: Duration,
}

/// A message from a socket's task.
#[derive(Debug)]
pub(crate) enum Report {
    /// It is open. `joined` and `lifetime` are what the token says, if that can be read.
    Opened { id: ConnectionId, joined: Vec<Channel>, lifetime: Option<Duration> },
    /// The server does not want this token.
    Refused { id: ConnectionId, status: u16 },
    /// It could not be opened.
    Failed { id: ConnectionId, reason: String },
    /// A frame came.
    Received { id: ConnectionId, frame: ServerFrame },
    /// A frame came that cannot be read: nobody knows what it carried.
    Unreadable { id: ConnectionId },
    /// A sign of life came that is no frame of the API.
    Heard { id: ConnectionId },
    /// It is closed.
    Closed { id: ConnectionId, reason: String },
}

enum OpenError {
    Refused(u16),
    Failed(String),
}

/// Runs a socket until it is lost, or until `frames` ends and it is closed.
pub(crate) async fn run(
    id: ConnectionId,
    target: Arc<Target>,
    frames: mpsc::UnboundedReceiver<ClientFrame>,
    reports: mpsc::Sender<Report>,
) {
    let opened = timeout(target.patience, open(&target)).await;
    let (stream, token) = match opened.unwrap_or_else(|_| Err(OpenError::Failed("the server does not answer".into()))) {
        Ok(opened) => opened,
        Err(error) => {
            let report = match error {
                OpenError::Refused(status) => Report::Refused { id, status },
                OpenError::Failed(reason) => Report::Failed { id, reason },
            };
            // Nobody listens any more: nobody needs to know.
            let _ = reports.send(report).await;
            return;
        }
    };
    let claims = Claims::read_unverified_by(&token, &target.user_claim).ok();
    let lifetime = claims.as_ref().and_then(Claims::lifetime);
    let joined = claims.map(|claims| claims.joined()).unwrap_or_default();
    if reports.send(Report::Opened { id, joined, lifetime }).await.is_ok() {
        pump(id, stream, frames, reports).await;
    }
}

async fn open(target: &Target) -> Result<(Stream, String), OpenError> {
    let failed = |why: String| OpenError::Failed(why);
    let token = (target.token)().await.map_err(|error| failed(format!("there is no token: {error}")))?;
    let request = request(&target.url, &token).map_err(|error| failed(error.to_string()))?;
    use_a_crypto_provider();
    match tokio_tungstenite::connect_async_with_config(request, None, true).await {
        Ok((stream, _)) => Ok((stream, token)),
        Err(Error::Http(response)) => Err(refused(&target.url, response)),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Why the server answered the handshake with no connection. A redirect is not followed, but may pass: portals that ask for
/// a login redirect everything until they have it.
fn refused(url: &str, response: Box<Response>) -> OpenError {
    match response.status().as_u16() {
        status @ (401 | 403) => OpenError::Refused(status),
        status @ 300..=399 => {
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            OpenError::Failed(redirected(url, status, location, ("WebSocket API", "WebSocketUrl")))
        }
        _ => OpenError::Failed(Error::Http(response).to_string()),
    }
}

/// The token goes into a header, since URLs end up in logs.
fn request(url: &str, token: &str) -> Result<Request, Error> {
    let mut request = url.into_client_request()?;
    let mut protocols = HeaderValue::from_str(&format!("tidings, bearer.{token}"))?;
    protocols.set_sensitive(true);
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocols);
    Ok(request)
}

/// rustls panics where an application's dependencies bring two providers and nobody chose one.
fn use_a_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if somebody chose one in between.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

async fn pump(
    id: ConnectionId,
    mut stream: Stream,
    mut frames: mpsc::UnboundedReceiver<ClientFrame>,
    reports: mpsc::Sender<Report>,
) {
    let reason = loop {
        tokio::select! {
            frame = frames.recv() => {
                let Some(frame) = frame else { break None };
                if let Err(reason) = write(&mut stream, &frame).await {
                    break Some(reason);
                }
            }
            message = stream.next() => {
                let report = match message {
                    Some(Ok(Message::Close(frame))) => break Some(close_reason(frame.map(|f| f.reason.to_string()))),
                    Some(Ok(message)) => report(id, &message),
                    Some(Err(error)) => break Some(error.to_string()),
                    None => break Some(close_reason(None)),
                };
                if reports.send(report).await.is_err() {
                    break None;
                }
            }
        }
    };
    if let Some(reason) = reason {
        let _ = reports.send(Report::Closed { id, reason }).await;
    }
    // Tells the server at once, if it is still there.
    let _ = timeout(CLOSE, stream.close(None)).await;
}

async fn write(stream: &mut Stream, frame: &ClientFrame) -> Result<(), String> {
    match timeout(WRITE, stream.send(Message::text(frame.to_json()))).await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(_) => Err("the network takes no more".to_owned()),
    }
}

fn report(id: ConnectionId, message: &Message) -> Report {
    let (Message::Text(_) | Message::Binary(_)) = message else { return Report::Heard { id } };
    let text = message.to_text().unwrap_or_default();
    match ServerFrame::parse(text) {
        Ok(frame) => Report::Received { id, frame },
        Err(error) => {
            tracing::warn!(%error, "a frame could not be read");
            Report::Unreadable { id }
        }
    }
}

fn close_reason(reason: Option<String>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("the server closed the connection: {reason}"),
        None => "the server closed the connection".to_owned(),
    }
}
