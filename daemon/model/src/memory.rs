//! A container's memory, and what bounds a larger limit.

use serde::{Deserialize, Serialize};

/// A container's memory as its template has it, and what bounds a larger limit. Amounts are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryFacts {
    /// The container.
    pub container: String,
    /// Its place in `spec.containers`, from 0.
    pub index: u32,
    /// `resources.limits.memory` as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// `resources.requests.memory` as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Allocatable memory of the largest node that takes pods; 0 when there is none.
    pub largest_node: u64,
    /// What a LimitRange or a quota allows the limit at most, with the object that says so.
    pub ceilings: Vec<Ceiling>,
    /// VerticalPodAutoscaler that sets the workload's resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpa: Option<String>,
}

impl MemoryFacts {
    /// The container's numbers, as the template has them.
    pub fn sentence(&self) -> String {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        format!(
            "container {}: limit {}, request {}",
            self.container,
            or_none(&self.limit),
            or_none(&self.request)
        )
    }

    /// What bounds a larger limit, a line each.
    pub fn bounds(&self) -> Vec<String> {
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        let mut lines = vec![format!("largest node: {}", mib(self.largest_node))];
        lines.extend(self.ceilings.iter().map(|c| format!("{}: at most {}", c.by, mib(c.bytes))));
        lines.extend(self.vpa.iter().map(|name| format!("VerticalPodAutoscaler {name} sets it")));
        lines
    }
}

/// An upper bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The object that sets it.
    pub by: String,
    /// Bytes.
    pub bytes: u64,
}
