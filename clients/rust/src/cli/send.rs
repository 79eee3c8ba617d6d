//! `tidings send`.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;
use tidings::token::Claims;
use tidings::{Channel, Client, Notification, SendResponse};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Failure, Stack, print, show};

const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Sends a notification, or one a line of standard input.
///
/// With none of --title, --body and --data, each line of standard input is sent: a JSON object is the notification's
/// fields, any other text its body. Prints channel and seq of each; of one that is still to come, its id and when.
#[derive(Debug, Args)]
pub(super) struct SendArguments {
    /// Where to: up to 25 channels.
    #[arg(required = true, value_name = "CHANNEL")]
    to: Vec<Channel>,
    /// A line.
    #[arg(long)]
    title: Option<String>,
    /// A few sentences.
    #[arg(long)]
    body: Option<String>,
    /// Where a click leads.
    #[arg(long)]
    url: Option<String>,
    /// Anything for the application, in JSON.
    #[arg(long, value_name = "JSON", value_parser = json)]
    data: Option<Value>,
    /// Send it later: so long from now, such as 15m.
    #[arg(long, value_name = "DURATION", conflicts_with = "at")]
    delay: Option<String>,
    /// Send it later: then, such as 2026-11-22T21:00:00+01:00.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Send it repeatedly: five fields of cron, such as "0 9 * * 1".
    #[arg(long, value_name = "CRON")]
    repeat: Option<String>,
    /// Whose clock --repeat goes by, such as Europe/Paris.
    #[arg(long, value_name = "ZONE", requires = "repeat")]
    time_zone: Option<String>,
    /// The time for which readers see it, such as 24h.
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    /// Its priority, such as high.
    #[arg(long)]
    priority: Option<String>,
    /// Of all with the same key, a reader gets only the newest.
    #[arg(long, value_name = "KEY")]
    collapse_key: Option<String>,
    /// Push it to the connections of this moment, and keep nothing.
    #[arg(long)]
    no_store: bool,
    /// Idempotency key: what is sent twice under one key is stored once. To each line of standard input its number is
    /// added (KEY-1, KEY-2, …).
    #[arg(long)]
    key: Option<String>,
    /// Print the answers in JSON.
    #[arg(long)]
    json: bool,
}

/// A client whose token never ends while it is in use: standard input may go on for days.
struct Sender<'a> {
    stack: &'a Stack,
    client: Client,
    minted: Instant,
}

impl<'a> Sender<'a> {
    fn new(stack: &'a Stack, now: Instant) -> Result<Self, Failure> {
        let mut claims = Claims::new("tidings-cli", TOKEN_LIFETIME);
        claims.publish = vec!["*".to_owned()];
        Ok(Self { stack, client: stack.client(&claims)?, minted: now })
    }

    /// The client, with a new token if half of the old one's life is over. A token that was given stays.
    fn client(&mut self, now: Instant) -> Result<&Client, Failure> {
        if self.stack.token.is_none() && is_old(self.minted, now) {
            *self = Self::new(self.stack, now)?;
        }
        Ok(&self.client)
    }
}

/// Whether a token that was minted then is to be replaced.
fn is_old(minted: Instant, now: Instant) -> bool {
    now.saturating_duration_since(minted) > TOKEN_LIFETIME / 2
}

impl SendArguments {
    /// Sends, and stops at the first refusal.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let mut sender = Sender::new(stack, Instant::now())?;
        if self.title.is_some() || self.body.is_some() || self.data.is_some() {
            return self.send(&sender.client, &self.filled(Notification::default()), self.key.as_deref()).await;
        }
        self.send_lines(&mut sender).await
    }

    async fn send_lines(&self, sender: &mut Sender<'_>) -> Result<(), Failure> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut number = 0;
        while let Some(line) = lines.next_line().await? {
            number += 1;
            if line.trim().is_empty() {
                continue;
            }
            let client = sender.client(Instant::now())?;
            let key = self.key.as_ref().map(|key| format!("{key}-{number}"));
            let sent = match notification(&line) {
                Ok(notification) => self.send(client, &self.filled(notification), key.as_deref()).await,
                Err(error) => Err(error.into()),
            };
            sent.map_err(|error| in_line(number, error))?;
        }
        Ok(())
    }

    async fn send(&self, client: &Client, notification: &Notification, key: Option<&str>) -> Result<(), Failure> {
        let sent = client.send(notification, key).await?;
        if self.json {
            return Ok(print(&serde_json::to_string(&sent)?)?);
        }
        for line in lines(&sent) {
            print(&line)?;
        }
        Ok(())
    }

    /// A notification with the flags for the fields that it lacks.
    fn filled(&self, of_line: Notification) -> Notification {
        // One time excludes the other, so a line that has either takes none.
        let timed = of_line.deliver_at.is_some() || of_line.delay.is_some();
        let unless_timed = |flag: &Option<String>| flag.clone().filter(|_| !timed);
        Notification {
            to: self.to.clone(),
            title: of_line.title.or_else(|| self.title.clone()),
            body: of_line.body.or_else(|| self.body.clone()),
            url: of_line.url.or_else(|| self.url.clone()),
            data: of_line.data.or_else(|| self.data.clone()),
            deliver_at: of_line.deliver_at.or_else(|| unless_timed(&self.at)),
            delay: of_line.delay.or_else(|| unless_timed(&self.delay)),
            repeat: of_line.repeat.or_else(|| self.repeat.clone()),
            time_zone: of_line.time_zone.or_else(|| self.time_zone.clone()),
            ttl: of_line.ttl.or_else(|| self.ttl.clone().map(Value::from)),
            priority: of_line.priority.or_else(|| self.priority.clone()),
            collapse_key: of_line.collapse_key.or_else(|| self.collapse_key.clone()),
            store: of_line.store.or(self.no_store.then_some(false)),
            other: of_line.other,
        }
    }
}

/// Where it went; of one that is still to come, its id, which `tidings cancel` takes, and when.
fn lines(sent: &SendResponse) -> Vec<String> {
    match &sent.deliver_at {
        Some(deliver_at) if sent.state == "scheduled" => {
            vec![show::on_one_line(&format!("{} scheduled for {deliver_at}", sent.id))]
        }
        _ => sent.channels.iter().map(|to| show::place(&to.channel, to.seq)).collect(),
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))
}

fn notification(line: &str) -> Result<Notification, String> {
    if !line.trim_start().starts_with('{') {
        return Ok(Notification { body: Some(line.to_owned()), ..Notification::default() });
    }
    let Ok(fields) = serde_json::from_str::<Value>(line) else {
        return Ok(Notification { body: Some(line.to_owned()), ..Notification::default() });
    };
    if fields.get("to").is_some() {
        return Err("remove `to`: the command line names the channels".to_owned());
    }
    serde_json::from_value(fields).map_err(|error| error.to_string())
}

/// A closed pipe stays what it is.
fn in_line(number: u64, error: Failure) -> Failure {
    if super::is_closed_pipe(&error) { error } else { format!("line {number}: {error}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_is_replaced_long_before_it_ends_and_a_given_one_never() {
        let begin = Instant::now();
        let later = |minutes: u64| begin + Duration::from_secs(minutes * 60);
        assert_eq!([25, 30, 31, 62].map(|minutes| is_old(begin, later(minutes))), [false, false, true, true]);
        let http = "http://127.0.0.1:3000".to_owned();
        let stack = Stack { http, websocket: String::new(), token: Some("t".to_owned()) };
        let mut sender = Sender::new(&stack, begin).unwrap();
        sender.client(later(62)).unwrap();
        assert_eq!(sender.minted, begin);
    }

    #[test]
    fn a_line_is_fields_or_a_body() {
        let body = |text: &str| Notification { body: Some(text.to_owned()), ..Notification::default() };
        assert_eq!(notification("hello"), Ok(body("hello")));
        assert_eq!(notification(r#"{"body": "hello"}"#), Ok(body("hello")));
        assert_eq!(notification("{not json}"), Ok(body("{not json}")));
        assert_eq!(notification("42"), Ok(body("42")));
        assert!(notification(r#"{"to": "user:bob"}"#).is_err());
        assert!(notification(r#"{"title": 1}"#).is_err());
    }

    #[test]
    fn a_field_that_the_client_does_not_know_is_the_servers_to_refuse() {
        let unknown = notification(r#"{"titel": "x"}"#).unwrap();
        assert_eq!(serde_json::to_string(&unknown).unwrap(), r#"{"titel":"x"}"#);
    }

    #[test]
    fn a_scheduled_one_shows_its_time_and_a_sent_one_its_places() {
        let shown = |state: &str, seq: &str| {
            let at = "2026-11-22T20:00:00.000Z";
            let channels = format!(r#"[{{"channel": "user:a"{seq}}}, {{"channel": "topic:b"{seq}}}]"#);
            let sent = format!(r#"{{"id": "x", "state": "{state}", "deliver_at": "{at}", "channels": {channels}}}"#);
            lines(&serde_json::from_str(&sent).unwrap())
        };
        assert_eq!(shown("scheduled", ""), ["x scheduled for 2026-11-22T20:00:00.000Z"]);
        assert_eq!(shown("sent", r#", "seq": 42"#), ["user:a #42", "topic:b #42"]);
    }

    #[test]
    fn a_line_with_a_time_of_its_own_takes_no_other() {
        use clap::Parser;
        #[derive(Parser)]
        struct Flags {
            #[command(flatten)]
            send: SendArguments,
        }
        let flags = Flags::parse_from(["send", "user:alice", "--delay", "15m", "--ttl", "1h"]).send;
        let times = |line: &str| {
            let filled = flags.filled(notification(line).unwrap());
            assert_eq!(filled.ttl, Some(Value::from("1h")));
            (filled.deliver_at, filled.delay)
        };
        assert_eq!(times("hello"), (None, Some("15m".to_owned())));
        assert_eq!(times(r#"{"body": "b", "delay": "1h"}"#), (None, Some("1h".to_owned())));
        let at = "2026-11-22T20:00:00Z";
        assert_eq!(times(&format!(r#"{{"body": "b", "deliver_at": "{at}"}}"#)), (Some(at.to_owned()), None));
    }
}
