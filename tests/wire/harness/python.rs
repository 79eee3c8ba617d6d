//! Independent programs in Python, each with the packages that it needs.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::stack::{binaries, root};

/// One test at a time installs, and the others find what it has installed.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A Python with the packages that a folder of `tests` lists, installed beside the other build results; `None`, said aloud, where
/// that is not possible.
pub(crate) fn python(folder: &str) -> Option<PathBuf> {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = binaries().join(folder);
    let (python, pip, installed) = (home.join("bin/python"), home.join("bin/pip"), home.join("installed.txt"));
    let lists = ["build.txt", "requirements.txt"].map(|list| root().join("tests").join(folder).join(list));
    let lists: Vec<_> = lists.into_iter().filter(|list| list.exists()).collect();
    let wanted: String = lists.iter().map(|list| std::fs::read_to_string(list).unwrap()).collect();
    if std::fs::read_to_string(&installed).is_ok_and(|known| known == wanted) {
        return Some(python);
    }
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).stdout(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    // What has no wheel is built with what `build.txt` has locked, and not with what pip would fetch for that.
    let install = ["install", "--quiet", "--require-hashes", "--no-deps", "--no-build-isolation", "--requirement"];
    let has = |list: &PathBuf| run(pip.to_str().unwrap(), &[&install[..], &[list.to_str().unwrap()]].concat());
    let ready = run("python3", &["-m", "venv", "--clear", home.to_str()?]) && lists.iter().all(has);
    if ready && std::fs::write(installed, wanted).is_ok() {
        return Some(python);
    }
    let skipped = format!("what tests/{folder} lists could not be installed with python3 and pip");
    assert!(std::env::var_os("CI").is_none(), "{skipped}");
    // Not `eprintln!`, whose text a passing test keeps to itself.
    let line = format!("\nSKIPPED: {skipped}, so nothing was tried with it\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}
