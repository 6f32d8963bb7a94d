//! What the configuration ignores: nothing opens there.

use crate::object::ObjectRef;
use crate::silence::{BECAUSE, Selector, is_name};
use serde::{Deserialize, Serialize};

/// Entries of the list.
pub const MOST_IGNORED: usize = 500;

/// A namespace, or one workload by kind and name, about which nightshift keeps quiet for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// What.
    pub of: Selector,
    /// Why.
    pub because: String,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore(pub Vec<Ignored>);

/// Why an entry is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIgnore {
    /// No object can have this name.
    #[error("write the exact name: lower-case letters, digits, `-` and `.`, no pattern")]
    BadName,
    /// Nobody could say in a year why it is quiet.
    #[error("an entry needs a reason, of 500 characters at most")]
    NoReason,
    /// Faults are ignored by where they are.
    #[error("only a namespace or one workload can be ignored")]
    NotAPlace,
}

impl Ignored {
    /// An entry that keeps the rules.
    ///
    /// # Errors
    /// [`BadIgnore`] says which it does not.
    pub fn new(of: Selector, because: &str) -> Result<Self, BadIgnore> {
        let because = because.trim().to_owned();
        if because.is_empty() || because.chars().count() > BECAUSE {
            return Err(BadIgnore::NoReason);
        }
        let named = match &of {
            Selector::Namespace(namespace) => is_name(namespace),
            Selector::Object { namespace, name, .. } => is_name(namespace) && is_name(name),
            Selector::Workload { .. } | Selector::Reason(_) => return Err(BadIgnore::NotAPlace),
        };
        if named { Ok(Self { of, because }) } else { Err(BadIgnore::BadName) }
    }
}

impl Ignore {
    /// The entry that holds an object, if there is one.
    pub fn of(&self, scope: &ObjectRef) -> Option<&Ignored> {
        self.0.iter().find(|entry| entry.of.holds(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Reason;
    use crate::object::Kind;

    fn cart(kind: Kind) -> ObjectRef {
        ObjectRef::new(kind, "shop", "cart", "u")
    }

    #[test]
    fn an_entry_has_exact_names_a_place_and_a_reason() {
        let namespace = |name: &str| Selector::Namespace(name.to_owned());
        assert_eq!(Ignored::new(namespace("shop"), " x ").unwrap().because, "x");
        for (of, because, wrong) in [
            (namespace("shop-*"), "x", BadIgnore::BadName),
            (namespace(""), "x", BadIgnore::BadName),
            (Selector::object(&ObjectRef::new(Kind::Job, "", "cart", "")), "x", BadIgnore::BadName),
            (namespace("shop"), " ", BadIgnore::NoReason),
            (namespace("shop"), "x".repeat(501).as_str(), BadIgnore::NoReason),
            (Selector::Reason(Reason::CrashLoopBackOff), "x", BadIgnore::NotAPlace),
        ] {
            assert_eq!(Ignored::new(of.clone(), because), Err(wrong), "{of}");
        }
    }

    #[test]
    fn one_kind_one_name_or_a_whole_namespace_with_itself() {
        let entry = |of| Ignored { of, because: "x".to_owned() };
        let one = Ignore(vec![entry(Selector::object(&cart(Kind::Deployment)))]);
        assert!(one.of(&cart(Kind::Deployment)).is_some());
        assert!(one.of(&cart(Kind::StatefulSet)).is_none(), "another kind of the same name");
        assert!(one.of(&ObjectRef::new(Kind::Deployment, "bank", "cart", "u")).is_none());
        let all = Ignore(vec![entry(Selector::Namespace("shop".to_owned()))]);
        assert!(all.of(&cart(Kind::StatefulSet)).is_some());
        assert!(all.of(&ObjectRef::new(Kind::Namespace, "", "shop", "u")).is_some());
        assert!(all.of(&ObjectRef::new(Kind::Node, "", "shop", "u")).is_none());
    }
}
