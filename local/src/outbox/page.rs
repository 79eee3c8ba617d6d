//! The outbox as a page, complete without scripts and without anything from elsewhere. All content is shown as text.

use std::collections::VecDeque;

use jiff::Timestamp;
use quick_xml::escape::escape;

use super::sent::OutboxMessage;

/// The messages on the page at most; the control API has them all.
const SHOWN: usize = 200;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Outbox</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid #8886; padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; opacity: .8; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Outbox</h1>
"#;

const FOOT: &str = "</body>\n</html>\n";

/// A page of the newest messages, the newest first.
pub(super) fn page(all: &VecDeque<OutboxMessage>) -> String {
    let shown = all.len().min(SHOWN);
    let mut page = String::from(HEAD);
    page.push_str(&match all.len() {
        0 => "<p>Nothing was sent to a phone or an address yet.</p>\n".to_owned(),
        count => format!("<p>{shown} of {count}, the newest first. None of it left this machine.</p>\n"),
    });
    page.extend(all.iter().rev().take(SHOWN).map(article));
    page.push_str(FOOT);
    page
}

fn article(sent: &OutboxMessage) -> String {
    let time = Timestamp::from_millisecond(sent.at_ms).unwrap_or_default();
    let mut lines = vec![format!("{time:.3} · {}", sent.message_id)];
    if let Some(platform) = &sent.platform {
        lines.push(format!("{}, application {}, token {}", platform.name, platform.application, platform.token));
    }
    lines.extend(sent.from.iter().map(|from| format!("From {from}")));
    lines.extend(sent.attributes.iter().map(|(name, value)| {
        let text = value["Value"].as_str().or(value.as_str()).unwrap_or_default();
        format!("{name}: {text}")
    }));
    lines.extend(sent.subject.iter().map(|subject| format!("Subject: {subject}")));
    let lines: String = lines.iter().map(|line| format!("<p>{}</p>\n", escape(line))).collect();
    let bodies = std::iter::once(&sent.message).filter(|message| !message.is_empty()).chain(&sent.html);
    let bodies: String = bodies.map(|body| format!("<pre>{}</pre>\n", escape(pretty(body)))).collect();
    let title = format!("{} to {}", sent.kind.word(), sent.destination);
    format!("<article>\n<h2>{}</h2>\n{lines}{bodies}</article>\n", escape(&title))
}

/// A platform's payload is JSON, which people read with line breaks.
fn pretty(body: &str) -> String {
    let json = body.starts_with('{').then(|| serde_json::from_str::<serde_json::Value>(body).ok()).flatten();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_else(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::outbox::{Kind, Platform};

    #[test]
    fn what_was_sent_is_shown_as_text_the_newest_first() {
        let hostile = "<script>alert(1)</script>".to_owned();
        let first = OutboxMessage::now(Kind::Sms, "1".to_owned(), "+15550100".to_owned(), "hello".to_owned());
        let mut second = OutboxMessage::now(Kind::Email, "2".to_owned(), hostile.clone(), hostile.clone());
        second.platform =
            Some(Platform { name: "<i>".to_owned(), application: hostile.clone(), token: hostile.clone() });
        (second.from, second.subject) = (Some(hostile.clone()), Some(hostile.clone()));
        second.html = Some(hostile.clone());
        second.attributes.insert(hostile.clone(), json!({"Type": "String", "Value": hostile}));
        let page = page(&[first, second].into());
        assert!(!page.contains("<script") && !page.contains("<i>"), "{page}");
        assert!(page.find("email to").expect("an e-mail") < page.find("sms to +15550100").expect("an SMS"));
        assert_eq!(page.matches("&lt;script&gt;").count(), 9);
    }

    #[test]
    fn an_empty_outbox_says_so() {
        assert!(page(&VecDeque::new()).contains("Nothing was sent"));
    }
}
