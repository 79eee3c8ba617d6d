//! The environment, read once at start, by concern. A variable that is missing or wrong is named.

use std::env;

use crate::clock;
use crate::domain::append::Rules;
use crate::domain::channel::Channel;
use crate::domain::time::Millis;

/// The environment does not say what the function needs.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSetting {
    /// A variable is not set.
    #[error("the environment variable {0} is missing; template.yaml sets it")]
    Missing(&'static str),
    /// A variable is not what it has to be.
    #[error("the environment variable {name} is not valid: {reason}")]
    Invalid {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

fn required(name: &'static str) -> Result<String, InvalidSetting> {
    optional(name).ok_or(InvalidSetting::Missing(name))
}

/// An empty value is none: a template cannot leave a variable out.
fn optional(name: &'static str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The table *Subscribers*.
///
/// # Errors
/// The variable is missing.
pub fn subscribers_table() -> Result<String, InvalidSetting> {
    required("SUBSCRIBERS_TABLE")
}

/// The table *Once*.
///
/// # Errors
/// The variable is missing.
pub fn once_table() -> Result<String, InvalidSetting> {
    required("ONCE_TABLE")
}

/// The channel of what comes in over SNS and names none.
///
/// # Errors
/// The variable is missing or names no channel.
pub fn inbound_channel() -> Result<Channel, InvalidSetting> {
    const CHANNEL: &str = "INBOUND_CHANNEL";
    let name = required(CHANNEL)?;
    Channel::parse(&name).map_err(|reason| InvalidSetting::Invalid { name: CHANNEL, reason: reason.to_string() })
}

/// Where notifications wait for their time.
#[derive(Clone, Debug)]
pub struct ScheduleSettings {
    /// The table *Schedule*.
    pub table: String,
    /// The address of the queue of what becomes due.
    pub queue: String,
}

impl ScheduleSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self { table: required("SCHEDULE_TABLE")?, queue: required("DUE_QUEUE")? })
    }
}

/// Where the logs are and what holds for all of them.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The table *Notifications*.
    pub table: String,
    /// How long notifications are kept, and whether the table was restored.
    pub rules: Rules,
}

impl LogSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        const DAYS: &str = "RETENTION_DAYS";
        const RESTORED: &str = "RESTORED_AT";
        let days: i64 = required(DAYS)?
            .parse()
            .ok()
            .filter(|days| (1..=365).contains(days))
            .ok_or_else(|| InvalidSetting::Invalid { name: DAYS, reason: "give 1 to 365 days".to_owned() })?;
        let restored_at = optional(RESTORED)
            .map(|text| past(&text, clock::now()))
            .transpose()
            .map_err(|reason| InvalidSetting::Invalid { name: RESTORED, reason })?;
        let rules = Rules { retention: days * 24 * 60 * 60, restored_at };
        Ok(Self { table: required("NOTIFICATIONS_TABLE")?, rules })
    }
}

/// A moment that is not to come, but for what clocks differ: a log starts again with each notification sent before it.
fn past(text: &str, now: Millis) -> Result<Millis, String> {
    const SLACK: i64 = 60_000;
    let moment = Millis::from_rfc3339(text)?;
    if moment > now.plus(SLACK) { Err(format!("{text} lies in the future")) } else { Ok(moment) }
}

/// Where connections are posted to: the WebSocket API's address with its stage.
///
/// # Errors
/// The variable is missing.
pub fn management_endpoint() -> Result<String, InvalidSetting> {
    required("MANAGEMENT_ENDPOINT")
}

/// What the page is told about its stack.
#[derive(Clone, Debug)]
pub struct PageSettings {
    /// The address of the WebSocket API.
    pub websocket_url: String,
    /// The published secret of a stack on one's own machine; nothing in a deployed one.
    pub local_token_secret: Option<String>,
}

impl PageSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// The address's variable is missing.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self { websocket_url: required("WEBSOCKET_URL")?, local_token_secret: optional("LOCAL_TOKEN_SECRET") })
    }
}

/// Whose tokens are believed.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The secret of HS256 tokens: its name or ARN in Secrets Manager.
    pub secret: String,
    /// A public key, in PEM.
    pub public_key: Option<String>,
    /// The address of a JSON Web Key Set.
    pub jwks_url: Option<String>,
    /// The `iss` that tokens signed by a public key must carry.
    pub issuer: Option<String>,
    /// The `aud` that tokens signed by a public key must carry.
    pub audience: Option<String>,
}

impl TokenSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// The secret's variable is missing.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self {
            secret: required("TOKEN_SECRET")?,
            public_key: optional("TOKEN_PUBLIC_KEY"),
            jwks_url: optional("TOKEN_JWKS_URL"),
            issuer: optional("TOKEN_ISSUER"),
            audience: optional("TOKEN_AUDIENCE"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restoration_to_come_is_a_mistake() {
        let now = Millis::from_rfc3339("2026-11-22T10:00:00Z").unwrap();
        assert_eq!(past("2026-11-22T10:00:30Z", now), Ok(now.plus(30_000)));
        assert!(past("2026-11-22T11:00:00Z", now).unwrap_err().contains("future"));
        assert!(past("2026-11-31T10:00:00Z", now).is_err());
    }
}
