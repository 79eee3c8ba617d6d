//! The commands of the documents run as they are written.

use std::process::Stdio;

use tokio::process::Command;

use crate::endpoints::stack::LOOPBACK;
use crate::harness::{Folder, Stack, binaries, home, receiver_port, root};

/// The documents whose commands need no more than a local stack.
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "clients/rust/README.md",
    "docs/guides/quick-start.md",
    "docs/guides/schedule.md",
    "docs/guides/webhooks.md",
    "docs/guides/sms.md",
    "docs/guides/email.md",
];

/// Commands that do not end, need more than a stack, or are for a deployed one.
const LEFT_OUT: [&str; 11] = [
    "cargo local",
    "cargo tidings listen",
    "cargo test",
    "export TIDINGS_",
    "node ",
    "npm ",
    "pip ",
    "python3 ",
    "SECRET=",
    "sam ",
    "(cd ",
];

/// `ID` in a command is the id that an earlier command has printed. `curl` fails where the API refuses.
const PRELUDE: &str = r#"
set -eu
curl() { command curl --silent --show-error --fail-with-body "$@"; }
id() {
  if [ "$1" = endpoints ]; then "$TIDINGS" endpoints list "$3" --json | sed -n '1s/.*"id":"\([^"]*\)".*/\1/p'; else cat id; fi
}
cargo() {
  shift
  case " $* " in *" ID "*)
    found=$(id "$@")
    for word; do shift; if [ "$word" = ID ]; then set -- "$@" "$found"; else set -- "$@" "$word"; fi; done ;;
  esac
  "$TIDINGS" "$@" >printed || { echo "failed: tidings $*" >&2; return 1; }
  cat printed
  sed -n 's/ scheduled for .*//p' printed >scheduled
  if [ -s scheduled ]; then cp scheduled id; fi
}
"#;

/// The lines of the document's `sh` blocks that a local stack can run, in order.
fn commands(document: &str) -> String {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let blocks = text.split("\n```sh\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    let whole = blocks.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    let lines = whole.lines().filter(|line| !LEFT_OUT.iter().any(|command| line.starts_with(command)));
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn the_commands_of_the_docs_run_as_they_are_written() {
    let kinds = ["SmsDailyCap=100", "EmailDailyCap=100", "EmailFrom=tidings@example.com"];
    let parameters: Vec<_> = kinds.iter().flat_map(|parameter| ["--parameter", parameter]).collect();
    let receiver = format!("http://127.0.0.1:{}", receiver_port());
    let mut ran = 0;
    for document in DOCUMENTS {
        let stack = Stack::start_with(&[&LOOPBACK[..], &parameters].concat()).await;
        let folder = Folder::new("tidings-documents");
        let commands = commands(document);
        ran += commands.lines().filter(|line| line.contains("cargo tidings") || line.contains("curl")).count();
        // A thousand sends add nothing.
        let script = [PRELUDE, &commands]
            .concat()
            .replace("http://127.0.0.1:3000", &stack.http)
            .replace("http://127.0.0.1:9000", &receiver)
            .replace("seq 1000", "seq 5");
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(folder.path())
            .env_remove("TIDINGS_TOKEN")
            .env_remove("TIDINGS_SECRET")
            .env("HOME", home())
            .env("TIDINGS", binaries().join("tidings"))
            .env("TIDINGS_HTTP", &stack.http)
            .env("TIDINGS_WEBSOCKET", &stack.websocket)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{document}:\n{script}\n{output:?}");
    }
    assert!(ran >= 30, "{ran} commands were found");
}
