//! Files and rooms, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each file, with the files that it imports from.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;

/// The files below a folder that end like this, by their paths from there.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path(), ending).into_iter().map(|file| format!("{name}/{file}")));
        } else if name.ends_with(ending) {
            found.push(name);
        }
    }
    found
}

/// The place of a file's room in a list of rooms; where one room lies in another, the inner one.
pub(crate) fn room(rooms: &[(&str, &str)], file: &str) -> Option<usize> {
    let path = file.rsplit_once('.').map_or(file, |(path, _)| path);
    let is_in = |room: &str| path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let places = (0..rooms.len()).filter(|place| is_in(rooms[*place].0));
    places.max_by_key(|place| rooms[*place].0.len())
}

/// The files that import from one another in a circle, and those on a way between two circles.
pub(crate) fn in_circles(imports: &Imports) -> BTreeSet<String> {
    let mut left: BTreeSet<String> = imports.keys().cloned().collect();
    loop {
        let leads_on = |file: &String| imports[file].iter().any(|other| left.contains(other));
        let is_led_to = |file: &String| left.iter().any(|other| imports[other].contains(file));
        let next: BTreeSet<String> = left.iter().filter(|file| leads_on(file) && is_led_to(file)).cloned().collect();
        if next.len() == left.len() {
            return left;
        }
        left = next;
    }
}
