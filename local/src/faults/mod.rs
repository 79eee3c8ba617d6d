//! Faults on demand and the journal of calls. The control API and each service use both.

mod armed;
mod journal;
mod limit;
mod rule;

pub(crate) use self::{
    armed::{Faults, Subject},
    journal::{Entry, Journal},
    limit::Write,
    rule::{Action, Effect, Known},
};
