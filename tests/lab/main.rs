//! nightshift on a real cluster. Start it with `tests/lab/up -- <this program>`, or let `tests/run` do so.

mod actions;
mod approve;
mod chart;
mod contract;
mod course;
mod crash;
mod demo;
mod drift;
mod lock;
mod nobody;
mod quiet;
mod rest;
mod rollback;
mod votes;
