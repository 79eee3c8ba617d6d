//! The command line.

const USAGE: &str = "usage: cargo bench-sweep [--rows N] [--sweeps N] | --crowd N

  --rows N     pending rows in the end, and finished ones [1000000]
  --sweeps N   sweeps that are measured in each case [15]
  --crowd N    instead: the time until N notifications for one millisecond are queued, and a few others behind them";

/// The options.
pub(crate) struct Options {
    pub(crate) rows: u64,
    pub(crate) sweeps: usize,
    pub(crate) crowd: Option<u64>,
}

impl Options {
    /// Reads the command line; else says how it is written.
    pub(crate) fn from_arguments() -> Result<Self, &'static str> {
        let mut options = Self { rows: 1_000_000, sweeps: 15, crowd: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let number = arguments.next().and_then(|value| value.parse::<u32>().ok()).filter(|number| *number > 0);
            match (name.as_str(), number) {
                ("--rows", Some(rows)) => options.rows = rows.into(),
                ("--sweeps", Some(sweeps)) => options.sweeps = sweeps as usize,
                ("--crowd", Some(rows)) => options.crowd = Some(rows.into()),
                _ => return Err(USAGE),
            }
        }
        Ok(options)
    }
}
