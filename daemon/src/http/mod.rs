//! Doors. The gate is where people look and decide; health and metrics have a listener of their own.

pub mod gate;
pub mod headers;
pub mod health;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod session;
