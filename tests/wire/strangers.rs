//! Who may not use a local stack: other machines' names, web pages, and the machine's other users.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::endpoints::stack::LOOPBACK;
use crate::harness::{Folder, Stack, local_secret, receiver_port, root};

/// Headers of requests that a page may have its visitor's browser send without asking first (Fetch, CORS).
const PAGES: [&[(&str, &str)]; 5] = [
    &[("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("origin", "null")],
    &[("origin", "http://localhost:5173"), ("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
];

/// The status line and all that follows, for a request whose head is written as it stands.
async fn raw(address: &str, head: &str) -> String {
    let authority = address.split_once("://").unwrap().1;
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_that_names_another_machine_is_refused_on_every_port() {
    let stack = Stack::start().await;
    let ports = [(&stack.http, "/v1/health"), (&stack.websocket, "/"), (&stack.aws, "/_local/processes")];
    for (address, path) in ports {
        for host in [
            "Host: evil.example",
            "Host: localhost.evil.example:8000",
            "Host: localhost\r\nHost: localhost",
            "X: no host",
        ] {
            let answer = raw(address, &format!("GET {path} HTTP/1.1\r\n{host}")).await;
            assert!(
                answer.starts_with("HTTP/1.1 403") && answer.contains("answers only to localhost"),
                "{path} {host}: {answer}"
            );
        }
        let answer = raw(address, &format!("GET http://evil.example{path} HTTP/1.1\r\nHost: localhost")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        for host in ["localhost:3000", "LOCALHOST", "app.localhost", "127.0.0.1", "[::1]"] {
            let answer = raw(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}")).await;
            assert!(!answer.starts_with("HTTP/1.1 403"), "{path} {host}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_page_cannot_call_awss_services_or_the_control_api() {
    let stack = Stack::start().await;
    let calls = [
        (Method::POST, format!("{}/", stack.aws), Some("secretsmanager.GetSecretValue")),
        (Method::GET, format!("{}/_local/processes", stack.aws), None),
        (Method::POST, format!("{}/_local/drop-idle", stack.aws), None),
        (Method::DELETE, format!("{}/_local/faults", stack.aws), None),
        (Method::OPTIONS, format!("{}/_local/faults", stack.aws), None),
        (Method::POST, format!("{}/local/@connections/x", stack.websocket.replacen("ws:", "http:", 1)), None),
    ];
    for (method, url, target) in &calls {
        for page in PAGES {
            let mut request = Client::new().request(method.clone(), url).header("x-tidings-local", "1").body("{}");
            for (name, value) in page.iter().chain(&target.map(|target| ("x-amz-target", target))) {
                request = request.header(*name, *value);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {url} {page:?}");
            assert!(!answer.headers().contains_key("access-control-allow-origin"), "{method} {url}");
        }
    }
}

#[tokio::test]
async fn the_control_api_changes_nothing_without_its_header() {
    let stack = Stack::start().await;
    let fault = json!({"on": "invoke.Poll", "do": {"kill": true}});
    for (method, path) in [
        (Method::POST, "faults"),
        (Method::DELETE, "faults"),
        (Method::POST, "clock"),
        (Method::POST, "sweep"),
        (Method::POST, "drop-idle"),
        (Method::POST, "events/retry"),
        (Method::POST, "schedules/SweepRule/disable"),
        (Method::POST, "queues/DueQueue/advance"),
        (Method::DELETE, "calls"),
        (Method::DELETE, "outbox"),
        (Method::PUT, "anything"),
    ] {
        let request =
            Client::new().request(method.clone(), format!("{}/_local/{path}", stack.aws)).body(fault.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(
            status == StatusCode::FORBIDDEN && text.contains("X-Tidings-Local"),
            "{method} {path}: {status} {text}"
        );
    }
    assert_eq!(stack.control(Method::GET, "faults", None).await, json!([]));
    let schedules = stack.control(Method::GET, "schedules", None).await;
    assert!(schedules.as_array().unwrap().iter().all(|one| one["state"] == "ENABLED"), "{schedules}");
}

/// Whether a page of that origin may read an answer.
async fn may_read(stack: &Stack, method: Method, path: &str, origin: &str) -> bool {
    let headers = [("Origin", origin), ("Access-Control-Request-Method", "GET")];
    stack.call(method, path, None, &headers, None).await.headers.contains_key("access-control-allow-origin")
}

#[tokio::test]
async fn only_pages_of_this_machine_read_the_http_api_and_none_reads_the_page() {
    let stack = Stack::start().await;
    for method in [Method::GET, Method::OPTIONS] {
        for origin in ["http://localhost:5173", "http://127.0.0.1:8080", "https://app.localhost"] {
            assert!(may_read(&stack, method.clone(), "/v1/health", origin).await, "{method} {origin}");
        }
        for origin in ["http://evil.example", "https://localhost.evil.example", "null", "http://10.0.0.1"] {
            assert!(!may_read(&stack, method.clone(), "/v1/health", origin).await, "{method} {origin}");
        }
        for origin in ["http://evil.example", "http://localhost:5173", &stack.http] {
            assert!(!may_read(&stack, method.clone(), "/", origin).await, "{method} {origin}");
        }
    }
    let named = Stack::start_with(&["--parameter", "AllowedOrigins=https://app.example.com"]).await;
    assert!(may_read(&named, Method::GET, "/v1/health", "https://app.example.com").await, "its developer has named it");
    assert!(!may_read(&named, Method::GET, "/v1/health", "http://localhost:5173").await);
}

#[tokio::test]
async fn the_secret_is_the_machines_own_and_no_one_elses() {
    let stack = Stack::start().await;
    let samconfig = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    assert!(local_secret().len() >= 43 && !samconfig.contains(local_secret()));
    let page = stack.call(Method::GET, "/", None, &[], None).await;
    assert!(page.text.contains(local_secret()), "the page signs in by it");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn nobody_else_reads_what_a_stack_stores() {
    let parent = Folder::new("tidings-private");
    let made = Path::new(parent.path()).join("a/data");
    let stack = Stack::start_with(&["--data", made.to_str().unwrap()]).await;
    stack.send("topic:a", "for whom it may concern").await;
    drop(stack);
    assert_eq!(mode(&made), 0o700);

    // One of an earlier release.
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755)).unwrap();
    drop(Stack::start_with(&["--data", made.to_str().unwrap()]).await);
    assert_eq!(mode(&made), 0o700);
}

#[tokio::test]
async fn webhooks_may_be_on_the_ports_of_this_machine_that_are_named() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let add = async |url: String| {
        let body = json!({"kind": "webhook", "url": url}).to_string();
        stack.call(Method::POST, "/v1/channels/topic:a/endpoints", Some(&stack.publisher()), &[], Some(body)).await
    };
    assert_eq!(add(format!("http://127.0.0.1:{}/hook", receiver_port())).await.status, 201);
    for url in [&stack.http, &stack.aws, "http://localhost:9", "https://127.0.0.1", "http://[::1]:22"] {
        let refused = add(format!("{url}/hook")).await;
        assert_eq!((refused.status, &refused.body["field"]), (400, &Value::from("url")), "{url}: {refused:?}");
        assert!(refused.text.contains("AllowLoopbackWebhooks"), "{url}: {refused:?}");
    }
}
