//! Event source mappings: what reads the queues for functions.

mod answer;
mod event;
mod poller;

pub(crate) use self::poller::Poller;
