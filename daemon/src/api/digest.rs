//! The morning digest as a page shows it: a verdict and sections of lines, all of it plain text.

use serde::{Deserialize, Serialize};

/// One digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestSheet {
    /// The window, as in `Mon 2 Mar, 08:00 to Tue 3 Mar, 08:00 CET`.
    pub window: String,
    /// The one line at the top.
    pub verdict: String,
    /// What this reader was not shown, in numbers; empty when it is the whole digest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub left_out: String,
    /// What follows, in the order of reading.
    pub sections: Vec<DigestSection>,
}

/// Digests by date, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestShelf {
    /// The days.
    pub days: Vec<DigestDay>,
    /// The day before which the next page begins.
    pub next: Option<String>,
}

/// A day that has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestDay {
    /// The day, as in `2026-03-03`.
    pub date: String,
    /// For people, as in `Tuesday 3 March 2026`.
    pub label: String,
    /// From when to when.
    pub window: String,
    /// Incidents that opened in it, of those that the reader may see.
    pub opened: u32,
}

/// One part of the digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestSection {
    /// Its heading.
    pub title: String,
    /// Its lines; a section without lines is not shown.
    pub lines: Vec<DigestLine>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestLine {
    /// What happened, or what to do.
    pub text: String,
    /// More of it, in small print; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Where it leads to, as a path of the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Which window; without one, the last digest that is out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DigestQuery {
    /// Where the window begins, with `to`: at most 31 days before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<nightshift_model::Timestamp>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<nightshift_model::Timestamp>,
}
