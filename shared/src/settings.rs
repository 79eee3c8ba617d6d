//! The environment, read once at start, by concern. A variable that is missing or wrong is named.

use std::env;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use domain::allowance::Allowance;
use domain::append;
use domain::channel::Channel;
use domain::endpoint::retry::LOG_KEEPS;
use domain::time::Millis;
use kinds::KindSettings;
use kinds::settings::Variables;
use kinds::url::{UrlRules, is_loopback};
use url::{Host, Url};

pub use kinds::settings::InvalidSetting;

use crate::clock;

/// The environment's variables.
const ENVIRONMENT: Variables = Variables(|name| env::var(name).ok());

fn required(name: &'static str) -> Result<String, InvalidSetting> {
    ENVIRONMENT.required(name)
}

fn optional(name: &'static str) -> Option<String> {
    ENVIRONMENT.optional(name)
}

fn number<T: FromStr>(name: &'static str) -> Result<T, InvalidSetting>
where
    T::Err: ToString,
{
    ENVIRONMENT.number(name)
}

fn number_or<T: FromStr>(name: &'static str, default: T) -> Result<T, InvalidSetting>
where
    T::Err: ToString,
{
    ENVIRONMENT.number_or(name, default)
}

fn ports(name: &'static str) -> Result<Vec<u16>, InvalidSetting> {
    ENVIRONMENT.list(name, |port| port.parse().map_err(|error: ParseIntError| error.to_string()))
}

/// Whether the function runs in a local stack: what it takes for AWS is on this machine.
#[must_use]
pub fn local_stack() -> bool {
    optional("AWS_ENDPOINT_URL").is_some_and(|url| is_on_this_machine(&url))
}

fn is_on_this_machine(url: &str) -> bool {
    // By a name too: containers on this machine can be given one for it.
    Url::parse(url).is_ok_and(|url| url.host().as_ref().is_some_and(is_loopback))
}

/// Whether a URL's host is an address of this machine. A name may lead anywhere.
fn has_loopback_address(url: &Url) -> bool {
    let host = url.host().filter(|host| !matches!(host, Host::Domain(_)));
    host.as_ref().is_some_and(is_loopback)
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

/// The amount that one user may read from the logs.
///
/// # Errors
/// The variable is no number.
pub fn replay_allowance() -> Result<Allowance, InvalidSetting> {
    number_or("REPLAY_MEGABYTES_PER_HOUR", 256).map(Allowance::of_megabytes)
}

/// The most live connections of one user.
///
/// # Errors
/// The variable is no number.
pub fn connections_per_user() -> Result<usize, InvalidSetting> {
    number_or("CONNECTIONS_PER_USER", 100)
}

/// The addresses of the queues of segments of large audiences.
#[derive(Clone, Debug)]
pub struct SegmentsSettings {
    /// The queue of segments for notifications that are in their channel's log.
    pub stored: String,
    /// The queue of segments for notifications that are not stored.
    pub unstored: String,
}

impl SegmentsSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        let stored = required("SHARES_QUEUE")?;
        // A function may run with its new code for a moment before it has its new variables.
        let unstored = optional("UNSTORED_SHARES_QUEUE").unwrap_or_else(|| stored.clone());
        Ok(Self { stored, unstored })
    }
}

/// The part of the stack's post rate that each execution of `share` has.
#[derive(Clone, Copy, Debug)]
pub struct RateSettings {
    /// The pause of one execution between two posts.
    pub interval: Duration,
    /// The most executions at once.
    pub processes: u32,
}

impl RateSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing or no number, or a process would have less than one post a second.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        const POSTS: &str = "POSTS_PER_SECOND";
        let (posts, processes): (u32, u32) = (number(POSTS)?, number("SHARE_CONCURRENCY")?);
        if posts < processes {
            let reason = format!("give at least {processes}, since so many executions (SHARE_CONCURRENCY) share them");
            return Err(InvalidSetting::Invalid { name: POSTS, reason });
        }
        Ok(Self { interval: Duration::from_secs(processes.into()) / posts.max(1), processes })
    }
}

/// The addresses of the queues of attempts at endpoints.
#[derive(Clone, Debug)]
pub struct EndpointsSettings {
    /// The queue of attempts at endpoints that are not known to be slow.
    pub quick: String,
    /// The queue of all others.
    pub slow: String,
}

impl EndpointsSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        let quick = required("ENDPOINTS_QUEUE")?;
        // A function may run with its new code for a moment before it has its new variables.
        let slow = optional("SLOW_ENDPOINTS_QUEUE").unwrap_or_else(|| quick.clone());
        Ok(Self { quick, slow })
    }
}

/// The most attempts at once at endpoints that are not known to be slow.
///
/// # Errors
/// The variable is no number.
pub fn endpoint_concurrency() -> Result<u32, InvalidSetting> {
    // It is missing for as long as the variables above.
    number_or("ENDPOINT_CONCURRENCY", 2)
}

/// The queue of attempts that have failed for the last time.
///
/// # Errors
/// The variable is missing.
pub fn endpoint_dead_letters() -> Result<String, InvalidSetting> {
    required("ENDPOINT_DEAD_LETTERS")
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
    /// The retention of notifications, and the time of a restoration.
    pub rules: append::LogRules,
}

impl LogSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        const DAYS: &str = "RETENTION_DAYS";
        const RESTORED: &str = "RESTORED_AT";
        let days: i64 =
            required(DAYS)?.parse().ok().filter(|days| (LOG_KEEPS..=365).contains(days)).ok_or_else(|| {
                InvalidSetting::Invalid { name: DAYS, reason: format!("give {LOG_KEEPS} to 365 days") }
            })?;
        let restored_at = optional(RESTORED)
            .map(|text| past(&text, clock::now()))
            .transpose()
            .map_err(|reason| InvalidSetting::Invalid { name: RESTORED, reason })?;
        let rules = append::LogRules { retention: days * 24 * 60 * 60, restored_at };
        Ok(Self { table: required("NOTIFICATIONS_TABLE")?, rules })
    }
}

/// The limits of polls that wait.
#[derive(Clone, Debug)]
pub struct PollSettings {
    /// The table *Once*, which has each user's waiting polls.
    pub once_table: String,
    /// The longest that a poll waits; zero where none does.
    pub longest: Duration,
}

impl PollSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        // A function may run with its new code for a moment before it has its new variables: until then, no poll waits.
        let once_table = optional("ONCE_TABLE").unwrap_or_default();
        let longest = if once_table.is_empty() { 0 } else { number("LONGEST_POLL_SECONDS")? };
        Ok(Self { once_table, longest: Duration::from_secs(longest) })
    }
}

/// A moment that is not in the future, but for what clocks differ: a log starts again with each notification sent before it.
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

/// The kinds of endpoints that the stack has switched on, from the environment.
///
/// # Errors
/// A variable is missing or wrong.
pub fn kinds() -> Result<KindSettings, InvalidSetting> {
    let urls = UrlRules { ports: ports("WEBHOOK_PORTS")?, loopback_ports: loopback_ports()? };
    KindSettings::read(urls, ENVIRONMENT)
}

/// The settings of the transports.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// Who is asked for the addresses of hosts, if not the system.
    pub name_server: Option<SocketAddr>,
    /// The secret with the keys of Web Push: its name or ARN.
    pub vapid_secret: String,
    /// Who e-mails are from; empty where there are none.
    pub email_from: String,
    /// The table *Once*, which counts what is capped.
    pub once_table: String,
    /// The percentage of a day's caps that may go to one user.
    pub cap_share: u32,
}

impl TransportSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self {
            name_server: name_server()?,
            vapid_secret: required("VAPID_SECRET")?,
            email_from: optional("EMAIL_FROM").unwrap_or_default(),
            once_table: once_table()?,
            cap_share: number_or("DAILY_CAP_SHARE", 10)?,
        })
    }
}

/// The challenge that a webhook's server answers before it is added.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeSettings {
    /// Whether it has to.
    pub is_on: bool,
    /// Who is asked for the addresses of hosts, if not the system.
    pub name_server: Option<SocketAddr>,
}

impl ChallengeSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self { is_on: number_or("WEBHOOK_CHALLENGE", false)?, name_server: name_server()? })
    }
}

/// Who is asked for the addresses of hosts, in place of the system.
fn name_server() -> Result<Option<SocketAddr>, InvalidSetting> {
    const SERVER: &str = "NAME_SERVER";
    let server = local_only(SERVER)?.map(|text| text.parse()).transpose();
    server.map_err(|_| InvalidSetting::Invalid { name: SERVER, reason: "give an address and a port".to_owned() })
}

/// The ports of this machine that webhooks may be on: `false` for none, else their numbers.
fn loopback_ports() -> Result<Vec<u16>, InvalidSetting> {
    const PORTS: &str = "ALLOW_LOOPBACK_WEBHOOKS";
    if required(PORTS)? == "false" {
        return Ok(Vec::new());
    }
    local_only(PORTS)?;
    ports(PORTS)
}

/// A setting that only a local stack may have. In a deployed one it would let users' webhooks call the function's own Runtime API, or
/// hand a signing secret to everybody; so it does not start there. The template's rules refuse it as well.
fn local_only(name: &'static str) -> Result<Option<String>, InvalidSetting> {
    match optional(name) {
        Some(_) if !local_stack() => Err(InvalidSetting::Invalid { name, reason: NOT_LOCAL.to_owned() }),
        value => Ok(value),
    }
}

const NOT_LOCAL: &str =
    "leave it empty: it is for a stack on one machine, where AWS_ENDPOINT_URL is a loopback address";

/// The settings of the page.
#[derive(Clone, Debug)]
pub struct PageSettings {
    /// The address of the WebSocket API.
    pub websocket_url: String,
    /// The secret of the machine that a local stack runs on; nothing in a deployed one.
    pub local_token_secret: Option<String>,
    /// The public key of Web Push; nothing where the stack pushes to no browsers.
    pub vapid_public_key: Option<String>,
    /// The claim that names the user in tokens signed by a public key.
    pub user_claim: String,
}

impl PageSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing, or is not for a deployed stack.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self {
            websocket_url: required("WEBSOCKET_URL")?,
            local_token_secret: local_only("LOCAL_TOKEN_SECRET")?,
            vapid_public_key: optional("VAPID_PUBLIC_KEY"),
            user_claim: user_claim(),
        })
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
    pub jwks_url: Option<Url>,
    /// The `iss` that tokens signed by a public key must carry.
    pub issuer: Option<String>,
    /// The `aud` that tokens signed by a public key must carry.
    pub audience: Option<String>,
    /// The claim that names the user in tokens signed by a public key.
    pub user_claim: String,
    /// Whether HS256 tokens count, which the secret has signed.
    pub accepts_secret: bool,
    /// The longest remaining lifetime of a token, in seconds; none where it is unlimited.
    pub longest: Option<i64>,
    /// Whether a line of the log names each caller, by a code.
    pub names_callers: bool,
}

impl TokenSettings {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        const JWKS: &str = "TOKEN_JWKS_URL";
        let jwks_url = optional(JWKS).map(|text| key_set(&text, local_stack())).transpose();
        Ok(Self {
            secret: required("TOKEN_SECRET")?,
            public_key: optional("TOKEN_PUBLIC_KEY"),
            jwks_url: jwks_url.map_err(|reason| InvalidSetting::Invalid { name: JWKS, reason: reason.to_owned() })?,
            issuer: optional("TOKEN_ISSUER"),
            audience: optional("TOKEN_AUDIENCE"),
            user_claim: user_claim(),
            accepts_secret: number_or("ACCEPT_SECRET_TOKENS", true)?,
            longest: Some(number_or("LONGEST_TOKEN_SECONDS", 0)?).filter(|seconds| *seconds > 0),
            names_callers: number_or("CALLERS_IN_LOGS", false)?,
        })
    }
}

/// The address of a key set. Who could answer in the provider's place could sign tokens for everybody, so that it is one of
/// https; plain http is for a provider on this machine, beside a local stack.
fn key_set(text: &str, is_local: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "give an https address")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("give an address without a user or password before its host");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local && has_loopback_address(&url) => Ok(url),
        _ => Err("give an https address; plain http is for 127.0.0.1 in a local stack"),
    }
}

/// A function may run with its new code for a moment before it has its new variables.
fn user_claim() -> String {
    optional("TOKEN_USER_CLAIM").unwrap_or_else(|| "sub".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_stack_has_its_services_on_loopback() {
        for url in ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:1", "http://stack.localhost:1"] {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in [
            "",
            "https://dynamodb.eu-west-1.amazonaws.com",
            "http://127.0.0.1@other.example",
            "http://localhost.example",
            "127.0.0.1",
        ] {
            assert!(!is_on_this_machine(url), "{url}");
        }
    }

    #[test]
    fn a_key_set_is_behind_https_or_on_this_machine() {
        for good in ["https://idp.example.com/keys.json", "https://idp.example.com:8443/a@b?c"] {
            assert!(key_set(good, false).is_ok(), "{good}");
        }
        for local in ["http://127.0.0.1:8080/keys.json", "http://127.0.0.1/", "http://[::1]:80/"] {
            assert!(key_set(local, true).is_ok(), "{local}");
            assert!(key_set(local, false).is_err(), "{local}");
        }
        for bad in [
            "http://127.0.0.1:9@other-host/",
            "http://127.0.0.1:9@localhost:8080/",
            "http://127.0.0.1.example.com/",
            "http://localhost/",
            "http://idp.example.com/",
            "https://user@idp.example.com/",
            "https://user:password@idp.example.com/",
            "https://:password@idp.example.com/",
            "file:///etc/passwd",
            "127.0.0.1/keys.json",
            "keys.json",
        ] {
            assert!(key_set(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_restoration_to_come_is_a_mistake() {
        let now = Millis::from_rfc3339("2026-11-22T10:00:00Z").unwrap();
        assert_eq!(past("2026-11-22T10:00:30Z", now), Ok(now.plus(30_000)));
        assert!(past("2026-11-22T11:00:00Z", now).unwrap_err().contains("future"));
        assert!(past("2026-11-31T10:00:00Z", now).is_err());
    }
}
