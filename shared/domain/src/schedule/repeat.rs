//! Repeating by a cron expression in a time zone.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::refusal::Refusal;
use crate::time::Millis;

/// The most characters of an expression.
const LONGEST: usize = 255;

/// When a series of notifications goes out: a cron expression of five fields, read in the local time of a zone.
///
/// Where a change of the clocks leaves out a local time, what was to go out then goes out at the first moment after the
/// gap; what comes twice goes out once. An expression with `*` or a step in its minutes or hours goes by the clock as it runs: it leaves out what
/// is left out, and goes on through what is repeated.
#[derive(Clone, Debug)]
pub struct Repeat {
    cron: Cron,
    zone: TimeZone,
    expression: String,
}

impl PartialEq for Repeat {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.zone == other.zone
    }
}

impl Repeat {
    /// Reads an expression and the name of a time zone (UTC if there is none).
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn parse(expression: &str, zone: Option<&str>) -> Result<Self, Refusal> {
        if expression.len() > LONGEST {
            return Err(Refusal::field("repeat", format!("is longer than {LONGEST} characters")));
        }
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(expression)
            .map_err(|error| Refusal::field("repeat", format!("give a cron expression of five fields; {error}")))?;
        let zone = zone.map_or(Ok(TimeZone::UTC), |name| {
            // The names that are built in, so that all functions know the same.
            let unknown =
                || Refusal::field("time_zone", format!("{name:?} is no time zone; give one such as Europe/Paris"));
            TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())
        })?;
        Ok(Self { cron, zone, expression: expression.to_owned() })
    }

    /// The first time after `moment`; `None` if there is none.
    #[must_use]
    pub fn next(&self, moment: Millis) -> Option<Millis> {
        let moment = Timestamp::from_millisecond(moment.0).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&moment, false).ok()?;
        Some(Millis(next.timestamp().as_millisecond()))
    }

    /// The expression as it was given.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The zone's name.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::from_rfc3339(text).unwrap()
    }

    fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let repeat = Repeat::parse(expression, Some(zone)).unwrap();
        std::iter::successors(repeat.next(at(after)), |last| repeat.next(*last))
            .take(count)
            .map(Millis::rfc3339)
            .collect()
    }

    #[test]
    fn a_time_of_the_day_stays_one_when_the_clocks_change() {
        assert_eq!(
            times("0 9 * * *", "Europe/Paris", "2027-03-27T00:00:00Z", 3),
            ["2027-03-27T08:00:00.000Z", "2027-03-28T07:00:00.000Z", "2027-03-29T07:00:00.000Z"]
        );
        assert_eq!(
            times("0 9 * * SUN", "America/New_York", "2027-10-31T12:00:00Z", 2),
            ["2027-10-31T13:00:00.000Z", "2027-11-07T14:00:00.000Z"]
        );
    }

    #[test]
    fn what_the_clocks_leave_out_goes_out_after_the_gap_and_what_comes_twice_once() {
        // On 2027-03-28 Paris goes from 02:00 to 03:00, on 2027-10-31 from 03:00 to 02:00.
        assert_eq!(
            times("30 2 * * *", "Europe/Paris", "2027-03-27T12:00:00Z", 2),
            ["2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z"]
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Paris", "2027-10-30T12:00:00Z", 2),
            ["2027-10-31T00:30:00.000Z", "2027-11-01T01:30:00.000Z"]
        );
    }

    #[test]
    fn an_interval_goes_by_the_clock_as_it_runs() {
        assert_eq!(
            times("*/30 * * * *", "Europe/Paris", "2027-10-31T00:00:00Z", 4),
            [
                "2027-10-31T00:30:00.000Z",
                "2027-10-31T01:00:00.000Z",
                "2027-10-31T01:30:00.000Z",
                "2027-10-31T02:00:00.000Z"
            ]
        );
        assert_eq!(times("*/30 * * * *", "Europe/Paris", "2027-03-28T00:30:00Z", 1), ["2027-03-28T01:00:00.000Z"]);
    }

    #[test]
    fn what_never_comes_has_no_next_time() {
        assert_eq!(Repeat::parse("0 0 30 2 *", None).unwrap().next(Millis(0)), None);
        assert!(Repeat::parse("0 0 29 2 *", None).unwrap().next(at("2026-11-22T00:00:00Z")).is_some());
    }

    #[test]
    fn every_refusal_names_its_field() {
        for (expression, zone, field) in [
            ("", None, "repeat"),
            ("hourly", None, "repeat"),
            ("* * * *", None, "repeat"),
            ("0 * * * * *", None, "repeat"),
            ("60 * * * *", None, "repeat"),
            (&format!("{}0 * * * *", "0,".repeat(200)), None, "repeat"),
            ("0 9 * * MON", Some("Mars/Olympus"), "time_zone"),
            ("0 9 * * MON", Some("+02:00"), "time_zone"),
            ("0 9 * * MON", Some(""), "time_zone"),
        ] {
            let refusal = Repeat::parse(expression, zone).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some(field), "{expression} {zone:?}");
        }
    }
}
