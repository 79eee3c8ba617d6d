//! Who may have endpoints, where, and which.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Target, root};

/// One call about a channel's endpoints, by a token of these claims.
async fn call(
    target: &Target,
    method: Method,
    channel: &str,
    rest: &str,
    claims: &Value,
    body: Option<Value>,
) -> Answer {
    let path = format!("/v1/channels/{channel}/endpoints{rest}");
    let token = target.token(claims);
    target.call(method, &path, Some(&token), &[], body.map(|body| body.to_string())).await
}

fn webhook(n: usize) -> Option<Value> {
    Some(json!({"kind": "webhook", "url": format!("https://hooks.example.invalid/{n}")}))
}

#[tokio::test]
async fn an_owner_has_ten_and_nobody_else_sees_them() {
    let target = Target::start().await;
    let (alice, inbox) = (json!({"sub": target.name("alice")}), target.inbox("alice"));
    let adds = (0..11).map(|n| call(&target, Method::POST, &inbox, "", &alice, webhook(n)));
    let answers = futures_util::future::join_all(adds).await;
    let (added, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((added.len(), refused.len()), (10, 1), "at the same time too");
    assert_eq!((refused[0].status, refused[0].code()), (400, "too_many_endpoints"));
    let listed = call(&target, Method::GET, &inbox, "", &alice, None).await;
    assert_eq!(listed.body["endpoints"].as_array().unwrap().len(), 10);
    assert!(!listed.body.to_string().contains("whsec_"), "only the answer to the addition has the secret");
    let state = target.channel(&inbox).await;
    assert_eq!(state["endpoints"], 10);

    let id = format!("/{}", added[0].body["id"].as_str().unwrap());
    let bob = json!({"sub": target.name("bob"), "subscribe": [inbox]});
    for (method, rest, body, status) in [
        (Method::GET, "", None, 403),
        (Method::POST, "", webhook(1), 403),
        (Method::GET, id.as_str(), None, 404),
        (Method::DELETE, &id, None, 404),
        (Method::POST, &format!("{id}/rotate"), None, 404),
        (Method::POST, &format!("{id}/replay"), Some(json!({"seq": 1})), 404),
    ] {
        let answer = call(&target, method.clone(), &inbox, rest, &bob, body).await;
        assert_eq!(answer.status, status, "{method} {rest}: {answer:?}");
    }
    let publisher = json!({"sub": target.name("publisher"), "publish": [inbox]});
    assert_eq!(call(&target, Method::GET, &inbox, &id, &publisher, None).await.status, 200);
    let rotated = call(&target, Method::POST, &inbox, &format!("{id}/rotate"), &alice, None).await;
    assert!(rotated.body["secret"].as_str().unwrap().starts_with("whsec_"), "{rotated:?}");
    assert_ne!(rotated.body["secret"], added[0].body["secret"]);
    assert_eq!(call(&target, Method::DELETE, &inbox, &id, &publisher, None).await.status, 204);
    assert_eq!(call(&target, Method::GET, &inbox, &id, &alice, None).await.status, 404);
    assert_eq!(call(&target, Method::POST, &inbox, "", &alice, webhook(0)).await.status, 201, "its place is free");
    for endpoint in call(&target, Method::GET, &inbox, "", &alice, None).await.body["endpoints"].as_array().unwrap() {
        let id = format!("/{}", endpoint["id"].as_str().unwrap());
        call(&target, Method::DELETE, &inbox, &id, &alice, None).await;
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_by_name_and_changes_nothing() {
    let target = Target::start().await;
    let (alice, inbox) = (json!({"sub": target.name("alice")}), target.inbox("alice"));
    for (body, field) in [
        (json!({}), "kind"),
        (json!({"kind": "pigeon"}), "kind"),
        (json!({"kind": "webhook"}), "url"),
        (json!({"kind": "webhook", "url": "http://hooks.example.com/"}), "url"),
        (json!({"kind": "webhook", "url": "https://hooks.example.com/", "secret": "x"}), "secret"),
        (json!({"kind": "webhook", "url": "https://hooks.example.com/", "min_priority": "urgent"}), "min_priority"),
        (json!({"kind": "web_push", "subscription": {"endpoint": "https://push.example.com/"}}), "subscription.keys"),
    ] {
        let answer = call(&target, Method::POST, &inbox, "", &alice, Some(body.clone())).await;
        // A kind that is off is refused for that.
        let off = answer.code() == "kind_off";
        assert!(answer.status == 400 && (off || answer.body["field"] == field), "{body}: {answer:?}");
    }
    for kind in ["sms", "email", "mobile_push"] {
        let answer = call(&target, Method::POST, &inbox, "", &alice, Some(json!({ "kind": kind }))).await;
        assert_eq!((answer.status, answer.code()), (400, "kind_off"), "{kind}: {answer:?}");
    }
    assert_eq!(target.channel(&inbox).await["endpoints"], 0);
}

/// The addresses that a URL's name resolves to are another test's: `shared/tests/endpoints`.
#[tokio::test]
async fn no_hostile_url_is_taken() {
    let target = Target::start().await;
    let (alice, inbox) = (json!({"sub": target.name("alice")}), target.inbox("alice"));
    let table = std::fs::read_to_string(root().join("tests/webhooks/hostile.txt")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("url | "));
    let mut tried = 0;
    for row in rows {
        let url = row.split(" | ").next().unwrap().replace("{port}", "443");
        let body = json!({"kind": "webhook", "url": url});
        let answer = call(&target, Method::POST, &inbox, "", &alice, Some(body)).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!("url")), "{row}: {answer:?}");
        tried += 1;
    }
    assert!(tried >= 60, "{tried}");
    assert_eq!(target.channel(&inbox).await["endpoints"], 0);
}

#[tokio::test]
async fn an_attempt_at_a_host_that_is_nowhere_is_listed() {
    let target = Target::start().await;
    let (alice, inbox) = (json!({"sub": target.name("alice")}), target.inbox("alice"));
    let nowhere = json!({"kind": "webhook", "url": "https://hooks.example.invalid/"});
    let added = call(&target, Method::POST, &inbox, "", &alice, Some(nowhere)).await;
    let id = format!("/{}", added.body["id"].as_str().unwrap());
    let sent = target.post(&json!({"to": inbox, "body": "x"})).await;
    assert_eq!(sent.body["channels"][0]["endpoints"], 1, "{sent:?}");
    let attempts = async || call(&target, Method::GET, &inbox, &id, &alice, None).await.body["attempts"].clone();
    target.until("an attempt is listed", || async { !attempts().await.as_array().unwrap().is_empty() }).await;
    let first = &attempts().await[0];
    // Without a name server, the name is waited for.
    assert!(
        first["outcome"] == "failed" && ["name_not_found", "timeout"].contains(&first["reason"].as_str().unwrap()),
        "{first}"
    );
    assert_eq!((&first["seq"], &first["attempt"]), (&json!(1), &json!(1)), "{first}");
    assert_eq!(call(&target, Method::DELETE, &inbox, &id, &alice, None).await.status, 204);
}

#[tokio::test]
async fn a_publisher_who_lost_the_right_only_looks_at_endpoints_and_removes_them() {
    let target = Target::start().await;
    let topic = target.topic("hr");
    let eve = target.name("eve");
    let (publisher, before) = (json!({"sub": eve, "publish": [topic]}), json!({"sub": eve}));
    target.send(&topic, "before").await;
    let added = call(&target, Method::POST, &topic, "", &publisher, webhook(1)).await;
    let id = format!("/{}", added.body["id"].as_str().unwrap());
    let disabled = disable(&target, &topic, &added.body).await;

    let stranger = json!({"sub": target.name("mallory"), "subscribe": [topic]});
    let (rotate, replay) = (format!("{id}/rotate"), format!("{id}/replay"));
    for (method, rest, body, owner, other) in [
        (Method::POST, "", webhook(2), 403, 403),
        (Method::POST, &rotate, None, 403, 404),
        (Method::POST, &replay, Some(json!({"seq": 1})), 403, 404),
        (Method::GET, "", None, 200, 403),
        (Method::GET, &id, None, 200, 404),
    ] {
        for (claims, status) in [(&before, owner), (&stranger, other)] {
            let answer = call(&target, method.clone(), &topic, rest, claims, body.clone()).await;
            assert_eq!(answer.status, status, "{method} {rest} by {claims}: {answer:?}");
            let code = match status {
                403 => "forbidden",
                404 => "not_found",
                _ => "",
            };
            assert_eq!(answer.code(), code, "{method} {rest} by {claims}: {answer:?}");
        }
    }
    let looked = call(&target, Method::GET, &topic, &id, &publisher, None).await;
    assert!(looked.body["previous_until"].is_null(), "its secret is the first one still: {looked:?}");
    if disabled {
        assert_eq!(looked.body["state"], "disabled", "no refused replay has enabled it");
    }
    let replayed = call(&target, Method::POST, &topic, &replay, &publisher, Some(json!({"seq": 1}))).await;
    assert_eq!(replayed.status, 202, "the right is there again: {replayed:?}");
    assert_eq!(call(&target, Method::DELETE, &topic, &id, &before, None).await.status, 204);
}

/// Disables an endpoint as five days of failures do; `false` where the table is not known.
async fn disable(target: &Target, channel: &str, endpoint: &Value) -> bool {
    let Some((client, table)) = target.subscribers().await else { return false };
    let id = endpoint["id"].as_str().unwrap();
    let update = client.update_item().table_name(table);
    let update = update.key("channel", AttributeValue::S(channel.to_owned()));
    let update = update.key("subscriber", AttributeValue::S(format!("~{}", &id[..17])));
    let update = update.update_expression("SET disabled_at = created_at");
    update.send().await.unwrap();
    true
}

#[tokio::test]
async fn a_replay_begins_where_its_endpoint_was_added() {
    let target = Target::start().await;
    let (topic, publisher) = (target.topic("replayed"), json!({"sub": target.name("shop"), "publish": ["topic:*"]}));
    let add = async || {
        let added = call(&target, Method::POST, &topic, "", &publisher, webhook(1)).await;
        added.body["id"].as_str().unwrap().to_owned()
    };
    let replay = async |id: &str, seq: u64| {
        let body = Some(json!({ "seq": seq }));
        let answer = call(&target, Method::POST, &topic, &format!("/{id}/replay"), &publisher, body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.body
    };
    let empty = add().await;
    let first = target.send(&topic, "the first of all").await;
    assert_eq!(replay(&empty, 0).await, json!({"queued": 1, "from": 1, "seq": first, "more": false}));
    assert_eq!(call(&target, Method::DELETE, &topic, &format!("/{empty}"), &publisher, None).await.status, 204);

    let last = target.send(&topic, "the last before").await;
    let id = add().await;
    let none = json!({"queued": 0, "from": last + 1, "seq": last, "more": false});
    for seq in [0, 1, last, last + 1] {
        assert_eq!(replay(&id, seq).await, none, "from {seq}");
    }
    target.send(&topic, "the first after").await;
    let newest = target.send(&topic, "the second after").await;
    let both = json!({"queued": 2, "from": last + 1, "seq": newest, "more": false});
    assert_eq!(replay(&id, 1).await, both);
    assert_eq!(replay(&id, newest).await, json!({"queued": 1, "from": newest, "seq": newest, "more": false}));
    assert_eq!(add().await, id, "the same place");
    assert_eq!(replay(&id, 1).await, both, "added again, it keeps where it began");
    assert_eq!(call(&target, Method::DELETE, &topic, &format!("/{id}"), &publisher, None).await.status, 204);
    let anew = add().await;
    assert_eq!(replay(&anew, 1).await["from"], newest + 1, "removed and added, it begins anew");
    assert_eq!(call(&target, Method::DELETE, &topic, &format!("/{anew}"), &publisher, None).await.status, 204);
}

#[tokio::test]
async fn the_owner_of_an_inbox_replays_from_where_their_endpoint_was_added() {
    let target = Target::start().await;
    let (alice, inbox) = (json!({"sub": target.name("alice")}), target.inbox("alice"));
    let before = target.send(&inbox, "before").await;
    let added = call(&target, Method::POST, &inbox, "", &alice, webhook(1)).await;
    let id = format!("/{}", added.body["id"].as_str().unwrap());
    let after = target.send(&inbox, "after").await;
    let replayed = call(&target, Method::POST, &inbox, &format!("{id}/replay"), &alice, Some(json!({"seq": 1}))).await;
    let expected = json!({"queued": 1, "from": before + 1, "seq": after, "more": false});
    assert_eq!((replayed.status, replayed.body), (202, expected));
    assert_eq!(call(&target, Method::DELETE, &inbox, &id, &alice, None).await.status, 204);
}
