//! Repeating by a cron expression in a time zone.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::refusal::Refusal;
use crate::time::Millis;

/// The most characters of an expression.
const LONGEST: usize = 255;

/// When a series of notifications goes out: a cron expression of five fields, read in the local time of a zone.
///
/// Single values, lists and ranges of minutes and hours are fixed times of the day. A fixed time goes out when the local
/// clock first reads it or a later time. So a time that a change of the clocks leaves out goes out at the first moment
/// after the gap, two such times go out as one, and a time that comes twice goes out the first time. An expression with
/// `*` or a step in its minutes or hours goes by the clock as it runs: it leaves out what the clock leaves out, and goes
/// on through what the clock repeats.
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
            .map_err(|_| Refusal::field("repeat", "give a cron expression of five fields, such as `0 9 * * MON`"))?;
        if has_empty_field(&cron) {
            return Err(Refusal::field("repeat", "has a field without a value; give `*` for any value"));
        }
        let zone = zone.map_or(Ok(TimeZone::UTC), |name| {
            // The names that are built in, so that all functions know the same.
            let unknown = || Refusal::field("time_zone", "is not a time zone; give one such as Europe/Paris");
            TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())
        })?;
        Ok(Self { cron, zone, expression: expression.to_owned() })
    }

    /// The first time after `moment`; `None` if there is none.
    #[must_use]
    pub fn next(&self, moment: Millis) -> Option<Millis> {
        let moment = Timestamp::from_millisecond(moment.0).ok()?;
        let next = if self.goes_by_the_clock() { self.next_reading(moment) } else { self.next_fixed(moment) };
        Some(Millis(next?.as_millisecond()))
    }

    /// Whether the minutes or the hours have a `*` or a step.
    fn goes_by_the_clock(&self) -> bool {
        // Nicknames such as `@hourly` are spelled out here.
        self.cron.pattern.as_str().split_whitespace().take(2).any(|field| field.contains(['*', '/']))
    }

    /// The first moment after `moment` at which the local clock reads a time of the expression.
    fn next_reading(&self, moment: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&moment.to_zoned(self.zone.clone()), false).ok()?;
        Some(next.timestamp())
    }

    /// The first moment after `moment` at which a fixed time goes out.
    fn next_fixed(&self, moment: Timestamp) -> Option<Timestamp> {
        let mut local = self.zone.to_datetime(moment);
        loop {
            local = self.next_local(local)?;
            let goes_out = first_reached(&self.zone, local)?;
            // What lies in a repeated hour has gone out the first time.
            if goes_out > moment {
                return Some(goes_out);
            }
        }
    }

    /// The first time after `local` that the expression gives, whether a clock reads it or not.
    fn next_local(&self, local: DateTime) -> Option<DateTime> {
        // The clocks of UTC never change.
        let local = local.to_zoned(TimeZone::UTC).ok()?;
        Some(self.cron.find_next_occurrence(&local, false).ok()?.datetime())
    }

    /// Whether its zone stands for one that is not known. Browsers give such names; times by them would be those of UTC.
    #[must_use]
    pub fn is_of_no_place(&self) -> bool {
        self.zone.is_unknown() || self.zone.iana_name() == Some("Factory")
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

/// Whether a field is a lone comma. The search for its next time would go through every hour of the next thousands of years.
fn has_empty_field(cron: &Cron) -> bool {
    let pattern = &cron.pattern;
    [&pattern.minutes, &pattern.hours, &pattern.days, &pattern.months, &pattern.days_of_week]
        .iter()
        .any(|field| field.values().is_empty() && !field.has_modifiers())
}

/// The moment at which a zone's clock first reads `local` or a later time.
fn first_reached(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let reached = zone.to_ambiguous_timestamp(local);
    let AmbiguousOffset::Gap { after, .. } = reached.offset() else { return reached.earlier().ok() };
    // By the offset of after the gap, `local` lies before the change.
    let before = after.to_timestamp(local).ok()?;
    zone.following(before).find(|change| change.offset() == after).map(|change| change.timestamp())
}

#[cfg(test)]
mod oracle;

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
    fn lists_and_ranges_are_fixed_times() {
        // New York goes from 02:00 EDT to 01:00 EST, at 06:00 UTC.
        assert_eq!(
            times("30 1,13 * * *", "America/New_York", "2027-11-07T05:30:00.001Z", 1),
            ["2027-11-07T18:30:00.000Z"]
        );
        assert_eq!(
            times("15,45 2 * * *", "Europe/Paris", "2027-03-27T12:00:00Z", 2),
            ["2027-03-28T01:00:00.000Z", "2027-03-29T00:15:00.000Z"]
        );
        assert_eq!(
            times("0 1-3 * * *", "Europe/Paris", "2027-10-30T22:30:00Z", 3),
            ["2027-10-30T23:00:00.000Z", "2027-10-31T00:00:00.000Z", "2027-10-31T02:00:00.000Z"]
        );
    }

    #[test]
    fn a_gap_that_ends_on_the_next_day_leaves_nothing_out() {
        // In Nuuk the clocks go from Saturday, 23:00, to Sunday, 00:00.
        assert_eq!(
            times("30 23 * * SAT", "America/Nuuk", "2027-03-27T12:00:00Z", 2),
            ["2027-03-28T01:00:00.000Z", "2027-04-04T00:30:00.000Z"]
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
    fn days_may_be_named_by_a_letter_alone() {
        assert_eq!(times("0 0 L * *", "UTC", "2026-11-22T00:00:00Z", 1), ["2026-11-30T00:00:00.000Z"]);
        assert_eq!(times("0 0 * * MON#1", "UTC", "2026-11-22T00:00:00Z", 1), ["2026-12-07T00:00:00.000Z"]);
    }

    #[test]
    fn every_refusal_names_its_field() {
        for (expression, zone, field) in [
            ("", None, "repeat"),
            ("hourly", None, "repeat"),
            ("* * * *", None, "repeat"),
            ("0 * * * * *", None, "repeat"),
            ("60 * * * *", None, "repeat"),
            (", * * * *", None, "repeat"),
            ("0 , * * *", None, "repeat"),
            ("0 0 , * MON", None, "repeat"),
            ("0 0 * , *", None, "repeat"),
            ("0 0 1 * ,,", None, "repeat"),
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
