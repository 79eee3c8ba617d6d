//! A local stack of one's own, and ways to talk to it.

mod bundle;
mod clock;
mod dynamodb;
mod folder;
mod function;
mod log;
mod node;
mod port;
mod proxy;
mod python;
mod receiver;
mod room;
mod said;
mod sdk;
mod socket;
mod stack;
mod target;
mod template;
mod token;

pub(crate) use bundle::{Answer, Bundle, PATIENCE};
pub(crate) use folder::{Folder, files_below};
pub(crate) use function::{Function, environment};
pub(crate) use node::{Heard, Listener, clients_js, errors, npm_install};
pub(crate) use port::{RECEIVERS, bind_receiver, receiver_port};
pub(crate) use proxy::Proxy;
pub(crate) use python::python;
pub(crate) use receiver::{Received, Receiver, Reply};
pub(crate) use room::room;
pub(crate) use socket::Socket;
pub(crate) use stack::{Stack, binaries, root};
pub(crate) use target::Target;
pub(crate) use template::{each_in_template, each_resource};
pub(crate) use token::{home, in_an_hour, local_secret, sign};
