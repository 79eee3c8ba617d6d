//! The use cases. Each says what a caller gets; the functions turn that into HTTP answers and frames.

mod channel;
mod close;
mod cut;
mod fan_out;
mod inbox;
mod send;
mod subscribe;

pub use channel::{ChannelState, Channels};
pub use cut::Cutter;
pub use fan_out::FanOut;
pub use inbox::{Inboxes, ReadMark};
pub use send::{Sender, Sent, SentChannel};
pub use subscribe::{Replay, Subscriptions};
