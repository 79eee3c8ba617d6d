//! A client of Tidings.
//!
//! [`Listener`] hands an application every notification of its channels exactly once and in order, across lost
//! pushes, doubled ones and reconnects. [`Client`] sends notifications over HTTP, now or later, cancels them,
//! looks at them and at channels, and manages endpoints. [`token`] mints tokens where the signing secret is at hand.
//!
//! ```no_run
//! use tidings::{Event, Listener};
//!
//! # async fn token_of_my_backend() -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn listen() -> Result<(), Box<dyn std::error::Error>> {
//! let mut listener = Listener::builder("wss://….execute-api.eu-west-3.amazonaws.com/dev", token_of_my_backend)
//!     .channel("topic:news:41".parse::<tidings::Cursor>()?)
//!     .start()?;
//! loop {
//!     match listener.next().await? {
//!         Event::Notification { channel, item } => println!("{channel} {:?}: {:?}", item.seq, item.title),
//!         event => eprintln!("{event:?}"),
//!     }
//! }
//! # }
//! ```
//!
//! **Logs:** at level `trace` the `tungstenite` crate logs the handshake, token and all; an application that logs that
//! much should turn its target `tungstenite::handshake` off.
//!
//! What decides is pure: `ordering` (one channel) and `session` (the connection) take frames and the time, and return
//! what to do. `listener` and `socket` do it.

mod address;
mod channel;
mod endpoint;
mod event;
mod frame;
mod http;
mod item;
mod listener;
mod notification;
mod ordering;
mod session;
mod socket;
mod timing;
pub mod token;

pub use channel::{Channel, Cursor, InvalidChannel, InvalidCursor};
pub use endpoint::{Attempt, Endpoint, NewEndpoint, ReplayResponse, Target};
pub use event::Event;
pub use http::{ChannelState, Client, HttpError};
pub use item::Item;
pub use listener::{Builder, ListenError, Listener};
pub use notification::{ChannelPlace, Notification, NotificationState, SendResponse, SentChannel};
pub use timing::Timing;
