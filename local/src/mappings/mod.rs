//! Event source mappings: pollers that read queues for functions.

mod answer;
mod event;
mod poller;

pub(crate) use self::poller::Poller;
