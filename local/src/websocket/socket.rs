//! A connection's life after its handshake: frames in, frames out, limits, and one `$disconnect` at the end.

use std::{sync::Arc, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{
    event::{self, Ending, Happening},
    frame,
    gateway::{FRAME_LIMIT, MESSAGE_LIMIT, WebSocketGateway},
    registry::{Connection, Order},
};
use crate::{gateway::random_id, template::Integration};

/// The longest time that a client takes to answer a close frame.
const GRACE: Duration = Duration::from_secs(3);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The reasons to stop reading.
enum Stop {
    /// The client closed, or is gone.
    Ended(Ending),
    /// The stack closes.
    Close(Ending),
    /// The connection vanishes.
    Vanish,
}

/// Runs a connection from the handshake to its end.
pub(super) async fn live(
    gateway: Arc<WebSocketGateway>,
    connection: Arc<Connection>,
    queue: mpsc::Receiver<Utf8Bytes>,
    upgrade: OnUpgrade,
) {
    let stop = match upgrade.await {
        Ok(upgraded) => talk(&gateway, &connection, queue, upgraded).await,
        // The client left while the handshake was being decided.
        Err(_) => Some(abnormal()),
    };
    gateway.registry.remove(&connection.id);
    if let Some(ending) = stop {
        disconnect(&gateway, &connection, &ending).await;
    }
}

/// Reads and writes until the end; `None` if the connection vanishes.
async fn talk(
    gateway: &Arc<WebSocketGateway>,
    connection: &Arc<Connection>,
    queue: mpsc::Receiver<Utf8Bytes>,
    upgraded: Upgraded,
) -> Option<Ending> {
    let limits = WebSocketConfig::default()
        .read_buffer_size(FRAME_LIMIT)
        .max_frame_size(Some(FRAME_LIMIT))
        .max_message_size(Some(MESSAGE_LIMIT));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
    let (sink, mut source) = socket.split();
    let (closing, close) = oneshot::channel();
    let mut writer = tokio::spawn(write(sink, queue, close));
    let stop = read(gateway, connection, &mut source, &mut writer).await;
    gateway.registry.remove(&connection.id);
    let ending = match stop {
        Stop::Ended(ending) => ending,
        Stop::Close(ending) => {
            // A writer that has ended needs no order.
            let _ = closing.send(ending.clone());
            ending
        }
        Stop::Vanish => {
            writer.abort();
            return None;
        }
    };
    // The close handshake takes its time while `$disconnect` already runs.
    tokio::spawn(async move {
        let _ = timeout(GRACE, async { while let Some(Ok(_)) = source.next().await {} }).await;
        writer.abort();
    });
    Some(ending)
}

async fn read(
    gateway: &Arc<WebSocketGateway>,
    connection: &Arc<Connection>,
    source: &mut SplitStream<Socket>,
    writer: &mut JoinHandle<()>,
) -> Stop {
    let mut orders = connection.orders();
    let mut lifetime = std::pin::pin!(sleep(gateway.limits.lifetime));
    loop {
        tokio::select! {
            message = source.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    connection.touch();
                    let (gateway, connection) = (Arc::clone(gateway), Arc::clone(connection));
                    tokio::spawn(frame::answer(gateway, connection, text.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                other => return stop_at(other),
            },
            Ok(order) = orders.wait_for(|order| *order != Order::Stay) => return match *order {
                Order::Vanish => Stop::Vanish,
                Order::Stay | Order::Close => Stop::Close(ending(1000, "Connection Closed Normally")),
            },
            () = sleep(idle_for(connection, gateway.limits.idle)) => {
                if idle_for(connection, gateway.limits.idle).is_zero() {
                    return Stop::Close(ending(1001, "Going away"));
                }
            }
            () = lifetime.as_mut() => return Stop::Close(ending(1001, "Going away")),
            // It ends by itself only if it could not write.
            _ = &mut *writer => return Stop::Ended(abnormal()),
        }
    }
}

/// The time for which the connection may still stay silent.
fn idle_for(connection: &Connection, limit: Duration) -> Duration {
    let silent = Timestamp::now().duration_since(connection.last_active());
    limit.saturating_sub(Duration::try_from(silent).unwrap_or_default())
}

/// The meaning of a message that is not text.
fn stop_at(message: Option<Result<Message, Error>>) -> Stop {
    match message {
        Some(Ok(Message::Close(Some(frame)))) => Stop::Ended(ending(frame.code.into(), &frame.reason)),
        Some(Ok(Message::Close(None))) => Stop::Ended(ending(1005, "Client-side close frame status not set")),
        Some(Ok(Message::Binary(_))) => Stop::Close(ending(1003, "Binary frames are not supported")),
        Some(Err(Error::Capacity(_))) => Stop::Close(ending(1009, "Message too long")),
        Some(Err(Error::Utf8(_))) => Stop::Close(ending(1007, "Invalid UTF-8")),
        Some(Err(Error::Protocol(error))) => {
            tracing::debug!(%error, "a client broke the protocol");
            Stop::Ended(abnormal())
        }
        _ => Stop::Ended(abnormal()),
    }
}

fn ending(code: u16, reason: &str) -> Ending {
    Ending { code, reason: reason.to_owned() }
}

fn abnormal() -> Ending {
    ending(1006, "Connection closed abnormally")
}

/// Writes the queued frames, in order, and at last a close frame.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut queue: mpsc::Receiver<Utf8Bytes>,
    mut close: oneshot::Receiver<Ending>,
) {
    loop {
        tokio::select! {
            biased;
            Some(text) = queue.recv() => {
                if sink.send(Message::Text(text)).await.is_err() {
                    return;
                }
            }
            ending = &mut close => {
                if let Ok(Ending { code, reason }) = ending {
                    let frame = CloseFrame { code: code.into(), reason: reason.into() };
                    let _ = sink.send(Message::Close(Some(frame))).await;
                }
                return;
            }
        }
    }
}

async fn disconnect(gateway: &WebSocketGateway, connection: &Connection, ending: &Ending) {
    let Some(api) = &gateway.api else { return };
    let route = api.routes.get("$disconnect").map(|route| &route.integration);
    if let Some(Integration::Function(function)) = route {
        let event = event::proxy(api, connection, "$disconnect", &random_id(), &Happening::Disconnect(ending));
        // API Gateway tries once, and nobody gets the function's result.
        let _ = gateway.lambda.invoke(function, &event).await;
    }
}
