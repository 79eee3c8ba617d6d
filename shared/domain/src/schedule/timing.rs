//! When a request wants its notification sent.

use crate::refusal::Refusal;
use crate::span::parse_seconds;
use crate::time::Millis;

use super::repeat::Repeat;

/// The furthest that a notification may lie ahead, in seconds: a year, and a leap day.
const FURTHEST: i64 = 366 * 24 * 60 * 60;

/// When to send, as a request says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    start: Start,
    /// By which rule again; the first time is not before the start.
    pub repeat: Option<Repeat>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Start {
    #[default]
    Now,
    At(Millis),
    /// In so many seconds.
    In(i64),
}

/// The request's fields, as they come.
#[derive(Debug, Default)]
pub struct Fields {
    /// A moment as RFC 3339 writes it.
    pub deliver_at: Option<String>,
    /// A span of time.
    pub delay: Option<String>,
    /// A cron expression.
    pub repeat: Option<String>,
    /// The name of the zone whose local time the expression means.
    pub time_zone: Option<String>,
}

impl Timing {
    /// Reads a request's fields.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn parse(fields: &Fields) -> Result<Self, Refusal> {
        let start = match (&fields.deliver_at, &fields.delay) {
            (Some(_), Some(_)) => {
                return Err(Refusal::field("delay", "cannot be combined with `deliver_at`; give one of them"));
            }
            (Some(text), None) => Start::At(moment(text)?),
            (None, Some(text)) => Start::In(delay(text)?),
            (None, None) => Start::Now,
        };
        let zone = fields.time_zone.as_deref();
        let repeat = match &fields.repeat {
            Some(expression) => Some(repeat(expression, zone)?),
            None if zone.is_some() => return Err(Refusal::field("time_zone", "is allowed only with `repeat`")),
            None => None,
        };
        Ok(Self { start, repeat })
    }

    /// Whether a request says anything of time.
    #[must_use]
    pub fn is_now(&self) -> bool {
        *self == Self::default()
    }

    /// When the notification is due, or the first one of a series; `None` if that is now or past.
    ///
    /// # Errors
    /// It lies too far ahead, or never comes.
    pub fn due(&self, now: Millis) -> Result<Option<Millis>, Refusal> {
        let (start, field) = match self.start {
            Start::Now => (now, "repeat"),
            Start::At(moment) => (moment.max(now), "deliver_at"),
            Start::In(seconds) => (now.plus(seconds * 1000), "delay"),
        };
        if start > now.plus(FURTHEST * 1000) {
            return Err(Refusal::field(field, "is more than a year ahead; give an earlier time"));
        }
        let Some(repeat) = &self.repeat else {
            return Ok(Some(start).filter(|start| *start > now));
        };
        // A series that begins at the very moment of the request begins with the next time: a minute has just begun.
        let after = if start > now { start.plus(-1) } else { now };
        let first = repeat
            .next(after)
            .ok_or_else(|| Refusal::field("repeat", "names a time that never occurs; give one that does"))?;
        Ok(Some(first))
    }
}

fn moment(text: &str) -> Result<Millis, Refusal> {
    Millis::from_rfc3339(text)
        .map_err(|_| Refusal::field("deliver_at", "write a moment with its offset: 2026-11-21T20:00:00Z"))
}

/// A series that is kept already may be of no place: only new ones are refused.
fn repeat(expression: &str, zone: Option<&str>) -> Result<Repeat, Refusal> {
    let repeat = Repeat::parse(expression, zone)?;
    if repeat.is_of_no_place() {
        let reason = "stands for an unknown time zone; give one such as Europe/Paris, or leave it out for UTC";
        return Err(Refusal::field("time_zone", format!("{:?} {reason}", zone.unwrap_or_default())));
    }
    Ok(repeat)
}

fn delay(text: &str) -> Result<i64, Refusal> {
    let seconds = parse_seconds(text).map_err(|reason| Refusal::field("delay", reason))?;
    if seconds < 0 { Err(Refusal::field("delay", "is negative; give 0s or more")) } else { Ok(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            let field = match *name {
                "deliver_at" => &mut fields.deliver_at,
                "delay" => &mut fields.delay,
                "repeat" => &mut fields.repeat,
                _ => &mut fields.time_zone,
            };
            *field = Some((*value).to_owned());
        }
        fields
    }

    /// Sunday.
    fn now() -> Millis {
        Millis::from_rfc3339("2026-11-22T10:00:00.500Z").unwrap()
    }

    fn due(pairs: &[(&str, &str)]) -> Result<Option<String>, Refusal> {
        Timing::parse(&fields(pairs))?.due(now()).map(|due| due.map(Millis::rfc3339))
    }

    #[test]
    fn what_is_due_or_past_is_sent_now() {
        assert_eq!(due(&[]), Ok(None));
        assert_eq!(due(&[("deliver_at", "2026-11-22T10:00:00Z")]), Ok(None));
        assert_eq!(due(&[("deliver_at", "1970-01-01T00:00:00Z")]), Ok(None));
        assert_eq!(due(&[("delay", "0s")]), Ok(None));
    }

    #[test]
    fn a_later_moment_is_kept_to_the_millisecond() {
        assert_eq!(
            due(&[("deliver_at", "2026-11-22T12:00:01.234+01:00")]),
            Ok(Some("2026-11-22T11:00:01.234Z".into()))
        );
        assert_eq!(due(&[("delay", "15m")]), Ok(Some("2026-11-22T10:15:00.500Z".into())));
        assert_eq!(due(&[("delay", "366d")]), Ok(Some("2027-11-23T10:00:00.500Z".into())));
    }

    #[test]
    fn a_series_begins_with_its_first_time_from_its_start_on() {
        let monday = [("repeat", "0 9 * * MON"), ("time_zone", "Europe/Paris")];
        assert_eq!(due(&monday), Ok(Some("2026-11-23T08:00:00.000Z".into())));
        let start = ("deliver_at", "2026-12-07T08:00:00Z");
        assert_eq!(due(&[monday[0], monday[1], start]), Ok(Some("2026-12-07T08:00:00.000Z".into())));
        let past = ("deliver_at", "2020-01-01T00:00:00Z");
        assert_eq!(due(&[("repeat", "* * * * *"), past]), Ok(Some("2026-11-22T10:01:00.000Z".into())));
        assert_eq!(due(&[("repeat", "* * * * *"), ("delay", "1h")]), Ok(Some("2026-11-22T11:01:00.000Z".into())));
    }

    #[test]
    fn every_refusal_names_its_field() {
        for (pairs, field) in [
            (vec![("deliver_at", "tomorrow")], "deliver_at"),
            (vec![("deliver_at", "2026-11-22T12:00:00")], "deliver_at"),
            (vec![("deliver_at", "2027-11-24T10:00:00Z")], "deliver_at"),
            (vec![("delay", "367d")], "delay"),
            (vec![("delay", "-1s")], "delay"),
            (vec![("delay", "soon")], "delay"),
            (vec![("delay", "1h"), ("deliver_at", "2026-11-22T12:00:00Z")], "delay"),
            (vec![("repeat", "daily")], "repeat"),
            (vec![("repeat", "0 0 31 4 *")], "repeat"),
            (vec![("repeat", "0 9 * * *"), ("time_zone", "Paris")], "time_zone"),
            (vec![("time_zone", "Europe/Paris")], "time_zone"),
            (vec![("repeat", "0 9 * * *"), ("time_zone", "Etc/Unknown")], "time_zone"),
            (vec![("repeat", "0 9 * * *"), ("time_zone", "etc/unknown")], "time_zone"),
            (vec![("repeat", "0 9 * * *"), ("time_zone", "Factory")], "time_zone"),
        ] {
            assert_eq!(due(&pairs).unwrap_err().field.as_deref(), Some(field), "{pairs:?}");
        }
    }
}
