//! `tidings notification`.

use std::time::Duration;

use clap::Args;
use tidings::NotificationState;
use tidings::token::Claims;

use super::{Failure, Stack, print, show};

const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// Shows the state of a notification: whether it is sent, and where it went.
#[derive(Debug, Args)]
pub(super) struct Notification {
    /// Its id, as `tidings send` printed it.
    id: String,
    /// Print the answer in JSON.
    #[arg(long)]
    json: bool,
}

impl Notification {
    /// Looks, and prints.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let mut claims = Claims::new("tidings-cli", TOKEN_LIFETIME);
        claims.publish = vec!["*".to_owned()];
        claims.subscribe = vec!["*".to_owned(), "user:*".to_owned()];
        let state = stack.client(&claims)?.notification(&self.id).await?;
        if self.json {
            return Ok(print(&serde_json::to_string(&state)?)?);
        }
        Ok(print(&table(state))?)
    }
}

fn table(state: NotificationState) -> String {
    let rows = [
        ("state", Some(state.state)),
        ("deliver at", state.deliver_at),
        ("sent at", state.sent_at),
        ("dead letter", state.dead_lettered_at),
        ("last", state.last),
        ("repeat", state.repeat),
        ("time zone", state.time_zone),
    ];
    let places = state.channels.iter().map(|place| ("to", Some(show::place(&place.channel, place.seq))));
    show::table(&state.id, rows.into_iter().chain(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_shown_with_each_channel_and_its_place_there() {
        let state = r#"{"id": "x", "state": "sent", "deliver_at": "2026-11-22T20:00:00.000Z", "sent_at":
            "2026-11-22T20:00:01.250Z", "channels": [{"channel": "user:a", "seq": 42}, {"channel": "topic:b"}]}"#;
        let expected = "x\n  state        sent\n  deliver at   2026-11-22T20:00:00.000Z\n  sent at      \
            2026-11-22T20:00:01.250Z\n  dead letter  –\n  last         –\n  repeat       –\n  time zone    –\n  to           user:a #42\n  to           \
            topic:b";
        assert_eq!(table(serde_json::from_str(state).unwrap()), expected);
    }
}
