//! What tests outside the crates share.

pub mod lab;
