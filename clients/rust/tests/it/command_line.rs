use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tidings::token::Claims;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::http::{CANCELLED, SCHEDULED, serve};
use crate::server::{Server, within};

/// A home folder in which a local stack has made its secret.
fn home() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home-of-a-client");
    std::fs::create_dir_all(home.join(".tidings")).unwrap();
    std::fs::write(home.join(".tidings/local-secret"), "a secret of at least thirty-two bytes\n").unwrap();
    home
}

pub(crate) fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command
        .args(arguments)
        .env("HOME", home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for variable in ["TIDINGS_HTTP", "TIDINGS_WEBSOCKET", "TIDINGS_TOKEN", "TIDINGS_SECRET", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// The program against an API that answers once; its success, what it printed and told, and what it asked.
pub(crate) async fn asked(answer: (&'static str, &'static str), arguments: &[&str]) -> (bool, String, String, String) {
    let (url, server) = serve(Box::leak(Box::new([answer]))).await;
    let (success, printed, told) = output(tidings(&[&["--http", &url], arguments].concat())).await;
    (success, printed, told, within(server).await.unwrap().remove(0))
}

pub(crate) async fn output(mut command: Command) -> (bool, String, String) {
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
    // A process that another test starts at this moment has a copy of the pipe until it runs its own program. So the first line may
    // find a reader still, and a later one finds none.
    let notifying = tokio::spawn(async move {
        for seq in 2.. {
            peer.notify("user:alice", &[seq]).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    assert!(within(child.wait()).await.unwrap().success());
    notifying.abort();
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
        &["--http", "https://api.example.org", "notification", "n-1"],
        &["--http", "https://api.example.org", "cancel", "n-1"],
        &["--http", "https://api.example.org", "endpoints", "list", "user:alice"],
    ] {
        let (success, _, told) = output(tidings(arguments)).await;
        assert!(!success);
        assert!(told.contains("TIDINGS_TOKEN"), "{told}");
    }
}

#[tokio::test]
async fn send_prints_the_id_and_the_time_of_a_scheduled_notification() {
    let at = ["--at", "2026-11-22T21:00:00+01:00"];
    let repeat = ["--repeat", "0 9 * * 1", "--time-zone", "Europe/Paris"];
    for (flags, fields) in [
        (&at[..], json!({"deliver_at": at[1]})),
        (&["--delay", "15m"], json!({"delay": "15m"})),
        (&repeat, json!({"repeat": repeat[1], "time_zone": repeat[3]})),
    ] {
        let arguments = [&["send", "user:alice", "--body", "b"], flags].concat();
        let (success, printed, told, request) = asked(("202 Accepted", SCHEDULED), &arguments).await;
        assert!(success, "{told}");
        assert_eq!(printed, "n-1 scheduled for 2026-11-22T20:00:00.000Z\n");
        let mut body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        body.as_object_mut().unwrap().retain(|name, _| name != "to" && name != "body");
        assert_eq!(body, fields);
    }
}

#[tokio::test]
async fn send_takes_one_time_and_a_time_zone_only_for_a_repeat() {
    for (flags, named) in [
        (["--at", "2026-11-22T21:00:00+01:00", "--delay", "15m"], "--delay"),
        (["--delay", "15m", "--time-zone", "Europe/Paris"], "--repeat"),
    ] {
        let (success, _, told) = output(tidings(&[&["send", "user:alice", "--body", "b"], &flags[..]].concat())).await;
        assert!(!success && told.contains(named), "{told}");
    }
}

#[tokio::test]
async fn cancel_says_what_is_cancelled() {
    let (success, printed, told, request) = asked(("200 OK", CANCELLED), &["cancel", "n-1"]).await;
    assert!(success, "{told}");
    assert_eq!(printed, "n-1 cancelled\n");
    assert!(request.starts_with("DELETE /v1/notifications/n-1 "), "{request}");
}

#[tokio::test]
async fn cancel_fails_with_the_servers_words() {
    for (answer, words) in [
        (("409 Conflict", r#"{"code": "already_sent", "detail": "it was sent"}"#), "already_sent: it was sent"),
        (("404 Not Found", r#"{"code": "not_found", "detail": "no such id"}"#), "not_found: no such id"),
    ] {
        let (success, printed, told, _) = asked(answer, &["cancel", "n-1"]).await;
        assert!(!success && printed.is_empty());
        assert_eq!(told, format!("tidings: {words}\n"));
    }
}

#[tokio::test]
async fn notification_shows_its_state() {
    let (success, printed, told, request) = asked(("200 OK", CANCELLED), &["notification", "n-1"]).await;
    assert!(success, "{told}");
    for row in ["n-1\n", "  state        cancelled\n", "  repeat       0 9 * * 1\n", "  to           user:alice\n"] {
        assert!(printed.contains(row), "{printed}");
    }
    assert!(request.starts_with("GET /v1/notifications/n-1 "), "{request}");
    let (_, printed, ..) = asked(("200 OK", CANCELLED), &["notification", "n-1", "--json"]).await;
    let expected: Value = serde_json::from_str(CANCELLED).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
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
async fn without_a_local_stack_the_error_names_what_to_start() {
    for arguments in [&["token", "--sub", "alice"][..], &["send", "user:alice", "--body", "x"], &["listen"]] {
        let mut command = tidings(arguments);
        command.env("HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("nobody"));
        let (success, printed, told) = output(command).await;
        assert!(!success && printed.is_empty());
        assert!(told.contains("local-secret") && told.contains("cargo local"), "{told}");
    }
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
async fn vapid_prints_new_keys_and_tells_what_to_do_with_the_public_one() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (success, printed, told) = output(tidings(&["vapid", "--subject", "mailto:ops@example.com"])).await;
        assert!(success, "{told}");
        let keys: serde_json::Map<String, Value> = serde_json::from_str(&printed).unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["private_key", "public_key", "subject"]);
        assert_eq!(keys["subject"], "mailto:ops@example.com");
        let [private, public] = ["private_key", "public_key"].map(|name| keys[name].as_str().unwrap());
        assert!(told.contains(&format!("VapidPublicKey={public}")) && !told.contains(private), "{told}");
        seen.push(private.to_owned());
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn vapid_makes_no_keys_without_a_contact() {
    for (arguments, named) in [(&["vapid"][..], "--subject"), (&["vapid", "--subject", "me"], "mailto:ADDRESS")] {
        let (success, printed, told) = output(tidings(arguments)).await;
        assert!(!success && printed.is_empty());
        assert!(told.contains(named), "{told}");
    }
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
