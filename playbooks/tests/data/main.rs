//! Cases of the shipped playbooks, and files that are refused: a new case is a new file.
//! `UPDATE_EXPECT=1` writes what is expected; read the difference before you commit it.

mod cases;
mod refused;

use std::path::{Path, PathBuf};

/// The YAML files of a folder of this package, by name.
fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).expect("every playbook has a folder of cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files
}
