//! The whole pure pipeline on a virtual clock: watches, detectors, correlation, the one driver and its steps, persons
//! who vote, and a simulated cluster underneath. No I/O, no sleeping, no chance: the same timeline gives the same
//! transcript, byte for byte.
//!
//! A case is a folder with a `timeline.yaml` and the `transcript.txt` that it must give. What the daemon does in its
//! shells stands here once more in its smallest form; everything that decides is the shipped code.
#![allow(clippy::wildcard_enum_match_arm, clippy::needless_pass_by_value)] // a harness looks at single phases

pub mod timeline;

mod config;
mod objects;

mod metrics;
mod points;

mod history;
mod watch;
mod wire;
mod world;

mod detect;
mod machine;
mod people;

mod invariants;
mod transcript;

mod run;

pub use config::Setting;
pub use history::Torn;
pub use machine::Machine;
pub use points::{Act, Plan, When};
pub use run::{Outcome, play, play_with};
