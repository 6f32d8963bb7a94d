//! Rollouts of Deployments: which revision is healthy, so that it may come back one day.

use crate::facts::{DeploymentFacts, PodFacts, ReplicaSetFacts, Role, State};
use crate::view::View;
use nightshift_model::evidence::HealthyRevision;
use nightshift_model::{Kind, ObjectRef, Seconds, SeenImage, Timestamp};

/// Whether the current revision of a Deployment is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The revision, once it has been healthy for long enough.
    pub seen: Option<HealthyRevision>,
    /// When it will have been, if nothing changes.
    pub recheck_at: Option<Timestamp>,
}

/// Where a Deployment's rollout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// `deployment.kubernetes.io/revision` of the newest ReplicaSet.
    pub revision: u64,
    /// The newest ReplicaSet.
    pub replica_set: ObjectRef,
    /// Its `pod-template-hash`.
    pub template_hash: String,
    /// Whether every wanted replica is of it and available, and no other is left.
    pub complete: bool,
    /// When the newest ReplicaSet was made; earlier than the rollout when an old revision came back.
    pub since: Option<Timestamp>,
}

/// Judges the newest ReplicaSet: all wanted replicas (at least one) are of it and available, every container is Ready, and
/// for `healthy_after` no pod became Ready and no container restarted.
pub fn healthy(view: &View, scope: &ObjectRef, now: Timestamp, healthy_after: Seconds) -> Health {
    let Some((deployment, set)) = current(view, scope) else { return Health::default() };
    if deployment.wanted == 0 || !deployment.is_complete() || !is_available(deployment.wanted, set) {
        return Health::default();
    }
    let mut pods: Vec<&PodFacts> = view.pods_of_set(set).filter(|pod| !pod.is_leaving()).collect();
    pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    if u32::try_from(pods.len()) != Ok(deployment.wanted) {
        return Health::default();
    }
    let quiet: Option<Vec<Timestamp>> = pods.iter().map(|pod| quiet_since(pod)).collect();
    let Some(since) = quiet.and_then(|all| all.into_iter().max()) else { return Health::default() };
    let due = since + healthy_after;
    if now < due {
        return Health { seen: None, recheck_at: Some(due) };
    }
    let revision = HealthyRevision {
        workload: deployment.meta.object(Kind::Deployment),
        replica_set: set.meta.object(Kind::ReplicaSet),
        number: set.meta.annotations.revision,
        template_hash: set.meta.labels.template_hash.to_string(),
        images: images(&pods),
        since,
        at: now,
    };
    Health { seen: Some(revision), recheck_at: None }
}

/// Where the rollout stands; `None` unless the scope is a Deployment with a ReplicaSet for its current spec.
pub fn rollout_state(view: &View, scope: &ObjectRef) -> Option<Rollout> {
    let (deployment, set) = current(view, scope)?;
    Some(Rollout {
        revision: set.meta.annotations.revision,
        replica_set: set.meta.object(Kind::ReplicaSet),
        template_hash: set.meta.labels.template_hash.to_string(),
        complete: deployment.is_complete(),
        since: set.meta.created,
    })
}

/// The Deployment and its newest ReplicaSet. The controller numbers both alike; when they differ, one watch is behind.
fn current<'a>(view: &'a View, scope: &ObjectRef) -> Option<(&'a DeploymentFacts, &'a ReplicaSetFacts)> {
    let deployment = view.deployment(scope)?;
    let newest = view.replica_sets_of(scope).into_iter().next()?;
    let numbers = [deployment.meta.annotations.revision, newest.meta.annotations.revision];
    (deployment.is_observed() && numbers[0] == numbers[1]).then_some((deployment, newest))
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
