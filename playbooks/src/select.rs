//! Which playbook a situation gets, and why not the others.

use crate::catalog::Catalog;
use crate::schema::{Plan, Playbook, WantedCause, When};
use nightshift_model::{ActionKind, Kind, Reason};
use std::fmt;

/// What brought a fault about, as far as evidence shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A rollout: an earlier revision was healthy, the newest is not.
    Rollout,
    /// A container was killed at its own memory limit, and no rollout brought that.
    MemoryLimit,
    /// One pod of several is broken by what it alone has.
    OnePod,
    /// Every pod was Ready and hangs, and no rollout brought that.
    Hang,
    /// Evidence names none.
    Unknown,
}

/// What a playbook is chosen by.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// The finding's reason.
    pub reason: Reason,
    /// The kind of the object that a person would fix.
    pub kind: Kind,
    /// What brought it about.
    pub cause: Cause,
}

/// The choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected<'a> {
    /// The playbook.
    pub playbook: &'a Playbook,
    /// All others with the reason, in the order in which they were tried.
    pub passed_over: Vec<(&'a str, WhyNot)>,
}

/// Why a playbook was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// It asks for another reason.
    OtherReason(Reason),
    /// It asks for another kind.
    OtherKind(Kind),
    /// It asks for a rollout as the cause.
    NoRollout,
    /// It asks for a memory limit as the cause.
    NoMemoryLimit,
    /// It asks for one broken pod among healthy siblings.
    NotOnePod,
    /// It asks for pods that hang.
    NoHang,
    /// It fits, but the chosen one asks for more or comes first by name.
    LessSpecific,
}

impl WhyNot {
    /// The reason as a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OtherReason(_) => "other-reason",
            Self::OtherKind(_) => "other-kind",
            Self::NoRollout => "no-rollout",
            Self::NoMemoryLimit => "no-memory-limit",
            Self::NotOnePod => "not-one-pod",
            Self::NoHang => "no-hang",
            Self::LessSpecific => "less-specific",
        }
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherReason(reason) => write!(f, "it is for {reason}"),
            Self::OtherKind(kind) => write!(f, "it is for a {kind}"),
            Self::NoRollout => {
                f.write_str("it is for faults that a rollout brought, and evidence shows none")
            }
            Self::NoMemoryLimit => {
                f.write_str("it is for containers that their memory limit ends, and evidence shows none")
            }
            Self::NotOnePod => f.write_str(
                "it is for one pod that is broken by itself among healthy ones, and evidence shows none",
            ),
            Self::NoHang => {
                f.write_str("it is for workloads of which every pod hangs, and evidence shows none")
            }
            Self::LessSpecific => f.write_str("it fits too, but is less specific"),
        }
    }
}

impl When {
    /// How much it asks: the more, the more specific.
    pub(crate) fn asks(&self) -> u8 {
        u8::from(self.reason.is_some())
            + u8::from(self.kind.is_some())
            + u8::from(self.cause != WantedCause::Any)
    }

    fn refuses(&self, s: &Situation) -> Option<WhyNot> {
        if let Some(reason) = self.reason.filter(|r| *r != s.reason) {
            return Some(WhyNot::OtherReason(reason));
        }
        if let Some(kind) = self.kind.as_ref().filter(|k| **k != s.kind) {
            return Some(WhyNot::OtherKind(kind.clone()));
        }
        match (self.cause, s.cause) {
            (WantedCause::Any, _)
            | (WantedCause::Rollout, Cause::Rollout)
            | (WantedCause::MemoryLimit, Cause::MemoryLimit)
            | (WantedCause::OnePod, Cause::OnePod)
            | (WantedCause::Hang, Cause::Hang) => None,
            (WantedCause::Rollout, Cause::MemoryLimit | Cause::OnePod | Cause::Hang | Cause::Unknown) => {
                Some(WhyNot::NoRollout)
            }
            (WantedCause::MemoryLimit, Cause::Rollout | Cause::OnePod | Cause::Hang | Cause::Unknown) => {
                Some(WhyNot::NoMemoryLimit)
            }
            (WantedCause::OnePod, Cause::Rollout | Cause::MemoryLimit | Cause::Hang | Cause::Unknown) => {
                Some(WhyNot::NotOnePod)
            }
            (WantedCause::Hang, Cause::Rollout | Cause::MemoryLimit | Cause::OnePod | Cause::Unknown) => {
                Some(WhyNot::NoHang)
            }
        }
    }
}

/// The playbook that an action follows where a person asked for it and nothing is wrong: the most specific one.
pub fn for_action<'a>(catalog: &'a Catalog, action: ActionKind, of: &Kind) -> Option<&'a Playbook> {
    let plans = |p: &&Playbook| {
        let fits = p.when.kind.as_ref().is_none_or(|kind| kind == of);
        fits && matches!(&p.plan, Plan::Action(kind) if *kind == action)
    };
    catalog.iter().find(plans)
}

/// The most specific playbook that fits; of equals the first by name. There always is one.
pub fn select<'a>(catalog: &'a Catalog, situation: &Situation) -> Selected<'a> {
    let chosen = catalog
        .iter()
        .find(|playbook| playbook.when.refuses(situation).is_none())
        .unwrap_or_else(|| catalog.fallback());
    let others = catalog.iter().filter(|playbook| playbook.name != chosen.name);
    let passed_over = others
        .map(|p| (p.name.as_str(), p.when.refuses(situation).unwrap_or(WhyNot::LessSpecific)))
        .collect();
    Selected { playbook: chosen, passed_over }
}

#[cfg(test)]
mod tests;
