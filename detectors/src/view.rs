//! What is in the cluster, as far as the watches have said: facts by uid, and who owns whom.
//!
//! One task owns the view, so there is no lock. Its content depends on the last delta of each object only, never on
//! the order in which deltas of different objects arrive.

use crate::facts::{DeploymentFacts, EventFacts, Fact, NodeFacts, PodFacts, Pool, ReplicaSetFacts};
use nightshift_model::{Kind, ObjectRef, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One change that a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// The object is there and looks like this: ADDED, MODIFIED, or a line of a list.
    Applied(Fact),
    /// The object is gone.
    Deleted {
        /// Its kind.
        kind: Kind,
        /// Its uid; when it is empty, the name decides.
        uid: String,
        /// Its namespace; empty for cluster-scoped kinds.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A complete list of this kind begins.
    Relisting {
        /// The kind.
        kind: Kind,
    },
    /// The list is complete: what was not applied since [`Delta::Relisting`] is gone.
    Synced {
        /// The kind.
        kind: Kind,
    },
}

/// Facts of the whole cluster. See [`Fact`] for their size.
#[derive(Debug, Default)]
pub struct View {
    held: BTreeMap<Arc<str>, Held>,
    /// (owner's uid, object's uid): pods and ReplicaSets by controller, Events by whom they are about.
    owned: BTreeSet<(Arc<str>, Arc<str>)>,
    /// While a kind is listed again: uids that the list has not shown yet.
    unseen: BTreeMap<Kind, BTreeSet<Arc<str>>>,
    synced: BTreeSet<Kind>,
    pool: Pool,
}

#[derive(Debug)]
struct Held {
    fact: Fact,
    first_seen: Timestamp,
}

impl View {
    /// Kinds without which no detector can judge a workload.
    pub const NEEDED: &'static [Kind] = &[Kind::Pod, Kind::ReplicaSet, Kind::Deployment];

    /// Takes one delta in. Returns the scopes that it touches, sorted: none when nothing changed that is kept, or
    /// when a newer `resourceVersion` of the object is known.
    pub fn apply(&mut self, delta: Delta, now: Timestamp) -> Vec<ObjectRef> {
        let mut touched = BTreeSet::new();
        match delta {
            Delta::Applied(fact) => self.put(fact, now, &mut touched),
            Delta::Deleted { kind, uid, namespace, name } => {
                let object = ObjectRef::new(kind, &namespace, &name, &uid);
                if let Some(uid) = self.find(&object) {
                    self.remove(&uid, &mut touched);
                }
            }
            Delta::Relisting { kind } => {
                let all = self.held.iter().filter(|(_, held)| held.fact.kind() == kind);
                let all = all.map(|(uid, _)| uid.clone()).collect();
                self.unseen.insert(kind, all);
            }
            Delta::Synced { kind } => {
                for uid in self.unseen.remove(&kind).unwrap_or_default() {
                    self.remove(&uid, &mut touched);
                }
                self.synced.insert(kind);
            }
        }
        touched.into_iter().collect()
    }

    fn put(&mut self, mut fact: Fact, now: Timestamp, touched: &mut BTreeSet<ObjectRef>) {
        let (uid, version) = (fact.meta().uid.clone(), fact.meta().version);
        if uid.is_empty() {
            return;
        }
        if let Some(unseen) = self.unseen.get_mut(&fact.kind()) {
            unseen.remove(&uid);
        }
        let mut first_seen = now;
        if let Some(held) = self.held.get_mut(&uid) {
            let known = held.fact.meta().version;
            if version != 0 && version < known {
                return;
            }
            held.fact.meta_mut().version = version;
            if held.fact == fact {
                return;
            }
            first_seen = held.first_seen;
        }
        touched.extend(self.scope_of_uid(&uid));
        fact.share(&mut self.pool);
        self.unlink(&uid);
        if let Some(owner) = owner_uid(&fact) {
            self.owned.insert((owner, uid.clone()));
        }
        self.held.insert(uid.clone(), Held { fact, first_seen });
        touched.extend(self.scope_of_uid(&uid));
    }

    fn remove(&mut self, uid: &Arc<str>, touched: &mut BTreeSet<ObjectRef>) {
        touched.extend(self.scope_of_uid(uid));
        self.unlink(uid);
        if let Some(held) = self.held.remove(uid)
            && let Some(unseen) = self.unseen.get_mut(&held.fact.kind())
        {
            unseen.remove(uid);
        }
        touched.extend(self.scope_of_uid(uid)); // of the pods that a ReplicaSet leaves behind
    }

    fn unlink(&mut self, uid: &Arc<str>) {
        if let Some(owner) = self.held.get(uid).and_then(|held| owner_uid(&held.fact)) {
            self.owned.remove(&(owner, uid.clone()));
        }
    }

    /// The scope of an object, or of the pods that name it as their owner before it is known.
    fn scope_of_uid(&self, uid: &str) -> Option<ObjectRef> {
        let known = self.held.get(uid).map(|held| &held.fact);
        let fact = known.or_else(|| self.owned_by(uid).find(|fact| fact.kind() != Kind::Event))?;
        Some(self.scope_of(fact))
    }

    /// The object that a person would fix: pods lead to their ReplicaSet's owner, Events to the scope of what they are
    /// about. A pod of the kubelet (owner Node) is its own scope.
    pub fn scope_of(&self, fact: &Fact) -> ObjectRef {
        match fact {
            Fact::Pod(pod) => match pod.meta.owner_ref() {
                None => fact.object(),
                Some(owner) if owner.kind == Kind::Node => fact.object(),
                Some(owner) if owner.kind == Kind::ReplicaSet => {
                    self.replica_set(&owner.uid).and_then(|set| set.meta.owner_ref()).unwrap_or(owner)
                }
                Some(owner) => owner,
            },
            Fact::ReplicaSet(set) => set.meta.owner_ref().unwrap_or_else(|| fact.object()),
            Fact::Deployment(_) | Fact::Node(_) => fact.object(),
            Fact::Event(event) => match self.held.get(&event.about.uid).map(|held| &held.fact) {
                None | Some(Fact::Event(_)) => event.about.object(),
                Some(known) => self.scope_of(known),
            },
        }
    }

    /// Every scope there is, sorted: for the first look and for sweeps.
    pub fn scopes(&self) -> Vec<ObjectRef> {
        let facts = self.held.values().map(|held| &held.fact).filter(|fact| fact.kind() != Kind::Event);
        let all: BTreeSet<ObjectRef> = facts.map(|fact| self.scope_of(fact)).collect();
        all.into_iter().collect()
    }

    /// Whether every kind of [`View::NEEDED`] was listed completely once.
    pub fn synced(&self) -> bool {
        Self::NEEDED.iter().all(|kind| self.synced.contains(kind))
    }

    /// Whether this kind was listed completely once.
    pub fn synced_kind(&self, kind: &Kind) -> bool {
        self.synced.contains(kind)
    }

    /// The facts of an object, by uid; by kind and name when it has none.
    pub fn get(&self, object: &ObjectRef) -> Option<&Fact> {
        self.held.get(&self.find(object)?).map(|held| &held.fact)
    }

    /// When the view first held this uid: stands in where an object has no time of its own.
    pub fn first_seen(&self, uid: &str) -> Option<Timestamp> {
        self.held.get(uid).map(|held| held.first_seen)
    }

    /// A Deployment.
    pub fn deployment(&self, object: &ObjectRef) -> Option<&DeploymentFacts> {
        if let Some(Fact::Deployment(facts)) = self.get(object) { Some(facts) } else { None }
    }

    /// A Node, by name.
    pub fn node(&self, name: &str) -> Option<&NodeFacts> {
        let object = ObjectRef::new(Kind::Node, "", name, "");
        if let Some(Fact::Node(facts)) = self.get(&object) { Some(facts) } else { None }
    }

    fn replica_set(&self, uid: &str) -> Option<&ReplicaSetFacts> {
        if let Fact::ReplicaSet(facts) = &self.held.get(uid)?.fact { Some(facts) } else { None }
    }

    /// ReplicaSets of a scope, the newest first: by revision, then by age.
    pub fn replica_sets_of(&self, scope: &ObjectRef) -> Vec<&ReplicaSetFacts> {
        let Some(uid) = self.uid_of(scope) else { return Vec::new() };
        let own = self.replica_set(&uid).filter(|set| set.meta.owner.is_none());
        let owned = self.owned_by(&uid).filter_map(as_replica_set);
        let mut all: Vec<&ReplicaSetFacts> = own.into_iter().chain(owned).collect();
        all.sort_by(|a, b| {
            let key =
                |s: &ReplicaSetFacts| (s.meta.annotations.revision, s.meta.created, s.meta.name.clone());
            key(b).cmp(&key(a))
        });
        all
    }

    /// Pods of a scope by name. Empty for a ReplicaSet that has an owner: its pods belong to that scope.
    pub fn pods_of(&self, scope: &ObjectRef) -> Vec<&PodFacts> {
        let Some(uid) = self.uid_of(scope) else { return Vec::new() };
        let own = self.held.get(&uid).and_then(|held| as_pod(&held.fact));
        let own = own.filter(|pod| pod.meta.owner.as_ref().is_none_or(|owner| owner.kind == Kind::Node));
        let owned = match self.replica_set(&uid) {
            Some(set) if set.meta.owner.is_some() => Vec::new(),
            _ if scope.kind == Kind::Node => Vec::new(),
            _ => self.owned_by(&uid).filter_map(as_pod).collect(),
        };
        let sets = self.owned_by(&uid).filter_map(as_replica_set);
        let below = sets.flat_map(|set| self.pods_of_set(set));
        let mut all: Vec<&PodFacts> = own.into_iter().chain(owned).chain(below).collect();
        all.sort_by(|a, b| (&a.meta.name, &a.meta.uid).cmp(&(&b.meta.name, &b.meta.uid)));
        all
    }

    /// Pods of one ReplicaSet, by uid.
    pub fn pods_of_set<'a>(&'a self, set: &ReplicaSetFacts) -> impl Iterator<Item = &'a PodFacts> + use<'a> {
        self.owned_by(&set.meta.uid).filter_map(as_pod)
    }

    /// Events about one object, by uid.
    pub fn events_about(&self, uid: &str) -> impl Iterator<Item = &EventFacts> {
        self.owned_by(uid)
            .filter_map(|fact| if let Fact::Event(event) = fact { Some(&**event) } else { None })
    }

    fn owned_by<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Fact> + use<'a> {
        let from: (Arc<str>, Arc<str>) = (uid.into(), Arc::default());
        let owner = from.0.clone();
        let pairs = self.owned.range(from..).take_while(move |(of, _)| *of == owner);
        pairs.filter_map(|(_, uid)| self.held.get(uid)).map(|held| &held.fact)
    }

    /// The uid under which an object, or what it owns, is filed.
    fn uid_of(&self, object: &ObjectRef) -> Option<Arc<str>> {
        if object.uid.is_empty() { self.find(object) } else { Some(object.uid.as_str().into()) }
    }

    /// The uid of an object that is held.
    fn find(&self, object: &ObjectRef) -> Option<Arc<str>> {
        if let Some((uid, held)) = self.held.get_key_value(object.uid.as_str()) {
            return (held.fact.kind() == object.kind).then(|| uid.clone());
        }
        let same = |fact: &Fact| {
            let meta = fact.meta();
            *meta.name == *object.name && *meta.namespace == *object.namespace && fact.kind() == object.kind
        };
        let named = || self.held.iter().find(|(_, held)| same(&held.fact)).map(|(uid, _)| uid.clone());
        if object.uid.is_empty() { named() } else { None }
    }
}

fn owner_uid(fact: &Fact) -> Option<Arc<str>> {
    let uid = match fact {
        Fact::Event(event) => event.about.uid.clone(),
        Fact::Pod(_) | Fact::ReplicaSet(_) => fact.meta().owner.as_ref()?.uid.clone(),
        Fact::Deployment(_) | Fact::Node(_) => return None,
    };
    (!uid.is_empty()).then_some(uid)
}

fn as_pod(fact: &Fact) -> Option<&PodFacts> {
    if let Fact::Pod(facts) = fact { Some(facts) } else { None }
}

fn as_replica_set(fact: &Fact) -> Option<&ReplicaSetFacts> {
    if let Fact::ReplicaSet(facts) = fact { Some(facts) } else { None }
}

#[cfg(test)]
mod tests;
