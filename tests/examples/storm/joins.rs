//! Connections that join one channel, so many a second.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::options::Options;
use crate::{held_back, token};
use tidings_tests::bench::stack::Stack;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The number of connections that are opened at once.
const AT_ONCE: u32 = 16;

/// The pause before a client asks once more.
const PAUSE: Duration = Duration::from_millis(500);

/// The results.
pub(crate) struct Joins {
    /// From the first question to the last.
    pub(crate) asked_for: Duration,
    /// From the first question to the last answer.
    pub(crate) took: Duration,
    /// The time that each waited until it was joined, in ascending order.
    pub(crate) waits: Vec<Duration>,
    /// The number of questions that were answered with an error, and asked once more.
    pub(crate) again: usize,
    /// The number of writes that the limits held back.
    pub(crate) held_back: u64,
}

/// Opens the connections, and then has them join. Ends when all are joined.
pub(crate) async fn measure(stack: &Stack, options: &Options) -> Joins {
    let mut sockets = Vec::new();
    for first in (0..options.joins).step_by(AT_ONCE as usize) {
        let some = first..options.joins.min(first + AT_ONCE);
        sockets.extend(join_all(some.map(|nth| open(stack, nth))).await);
    }
    eprintln!("{} connections are open", sockets.len());
    let before = held_back(stack, "Subscribers").await;
    let begun = Instant::now();
    let joining = sockets.iter_mut().zip(0..).map(|(socket, nth)| async move {
        sleep_until(begun + Duration::from_secs(1) * nth / options.each_second).await;
        let asked = Instant::now();
        let again = join(socket).await;
        (asked - begun, asked.elapsed(), again)
    });
    let joined = join_all(joining).await;
    let took = begun.elapsed();
    let asked_for = joined.iter().map(|(asked, ..)| *asked).max().unwrap_or_default();
    let mut waits: Vec<_> = joined.iter().map(|(_, wait, _)| *wait).collect();
    waits.sort_unstable();
    let again = joined.iter().map(|(.., again)| again).sum();
    Joins { asked_for, took, waits, again, held_back: held_back(stack, "Subscribers").await - before }
}

async fn open(stack: &Stack, nth: u32) -> Socket {
    let token = token(&json!({"sub": format!("u{nth}"), "subscribe": ["topic:*"]}));
    connect_async(format!("{}/?token={token}", stack.address("websocket"))).await.unwrap().0
}

/// Joins, and returns the number of times that it had to ask once more.
async fn join(socket: &mut Socket) -> usize {
    let question = json!({"action": "subscribe", "channel": "topic:storm", "ref": 1}).to_string();
    let mut again = 0;
    loop {
        socket.send(Message::text(question.clone())).await.unwrap();
        match answer(socket).await["type"].as_str() {
            Some("subscribed") => return again,
            _ => again += 1,
        }
        sleep(PAUSE).await;
    }
}

/// The next frame that is no notification.
async fn answer(socket: &mut Socket) -> Value {
    loop {
        let message = socket.next().await.expect("the connection is open").unwrap();
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] != "notifications" {
            return frame;
        }
    }
}
