//! The periods of the client for browsers, as its own file has them.

use std::ops::Range;
use std::time::Duration;

use crate::dice::Dice;

const FILE: &str = include_str!("../../../clients/js/src/timing.ts");

/// With so many pings answered, a client pings as seldom as it ever does.
const SETTLED: u32 = 10;

/// A period, in seconds: where the file says `ping: [3e4, 3e5]`, that is 30 to 300.
pub(crate) fn period(name: &str) -> Range<f64> {
    let (_, usual) = FILE.split_once("export const usual").unwrap();
    let line = usual.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": [")).unwrap();
    let (first, last) = line.trim_end_matches("],").split_once(", ").unwrap();
    let seconds = |milliseconds: &str| milliseconds.parse::<f64>().unwrap() / 1_000.0;
    seconds(first)..seconds(last)
}

/// The pause between a client's pings.
pub(crate) struct Pinging(Range<f64>);

impl Pinging {
    pub(crate) fn usual() -> Self {
        Self(period("ping"))
    }

    /// The silence before the next ping, once so many have been answered: it doubles, give or take a quarter
    /// (`clients/js/src/socket.ts`).
    pub(crate) fn silence(&self, answered: u32, dice: &mut Dice) -> Duration {
        let full = (self.0.start * 2_f64.powi(answered.min(SETTLED) as i32)).min(self.0.end);
        Duration::from_secs_f64(full * (0.75 + dice.part() / 2.0))
    }
}
