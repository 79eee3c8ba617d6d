//! The allowance of log reads: the amount that one user may have read in an hour, all of which may be used at once.
//!
//! It is kept as one moment, the one at which all that was read is paid for. Each read moves it on by the time in which as much
//! becomes free; while it lies an hour or more ahead, nothing is left. (This is the generic cell rate algorithm of ATM networks,
//! ITU-T I.371, which needs one number where a token bucket needs two.)

use super::time::Millis;

/// DynamoDB reads this many bytes in one unit.
const UNIT: u64 = 4 * 1024;

/// Read units of one request that are free and cost no write: 64 KB.
pub const FREE: f64 = 16.0;

const HOUR: i64 = 60 * 60 * 1000;

/// One user's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    units_an_hour: u64,
}

impl Allowance {
    /// So many megabytes an hour, and at least one.
    #[must_use]
    pub fn of_megabytes(megabytes: u32) -> Self {
        Self { units_an_hour: u64::from(megabytes.max(1)) * 1024 * 1024 / UNIT }
    }

    /// In how many seconds the user may have something read again; `None` if they may now.
    #[must_use]
    pub fn wait(self, paid_at: Millis, now: Millis) -> Option<i64> {
        let over = paid_at.0 - now.0 - HOUR;
        // Rounded up, and a second more: the answer must not be too early.
        (over >= 0).then(|| over / 1000 + 1)
    }

    /// In how many milliseconds so many read units become free.
    #[must_use]
    pub fn time(self, units: f64) -> i64 {
        (units * HOUR as f64 / self.units_an_hour as f64).ceil() as i64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    #[test]
    fn an_hours_allowance_may_be_used_at_once_and_comes_back_evenly() {
        let allowance = Allowance::of_megabytes(1);
        assert_eq!(allowance.time(256.0), HOUR, "1 MB is 256 reads of 4 KB");
        assert_eq!(allowance.wait(NOW, NOW), None);
        assert_eq!(allowance.wait(NOW.plus(HOUR - 1), NOW), None);
        assert_eq!(allowance.wait(NOW.plus(HOUR), NOW), Some(1));
        assert_eq!(allowance.wait(NOW.plus(HOUR + 90_500), NOW), Some(91));
        assert_eq!(Allowance::of_megabytes(0), allowance);
    }

    proptest! {
        /// Whatever is asked for and when, a user reads no more than an hour's allowance, what has become free since, and the one
        /// read that used up the last of it.
        #[test]
        fn no_user_reads_more_than_the_allowance(
            megabytes in 1_u32..300, asked in proptest::collection::vec((0_i64..600_000, 0.5_f64..600.0), 1..200),
        ) {
            let allowance = Allowance::of_megabytes(megabytes);
            let (mut now, mut paid_at, mut read, mut last) = (NOW, Millis(0), 0.0, 0.0_f64);
            for (pause, units) in asked {
                now = now.plus(pause);
                match allowance.wait(paid_at, now) {
                    Some(wait) => prop_assert_eq!(allowance.wait(paid_at, now.plus(wait * 1000)), None),
                    None => {
                        paid_at = paid_at.max(now).plus(allowance.time(units));
                        read += units;
                        last = last.max(units);
                    }
                }
                let (an_hour, hours) = (f64::from(megabytes) * 256.0, (now.0 - NOW.0) as f64 / HOUR as f64);
                prop_assert!(read <= an_hour * (1.0 + hours) + last, "{read} units in {hours} hours");
            }
        }
    }
}
