//! The cluster as a person reaches it with a kubeconfig of their own, for `kubectl nightshift`.

pub use crate::cluster::person::{Own, Way};
