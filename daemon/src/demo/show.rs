//! What the demo says in the terminal: one line a fact, the time in front, long text indented below.

use super::stop::Stop;
use nightshift_model::{FieldChange, Timestamp};
use std::io::Write as _;

/// Writes to standard output; a closed pipe ends the demo quietly.
#[derive(Clone, Debug)]
pub struct Show {
    stop: Stop,
}

impl Show {
    /// Without a reader it asks for the end.
    pub fn new(stop: Stop) -> Self {
        Self { stop }
    }

    /// A heading.
    pub fn act(&self, text: &str) {
        self.line(&format!("\n== {text}"));
    }

    /// A fact with its time.
    pub fn at(&self, at: Timestamp, text: &str) {
        let clock = at.get().strftime("%H:%M:%S").to_string();
        self.line(&format!("{clock}  {text}"));
    }

    /// Text below a fact.
    pub fn below(&self, text: &str) {
        for line in text.lines() {
            self.line(&format!("          {line}"));
        }
    }

    /// A difference, field by field.
    pub fn difference(&self, changes: &[FieldChange]) {
        for change in changes {
            self.below(&format!("{}\n  - {}\n  + {}", change.path, change.before, change.after));
        }
    }

    /// A plain line.
    pub fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            self.stop.closed();
        }
    }
}
