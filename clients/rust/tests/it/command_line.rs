use std::process::Stdio;

use serde_json::{Value, json};
use tidings::token::Claims;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::server::{Server, within};

fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for variable in ["TIDINGS_HTTP", "TIDINGS_WEBSOCKET", "TIDINGS_TOKEN", "TIDINGS_SECRET", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

async fn output(mut command: Command) -> (bool, String, String) {
    let output = within(command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn listen_prints_each_notification_once_and_stops_at_the_count() {
    let server = Server::start().await;
    let arguments = ["--websocket", &server.url(), "listen", "--sub", "bob", "topic:a:41", "--json", "--count", "3"];
    let listening = output(tidings(&arguments));
    let serving = async {
        let mut peer = server.accept().await;
        let token = peer.protocols.strip_prefix("tidings, bearer.").unwrap();
        let claims = Claims::read_unverified(token).unwrap();
        assert_eq!(
            (&*claims.sub, claims.channels.len(), claims.subscribe),
            ("bob", 0, vec!["*".to_owned(), "user:*".to_owned()])
        );
        let (question, reference) = peer.question().await;
        assert_eq!(question["after"], 41);
        peer.question().await;
        peer.notify("topic:a", &[42]).await;
        peer.subscribed("topic:a", 42, reference).await;
        peer.notify("topic:a", &[42, 44, 43]).await;
        peer.closed().await;
    };
    let ((success, printed, told), ()) = tokio::join!(listening, serving);
    assert!(success, "{told}");
    let line = |seq| json!({"channel": "topic:a", "seq": seq, "id": "x", "sent_at": "", "body": "b"});
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [line(42), line(43), line(44)]);
    assert_eq!(told, "connected\n");
}

#[tokio::test]
async fn listen_ends_quietly_when_nobody_reads_it() {
    let server = Server::start().await;
    let mut child = tidings(&["--websocket", &server.url(), "listen", "user:alice:0"]).spawn().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    peer.subscribed("user:alice", 0, reference).await;
    peer.notify("user:alice", &[1]).await;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(within(lines.next_line()).await.unwrap().as_deref(), Some("user:alice #1  b"));
    drop(lines);
    peer.notify("user:alice", &[2]).await;
    assert!(within(child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn listen_fails_when_the_token_is_refused() {
    let server = Server::start().await;
    let refusing = async {
        for _ in 0..3 {
            server.refuse("401 Unauthorized").await;
        }
    };
    let begin = std::time::Instant::now();
    let ((success, _, told), ()) = tokio::join!(output(tidings(&["--websocket", &server.url(), "listen"])), refusing);
    assert!(begin.elapsed() < std::time::Duration::from_secs(5));
    assert!(!success);
    assert!(told.contains("401"), "{told}");
}

#[tokio::test]
async fn nothing_signed_by_the_local_secret_leaves_this_machine() {
    for arguments in [
        &["--websocket", "wss://api.example.org", "listen"][..],
        &["--http", "https://api.example.org", "send", "user:alice", "--body", "x"],
        &["--http", "https://api.example.org", "channel", "user:alice"],
    ] {
        let (success, _, told) = output(tidings(arguments)).await;
        assert!(!success);
        assert!(told.contains("TIDINGS_TOKEN"), "{told}");
    }
}

#[tokio::test]
async fn token_prints_what_was_asked_for_signed_with_the_given_secret() {
    let mut command =
        tidings(&["token", "--sub", "alice", "--publish", "*", "--channel", "topic:a", "--expires", "2h"]);
    command.env("TIDINGS_SECRET", "a secret");
    let (success, printed, told) = output(command).await;
    assert!(success, "{told}");
    let claims = Claims::read_unverified(printed.trim()).unwrap();
    assert_eq!((&*claims.sub, claims.publish.len(), claims.exp - claims.iat), ("alice", 1, 7_200));
    assert_eq!(claims.sign("a secret").unwrap(), printed.trim());
}

#[tokio::test]
async fn an_empty_secret_signs_nothing() {
    let mut command = tidings(&["token", "--sub", "alice"]);
    command.env("TIDINGS_SECRET", "");
    let (success, printed, told) = output(command).await;
    assert!(!success);
    assert!(printed.is_empty() && told.contains("TIDINGS_SECRET"), "{told}");
}

#[tokio::test]
async fn the_local_secret_for_a_deployed_stack_is_warned_of() {
    let deployed = ["--http", "https://api.example.org", "token", "--sub", "alice"];
    let (success, _, told) = output(tidings(&deployed)).await;
    assert!(success && told.contains("TIDINGS_SECRET"), "{told}");
    let mut signed = tidings(&deployed);
    signed.env("TIDINGS_SECRET", "a secret");
    for command in [signed, tidings(&["token", "--sub", "alice"])] {
        assert_eq!(output(command).await.2, "");
    }
}

#[tokio::test]
async fn a_secret_on_the_command_line_is_refused() {
    let (success, _, told) = output(tidings(&["token", "--sub", "alice", "--secret", "hush"])).await;
    assert!(!success && told.contains("--secret"), "{told}");
}

#[tokio::test]
async fn no_log_shows_the_token_whatever_the_filter() {
    for filter in ["trace", "tungstenite::handshake::client=trace", "tungstenite=trace"] {
        let server = Server::start().await;
        let arguments = ["--websocket", &server.url(), "listen", "--count", "1", "user:alice:0"];
        let mut command = tidings(&arguments);
        command.env("RUST_LOG", filter);
        let serving = async {
            let mut peer = server.accept().await;
            let (_, reference) = peer.question().await;
            peer.notify("user:alice", &[1]).await;
            peer.subscribed("user:alice", 1, reference).await;
            peer.closed().await;
            peer.protocols.strip_prefix("tidings, bearer.").unwrap().to_owned()
        };
        let ((success, _, told), token) = tokio::join!(output(command), serving);
        assert!(success, "{told}");
        assert!(!told.contains(&token), "{filter} shows the token");
    }
}

#[tokio::test]
async fn a_proxy_never_sees_what_goes_to_this_machine() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut command = tidings(&["--http", &url, "channel", "user:alice"]);
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    command.env("HTTP_PROXY", &address).env("http_proxy", &address).env_remove("NO_PROXY").env_remove("no_proxy");
    let _running = command.spawn().unwrap();
    let direct = tokio::select! {
        accepted = within(listener.accept()) => accepted.is_ok(),
        _ = within(proxy.accept()) => false,
    };
    assert!(direct);
}

#[tokio::test]
async fn help_never_shows_a_secret() {
    for command in [&["--help"][..], &["token", "--help"], &["listen", "--help"]] {
        let mut command = tidings(command);
        command.env("TIDINGS_TOKEN", "hush").env("TIDINGS_SECRET", "hush");
        let (success, printed, _) = output(command).await;
        assert!(success);
        assert!(!printed.contains("hush"), "{printed}");
    }
}
