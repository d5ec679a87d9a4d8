//! The architecture, as the sources' own `crate::` paths show it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// What every module may use.
const GROUND: &[&str] = &["model", "clock", "blocking", "wire", "error", "config", "progress"];

/// The stages in the order in which data passes them.
const STAGES: &[&str] = &[
    "place", "lists", "plan", "fetch", "log", "tables", "files", "manifest", "dataset", "publish", "output",
    "sql", "queries", "rollups", "answers", "report",
];

/// What the others may use beside the ground and themselves; not named here: everything.
const OTHERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    ("blocking", &[]),
    ("wire", &[]),
    ("progress", &[]),
    ("error", &[]),
    ("config", &["cli", "sandbox"]),
    ("doctor", &["fetch"]),
    ("verify", &["place", "fetch", "plan", "tables", "files", "manifest", "dataset", "sql", "queries"]),
    ("cli", &["sandbox"]),
    ("sandbox", &[]),
    ("operation", &[]),
    ("ui", &[]),
    ("reference", &["tables", "cli"]),
];

/// Modules that know all: they wire the rest.
const WIRING: &[&str] = &["main", "lib", "pipeline", "commands"];

/// A use of one module by another.
struct Import {
    file: PathBuf,
    line: usize,
    by: String,
    /// The path after `crate::`.
    of: String,
}

impl Import {
    fn module(&self) -> &str {
        // The path ends with its module, as in `pub(in crate::fetch)`, or goes on.
        self.of.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    }

    fn is_allowed(&self) -> bool {
        let (by, of) = (self.by.as_str(), self.module());
        if by == of || WIRING.contains(&by) {
            return true;
        }
        let place = |module| STAGES.iter().position(|stage| *stage == module);
        match (place(by), OTHERS.iter().find(|(module, _)| *module == by)) {
            (Some(at), _) => GROUND.contains(&of) || place(of).is_some_and(|earlier| earlier < at),
            (None, Some((_, more))) => GROUND.contains(&of) || more.contains(&of),
            (None, None) => false,
        }
    }
}

#[test]
fn a_module_uses_only_what_stands_before_it() {
    let imports = imports();
    assert!(imports.len() > 50, "the sources were not found");
    let backward: Vec<_> = imports.iter().filter(|import| !import.is_allowed()).collect();
    assert!(backward.is_empty(), "{}", shown(&backward));
}

/// Tables are a pure function of the log: of fetching they know the words for what came back, no more.
#[test]
fn tables_cannot_reach_the_network() {
    let words = ["Reason", "Answer", "Failure", "Reply"];
    let imports = imports();
    let reached: Vec<_> = imports
        .iter()
        .filter(|import| STAGES[5..].contains(&import.by.as_str()) && import.module() == "fetch")
        .filter(|import| {
            let rest = import.of.trim_start_matches("fetch::").trim_matches(['{', '}']);
            !rest.split(',').all(|name| words.contains(&name.trim().split("::").next().unwrap_or_default()))
        })
        .collect();
    assert!(reached.is_empty(), "{}", shown(&reached));
    let stored: Vec<_> =
        imports.iter().filter(|import| import.by == "tables" && import.module() == "place").collect();
    assert!(stored.is_empty(), "{}", shown(&stored));
}

/// A line for each, as compilers write them.
fn shown(imports: &[&Import]) -> String {
    let lines = imports.iter().map(|import| {
        format!("src/{}:{}: {} uses crate::{}", import.file.display(), import.line, import.by, import.of)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every `crate::` path outside tests and comments.
fn imports() -> Vec<Import> {
    let root = repository().join("src");
    let mut imports = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if name == "tests" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                collect(&root, &path, &mut imports);
            }
        }
    }
    imports
}

fn collect(root: &Path, file: &Path, imports: &mut Vec<Import>) {
    let inside = file.strip_prefix(root).unwrap();
    let first = inside.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    let by = first.trim_end_matches(".rs").to_owned();
    let text = fs::read_to_string(file).unwrap();
    // The tests beside the code may use what they like; they come last.
    let code = text.find("#[cfg(test)]\nmod tests {").map_or(text.as_str(), |end| &text[..end]);
    for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for path in line.split("crate::").skip(1) {
            let of = path.split([';', ' ', '(', '<', '>', ')']).next().unwrap_or_default();
            let of = if path.contains('{') { path.trim_end_matches(';') } else { of };
            imports.push(Import {
                file: inside.to_owned(),
                line: number + 1,
                by: by.clone(),
                of: of.to_owned(),
            });
        }
    }
}
