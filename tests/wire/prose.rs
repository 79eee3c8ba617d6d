//! The words of documents, comments and texts: no banned phrase, and no doc comment that asks instead of saying.
//!
//! `prose/phrases.txt` has the phrases, with what to write instead of each.

use std::collections::BTreeMap;
use std::process::Command;

use crate::harness::root;

/// Text files by the ends of their names.
const ENDS: [&str; 13] = ["md", "rs", "ts", "mjs", "js", "py", "yaml", "yml", "toml", "html", "css", "sh", "svg"];

/// Text files whose names have no such end.
const OTHERS: [&str; 5] = ["tests/sam-local", ".ci/run", ".ci/quick", ".ci/lock", ".ci/sbom"];

/// Copied from `clients/js`, which is looked at itself.
const COPIED: [&str; 1] = ["functions/page/assets/tidings.js"];

/// Advice about the first word of a doc comment.
const QUESTION: &str = "begin with the thing: \"The connections that …\", \"The time until …\"";

/// A fault: its line, and what to write instead.
type Fault = (usize, String);

/// Each phrase with the advice about it.
fn phrases() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("prose/phrases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let advised = lines.map(|line| line.split_once(" = ").unwrap());
    advised.flat_map(|(phrases, advice)| phrases.split(", ").map(move |phrase| (phrase, advice))).collect()
}

/// The paths of all text files that git tracks.
fn text_files() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let paths = String::from_utf8(listed.stdout).unwrap();
    let is_text = |path: &str| {
        let has_end = path.rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end));
        (has_end || OTHERS.contains(&path)) && !COPIED.contains(&path)
    };
    // One that was just deleted is still tracked.
    let here = paths.split('\0').filter(|path| is_text(path) && root().join(path).exists());
    here.map(str::to_owned).collect()
}

/// A line without the marks of a comment, a quotation or a list around its words.
fn words(line: &str) -> &str {
    line.trim().trim_start_matches(['/', '!', '*', '#', '>', '|']).trim_end_matches('\\').trim()
}

/// The text in small letters, with one space between two words wherever a line ends; and at which byte each line begins.
fn flowing(text: &str) -> (String, Vec<usize>) {
    let (mut flowing, mut begins) = (String::new(), Vec::new());
    for line in text.lines() {
        begins.push(flowing.len());
        for word in words(line).split_whitespace() {
            flowing.push_str(&word.to_lowercase());
            flowing.push(' ');
        }
    }
    (flowing, begins)
}

/// Where a phrase stands in a text, as words of their own.
fn places<'a>(text: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(phrase).map(|(at, _)| at).filter(move |at| {
        !is_word(text[..*at].chars().next_back()) && !is_word(text[at + phrase.len()..].chars().next())
    })
}

fn banned(text: &str) -> Vec<Fault> {
    let (flowing, begins) = flowing(text);
    let line = |at: usize| begins.partition_point(|begin| *begin <= at);
    let found = phrases().into_iter().flat_map(|(phrase, advice)| {
        places(&flowing, phrase).map(move |at| (at, format!("\"{phrase}\": {advice}"))).collect::<Vec<_>>()
    });
    found.map(|(at, fault)| (line(at), fault)).collect()
}

/// The first words of each doc comment, with their line: of Rust, `TypeScript`, JavaScript and Python.
fn doc_comments(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mark = |line: &str| ["///", "//!"].into_iter().find(|mark| line.starts_with(mark));
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let begins = match mark(line) {
            Some(of_line) => i == 0 || mark(lines[i - 1]) != Some(of_line),
            None => line.starts_with("/**") || line.starts_with("\"\"\""),
        };
        if begins {
            let said = line.trim_start_matches(['/', '!', '*', '"']).trim();
            let said = if said.is_empty() { lines.get(i + 1).map_or("", |next| words(next)) } else { said };
            found.push((i + 1, said));
        }
    }
    found
}

fn questions(text: &str) -> Vec<Fault> {
    let asks = |said: &str| ["What", "How"].contains(&said.split(|c: char| !c.is_alphabetic()).next().unwrap_or(""));
    let found = doc_comments(text).into_iter().filter(|(_, said)| asks(said));
    found.map(|(line, said)| (line, format!("\"{said:.40}\": {QUESTION}"))).collect()
}

fn faults(text: &str) -> Vec<Fault> {
    let mut faults = [banned(text), questions(text)].concat();
    faults.sort();
    faults
}

/// The folder by which faults are counted: two names deep at most, such as `shared/src`.
fn room(path: &str) -> String {
    let names: Vec<&str> = path.split('/').collect();
    names[..names.len().min(3) - 1].join("/")
}

#[test]
fn prose_is_plain() {
    let (mut all, mut rooms) = (Vec::new(), BTreeMap::<String, usize>::new());
    for path in text_files() {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        for (line, fault) in faults(&text) {
            all.push(format!("{path}:{line}: {fault}"));
            *rooms.entry(room(&path)).or_default() += 1;
        }
    }
    let counts: Vec<_> = rooms.iter().map(|(room, count)| format!("{count:5} in {room}/")).collect();
    assert!(all.is_empty(), "{}\n\n{} in all:\n{}", all.join("\n"), all.len(), counts.join("\n"));
}

#[test]
fn a_phrase_is_found_across_lines_and_not_within_identifiers() {
    let lines = |text: &str| banned(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    // Not in one piece, so that this file passes.
    let who = ["who", "ever"].concat();
    assert_eq!(lines(&format!("x {who}\n// The reader is\n//   told.")), [1, 2]);
    assert_eq!(lines("\"one after \\\n  the other\""), [1]);
    assert_eq!(lines(&format!("self.come_again({who}_else); // retold")), [0; 0]);
}

#[test]
fn a_doc_comment_begins_with_its_first_line() {
    let lines = |text: &str| questions(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    assert_eq!(lines("//! What\n//! How\n\n/// It is\n/// What\n    /// How many"), [1]);
    assert_eq!(lines("/**\n * What it is.\n */\n/** How many. */\n// How it goes\n\"\"\"What.\"\"\""), [1, 4, 6]);
    assert_eq!(lines("/// Whatever it is\n\n/// However"), [0; 0]);
}
