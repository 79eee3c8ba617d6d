//! The function's log: what all functions log, without the errors that are none.

use std::env;
use std::fmt;

use lambda_runtime::tracing::field::{Field, Visit};
use lambda_runtime::tracing::subscriber::layer::{Context, Layer, SubscriberExt as _};
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt as _;
use lambda_runtime::tracing::subscriber::{EnvFilter, filter::LevelFilter, fmt as lines, registry};
use lambda_runtime::tracing::{Event, Subscriber};

use crate::UNAUTHORIZED;

/// Begins to log: as `init_default_subscriber` of the runtime, but for what [`Strangers`] leaves out.
pub(crate) fn init() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let lines = lines::layer().with_target(false).without_time();
    let is_json = env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = if is_json { lines.json().boxed() } else { lines.boxed() };
    registry().with(lines).with(filter).with(Strangers).init();
}

/// Leaves out the line that the runtime logs as an error where a handshake is refused with 401. The function has to fail
/// for that, and has logged the refusal itself; anybody on the internet can have it do so.
struct Strangers;

impl<S: Subscriber> Layer<S> for Strangers {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let mut message = Message(String::new());
        event.record(&mut message);
        !(event.metadata().target().starts_with("lambda_runtime") && message.0 == format!("{UNAUTHORIZED:?}"))
    }
}

/// The text of an event.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
