//! A publisher's data reaches the application as it was written.

use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::poll::{only, poll};
use crate::harness::Target;

/// Doubles of every size, as a program in another language writes them.
fn doubles() -> String {
    let random = (0..300).map(|_| f64::from_bits(rand::rng().random())).filter(|number| number.is_finite());
    let usual = (0..100).map(|_| rand::rng().random_range(-100.0..100.0));
    let numbers: Vec<String> = random.chain(usual).map(|number| format!("{number:?}")).collect();
    format!("[{}]", numbers.join(","))
}

/// Data that serde_json would take for something else.
fn marked() -> Vec<String> {
    let marked = |inner: &str| format!(r#"{{"$serde_json::private::RawValue":{inner}}}"#);
    [r#"{"$serde_json::private::Number":"7"}"#, &marked(r#""[1,2]""#), &marked(r#""hello""#), &marked("7")]
        .map(str::to_owned)
        .to_vec()
}

fn strange() -> Vec<String> {
    [
        "-24.506032561844222",
        "92838584930183242888",
        "1.0",
        "[1e-7,5e-324,1.7976931348623157e308,-0.0,100000000000000000000000]",
        r#"{"z":1,"a":{"y":[],"b":null},"m":false}"#,
        &doubles(),
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The text of `data` in what was answered.
fn told(text: &str) -> &str {
    let (_, data) = text.split_once("\"data\":").expect("an item with data");
    let end = data.rfind("}]}]}").expect("the end of an answer with one item");
    &data[..end]
}

#[tokio::test]
async fn data_is_the_text_that_was_sent_however_it_goes() {
    let target = Target::start().await;
    let news = target.topic("news");
    let claims = json!({"sub": target.name("alice"), "publish": ["*"], "subscribe": ["topic:*"], "channels": [news]});
    let mut alice = target.connect_with(&claims).await;
    let mut seq = 0;
    for data in strange() {
        let spaced = format!("\n\t{data}\n ");
        let body = format!("{{\"to\": \"{news}\", \"data\" : {spaced} }}");
        let sent = target.call(Method::POST, "/v1/notifications", Some(&target.publisher()), &[], Some(body)).await;
        assert_eq!(sent.status, 202, "{data}: {sent:?}");
        alice.send_text(&format!("{{\"action\":\"publish\",\"to\":\"{news}\",\"data\":{data}}}")).await;
        for by in ["HTTP", "a frame"] {
            let item = loop {
                let frame = alice.next().await;
                if frame["type"] == "notifications" {
                    break frame["items"][0].clone();
                }
            };
            assert_eq!(item["data"], serde_json::from_str::<Value>(&data).unwrap_or_default(), "by {by}");
            let polled = poll(&target, &[format!("{news}:{seq}")], &[("limit", "1")]).await;
            assert_eq!(told(&polled.text), data, "by {by}");
            assert_eq!(only(&polled).1, [seq + 1]);
            seq += 1;
        }
    }
}

#[tokio::test]
async fn data_may_have_any_names() {
    let target = Target::start().await;
    let news = target.topic("marked");
    for (seq, data) in (0..).zip(marked()) {
        let body = format!("{{\"to\":\"{news}\",\"data\":{data}}}");
        let sent = target.call(Method::POST, "/v1/notifications", Some(&target.publisher()), &[], Some(body)).await;
        assert_eq!(sent.status, 202, "{data}: {sent:?}");
        let polled = poll(&target, &[format!("{news}:{seq}")], &[]).await;
        assert_eq!(told(&polled.text), data);
    }
}

#[tokio::test]
async fn data_that_some_reader_cannot_read_is_refused() {
    let target = Target::start().await;
    for (data, code) in [
        ("1e400", "invalid_json"),
        (r#""\ud83d""#, "invalid_json"),
        (r#"{"\udc00": 1}"#, "invalid_json"),
        ("01", "invalid_json"),
        ("NaN", "invalid_json"),
        (&format!("{}{}", "[".repeat(65), "]".repeat(65)), "invalid_request"),
    ] {
        let body = format!("{{\"to\": \"topic:a\", \"data\": {data}}}");
        let refused = target.call(Method::POST, "/v1/notifications", Some(&target.publisher()), &[], Some(body)).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{data}: {refused:?}");
    }
}
