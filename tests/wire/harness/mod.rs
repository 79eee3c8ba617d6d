//! A local stack of one's own, and ways to talk to it.

mod dynamodb;
mod function;
mod proxy;
mod socket;
mod stack;
mod token;

pub(crate) use function::{Function, environment};
pub(crate) use proxy::Proxy;
pub(crate) use socket::Socket;
pub(crate) use stack::{PATIENCE, Stack, binaries, root};
pub(crate) use token::{LOCAL_SECRET, in_an_hour, sign};
