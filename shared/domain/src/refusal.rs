//! Why a request is refused: a stable code, a status, and a sentence for the one who asked.

use std::fmt;

/// The stable codes of the API, one for each reason to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The body or frame is not JSON.
    InvalidJson,
    /// A field is missing, unknown, or not what it has to be.
    InvalidRequest,
    /// `Idempotency-Key` is empty or too long.
    InvalidIdempotencyKey,
    /// More channels than one call may name.
    TooManyChannels,
    /// No token came with the request.
    MissingToken,
    /// The stack did not issue the token, or the token is malformed.
    InvalidToken,
    /// The token's `exp` has passed.
    ExpiredToken,
    /// The token does not allow this.
    Forbidden,
    /// The notification does not fit one frame.
    NotificationTooLarge,
    /// The body is larger than this call can need.
    BodyTooLarge,
    /// The key was used with another body.
    IdempotencyKeyReused,
    /// A connection joins more channels than it may.
    TooManySubscriptions,
    /// An owner has as many endpoints in a channel as they may.
    TooManyEndpoints,
    /// A user had things sent again as often as one may on a day, or has had as much read from the logs as one may in an hour.
    TooManyReplays,
    /// A user has more live connections than one may; this one is the oldest.
    TooManyConnections,
    /// As many polls of a user wait as may at once.
    TooManyPolls,
    /// A webhook's server did not answer the challenge.
    ChallengeFailed,
    /// As many challenges of a user have failed as may on a day.
    TooManyChallenges,
    /// The stack has this kind of endpoint switched off.
    KindOff,
    /// The endpoint was changed by another request at the same moment.
    EndpointChanged,
    /// The API has no such `action`.
    UnknownAction,
    /// There is no such thing.
    NotFound,
    /// The notification that was to be cancelled has been sent.
    AlreadySent,
    /// The connection is not known any more; it is being closed.
    ConnectionGone,
    /// Too many senders write to the channel at the same time.
    ChannelBusy,
    /// Something behind the API does not answer; the same request may succeed later.
    Unavailable,
}

impl Code {
    /// The code as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidIdempotencyKey => "invalid_idempotency_key",
            Self::TooManyChannels => "too_many_channels",
            Self::MissingToken => "missing_token",
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "expired_token",
            Self::Forbidden => "forbidden",
            Self::NotificationTooLarge => "notification_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::TooManyEndpoints => "too_many_endpoints",
            Self::TooManyReplays => "too_many_replays",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyPolls => "too_many_polls",
            Self::ChallengeFailed => "challenge_failed",
            Self::TooManyChallenges => "too_many_challenges",
            Self::KindOff => "kind_off",
            Self::EndpointChanged => "endpoint_changed",
            Self::UnknownAction => "unknown_action",
            Self::NotFound => "not_found",
            Self::AlreadySent => "already_sent",
            Self::ConnectionGone => "connection_gone",
            Self::ChannelBusy => "channel_busy",
            Self::Unavailable => "unavailable",
        }
    }

    /// The HTTP status that goes with the code, and the problem's title (RFC 9457).
    #[must_use]
    pub fn status_and_title(self) -> (u16, &'static str) {
        match self {
            Self::InvalidJson => (400, "The body is not JSON"),
            Self::InvalidRequest => (400, "The request is not valid"),
            Self::InvalidIdempotencyKey => (400, "The idempotency key is not valid"),
            Self::TooManyChannels => (400, "Too many channels"),
            Self::TooManyEndpoints => (400, "Too many endpoints"),
            Self::KindOff => (400, "This kind of endpoint is off"),
            Self::ChallengeFailed => (400, "The challenge was not answered"),
            Self::EndpointChanged => (409, "The endpoint was changed meanwhile"),
            Self::UnknownAction => (400, "Unknown action"),
            Self::TooManySubscriptions => (400, "Too many subscriptions"),
            Self::MissingToken => (401, "A token is needed"),
            Self::InvalidToken => (401, "The token is not valid"),
            Self::ExpiredToken => (401, "The token has expired"),
            Self::Forbidden => (403, "Not allowed"),
            Self::NotFound => (404, "Not found"),
            Self::AlreadySent => (409, "Already sent"),
            Self::ConnectionGone => (410, "The connection is gone"),
            Self::NotificationTooLarge => (413, "The notification is too large"),
            Self::BodyTooLarge => (413, "The body is too large"),
            Self::TooManyReplays => (429, "Too many replays"),
            Self::TooManyConnections => (429, "Too many connections"),
            Self::TooManyPolls => (429, "Too many waiting polls"),
            Self::TooManyChallenges => (429, "Too many failed challenges"),
            Self::IdempotencyKeyReused => (422, "The idempotency key was used with another body"),
            Self::ChannelBusy => (503, "The channel is busy"),
            Self::Unavailable => (503, "Try again"),
        }
    }
}

/// A refusal repeats what was sent only up to this many characters, so that an answer always fits.
const LONGEST_DETAIL: usize = 600;
const LONGEST_FIELD: usize = 100;

/// The names that this API gives to fields, parameters and headers. All others are a caller's own words.
const NAMES: [&str; 41] = [
    "Idempotency-Key",
    "MessageId",
    "action",
    "address",
    "after",
    "auth",
    "body",
    "channel",
    "channels",
    "collapse_key",
    "data",
    "delay",
    "deliver_at",
    "endpoint",
    "exp",
    "id",
    "key",
    "keys",
    "kind",
    "limit",
    "min_priority",
    "nbf",
    "only_when_offline",
    "p256dh",
    "phone",
    "priority",
    "publish",
    "ref",
    "repeat",
    "seq",
    "store",
    "sub",
    "subscribe",
    "subscription",
    "target_arn",
    "time_zone",
    "title",
    "to",
    "ttl",
    "url",
    "wait",
];

/// Whether a field's path has names of this API only, and places in lists: `to[1]`, `subscription.keys.auth`.
fn is_known(path: &str) -> bool {
    path.split('.').all(|part| match part.split_once('[') {
        Some((name, place)) => {
            let place = place.strip_suffix(']').unwrap_or_default();
            NAMES.contains(&name) && !place.is_empty() && place.bytes().all(|digit| digit.is_ascii_digit())
        }
        None => NAMES.contains(&part),
    })
}

/// A refused request. Unless its code says to try again, nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable reason.
    pub code: Code,
    /// The field that is wrong, as a path (`to[1]`), where there is one.
    pub field: Option<String>,
    /// The fault and its remedy. May be shown to the caller.
    pub detail: String,
    /// After how many seconds the same request may be answered otherwise, where that is known.
    pub retry_after: Option<i64>,
}

impl Refusal {
    /// A refusal that no single field is to blame for.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, field: None, detail: bounded(detail.into(), LONGEST_DETAIL), retry_after: None }
    }

    /// A refusal on account of `field`, which is named in front of `reason`.
    pub fn field(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::field_with(Code::InvalidRequest, field, reason)
    }

    /// Like [`Refusal::field`], with a code of its own.
    pub fn field_with(code: Code, field: impl Into<String>, reason: impl fmt::Display) -> Self {
        let field = bounded(field.into(), LONGEST_FIELD);
        let detail = bounded(format!("`{field}`: {reason}"), LONGEST_DETAIL);
        Self { code, detail, field: Some(field), retry_after: None }
    }

    /// The refusal as it may stand in a log: its code, and its field where the API has one of that name. The detail may repeat
    /// what was sent, and so may the name of a field that is unknown.
    #[must_use]
    pub fn logged(&self) -> String {
        let code = self.code.as_str();
        match &self.field {
            Some(field) if is_known(field) => format!("{code} `{field}`"),
            Some(_) => format!("{code}, an unknown field"),
            None => code.to_owned(),
        }
    }

    /// The same, and when to ask again.
    #[must_use]
    pub fn again_in(self, seconds: i64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

fn bounded(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_the_apis_own_names_and_none_of_a_callers() {
        let logged = |field: &str| Refusal::field(field, "a secret of theirs").logged();
        for known in ["to", "to[1]", "subscription.keys.auth", "Idempotency-Key", "channels[49]"] {
            assert_eq!(logged(known), format!("invalid_request `{known}`"));
        }
        for theirs in [
            "Mr Doe has cancer",
            "to.x",
            "x.to",
            "to[Mr Doe]",
            "to[",
            "to[]",
            "to[1]]",
            "titel",
            "",
            "data.",
            "to[1][x]",
        ] {
            assert_eq!(logged(theirs), "invalid_request, an unknown field", "{theirs}");
        }
        assert_eq!(Refusal::new(Code::InvalidJson, "a secret of theirs").logged(), "invalid_json");
    }
}
