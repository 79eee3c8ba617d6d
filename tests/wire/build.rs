//! The build of the workspace: each package is compiled once, the bundle has no test features, and the pure crate has
//! few dependencies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{files_below, root};

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages that one is built with, each as `name features`.
fn built_with(package: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}|{f}",
    ]);
    let line = |line: &str| {
        let (package, features) = line.split_once('|').unwrap();
        format!("{} {}", package.split(' ').next().unwrap(), features.trim_end_matches(" (*)"))
    };
    tree.lines().filter(|line| !line.is_empty()).map(line).collect()
}

fn targets(kind: &str) -> Vec<Value> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    targets.filter(|target| target["kind"][0] == kind).cloned().collect()
}

/// `shared/domain` decides and does nothing. What the standard library and `jiff` could do, Clippy refuses there.
#[test]
fn the_domain_is_pure() {
    let built_with = built_with("domain");
    assert!(built_with.iter().any(|package| package.starts_with("jiff ")), "{built_with:?}");
    for package in &built_with {
        let name = package.split(' ').next().unwrap();
        let does = ["tokio", "mio", "hyper", "socket2", "reqwest", "getrandom", "rand", "tracing", "shared"];
        assert!(!does.contains(&name) && !name.starts_with("aws"), "the domain is built with {name}");
    }
    let refused = std::fs::read_to_string(root().join("shared/domain/clippy.toml")).unwrap();
    for what in ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "env::var"] {
        assert!(refused.contains(what), "Clippy lets the domain call {what}");
    }
}

/// `shared/kinds` writes messages and reads answers; only cryptography and random numbers come in addition.
#[test]
fn the_kinds_of_endpoints_are_pure() {
    let built_with = built_with("kinds");
    assert!(built_with.iter().any(|package| package.starts_with("domain ")), "{built_with:?}");
    for package in &built_with {
        let name = package.split(' ').next().unwrap();
        let does = ["tokio", "mio", "hyper", "socket2", "reqwest", "tracing", "shared"];
        let is_sdk = name.starts_with("aws") && !name.starts_with("aws-lc");
        assert!(!does.contains(&name) && !is_sdk, "the kinds are built with {name}");
    }
    let refused = |folder: &str| std::fs::read_to_string(root().join(folder).join("clippy.toml")).unwrap();
    assert_eq!(refused("shared/kinds"), refused("shared/domain"));
}

/// In the workspace's own builds all share one set of features, for which the functions, too, get some that only tests use.
#[test]
fn what_is_deployed_has_no_feature_of_the_tests() {
    let functions: Vec<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(functions.len() >= 12, "{functions:?}");
    let features = |package: &str, of: &str| {
        let found =
            built_with(package).into_iter().find_map(|each| Some(each.strip_prefix(&format!("{of} "))?.to_owned()));
        found.unwrap_or_default()
    };
    assert!(features("tidings-tests", "tokio").contains("test-util"), "the list shows what tests add");
    for function in functions {
        let tokio = features(&function, "tokio");
        assert!(tokio.contains("rt"), "{function} is built with tokio: {tokio}");
        assert!(!tokio.contains("test-util"), "{function} is deployed with tokio's test-util");
    }
}

/// A binary's own files. A library beside it has tests of its own.
fn files_of(main: &Path) -> Vec<PathBuf> {
    let (folder, text) = (main.parent().unwrap(), std::fs::read_to_string(main).unwrap());
    let modules = text.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let of_modules = modules.flat_map(|name| {
        let module = folder.join(name);
        let mut files = if module.is_dir() { files_below(&module) } else { Vec::new() };
        files.push(folder.join(name).with_extension("rs"));
        files
    });
    of_modules.chain([main.to_owned()]).collect()
}

/// A test binary without a test is linked for nothing.
#[test]
fn a_binary_is_built_for_tests_if_it_has_some() {
    for target in targets("bin") {
        let files = files_of(Path::new(target["src_path"].as_str().unwrap()));
        let has_tests = files.iter().any(|file| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            ["#[test]", "#[tokio::test", "proptest!"].iter().any(|mark| text.contains(mark))
        });
        assert_eq!(target["test"], has_tests, "`test` of the binary {} in its Cargo.toml", target["name"]);
    }
}
