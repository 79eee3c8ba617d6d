//! The command line.

const USAGE: &str = "usage: cargo bench-million [--connections N] [--seed N]

  --connections N   connections that listen to the channel [1000000]
  --seed N          seed of the random numbers [7]";

/// The options.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) connections: u32,
    pub(crate) seed: u64,
}

impl Options {
    /// Reads the command line; else says how it is written.
    pub(crate) fn from_arguments() -> Result<Self, &'static str> {
        let mut options = Self { connections: 1_000_000, seed: 7 };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let number = arguments.next().and_then(|value| value.parse::<u32>().ok());
            match (name.as_str(), number) {
                ("--connections", Some(connections)) if connections > 0 => options.connections = connections,
                ("--seed", Some(seed)) => options.seed = seed.into(),
                _ => return Err(USAGE),
            }
        }
        Ok(options)
    }
}
