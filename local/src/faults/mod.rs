//! Faults on demand and the journal: the control API and the port of each service look into both.

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
