//! `cluster:`.

use serde::Deserialize;
use std::path::PathBuf;

/// Which cluster, and how it is reached. Without a kubeconfig: the account of the Pod that nightshift runs in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// The name that people know it by: on every page and message.
    pub name: String,
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; the current one if absent.
    pub context: Option<String>,
    /// Namespaces that are watched; empty means all.
    pub namespaces: Vec<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self { name: "kubernetes".to_owned(), kubeconfig: None, context: None, namespaces: Vec::new() }
    }
}
