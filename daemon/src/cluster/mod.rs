//! The Kubernetes API as this program sees it: one reader, one writer, raw watches, raw answers.
//!
//! Targets are written by [`actuate`] only; [`events`], [`review`] and [`webhook_ca`] are the other requests here that are no
//! reads. Nothing in this module reads a body for its meaning: that is `engine::accept`'s work.

pub mod actuate;
pub mod client;
pub mod date;
pub mod events;
mod exchange;
pub mod identity;
pub mod person;
pub mod review;
pub mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod uri;
pub mod watch;
pub mod webhook_ca;

pub use client::{Access, ClientError, Reader, Writer};
pub use watch::{Update, Watch, WatchKind, WatchState, Watching};
