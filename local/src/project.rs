//! Where the project is, and how its functions become binaries.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::process::Command;

use crate::{error::StartError, template::Function};

/// Finds the template: in the current folder, or in the nearest one above that has it.
pub(crate) fn find_template(template: &Path) -> Result<PathBuf, StartError> {
    let here = std::env::current_dir().map_err(StartError::file("."))?;
    // Joining an absolute path gives that path itself.
    let found = here.ancestors().map(|folder| folder.join(template)).find(|path| path.is_file());
    found.ok_or_else(|| {
        StartError::Template(format!(
            "there is no {} here or in a folder above; run this inside the project, or give --template FILE",
            template.display()
        ))
    })
}

/// Builds the functions, unless told not to, and says where each one's binary is.
pub(crate) async fn executables(
    root: &Path,
    functions: &BTreeMap<String, Function>,
    build: bool,
    release: bool,
) -> Result<BTreeMap<String, PathBuf>, StartError> {
    let metadata = metadata(root).await?;
    let folder = Path::new(metadata["target_directory"].as_str().unwrap_or("target"));
    let folder = folder.join(if release { "release" } else { "debug" });
    let mut packages = Vec::new();
    let mut executables = BTreeMap::new();
    for function in functions.values() {
        let (package, binary) = package_in(&metadata, &root.join(&function.code)).ok_or_else(|| {
            StartError::Build(format!(
                "{}: its CodeUri {} holds no Rust package with one binary",
                function.name,
                function.code.display()
            ))
        })?;
        packages.push(package);
        executables.insert(function.name.clone(), folder.join(binary));
    }
    if build {
        compile(root, &packages, release).await?;
    }
    if let Some(missing) = executables.values().find(|path| !path.is_file()) {
        return Err(StartError::Build(format!("there is no {}; leave out --no-build", missing.display())));
    }
    Ok(executables)
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn metadata(root: &Path) -> Result<Value, StartError> {
    let output = cargo(root)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|error| StartError::Build(format!("cannot run cargo: {error}; is Rust installed?")))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| StartError::Build("cargo metadata failed; see its message above".to_owned()))
}

/// The package and binary of a folder.
fn package_in(metadata: &Value, folder: &Path) -> Option<(String, String)> {
    let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
    let package = metadata["packages"]
        .as_array()?
        .iter()
        .find(|package| package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))?;
    let targets = package["targets"].as_array()?.iter();
    let mut binaries =
        targets.filter(|target| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin")));
    let (binary, None) = (binaries.next()?, binaries.next()) else { return None };
    Some((package["name"].as_str()?.to_owned(), binary["name"].as_str()?.to_owned()))
}

async fn compile(root: &Path, packages: &[String], release: bool) -> Result<(), StartError> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut command = cargo(root);
    command.arg("build").stdout(Stdio::null());
    for package in packages {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    let status = command.status().await.map_err(|error| StartError::Build(format!("cannot run cargo: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(StartError::Build("the functions do not build; see the messages above".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_function_is_the_one_binary_of_its_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = |kinds: &[&str]| {
            let targets: Vec<Value> = kinds.iter().map(|kind| json!({"kind": [kind], "name": "f"})).collect();
            json!({"packages": [{"name": "p", "manifest_path": folder.join("Cargo.toml"), "targets": targets}]})
        };
        let expected = Some(("p".to_owned(), "f".to_owned()));
        assert_eq!(package_in(&package(&["lib", "bin"]), folder), expected);
        assert_eq!(package_in(&package(&["bin", "bin"]), folder), None);
        assert_eq!(package_in(&package(&["lib"]), folder), None);
    }
}
