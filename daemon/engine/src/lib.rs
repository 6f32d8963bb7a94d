//! The verbs of nightshift: every decision a pure function, and the one driver that chains them.
//!
//! Modules stand in the order of the path: observe and detect happen outside, then correlate, investigate, plan,
//! guard, seal, approve (tally), execute, verify, digest. [`next`] and [`accept`] are the only callers of the steps, and
//! [`drive()`] is the only loop.

pub mod rules;

#[cfg(test)]
mod samples;

pub mod alert;
pub mod correlate;
pub mod inventory;

pub mod changes;
pub mod diagnose;
pub mod evidence;
pub mod investigate;
pub mod redact;
pub mod text;

pub mod asking;
pub mod closed;
pub mod guards;
pub mod plan;

pub mod actions;
pub mod difference;
pub mod excess;
pub mod normal;
pub mod permissions;
pub mod quantity;
pub mod seal;

pub mod proof;
pub mod tally;
pub mod vote_object;

pub mod execute;
pub mod lock;
pub mod marks;
pub mod namespace;
pub mod nodes;
pub mod protocol;
pub mod recheck;
pub mod since;
pub mod wire;

pub mod verify;

pub mod flap;
pub mod heals;
pub mod policy_change;
pub mod silence;
pub mod standing;

pub mod checkpoint;
pub mod merkle;
pub mod note;
pub mod route;

pub mod digest;

pub mod accept;
pub mod advance;
pub mod drive;
pub mod give_up;
pub mod next;
pub mod shell;

pub use accept::{accept, sent};
pub use advance::{advance, system};
pub use correlate::correlate;
pub use digest::digest;
pub use drive::{Store, StoreError, World, drive};
pub use next::next;
pub use rules::{Mode, Rules, Standing};
pub use shell::Shell;
pub use tally::tally;
pub use wire::{HttpWrite, Wire};
