//! The corpus: real failures and healthy disturbances as folders, and what becomes of them on the lab's kubelets.
//!
//! A case says what is done to a cluster and what nightshift must say of it; `tests/lab/corpus/README.md` is its
//! format. Reading ([`load`]) and judging ([`judge`], [`report`]) are pure; [`play`] and [`run`] need the lab.

pub mod case;
pub mod judge;
pub mod kinds;
pub mod load;
pub mod manifest;
pub mod nodes;
pub mod path;
pub mod play;
pub mod report;
pub mod run;
pub mod step;
