//! Wire types: what goes over HTTP, and nothing else.
//!
//! Values that the history holds (an incident, a plan, a vote) go out as the model writes them: fields are added, never
//! renamed. Everything around them is typed here.

pub mod audit;
pub mod diagnosis;
pub mod digest;
pub mod incident;
pub mod playbook;
pub mod problem;
pub mod proposal;
pub mod ready;
pub mod status;
pub mod vote;
pub mod wish;
