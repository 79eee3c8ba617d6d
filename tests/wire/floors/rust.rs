//! The imports among the files of a Rust crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::graph::{Imports, files};
use super::lexer::{without_tests, words};

/// A module's or an item's path from the crate's root, which has none itself.
type Route = Vec<String>;

/// A file, as a module.
#[derive(Debug, Default)]
struct Module {
    file: String,
    /// The names that `use` brings in, with the route that each stands for.
    names: BTreeMap<String, Route>,
    /// The routes that the file uses.
    routes: BTreeSet<Route>,
}

/// One name that a `use` brings in.
#[derive(Debug)]
struct Use {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

/// Each file of a crate, with the files that it imports from by `use` or by a path in its code. Tests are left out: they may import
/// anything. A module that only passes a name on is no import; the file that defines the name is.
pub(crate) fn imports(source: &Path, name: &str) -> Imports {
    let texts = files(source, ".rs").into_iter().map(|file| {
        let text = std::fs::read_to_string(source.join(&file)).unwrap();
        (file, text)
    });
    imports_of(texts.collect(), name)
}

/// The imports among these files, each with its text.
pub(crate) fn imports_of(texts: Vec<(String, String)>, name: &str) -> Imports {
    let has_library = texts.iter().any(|(file, _)| file == "lib.rs");
    let mut sources = BTreeMap::new();
    let mut only_for_tests: Vec<Route> = Vec::new();
    for (file, text) in texts {
        let route = route_of(&file, has_library);
        let (code, tests) = without_tests(&words(&text));
        only_for_tests.extend(tests.into_iter().map(|module| [&base(&route)[..], &[module]].concat()));
        sources.insert(route, (file, code));
    }
    sources.retain(|route, _| !only_for_tests.iter().any(|tests| route.starts_with(tests)));
    let routes: BTreeSet<Route> = sources.keys().cloned().collect();
    let read = |(route, (file, code)): (Route, (String, Vec<String>))| {
        let module = module(&routes, name, &route, file, &code);
        (route, module)
    };
    let modules: BTreeMap<Route, Module> = sources.into_iter().map(read).collect();
    let imported = |module: &Module| {
        let owners = module.routes.iter().filter_map(|route| owner(&modules, route, 0));
        owners.map(|owner| owner.file.clone()).filter(|file| *file != module.file).collect()
    };
    modules.values().map(|module| (module.file.clone(), imported(module))).collect()
}

/// `a/b.rs` and `a/b/mod.rs` are the module `a::b`. Beside a library, `main.rs` is a module of its own.
fn route_of(file: &str, has_library: bool) -> Route {
    let path = file.strip_suffix("/mod.rs").or(file.strip_suffix(".rs")).unwrap_or(file);
    match path {
        "lib" => Route::new(),
        "main" if !has_library => Route::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// The route that a module's own modules begin with.
fn base(route: &[String]) -> Route {
    if route == ["main"] { Route::new() } else { route.to_vec() }
}

fn module(routes: &BTreeSet<Route>, name: &str, route: &[String], file: String, code: &[String]) -> Module {
    let (uses, rest) = uses(code);
    let absolute = |path: &[String]| absolute(routes, name, route, path);
    let mut module = Module { file, ..Module::default() };
    for import in uses {
        let Some(target) = absolute(&import.path) else { continue };
        let is_passed_on = import.is_public && target.starts_with(route) && !rest.contains(&import.name);
        // What is used of a module stands in the code.
        if !routes.contains(&target) && !is_passed_on {
            module.routes.insert(target.clone());
        }
        module.names.insert(import.name, target);
    }
    for path in paths(&rest) {
        let named = module.names.get(&path[0]).map(|target| [target, &path[1..]].concat());
        module.routes.extend(named.or_else(|| absolute(&path)));
    }
    module
}

/// The route of a path that stands in a module; `None` if it leads out of the crate.
fn absolute(routes: &BTreeSet<Route>, name: &str, route: &[String], path: &[String]) -> Option<Route> {
    let base = base(route);
    let supers = path.iter().take_while(|word| *word == "super").count();
    match path[0].as_str() {
        "crate" => Some(path[1..].to_vec()),
        "super" => Some([&base[..base.len() - supers], &path[supers..]].concat()),
        "self" => Some([&base[..], &path[1..]].concat()),
        first if first == name => Some(path[1..].to_vec()),
        first => {
            let child = [&base[..], &[first.to_owned()]].concat();
            routes.contains(&child).then(|| [&base[..], path].concat())
        }
    }
}

/// The module that defines what a route leads to, past those that only pass it on.
fn owner<'a>(modules: &'a BTreeMap<Route, Module>, route: &[String], depth: usize) -> Option<&'a Module> {
    let length = (0..=route.len()).rev().find(|length| modules.contains_key(&route[..*length]))?;
    let module = &modules[&route[..length]];
    let passed_on = route.get(length).and_then(|name| module.names.get(name));
    match passed_on.filter(|_| depth < 8) {
        Some(target) => owner(modules, &[&target[..], &route[length + 1..]].concat(), depth + 1),
        None => Some(module),
    }
}

/// Takes the imports out of the code.
fn uses(code: &[String]) -> (Vec<Use>, Vec<String>) {
    let (mut uses, mut rest) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < code.len() {
        if code[at] != "use" {
            rest.push(code[at].clone());
            at += 1;
            continue;
        }
        let end = at + code[at..].iter().position(|word| word == ";").unwrap();
        // `pub use`, or `pub(crate) use`.
        let is_public = at > 0 && (code[at - 1] == "pub" || (code[at - 1] == ")" && at > 3 && code[at - 4] == "pub"));
        for mut path in branches(&code[at + 1..end]) {
            let renamed = path.iter().position(|word| word == "as").map(|at| path.split_off(at)[1].clone());
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let name = renamed.unwrap_or_else(|| path.last().unwrap().clone());
            uses.push(Use { path, name, is_public });
        }
        at = end + 1;
    }
    (uses, rest)
}

/// The paths of a `use`: `a::{b, c::d}` has two.
fn branches(tree: &[String]) -> Vec<Vec<String>> {
    let Some(open) = tree.iter().position(|word| word == "{") else {
        return vec![tree.iter().filter(|word| *word != "::").cloned().collect()];
    };
    let stem: Vec<String> = tree[..open].iter().filter(|word| *word != "::").cloned().collect();
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, open + 1);
    for at in open + 1..tree.len() {
        match tree[at].as_str() {
            "{" => depth += 1,
            "," | "}" if depth == 0 => {
                if start < at {
                    let below = branches(&tree[start..at]).into_iter();
                    found.extend(below.map(|branch| [&stem[..], &branch].concat()));
                }
                start = at + 1;
            }
            "}" => depth -= 1,
            _ => {}
        }
    }
    found
}

/// The paths of two and more names in the code.
fn paths(code: &[String]) -> Vec<Vec<String>> {
    let is_name = |word: &String| word.starts_with(|sign: char| sign.is_alphabetic() || sign == '_');
    let mut paths = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if !is_name(&code[at]) || (at > 0 && (code[at - 1] == "::" || code[at - 1] == ".")) {
            at += 1;
            continue;
        }
        let mut path = vec![code[at].clone()];
        while code.get(at + 1).is_some_and(|word| word == "::") && code.get(at + 2).is_some_and(is_name) {
            path.push(code[at + 2].clone());
            at += 2;
        }
        at += 1;
        if path.len() > 1 {
            paths.push(path);
        }
    }
    paths
}
