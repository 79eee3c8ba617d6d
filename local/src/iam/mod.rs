//! IAM: policies, and whether they allow a call.

mod pattern;
mod policy;

pub(crate) use self::{
    pattern::matches,
    policy::{Effect, Right, Statement, allows, one_or_more},
};
