//! The use cases. Each says what a caller gets; the functions turn that into HTTP answers and frames.

mod attempt;
mod channel;
mod close;
mod cut;
mod deliver;
mod disable;
mod endpoints;
mod fan_out;
mod inbox;
mod ingest;
mod notification;
mod poll;
mod push;
mod schedule;
mod send;
mod series;
mod share;
mod subscribe;
mod sweep;
mod ticket;

pub use attempt::{Attempted, Attempter, Parts};
pub use channel::{ChannelState, Channels};
pub use cut::Cutter;
pub use deliver::{Delivered, Deliverer};
pub use endpoints::{EndpointState, Endpoints, Replayed};
pub use fan_out::{FanOut, Pushed};
pub use inbox::{Inboxes, ReadMark};
pub use ingest::Ingester;
pub use notification::{NotificationState, Notifications, Place};
pub use poll::Poller;
pub use schedule::Scheduler;
pub use send::{Sender, Sent, SentChannel};
pub use share::Sharer;
pub use subscribe::{Replay, Subscriptions};
pub use sweep::{Sweeper, Swept};
pub use ticket::{Ticket, Tickets};
