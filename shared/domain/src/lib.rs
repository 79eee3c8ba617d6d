//! What notifications, channels and logs are, and the decisions about them; nothing in here does anything.

pub mod allowance;
pub mod append;
pub mod channel;
pub mod claims;
pub mod content;
pub mod data;
pub mod endpoint;
pub mod frame;
pub mod inbound;
pub mod item;
pub mod pace;
pub mod pattern;
pub mod poll;
pub mod polled;
pub mod refusal;
pub mod replay;
pub mod request;
pub mod schedule;
pub mod send;
pub mod seq;
pub mod share;
pub mod span;
pub mod time;
pub mod unread;
mod user_name;
pub mod waiting;
pub mod wording;
