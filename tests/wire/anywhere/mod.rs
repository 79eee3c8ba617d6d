//! What holds wherever the bundle runs: on a local stack, or deployed (`Target` says how to name it).

mod connections;
mod cors;
mod crash;
mod delivery;
mod refusals;
pub(crate) mod replay;
