//! What tests outside the crates share: whole nightshifts to test against, people at their doors, and what must hold
//! after every test.

pub mod alerts;
pub mod carrier;
pub mod chart;
pub mod checker;
pub mod contract;
pub mod corpus;
pub mod driver;
pub mod house;
pub mod lab;
pub mod monitoring;
pub mod person;
pub mod scale;
pub mod signer;
pub mod slack;
pub mod voices;
