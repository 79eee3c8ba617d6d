//! The project's folder, and the binaries of its functions.

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

/// The one binary of a function's folder.
#[derive(Debug, PartialEq, Eq)]
struct Binary {
    package: String,
    manifest: PathBuf,
    name: String,
}

/// Builds the functions, unless `build` is false, and returns the path of each one's binary.
pub(crate) async fn executables(
    root: &Path,
    functions: &BTreeMap<String, Function>,
    build: bool,
    release: bool,
) -> Result<BTreeMap<String, PathBuf>, StartError> {
    if functions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let metadata = metadata(root).await?;
    let mut binaries = BTreeMap::new();
    for function in functions.values() {
        let binary = binary_in(&metadata, &root.join(&function.code)).ok_or_else(|| {
            StartError::Build(format!(
                "{}: its CodeUri {} holds no Rust package with one binary",
                function.name,
                function.code.display()
            ))
        })?;
        binaries.insert(function.name.clone(), binary);
    }
    if build { compile(root, &binaries, release).await } else { built_before(&metadata, &binaries, release) }
}

/// The binaries where cargo puts them by default. Only a build knows their paths for certain.
fn built_before(
    metadata: &Value,
    binaries: &BTreeMap<String, Binary>,
    release: bool,
) -> Result<BTreeMap<String, PathBuf>, StartError> {
    let folder = Path::new(metadata["target_directory"].as_str().unwrap_or("target"));
    let folder = folder.join(if release { "release" } else { "debug" });
    let paths = binaries.iter().map(|(function, binary)| {
        let path = folder.join(&binary.name);
        if path.is_file() {
            return Ok((function.clone(), path));
        }
        Err(StartError::Build(format!(
            "--no-build: there is no {}; leave --no-build out, which builds it, and finds it where a cargo setting such \
             as build.target puts it",
            path.display()
        )))
    });
    paths.collect()
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

/// The binary of a folder.
fn binary_in(metadata: &Value, folder: &Path) -> Option<Binary> {
    let manifest = folder.join("Cargo.toml").canonicalize().ok()?;
    let package = metadata["packages"]
        .as_array()?
        .iter()
        .find(|package| package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))?;
    let mut binaries = package["targets"].as_array()?.iter().filter(|target| is_binary(target));
    let (binary, None) = (binaries.next()?, binaries.next()) else { return None };
    let (package, name) = (package["name"].as_str()?.to_owned(), binary["name"].as_str()?.to_owned());
    Some(Binary { package, manifest, name })
}

fn is_binary(target: &Value) -> bool {
    target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"))
}

/// Has cargo build the binaries, and returns their paths.
async fn compile(
    root: &Path,
    binaries: &BTreeMap<String, Binary>,
    release: bool,
) -> Result<BTreeMap<String, PathBuf>, StartError> {
    if binaries.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut command = cargo(root);
    command.args(["build", "--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    command.args(selection(binaries.values(), release));
    let output = command.output().await.map_err(|error| StartError::Build(format!("cannot run cargo: {error}")))?;
    if !output.status.success() {
        return Err(StartError::Build("the functions do not build; see the messages above".to_owned()));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let paths = binaries.iter().map(|(function, binary)| {
        let path = messages.lines().find_map(|message| executable_of(message, binary));
        let path = path.ok_or_else(|| StartError::Build(format!("cargo built no binary {}", binary.name)))?;
        Ok((function.clone(), path))
    });
    paths.collect()
}

/// The arguments that name the binaries. Optimised binaries are built like those that are deployed, a package at a time. Others
/// are built out of the whole workspace, so that tests and the stack share its dependencies with the same features.
fn selection<'a>(binaries: impl Iterator<Item = &'a Binary>, release: bool) -> Vec<&'a str> {
    if release {
        let packages = binaries.flat_map(|binary| ["--package", &binary.package]);
        return [&["--release"][..], &packages.collect::<Vec<_>>()].concat();
    }
    let names = binaries.flat_map(|binary| ["--bin", &binary.name]);
    [&["--workspace"][..], &names.collect::<Vec<_>>()].concat()
}

/// The path of a binary, if this message of cargo's is about it.
fn executable_of(message: &str, binary: &Binary) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_it = message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == binary.manifest)
        && is_binary(&message["target"]);
    message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
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
        let manifest = folder.join("Cargo.toml").canonicalize().expect("our own manifest");
        let expected = Binary { package: "p".to_owned(), manifest, name: "f".to_owned() };
        assert_eq!(binary_in(&package(&["lib", "bin"]), folder), Some(expected));
        assert_eq!(binary_in(&package(&["bin", "bin"]), folder), None);
        assert_eq!(binary_in(&package(&["lib"]), folder), None);
    }

    #[test]
    fn what_is_optimised_is_built_by_package_and_all_else_out_of_the_workspace() {
        let binary = |package: &str, name: &str| {
            let manifest = Path::new("/").join(package).join("Cargo.toml");
            Binary { package: package.to_owned(), manifest, name: name.to_owned() }
        };
        let binaries = [binary("p", "f"), binary("q", "g")];
        assert_eq!(selection(binaries.iter(), false), ["--workspace", "--bin", "f", "--bin", "g"]);
        assert_eq!(selection(binaries.iter(), true), ["--release", "--package", "p", "--package", "q"]);
    }

    #[test]
    fn cargo_says_where_a_binary_is() {
        let binary = Binary { package: "p".to_owned(), manifest: "/p/Cargo.toml".into(), name: "f".to_owned() };
        let message = |manifest: &str, kind: &str, executable: Option<&str>| {
            let target = json!({"kind": [kind], "name": "f"});
            json!({"reason": "compiler-artifact", "manifest_path": manifest, "target": target, "executable": executable})
                .to_string()
        };
        let found = executable_of(&message("/p/Cargo.toml", "bin", Some("/t/x/f")), &binary);
        assert_eq!(found, Some("/t/x/f".into()));
        assert_eq!(executable_of(&message("/p/Cargo.toml", "lib", None), &binary), None);
        assert_eq!(executable_of(&message("/q/Cargo.toml", "bin", Some("/t/x/q")), &binary), None);
        assert_eq!(executable_of("not JSON", &binary), None);
    }
}
