//! Sending later, where only a local stack can show it: on time, through faults, outages and changes of the clocks.

mod clocks;
mod outage;
mod punctual;
