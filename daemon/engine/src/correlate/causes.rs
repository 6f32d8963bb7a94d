//! Which scope's incident a finding belongs to, when what a person would fix is not the scope: a missing ConfigMap breaks
//! five Deployments, a dead node thirty pods, and each is one fault.
//!
//! A scope goes as a whole, by the finding that tells most of it. What it blames takes it in at once if it has a finding
//! or an open incident of its own. Otherwise the scope waits a moment: if another one blames the same object by then,
//! the object has the incident and both are listed below it; alone, the scope has an incident of its own, and whoever
//! blames the same object later is listed below that one. A scope whose explanation goes (the quota is deleted, the node is back)
//! is given a moment of its own before it opens anything: what was explained by it mostly ends with it.

use nightshift_model::{Finding, Incident, Kind, ObjectRef, Phase, Seconds, Severity, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How far a cause is followed: an Ingress blames its Service, which blames a Deployment, which blames a ConfigMap.
const DEPTH: usize = 4;
/// How long a scope that was listed below another has to be well again, once that no longer explains it.
pub const RELEASED: Seconds = Seconds(60);
/// Of those who blame the same, as many are asked whether they have an incident.
const ASKED: usize = 8;

/// Scopes with what is wrong there.
pub type Listing<'a> = [(&'a ObjectRef, &'a [Finding])];

/// Where what is wrong at a scope is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an incident of the scope's own.
    Own,
    /// Below the incident of this scope.
    Below(ObjectRef),
    /// Nowhere until then: others may blame the same.
    Waits(Timestamp),
}

/// How long a scope waits for others that blame the same, or for the blamed object to show what it has.
pub fn settles(blamed: &Kind) -> Seconds {
    match blamed {
        // The node's own condition, or a workload's own finding, is what a person reads first, and comes later.
        Kind::Node | Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Job | Kind::CronJob => {
            Seconds(60)
        }
        Kind::Pod
        | Kind::ReplicaSet
        | Kind::ControllerRevision
        | Kind::Namespace
        | Kind::Event
        | Kind::Service
        | Kind::PersistentVolumeClaim
        | Kind::ResourceQuota
        | Kind::EndpointSlice
        | Kind::Ingress
        | Kind::HorizontalPodAutoscaler
        | Kind::PodDisruptionBudget
        | Kind::StorageClass
        | Kind::ValidatingWebhookConfiguration
        | Kind::MutatingWebhookConfiguration
        | Kind::APIService
        | Kind::Other(_) => Seconds(10),
    }
}

/// What is true of every scope now, as far as it was looked at. In memory only: a new process looks at every scope anew.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    /// By name, for those who blame name no uid.
    scopes: BTreeMap<ObjectRef, Scope>,
    /// Blamed object -> who blames it, since when.
    blaming: BTreeMap<ObjectRef, BTreeMap<ObjectRef, Timestamp>>,
    /// Host -> who is listed below it.
    below: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    /// Hosts whose list, or what stands for it, may have changed.
    dirty: BTreeSet<ObjectRef>,
}

#[derive(Clone, Debug)]
struct Scope {
    /// As it was looked at.
    scope: ObjectRef,
    findings: Vec<Finding>,
    blames: Option<ObjectRef>,
    host: Option<ObjectRef>,
    /// Whether it was placed in an incident of its own.
    own: bool,
    /// When what explained it went away.
    released: Option<Timestamp>,
}

/// A scope with an open incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    scope: ObjectRef,
    /// Whether it stands on what others show only.
    lent: bool,
}

impl Open {
    /// What an incident means for those who blame its scope; `None` when it is over.
    pub fn of(incident: &Incident) -> Option<Self> {
        let scope = named(&incident.scope);
        let blamed = incident.findings.first().and_then(|f| f.blames.as_ref());
        let lent = blamed.is_some_and(|blamed| blamed.same_name(&scope));
        (!matches!(incident.phase, Phase::Closed { .. })).then_some(Self { scope, lent })
    }
}

impl Causes {
    /// Takes in what is true of a scope. Returns who must be looked at again for it.
    pub fn see(&mut self, scope: &ObjectRef, findings: &[Finding], now: Timestamp) -> Vec<ObjectRef> {
        let key = named(scope);
        let before = self.scopes.get(&key);
        let (was, own) = (before.is_some(), before.is_some_and(|seen| seen.own));
        let (blamed, host, released) =
            before.map(|seen| (seen.blames.clone(), seen.host.clone(), seen.released)).unwrap_or_default();
        let blames = first(findings).and_then(|f| f.blames.as_ref()).map(named).filter(|o| *o != key);
        if blamed != blames {
            self.unblame(&key, blamed.as_ref());
            if let Some(blames) = &blames {
                self.blaming.entry(blames.clone()).or_default().insert(key.clone(), now);
            }
        }
        self.dirty.extend(host.clone());
        if self.below.contains_key(&key) {
            self.dirty.insert(key.clone());
        }
        if findings.is_empty() {
            self.leave(&key);
            self.scopes.remove(&key);
        } else {
            let (scope, findings) = (scope.clone(), findings.to_vec());
            let blames = blames.clone();
            self.scopes.insert(key.clone(), Scope { scope, findings, blames, host, own, released });
        }
        // Others stand or fall with what this scope has of its own.
        let other = was == findings.is_empty() || blamed != blames;
        let followers = self.blaming.get(&key).filter(|_| other).into_iter().flatten();
        followers.map(|(who, _)| self.full(who)).collect()
    }

    /// Whose open incidents must be known to place a scope: its own, of what it blames, of who blames the same.
    pub fn asks(&self, scope: &ObjectRef) -> Vec<ObjectRef> {
        let mut asked = BTreeSet::new();
        let mut at = Some(named(scope));
        for _ in 0..DEPTH {
            let Some(key) = at else { break };
            at = self.scopes.get(&key).and_then(|seen| seen.blames.clone());
            let same = at.as_ref().and_then(|blamed| self.blaming.get(blamed)).into_iter().flatten();
            let own = same.map(|(who, _)| who).filter(|who| self.has_own(who)).take(ASKED);
            asked.extend(own.cloned());
            asked.insert(key);
        }
        asked.extend(at);
        asked.iter().map(|key| self.full(key)).collect()
    }

    /// Where a scope's findings belong, and who must be looked at again for it. `open` are the open incidents of
    /// [`Causes::asks`].
    pub fn place(&mut self, scope: &ObjectRef, open: &[Open], now: Timestamp) -> (Place, Vec<ObjectRef>) {
        let key = named(scope);
        let place = match self.judge(&key, open, now, DEPTH) {
            Place::Below(host) if host.same_name(scope) => Place::Own, // they blame each other
            place @ (Place::Own | Place::Below(_) | Place::Waits(_)) => place,
        };
        let place = self.released(&key, place, open, now);
        let host = if let Place::Below(host) = &place { Some(named(host)) } else { None };
        let before = self.scopes.get(&key).and_then(|seen| seen.host.clone());
        let moved = before != host;
        if moved {
            self.leave(&key);
            if let (Some(host), Some(seen)) = (host, self.scopes.get_mut(&key)) {
                seen.host = Some(host.clone());
                self.below.entry(host.clone()).or_default().insert(key.clone());
                self.dirty.insert(host);
            }
        }
        let own = place == Place::Own;
        let seen = self.scopes.get_mut(&key);
        let newly = seen.is_some_and(|seen| !std::mem::replace(&mut seen.own, own) && own);
        let blamed = self.scopes.get(&key).and_then(|seen| seen.blames.as_ref()).filter(|_| newly);
        let same = blamed.and_then(|blamed| self.blaming.get(blamed)).into_iter().flatten();
        let others = same.map(|(who, _)| who).filter(|who| **who != key);
        let wait = others.filter(|who| !self.has_own(who) && self.has_no_host(who));
        let followers = self.blaming.get(&key).filter(|_| moved || newly).into_iter().flatten();
        let again = wait.chain(followers.map(|(who, _)| who)).map(|who| self.full(who)).collect();
        (place, again)
    }

    /// What explained a scope went away: before it has an incident of its own it has a moment to be well again.
    fn released(&mut self, key: &ObjectRef, place: Place, open: &[Open], now: Timestamp) -> Place {
        let Some(seen) = self.scopes.get_mut(key) else { return place };
        if place != Place::Own || open.iter().any(|o| o.scope == *key) {
            seen.released = None;
            return place;
        }
        if seen.host.is_some() {
            seen.released = Some(now);
        }
        match seen.released.map(|at| at + RELEASED) {
            Some(until) if now < until => Place::Waits(until),
            Some(_) | None => place,
        }
    }

    fn judge(&self, key: &ObjectRef, open: &[Open], now: Timestamp, depth: usize) -> Place {
        let is_open = |key: &ObjectRef| open.iter().any(|o| o.scope == *key);
        let Some(seen) = self.scopes.get(key) else { return Place::Own };
        let Some(blamed) = seen.blames.as_ref().filter(|_| depth > 0) else { return Place::Own };
        if (is_open(key) && seen.host.is_none()) || self.below.contains_key(key) {
            return Place::Own;
        }
        if self.scopes.contains_key(blamed) {
            return match self.judge(blamed, open, now, depth - 1) {
                Place::Own => Place::Below(self.full(blamed)),
                further @ (Place::Below(_) | Place::Waits(_)) => further,
            };
        }
        let blaming = self.blaming.get(blamed);
        let others = || blaming.into_iter().flatten().map(|(who, _)| who).filter(|who| *who != key);
        // It has no finding of its own now. An incident that stands on what others show goes on; one whose own finding
        // went away lets go of the last.
        let alone = others().next().is_none();
        let goes_on = |o: &Open| o.scope == *blamed && (o.lent || !alone);
        if open.iter().any(goes_on) {
            return Place::Below(self.full(blamed));
        }
        if let Some(first) = others().find(|who| is_open(who) && self.has_own(who)) {
            return Place::Below(self.full(first));
        }
        let since = blaming.into_iter().flatten().map(|(_, since)| *since).min().unwrap_or(now);
        let until = since + settles(&blamed.kind);
        if now < until && seen.host.is_none() {
            Place::Waits(until)
        } else if alone {
            Place::Own
        } else {
            Place::Below(self.full(blamed))
        }
    }

    fn has_own(&self, key: &ObjectRef) -> bool {
        self.scopes.get(key).is_some_and(|seen| seen.own && seen.host.is_none())
    }

    fn has_no_host(&self, key: &ObjectRef) -> bool {
        self.scopes.get(key).is_none_or(|seen| seen.host.is_none())
    }

    /// Hosts to correlate now, each once.
    pub fn hosts(&mut self) -> Vec<ObjectRef> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.iter().map(|key| self.full(key)).collect()
    }

    /// A host is looked at with the next: it listed others when this process began, or could not be written.
    pub fn again(&mut self, host: &ObjectRef) {
        self.dirty.insert(named(host));
    }

    /// What a host has of its own, and who is listed below it.
    pub fn of(&self, host: &ObjectRef) -> (Vec<Finding>, Vec<(&ObjectRef, &[Finding])>) {
        let key = named(host);
        let own = self.scopes.get(&key).filter(|seen| seen.own && seen.host.is_none());
        let own = own.map(|seen| seen.findings.clone()).unwrap_or_default();
        let below = self.below.get(&key).into_iter().flatten().filter_map(|k| self.scopes.get(k));
        (own, below.map(|seen| (&seen.scope, seen.findings.as_slice())).collect())
    }

    /// Whether a scope is listed below another.
    pub fn is_below(&self, scope: &ObjectRef) -> bool {
        self.scopes.get(&named(scope)).is_some_and(|seen| seen.host.is_some())
    }

    /// Whether others are listed below a scope.
    pub fn is_host(&self, scope: &ObjectRef) -> bool {
        self.below.contains_key(&named(scope))
    }

    /// A scope as it was looked at, else as it is blamed.
    fn full(&self, key: &ObjectRef) -> ObjectRef {
        if let Some(seen) = self.scopes.get(key) {
            return seen.scope.clone();
        }
        let blaming = self.blaming.get(key).into_iter().flatten();
        let who = blaming.filter_map(|(who, _)| self.scopes.get(who)).find_map(|seen| {
            seen.findings.iter().filter_map(|f| f.blames.clone()).find(|blamed| blamed.same_name(key))
        });
        who.unwrap_or_else(|| key.clone())
    }

    fn unblame(&mut self, key: &ObjectRef, blamed: Option<&ObjectRef>) {
        let Some(blamed) = blamed else { return };
        if let Some(who) = self.blaming.get_mut(blamed) {
            who.remove(key);
            if who.is_empty() {
                self.blaming.remove(blamed);
            }
        }
    }

    fn leave(&mut self, key: &ObjectRef) {
        let Some(host) = self.scopes.get_mut(key).and_then(|seen| seen.host.take()) else { return };
        if let Some(below) = self.below.get_mut(&host) {
            below.remove(key);
            if below.is_empty() {
                self.below.remove(&host);
            }
        }
        self.dirty.insert(host);
    }
}

/// What stands for an object that has no finding of its own: what tells most below it, as bad as the worst, in its name.
pub(super) fn stands_for(below: &Listing<'_>) -> Vec<Finding> {
    let all = || below.iter().filter_map(|(_, findings)| first(findings));
    let Some(most) = all().min_by_key(|f| (f.reason, f.since)) else { return Vec::new() };
    let severity = below.iter().flat_map(|(_, findings)| *findings).map(|f| f.severity).max();
    vec![Finding {
        severity: severity.unwrap_or(Severity::Warning),
        container: String::new(),
        template_hash: String::new(),
        exit: None,
        affected: u32::try_from(below.len()).unwrap_or(u32::MAX),
        since: all().map(|f| f.since).min().unwrap_or(most.since),
        ..most.clone()
    }]
}

/// What tells most of a scope.
fn first(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().min_by_key(|f| f.reason)
}

fn named(object: &ObjectRef) -> ObjectRef {
    ObjectRef { uid: String::new(), ..object.clone() }
}

#[cfg(test)]
mod tests;
