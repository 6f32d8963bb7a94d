//! What tests outside the crates share: whole nightshifts to test against, people at their doors, and what must hold
//! after every test.

pub mod carrier;
pub mod checker;
pub mod contract;
pub mod house;
pub mod lab;
pub mod person;
pub mod signer;
