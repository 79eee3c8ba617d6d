//! The floors: which room of a crate may import from which. The list is in [`table`].

mod graph;
mod lexer;
mod rust;
mod script;
mod table;

use std::collections::BTreeSet;

use self::graph::{Imports, in_circles, room};
use self::table::{CRATES, Crate, Language};
use crate::harness::root;

impl Crate {
    /// The imports of the crate but for those that are let pass for now.
    fn imports(&self) -> Imports {
        let source = root().join(self.source);
        let mut imports = match self.language {
            Language::Rust { name } => rust::imports(&source, name),
            Language::TypeScript => script::imports(&source),
        };
        for (file, other) in self.not_yet {
            let was_there = imports.get_mut(*file).is_some_and(|imported| imported.remove(*other));
            assert!(was_there, "{}: {file} imports nothing from {other}: take it off the list", self.source);
        }
        imports
    }

    /// Whether a file may import from another: within its room, and from rooms below it.
    fn allows(&self, file: &str, other: &str) -> bool {
        match (room(self.rooms, file), room(self.rooms, other)) {
            (Some(place), Some(below)) => below <= place,
            _ => false,
        }
    }
}

/// The crates whose rooms are listed.
fn held() -> impl Iterator<Item = &'static Crate> {
    CRATES.iter().filter(|part| !part.rooms.is_empty())
}

#[test]
fn a_room_imports_only_from_rooms_below_it() {
    let mut upward = Vec::new();
    for part in held() {
        let imports = part.imports();
        let each = imports.iter().flat_map(|(file, imported)| imported.iter().map(move |other| (file, other)));
        let wrong = each.filter(|(file, other)| !part.allows(file, other));
        upward.extend(wrong.map(|(file, other)| format!("{}: {file} imports from {other}", part.source)));
    }
    assert!(upward.is_empty(), "not from below:\n{}", upward.join("\n"));
}

#[test]
fn no_files_import_from_one_another_in_a_circle() {
    for part in held() {
        let imports = part.imports();
        let circles = in_circles(&imports);
        let within = |file: &String| {
            let others: Vec<&String> = imports[file].intersection(&circles).collect();
            format!("{file} -> {others:?}")
        };
        let shown: Vec<String> = circles.iter().map(within).collect();
        assert!(circles.is_empty(), "{}:\n{}", part.source, shown.join("\n"));
    }
}

#[test]
fn each_file_is_in_a_room_and_each_room_is_there() {
    for part in held() {
        let imports = part.imports();
        let homeless: Vec<&String> = imports.keys().filter(|file| room(part.rooms, file).is_none()).collect();
        assert!(homeless.is_empty(), "{}: in no room: {homeless:?}", part.source);
        let lived_in: BTreeSet<_> = imports.keys().filter_map(|file| room(part.rooms, file)).collect();
        let empty = (0..part.rooms.len()).filter(|place| !lived_in.contains(place)).map(|place| part.rooms[place].0);
        assert_eq!(empty.collect::<Vec<_>>(), [""; 0], "{}: rooms without files", part.source);
        let without_reason = part.rooms.iter().filter(|(_, reason)| reason.is_empty()).count();
        assert_eq!(without_reason, 0, "{}", part.source);
    }
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::One; //! [`crate::b::Two`]"),
        (
            "a/mod.rs",
            "mod inner; pub(crate) use self::inner::{One, other as Named}; const TEXT: &str = \"crate::b::X\";",
        ),
        (
            "a/inner.rs",
            "pub(crate) struct One; fn x() -> char { let _ = r#\"crate::b::Y \" \"#; '\"' } use super::super::b;",
        ),
        (
            "b.rs",
            "use crate::{a::{Named, self}, c}; fn y() { crate::d::z::<u8>(); c::f(); } #[cfg(test)] mod tests { use crate::e::E; }",
        ),
        (
            "c.rs",
            "#[cfg(test)] pub(crate) use crate::e::{E, F}; #[cfg(test)] mod tests; pub(crate) fn f() { super::e::g(&'a' , a::One) }",
        ),
        ("c/tests.rs", "use crate::d::z;"),
        ("d.rs", "use crate::e::*;"),
        ("e.rs", "/* use crate::a; */ use std::fmt; impl<'a> X<'a> { fn g() { fmt::x(); self::h() } }"),
        ("main.rs", "mod cli; use this::One; fn main() { cli::run() }"),
        ("cli.rs", "use this::a::Named;"),
    ];
    let texts = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
    let imports = rust::imports_of(texts.into(), "this");
    let of = |file: &str| imports[file].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("lib.rs"), [""; 0], "it only passes a name on");
    assert_eq!(of("a/mod.rs"), [""; 0]);
    assert_eq!(of("a/inner.rs"), [""; 0], "it uses nothing of what it names");
    assert_eq!(of("b.rs"), ["a/inner.rs", "c.rs", "d.rs"]);
    assert_eq!(of("c.rs"), ["e.rs"]);
    assert_eq!(of("d.rs"), ["e.rs"]);
    assert_eq!(of("e.rs"), [""; 0]);
    assert_eq!((of("main.rs"), of("cli.rs")), (vec!["a/inner.rs", "cli.rs"], vec!["a/inner.rs"]));
    assert!(!imports.contains_key("c/tests.rs"));
}

#[test]
fn a_circle_is_found_and_an_inner_room_is_a_room() {
    let imports = |pairs: &[(&str, &[&str])]| -> Imports {
        let owned = |others: &[&str]| others.iter().map(ToString::to_string).collect();
        pairs.iter().map(|(file, others)| (file.to_string(), owned(others))).collect()
    };
    let straight = imports(&[("a.rs", &["b.rs", "c.rs"]), ("b.rs", &["c.rs"]), ("c.rs", &[])]);
    assert_eq!(in_circles(&straight), BTreeSet::new());
    let round = imports(&[("a.rs", &["b.rs"]), ("b.rs", &["c.rs"]), ("c.rs", &["b.rs", "d.rs"]), ("d.rs", &[])]);
    assert_eq!(in_circles(&round), BTreeSet::from(["b.rs".to_owned(), "c.rs".to_owned()]));
    let rooms = [("a/inner", "why"), ("a", "why"), ("ab", "why")];
    let place = |file: &str| room(&rooms, file);
    assert_eq!(
        ["a/inner/x.rs", "a/mod.rs", "a.rs", "ab.rs", "c.rs"].map(place),
        [Some(0), Some(1), Some(1), Some(2), None]
    );
}
