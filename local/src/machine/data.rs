//! The folder that keeps a stack's data.

use std::{
    fs::{DirBuilder, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::error::StartError;

/// A data folder that no other stack uses while this value lives.
#[derive(Debug)]
pub(super) struct DataFolder {
    /// The folder.
    pub(super) path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder, closes it to other users of the machine, and locks it.
    pub(super) fn open(folder: &Path) -> Result<Self, StartError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StartError::file(folder))?;
        let path = folder.join("lock");
        if !close_to_others(folder, &path).map_err(StartError::file(folder))? {
            return Err(StartError::Open { folder: folder.to_owned() });
        }
        let lock = File::create(&path).map_err(StartError::file(&path))?;
        lock.try_lock().map_err(|_| StartError::InUse { folder: folder.to_owned() })?;
        Ok(Self { path: folder.to_owned(), _lock: lock })
    }
}

/// Takes other users' rights to a folder that was there before, if a stack has used it or nothing is in it. `false` for any other
/// folder that they may enter: its other uses are not known.
fn close_to_others(folder: &Path, lock: &Path) -> std::io::Result<bool> {
    let mut permissions = std::fs::metadata(folder)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(true);
    }
    if !lock.exists() && std::fs::read_dir(folder)?.next().is_some() {
        return Ok(false);
    }
    permissions.set_mode(0o700);
    std::fs::set_permissions(folder, permissions)?;
    Ok(true)
}
