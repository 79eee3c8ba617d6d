//! Sending later, where only a local stack can show it: on time, through faults, outages and changes of the clocks.

mod clocks;
mod content;
mod crowd;
mod faults;
mod load;
mod outage;
mod punctual;
pub(crate) mod rows;
mod trial;

/// Says what a reader of a passing test's log is to see.
pub(crate) fn tell(line: &str) {
    // Not `eprintln!`, whose text a passing test keeps to itself.
    std::io::Write::write_all(&mut std::io::stderr(), format!("\n{line}\n").as_bytes()).unwrap();
}
