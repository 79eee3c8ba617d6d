//! What can be asked for.

const HELP: &str = "\
What a million notifications cost, in dollars: what each needs is counted on a local stack, and priced by the table
in tests/prices.toml.

cargo bench-cost [OPTIONS]

  --flood  what one user can make others pay in a day, instead
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
