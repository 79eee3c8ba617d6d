//! Messages to one device or one phone. They go to the outbox.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    super::protocol::Failure,
    Answered, Sns,
    request::{SIZE_LIMIT, notice},
};
use crate::{
    outbox::{Kind, OutboxMessage, Platform},
    topics::Notice,
};

/// The characters of an SMS at most, in all its parts together.
const SMS_LIMIT: usize = 1600;

/// The bytes of a payload that a push platform takes.
const PAYLOAD_LIMIT: usize = 4096;

/// The digits of a phone number at most (E.164).
const DIGITS: usize = 15;

impl Sns {
    /// Sends to a platform endpoint.
    pub(super) fn push(&self, arn: &str, request: &Value) -> Answered {
        let endpoint = self
            .platforms
            .endpoint(arn)
            .ok_or_else(|| Failure::parameter("TargetArn Reason: No endpoint found for the target arn specified"))?;
        let notice = checked(request, &endpoint.platform)?;
        payload(request, &endpoint.platform)?;
        if !endpoint.enabled {
            return Err(Failure::disabled());
        }
        let platform = Platform { name: endpoint.platform, application: endpoint.application, token: endpoint.token };
        Ok(self.sent(Kind::MobilePush, arn, Some(platform), notice, request))
    }

    /// Sends to a phone number.
    pub(super) fn sms(&self, number: &str, request: &Value) -> Answered {
        if !is_number(number) {
            return Err(Failure::parameter(&format!("PhoneNumber Reason: {number} is not valid to publish to")));
        }
        let notice = checked(request, "sms")?;
        if notice.message.chars().count() > SMS_LIMIT {
            return Err(Failure::parameter("Message too long"));
        }
        Ok(self.sent(Kind::Sms, number, None, notice, request))
    }

    fn sent(&self, kind: Kind, to: &str, platform: Option<Platform>, notice: Notice, request: &Value) -> Value {
        let id = Uuid::now_v7().to_string();
        self.outbox.put(OutboxMessage {
            platform,
            subject: notice.subject,
            attributes: notice.attributes,
            request: request.clone(),
            ..OutboxMessage::now(kind, id.clone(), to.to_owned(), notice.message)
        });
        json!({ "MessageId": id })
    }
}

/// The message for this protocol, unless the request is too long with its messages for all protocols.
fn checked(request: &Value, protocol: &str) -> Result<Notice, Failure> {
    let (notice, length) = notice(request, protocol)?;
    if length > SIZE_LIMIT {
        return Err(Failure::parameter("Message too long"));
    }
    Ok(notice)
}

/// Checks a payload that the message has for a platform. SNS hands it on unchanged, so it must be what the platform takes: JSON,
/// and not too long.
fn payload(request: &Value, platform: &str) -> Result<(), Failure> {
    let takes_json = platform.starts_with("APNS") || platform.starts_with("MACOS") || matches!(platform, "ADM" | "GCM");
    if request["MessageStructure"].as_str() != Some("json") || !takes_json {
        return Ok(());
    }
    let entries: Map<String, Value> =
        serde_json::from_str(request["Message"].as_str().unwrap_or_default()).unwrap_or_default();
    let Some(payload) = entries.get(platform).and_then(Value::as_str) else { return Ok(()) };
    let wrong = |what: &str| {
        let why = format!("Message Reason: Invalid notification for protocol {platform}: Notification is {what}");
        Err(Failure::parameter(&why))
    };
    if serde_json::from_str::<Map<String, Value>>(payload).is_err() {
        return wrong("malformed");
    }
    if payload.len() > PAYLOAD_LIMIT {
        return wrong("too long");
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (2..=DIGITS).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.chars().all(|letter| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_one_of_e_164() {
        assert!(is_number("+15550100") && is_number("+491751234567890"));
        for wrong in ["", "+", "+1", "15550100", "+0555", "+1 555", "+1555010a", "+1234567890123456"] {
            assert!(!is_number(wrong), "{wrong}");
        }
    }
}
