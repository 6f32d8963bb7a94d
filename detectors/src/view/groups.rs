//! Uids by what they belong to: a list each, sorted. A tree of pairs would hold the name of the group once a member.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Which uids belong to an owner, or stand in a namespace.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<Arc<str>, Vec<Arc<str>>>);

impl Groups {
    /// Adds a member, which may be there.
    pub(super) fn add(&mut self, group: Arc<str>, uid: Arc<str>) {
        let members = self.0.entry(group).or_default();
        if let Err(place) = members.binary_search(&uid) {
            members.insert(place, uid);
        }
    }

    /// Takes a member out, which may not be there.
    pub(super) fn remove(&mut self, group: &str, uid: &str) {
        let Some(members) = self.0.get_mut(group) else { return };
        if let Ok(place) = members.binary_search_by(|member| (**member).cmp(uid)) {
            members.remove(place);
            if members.len() < members.capacity() / 4 {
                members.shrink_to(members.len() * 2);
            }
        }
        if members.is_empty() {
            self.0.remove(group);
        }
    }

    /// The members, in order.
    pub(super) fn of(&self, group: &str) -> impl Iterator<Item = &Arc<str>> + use<'_> {
        self.0.get(group).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_once_in_order_and_an_empty_group_goes() {
        let mut groups = Groups::default();
        for uid in ["c", "a", "b", "a"] {
            groups.add("shop".into(), uid.into());
        }
        groups.remove("shop", "x");
        groups.remove("none", "a");
        let members = |groups: &Groups| groups.of("shop").map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(members(&groups), ["a", "b", "c"]);
        groups.remove("shop", "b");
        assert_eq!(members(&groups), ["a", "c"]);
        for uid in ["a", "c"] {
            groups.remove("shop", uid);
        }
        assert!(groups.0.is_empty());
    }
}
