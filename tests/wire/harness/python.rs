//! Independent programs in Python, each with the packages that it needs.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::stack::binaries;

/// One test at a time installs, and the others find what it has installed.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A Python with these packages, installed beside the other build results; `None`, said aloud, where that is not possible.
/// `name` is its folder's.
pub(crate) fn python(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = binaries().join(name);
    let (python, pip, installed) = (home.join("bin/python"), home.join("bin/pip"), home.join("installed.txt"));
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&installed).is_ok_and(|known| known == wanted) {
        return Some(python);
    }
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).stdout(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let install = [&["install", "--quiet"], packages].concat();
    let ready = run("python3", &["-m", "venv", home.to_str()?]) && run(pip.to_str()?, &install);
    if ready && std::fs::write(installed, wanted).is_ok() {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "{packages:?} could not be installed with python3 and pip");
    // Not `eprintln!`, whose text a passing test keeps to itself.
    let skipped = format!(
        "\nSKIPPED: {packages:?} could not be installed with python3 and pip, so nothing was tried with them\n"
    );
    std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    None
}
