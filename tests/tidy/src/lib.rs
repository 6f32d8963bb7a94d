//! The house rules that a program can check (ARCHITECTURE.md), one module a rule.
//!
//! A rule is a pure function from a [`Tree`] (every file of the repository, read once) to [`Violation`]s. The
//! tests run each rule three times: on the real tree, on a planted tree that breaks the rule, and on its clean twin.
//!
//! The lists that a person may want to change stand as constants at the top of each rule; change one line, and
//! say why behind it. A check binds as soon as the folder it looks at has a file in it, not before.

pub mod source;
pub mod tree;

pub mod edges;
pub mod features;
pub mod purity;

pub mod clock;
pub mod imports;
pub mod mutations;
pub mod sizes;
pub mod sql;

pub mod actions;
pub mod claims;
pub mod detectors;
pub mod generated;
pub mod keys;
pub mod links;
pub mod migrations;
pub mod numbers;
pub mod playbooks;
pub mod words;

pub use tree::{File, Member, Tree, Violation};

/// A rule by its name and its check.
pub type Rule = (&'static str, fn(&Tree) -> Vec<Violation>);

/// Every rule, in the order of ARCHITECTURE.md.
pub const RULES: &[Rule] = &[
    ("edges", edges::check),
    ("purity", purity::check),
    ("features", features::check),
    ("imports", imports::check),
    ("sql", sql::check),
    ("mutations", mutations::check),
    ("clock", clock::check),
    ("sizes", sizes::check),
    ("detectors", detectors::check),
    ("actions", actions::check),
    ("playbooks", playbooks::check),
    ("migrations", migrations::check),
    ("generated", generated::check),
    ("links", links::check),
    ("claims", claims::check),
    ("keys", keys::check),
    ("words", words::check),
    ("numbers", numbers::check),
];

/// Folders that a rule waits for. A test prints those that are still empty, so that none is forgotten.
pub const AWAITED: &[(&str, &str)] = &[
    ("detectors/testdata", "detectors"),
    ("docs", "actions, generated"),
    ("docs/catalogue", "detectors, actions, playbooks, generated"),
    ("daemon/src/store", "migrations"),
    ("daemon/src/cluster", "mutations"),
    ("daemon/src/stages", "imports"),
    ("daemon/engine/src/actions", "actions"),
    ("daemon/engine/testdata", "actions"),
    ("playbooks/catalog", "playbooks"),
    ("playbooks/testdata", "playbooks"),
    ("migrations", "migrations"),
];
