//! Building what a bench runs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Builds what these arguments of `cargo build` name, optimised if the bench is; gives the folder.
pub fn build(what: &[&str]) -> PathBuf {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut build = Command::new(env!("CARGO"));
    let status = build.args(["build", "--profile", profile]).args(what).current_dir(root()).status().unwrap();
    assert!(status.success(), "it does not build");
    // target/debug/examples/NAME → target/debug
    std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned()
}
