//! What can be asked for.

const USAGE: &str = "usage: cargo bench-sweep [--rows N] [--sweeps N] | --crowd N

  --rows N     how many pending rows there are in the end, and how many finished ones [1000000]
  --sweeps N   how many sweeps are measured in each case [15]
  --crowd N    instead: how long N notifications for one millisecond take to be queued, and a few others' behind them";

/// What was asked for.
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
