//! Handshakes as clients outside browsers make them, byte by byte.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Stack, local_secret, sign};

/// The answer to a handshake with these lines: its status, and the subprotocol that was chosen.
async fn handshake(stack: &Stack, query: &str, lines: &[&str]) -> (u16, Option<String>) {
    let host = stack.websocket.strip_prefix("ws://").unwrap().trim_end_matches('/').to_owned();
    let mut request = format!(
        "GET /{query} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    lines.iter().for_each(|line| request.extend([line, "\r\n"]));
    let mut stream = TcpStream::connect(&host).await.unwrap();
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-protocol").then(|| value.trim().to_owned())
    };
    (status, head.lines().find_map(header))
}

fn token(stack: &Stack, sub: &str) -> String {
    let token = stack.token(&json!({"sub": sub}));
    stack.said.token(&token);
    token
}

#[tokio::test]
async fn subprotocols_may_stand_in_several_lines_in_any_order() {
    let stack = Stack::start().await;
    let bearer = format!("bearer.{}", token(&stack, "alice"));
    let line = |protocols: &str| format!("Sec-WebSocket-Protocol: {protocols}");
    let chosen = (101, Some("tidings".to_owned()));
    for lines in [
        vec![line(&format!("tidings, {bearer}"))],
        vec![line("tidings"), line(&bearer)],
        vec![line(&bearer), line("tidings")],
        vec![line("mqtt"), line(&format!("{bearer},mqtt")), line("tidings, stomp")],
    ] {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(handshake(&stack, "", &lines).await, chosen, "{lines:?}");
    }
    assert_eq!(handshake(&stack, "", &[&line(&bearer), &line("mqtt")]).await, (101, None));
    assert_eq!(handshake(&stack, "", &[&line("tidings"), &line("mqtt")]).await, (401, None));
}

#[tokio::test]
async fn a_bearer_token_in_the_handshakes_header_is_read() {
    let stack = Stack::start().await;
    let good = format!("Authorization: Bearer {}", token(&stack, "alice"));
    assert_eq!(handshake(&stack, "", &[&good]).await, (101, None));
    assert_eq!(
        handshake(&stack, "", &[&good, "Sec-WebSocket-Protocol: tidings"]).await,
        (101, Some("tidings".to_owned()))
    );
    assert_eq!(
        handshake(&stack, "", &["Authorization: Basic YTpi", &good.to_lowercase()]).await.0,
        401,
        "its case counts"
    );
    assert_eq!(handshake(&stack, "", &["Authorization: Basic YTpi", &good.replace("Bearer", "BEARER")]).await.0, 101);
    assert_eq!(handshake(&stack, "", &[&good, "X-Name: zoë", "Authorization: é"]).await.0, 101);
    for none in
        ["Authorization: Basic YTpi", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Bearer no"]
    {
        assert_eq!(handshake(&stack, "", &[none]).await.0, 401, "{none}");
    }
}

#[tokio::test]
async fn of_several_tokens_the_most_explicit_counts() {
    let stack = Stack::start().await;
    let (good, bad) = (token(&stack, "alice"), sign(&json!({"sub": "alice"}), "another secret"));
    assert_ne!(local_secret(), "another secret");
    let protocol = |token: &str| format!("Sec-WebSocket-Protocol: tidings, bearer.{token}");
    let header = |token: &str| format!("Authorization: Bearer {token}");
    let query = |token: &str| format!("?token={token}");
    for (url, lines, status) in [
        (query(&bad), vec![protocol(&good), header(&bad)], 101),
        (query(&good), vec![protocol(&bad), header(&good)], 401),
        (query(&good), vec![header(&bad)], 101),
        (query(&bad), vec![header(&good)], 401),
        ("?token=".to_owned(), vec![header(&good)], 101),
        ("?ticket=none".to_owned(), vec![header(&good)], 401),
    ] {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(handshake(&stack, &url, &lines).await.0, status, "{url} {lines:?}");
    }
}
