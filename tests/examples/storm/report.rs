//! The printed report.

use crate::PARTITIONS;
use crate::due::Due;
use crate::joins::Joins;
use crate::options::Options;

/// The value below which such a part of them lies.
fn part<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

/// Both tables, as docs/operations/performance.md has them.
pub(crate) fn table(options: &Options, joins: &Joins, due: &Due) -> String {
    let Options { joins: count, each_second, scheduled, write_units } = options;
    let table_units = PARTITIONS * write_units;
    let wait = |percent: usize| part(&joins.waits, percent).as_millis();
    let late = |percent: usize| part(&due.late, percent);
    let asked = f64::from(*count) / joins.asked_for.as_secs_f64();
    let joined = f64::from(*count) / joins.took.as_secs_f64();
    let written = f64::from(*scheduled) / due.took.as_secs_f64();
    format!(
        "A partition key takes {write_units} write units a second, a table {table_units}.\n\n\
         | joins | wanted a second | asked a second | joined a second | writes held back | asked again | median, ms | 99 %, ms | last, ms |\n\
         |{}\n\
         | {count} | {each_second} | {asked:.0} | {joined:.0} | {} | {} | {} | {} | {} |\n\n\
         | scheduled for one second | scheduled a second | writes held back | sent again | not sent | late: median, ms | 99 %, ms | last, ms |\n\
         |{}\n\
         | {scheduled} | {written:.0} | {} | {} | {} | {} | {} | {} |",
        " ---: |".repeat(9),
        joins.held_back,
        joins.again,
        wait(50),
        wait(99),
        wait(100),
        " ---: |".repeat(8),
        due.held_back,
        due.again,
        due.missing,
        late(50),
        late(99),
        late(100),
    )
}
