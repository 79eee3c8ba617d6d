//! What can be asked for.

const HELP: &str = "\
What a million notifications cost, in dollars: what each needs is counted on a local stack, and priced by the table
in tests/examples/common/prices.toml.

cargo bench-cost [OPTIONS]

  --help   this";

/// There is nothing to choose; whatever is asked for is answered with what there is.
pub(crate) fn check() -> Result<(), &'static str> {
    if std::env::args().len() == 1 { Ok(()) } else { Err(HELP) }
}
