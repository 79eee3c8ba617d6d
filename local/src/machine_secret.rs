//! This machine's own secret: a random text, in a file that only its owner may read. The secret replaces [`PLACEHOLDER`] in the
//! values of parameters.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::StartError;

/// Stands for the secret.
const PLACEHOLDER: &str = "{{machine_secret}}";

/// The path of the file in the home folder. Clients of the stack read it there.
const FILE: &str = ".tidings/local-secret";

/// The bytes of a secret at least: HS256 needs as many (RFC 7518 section 3.2).
const SHORTEST: usize = 32;

/// Fills the secret in. Of several values of one parameter, the last counts. The first stack on a machine makes the secret.
pub(crate) fn fill_in(parameters: Vec<(String, String)>) -> Result<Vec<(String, String)>, StartError> {
    let mut last: BTreeMap<String, String> = parameters.into_iter().collect();
    for value in last.values_mut().filter(|value| value.contains(PLACEHOLDER)) {
        *value = value.replace(PLACEHOLDER, &get_or_make(&place()?)?);
    }
    Ok(last.into_iter().collect())
}

fn place() -> Result<PathBuf, StartError> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let home = home.ok_or_else(|| {
        StartError::MachineSecret("there is no home folder for this machine's secret; set HOME".into())
    })?;
    Ok(home.join(FILE))
}

fn get_or_make(path: &Path) -> Result<String, StartError> {
    if let Some(secret) = read(path)? {
        return Ok(secret);
    }
    make(path).map_err(StartError::file(path))?;
    read(path)?.ok_or_else(|| StartError::MachineSecret(format!("{} was removed while it was made", path.display())))
}

fn read(path: &Path) -> Result<Option<String>, StartError> {
    let secret = match std::fs::read_to_string(path) {
        Ok(secret) => secret.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StartError::file(path)(error)),
    };
    let mode = std::fs::metadata(path).map_err(StartError::file(path))?.permissions().mode();
    let broken = |why: &str| Err(StartError::MachineSecret(format!("{}: {why}", path.display())));
    if mode & 0o077 != 0 {
        return broken("others may read this machine's secret; remove the file, and the stack makes another one");
    }
    if secret.len() < SHORTEST {
        return broken("the secret is too short; remove the file, and the stack makes another one");
    }
    Ok(Some(secret))
}

fn make(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The file is complete before it gets its name: of several stacks that start at once, one makes the secret for all.
    let mut draft = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    writeln!(draft, "{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; SHORTEST]>()))?;
    match draft.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn one_secret_is_made_however_many_stacks_start_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/local-secret");
        let secrets: BTreeSet<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| get_or_make(&path).expect("a secret"))).collect();
            starts.into_iter().map(|start| start.join().expect("it ends")).collect()
        });
        assert_eq!(secrets.len(), 1);
        assert!(secrets.iter().all(|secret| secret.len() == 43), "32 random bytes");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert_eq!(
            std::fs::read_dir(path.parent().expect("a folder")).expect("a folder").count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn a_secret_that_others_may_read_or_guess_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("local-secret");
        for (text, mode, why) in [("x".repeat(43), 0o644, "others may read"), ("x".to_owned(), 0o600, "too short")] {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
            let error = get_or_make(&path).expect_err("it is refused").to_string();
            assert!(error.contains(why) && error.contains("remove the file"), "{error}");
        }
    }

    #[test]
    fn only_the_last_value_of_a_parameter_counts() {
        let given =
            [("A", PLACEHOLDER), ("A", "set"), ("B", "b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let filled = fill_in(given.to_vec()).expect("no secret is needed");
        assert_eq!(filled, [("A", "set"), ("B", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
