//! nightshift on a real cluster. Start it with `tests/lab/up -- <this program>`, or let `tests/run` do so.

mod actions;
mod approve;
mod attacks;
mod broken;
mod chart;
mod contract;
mod course;
mod crash;
mod demo;
mod drift;
mod lasting;
mod lock;
mod nobody;
mod observer;
mod quiet;
mod release;
mod rest;
mod rollback;
mod stolen;
mod upgrade;
mod votes;

/// Held by whoever needs the kinds `Vote` and `Visit`, which the whole cluster has once, or the gate's own port.
static CLUSTER_WIDE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
