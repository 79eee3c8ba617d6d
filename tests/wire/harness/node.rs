//! The browser client, as a program of its own in Node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin};

use super::root;

/// One test at a time installs, and the others find what it has installed.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Has npm install what a folder's lock file names, unless it is there; says whether it is.
pub(crate) fn npm_install(folder: &Path) -> bool {
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let (wanted, stamp) = (folder.join("package-lock.json"), folder.join("node_modules/installed.json"));
    let wanted = std::fs::read(wanted).unwrap();
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return true;
    }
    npm(folder, &["ci", "--silent"]) && std::fs::write(stamp, wanted).is_ok()
}

fn npm(folder: &Path, arguments: &[&str]) -> bool {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(folder).stdout(Stdio::null()).stderr(errors());
    npm.status().is_ok_and(|status| status.success())
}

/// Where a program in Node writes its errors: by a pipe of its own to ours. Node makes the pipe that it writes to one that does
/// not wait, and if that is ours as well, what a failed test has to tell is cut off as soon as its reader is slow.
pub(crate) fn errors() -> Stdio {
    let (mut from, to) = std::io::pipe().unwrap();
    std::thread::spawn(move || std::io::copy(&mut from, &mut std::io::stderr()));
    to.into()
}

/// The folder of the client, built once, with what its own tests need; `None`, said aloud, where there is no Node.
pub(crate) fn clients_js() -> Option<PathBuf> {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let folder = root().join("clients/js");
    let built = BUILT.get_or_init(|| npm_install(&folder) && npm(&folder, &["run", "--silent", "pretest"]));
    if *built {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "clients/js could not be built with node and npm");
    // Not `eprintln!`, whose text a passing test keeps to itself.
    let skipped = b"\nSKIPPED: clients/js could not be built with node and npm, so it was not tried\n";
    std::io::Write::write_all(&mut std::io::stderr(), skipped).unwrap();
    None
}

/// A listener in a process of its own. It ends with the value.
pub(crate) struct Listener {
    _process: Child,
    _input: ChildStdin,
    heard: Arc<Mutex<Heard>>,
}

/// The events of a listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The seqs that the application was handed, of each channel, in that order.
    pub(crate) seqs: BTreeMap<String, Vec<u64>>,
    /// The states that it was in.
    pub(crate) states: Vec<String>,
    /// Its other events: gaps and errors.
    pub(crate) troubles: Vec<Value>,
}

impl Listener {
    /// Starts one with these options, as `clients/js/test/listen.mjs` takes them.
    pub(crate) async fn start(options: &Value) -> Option<Self> {
        let folder = tokio::task::spawn_blocking(clients_js).await.unwrap()?;
        let mut process = tokio::process::Command::new("node")
            .arg(folder.join("test/listen.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        input.write_all(format!("{options}\n").as_bytes()).await.unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                told.lock().unwrap().hear(&serde_json::from_str(&line).unwrap());
            }
        });
        Some(Self { _process: process, _input: input, heard })
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

impl Heard {
    fn hear(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        match event["event"].as_str().unwrap() {
            "notification" => self.seqs.entry(text("channel")).or_default().push(event["seq"].as_u64().unwrap()),
            "state" => self.states.push(text("state")),
            "gap" | "error" => self.troubles.push(event.clone()),
            _ => {}
        }
    }

    /// The number of times that it was in a state.
    pub(crate) fn times(&self, state: &str) -> usize {
        self.states.iter().filter(|one| *one == state).count()
    }
}
