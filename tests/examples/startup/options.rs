//! The command line.

const HELP: &str = "\
The time that each function takes to its first request for work, and through its first invocation.

cargo bench-startup [--rounds N]

  --rounds N  starts of each function, plain and over TLS [15]
  --help      this";

/// The number of starts of each function.
pub(crate) fn rounds() -> Result<usize, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(15),
        ["--rounds", rounds] => match rounds.parse() {
            Ok(rounds) if rounds > 0 => Ok(rounds),
            _ => Err(format!("{rounds} is no number above 0\n\n{HELP}")),
        },
        _ => Err(HELP.to_owned()),
    }
}
