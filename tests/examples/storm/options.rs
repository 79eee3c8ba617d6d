//! The command line.

const HELP: &str = "\
Connections that join one channel, and notifications that are due in one second, beside a limit of write units.

cargo bench-storm [OPTIONS]

  --joins N          connections that join one channel                        [1500]
  --each-second N    of them in a second                                      [500]
  --scheduled N      notifications that are scheduled for one second          [1000]
  --write-units N    write units a second of a partition key; a table has 4 × [1000]
  --help             this";

pub(crate) struct Options {
    pub(crate) joins: u32,
    pub(crate) each_second: u32,
    pub(crate) scheduled: u32,
    pub(crate) write_units: u32,
}

impl Options {
    /// Reads the command line; else says how it is written.
    pub(crate) fn from_arguments() -> Result<Self, &'static str> {
        let mut options = Self { joins: 1500, each_second: 500, scheduled: 1000, write_units: 1000 };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let number = arguments.next().and_then(|value| value.parse::<u32>().ok()).filter(|number| *number > 0);
            match (name.as_str(), number) {
                ("--joins", Some(joins)) => options.joins = joins,
                ("--each-second", Some(each_second)) => options.each_second = each_second,
                ("--scheduled", Some(scheduled)) => options.scheduled = scheduled,
                ("--write-units", Some(units)) => options.write_units = units,
                _ => return Err(HELP),
            }
        }
        Ok(options)
    }
}
