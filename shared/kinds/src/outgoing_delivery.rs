//! One notification on its way to one endpoint.

use domain::channel::Channel;
use domain::content::Content;
use domain::seq::Seq;
use domain::time::Millis;

/// A notification with its place, and what its receiver's device needs besides.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingDelivery<'a> {
    /// Whose log it is in.
    pub channel: &'a Channel,
    /// Where in that log.
    pub seq: Seq,
    /// The notification's id.
    pub id: &'a str,
    /// When it was sent.
    pub sent_at: Millis,
    /// The whole of it in JSON, with its place, as every reader has it.
    pub item: &'a str,
    /// Its text.
    pub content: &'a Content,
    /// The number of unread notifications of the inbox's owner, this one among them; `None` for a channel that is nobody's.
    pub unread: Option<u64>,
    /// For how many seconds from now it is worth delivering; `None` for as long as the service tries.
    pub ttl: Option<i64>,
}

impl<'a> OutgoingDelivery<'a> {
    /// The title, if it says anything.
    #[must_use]
    pub fn title(&self) -> Option<&'a str> {
        said(self.content.title.as_deref())
    }

    /// The body, if it says anything.
    #[must_use]
    pub fn body(&self) -> Option<&'a str> {
        said(self.content.body.as_deref())
    }

    /// Where a click leads, if anywhere.
    #[must_use]
    pub fn url(&self) -> Option<&'a str> {
        said(self.content.url.as_deref())
    }

    /// Whether there is something for a person to read. What is not is for an application only.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.title().is_some() || self.body().is_some()
    }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| text.chars().any(|c| !c.is_whitespace() && !c.is_control()))
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::data::Data;
    use serde_json::Value;

    use super::*;

    pub(crate) fn content(title: Option<&str>, body: Option<&str>) -> Content {
        let [title, body] = [title, body].map(|text| text.map(ToOwned::to_owned));
        Content { title, body, url: None, data: None, priority: None, collapse_key: None }
    }

    pub(crate) fn data(data: Value) -> Content {
        Content { data: Some(Data::from(&data)), ..content(None, None) }
    }

    pub(crate) fn inbox() -> Channel {
        Channel::parse("user:alice").unwrap()
    }

    pub(crate) fn delivery<'a>(channel: &'a Channel, content: &'a Content) -> OutgoingDelivery<'a> {
        let id = "0197f0a0-0000-7000-8000-000000000001";
        OutgoingDelivery {
            channel,
            seq: Seq(42),
            id,
            sent_at: Millis(0),
            item: "{}",
            content,
            unread: Some(3),
            ttl: None,
        }
    }

    #[test]
    fn blank_texts_are_nothing_to_read() {
        let channel = inbox();
        for (title, body, readable) in
            [(Some("Hi"), None, true), (None, Some("Hi"), true), (Some(""), Some(" \n\0"), false), (None, None, false)]
        {
            let content = content(title, body);
            assert_eq!(delivery(&channel, &content).is_readable(), readable, "{title:?} {body:?}");
        }
    }
}
