//! Schedule expressions: `rate(5 minutes)`, or `cron(0 10 * * ? *)` in EventBridge's own dialect.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use std::time::Duration;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, tz::TimeZone};

use super::field::{self, Field};

/// The times at which a rule fires.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    /// Once in each period.
    Rate(Duration),
    /// At these times of the calendar, in UTC.
    Cron(Calendar),
}

/// Times of the calendar.
#[derive(Debug, Clone)]
pub(crate) struct Calendar(Box<Cron>);

impl Calendar {
    /// The first of its times after this one, if it has any.
    pub(crate) fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.0.find_next_occurrence(&time.to_zoned(TimeZone::UTC), false);
        next.ok().map(|next| next.timestamp())
    }
}

impl Expression {
    /// Reads a `ScheduleExpression`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let inside = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')');
        let read = match (inside("rate"), inside("cron")) {
            (Some(rate), _) => rate_of(rate).map(Self::Rate),
            (None, Some(cron)) => calendar(cron).map(Self::Cron),
            (None, None) => Err("it is neither rate(…) nor cron(…)".to_owned()),
        };
        read.map_err(|why| format!("the ScheduleExpression {text:?}: {why}"))
    }
}

fn rate_of(text: &str) -> Result<Duration, String> {
    let mut words = text.split_whitespace();
    let (Some(value), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err("a rate is a number and a unit".to_owned());
    };
    let value: u32 = value.parse().ok().filter(|value| *value > 0).ok_or("a rate is a whole number above 0")?;
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    let seconds = match singular {
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        _ => return Err(format!("{unit} is no unit; there are minutes, hours and days")),
    };
    if (value == 1) != (unit == singular) {
        return Err(format!("AWS takes a singular after 1 only, and a plural after all else; not {value} {unit}"));
    }
    Ok(Duration::from_secs(u64::from(value) * seconds))
}

fn calendar(text: &str) -> Result<Calendar, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else {
        return Err(format!("it has {} fields, and not 6", fields.len()));
    };
    if (day == "?") == (weekday == "?") {
        return Err("either the day of month or the day of week must be ?, and not both".to_owned());
    }
    let any = |text| if text == "?" { "*" } else { text };
    let parts = [
        (&field::MINUTES, minutes),
        (&field::HOURS, hours),
        (&field::DAY_OF_MONTH, any(day)),
        (&field::MONTH, month),
        (&field::DAY_OF_WEEK, any(weekday)),
        (&field::YEAR, year),
    ];
    let parts: Vec<String> = parts.iter().map(|(field, text)| Field::expand(field, text)).collect::<Result<_, _>>()?;
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Required).alternative_weekdays(true);
    let cron = parser.build().parse(&format!("0 {}", parts.join(" "))).map_err(|error| error.to_string())?;
    Ok(Calendar(Box::new(cron)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times after a Wednesday.
    fn next(text: &str, times: usize) -> Vec<String> {
        let Ok(Expression::Cron(calendar)) = Expression::parse(text) else { panic!("{text} is valid") };
        let start: Timestamp = "2026-07-01T00:00:30Z".parse().expect("a time");
        let times = std::iter::successors(calendar.after(start), |last| calendar.after(*last)).take(times);
        times.map(|time| time.strftime("%F %H:%M").to_string()).collect()
    }

    #[test]
    fn a_rate_is_a_number_and_a_unit_that_agree() {
        for (text, seconds) in [
            ("rate(1 minute)", 60),
            ("rate(5 minutes)", 300),
            ("rate(1 hour)", 3600),
            ("rate(12 hours)", 43_200),
            ("rate(1 day)", 86_400),
            ("rate(7 days)", 604_800),
        ] {
            let parsed = Expression::parse(text);
            assert!(matches!(parsed, Ok(Expression::Rate(rate)) if rate.as_secs() == seconds), "{text}: {parsed:?}");
        }
        for wrong in ["rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(-1 hours)", "rate(1.5 hours)"] {
            Expression::parse(wrong).expect_err(wrong);
        }
        for wrong in ["rate(5)", "rate(5 seconds)", "rate(5 Minutes)", "rate 5 minutes", "rate()", "5 minutes"] {
            Expression::parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn the_examples_of_the_documentation_mean_what_it_says() {
        for (text, times) in [
            ("cron(0 10 * * ? *)", ["2026-07-01 10:00", "2026-07-02 10:00"]),
            ("cron(15 12 * * ? *)", ["2026-07-01 12:15", "2026-07-02 12:15"]),
            ("cron(0 18 ? * MON-FRI *)", ["2026-07-01 18:00", "2026-07-02 18:00"]),
            ("cron(0 8 1 * ? *)", ["2026-07-01 08:00", "2026-08-01 08:00"]),
            ("cron(0/15 * * * ? *)", ["2026-07-01 00:15", "2026-07-01 00:30"]),
            ("cron(0/10 * ? * MON-FRI *)", ["2026-07-01 00:10", "2026-07-01 00:20"]),
            ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-07-01 08:00", "2026-07-01 08:05"]),
            ("cron(1/10 * * * ? *)", ["2026-07-01 00:01", "2026-07-01 00:11"]),
            ("cron(0 0 ? * 3#2 *)", ["2026-07-14 00:00", "2026-08-11 00:00"]),
            ("cron(0 0 3W * ? *)", ["2026-07-03 00:00", "2026-08-03 00:00"]),
            ("cron(0 0 ? JAN,FEB,MAR MON *)", ["2027-01-04 00:00", "2027-01-11 00:00"]),
        ] {
            assert_eq!(next(text, 2), times, "{text}");
        }
    }

    #[test]
    fn ranges_may_go_past_their_end() {
        assert_eq!(next("cron(30 22-1 ? * * *)", 3), ["2026-07-01 00:30", "2026-07-01 01:30", "2026-07-01 22:30"]);
        assert_eq!(
            next("cron(0 0 ? * FRI-SUN *)", 4)[..3],
            ["2026-07-03 00:00", "2026-07-04 00:00", "2026-07-05 00:00"]
        );
    }

    #[test]
    fn the_last_day_and_the_nearest_weekday_are_found() {
        assert_eq!(next("cron(0 0 L * ? *)", 2), ["2026-07-31 00:00", "2026-08-31 00:00"]);
        // The day before, because this one is a Saturday.
        assert_eq!(next("cron(0 0 4W 7 ? *)", 1), ["2026-07-03 00:00"]);
        assert_eq!(next("cron(15 10 ? * 6L *)", 2), ["2026-07-31 10:15", "2026-08-28 10:15"]);
        assert_eq!(next("cron(15 10 ? * L *)", 2), ["2026-07-04 10:15", "2026-07-11 10:15"]);
        assert_eq!(next("cron(0 0 29 2 ? *)", 1), ["2028-02-29 00:00"]);
        assert_eq!(next("cron(0 12 1 1 ? 2028/2)", 2), ["2028-01-01 12:00", "2030-01-01 12:00"]);
    }

    #[test]
    fn what_lies_in_the_past_or_in_no_calendar_never_comes() {
        assert!(next("cron(0 0 1 1 ? 2020)", 1).is_empty());
        assert!(next("cron(0 0 30 2 ? *)", 1).is_empty());
    }

    #[test]
    fn what_is_not_eventbridges_dialect_is_refused() {
        for wrong in [
            "cron(0 10 * * *)",
            "cron(0 10 * * * *)",
            "cron(0 10 ? * ? *)",
            "cron(0 0 10 * * ? *)",
            "cron(60 10 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 10 0 * ? *)",
            "cron(0 10 * 13 ? *)",
            "cron(0 10 ? * 0 *)",
            "cron(0 10 ? * 8 *)",
            "cron(0 10 ? * 3#6 *)",
            "cron(0 10 ? * 3#1,6#3 *)",
            "cron(0 10 ? * MON/2 *)",
            "cron(0 10 * * ? 1969)",
            "cron(0/0 10 * * ? *)",
            "cron(L 10 * * ? *)",
            "cron(0 10 , * ? *)",
            "cron(? 10 * * ? *)",
            "cron(MON 10 * * ? *)",
            "cron(0 10 32W * ? *)",
            "cron(@daily)",
        ] {
            Expression::parse(wrong).expect_err(wrong);
        }
    }
}
