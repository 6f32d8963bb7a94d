//! What became of a case, compared with what it expects. Pure.

use super::case::{Case, Expect, Failure};
use super::manifest::PLACE;
use nightshift_model::{Escalation, Incident, Phase, Timestamp};

/// An incident as far as a case speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The blamed object, as `deployment/app`.
    pub scope: String,
    /// Its namespace; empty for objects of the whole cluster.
    pub namespace: String,
    /// The reason of the first finding.
    pub reason: String,
    /// The reasons of further findings.
    pub further: Vec<String>,
    /// The first cause's word; empty when none is named.
    pub cause: String,
    /// Everything that it says of the cause.
    pub says: String,
    /// `escalate`, an action's name, or where it stands instead.
    pub action: String,
    /// When it opened.
    pub at: Timestamp,
}

impl Told {
    /// Reads an incident.
    pub fn of(incident: &Incident) -> Self {
        let findings =
            incident.findings.iter().chain(incident.symptom.iter().filter(|_| incident.findings.is_empty()));
        let mut reasons = findings.map(|f| f.reason.to_string());
        let first = incident.shows();
        let draft = if let Phase::Drafted { draft } = &incident.phase { Some(draft) } else { None };
        let mut says = first
            .and_then(|f| f.exit.as_ref())
            .map(|e| e.class.meaning().to_owned())
            .into_iter()
            .collect::<Vec<_>>();
        if let Some(first) = first {
            says.extend([first.cause.clause().to_owned(), first.detail.clone()]);
            says.extend(first.blames.as_ref().map(ToString::to_string));
        }
        says.extend(draft.map(|d| d.cause.clone()));
        let likeliest = incident.first_cause();
        if let Some(likeliest) = likeliest {
            says.push(likeliest.sentence());
            says.extend(likeliest.backing.iter().map(|ground| ground.text.clone()));
        }
        let cause = likeliest.map(|c| c.cause).or(first.map(|f| f.cause)).filter(|c| !c.is_unknown());
        let action = match &incident.phase {
            Phase::Drafted { draft } => draft.action.kind().to_string(),
            Phase::Escalated { why } => {
                says.extend(words(why));
                "escalate".to_owned()
            }
            phase @ (Phase::Investigating { .. }
            | Phase::Proposed { .. }
            | Phase::Granted { .. }
            | Phase::Executing { .. }
            | Phase::Verifying { .. }
            | Phase::Closed { .. }) => phase.word().to_lowercase(),
        };
        let reason = reasons.next().unwrap_or_default();
        // Without its group, as people write it.
        let kind = incident.scope.kind.as_str().split('.').next().unwrap_or_default().to_lowercase();
        let mut further: Vec<String> = reasons.filter(|r| *r != reason).collect();
        further.sort();
        further.dedup();
        Self {
            scope: format!("{kind}/{}", incident.scope.name),
            namespace: incident.scope.namespace.clone(),
            reason,
            further,
            cause: cause.map(|cause| cause.to_string()).unwrap_or_default(),
            says: says.join(" "),
            action,
            at: incident.opened_at,
        }
    }
}

fn words(why: &Escalation) -> Vec<String> {
    if let Escalation::NoPlan { reasons, handover } = why {
        reasons.iter().chain(handover).cloned().collect()
    } else {
        vec![format!("{why:?}")]
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.scope, self.reason)?;
        if !self.cause.is_empty() {
            write!(f, " ({})", self.cause)?;
        }
        if !self.further.is_empty() {
            write!(f, " +{}", self.further.join("+"))?;
        }
        write!(f, " -> {}", self.action)
    }
}

/// What was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// The namespace.
    pub namespace: String,
    /// When each step that changes something began.
    pub acts: Vec<Timestamp>,
    /// Why it could not be played to the end.
    pub broken: Option<String>,
    /// The incidents of the case, oldest first.
    pub incidents: Vec<Told>,
}

/// What is wrong with a case's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// The steps could not be played: the corpus or the lab is wrong, not nightshift.
    NotPlayed,
    /// No incident speaks of the failure.
    Missed,
    /// An incident that is none, or a second one for the same fault.
    FalseIncident,
    /// Another object is blamed.
    Scope,
    /// Another reason stands first.
    Reason,
    /// Another cause stands first.
    Cause,
    /// The cause's sentence lacks the text.
    Says,
    /// Another first action.
    Action,
    /// An action is proposed where none helps, or another one.
    WrongProposal,
}

impl Wrong {
    /// In the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotPlayed => "not played",
            Self::Missed => "missed",
            Self::FalseIncident => "false incident",
            Self::Scope => "wrong scope",
            Self::Reason => "wrong reason",
            Self::Cause => "wrong cause",
            Self::Says => "wrong words",
            Self::Action => "wrong action",
            Self::WrongProposal => "wrong proposal",
        }
    }
}

/// A case's outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the failure was seen; `None` for a disturbance.
    pub found: Option<bool>,
    /// How many incidents there were.
    pub incidents: usize,
    /// How many of them are of the failure.
    pub right: usize,
    /// Everything that is wrong, each once.
    pub wrong: Vec<Wrong>,
    /// Seconds from the change that brought the failure to the incident.
    pub seconds: Option<f64>,
}

/// Compares.
pub fn judge(case: &Case, played: &Played) -> Verdict {
    let mut wrong: Vec<Wrong> = played.broken.iter().map(|_| Wrong::NotPlayed).collect();
    let incidents = played.incidents.len();
    let proposes = |told: &Told| !["escalate", "investigating", "closed"].contains(&told.action.as_str());
    let Expect::Failure(failure) = &case.told.expect else {
        if incidents > 0 {
            wrong.push(Wrong::FalseIncident);
        }
        if played.incidents.iter().any(proposes) {
            wrong.push(Wrong::WrongProposal);
        }
        return Verdict { found: None, incidents, right: 0, wrong, seconds: None };
    };
    let right = |told: &Told| scope(failure, told, &played.namespace) || reason(failure, told);
    // The one that fits best stands for the failure; each further one is one too many.
    let best = played.incidents.iter().enumerate().max_by_key(|(at, told)| {
        let fits =
            usize::from(scope(failure, told, &played.namespace)) * 2 + usize::from(reason(failure, told));
        (fits, std::cmp::Reverse(*at))
    });
    let best = best.map(|(_, told)| told).filter(|told| right(told));
    let right = usize::from(best.is_some());
    if incidents > right {
        wrong.push(Wrong::FalseIncident);
    }
    let others = played.incidents.iter().filter(|told| best.is_none_or(|best| !std::ptr::eq(*told, best)));
    let mut wrong_proposal = others.into_iter().any(proposes);
    match best {
        None => wrong.push(Wrong::Missed),
        Some(told) => {
            let words = told.says.to_lowercase();
            let says = |text: &str| words.contains(&text.replace(PLACE, &played.namespace).to_lowercase());
            let checks = [
                (scope(failure, told, &played.namespace), Wrong::Scope),
                (reason(failure, told), Wrong::Reason),
                (
                    failure.cause.as_ref().is_none_or(|any| any.0.iter().any(|c| c.0 == told.cause)),
                    Wrong::Cause,
                ),
                (failure.says.as_ref().is_none_or(|text| says(&text.0)), Wrong::Says),
                (action(failure, told), Wrong::Action),
            ];
            wrong.extend(checks.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what));
            wrong_proposal |= proposes(told) && !action(failure, told);
        }
    }
    if wrong_proposal {
        wrong.push(Wrong::WrongProposal);
    }
    let seconds = best.and_then(|told| {
        let began = super::play::Play::began(&played.acts, told.at)?;
        Some(told.at.get().duration_since(began.get()).as_secs_f64().max(0.0))
    });
    Verdict { found: Some(best.is_some()), incidents, right, wrong, seconds }
}

fn scope(failure: &Failure, told: &Told, namespace: &str) -> bool {
    failure.scope.0.iter().any(|name| {
        let (kind, name) = name.parts();
        told.scope == format!("{}/{}", long(kind), name.replace(PLACE, namespace))
    })
}

/// The kind's whole name for what people abbreviate.
fn long(kind: &str) -> &str {
    let names = [
        ("pvc", "persistentvolumeclaim"),
        ("pv", "persistentvolume"),
        ("hpa", "horizontalpodautoscaler"),
        ("pdb", "poddisruptionbudget"),
        ("cm", "configmap"),
        ("sts", "statefulset"),
        ("ds", "daemonset"),
        ("svc", "service"),
        ("ns", "namespace"),
        ("quota", "resourcequota"),
    ];
    let kind = kind.split('.').next().unwrap_or_default();
    names.iter().find(|(short, _)| *short == kind).map_or(kind, |(_, long)| long)
}

fn reason(failure: &Failure, told: &Told) -> bool {
    failure.reason.0.iter().any(|reason| reason.0 == told.reason)
}

fn action(failure: &Failure, told: &Told) -> bool {
    failure.action.0.iter().any(|word| word.0 == told.action)
}

#[cfg(test)]
mod tests;
