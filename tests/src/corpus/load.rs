//! Reads the corpus' folders. Everything that is wrong is said, with file and line, before anything is started.

use super::case::{Case, Expect, GROUPS, SOAK, Told};
use super::manifest;
use super::step::Step;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, or the folder.
    pub path: PathBuf,
    /// The line, from 1; 0 for the whole of it.
    pub line: u64,
    /// What.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what } = self;
        if *line == 0 {
            write!(f, "{}: {what}", path.display())
        } else {
            write!(f, "{}:{line}: {what}", path.display())
        }
    }
}

/// Where the corpus of this repository is.
pub fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/corpus")
}

/// Every case below a folder, by name.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn load(home: &Path) -> Result<Vec<Case>, Vec<Fault>> {
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for group in folders(home, &mut faults) {
        let name = file_name(&group);
        if !GROUPS.contains(&name.as_str()) {
            faults.push(whole(&group, format!("not a group: {}", GROUPS.join(", "))));
            continue;
        }
        for folder in folders(&group, &mut faults) {
            match case(&folder, &name) {
                Ok(case) => cases.push(case),
                Err(wrong) => faults.extend(wrong),
            }
        }
    }
    if cases.is_empty() && faults.is_empty() {
        faults.push(whole(home, "no case in it".to_owned()));
    }
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

fn whole(path: &Path, what: String) -> Fault {
    Fault { path: path.to_owned(), line: 0, what }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn folders(path: &Path, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let read = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut found: Vec<PathBuf> = match read {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect(),
        Err(error) => {
            faults.push(whole(path, format!("cannot be read: {error}")));
            Vec::new()
        }
    };
    found.sort();
    found
}

fn case(folder: &Path, group: &str) -> Result<Case, Vec<Fault>> {
    let name = file_name(folder);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 50 || !name.chars().all(plain) {
        return Err(vec![whole(
            folder,
            "a case's name has at most 50 small letters, digits and dashes".to_owned(),
        )]);
    }
    let path = folder.join("case.yaml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| vec![whole(&path, format!("cannot be read: {error}"))])?;
    let told: Told = serde_saphyr::from_str(&text).map_err(|error| {
        let line = error.location().map_or(0, |at| at.line());
        vec![Fault { path: path.clone(), line, what: manifest::said(&error) }]
    })?;
    let faults = faults(folder, group, &path, &told);
    if faults.is_empty() {
        Ok(Case { name: format!("{group}/{name}"), folder: folder.to_owned(), told })
    } else {
        Err(faults)
    }
}

/// What the shape alone does not tell.
fn faults(folder: &Path, group: &str, path: &Path, told: &Told) -> Vec<Fault> {
    let at = |line: u64, what: String| Fault { path: path.to_owned(), line, what };
    let mut found = Vec::new();
    if told.steps.is_empty() {
        found.push(at(0, "no steps: nothing would happen".to_owned()));
    }
    match (&told.expect, group) {
        (Expect::Silence, "healthy" | SOAK) => {}
        (Expect::Silence, _) => {
            found.push(at(0, "silence is expected of the groups `healthy` and `soak` only".to_owned()));
        }
        (Expect::Failure(_), "healthy" | SOAK) => {
            found.push(at(0, format!("a failure does not belong into the group `{group}`")));
        }
        (Expect::Failure(_), _) => {}
    }
    if told.rounds.is_empty() == (group == SOAK) {
        found.push(at(0, "`rounds` belong to the group `soak`, and to each of its cases".to_owned()));
    }
    let mut applied = BTreeSet::new();
    for step in told.steps.iter().chain(&told.rounds) {
        let line = step.referenced.line();
        if step.value.touches_a_node() && !told.alone && group != SOAK {
            found.push(at(line, "a step that touches a node needs `alone: true`".to_owned()));
        }
        if let Step::Apply(file) = &step.value {
            applied.insert(file.0.clone());
            let manifest = folder.join(&file.0);
            match std::fs::read_to_string(&manifest) {
                Err(error) => found.push(at(line, format!("{}: {error}", file.0))),
                Ok(text) => {
                    if let Err((line, what)) = manifest::read(&text, "c0-check") {
                        found.push(Fault { path: manifest, line, what });
                    }
                }
            }
        }
    }
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut unused: Vec<PathBuf> =
        files.filter(|file| file_name(file) != "case.yaml" && !applied.contains(&file_name(file))).collect();
    unused.sort();
    found.extend(unused.iter().map(|file| whole(file, "no step applies it".to_owned())));
    found
}

#[cfg(test)]
mod tests;
