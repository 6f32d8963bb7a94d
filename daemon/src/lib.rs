//! nightshift: watches a cluster, explains failures, waits for a person's yes, carries out exactly that, proves it,
//! and tells it in the morning. This crate is the only one that does I/O; decisions are made in
//! `nightshift-engine`. Modules stand in reading order.

pub mod clock;
pub mod config;
pub mod network;
pub mod telemetry;

pub mod alertmanager;
pub mod cluster;
pub mod notify;
pub mod prometheus;
pub mod store;

pub mod api;
pub mod stages;

pub mod http;

pub mod runtime;

pub mod demo;

pub mod cli;
