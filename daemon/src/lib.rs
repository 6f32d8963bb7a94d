//! nightshift: the daemon's adapters, stages and doors. Modules stand in reading order.

pub mod clock;
pub mod config;

pub mod store;

pub mod stages;

pub mod api;
pub mod http;
