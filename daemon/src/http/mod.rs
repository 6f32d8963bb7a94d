//! Doors. The gate is where people look and decide; alerts come in at another one; health and metrics have a listener of
//! their own.

pub mod alertmanager;
pub mod countersign;
pub mod gate;
pub mod headers;
pub mod health;
pub mod limits;
pub mod listen;
pub mod metrics;
mod problem;
pub mod rest;
pub mod session;
pub mod stream;
pub mod tls;
