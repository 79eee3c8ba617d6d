//! The cost of connections on which nothing happens.

use std::fmt;

use crate::dice::Dice;
use crate::timing::{Pinging, period};
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::prices::Prices;

const CONNECTIONS: u32 = 1_000;

/// Thirty days, in seconds.
const MONTH: f64 = 30.0 * 24.0 * 3_600.0;

/// The frames of a new socket, with the answer: the client subscribes to its inbox, and has missed nothing.
const FRAMES_OF_A_SOCKET: u64 = 2;

/// Their sockets and pings in a month.
#[derive(Default)]
pub(crate) struct Idle {
    sockets: u64,
    pings: u64,
}

impl Idle {
    /// Each client's sockets for a month, in order, as `clients/js` pings on them and replaces them. A new socket goes on with the
    /// pauses of the one that it replaces.
    pub(crate) fn month(seed: u64) -> Self {
        let (pinging, replace) = (Pinging::usual(), period("replace"));
        let (mut idle, mut dice) = (Self::default(), Dice::new(seed));
        for _ in 0..CONNECTIONS {
            let (mut answered, mut opened) = (0_u32, 0.0);
            while opened < MONTH {
                let replaced = opened + dice.within(replace.clone()).as_secs_f64();
                let mut at = opened;
                loop {
                    at += pinging.silence(answered, &mut dice).as_secs_f64();
                    if at > replaced.min(MONTH) {
                        break;
                    }
                    answered += 1;
                    idle.pings += 1;
                }
                idle.sockets += 1;
                opened = replaced;
            }
        }
        idle
    }

    fn messages(&self) -> u64 {
        2 * self.pings + FRAMES_OF_A_SOCKET * self.sockets
    }

    /// The requests a second that so many connections make by their pings.
    pub(crate) fn pings_a_second(&self, connections: u32) -> f64 {
        self.pings as f64 / MONTH / f64::from(CONNECTIONS) * f64::from(connections)
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prices = Prices::read();
        let minutes = f64::from(CONNECTIONS) * MONTH / 60.0;
        let dollars = |count: f64, price: &str| count / 1e6 * prices[price];
        let (each_hour, messages) = (3_600.0 / MONTH / f64::from(CONNECTIONS), self.messages() as f64);
        let (lasting, said) = (dollars(minutes, "websocket_minute"), dollars(messages, "websocket_message"));
        let (appsync, if_billed) = (dollars(minutes, "appsync_minute"), dollars(minutes, "appsync_operation"));
        writeln!(f, "{} connections on which nothing happens, for thirty days:\n", grouped(CONNECTIONS.into()))?;
        writeln!(f, "| | minutes | sockets | pings | messages | each an hour | minutes, $ | messages, $ | sum, $ |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        let [sockets, pings, counted] = [self.sockets, self.pings, self.messages()].map(grouped);
        let lasts = grouped(minutes as u64);
        writeln!(
            f,
            "| Tidings | {lasts} | {sockets} | {pings} | {counted} | {:.1} | {lasting:.2} | {said:.2} | {:.2} |",
            messages * each_hour,
            lasting + said,
        )?;
        writeln!(f, "| AppSync Events | {lasts} | – | – | not known | – | {appsync:.2} | not known | – |\n")?;
        writeln!(
            f,
            "Would AppSync bill a keep-alive each minute as an operation, these were {if_billed:.2} $ more. What each new socket invokes \
             is not in it."
        )
    }
}
