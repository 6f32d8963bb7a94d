//! The second lock: what the API server itself refuses the executor, whatever its credential may.
//!
//! One list says what the executor may ask for ([`allowed`]). Made of it are a static policy that the API server judges
//! by itself ([`policy`]), and the countersign, which it asks for each write ([`countersign`]). Both concern the
//! executor alone: a write by anybody else meets neither.

pub mod allowed;
pub mod asked;
pub mod countersign;
pub mod held;
pub mod policy;
pub mod probe;
pub mod refusal;
pub mod webhook;
mod yaml;

pub use asked::{Asked, Operation};
pub use countersign::{Because, Known, Under, judge};
pub use probe::{LockMode, Locks};
pub use refusal::Refusal;
