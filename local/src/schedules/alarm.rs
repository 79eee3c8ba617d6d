use jiff::Timestamp;

use crate::cron::Calendar;

/// Rings when a clock that may jump reaches a time of the calendar: once, even if a jump passed several.
#[derive(Debug)]
pub(super) struct Alarm {
    calendar: Calendar,
    next: Option<Timestamp>,
}

impl Alarm {
    /// An alarm for the first time after `now`.
    pub(super) fn new(calendar: Calendar, now: Timestamp) -> Self {
        let next = calendar.after(now);
        Self { calendar, next }
    }

    /// The time at which it rings next, if ever.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Compares the clock: whether it rings.
    pub(super) fn look(&mut self, now: Timestamp) -> bool {
        let rings = self.next.is_some_and(|next| next <= now);
        self.next = self.calendar.after(now);
        rings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::Expression;

    fn time(text: &str) -> Timestamp {
        format!("2026-07-01T{text}Z").parse().expect("a time")
    }

    fn hourly(now: &str) -> Alarm {
        let Ok(Expression::Cron(calendar)) = Expression::parse("cron(0 * * * ? *)") else { panic!("it is valid") };
        Alarm::new(calendar, time(now))
    }

    #[test]
    fn it_rings_at_its_time_and_not_again() {
        let mut alarm = hourly("10:30:00");
        assert_eq!(alarm.next(), Some(time("11:00:00")));
        assert!(!alarm.look(time("10:59:59.999")));
        assert!(alarm.look(time("11:00:00")));
        assert!(!alarm.look(time("11:00:00.001")));
        assert_eq!(alarm.next(), Some(time("12:00:00")));
    }

    #[test]
    fn a_jump_forward_over_many_times_rings_once() {
        let mut alarm = hourly("10:30:00");
        assert!(alarm.look(time("15:30:00")));
        assert!(!alarm.look(time("15:30:01")));
        assert_eq!(alarm.next(), Some(time("16:00:00")));
    }

    #[test]
    fn after_a_jump_back_times_come_again() {
        let mut alarm = hourly("10:30:00");
        assert!(!alarm.look(time("08:30:00")));
        assert_eq!(alarm.next(), Some(time("09:00:00")));
        assert!(alarm.look(time("09:00:00")));
    }
}
