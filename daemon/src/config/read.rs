//! Reading YAML section by section, so that one mistake does not hide the others, and saying where each stands.

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// One mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, if it is known.
    pub line: Option<u64>,
    /// The field, as in `gate.tls.cert`; empty for the whole file.
    pub field: String,
    /// What is wrong and what to do.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// One YAML file.
pub(super) struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Reads a file.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(path, &text)),
            Err(error) => Err(Problem {
                file: path.to_owned(),
                line: None,
                field: String::new(),
                what: format!("cannot be read: {error}"),
            }),
        }
    }

    /// A file's text.
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A path as the file means it.
    pub(super) fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// Whether the file is a mapping at all; tells sections that do not exist.
    pub(super) fn is_mapping(&self, known: &[&str], problems: &mut Vec<Problem>) -> bool {
        let keys = serde_saphyr::with_deserializer_from_str(&self.text, |d| Keys.deserialize(d));
        match keys {
            Ok(keys) => {
                for key in keys.iter().filter(|k| !known.contains(&k.as_str())) {
                    let what = format!("unknown field; known are {}", known.join(", "));
                    problems.push(self.problem(key, what));
                }
                true
            }
            Err(error) => {
                problems.push(self.misread("", &error));
                false
            }
        }
    }

    /// One section; `None` when it is absent, empty or wrong.
    pub(super) fn section<T: DeserializeOwned>(&self, key: &str, problems: &mut Vec<Problem>) -> Option<T> {
        let pick = Pick(key, PhantomData);
        match serde_saphyr::with_deserializer_from_str(&self.text, |d| pick.deserialize(d)) {
            Ok(found) => found,
            Err(error) => {
                problems.push(self.misread(key, &error));
                None
            }
        }
    }

    /// A mistake that was found after reading, at the line where the field stands.
    pub(super) fn problem(&self, field: &str, what: impl Into<String>) -> Problem {
        let line = self.lines().find(|(_, path)| path == field).map(|(line, _)| line).or_else(|| {
            let (parent, _) = field.rsplit_once('.')?;
            self.lines().find(|(_, path)| path == parent).map(|(line, _)| line)
        });
        Problem { file: self.path.clone(), line, field: field.to_owned(), what: what.into() }
    }

    fn misread(&self, section: &str, error: &serde_saphyr::Error) -> Problem {
        let line = error.location().map(|at| at.line()).filter(|line| *line > 0);
        let field = line
            .and_then(|line| self.lines().filter(|(at, _)| *at <= line).last())
            .map(|(_, path)| path)
            .filter(|path| path.split('.').next() == Some(section))
            .unwrap_or_else(|| section.to_owned());
        let text = error.without_snippet().to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        let what = what.strip_prefix("error: ").unwrap_or(what).to_owned();
        Problem { file: self.path.clone(), line, field, what }
    }

    /// Each line that begins a field in block style, with the field's path.
    fn lines(&self) -> impl Iterator<Item = (u64, String)> {
        let mut open: Vec<(usize, &str)> = Vec::new();
        self.text.lines().enumerate().filter_map(move |(number, line)| {
            let bare = line.trim_start_matches([' ', '-']);
            let (key, _) = bare.split_once(':').filter(|(key, _)| is_key(key))?;
            let indent = line.len() - bare.len();
            open.retain(|(depth, _)| *depth < indent);
            open.push((indent, key));
            let path = open.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".");
            Some((u64::try_from(number).unwrap_or(0) + 1, path))
        })
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The value of one key of a mapping; the others are skipped.
struct Pick<'a, T>(&'a str, PhantomData<T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Pick<'_, T> {
    type Value = Option<T>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Pick<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = map.next_value::<Option<T>>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The keys of a mapping.
struct Keys;

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Vec<String>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            keys.push(key);
        }
        Ok(keys)
    }
}
