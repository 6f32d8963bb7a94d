//! The demo: a simulated cluster behind real HTTP.

pub mod door;
