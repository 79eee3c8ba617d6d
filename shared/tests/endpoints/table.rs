//! The table of hostile URLs, `tests/webhooks/hostile.txt`, which says what its columns are.

use std::path::Path;

use super::names::{Resolved, Zone};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Url,
    Address,
    Rebind,
    Redirect,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) why: String,
    resolved: Vec<Resolved>,
}

/// All rows, for listeners on this port.
pub(crate) fn rows(port: u16) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/webhooks/hostile.txt");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| row(line, port)).collect()
}

/// The addresses that the rows' names resolve to.
pub(crate) fn zone(rows: &[Row]) -> Zone {
    rows.iter().filter(|row| !row.resolved.is_empty()).map(|row| (host(&row.url), row.resolved.clone())).collect()
}

fn row(line: &str, port: u16) -> Row {
    let columns: Vec<_> = line.split('|').map(str::trim).collect();
    let [kind, url, resolved, why] = columns[..] else { panic!("four columns: {line}") };
    let kind = match kind {
        "url" => Kind::Url,
        "address" => Kind::Address,
        "rebind" => Kind::Rebind,
        "redirect" => Kind::Redirect,
        other => panic!("{other}"),
    };
    let answers = resolved.split(" then ").filter(|answer| !answer.is_empty()).map(answer).collect();
    Row { kind, url: url.replace("{port}", &port.to_string()), why: why.to_owned(), resolved: answers }
}

fn answer(text: &str) -> Resolved {
    let (alias_of, addresses) = match text.strip_prefix("cname ") {
        Some(rest) => rest.split_once(' ').map(|(name, addresses)| (Some(name.to_owned()), addresses)).unwrap(),
        None => (None, text),
    };
    Resolved { alias_of, addresses: addresses.split(' ').map(|address| address.parse().unwrap()).collect() }
}

/// The host as it is asked for.
fn host(url: &str) -> String {
    url::Url::parse(url).unwrap().host_str().unwrap().trim_end_matches('.').to_owned()
}
