use std::path::PathBuf;

/// Why the stack does not start. Each is shown once, to a person, who then knows what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The template asks for something that cannot be served, or is wrong.
    #[error("{0}")]
    Template(String),
    /// A parameter has no value, or one that the template does not allow.
    #[error(
        "{0}\n(parameters are set by --parameter NAME=VALUE, or in samconfig.toml under [local.local_start_api.parameters])"
    )]
    Parameter(String),
    /// The functions cannot be built.
    #[error("{0}")]
    Build(String),
    /// Another stack keeps its data there.
    #[error("another stack uses {}; end it, or give this one another folder with --data", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// Others may read what is stored there.
    #[error(
        "others may read {}, and this stack's secrets and notifications would be there: `chmod 700` it, or give --data another folder",
        folder.display()
    )]
    Open {
        /// The folder.
        folder: PathBuf,
    },
    /// This machine has no secret of its own, or none that can be used.
    #[error("{0}")]
    MachineSecret(String),
    /// A fault that was to be armed from the start could never fire.
    #[error("--fault {rule}: {why}")]
    Fault {
        /// The rule as it was given.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another port with {flag}, or 0 for a free one")]
    Port {
        /// The port asked for.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database cannot be opened or a table not created.
    #[error("the database: {0}")]
    Database(String),
}

impl StartError {
    /// Names the file that an I/O error is about.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
