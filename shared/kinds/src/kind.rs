//! The interface of a kind.

use domain::refusal::{Code, Refusal};
use domain::time::Millis;
use serde_json::{Map, Value};

use crate::message::{Message, NoMessage};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::settings::{InvalidSetting, Variables};
use crate::signature::WebhookSecret;
use crate::url::UrlRules;

/// A kind of endpoints, implemented by its target.
pub trait Kind: Sized {
    /// The stack's settings of this kind.
    type Settings;

    /// Reads the settings.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    fn settings(variables: Variables) -> Result<Self::Settings, InvalidSetting>;

    /// Reads and checks the fields of a request.
    ///
    /// # Errors
    /// Names the field that is wrong; `kind_off`.
    fn parse(fields: Map<String, Value>, urls: &UrlRules, settings: &Self::Settings) -> Result<Self, Refusal>;

    /// Where it leads: two endpoints of one kind with one place are the same endpoint to their receiver.
    fn place(&self) -> &str;

    /// Writes the message for a notification.
    ///
    /// # Errors
    /// There is nothing to send, or it cannot be sent.
    fn message(
        &self,
        delivery: &OutgoingDelivery<'_>,
        given: &Given<'_>,
        settings: &Self::Settings,
    ) -> Result<Message, NoMessage>;

    /// Whether messages are signed with a secret that only the owner has. Such an endpoint is also asked whether it wants
    /// notifications, where the stack has `WebhookChallenge` on.
    fn is_signed(&self) -> bool {
        false
    }

    /// Whether the receiver is a server that a user has named. It may take as long as it likes to answer, where SNS and SES do not.
    fn is_posted_to(&self) -> bool {
        false
    }

    /// Whether it can show how many notifications are unread.
    fn shows_unread(&self) -> bool {
        false
    }

    /// The fields that its owner does not see again, each with a JSON pointer to the object that has it.
    fn hidden(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// The circumstances of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The moment of the attempt.
    pub now: Millis,
    /// The secrets that count, newest first; none for a kind that is not signed.
    pub secrets: &'a [&'a WebhookSecret],
    /// The URLs that may be posted to.
    pub urls: &'a UrlRules,
    /// The percentage of a daily cap that one user may take.
    pub cap_share: u32,
}

/// Refuses a kind that the operator has not switched on.
///
/// # Errors
/// `kind_off`, with the template's parameter that switches it on.
pub(crate) fn switched_on(on: bool, parameter: &str) -> Result<(), Refusal> {
    if on {
        return Ok(());
    }
    let reason = format!("this stack has it switched off; its operator switches it on with the parameter {parameter}");
    Err(Refusal::field_with(Code::KindOff, "kind", reason))
}
