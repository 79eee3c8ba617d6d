//! `tidings listen`.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tidings::token::{Claims, TokenError, local_secret};
use tidings::{Builder, Channel, Cursor, Event, Item, Listener};

use super::{Failure, Stack, check_is_local, print, show};

/// A connection is replaced sooner than this, with a new token.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3 * 60 * 60);

/// Prints each notification exactly once and in order, until Ctrl-C.
///
/// The user's own channel, user:<sub>, is always listened to. Notifications go to standard output, all else to standard
/// error.
#[derive(Debug, Args)]
pub(super) struct Listen {
    /// Channels to listen to besides; with a seq (`topic:news:41`), from there on.
    #[arg(value_name = "CHANNEL[:SEQ]")]
    cursors: Vec<Cursor>,
    /// The user who listens. Only where no token is given: a token names its user.
    #[arg(long, default_value = "alice")]
    sub: String,
    /// The claim of the token that names the user, where the stack's parameter TokenUserClaim is not `sub`.
    #[arg(long, value_name = "CLAIM", default_value = "sub")]
    user_claim: String,
    /// Print JSON, one notification a line.
    #[arg(long)]
    json: bool,
    /// Exit after so many notifications.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// The line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    channel: &'a Channel,
    #[serde(flatten)]
    item: &'a Item,
}

impl Listen {
    /// Listens until Ctrl-C, the count, or a refusal.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let mut builder = self.builder(stack)?;
        for cursor in &self.cursors {
            builder = builder.channel(cursor.clone());
        }
        let mut listener = builder.start()?;
        let listened = tokio::select! {
            listened = self.listen(&mut listener) => listened,
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
        };
        listener.close().await;
        listened
    }

    fn builder(&self, stack: &Stack) -> Result<Builder, Failure> {
        let Some(token) = stack.token.clone() else { return self.local_builder(&stack.websocket) };
        Claims::read_unverified_by(&token, &self.user_claim)?;
        let builder =
            Listener::builder(&stack.websocket, move || std::future::ready(Ok::<_, TokenError>(token.clone())));
        Ok(builder.user_claim(&self.user_claim))
    }

    fn local_builder(&self, url: &str) -> Result<Builder, Failure> {
        check_is_local(url)?;
        Channel::inbox(&self.sub)?;
        let (sub, secret) = (self.sub.clone(), local_secret()?);
        // Patterns, and no `channels`: however many are named the token stays small, and one channel too many is
        // refused by its name and not with the whole connection.
        let token = move || {
            let subscribe = ["*", "user:*"].map(ToOwned::to_owned).into();
            std::future::ready(Claims { subscribe, ..Claims::new(&sub, TOKEN_LIFETIME) }.sign(&secret))
        };
        Ok(Listener::builder(url, token))
    }

    async fn listen(&self, listener: &mut Listener) -> Result<(), Failure> {
        let mut printed = 0;
        while self.count.is_none_or(|count| printed < count) {
            let event = listener.next().await?;
            match &event {
                Event::Notification { channel, item } => {
                    print(&self.line(channel, item)?)?;
                    printed += 1;
                }
                _ => eprintln!("{}", status(&event)),
            }
        }
        Ok(())
    }

    fn line(&self, channel: &Channel, item: &Item) -> serde_json::Result<String> {
        if self.json { serde_json::to_string(&Line { channel, item }) } else { Ok(show::line(channel, item)) }
    }
}

fn status(event: &Event) -> String {
    match event {
        Event::Connected => "connected".to_owned(),
        Event::Disconnected { reason, retry_in } => {
            format!("{}; reconnecting in {:.1} s", show::on_one_line(reason), retry_in.as_secs_f64())
        }
        Event::Gap { channel, after, resumed_at } => {
            format!("{channel}: what came after #{after} and before #{resumed_at} may have expired")
        }
        Event::Reset { channel, after, seq } => {
            format!("{channel}: #{after} lies beyond the log; it is another one, and goes on after #{seq}")
        }
        Event::Refused { channel, code, detail } => format!("{channel}: {code}: {}", show::on_one_line(detail)),
        _ => format!("{event:?}"),
    }
}
