//! Repeats around the changes of the clocks, against an oracle that reads the local clock minute by minute.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, Unit};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::Repeat;
use crate::time::Millis;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// A change of a zone's clocks.
#[derive(Clone, Debug)]
struct Change {
    zone: TimeZone,
    at: Timestamp,
    before: Offset,
    after: Offset,
}

impl Change {
    /// The time before and after it in which results are compared: in Samoa, in 2011, the clocks left out a whole day.
    fn around(&self) -> SignedDuration {
        self.before.duration_until(self.after).abs() + SignedDuration::from_hours(2)
    }
}

/// Every change since 1970, but for those to or from an offset with seconds, at which no minute begins with one of UTC.
static CHANGES: LazyLock<Vec<Change>> = LazyLock::new(|| {
    let whole = |offset: Offset| offset.seconds() % 60 == 0;
    let mut changes = Vec::new();
    for name in TimeZoneDatabase::bundled().available() {
        let zone = TimeZoneDatabase::bundled().get(name.as_str()).unwrap();
        let mut before = zone.to_offset(Timestamp::UNIX_EPOCH);
        let until: Timestamp = "2040-01-01T00:00:00Z".parse().unwrap();
        for change in zone.following(Timestamp::UNIX_EPOCH).take_while(|change| change.timestamp() < until) {
            if change.offset() != before && whole(before) && whole(change.offset()) {
                let (zone, at, after) = (zone.clone(), change.timestamp(), change.offset());
                changes.push(Change { zone, at, before, after });
            }
            before = change.offset();
        }
    }
    changes
});

/// A field of an expression, and the values that it means.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    values: BTreeSet<i8>,
    goes_by_the_clock: bool,
}

/// The minutes, hours and days of the week of an expression.
#[derive(Clone, Debug)]
struct Expression {
    minutes: Field,
    hours: Field,
    days: Field,
}

impl Expression {
    fn text(&self) -> String {
        format!("{} {} * * {}", self.minutes.text, self.hours.text, self.days.text)
    }

    fn gives(&self, local: DateTime) -> bool {
        let day = Weekday::to_sunday_zero_offset(local.weekday());
        self.minutes.values.contains(&local.minute())
            && self.hours.values.contains(&local.hour())
            && self.days.values.contains(&day)
    }

    /// When it goes out around a change.
    fn times(&self, change: &Change) -> Vec<Timestamp> {
        let (start, end) = (change.at - change.around(), change.at + change.around());
        // Before that, to know how far the clock has come.
        let mut moment = start - change.around();
        let mut highest = change.zone.to_datetime(moment);
        let mut times = Vec::new();
        while moment + MINUTE < end {
            moment += MINUTE;
            let local = change.zone.to_datetime(moment);
            if self.goes_out(highest, local) && moment > start {
                times.push(moment);
            }
            highest = highest.max(local);
        }
        times
    }

    /// Whether it goes out when the clock reads `local` and has read every time up to `highest`.
    fn goes_out(&self, highest: DateTime, local: DateTime) -> bool {
        if self.minutes.goes_by_the_clock || self.hours.goes_by_the_clock {
            return self.gives(local);
        }
        std::iter::successors(Some(highest + MINUTE), |time| Some(*time + MINUTE))
            .take_while(|time| *time <= local)
            .any(|time| self.gives(time))
    }
}

/// The times around a change after a moment, as a repeat gives them.
fn given(expression: &Expression, change: &Change, after: Timestamp) -> Vec<Timestamp> {
    let mut repeat = Repeat::parse(&expression.text(), None).unwrap();
    repeat.zone = change.zone.clone();
    let end = change.at + change.around();
    std::iter::successors(repeat.next(Millis(after.as_millisecond())), |last| repeat.next(*last))
        .map(|time| Timestamp::from_millisecond(time.0).unwrap())
        .take_while(|time| *time < end)
        .collect()
}

fn listed(values: Vec<i8>) -> Field {
    let text = values.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
    Field { text, values: values.into_iter().collect(), goes_by_the_clock: false }
}

fn ranged(start: i8, end: i8) -> Field {
    let (start, end) = (start.min(end), start.max(end));
    Field { text: format!("{start}-{end}"), values: (start..=end).collect(), goes_by_the_clock: false }
}

fn stepped(text: String, range: std::ops::RangeInclusive<i8>, step: usize) -> Field {
    Field { text: format!("{text}/{step}"), values: range.step_by(step).collect(), goes_by_the_clock: true }
}

fn any(most: i8) -> Field {
    Field { text: "*".to_owned(), values: (0..=most).collect(), goes_by_the_clock: true }
}

fn both(one: Field, other: Field) -> Field {
    Field {
        text: format!("{},{}", one.text, other.text),
        values: one.values.into_iter().chain(other.values).collect(),
        goes_by_the_clock: one.goes_by_the_clock || other.goes_by_the_clock,
    }
}

/// A field of which lists and ranges go up to `end`, and all else to `most`.
fn field(most: i8, end: i8) -> impl Strategy<Value = Field> {
    let list = vec(0..=end, 1..4).prop_map(listed);
    let range = (0..=end, 0..=end).prop_map(|(start, end)| ranged(start, end));
    let steps = (1..=usize::from(most.unsigned_abs())).prop_map(move |step| stepped("*".to_owned(), 0..=most, step));
    let part = (range.clone(), 1..20_usize).prop_map(|(range, step)| {
        let (start, end) = (*range.values.first().unwrap(), *range.values.last().unwrap());
        stepped(range.text, start..=end, step)
    });
    let mixed = (list.clone(), prop_oneof![range.clone().boxed(), part.clone().boxed()])
        .prop_map(|(list, rest)| both(list, rest));
    prop_oneof![4 => list, 2 => range, 1 => steps, 1 => part, 1 => mixed, 1 => Just(any(most))]
}

fn expression() -> impl Strategy<Value = Expression> {
    // The hours of the night, in which the clocks change, come more often than others.
    let hours = prop_oneof![field(23, 23), field(23, 3)];
    let days = prop_oneof![Just(any(6)), (0..=6_i8).prop_map(|day| listed(vec![day]))];
    (field(59, 59), hours, days).prop_map(|(minutes, hours, days)| Expression { minutes, hours, days })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn each_time_goes_out_as_a_clock_that_is_read_each_minute_says(
        expression in expression(),
        change in select(CHANGES.as_slice()),
        part in 0.0..1.0,
    ) {
        let after = change.at - change.around() + (change.around() * 2).mul_f64(part);
        let after = after.round(Unit::Millisecond).unwrap();
        let mut expected = expression.times(&change);
        expected.retain(|time| *time > after);
        prop_assert_eq!(given(&expression, &change, after), expected, "{}", expression.text());
    }
}

#[test]
fn at_the_next_changes_of_every_zone_fixed_times_go_out_once_and_steps_by_the_clock() {
    let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let expressions = [
        (listed(vec![30]), listed(vec![1, 13]), any(6)),
        (listed(vec![15, 45]), listed(vec![2]), any(6)),
        (listed(vec![0, 30]), ranged(0, 3), any(6)),
        (listed(vec![30]), listed(vec![23]), listed(vec![6])),
        (stepped("*".to_owned(), 0..=59, 20), ranged(0, 4), any(6)),
        (listed(vec![5]), any(23), any(6)),
    ];
    let next_year =
        CHANGES.iter().filter(|change| (now..now + SignedDuration::from_hours(366 * 24)).contains(&change.at));
    // The zones whose clocks change together do so in the same way.
    let (mut zones, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for change in next_year {
        zones.insert(change.zone.iana_name().unwrap());
        if !seen.insert((change.at, change.before, change.after)) {
            continue;
        }
        for (minutes, hours, days) in expressions.clone() {
            let expression = Expression { minutes, hours, days };
            let expected = expression.times(change);
            let given = given(&expression, change, change.at - change.around());
            assert_eq!(given, expected, "{} in {:?} at {}", expression.text(), change.zone, change.at);
        }
    }
    assert!(zones.len() > 100, "only {} zones change their clocks", zones.len());
}
