//! `ignore:`.

use super::read::{Document, Problem};
use nightshift_model::ignore::MOST_IGNORED;
use nightshift_model::{Ignored, Kind, ObjectRef, Selector};
use serde::Deserialize;

/// What opens no incident. Exact names, each with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ignore {
    /// Whole namespaces.
    pub namespaces: Vec<IgnoredNamespace>,
    /// Single workloads.
    pub workloads: Vec<IgnoredWorkload>,
}

/// An entry of `ignore.namespaces`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredNamespace {
    /// Its name.
    pub name: String,
    /// Why.
    pub because: String,
}

/// An entry of `ignore.workloads`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredWorkload {
    /// Where it is.
    pub namespace: String,
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// Why.
    pub because: String,
}

/// Kinds that can be the scope of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)] // the names are Kubernetes' own
pub enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    CronJob,
    Pod,
}

impl WorkloadKind {
    fn kind(self) -> Kind {
        match self {
            Self::Deployment => Kind::Deployment,
            Self::StatefulSet => Kind::StatefulSet,
            Self::DaemonSet => Kind::DaemonSet,
            Self::ReplicaSet => Kind::ReplicaSet,
            Self::Job => Kind::Job,
            Self::CronJob => Kind::CronJob,
            Self::Pod => Kind::Pod,
        }
    }
}

impl Ignore {
    /// The entries as detection takes them; what [`Ignore::check`] refuses is left out.
    pub fn entries(&self) -> nightshift_model::Ignore {
        let namespaces = self.namespaces.iter().filter_map(|e| e.entry().ok());
        nightshift_model::Ignore(
            namespaces.chain(self.workloads.iter().filter_map(|e| e.entry().ok())).collect(),
        )
    }

    pub(super) fn check(&self, file: &Document, problems: &mut Vec<Problem>) {
        if self.namespaces.len() + self.workloads.len() > MOST_IGNORED {
            let what = format!(
                "more than {MOST_IGNORED} entries: leave out whole namespaces by `cluster.namespaces`"
            );
            problems.push(file.problem("ignore", what));
        }
        for entry in &self.namespaces {
            if let Err(why) = entry.entry() {
                problems.push(file.problem("ignore.namespaces", format!("`{}`: {why}", entry.name)));
            }
        }
        for entry in &self.workloads {
            if let Err(why) = entry.entry() {
                let name = format!("{}/{}", entry.namespace, entry.name);
                problems.push(file.problem("ignore.workloads", format!("`{name}`: {why}")));
            }
        }
    }
}

impl IgnoredNamespace {
    fn entry(&self) -> Result<Ignored, nightshift_model::BadIgnore> {
        Ignored::new(Selector::Namespace(self.name.clone()), &self.because)
    }
}

impl IgnoredWorkload {
    fn entry(&self) -> Result<Ignored, nightshift_model::BadIgnore> {
        let object = ObjectRef::new(self.kind.kind(), &self.namespace, &self.name, "");
        Ignored::new(Selector::object(&object), &self.because)
    }
}
