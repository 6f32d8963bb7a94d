//! One copy of each text that many facts share: namespaces, nodes, owners, images.

use super::meta::LabelSet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Shared texts. Texts that nothing holds any more go when the pool has doubled.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    texts: BTreeSet<Arc<str>>,
    after_sweep: usize,
    labels: BTreeSet<LabelSet>,
    labels_after_sweep: usize,
}

impl Pool {
    /// Replaces the text by the pool's copy of it.
    pub(crate) fn share(&mut self, text: &mut Arc<str>) {
        if let Some(known) = self.texts.get(text) {
            text.clone_from(known);
            return;
        }
        if self.texts.len() > 2 * self.after_sweep + 1024 {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.after_sweep = self.texts.len();
        }
        self.texts.insert(text.clone());
    }

    /// Replaces the set by the pool's copy of it.
    pub(crate) fn share_labels(&mut self, labels: &mut LabelSet) {
        if labels.is_empty() {
            return;
        }
        if let Some(known) = self.labels.get(labels) {
            labels.clone_from(known);
            return;
        }
        if self.labels.len() > 2 * self.labels_after_sweep + 1024 {
            self.labels.retain(|labels| Arc::strong_count(&labels.0) > 1);
            self.labels_after_sweep = self.labels.len();
        }
        let mut own = labels.0.to_vec();
        for (key, value) in &mut own {
            self.share(key);
            self.share(value);
        }
        *labels = LabelSet(own.into());
        self.labels.insert(labels.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(pool.texts.len() <= 1026, "{}", pool.texts.len());
        assert!(pool.texts.contains("shop"));
    }
}
