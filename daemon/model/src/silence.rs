//! Silences: for a while nobody is told. Nothing else changes: what is wrong is still seen, explained and proposed.

use crate::finding::Reason;
use crate::history::Actor;
use crate::ids::SilenceId;
use crate::incident::Incident;
use crate::object::{Kind, ObjectRef};
use crate::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest silence: what is quiet for longer belongs into `ignore` or into a fix.
pub const LONGEST: Seconds = Seconds(30 * 86_400);
/// Silences in force at a time.
pub const MOST: usize = 500;
/// What may be written as its reason, in characters.
pub const BECAUSE: usize = 500;

/// Nobody is told of some incidents until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// Of what.
    pub of: Selector,
    /// From then on.
    pub from: Timestamp,
    /// Until then, which is not part of it. There is always an end.
    pub until: Timestamp,
    /// Why.
    pub because: String,
    /// Who.
    pub by: Actor,
    /// Where it is kept.
    #[serde(default, skip_serializing_if = "Source::is_here")]
    pub source: Source,
}

/// Where a silence is kept, and so where it is ended or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// In the history alone.
    #[default]
    Here,
    /// In an annotation of the object that it is about.
    Annotation,
}

impl Source {
    #[expect(clippy::trivially_copy_pass_by_ref)] // serde's signature
    fn is_here(&self) -> bool {
        *self == Self::Here
    }
}

/// What a silence is about: exact names, never patterns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selector {
    /// Everything in a namespace.
    Namespace(String),
    /// One workload, whatever its kind.
    Workload {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// One workload, and none of another kind that has its name.
    Object {
        /// Its kind.
        kind: Kind,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// One kind of fault, everywhere.
    Reason(Reason),
}

/// Why a silence is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSilence {
    /// It would be over at once.
    #[error("a silence must end after it began")]
    NoTime,
    /// It would never be heard again.
    #[error("a silence lasts 30 days at most")]
    TooLong,
    /// Nobody could say in a week why it is quiet.
    #[error("a silence needs a reason, of 500 characters at most")]
    NoReason,
    /// No object can have this name.
    #[error("a silence names a namespace or NAMESPACE/NAME exactly: lower-case letters, digits, `-` and `.`")]
    BadName,
}

impl Silence {
    /// A silence that keeps the rules.
    ///
    /// # Errors
    /// [`BadSilence`] says which it does not.
    pub fn new(
        of: Selector,
        from: Timestamp,
        until: Timestamp,
        because: &str,
        by: Actor,
    ) -> Result<Self, BadSilence> {
        if until <= from {
            return Err(BadSilence::NoTime);
        }
        if until.since(from) > LONGEST {
            return Err(BadSilence::TooLong);
        }
        let because = because.trim().to_owned();
        if because.is_empty() || because.chars().count() > BECAUSE {
            return Err(BadSilence::NoReason);
        }
        let named = match &of {
            Selector::Namespace(namespace) => is_name(namespace),
            Selector::Workload { namespace, name } | Selector::Object { namespace, name, .. } => {
                is_name(namespace) && is_name(name)
            }
            Selector::Reason(_) => true,
        };
        if !named {
            return Err(BadSilence::BadName);
        }
        let id = SilenceId::of(&format!("{of} {from} {until} {by}"));
        Ok(Self { id, of, from, until, because, by, source: Source::Here })
    }

    /// A silence that an annotation of its object asks for. Its id is the same whenever it is read.
    ///
    /// # Errors
    /// [`BadSilence`] says which rule it does not keep.
    pub fn annotated(
        object: &ObjectRef,
        from: Timestamp,
        until: Timestamp,
        because: &str,
        by: Actor,
    ) -> Result<Self, BadSilence> {
        let silence = Self::new(Selector::object(object), from, until, because, by)?;
        let id = SilenceId::of(&format!("{} {until} annotation", silence.of));
        Ok(Self { id, source: Source::Annotation, ..silence })
    }

    /// Whether it holds for an incident at an instant.
    pub fn covers(&self, incident: &Incident, now: Timestamp) -> bool {
        self.from <= now && now < self.until && self.of.covers(incident)
    }
}

impl Selector {
    /// All of a namespace, or one object.
    pub fn object(object: &ObjectRef) -> Self {
        if object.kind == Kind::Namespace {
            return Self::Namespace(object.name.clone());
        }
        let (kind, namespace, name) = (object.kind.clone(), object.namespace.clone(), object.name.clone());
        Self::Object { kind, namespace, name }
    }

    /// Whether an object is meant, whatever is wrong with it. A namespace is part of itself.
    pub fn holds(&self, scope: &ObjectRef) -> bool {
        match self {
            Self::Namespace(namespace) => scope.owned_in() == namespace,
            Self::Workload { namespace, name } => scope.namespace == *namespace && scope.name == *name,
            Self::Object { kind, namespace, name } => {
                (&scope.kind, &scope.namespace, &scope.name) == (kind, namespace, name)
            }
            Self::Reason(_) => false,
        }
    }

    /// Whether an incident is meant.
    pub fn covers(&self, incident: &Incident) -> bool {
        match self {
            Self::Namespace(_) | Self::Workload { .. } | Self::Object { .. } => self.holds(&incident.scope),
            Self::Reason(reason) => incident.symptom.as_ref().is_some_and(|f| f.reason == *reason),
        }
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Namespace(namespace) => write!(f, "namespace {namespace}"),
            Self::Workload { namespace, name } => write!(f, "workload {namespace}/{name}"),
            Self::Object { kind, namespace, name } => write!(f, "{kind} {namespace}/{name}"),
            Self::Reason(reason) => write!(f, "reason {reason}"),
        }
    }
}

/// Whether an object may have this name.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !text.is_empty() && text.len() <= 253 && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_has_an_end_a_reason_and_exact_names() {
        let at = Timestamp::from_second(1_772_323_200);
        let namespace = |name: &str| Selector::Namespace(name.to_owned());
        let make =
            |of, time: u64, because: &str| Silence::new(of, at, at + Seconds(time), because, Actor::Operator);
        let silence = make(namespace("shop"), 3600, " a migration ").unwrap();
        assert_eq!(silence.because, "a migration");
        assert_eq!((silence.id.as_str().len(), &silence.id.as_str()[..4]), (14, "sil-"));
        assert!(make(namespace("shop"), LONGEST.0, "x").is_ok());
        let workload = |namespace: &str, name: &str| Selector::Workload {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        for (of, time, because, wrong) in [
            (namespace("shop"), 0, "x", BadSilence::NoTime),
            (namespace("shop"), LONGEST.0 + 1, "x", BadSilence::TooLong),
            (namespace("shop"), 60, " ", BadSilence::NoReason),
            (namespace("shop"), 60, "x".repeat(501).as_str(), BadSilence::NoReason),
            (namespace("shop-*"), 60, "x", BadSilence::BadName),
            (namespace(""), 60, "x", BadSilence::BadName),
            (workload("shop", ".*|a"), 60, "x", BadSilence::BadName),
            (workload("", "cart"), 60, "x", BadSilence::BadName),
        ] {
            assert_eq!(make(of.clone(), time, because), Err(wrong), "{of}");
        }
    }
}
