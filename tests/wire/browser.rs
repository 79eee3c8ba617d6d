//! The page and the examples of the docs in a real browser. The scripts in `tests/browser` drive it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::endpoints::stack::LOOPBACK;
use crate::harness::{Folder, Proxy, Stack, binaries, clients_js, errors, home, npm_install, receiver_port, root};
use crate::schedule::tell;

/// One browser at a time: each keeps a core busy, and some scripts judge how soon something is shown.
static BROWSER: Mutex<()> = Mutex::const_new(());

/// Longer than any script takes that works.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The documents whose examples run. Each entry has one example for browsers and one for Node.
const DOCUMENTS: [&[&str]; 2] = [&["docs/guides/browser.md", "docs/guides/node.md"], &["clients/js/README.md"]];

/// The names that Chromium goes by.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).flat_map(|folder| CHROMIUM.map(|name| folder.join(name))).find(|file| file.is_file())
}

/// Chromium, with all that the scripts need besides; `None`, said aloud, where something is missing.
fn browser() -> Option<PathBuf> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    clients_js()?;
    let missing = if !INSTALLED.get_or_init(|| npm_install(&root().join("tests/browser"))) {
        "npm could not install what tests/browser needs"
    } else if let Some(chromium) = chromium() {
        return Some(chromium);
    } else {
        "Chromium is missing (Debian: apt-get install chromium)"
    };
    assert!(std::env::var_os("CI").is_none(), "{missing}, and in CI nothing is skipped");
    tell(&format!("SKIPPED: {missing}, so nothing was tried in a browser"));
    None
}

/// Starts a script of `tests/browser`.
fn start(script: &str, stack: &Stack, given: &Value) -> Child {
    Command::new("node")
        .args([&format!("{script}.mjs"), &given.to_string()])
        .current_dir(root().join("tests/browser"))
        .env_remove("TIDINGS_TOKEN")
        .env_remove("TIDINGS_SECRET")
        .env("HOME", home())
        .env("TIDINGS_HTTP", &stack.http)
        .env("TIDINGS_WEBSOCKET", &stack.websocket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Does what a script asks for, until it ends.
async fn serve(process: &mut Child, stack: &mut Stack, proxy: &Proxy) {
    let mut answers = process.stdin.take().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(text) = line["said"].as_str() {
            stack.said.text(text);
        } else if let Some(text) = line["tell"].as_str() {
            tell(text);
        } else {
            match line["ask"].as_str().unwrap() {
                "restart" => stack.kill_and_restart(),
                "block" => proxy.block(true),
                "unblock" => proxy.block(false),
                other => panic!("a script asks for {other}"),
            }
            answers.write_all(b"done\n").await.unwrap();
        }
    }
}

/// Runs a script against a stack of its own, with further arguments; and gives it what more it needs.
async fn run(script: &str, arguments: &[&str], more: Value) {
    let Some(chromium) = tokio::task::spawn_blocking(browser).await.unwrap() else { return };
    let _alone = BROWSER.lock().await;
    let mut stack = Stack::start_with(arguments).await;
    let proxy = Proxy::to(&stack.websocket).await;
    let mut given = json!({
        "http": stack.http, "websocket": stack.websocket, "aws": stack.aws, "proxy": proxy.address(),
        "chromium": chromium, "tidings": binaries().join("tidings"), "client": root().join("clients/js"),
        "screenshots": root().join("target/screenshots"),
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut process = start(script, &stack, &given);
    let serving = async {
        serve(&mut process, &mut stack, &proxy).await;
        process.wait().await.unwrap()
    };
    let status = tokio::time::timeout(LONGEST, serving).await.expect("the script does not end");
    assert!(status.success(), "tests/browser/{script}.mjs failed; see its errors above");
}

#[tokio::test]
async fn what_tidings_send_sends_is_on_the_page_within_a_second() {
    run("arrives", &[], json!({})).await;
}

#[tokio::test]
async fn a_page_goes_on_after_a_kill_and_restart_of_the_stack_without_a_reload() {
    let folder = Folder::new("tidings-page");
    run("restart", &["--data", folder.path()], json!({})).await;
}

#[tokio::test]
async fn what_is_scheduled_on_the_page_is_listed_there_and_arrives_at_its_time() {
    run("later", &[], json!({})).await;
}

#[tokio::test]
async fn a_page_polls_while_sockets_are_blocked_and_comes_back_to_them() {
    run("polling", &[], json!({})).await;
}

#[tokio::test]
async fn the_browser_notifies_who_has_no_page_open() {
    let port = receiver_port();
    let loopback = format!("AllowLoopbackWebhooks={port}");
    run("push", &["--parameter", &loopback], json!({"port": port})).await;
}

#[tokio::test]
async fn the_worker_of_the_docs_shows_each_push_and_opens_addresses_of_the_web_only() {
    let docs = json!({"docs": root().join("docs/guides/web-push.md")});
    run("worker", &["--parameter", "AllowLoopbackWebhooks=9"], docs).await;
}

#[tokio::test]
async fn a_link_signs_nobody_in_as_somebody_else_unless_the_reader_agrees() {
    run("linked", &[], json!({})).await;
}

#[tokio::test]
async fn the_page_follows_no_redirect_and_says_what_is_wrong() {
    run("redirected", &[], json!({})).await;
}

#[tokio::test]
async fn nothing_on_the_page_keeps_anybody_out() {
    run("looks", &[], json!({})).await;
}

#[tokio::test]
async fn the_page_can_be_used_with_the_keyboard_alone() {
    run("keyboard", &[], json!({})).await;
}

#[tokio::test]
async fn nothing_in_a_notification_is_run_by_the_page() {
    run("hostile", &[], json!({})).await;
}

#[tokio::test]
async fn a_page_of_another_origin_can_do_nothing_with_a_local_stack() {
    run("stranger", &LOOPBACK, json!({})).await;
}

#[tokio::test]
async fn three_tabs_share_one_connection_and_another_takes_over_within_five_seconds() {
    run("tabs", &[], json!({})).await;
}

#[tokio::test]
async fn a_tab_keeps_nothing_of_ten_thousand_notifications() {
    run("crowded", &[], json!({})).await;
}

#[tokio::test]
async fn the_examples_of_the_docs_run_as_they_are_written() {
    for documents in DOCUMENTS {
        let paths: Vec<_> = documents.iter().map(|document| root().join(document)).collect();
        run("examples", &[], json!({"documents": paths})).await;
    }
}

#[test]
fn the_page_has_the_client_as_it_is_built() {
    let Some(client) = clients_js() else { return };
    let (built, served) = (client.join("dist/tidings.js"), root().join("functions/page/assets/tidings.js"));
    let advice = "copy clients/js/dist/tidings.js to functions/page/assets";
    assert!(std::fs::read(built).unwrap() == std::fs::read(served).unwrap(), "{advice}");
}
