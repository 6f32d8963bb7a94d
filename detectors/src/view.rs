//! What is in the cluster, as far as the watches have said: facts by uid, and who owns whom.
//!
//! One task owns the view, so there is no lock. Its content depends on the last delta of each object only, never on
//! the order in which deltas of different objects arrive.

use crate::facts::{
    DeploymentFacts, EventFacts, Fact, Facts, Meta, NodeFacts, Owner, PodFacts, Pool, ReplicaSetFacts,
};
use groups::Groups;
use nightshift_model::{Kind, ObjectRef, Timestamp};
use std::borrow::Borrow;
use std::cmp::Ordering;
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
    held: BTreeSet<Held>,
    /// Objects by the uid of their controller, Events by whom they are about.
    owned: Groups,
    /// Uids by kind, namespace and name, of the kinds that are asked for by name: not of pods, ReplicaSets and Events.
    named: BTreeMap<Kind, BTreeMap<Place, Arc<str>>>,
    /// Pods by namespace: selectors ask a namespace, not the cluster.
    placed: Groups,
    /// While a kind is listed again: uids that the list has not shown yet.
    unseen: BTreeMap<Kind, BTreeSet<Arc<str>>>,
    synced: BTreeSet<Kind>,
    /// When an object of this kind and name went, and is not back. At most [`GONE_MAX`]; the longest gone is forgotten.
    gone: BTreeMap<(Kind, Place), Timestamp>,
    departed: departed::Departed,
    filled: filled::Filled,
    pool: Pool,
    /// Namespaces of which it is told; empty: all.
    only: BTreeSet<String>,
}

/// Objects that are remembered after they went.
const GONE_MAX: usize = 1000;

/// Namespace and name.
type Place = (Arc<str>, Arc<str>);

/// An object, filed by its uid.
#[derive(Debug)]
struct Held {
    fact: Fact,
    first_seen: Timestamp,
    /// When it last became another; `None` while it is as it was first seen.
    changed: Option<Timestamp>,
}

impl Held {
    fn uid(&self) -> &Arc<str> {
        &self.fact.meta().uid
    }
}

impl Borrow<str> for Held {
    fn borrow(&self) -> &str {
        self.uid()
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uid().cmp(other.uid())
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.uid() == other.uid()
    }
}

impl Eq for Held {}

impl View {
    /// Kinds without which no detector can judge a workload.
    pub const NEEDED: &'static [Kind] = &[Kind::Pod, Kind::ReplicaSet, Kind::Deployment];

    /// A view that is told of some namespaces alone, and of what has none; of everything if there are none.
    pub fn of(namespaces: &[String]) -> Self {
        Self { only: namespaces.iter().cloned().collect(), ..Self::default() }
    }

    /// Whether it is told of a namespace. What it does not hold of another one may well be there.
    pub fn watches(&self, namespace: &str) -> bool {
        self.only.is_empty() || self.only.contains(namespace)
    }

    /// Takes one delta in. Returns the scopes that it touches, sorted: none when nothing changed that is kept, or
    /// when a newer `resourceVersion` of the object is known.
    pub fn apply(&mut self, delta: Delta, now: Timestamp) -> Vec<ObjectRef> {
        let mut touched = BTreeSet::new();
        match delta {
            Delta::Applied(fact) => self.put(fact, now, &mut touched),
            Delta::Deleted { kind, uid, namespace, name } => {
                let object = ObjectRef::new(kind, &namespace, &name, &uid);
                if let Some(uid) = self.find(&object) {
                    self.remove(&uid, now, &mut touched);
                }
            }
            Delta::Relisting { kind } => {
                let all = self.held.iter().filter(|held| held.fact.kind() == kind);
                let all = all.map(|held| held.uid().clone()).collect();
                self.unseen.insert(kind, all);
            }
            Delta::Synced { kind } => {
                for uid in self.unseen.remove(&kind).unwrap_or_default() {
                    self.remove(&uid, now, &mut touched);
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
        let (mut first_seen, mut changed) = (now, None);
        if self.held.get(&*uid).is_some_and(|held| version != 0 && version < held.fact.meta().version) {
            return;
        }
        if let Some(mut held) = self.held.take(&*uid) {
            held.fact.meta_mut().version = version;
            (first_seen, changed) = (held.first_seen, Some(now));
            let same = held.fact == fact;
            self.held.insert(held);
            if same {
                return;
            }
        }
        touched.extend(self.scope_of_uid(&uid));
        fact.share(&mut self.pool);
        self.unlink(&uid);
        if let Some(owner) = owner_uid(&fact) {
            self.owned.add(owner, uid.clone());
        }
        if let Fact::Pod(pod) = &fact {
            self.placed.add(pod.meta.namespace.clone(), uid.clone());
        }
        let place = (fact.meta().namespace.clone(), fact.meta().name.clone());
        if is_remembered(&fact) {
            self.gone.remove(&(fact.kind(), place.clone()));
        }
        if is_named(&fact) {
            self.named.entry(fact.kind()).or_default().insert(place, uid.clone());
        }
        let related = related::to(self, &fact);
        touched.extend(related);
        self.held.replace(Held { fact, first_seen, changed });
        touched.extend(self.scope_of_uid(&uid));
    }

    fn remove(&mut self, uid: &Arc<str>, now: Timestamp, touched: &mut BTreeSet<ObjectRef>) {
        touched.extend(self.scope_of_uid(uid));
        self.unlink(uid);
        if let Some(held) = self.held.take(&**uid) {
            if let Some(unseen) = self.unseen.get_mut(&held.fact.kind()) {
                unseen.remove(uid);
            }
            touched.extend(related::to(self, &held.fact));
            self.remember(&held.fact, now);
            if let Fact::Pod(pod) = held.fact {
                self.departed.add(*pod, now);
            }
        }
        touched.extend(self.scope_of_uid(uid)); // of the pods that a ReplicaSet leaves behind
    }

    fn remember(&mut self, fact: &Fact, now: Timestamp) {
        if !is_remembered(fact) {
            return;
        }
        if self.gone.len() >= GONE_MAX
            && let Some(oldest) = self.gone.iter().min_by_key(|(_, at)| **at).map(|(place, _)| place.clone())
        {
            self.gone.remove(&oldest);
        }
        let Meta { namespace, name, .. } = fact.meta();
        self.gone.insert((fact.kind(), (namespace.clone(), name.clone())), now);
    }

    fn unlink(&mut self, uid: &Arc<str>) {
        let Some(fact) = self.held.get(&**uid).map(|held| &held.fact) else { return };
        if let Some(owner) = owner_uid(fact) {
            self.owned.remove(&owner, uid);
        }
        if let Fact::Pod(pod) = fact {
            self.placed.remove(&pod.meta.namespace, uid);
        }
        if let Some(named) = self.named.get_mut(&fact.kind()) {
            let place = (fact.meta().namespace.clone(), fact.meta().name.clone());
            if named.get(&place) == Some(uid) {
                named.remove(&place);
            }
        }
    }

    /// The scope of an object, or of the pods that name it as their owner before it is known.
    fn scope_of_uid(&self, uid: &str) -> Option<ObjectRef> {
        let known = self.held.get(uid).map(|held| &held.fact);
        let fact = known.or_else(|| self.owned_by(uid).find(|fact| fact.kind() != Kind::Event))?;
        Some(self.scope_of(fact))
    }

    /// The object that a person would fix: pods lead to the owner of their ReplicaSet or Job, EndpointSlices to their
    /// Service, Events to the scope of what they are about. A pod of the kubelet (owner Node) is its own scope, and so is
    /// what names an owner that is not its own.
    pub fn scope_of(&self, fact: &Fact) -> ObjectRef {
        let owner = match fact {
            Fact::Event(event) => {
                return match self.held.get(&*event.about.uid).map(|held| &held.fact) {
                    None | Some(Fact::Event(_)) => event.about.object(),
                    Some(known) => self.scope_of(known),
                };
            }
            Fact::Pod(_) | Fact::ReplicaSet(_) | Fact::Job(_) | Fact::EndpointSlice(_) => {
                let owner = fact.meta().owner.as_deref();
                owner.filter(|owner| owner.kind != Kind::Node && may_own(fact, owner))
            }
            Fact::Deployment(_)
            | Fact::StatefulSet(_)
            | Fact::DaemonSet(_)
            | Fact::CronJob(_)
            | Fact::HorizontalPodAutoscaler(_)
            | Fact::PodDisruptionBudget(_)
            | Fact::PersistentVolumeClaim(_)
            | Fact::StorageClass(_)
            | Fact::ResourceQuota(_)
            | Fact::Service(_)
            | Fact::Ingress(_)
            | Fact::Namespace(_)
            | Fact::ValidatingWebhookConfiguration(_)
            | Fact::MutatingWebhookConfiguration(_)
            | Fact::APIService(_)
            | Fact::Node(_) => None,
        };
        let Some(owner) = owner else { return fact.object() };
        let known = self.held.get(&*owner.uid).map(|held| &held.fact);
        if known.is_some_and(|known| !is_own(fact, known)) {
            return fact.object();
        }
        let leads_on = matches!(known, Some(Fact::ReplicaSet(_) | Fact::Job(_))) && fact.kind() == Kind::Pod;
        match known.filter(|_| leads_on) {
            Some(known) => self.scope_of(known),
            None => fact.meta().owner_ref().unwrap_or_else(|| fact.object()),
        }
    }

    /// Every scope there is, sorted: for the first look and for sweeps.
    pub fn scopes(&self) -> Vec<ObjectRef> {
        let facts = self.held.iter().map(|held| &held.fact).filter(|fact| fact.kind() != Kind::Event);
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
        self.held.get(&*self.find(object)?).map(|held| &held.fact)
    }

    /// When the view first held this uid: stands in where an object has no time of its own.
    pub fn first_seen(&self, uid: &str) -> Option<Timestamp> {
        self.held.get(uid).map(|held| held.first_seen)
    }

    /// When the view saw this uid become another than it was at first; `None` when it never did.
    pub fn changed(&self, uid: &str) -> Option<Timestamp> {
        self.held.get(uid).and_then(|held| held.changed)
    }

    /// When the object of this name went, if it was seen and is not back.
    pub fn gone_at(&self, kind: Kind, namespace: &str, name: &str) -> Option<Timestamp> {
        self.gone.get(&(kind, (namespace.into(), name.into()))).copied()
    }

    /// The last pods of an owner that went, the latest last: of a name that comes back the next pod tells nothing of the
    /// one before.
    pub fn departed(&self, owner: &str) -> impl Iterator<Item = &PodFacts> {
        self.departed.of(owner)
    }

    /// When one of these kinds last went from a namespace and did not come back.
    pub fn last_gone(&self, kinds: &[Kind], namespace: &str) -> Option<Timestamp> {
        let of = |kind: &Kind| {
            let from = (kind.clone(), (Arc::from(namespace), Arc::default()));
            let here = self.gone.range(from..);
            let here = here.take_while(|((gone, (place, _)), _)| *gone == *kind && **place == *namespace);
            here.map(|(_, at)| *at).max()
        };
        kinds.iter().filter_map(of).max()
    }

    /// A Deployment.
    pub fn deployment(&self, object: &ObjectRef) -> Option<&DeploymentFacts> {
        self.facts(object)
    }

    /// A Node, by name.
    pub fn node(&self, name: &str) -> Option<&NodeFacts> {
        self.by_name("", name)
    }

    fn replica_set(&self, uid: &str) -> Option<&ReplicaSetFacts> {
        ReplicaSetFacts::of(&self.held.get(uid)?.fact)
    }

    /// ReplicaSets of a scope, the newest first: by revision, then by age.
    pub fn replica_sets_of(&self, scope: &ObjectRef) -> Vec<&ReplicaSetFacts> {
        let Some(uid) = self.uid_of(scope) else { return Vec::new() };
        let own = self.replica_set(&uid).filter(|set| set.meta.owner.is_none());
        let owned = self.owned_by(&uid).filter_map(ReplicaSetFacts::of);
        let mut all: Vec<&ReplicaSetFacts> = own.into_iter().chain(owned).collect();
        all.sort_by(|a, b| {
            let key =
                |s: &ReplicaSetFacts| (s.meta.annotations.revision, s.meta.created, s.meta.name.clone());
            key(b).cmp(&key(a))
        });
        all
    }

    /// Pods of a scope by name. Empty for a ReplicaSet or a Job that has an owner: its pods belong to that scope.
    pub fn pods_of(&self, scope: &ObjectRef) -> Vec<&PodFacts> {
        let Some(uid) = self.uid_of(scope) else { return Vec::new() };
        let held = self.held.get(&*uid).map(|held| &held.fact);
        let own = held.filter(|fact| fact.kind() == Kind::Pod && self.scope_of(fact) == *scope);
        let led = match held {
            Some(Fact::ReplicaSet(_) | Fact::Job(_)) => held.is_some_and(|fact| fact.meta().owner.is_some()),
            _ => scope.kind == Kind::Node,
        };
        let owned: Vec<&Fact> = if led { Vec::new() } else { self.owned_by(&uid).collect() };
        let below = owned
            .iter()
            .filter(|fact| matches!(fact, Fact::ReplicaSet(_) | Fact::Job(_)))
            .flat_map(|fact| self.owned_by(&fact.meta().uid));
        let all = own.into_iter().chain(owned.iter().copied()).chain(below);
        let mut all: Vec<&PodFacts> = all.filter_map(PodFacts::of).collect();
        all.sort_by(|a, b| (&a.meta.name, &a.meta.uid).cmp(&(&b.meta.name, &b.meta.uid)));
        all
    }

    /// Pods of one ReplicaSet, by uid.
    pub fn pods_of_set<'a>(&'a self, set: &ReplicaSetFacts) -> impl Iterator<Item = &'a PodFacts> + use<'a> {
        self.owned_by(&set.meta.uid).filter_map(PodFacts::of)
    }

    /// Events about one object, by uid.
    pub fn events_about<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a EventFacts> + use<'a> {
        self.owned_by(uid)
            .filter_map(|fact| if let Fact::Event(event) = fact { Some(&**event) } else { None })
    }

    /// What this object controls, Events about it among them. Who names it as owner and cannot be its own is left out.
    pub fn owned_by<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Fact> + use<'a> {
        let owner = self.held.get(uid).map(|held| &held.fact);
        let facts = self.owned.of(uid).filter_map(|uid| self.held.get(&**uid)).map(|held| &held.fact);
        facts.filter(move |fact| {
            // A Node that is not held is no owner to be looked for: it is filed by its name.
            let may = || {
                let named = fact.meta().owner.as_deref();
                named.is_none_or(|named| named.kind == Kind::Node || may_own(fact, named))
            };
            owner.map_or_else(may, |owner| is_own(fact, owner))
        })
    }

    /// Every object of a kind that is asked for by name (not pods, ReplicaSets, Events), in one namespace or, for an
    /// empty text, everywhere; by namespace and name.
    pub fn all<'a, T: Facts + 'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let named = self.named.get(&T::KIND).into_iter();
        let from = (Arc::<str>::from(namespace), Arc::<str>::default());
        let places = named.flat_map(move |named| named.range(from.clone()..));
        let places = places.take_while(move |((place, _), _)| namespace.is_empty() || **place == *namespace);
        places.filter_map(|(_, uid)| self.held.get(&**uid)).filter_map(|held| T::of(&held.fact))
    }

    /// The facts of an object of a known kind, by uid; by name when it has none.
    pub fn facts<T: Facts>(&self, object: &ObjectRef) -> Option<&T> {
        self.get(object).and_then(T::of)
    }

    /// The facts of the object of this name.
    pub fn by_name<T: Facts>(&self, namespace: &str, name: &str) -> Option<&T> {
        self.facts(&ObjectRef::new(T::KIND, namespace, name, ""))
    }

    /// Every pod, in no useful order: for questions that no owner answers, as of selectors.
    pub fn pods(&self) -> impl Iterator<Item = &PodFacts> {
        self.held.iter().filter_map(|held| PodFacts::of(&held.fact))
    }

    /// Every pod of a namespace, in no useful order.
    pub fn pods_in<'a>(&'a self, namespace: &str) -> impl Iterator<Item = &'a PodFacts> + use<'a> {
        let here = self.placed.of(namespace).filter_map(|uid| self.held.get(&**uid));
        here.filter_map(|held| PodFacts::of(&held.fact))
    }

    /// Every ReplicaSet of a namespace, in no useful order.
    pub fn replica_sets<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a ReplicaSetFacts> {
        let all = self.held.iter().filter_map(|held| ReplicaSetFacts::of(&held.fact));
        all.filter(move |set| &*set.meta.namespace == namespace)
    }

    /// The uid under which an object, or what it owns, is filed.
    fn uid_of(&self, object: &ObjectRef) -> Option<Arc<str>> {
        if object.uid.is_empty() { self.find(object) } else { Some(object.uid.as_str().into()) }
    }

    /// The uid of an object that is held.
    fn find(&self, object: &ObjectRef) -> Option<Arc<str>> {
        if let Some(held) = self.held.get(object.uid.as_str()) {
            return (held.fact.kind() == object.kind).then(|| held.uid().clone());
        }
        let same = |fact: &Fact| {
            let meta = fact.meta();
            *meta.name == *object.name && *meta.namespace == *object.namespace && fact.kind() == object.kind
        };
        if !object.uid.is_empty() {
            return None;
        }
        if matches!(object.kind, Kind::Pod | Kind::ReplicaSet | Kind::Event) {
            return self.held.iter().find(|held| same(&held.fact)).map(|held| held.uid().clone());
        }
        let place = (object.namespace.as_str().into(), object.name.as_str().into());
        self.named.get(&object.kind)?.get(&place).cloned()
    }
}

fn owner_uid(fact: &Fact) -> Option<Arc<str>> {
    let uid = if let Fact::Event(event) = fact {
        event.about.uid.clone()
    } else {
        fact.meta().owner.as_ref()?.uid.clone()
    };
    (!uid.is_empty()).then_some(uid)
}

fn is_named(fact: &Fact) -> bool {
    !matches!(fact, Fact::Pod(_) | Fact::ReplicaSet(_) | Fact::Event(_))
}

/// Whether it is known for a while that it went: there are too many pods and Events for that.
fn is_remembered(fact: &Fact) -> bool {
    !matches!(fact, Fact::Pod(_) | Fact::Event(_))
}

/// Groups that have kinds of their own under the names of built-in ones.
const NAMESAKES: &[&str] = &["apps.kruise.io", "batch.volcano.sh"];

/// Whether an owner that is named can be one, from the names alone: nothing else can be asked about a kind that is not
/// watched, and nobody removes a reference to a kind that does not exist. Pods are made by controllers that make pods, and
/// bear their owner's name in front. A foreign kind under the name of a built-in one poses as it, but for a few that do exist.
fn may_own(fact: &Fact, owner: &Owner) -> bool {
    let foreign = match owner.kind.as_str().split_once('.') {
        Some((word, group)) if is_built_in(word) && !NAMESAKES.contains(&group) => return false,
        Some(_) => true,
        None => !is_built_in(owner.kind.as_str()),
    };
    // A generated name has room for this much of its front.
    let named = fact.meta().name.starts_with(owner.name.get(..GENERATED).unwrap_or(&owner.name));
    let makes = |kinds: &[Kind]| foreign || kinds.contains(&owner.kind);
    match fact {
        Fact::Pod(_) => named && makes(&[Kind::ReplicaSet, Kind::StatefulSet, Kind::DaemonSet, Kind::Job]),
        Fact::ReplicaSet(_) => named && makes(&[Kind::Deployment]),
        Fact::Job(_) => makes(&[Kind::CronJob]),
        Fact::Deployment(_)
        | Fact::StatefulSet(_)
        | Fact::DaemonSet(_)
        | Fact::CronJob(_)
        | Fact::HorizontalPodAutoscaler(_)
        | Fact::PodDisruptionBudget(_)
        | Fact::PersistentVolumeClaim(_)
        | Fact::StorageClass(_)
        | Fact::ResourceQuota(_)
        | Fact::Service(_)
        | Fact::EndpointSlice(_)
        | Fact::Ingress(_)
        | Fact::Namespace(_)
        | Fact::ValidatingWebhookConfiguration(_)
        | Fact::MutatingWebhookConfiguration(_)
        | Fact::APIService(_)
        | Fact::Node(_)
        | Fact::Event(_) => true,
    }
}

fn is_built_in(kind: &str) -> bool {
    !matches!(Kind::parse(kind), Kind::Other(_))
}

/// Characters that the API server keeps of the front of a generated name.
const GENERATED: usize = 48;

/// Whether an object may be the owner's: whoever may write an object writes its ownerReferences too, so kind, name,
/// namespace and, below a ReplicaSet, the template's hash must fit.
fn is_own(fact: &Fact, owner: &Fact) -> bool {
    let (meta, of) = (fact.meta(), owner.meta());
    if fact.kind() == Kind::Event {
        return true; // filed by the uid that it is about
    }
    let Some(named) = meta.owner.as_deref() else { return false };
    let hash = owner.kind() != Kind::ReplicaSet || meta.labels.template_hash == of.labels.template_hash;
    let around = of.namespace.is_empty() || meta.namespace == of.namespace;
    let fits = named.kind == Kind::Node || may_own(fact, named);
    named.kind == owner.kind() && named.name == of.name && around && hash && fits
}

mod departed;
mod filled;
mod groups;
mod related;
#[cfg(test)]
mod tests;
