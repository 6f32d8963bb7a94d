//! SQL stands in `daemon/src/store` and nowhere else.

use crate::source::{Kind, find};
use crate::{Tree, Violation};

const RULE: &str = "sql";

/// Where SQL may stand.
pub const PLACE: &str = "daemon/src/store/";

/// Beginnings that make an upper-case literal a statement (lower-case prose such as "select from the list" is not).
pub const STATEMENTS: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE ",
    "CREATE TRIGGER ",
    "CREATE VIEW ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "BEGIN IMMEDIATE",
    "PRAGMA ",
    "LISTEN ",
    "NOTIFY ",
    "VACUUM ",
];

/// No SQL in a literal, and no `sqlx`, in shipped Rust outside [`PLACE`].
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|f| !f.path.starts_with(PLACE)) {
        let tokens = file.shipped();
        for token in tokens.iter().filter(|t| t.kind == Kind::Text && is_sql(&t.text)) {
            let start: String = token.text.trim_start().chars().take(40).collect();
            let instead = format!("make it a named function of {PLACE}");
            found.push(Violation::new(
                RULE,
                &file.path,
                token.line,
                format!("SQL in a literal: {start:?}"),
                instead,
            ));
        }
        for at in find(&tokens, &["sqlx", "::"]) {
            let line = tokens.get(at).map_or(0, |t| t.line);
            let instead = format!("take a type of {PLACE}, which hides the database");
            found.push(Violation::new(RULE, &file.path, line, "names sqlx", instead));
        }
    }
    found
}

fn is_sql(text: &str) -> bool {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
    let anywhere = |s: &str| s.trim_end().contains(' ') && flat.contains(&format!(" {s}"));
    STATEMENTS.iter().any(|s| flat.starts_with(s) || anywhere(s))
        || (flat.starts_with("UPDATE ") && flat.contains(" SET "))
        || (flat.contains("SELECT ") && flat.contains(" FROM "))
}
