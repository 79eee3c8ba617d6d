//! The target of an endpoint: its kind, and the kind's own fields.

use domain::refusal::Refusal;
use serde_json::{Map, Value};

#[cfg(doc)]
use crate::kind::Kind;
use crate::{KindSettings, Target};

/// Writes the enum of targets and the settings, and dispatches by kind.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal => $module:ident::$kind:ident,)+) => {
        /// An endpoint's kind, and its target.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Target {
            $($(#[$doc])* #[serde(rename = $name)] $kind($module::$kind),)+
        }

        /// The kinds that the stack has switched on, and their settings.
        #[derive(Clone, Debug, Default)]
        pub struct KindSettings {
            /// The URLs that may be posted to.
            pub urls: UrlRules,
            $($(#[$doc])* pub $module: <$module::$kind as Kind>::Settings,)+
        }

        impl KindSettings {
            /// Reads them.
            ///
            /// # Errors
            /// A variable is missing or wrong.
            pub fn read(urls: UrlRules, variables: Variables) -> Result<Self, InvalidSetting> {
                Ok(Self { urls, $($module: <$module::$kind>::settings(variables)?,)+ })
            }
        }

        impl Target {
            /// The kinds' names.
            pub const NAMES: &[&str] = &[$($name),+];

            pub(crate) fn read(kind: &str, fields: Map<String, Value>, settings: &KindSettings) -> Result<Self, Refusal> {
                match kind {
                    $($name => <$module::$kind>::parse(fields, &settings.urls, &settings.$module).map(Self::$kind),)+
                    _ => Err(Refusal::field("kind", format!("give {}", $crate::target::listed(Self::NAMES)))),
                }
            }

            /// The kind's name.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$kind(_) => $name,)+ }
            }

            /// Where it leads: [`Kind::place`].
            #[must_use]
            pub fn place(&self) -> &str {
                match self { $(Self::$kind(target) => target.place(),)+ }
            }

            /// Writes the message for a notification.
            ///
            /// # Errors
            /// There is nothing to send, or it cannot be sent.
            pub fn message(
                &self,
                delivery: &OutgoingDelivery<'_>,
                given: &Given<'_>,
                settings: &KindSettings,
            ) -> Result<Message, NoMessage> {
                match self { $(Self::$kind(target) => target.message(delivery, given, &settings.$module),)+ }
            }

            /// Whether its messages are signed: [`Kind::is_signed`].
            #[must_use]
            pub fn is_signed(&self) -> bool {
                match self { $(Self::$kind(target) => target.is_signed(),)+ }
            }

            /// Whether it is a server that a user has named: [`Kind::is_posted_to`].
            #[must_use]
            pub fn is_posted_to(&self) -> bool {
                match self { $(Self::$kind(target) => target.is_posted_to(),)+ }
            }

            /// Whether it can show how many notifications are unread.
            #[must_use]
            pub fn shows_unread(&self) -> bool {
                match self { $(Self::$kind(target) => target.shows_unread(),)+ }
            }

            pub(crate) fn hidden(&self) -> &'static [(&'static str, &'static str)] {
                match self { $(Self::$kind(target) => target.hidden(),)+ }
            }
        }
    };
}

pub(crate) use kinds;

impl Target {
    /// Reads the fields of a kind, as far as this stack has it switched on.
    ///
    /// # Errors
    /// Names the field that is wrong; `kind_off`.
    pub fn parse(kind: &str, fields: Map<String, Value>, settings: &KindSettings) -> Result<Self, Refusal> {
        let given = fields.clone();
        let target = Self::read(kind, fields, settings)?;
        target.check_known(&given)?;
        Ok(target)
    }

    /// Refuses fields that no kind's request has. Only here: in a row they are another release's.
    fn check_known(&self, given: &Map<String, Value>) -> Result<(), Refusal> {
        match unknown(given, self.fields().as_object(), "") {
            Some((path, known)) => {
                Err(Refusal::field(path, format!("is not a field of this request; there are `{}`", known.join("`, `"))))
            }
            None => Ok(()),
        }
    }

    /// Its fields, without its kind.
    fn fields(&self) -> Value {
        // A struct of strings has no way to fail.
        let mut fields = serde_json::to_value(self).unwrap_or_default();
        fields.as_object_mut().map(|fields| fields.remove("kind"));
        fields
    }

    /// Whether both lead to the same place. A browser's keys may differ.
    #[must_use]
    pub fn leads_where(&self, other: &Self) -> bool {
        (self.kind(), self.place()) == (other.kind(), other.place())
    }

    /// The kind and the fields that its owner sees: all but [`Kind::hidden`].
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        for (within, field) in self.hidden() {
            shown.pointer_mut(within).and_then(Value::as_object_mut).map(|within| within.remove(*field));
        }
        shown
    }
}

/// The names as prose: `a`, `b` or `c`.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A field that `PushSubscription.toJSON()` writes and nobody needs: the push service says when a subscription is gone.
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

#[cfg(test)]
mod tests {
    use domain::refusal::Code;
    use serde_json::json;

    use super::*;
    use crate::settings::Variables;
    use crate::sms::Sms;
    use crate::url::UrlRules;
    use crate::webhook::Webhook;

    fn settings(switched_on: bool) -> KindSettings {
        let variables = if switched_on {
            Variables(|name| Some(if name == "PLATFORM_APPLICATIONS" { "" } else { "1" }.to_owned()))
        } else {
            Variables(|name| Some(if name.ends_with("_CAP") { "0" } else { "" }.to_owned()))
        };
        KindSettings::read(UrlRules::default(), variables).unwrap()
    }

    fn parse(kind: &str, fields: Value, open: &KindSettings) -> Result<Target, Refusal> {
        Target::parse(kind, fields.as_object().unwrap().clone(), open)
    }

    #[test]
    fn what_is_off_is_refused_before_it_is_looked_at() {
        let off = settings(false);
        for kind in ["web_push", "mobile_push", "sms", "email"] {
            let refusal = parse(kind, json!({}), &off).unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (Code::KindOff, Some("kind")), "{kind}");
        }
        let pigeon = parse("pigeon", json!({}), &off).unwrap_err();
        assert_eq!(pigeon.field.as_deref(), Some("kind"));
        assert_eq!(pigeon.detail, "`kind`: give `webhook`, `web_push`, `mobile_push`, `sms` or `email`");
    }

    #[test]
    fn every_refusal_names_its_field() {
        let on = settings(true);
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
        let on = settings(true);
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
