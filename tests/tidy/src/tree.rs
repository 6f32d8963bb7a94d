//! The repository as a value: every file, read once, and the members of the workspace.

use crate::source::{self, Token};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs, io};

/// One broken rule, said so that a person knows where to go and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// File, from the top of the repository.
    pub path: String,
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do instead.
    pub instead: String,
}

impl Violation {
    /// A violation at a line of a file (0: the file as a whole).
    pub fn new(
        rule: &'static str,
        path: &str,
        line: usize,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { path: path.to_owned(), line, rule, what: what.into(), instead: instead.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, what, instead } = self;
        write!(f, "{path}:{line}: [{rule}] {what}; instead: {instead}")
    }
}

/// A text file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Path from the top, with `/`.
    pub path: String,
    /// Content.
    pub text: String,
    /// Tokens, for a Rust file.
    pub tokens: Vec<Token>,
}

impl File {
    /// A file, lexed if it is Rust.
    pub fn new(path: &str, text: &str) -> Self {
        let tokens = if is_rust(path) { source::lex(text) } else { Vec::new() };
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    /// True for a file that only tests use.
    pub fn is_test(&self) -> bool {
        let top = ["tests/", "fuzz/"].iter().any(|t| self.path.starts_with(t));
        top || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The tokens that ship: none of a test file, nothing under `#[cfg(test)]`.
    pub fn shipped(&self) -> Vec<Token> {
        if self.is_test() { Vec::new() } else { self.tokens.iter().filter(|t| !t.test).cloned().collect() }
    }
}

/// A package of the workspace and what it depends on.
#[derive(Debug, Clone)]
pub struct Member {
    /// Package name.
    pub name: String,
    /// Its Cargo.toml, from the top.
    pub manifest: String,
    /// Names of its normal dependencies (not `dev`, not `build`).
    pub normal: Vec<String>,
}

/// The whole repository.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Every text file, by path.
    pub files: Vec<File>,
    /// Every path, text or not.
    pub paths: BTreeSet<String>,
    /// The packages of the workspace.
    pub members: Vec<Member>,
}

impl Tree {
    /// A tree from memory, for tests: (path, content).
    pub fn planted(files: &[(&str, &str)]) -> Self {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        Self { paths: files.iter().map(|f| f.path.clone()).collect(), files, members: Vec::new() }
    }

    /// The same tree with these packages: (name, normal dependencies).
    #[must_use]
    pub fn with_members(mut self, members: &[(&str, &[&str])]) -> Self {
        let member = |(name, normal): &(&str, &[&str])| Member {
            name: (*name).to_owned(),
            manifest: format!("{name}/Cargo.toml"),
            normal: normal.iter().map(|d| (*d).to_owned()).collect(),
        };
        self.members = members.iter().map(member).collect();
        self
    }

    /// Reads the repository at `root`: what git tracks or would add, or every file where there is no git.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        for path in list(root)? {
            if let Ok(text) = fs::read_to_string(root.join(&path)) {
                tree.files.push(File::new(&path, &text));
            }
            if root.join(&path).exists() {
                tree.paths.insert(path);
            }
        }
        tree.members = members(root)?;
        Ok(tree)
    }

    /// The text file at this path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }

    /// The text files whose path begins with this.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |f| f.path.starts_with(prefix))
    }

    /// The names of the files and folders that stand directly in this folder.
    pub fn entries(&self, folder: &str) -> BTreeSet<String> {
        let inside = self.paths.iter().filter_map(|p| p.strip_prefix(folder)?.strip_prefix('/'));
        inside.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect()
    }

    /// True if the folder holds anything.
    pub fn has(&self, folder: &str) -> bool {
        !self.entries(folder).is_empty()
    }

    /// True while a crate's `src` holds nothing but its `lib.rs`: rules on its content do not bind yet.
    pub fn just_begun(&self, src: &str) -> bool {
        self.entries(src).iter().all(|name| name == "lib.rs")
    }
}

/// True for a Rust file.
pub fn is_rust(path: &str) -> bool {
    path.strip_suffix(".rs").is_some()
}

fn list(root: &Path) -> io::Result<Vec<String>> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    if let Ok(out) = git
        && out.status.success()
    {
        let paths: BTreeSet<String> =
            String::from_utf8_lossy(&out.stdout).split_terminator('\0').map(str::to_owned).collect();
        return Ok(paths.into_iter().collect());
    }
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from(root)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let skip = [".git", "target", ".lab"].iter().any(|s| entry.file_name() == *s);
            if entry.file_type()?.is_dir() && !skip {
                folders.push(entry.path());
            } else if let (false, Ok(path)) = (skip, entry.path().strip_prefix(root)) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn members(root: &Path) -> io::Result<Vec<Member>> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()?;
    if !out.status.success() {
        return Err(io::Error::other(format!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr))));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let list = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default()
    };
    let text = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
    };
    let member = |package: &serde_json::Value| Member {
        name: text(package, "name"),
        manifest: Path::new(&text(package, "manifest_path"))
            .strip_prefix(root)
            .unwrap_or(Path::new("Cargo.toml"))
            .display()
            .to_string(),
        normal: list(package, "dependencies")
            .iter()
            .filter(|d| d.get("kind").is_none_or(serde_json::Value::is_null))
            .map(|d| text(d, "name"))
            .collect(),
    };
    Ok(list(&metadata, "packages").iter().map(member).collect())
}
