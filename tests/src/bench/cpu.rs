//! The cost of a process, as Linux counts it.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

#[cfg(target_os = "linux")]
use nix::unistd::Pid;
use tokio::process::Command;

/// The CPU time of a process and all its threads, those that have ended included.
#[cfg(target_os = "linux")]
pub fn time(pid: u32) -> Duration {
    let clock = nix::time::clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    Duration::from(clock.now().unwrap())
}

#[cfg(not(target_os = "linux"))]
pub fn time(_: u32) -> Duration {
    panic!("what a process has cost is read as Linux counts it: run this bench there")
}

/// The most memory that it had, in KiB.
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Keeps the calling thread, and the processes that it starts from now on, on one core, where the machine has more than one.
#[cfg(target_os = "linux")]
pub fn stay_on_core(core: usize) {
    if cores() > 1 {
        let mut only = nix::sched::CpuSet::new();
        only.set(core).unwrap();
        nix::sched::sched_setaffinity(Pid::from_raw(0), &only).unwrap();
    }
}

#[cfg(not(target_os = "linux"))]
pub fn stay_on_core(_: usize) {}

/// The number of cores that the machine lets this process have, as it was at first.
fn cores() -> usize {
    static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    *CORES
}

/// A command that runs on one core alone, where the machine has a tool for that and more than one core.
pub fn on_core(core: usize, program: &Path) -> Command {
    let has_tool = std::process::Command::new("taskset").arg("--version").output().is_ok();
    if !has_tool || cores() <= core {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}
