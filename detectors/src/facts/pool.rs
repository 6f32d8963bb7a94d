//! One copy of what many facts share: namespaces, nodes, owners, images, labels, what a pod's template says.

use super::meta::{LabelSet, Labels, Owner};
use super::pod::Spec;
use std::collections::HashSet;
use std::hash::Hash;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A part that is the same in many facts: the view keeps one copy for all of them. Read like the part itself; who
/// changes it gets a copy of their own.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Shared<T>(Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(part: T) -> Self {
        Self(Arc::new(part))
    }
}

/// Something of which the pool holds a copy, and who else holds it.
trait Held: Clone + Eq + Hash {
    fn holders(&self) -> usize;
}

impl Held for Arc<str> {
    fn holders(&self) -> usize {
        Arc::strong_count(self)
    }
}

impl Held for LabelSet {
    fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl<T: Eq + Hash> Held for Shared<T> {
    fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// The copies of one kind of part. Those that nothing holds any more go when there are twice as many. They are found by
/// their hash: names of one cluster begin alike for long, and a tree that compares them took a fifth of a change's time.
#[derive(Debug)]
struct Copies<T> {
    known: HashSet<T>,
    after_sweep: usize,
}

impl<T> Default for Copies<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), after_sweep: 0 }
    }
}

impl<T: Held> Copies<T> {
    /// Replaces the part by the known copy of it, if there is one.
    fn replace(&self, part: &mut T) -> bool {
        let known = self.known.get(part);
        if let Some(known) = known {
            part.clone_from(known);
        }
        known.is_some()
    }

    fn add(&mut self, part: T) {
        if self.known.len() > 2 * self.after_sweep + 1024 {
            self.known.retain(|part| part.holders() > 1);
            self.after_sweep = self.known.len();
        }
        self.known.insert(part);
    }
}

/// Shared texts and parts. What nothing holds any more goes when the pool has doubled.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    texts: Copies<Arc<str>>,
    labels: Copies<LabelSet>,
    labelled: Copies<Shared<Labels>>,
    owners: Copies<Shared<Owner>>,
    specs: Copies<Shared<Spec>>,
}

impl Pool {
    /// Replaces the text by the pool's copy of it.
    pub(crate) fn share(&mut self, text: &mut Arc<str>) {
        if !self.texts.replace(text) {
            self.texts.add(text.clone());
        }
    }

    /// Replaces the set by the pool's copy of it.
    pub(crate) fn share_labels(&mut self, labels: &mut LabelSet) {
        if labels.is_empty() || self.labels.replace(labels) {
            return;
        }
        let mut own = labels.0.to_vec();
        for (key, value) in &mut own {
            self.share(key);
            self.share(value);
        }
        *labels = LabelSet(own.into());
        self.labels.add(labels.clone());
    }

    /// Replaces an object's labels by the pool's copy of them.
    pub(crate) fn share_labelled(&mut self, labels: &mut Shared<Labels>) {
        if self.labelled.replace(labels) {
            return;
        }
        let Labels { template_hash, revision_hash, service, all } = &mut **labels;
        for text in [template_hash, revision_hash, service] {
            self.share(text);
        }
        self.share_labels(all);
        self.labelled.add(labels.clone());
    }

    /// Replaces an owner by the pool's copy of it.
    pub(crate) fn share_owner(&mut self, owner: &mut Shared<Owner>) {
        if self.owners.replace(owner) {
            return;
        }
        let Owner { kind: _, name, uid } = &mut **owner;
        self.share(name);
        self.share(uid);
        self.owners.add(owner.clone());
    }

    /// Replaces what is fixed of a container by the pool's copy of it.
    pub(crate) fn share_spec(&mut self, spec: &mut Shared<Spec>) {
        if self.specs.replace(spec) {
            return;
        }
        let own = &mut **spec;
        for text in [&mut own.name, &mut own.image, &mut own.image_id] {
            self.share(text);
        }
        for (name, _) in &mut own.ports {
            self.share(name);
        }
        self.specs.add(spec.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_model::Kind;

    #[test]
    fn equal_texts_become_one_and_unused_ones_go() {
        let mut pool = Pool::default();
        let (mut a, mut b): (Arc<str>, Arc<str>) = ("shop".into(), "shop".into());
        pool.share(&mut a);
        pool.share(&mut b);
        assert!(Arc::ptr_eq(&a, &b));
        for i in 0..5000 {
            pool.share(&mut format!("passing {i}").into());
        }
        assert!(pool.texts.known.len() <= 1026, "{}", pool.texts.known.len());
        assert!(pool.texts.known.contains("shop"));
    }

    #[test]
    fn equal_parts_become_one_and_a_change_stays_with_its_owner() {
        let mut pool = Pool::default();
        let part = |uid: String| Shared::from(Owner { kind: Kind::Job, name: "job".into(), uid: uid.into() });
        let (mut a, mut b) = (part("1".into()), part("1".into()));
        pool.share_owner(&mut a);
        pool.share_owner(&mut b);
        assert!(Arc::ptr_eq(&a.0, &b.0));
        b.name = "other".into();
        assert_eq!((&*a.name, &*b.name), ("job", "other"));
        for i in 0..5000 {
            pool.share_owner(&mut part(format!("passing {i}")));
        }
        assert!(
            pool.owners.known.len() <= 1027 && pool.owners.known.contains(&a),
            "{}",
            pool.owners.known.len()
        );
    }
}
