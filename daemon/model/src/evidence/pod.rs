//! A workload's pod as evidence: its containers, and what they keep.

use crate::object::ObjectRef;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One pod, as far as a crash matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodLine {
    /// The pod.
    pub pod: ObjectRef,
    /// Its node; empty before it is bound.
    pub node: String,
    /// `status.phase`.
    pub phase: String,
    /// Condition Ready.
    pub ready: bool,
    /// `pod-template-hash`, or `controller-revision-hash`.
    pub template_hash: String,
    /// When the kubelet took it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Since when it is not Ready, without a break; `None` while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unready_since: Option<Timestamp>,
    /// Whether it is being deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// Where its containers keep what they write.
    #[serde(default, skip_serializing_if = "Keeps::is_nothing")]
    pub keeps: Keeps,
    /// Its containers, init containers first.
    pub containers: Vec<ContainerLine>,
}

/// What a pod's containers write that outlives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeps {
    /// An `emptyDir`: a container that is started again finds it as it was, a new pod does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scratch: bool,
    /// A claim or a host path: a new pod finds it as it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
}

impl Keeps {
    /// Whether there is nothing to say about it.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// One container's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLine {
    /// Its name.
    pub name: String,
    /// Whether it is an init container.
    pub init: bool,
    /// The image as written.
    pub image: String,
    /// The image's digest as the runtime reports it.
    pub image_id: String,
    /// `running`, `waiting: Reason` or `terminated: Reason`.
    pub state: String,
    /// Restarts so far.
    pub restarts: u32,
    /// Whether it is ready.
    pub ready: bool,
    /// Exit code of the last termination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<i32>,
    /// Reason of the last termination.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_reason: String,
    /// Since when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Timestamp>,
    /// When it last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ended: Option<Timestamp>,
    /// When the run that ended then had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_started: Option<Timestamp>,
}
