//! Rollouts of Deployments, StatefulSets and DaemonSets: which revision is healthy, so that it may come back one day.

use crate::facts::{
    DaemonSetFacts, DeploymentFacts, Facts, PodFacts, ReplicaSetFacts, Role, State, StatefulSetFacts,
};
use crate::view::View;
use nightshift_model::evidence::HealthyRevision;
use nightshift_model::{Kind, ObjectRef, Seconds, SeenImage, Timestamp};

/// Whether the current revision of a workload is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The revision, once it has been healthy for long enough.
    pub seen: Option<HealthyRevision>,
    /// When it will have been, if nothing changes.
    pub recheck_at: Option<Timestamp>,
}

/// Where a workload's rollout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// `deployment.kubernetes.io/revision` of the newest ReplicaSet; 0 for a ControllerRevision, which is not watched.
    pub revision: u64,
    /// What holds the newest template: the ReplicaSet; of StatefulSets and DaemonSets the ControllerRevision, by name alone.
    pub replica_set: ObjectRef,
    /// What pods of it bear as `pod-template-hash` or `controller-revision-hash`.
    pub template_hash: String,
    /// Whether every wanted replica is of it and available, and no other is left.
    pub complete: bool,
    /// When the newest ReplicaSet was made; earlier than the rollout when an old revision came back. Not known of a
    /// ControllerRevision.
    pub since: Option<Timestamp>,
}

/// Judges the newest revision: all wanted pods (at least one) are of it and available, every container is Ready, and for
/// `healthy_after` no pod became Ready and no container restarted.
pub fn healthy(view: &View, scope: &ObjectRef, now: Timestamp, healthy_after: Seconds) -> Health {
    let Some(current) = current(view, scope).filter(|current| current.wanted > 0 && current.is_whole) else {
        return Health::default();
    };
    let mut pods: Vec<&PodFacts> = current.pods.iter().copied().filter(|pod| !pod.is_leaving()).collect();
    pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    let of_it = |pod: &&PodFacts| current.hash_of(pod) == current.rollout.template_hash;
    if u32::try_from(pods.len()) != Ok(current.wanted) || !pods.iter().all(of_it) {
        return Health::default();
    }
    let quiet: Option<Vec<Timestamp>> = pods.iter().map(|pod| quiet_since(pod)).collect();
    let Some(since) = quiet.and_then(|all| all.into_iter().max()) else { return Health::default() };
    let due = since + healthy_after;
    if now < due {
        return Health { seen: None, recheck_at: Some(due) };
    }
    let Rollout { revision, replica_set, template_hash, .. } = current.rollout;
    let revision = HealthyRevision {
        workload: current.workload,
        replica_set,
        number: revision,
        template_hash,
        images: images(&pods),
        since,
        at: now,
    };
    Health { seen: Some(revision), recheck_at: None }
}

/// Where the rollout stands; `None` unless the scope is a workload with revisions, and its status speaks of its spec.
pub fn rollout_state(view: &View, scope: &ObjectRef) -> Option<Rollout> {
    current(view, scope).map(|current| current.rollout)
}

/// A workload and its newest revision.
struct Current<'a> {
    workload: ObjectRef,
    wanted: u32,
    /// Whether the newest revision has all wanted pods, by every count there is.
    is_whole: bool,
    rollout: Rollout,
    /// Pods that may be of the newest revision.
    pods: Vec<&'a PodFacts>,
}

impl Current<'_> {
    fn hash_of<'b>(&self, pod: &'b PodFacts) -> &'b str {
        let labels = &pod.meta.labels;
        if self.workload.kind == Kind::Deployment { &labels.template_hash } else { &labels.revision_hash }
    }
}

fn current<'a>(view: &'a View, scope: &ObjectRef) -> Option<Current<'a>> {
    let found = of_deployment(view, scope).or_else(|| of_stateful_set(view, scope));
    found.or_else(|| of_daemon_set(view, scope))
}

/// The Deployment and its newest ReplicaSet. The controller numbers both alike; when they differ, one watch is behind.
fn of_deployment<'a>(view: &'a View, scope: &ObjectRef) -> Option<Current<'a>> {
    let deployment: &DeploymentFacts = view.facts(scope)?;
    let newest = view.replica_sets_of(scope).into_iter().next()?;
    let numbers = [deployment.meta.annotations.revision, newest.meta.annotations.revision];
    if !deployment.is_observed() || numbers[0] != numbers[1] {
        return None;
    }
    let complete = deployment.is_complete();
    Some(Current {
        workload: deployment.object(),
        wanted: deployment.wanted,
        is_whole: complete && is_available(deployment.wanted, newest),
        rollout: Rollout {
            revision: newest.meta.annotations.revision,
            replica_set: newest.object(),
            template_hash: newest.meta.labels.template_hash.to_string(),
            complete,
            since: newest.meta.created,
        },
        pods: view.pods_of_set(newest).collect(),
    })
}

fn of_stateful_set<'a>(view: &'a View, scope: &ObjectRef) -> Option<Current<'a>> {
    let set: &StatefulSetFacts = view.facts(scope)?;
    if set.observed < set.meta.generation || set.update_revision.is_empty() {
        return None;
    }
    let complete = [set.replicas, set.updated, set.available].iter().all(|count| *count == set.wanted);
    Some(Current {
        workload: set.object(),
        wanted: set.wanted,
        is_whole: complete && set.ready == set.wanted,
        rollout: by_name(&set.meta.namespace, &set.update_revision, &set.update_revision, complete),
        pods: view.pods_of(scope),
    })
}

/// A DaemonSet's status does not name its revision: the pods do, when all of them are of one and it says that this is the
/// newest.
fn of_daemon_set<'a>(view: &'a View, scope: &ObjectRef) -> Option<Current<'a>> {
    let set: &DaemonSetFacts = view.facts(scope)?;
    let counts = [set.current, set.updated, set.available, set.ready];
    let complete = set.observed >= set.meta.generation && counts.iter().all(|count| *count == set.desired);
    let pods = view.pods_of(scope);
    let hash = pods.iter().find(|pod| !pod.is_leaving()).map(|pod| pod.meta.labels.revision_hash.clone())?;
    let name = format!("{}-{hash}", set.meta.name);
    (complete && !hash.is_empty()).then(|| Current {
        workload: set.object(),
        wanted: set.desired,
        is_whole: true,
        rollout: by_name(&set.meta.namespace, &name, &hash, true),
        pods,
    })
}

/// A revision that a ControllerRevision holds. Those are not watched, so only the name is known.
fn by_name(namespace: &str, name: &str, hash: &str, complete: bool) -> Rollout {
    Rollout {
        revision: 0,
        replica_set: ObjectRef::new(Kind::parse("ControllerRevision"), namespace, name, ""),
        template_hash: hash.to_owned(),
        complete,
        since: None,
    }
}

fn is_available(wanted: u32, set: &ReplicaSetFacts) -> bool {
    let counts = [set.wanted, set.replicas, set.ready, set.available];
    set.observed >= set.meta.generation && counts.iter().all(|count| *count == wanted)
}

/// Since when the pod has been Ready without a restart; `None` while it is not.
fn quiet_since(pod: &PodFacts) -> Option<Timestamp> {
    let mut since = pod.ready.since.filter(|_| pod.is_ready())?;
    for container in &pod.containers {
        let run = match (&container.state, container.role) {
            (State::Running { since }, Role::Main | Role::Sidecar) => *since,
            (State::Terminated(end), Role::Init) => end.finished,
            _ => return None,
        };
        if !container.ready {
            return None;
        }
        let exit = container.last.as_ref().and_then(|end| end.finished);
        since = run.into_iter().chain(exit).fold(since, Timestamp::max);
    }
    Some(since)
}

/// What ran, by container; a tag that two nodes resolved differently stands here twice.
fn images(pods: &[&PodFacts]) -> Vec<SeenImage> {
    let mut all: Vec<(usize, SeenImage)> = Vec::new();
    for pod in pods {
        for (place, c) in pod.containers.iter().enumerate() {
            let seen = SeenImage {
                container: c.name.to_string(),
                image: c.image.to_string(),
                image_id: c.image_id.to_string(),
            };
            if !all.iter().any(|(_, known)| *known == seen) {
                all.push((place, seen));
            }
        }
    }
    all.sort_by(|(a, x), (b, y)| (a, &x.image_id).cmp(&(b, &y.image_id)));
    all.into_iter().map(|(_, seen)| seen).collect()
}

#[cfg(test)]
mod tests;
