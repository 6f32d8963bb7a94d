//! One shell a step: adapters in, decisions from the engine, adapters out. They never name each other.

pub mod query;
pub mod vote;
