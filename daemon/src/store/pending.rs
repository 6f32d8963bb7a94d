//! The engine's `Store`, until the engine exports it.
use nightshift_model::{Append, Appended, Incident, IncidentId};
use std::future::Future;

/// Why the store could not answer. Nothing is executed while it cannot.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such incident.
    #[error("incident {0} is not in the history")]
    NotFound(IncidentId),
    /// The history holds something this program does not know, or does not verify.
    #[error("the history cannot be read: {0}")]
    Unreadable(String),
    /// The store cannot be written or read now.
    #[error("the store does not answer: {operation}")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An event did not fit: a bug, told instead of written.
    #[error(transparent)]
    Illegal(#[from] nightshift_model::IllegalTransition),
}

/// The history, as the driver needs it.
pub trait Store: Sync {
    /// The fold of one stream.
    fn load(&self, id: &IncidentId) -> impl Future<Output = Result<Incident, StoreError>> + Send;
    /// One transaction.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, StoreError>> + Send;
}
