//! The playbooks in force.

use crate::load::{Source, load};
use crate::schema::Playbook;
use nightshift_model::{Digest, digest_of};

/// What is done when nothing else fits.
pub(crate) const FALLBACK: Source<'static> =
    Source { file: "escalate.yaml", text: include_str!("../catalog/escalate.yaml") };

/// The shipped playbooks.
pub const EMBEDDED: &[Source<'static>] = &[
    Source { file: "delete-pod.yaml", text: include_str!("../catalog/delete-pod.yaml") },
    FALLBACK,
    Source {
        file: "raise-memory-limit-daemon-set.yaml",
        text: include_str!("../catalog/raise-memory-limit-daemon-set.yaml"),
    },
    Source {
        file: "raise-memory-limit-stateful-set.yaml",
        text: include_str!("../catalog/raise-memory-limit-stateful-set.yaml"),
    },
    Source { file: "raise-memory-limit.yaml", text: include_str!("../catalog/raise-memory-limit.yaml") },
    Source { file: "re-run-job.yaml", text: include_str!("../catalog/re-run-job.yaml") },
    Source { file: "restart-daemon-set.yaml", text: include_str!("../catalog/restart-daemon-set.yaml") },
    Source { file: "restart-deployment.yaml", text: include_str!("../catalog/restart-deployment.yaml") },
    Source { file: "restart-stateful-set.yaml", text: include_str!("../catalog/restart-stateful-set.yaml") },
    Source { file: "rollback-daemon-set.yaml", text: include_str!("../catalog/rollback-daemon-set.yaml") },
    Source { file: "rollback-deployment.yaml", text: include_str!("../catalog/rollback-deployment.yaml") },
    Source {
        file: "rollback-stateful-set.yaml",
        text: include_str!("../catalog/rollback-stateful-set.yaml"),
    },
];

/// Playbooks that were loaded together. One of them fits everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    fallback: Playbook,
    /// The most specific first, then by name.
    others: Vec<Playbook>,
    digest: Digest,
}

impl Catalog {
    pub(crate) fn new(fallback: Playbook, mut others: Vec<Playbook>) -> Self {
        others.sort_by(|a, b| b.when.asks().cmp(&a.when.asks()).then_with(|| a.name.cmp(&b.name)));
        let mut all: Vec<&Playbook> = others.iter().chain([&fallback]).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let digest = digest_of("nightshift/playbooks/v1", &all);
        Self { fallback, others, digest }
    }

    /// The shipped playbooks.
    pub fn embedded() -> Self {
        load(EMBEDDED).expect("the shipped playbooks load: a test holds it")
    }

    /// What is done when nothing else fits.
    pub fn fallback(&self) -> &Playbook {
        &self.fallback
    }

    /// Every playbook, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Playbook> {
        self.others.iter().chain([&self.fallback])
    }

    /// A playbook by name.
    pub fn get(&self, name: &str) -> Option<&Playbook> {
        self.iter().find(|playbook| playbook.name == name)
    }

    /// Digest over what the playbooks say, whatever their layout and comments. It goes into the policy's digest, so
    /// that a changed playbook ends every open proposal.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}
