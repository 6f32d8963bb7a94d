//! From texts with file names to a catalog, or to everything that is wrong with them.

use crate::catalog::{self, Catalog};
use crate::rules;
use crate::schema::{Playbook, json_schema};
use crate::shape::{self, Fault};
use crate::tree::{Node, Place, Places};
use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;
use std::collections::BTreeMap;
use std::fmt;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// One file: its name as a person knows it, and its text.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file's path or name.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// One thing that is wrong with a file, where it stands and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    /// The file's path or name.
    pub file: String,
    /// The field, as in `verify.measures[1].query`; empty for the file as a whole.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, path, line, what, hint, .. } = self;
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        write!(f, "{file}:{line}: {path}{what}\n    next: {hint}")
    }
}

impl LoadError {
    fn new(file: &str, fault: Fault) -> Self {
        let Fault { place, path, what, next } = fault;
        Self { file: file.to_owned(), path, line: place.line, column: place.column, what, hint: next }
    }
}

/// Reads playbooks. The shipped fallback is added when none of them fits everything.
///
/// # Errors
/// Every fault of every file, in the order of files and lines. A file that is not YAML yields its first fault only.
pub fn load(sources: &[Source<'_>]) -> Result<Catalog, Vec<LoadError>> {
    let schema = json_schema();
    let mut errors = Vec::new();
    let mut playbooks: BTreeMap<String, (&str, Playbook)> = BTreeMap::new();
    for source in sources {
        match read(source, &schema) {
            Ok((playbook, place)) => {
                if let Some((other, _)) = playbooks.get(&playbook.name) {
                    let fault = Fault {
                        place,
                        path: "name".to_owned(),
                        what: format!("{other} has this name too"),
                        next: "rename one of the two files and its `name`".to_owned(),
                    };
                    errors.push(LoadError::new(source.file, fault));
                } else {
                    playbooks.insert(playbook.name.clone(), (source.file, playbook));
                }
            }
            Err(faults) => errors.extend(faults.into_iter().map(|f| LoadError::new(source.file, f))),
        }
    }
    let mut playbooks: Vec<Playbook> = playbooks.into_values().map(|(_, playbook)| playbook).collect();
    let fallback = playbooks.iter().position(|p| p.when.fits_everything());
    let fallback = match fallback {
        Some(at) => Ok(playbooks.remove(at)),
        None => read(&catalog::FALLBACK, &schema).map(|(playbook, _)| playbook),
    };
    match fallback {
        Ok(fallback) if errors.is_empty() => Ok(Catalog::new(fallback, playbooks)),
        Ok(_) => Err(errors),
        Err(faults) => {
            errors.extend(faults.into_iter().map(|f| LoadError::new(catalog::FALLBACK.file, f)));
            Err(errors)
        }
    }
}

/// One file: its playbook and where its name stands.
fn read(source: &Source<'_>, schema: &serde_json::Value) -> Result<(Playbook, Place), Vec<Fault>> {
    if source.text.len() > LARGEST {
        let what = format!("{} bytes, at most {LARGEST} are read", source.text.len());
        return Err(vec![whole(what, "a playbook is a page of text: split it")]);
    }
    let root: Node =
        serde_saphyr::from_str_with_options(source.text, options()).map_err(|e| vec![of_yaml(&e)])?;
    let mut faults = shape::faults(&root, schema);
    if faults.is_empty() {
        let playbook: Playbook =
            serde_saphyr::from_str_with_options(source.text, options()).map_err(|e| vec![of_yaml(&e)])?;
        let places = Places::of(&root);
        faults = rules::faults(&playbook, source.file, &places);
        if faults.is_empty() {
            return Ok((playbook, places.get("name")));
        }
    }
    faults.sort_by_key(|fault| fault.place);
    Err(faults)
}

fn whole(what: String, next: &str) -> Fault {
    Fault { place: Place::START, path: String::new(), what, next: next.to_owned() }
}

/// A fault of the YAML itself.
fn of_yaml(error: &serde_saphyr::Error) -> Fault {
    let place = error.location().map_or(Place::START, Place::from);
    let error = error.without_snippet();
    let (what, next) = if let Error::DuplicateMappingKey { key, .. } = error {
        let key = key.as_deref().unwrap_or_default();
        (format!("a second `{key}`"), "keep one of the two")
    } else if let Error::Budget { breach, .. } = error {
        of_budget(breach)
    } else {
        let said = error.to_string();
        let said = said.lines().next().unwrap_or_default();
        let what = said.split_once(" at line ").map_or(said, |(what, _)| what);
        (format!("not YAML: {what}"), "mend this line or the one before; more may follow")
    };
    Fault { place, ..whole(what, next) }
}

fn of_budget(breach: &BudgetBreach) -> (String, &'static str) {
    if matches!(breach, BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. }) {
        ("an anchor or an alias (`&`, `*`)".to_owned(), "write the value where it counts")
    } else if matches!(breach, BudgetBreach::Documents { .. }) {
        ("a second document".to_owned(), "write one playbook a file")
    } else {
        ("deeper or larger than a playbook is".to_owned(), "keep to the fields of the schema")
    }
}

/// One document, flat enough, without merged or repeated keys: what a person sees in the file is what counts.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: 16, max_aliases: 0, max_anchors: 0, max_documents: 1 },
    }
}

#[cfg(test)]
mod tests;
