//! What tests outside the crates share.

pub mod contract;
pub mod lab;
