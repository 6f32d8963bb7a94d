//! What a workload needs of others: the hosts that its template names, and who answers for a Service.

use crate::object::ObjectRef;
use serde::{Deserialize, Serialize};

/// A host that a pod template names. Never more of the value than this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The host as it is written.
    pub host: String,
    /// The port, if it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Where it stands, as in `variable DB_HOST of container app`.
    pub named_by: String,
}

impl std::fmt::Display for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}{port} ({})", self.host, self.named_by)
    }
}

/// Who answers for a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// The Service.
    pub service: ObjectRef,
    /// Ports that it listens on.
    pub ports: Vec<u16>,
    /// Whether it selects pods by itself: without, somebody else writes its endpoints.
    pub selects: bool,
    /// `ExternalName`, when that is what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// Endpoints that answer.
    pub ready: u32,
    /// Endpoints that do not.
    pub unready: u32,
}

impl ServiceFacts {
    /// In one sentence.
    pub fn sentence(&self) -> String {
        let name = &self.service.name;
        match (&self.external, self.ready, self.unready) {
            (Some(host), ..) => format!("Service {name} stands for {host}, outside the cluster"),
            (None, 0, 0) => format!("Service {name} has no endpoints"),
            (None, 0, n) => format!("Service {name} has no ready endpoints, and {n} that are not ready"),
            (None, 1, 0) => format!("Service {name} has 1 ready endpoint"),
            (None, n, 0) => format!("Service {name} has {n} ready endpoints"),
            (None, n, not) => format!("Service {name} has {n} ready endpoints, and {not} that are not ready"),
        }
    }
}
