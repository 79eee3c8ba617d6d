//! The command line.

const HELP: &str = "\
The cost of a post to a connection: Tidings' worker, the AWS SDKs for Rust and Node.js, and a client that signs nothing.

cargo bench-posts [OPTIONS]

  --recipients N,N…  connections that are posted to           [1000,10000]
  --rounds N         warm rounds in which each is measured    [5]
  --help             this";

pub(crate) enum Role {
    Bench(Options),
    Mock,
    Client { sdk: bool, url: String },
}

pub(crate) struct Options {
    pub(crate) recipients: Vec<usize>,
    pub(crate) rounds: usize,
}

/// The role of this process.
pub(crate) fn role() -> Result<Role, String> {
    let mut options = Options { recipients: vec![1_000, 10_000], rounds: 5 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{HELP}"));
        match argument.as_str() {
            "mock" => return Ok(Role::Mock),
            "sdk" | "floor" => return Ok(Role::Client { sdk: argument == "sdk", url: value()? }),
            "--recipients" => options.recipients = value()?.split(',').map(number).collect::<Result<_, _>>()?,
            "--rounds" => options.rounds = number(&value()?)?,
            _ => return Err(HELP.to_owned()),
        }
    }
    Ok(Role::Bench(options))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{text} is no number above 0\n\n{HELP}"))
}
