//! The imports among the files of a TypeScript package.

use std::path::Path;

use super::graph::{Imports, files};

/// Each file of a package, with the files that it imports from: `from "./http.js"` names `http.ts`.
pub(crate) fn imports(source: &Path) -> Imports {
    let imported = |text: &str| {
        let quoted = text.split("from \"./").skip(1).chain(text.split("import \"./").skip(1));
        let names = quoted.filter_map(|rest| rest.split_once(".js\""));
        names.map(|(name, _)| format!("{name}.ts")).collect()
    };
    let read = |file: String| {
        let text = std::fs::read_to_string(source.join(&file)).unwrap();
        let imported = imported(&text);
        (file, imported)
    };
    files(source, ".ts").into_iter().map(read).collect()
}
