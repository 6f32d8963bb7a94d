//! Whole nightshifts in this process, over the simulated cluster, through their real doors.

mod alerts;
mod asking;
mod attack;
mod bridges;
mod changed;
mod closed;
mod crash;
mod excess;
mod hush;
mod inside;
mod measures;
mod path;
mod process;
mod rest;
mod secrets;
mod sight;
mod signed;
mod slack;
mod stolen;
mod storm;
mod transcript;
mod voices;
mod votes;
mod watches;
