//! How a command ends: a code, and when it failed one sentence and what to do next.

use super::output::Style;
use crate::config::ConfigError;
use crate::runtime::offline::{OpenError, PeopleError, QueryError, StoreError};
use std::error::Error;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing wrong.
    Done = 0,
    /// It failed, or a problem was found.
    Found = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// A file, the store or the network could not be used.
    Io = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// One sentence, or one a line.
    pub what: String,
    /// What to do.
    pub next: String,
}

impl Failure {
    /// Something that the caller wrote.
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, what: what.into(), next: next.into() }
    }

    /// Something that could not be read or written.
    pub fn io(what: impl Into<String>) -> Self {
        Self { exit: Exit::Io, what: what.into(), next: String::new() }
    }

    /// Something that is not as it should be.
    pub fn found(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Found, what: what.into(), next: next.into() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn then(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }

    /// As it is printed.
    pub fn told(&self, style: Style) -> String {
        let head = style.bad("error:");
        let next = if self.next.is_empty() { String::new() } else { format!("\n next: {}", self.next) };
        format!("{head} {}{next}\n", self.what)
    }
}

/// An error and its causes in one line, each said once.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    parts.join(": ")
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let what: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
        let unread = error.problems.iter().any(|p| p.line.is_none() && p.what.starts_with("cannot be read"));
        let next = if unread {
            "name the file with --config, or write one: nightshift config example > nightshift.yaml"
        } else {
            "mend the lines that are named; `nightshift config example` shows every field"
        };
        Self::usage(what.join("\n       "), next)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::io(causes(&error)).then("name the history with --db, or the configuration with --config")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::io(causes(&error)).then("look at the file with `nightshift audit verify`")
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Parameter(what) => Self::usage(what, "see `--help`"),
            QueryError::Store(error) => error.into(),
        }
    }
}

impl From<PeopleError> for Failure {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Unknown(_) => Self::usage(
                error.to_string(),
                "add the person to the file that `registry` names; `nightshift person list` shows who is there",
            ),
            PeopleError::NoChance | PeopleError::Store(_) => Self::io(causes(&error)),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::found(causes(error.as_ref()), "`nightshift check` says what is missing")
    }
}
