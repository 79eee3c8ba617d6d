//! Users whose names no channel can hold as they are.

use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::harness::{Socket, Stack, in_an_hour, root};

/// As providers write them, each with the name that docs/reference/tokens.md gives it.
const USERS: [(&str, &str); 5] = [
    ("us-east-1:6a9e3b1c", "us-east-1!3A6a9e3b1c"),
    ("f:b4a7:alice smith", "f!3Ab4a7!3Aalice!20smith"),
    ("system:serviceaccount:default:ci", "system!3Aserviceaccount!3Adefault!3Aci"),
    ("zoë/100%!", "zo!C3!AB!2F100!25!21"),
    // The name of the first one, as if it were another provider's user.
    ("us-east-1!3A6a9e3b1c", "us-east-1!213A6a9e3b1c"),
];

#[tokio::test]
async fn a_user_with_any_name_has_an_inbox_of_their_own() {
    let stack = Stack::start().await;
    for (n, (sub, name)) in USERS.into_iter().enumerate() {
        let inbox = format!("user:{name}");
        let token = stack.token(&json!({"sub": sub}));
        let mut socket = stack.try_connect(&token).await.unwrap_or_else(|refused| panic!("{sub}: {refused:?}"));
        assert_eq!(stack.send(&inbox, &n.to_string()).await, 1, "nobody else's: {sub}");
        assert_eq!(socket.item().await["body"], n.to_string());
        let (_, answer) = socket.ask(json!({"action": "subscribe", "channel": inbox, "after": 0})).await;
        assert_eq!((&answer["type"], &answer["seq"]), (&json!("subscribed"), &json!(1)), "{answer}");

        let path = format!("/v1/notifications?channel={inbox}:0");
        let read = stack.call(Method::GET, &path, Some(&token), &[], None).await;
        assert_eq!((read.status, &read.body["channels"][0]["channel"]), (200, &json!(inbox)), "{read:?}");
        let body = Some(json!({"seq": 1}).to_string());
        let marked = stack.call(Method::POST, &format!("/v1/channels/{inbox}/read"), Some(&token), &[], body).await;
        assert_eq!((marked.status, &marked.body["unread"]), (200, &json!(0)), "{marked:?}");
        let ticket = stack.call(Method::POST, "/v1/tickets", Some(&token), &[], None).await;
        assert_eq!(ticket.status, 201, "{ticket:?}");
        let ticket = ticket.body["ticket"].as_str().unwrap();
        let mut second = Socket::open(&format!("{}/?ticket={ticket}", stack.websocket), &[]).await.unwrap();
        stack.send(&inbox, "by ticket").await;
        assert_eq!(second.item().await["body"], "by ticket");
        let path = format!("/v1/users/{name}/connections");
        let cut = stack.call(Method::DELETE, &path, Some(&token), &[], None).await;
        assert_eq!((cut.status, &cut.body["connections"]), (200, &json!(2)), "{cut:?}");
    }
}

#[tokio::test]
async fn no_user_is_another() {
    let stack = Stack::start().await;
    for (sub, _) in USERS {
        let token = stack.token(&json!({"sub": sub}));
        for (other, name) in USERS.into_iter().filter(|(other, _)| *other != sub) {
            let path = format!("/v1/channels/user:{name}");
            let looked = stack.call(Method::GET, &path, Some(&token), &[], None).await;
            assert_eq!((looked.status, looked.code()), (403, "forbidden"), "{sub} looks at {other}'s");
        }
    }
}

#[tokio::test]
async fn a_name_that_is_written_in_another_way_is_refused_with_how_to_write_it() {
    let stack = Stack::start().await;
    for other in ["user:us-east-1:6a9e3b1c", "user:us-east-1!3a6a9e3b1c", "user:!61lice", "user:a!"] {
        let sent = stack.post(&json!({"to": other, "body": "x"})).await;
        assert_eq!((sent.status, sent.code(), &sent.body["field"]), (400, "invalid_request", &json!("to")), "{sent:?}");
        assert!(sent.body["detail"].as_str().unwrap().contains("`!3A` for `:`"), "{sent:?}");
    }
    let token = stack.token(&json!({"sub": ":".repeat(61), "exp": in_an_hour()}));
    let refused = stack.call(Method::GET, "/v1/channels/topic:a", Some(&token), &[], None).await;
    assert_eq!((refused.status, refused.code()), (401, "invalid_token"));
    assert!(
        refused.body["detail"].as_str().unwrap().contains("its claim `sub`: a user is named by 1 to 180"),
        "{refused:?}"
    );
}

/// The only block in this language in the section about users.
fn block(language: &str) -> String {
    let docs = std::fs::read_to_string(root().join("docs/reference/tokens.md")).unwrap();
    let section = docs.split("## Users").nth(1).unwrap().split("\n## ").next().unwrap();
    section.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn what_the_docs_show_names_users_as_the_stack_does() {
    let (js, python) = (block("js"), block("python"));
    for (program, flag, code) in [
        ("node", "-e", format!("{js}\nconsole.log(name(process.argv[1]));")),
        ("python3", "-c", format!("{python}\nimport sys\nprint(name(sys.argv[1]))")),
    ] {
        for (sub, name) in USERS {
            let output = Command::new(program).args([flag, &code, sub]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), name, "{program}: {output:?}");
        }
    }
}
