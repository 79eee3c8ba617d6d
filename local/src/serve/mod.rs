//! HTTP/1.1 servers on loopback ports, and the requests that they refuse.

pub(crate) mod guard;
mod message;
mod server;

pub(crate) use self::{
    message::{Answer, BodyError, Hangup, Request, Response, json, read_body, response},
    server::{IdleCloser, Peer, bind, serve},
};
