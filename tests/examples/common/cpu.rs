//! What a process has cost, as Linux counts it.

use std::path::Path;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use tokio::process::Command;

/// The CPU time of a process and all its threads, those that have ended included.
pub(crate) fn time(pid: u32) -> Duration {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    Duration::from(clock.now().unwrap())
}

/// The most memory that it had, in KiB.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A command that runs on one core alone, where the machine has a tool for that and more than one core.
pub(crate) fn on_core(core: usize, program: &Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let has_tool = std::process::Command::new("taskset").arg("--version").output().is_ok();
    if !has_tool || cores <= core {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}
