//! Playbooks: what may be done about a fault, as data.
//!
//! A detector says what is wrong, a playbook says what may be done, an action says how it is done. A playbook names
//! an action out of a closed list and the measures that prove it. It has no shell, no templates and no expressions
//! besides PromQL, which is parsed when the file is read; what comes from the cluster is set into the query's tree
//! as equality matchers. Nothing here does I/O: files arrive as texts with names.
//!
//! Modules stand in reading order.

pub mod schema;

mod promql;
mod rules;
mod shape;
mod tree;

pub mod bind;
pub mod catalog;
pub mod context;
pub mod load;

pub mod select;
pub mod verification;

pub mod doc;

pub use bind::{BindError, Bound, bind};
pub use catalog::{Catalog, EMBEDDED};
pub use context::context;
pub use load::{LoadError, Source, load};
pub use schema::{Playbook, json_schema};
pub use select::{Cause, Selected, Situation, WhyNot, for_action, select};
pub use verification::{Asked, VerificationError, asked_for, questions, verification};
