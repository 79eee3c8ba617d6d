//! The kinds of endpoints.

use domain::refusal::{Code, Refusal};
use domain::request;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::email::Address;
use super::mobile_push::TargetArn;
use super::sms::Phone;
use super::url::PublicUrl;
use super::web_push::Subscription;
use crate::settings::KindSettings;

/// What kind an endpoint is, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A server of the owner's.
    Webhook(Webhook),
    /// A browser.
    WebPush(WebPush),
    /// An application on a phone, by an SNS platform endpoint.
    MobilePush(MobilePush),
    /// A phone, by SNS.
    Sms(Sms),
    /// A mailbox, by SES.
    Email(Email),
}

/// A webhook, as its owner asks for it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where to post.
    pub url: String,
}

/// A browser, as its page asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebPush {
    /// What the browser has made.
    pub subscription: Subscription,
}

/// An application on a phone, as its backend asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MobilePush {
    /// The platform endpoint.
    pub target_arn: TargetArn,
}

/// A phone, as its owner asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sms {
    /// Its number.
    pub phone: Phone,
}

/// A mailbox, as its owner asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Email {
    /// Its address.
    pub address: Address,
}

/// Shows nothing: many who take webhooks have a secret in the URL.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(…)")
    }
}

impl Target {
    /// Reads the fields of a kind, as far as this stack has it switched on.
    ///
    /// # Errors
    /// Names the field that is wrong; `kind_off`.
    pub fn parse(kind: &str, fields: Map<String, Value>, open: &KindSettings) -> Result<Self, Refusal> {
        let given = fields.clone();
        let target = Self::read(kind, fields, open)?;
        target.check_known(&given)?;
        Ok(target)
    }

    /// Refuses fields that no kind's request has. Only here: in a row they are another release's.
    fn check_known(&self, given: &Map<String, Value>) -> Result<(), Refusal> {
        let known = match self {
            Self::Webhook(webhook) => serde_json::to_value(webhook),
            Self::WebPush(web_push) => serde_json::to_value(web_push),
            Self::MobilePush(mobile_push) => serde_json::to_value(mobile_push),
            Self::Sms(sms) => serde_json::to_value(sms),
            Self::Email(email) => serde_json::to_value(email),
        };
        match unknown(given, known.unwrap_or_default().as_object(), "") {
            Some((path, known)) => {
                Err(Refusal::field(path, format!("is not a field of this request; there are `{}`", known.join("`, `"))))
            }
            None => Ok(()),
        }
    }

    fn read(kind: &str, fields: Map<String, Value>, open: &KindSettings) -> Result<Self, Refusal> {
        match kind {
            "webhook" => {
                let mut webhook: Webhook = request::fields(fields)?;
                // As it is posted to: who looks at it is not to be shown another host.
                webhook.url = PublicUrl::parse(&webhook.url, &open.urls)?.to_string();
                Ok(Self::Webhook(webhook))
            }
            "web_push" => {
                switched_on(open.web_push.is_some(), "VapidPublicKey")?;
                let web_push: WebPush = request::fields(fields)?;
                let url = web_push.subscription.endpoint.as_url().as_str();
                PublicUrl::parse(url, &open.urls).map_err(|wrong| Refusal {
                    field: Some("subscription.endpoint".to_owned()),
                    detail: wrong.detail.replacen("`url`", "`subscription.endpoint`", 1),
                    ..wrong
                })?;
                Ok(Self::WebPush(web_push))
            }
            "mobile_push" => {
                switched_on(!open.applications.is_empty(), "PlatformApplicationArns")?;
                let mobile_push: MobilePush = request::fields(fields)?;
                mobile_push.target_arn.check(&open.applications)?;
                Ok(Self::MobilePush(mobile_push))
            }
            "sms" => {
                switched_on(open.sms_cap > 0, "SmsDailyCap")?;
                request::fields(fields).map(Self::Sms)
            }
            "email" => {
                switched_on(open.email_cap > 0, "EmailDailyCap")?;
                request::fields(fields).map(Self::Email)
            }
            _ => Err(Refusal::field("kind", "give `webhook`, `web_push`, `mobile_push`, `sms` or `email`")),
        }
    }

    /// Whether it is a server that a user has named: that takes as long as it likes, where SNS and SES do not.
    #[must_use]
    pub fn is_posted_to(&self) -> bool {
        matches!(self, Self::Webhook(_) | Self::WebPush(_))
    }

    /// The kind's name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::WebPush(_) => "web_push",
            Self::MobilePush(_) => "mobile_push",
            Self::Sms(_) => "sms",
            Self::Email(_) => "email",
        }
    }

    /// Where it leads: two of one kind with one place are the same endpoint to its receiver.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Self::Webhook(webhook) => &webhook.url,
            Self::WebPush(web_push) => web_push.subscription.endpoint.as_url().as_str(),
            Self::MobilePush(mobile_push) => mobile_push.target_arn.as_str(),
            Self::Sms(sms) => sms.phone.as_str(),
            Self::Email(email) => email.address.as_str(),
        }
    }

    /// Whether both lead to the same place. A browser's keys may differ.
    #[must_use]
    pub fn leads_where(&self, other: &Self) -> bool {
        (self.kind(), self.place()) == (other.kind(), other.place())
    }

    /// Whether what goes there is signed with a secret of its own.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Webhook(_))
    }

    /// Whether it can show how much is unread.
    #[must_use]
    pub fn shows_unread(&self) -> bool {
        matches!(self, Self::WebPush(_) | Self::MobilePush(_))
    }

    /// What its owner is shown: all but a browser's keys, which only who made them needs.
    #[must_use]
    pub fn shown(&self) -> Value {
        match self {
            Self::WebPush(web_push) => {
                let url = web_push.subscription.endpoint.as_url().as_str();
                json!({"kind": self.kind(), "subscription": {"endpoint": url}})
            }
            // A struct of strings has no way to fail.
            other => serde_json::to_value(other).unwrap_or_default(),
        }
    }
}

/// What `PushSubscription.toJSON()` writes besides, and nobody needs: the push service says when a subscription is gone.
const PASSED_OVER: &str = "expirationTime";

/// The path of the first field that is not among those that were read, and those.
fn unknown(
    given: &Map<String, Value>,
    read: Option<&Map<String, Value>>,
    within: &str,
) -> Option<(String, Vec<String>)> {
    let read = read?;
    given.iter().filter(|(name, _)| *name != PASSED_OVER).find_map(|(name, value)| match (read.get(name), value) {
        (None, _) => Some((format!("{within}{name}"), read.keys().cloned().collect())),
        (Some(read), Value::Object(given)) => unknown(given, read.as_object(), &format!("{within}{name}.")),
        (Some(_), _) => None,
    })
}

fn switched_on(on: bool, parameter: &str) -> Result<(), Refusal> {
    if on {
        return Ok(());
    }
    let reason =
        format!("this stack has it switched off; whoever deploys it switches it on with the parameter {parameter}");
    Err(Refusal::field_with(Code::KindOff, "kind", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, fields: Value, open: &KindSettings) -> Result<Target, Refusal> {
        Target::parse(kind, fields.as_object().unwrap().clone(), open)
    }

    #[test]
    fn what_is_off_is_refused_before_it_is_looked_at() {
        let off = KindSettings::default();
        for kind in ["web_push", "mobile_push", "sms", "email"] {
            let refusal = parse(kind, json!({}), &off).unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::KindOff, Some("kind")), "{kind}");
        }
        assert_eq!(parse("pigeon", json!({}), &off).unwrap_err().field.as_deref(), Some("kind"));
    }

    #[test]
    fn every_refusal_names_its_field() {
        let on = KindSettings { web_push: Some("key".to_owned()), sms_cap: 1, email_cap: 1, ..KindSettings::default() };
        for (kind, fields, field) in [
            ("webhook", json!({}), "url"),
            ("webhook", json!({"url": 7}), "url"),
            ("webhook", json!({"url": "http://a.example/"}), "url"),
            ("webhook", json!({"url": "https://127.0.0.1/"}), "url"),
            ("webhook", json!({"url": "https://a.example/", "phone": "+4915112345678"}), "phone"),
            ("web_push", json!({"subscription": {}}), "subscription.endpoint"),
            ("sms", json!({"phone": "0151"}), "phone"),
            ("email", json!({"address": "a b@c"}), "address"),
        ] {
            let refusal = parse(kind, fields.clone(), &on).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some(field), "{kind} {fields}: {refusal}");
        }
    }

    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

    #[test]
    fn what_is_unknown_is_refused_in_a_request_and_passed_over_in_a_row() {
        let on = KindSettings { web_push: Some("key".to_owned()), ..KindSettings::default() };
        let whole = json!({"subscription": {
            "endpoint": "https://push.example.net/s/1", "expirationTime": null,
            "keys": {"p256dh": P256DH, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
        }});
        let target = parse("web_push", whole.clone(), &on).unwrap();
        for (within, path) in
            [("", "more"), ("/subscription", "subscription.more"), ("/subscription/keys", "subscription.keys.more")]
        {
            let mut more = whole.clone();
            more.pointer_mut(within).unwrap()["more"] = json!({"of": "a later release"});
            assert_eq!(parse("web_push", more.clone(), &on).unwrap_err().field.as_deref(), Some(path));
            more["kind"] = json!("web_push");
            assert_eq!(serde_json::from_value::<Target>(more).unwrap(), target, "{path}");
        }
    }

    #[test]
    fn two_lead_to_one_place_if_kind_and_place_are_one() {
        let of = |url: &str| Target::Webhook(Webhook { url: url.to_owned() });
        let phone = |number: &str| Target::Sms(Sms { phone: serde_json::from_value(json!(number)).unwrap() });
        assert!(of("https://a.example/").leads_where(&of("https://a.example/")));
        assert!(!of("https://a.example/").leads_where(&of("https://a.example/x")));
        assert!(phone("+4915112345678").leads_where(&phone("+4915112345678")));
        assert!(!of("+4915112345678").leads_where(&phone("+4915112345678")));
    }

    #[test]
    fn a_target_reads_as_it_was_written() {
        let target = parse("webhook", json!({"url": "https://a.example/x"}), &KindSettings::default()).unwrap();
        let written = serde_json::to_value(&target).unwrap();
        assert_eq!(written, json!({"kind": "webhook", "url": "https://a.example/x"}));
        assert_eq!(serde_json::from_value::<Target>(written).unwrap(), target);
    }
}
