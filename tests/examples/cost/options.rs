//! The command line.

const HELP: &str = "\
The cost of a million notifications, in dollars: a local stack counts what each needs, priced by the table
in tests/prices.toml.

cargo bench-cost [OPTIONS]

  --flood  the most that one user can make others pay in a day, instead
  --help   this";

/// Whether it is about a flood.
pub(crate) fn flood() -> Result<bool, &'static str> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(false),
        ["--flood"] => Ok(true),
        _ => Err(HELP),
    }
}
