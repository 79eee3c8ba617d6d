//! The command line.

const HELP: &str = "\
The cost of one notification of 1 KB to one topic, by the number of connections that listen.

cargo bench-audience [OPTIONS]

  --connections N,N…  connections that there are     [1,100,10000,100000]
  --rounds N          notifications to each audience [2]
  --gone PERCENT      connections that are gone; the partition then takes no more than 1,000 writes a second [0]
  --help              this";

pub(crate) struct Options {
    /// In ascending order.
    pub(crate) connections: Vec<u64>,
    pub(crate) rounds: u64,
    /// The percentage of connections that are gone.
    pub(crate) gone: u64,
}

impl Options {
    /// Reads the command line; else says how it is written.
    pub(crate) fn from_arguments() -> Result<Self, String> {
        let mut options = Self { connections: vec![1, 100, 10_000, 100_000], rounds: 2, gone: 0 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match (argument.as_str(), arguments.next()) {
                ("--connections", Some(list)) => {
                    options.connections = list.split(',').map(number).collect::<Result<_, _>>()?;
                }
                ("--rounds", Some(rounds)) => options.rounds = number(&rounds)?,
                ("--gone", Some(percent)) => {
                    options.gone = number(&percent)?;
                    if options.gone > 100 {
                        return Err(format!("{percent} is more than a hundred percent\n\n{HELP}"));
                    }
                }
                _ => return Err(HELP.to_owned()),
            }
        }
        options.connections.sort_unstable();
        options.connections.dedup();
        Ok(options)
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{text} is no number above 0\n\n{HELP}"))
}
