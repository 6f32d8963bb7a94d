//! Pods that had ended before they went: a StatefulSet's or DaemonSet's evicted pod is deleted at once, and comes back under
//! its own or another name as if nothing had been.

use crate::facts::{Phase, PodFacts};
use nightshift_model::{Kind, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pods that are remembered of one owner.
const EACH: usize = 3;
/// Owners of whom pods are remembered; the one whose last pod went first is forgotten.
const OWNERS: usize = 1000;

/// By the owner's uid: its last pods, the latest last, and when that one went.
#[derive(Debug, Default)]
pub(super) struct Departed(BTreeMap<Arc<str>, (Timestamp, Vec<PodFacts>)>);

impl Departed {
    /// Takes a pod in that went. Pods of Jobs are meant to end, and who has no owner does not come back.
    pub(super) fn add(&mut self, pod: PodFacts, now: Timestamp) {
        let owner = pod.meta.owner.as_ref().filter(|owner| owner.kind != Kind::Job && !owner.uid.is_empty());
        let Some(uid) = owner.map(|owner| owner.uid.clone()) else { return };
        if !matches!(pod.phase, Phase::Failed | Phase::Succeeded) {
            return;
        }
        if self.0.len() >= OWNERS
            && !self.0.contains_key(&uid)
            && let Some(first) = self.0.iter().min_by_key(|(_, (at, _))| *at).map(|(uid, _)| uid.clone())
        {
            self.0.remove(&first);
        }
        let (at, pods) = self.0.entry(uid).or_insert_with(|| (now, Vec::new()));
        *at = now;
        if pods.len() >= EACH {
            pods.remove(0);
        }
        pods.push(pod);
    }

    /// The last pods of an owner.
    pub(super) fn of(&self, owner: &str) -> impl Iterator<Item = &PodFacts> {
        self.0.get(owner).into_iter().flat_map(|(_, pods)| pods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Owner;

    fn owned(kind: Kind, owner: &str, name: &str, phase: Phase) -> PodFacts {
        let mut pod = PodFacts { phase, ..PodFacts::default() };
        pod.meta.name = name.into();
        pod.meta.owner = Some(Owner { kind, name: owner.into(), uid: owner.into() }.into());
        pod
    }

    fn pod(owner: &str, name: &str, phase: Phase) -> PodFacts {
        owned(Kind::StatefulSet, owner, name, phase)
    }

    #[test]
    fn few_pods_of_few_owners_are_remembered_and_only_those_that_had_ended() {
        let mut departed = Departed::default();
        for (number, name) in (0..).zip(["a", "b", "c", "d"]) {
            departed.add(pod("set", name, Phase::Failed), Timestamp::from_second(number));
        }
        departed.add(pod("set", "e", Phase::Running), Timestamp::from_second(9));
        let names: Vec<&str> = departed.of("set").map(|pod| &*pod.meta.name).collect();
        assert_eq!(names, ["b", "c", "d"]);
        for (owner, at) in (0..OWNERS).zip(10..) {
            departed.add(pod(&owner.to_string(), "a", Phase::Succeeded), Timestamp::from_second(at));
        }
        assert_eq!(
            (departed.of("set").count(), departed.of("999").count(), departed.0.len()),
            (0, 1, OWNERS)
        );
    }

    #[test]
    fn a_jobs_pods_are_meant_to_end() {
        let mut departed = Departed::default();
        departed.add(owned(Kind::Job, "job", "a", Phase::Failed), Timestamp::from_second(1));
        departed.add(PodFacts { phase: Phase::Failed, ..PodFacts::default() }, Timestamp::from_second(1));
        assert!(departed.0.is_empty());
    }
}
