use std::path::PathBuf;

/// The reasons for which the stack does not start. Each is shown once, to a person, and says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The template is wrong, or asks for something that the local stack does not serve.
    #[error("{0}")]
    Template(String),
    /// A parameter has no value, or a value that the template does not allow.
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
    /// Other users may read the folder.
    #[error(
        "others may read {}, and this stack's secrets and notifications would be there: `chmod 700` it, or give --data another folder",
        folder.display()
    )]
    Open {
        /// The folder.
        folder: PathBuf,
    },
    /// This machine's secret cannot be made or used.
    #[error("{0}")]
    MachineSecret(String),
    /// A fault of the command line could never fire.
    #[error("--fault {rule}: {why}")]
    Fault {
        /// The rule as it was given.
        rule: String,
        /// The mistake in it.
        why: String,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another port with {flag}, or 0 for a free one")]
    Port {
        /// The port asked for.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// The database cannot be opened, or a table cannot be created.
    #[error("the database: {0}")]
    Database(String),
}

impl StartError {
    /// Adds the file to an I/O error.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
