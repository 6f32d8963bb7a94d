//! Wire types: what goes over HTTP, and nothing else.

pub mod digest;
pub mod problem;
pub mod ready;
pub mod vote;
