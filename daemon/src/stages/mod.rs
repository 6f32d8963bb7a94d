//! One shell a step: adapters in, decisions from the engine, adapters out. They never name each other.

pub mod alertmanager;
pub mod annotations;
pub mod detect;
pub mod digest;
pub mod intake;
pub mod outbox;
pub mod query;
pub mod vote;

use futures::future::BoxFuture;
use nightshift_engine::Rules;
use std::sync::Arc;

/// The rules in force, with the standing that the history adds up to. When that cannot be read, its kill switch is
/// set.
pub type RulesNow = Arc<dyn Fn() -> BoxFuture<'static, Rules> + Send + Sync>;
