//! May this person ask for this now? Judged at the door before anything is recorded, so that a refusal is an answer and
//! not an incident. What needs the cluster (does the revision exist, may it come back) is the plan's to say.

use crate::evidence::segment;
use crate::guards;
use crate::rules::Rules;
use nightshift_model::registry::{PersonKind, Power};
use nightshift_model::vote::STATEMENT_LASTS;
use nightshift_model::{
    Action, Incident, IncidentEvent, IncidentId, PersonId, Phase, Plan, ProposalId, Registry, Timestamp,
    Wanted, Wish,
};

/// Where a wish goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    /// A new incident says that a person asked.
    Opens(IncidentId),
    /// The open incident of the workload takes it.
    Joins(IncidentId),
    /// It was taken before: the same words of the same person, of the same moment.
    Taken(IncidentId),
}

/// Why nothing is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// A service identity.
    #[error("a service identity asks for nothing")]
    Service,
    /// No role here.
    #[error("{0} has no role that may ask in namespace {1}")]
    NoRole(PersonId, String),
    /// No name that Kubernetes gives, or no workload that it can be done to.
    #[error(
        "`{0}` is not the name of a Deployment, StatefulSet or DaemonSet in a namespace, or of a pod of one"
    )]
    BadName(String),
    /// No reason was given.
    #[error("no reason was given: whoever approves it must be able to read why")]
    NoReason,
    /// Signed too long ago, or by a clock that is wrong.
    #[error("it was signed more than five minutes before or after this clock's time")]
    Stale,
    /// A proposal for the same workload is open or being carried out.
    #[error("proposal {0} waits for this workload already, or is being carried out: it comes first")]
    Waits(ProposalId),
    /// nightshift is about to propose something itself.
    #[error("nightshift is about to propose something for this workload itself ({0}): look at that first")]
    Drafted(IncidentId),
    /// Somebody asked for something else already.
    #[error("{0} has asked for something for this workload already, and there is no answer yet ({1})")]
    Asked(PersonId, IncidentId),
    /// Guards: every reason, whoever approves.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
}

impl NotAsked {
    /// The reason as problem and metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::NoRole(..) => "no-role",
            Self::BadName(_) => "bad-name",
            Self::NoReason => "no-reason",
            Self::Stale => "stale-statement",
            Self::Waits(_) => "proposal-waits",
            Self::Drafted(_) => "drafted",
            Self::Asked(..) => "asked-already",
            Self::Refused(_) => "refused",
        }
    }
}

/// Whether a person may ask in a namespace at all: whoever may approve there.
///
/// # Errors
/// [`NotAsked::Service`] or [`NotAsked::NoRole`].
pub fn may(registry: &Registry, name: &PersonId, namespace: &str) -> Result<(), NotAsked> {
    let no_role = || NotAsked::NoRole(name.clone(), namespace.to_owned());
    let person = registry.person(name).ok_or_else(no_role)?;
    match person.kind {
        PersonKind::Service => Err(NotAsked::Service),
        PersonKind::Person if registry.may(person, Power::Approve, namespace) => Ok(()),
        PersonKind::Person => Err(no_role()),
    }
}

/// Judges a wish. `known` are the incidents of the workload, open or closed lately.
///
/// # Errors
/// [`NotAsked`]: nothing is recorded then.
pub fn judge(known: &[Incident], wish: &Wish, rules: &Rules, now: Timestamp) -> Result<Asking, NotAsked> {
    let target = &wish.target;
    may(&rules.registry, &wish.person, &target.namespace)?;
    let pod = match &wish.wanted {
        Wanted::DeletePod { pod } => segment(pod),
        Wanted::RollbackTo { .. }
        | Wanted::RollbackToSet { .. }
        | Wanted::MemoryBack { .. }
        | Wanted::Restart => true,
    };
    let named = segment(&target.namespace) && segment(&target.name) && !target.namespace.contains('.') && pod;
    if wish.action().is_none() || !named {
        let name = if pod { target.to_string() } else { wish.sentence() };
        return Err(NotAsked::BadName(crate::text::visible(&name, 300)));
    }
    if wish.because.trim().is_empty() {
        return Err(NotAsked::NoReason);
    }
    if now.since(wish.at).max(wish.at.since(now)) > STATEMENT_LASTS {
        return Err(NotAsked::Stale);
    }
    let here = || known.iter().filter(|i| i.scope.same_name(target));
    let same = |w: &Wish| (&w.person, w.at, &w.wanted) == (&wish.person, wish.at, &wish.wanted);
    if let Some(taken) = here().find(|i| i.id == wish.incident() || i.wish.as_ref().is_some_and(same)) {
        return Ok(Asking::Taken(taken.id.clone()));
    }
    let refusals = guards::asked(wish, rules, now);
    if !refusals.is_empty() {
        return Err(NotAsked::Refused(refusals));
    }
    let mut joins: Option<&Incident> = None;
    for open in here().filter(|i| !matches!(i.phase, Phase::Closed { .. })) {
        if let Some(proposal) = open.phase.proposal() {
            return Err(NotAsked::Waits(proposal.id().clone()));
        }
        if let Some(other) = open.wished() {
            return Err(NotAsked::Asked(other.person.clone(), open.id.clone()));
        }
        if matches!(open.phase, Phase::Drafted { .. }) {
            return Err(NotAsked::Drafted(open.id.clone()));
        }
        let order = |i: &Incident| (!i.findings.is_empty(), i.opened_at);
        if joins.is_none_or(|best| order(open) > order(best)) {
            joins = Some(open);
        }
    }
    Ok(joins.map_or_else(|| Asking::Opens(wish.incident()), |i| Asking::Joins(i.id.clone())))
}

/// The wish to take a finished write back: what stood before returns, as what it was and not by its number.
///
/// `None` while the write has not taken effect, or while it is still being carried out or proven.
pub fn inverse(
    incident: &Incident,
    plan: &Plan,
    person: &PersonId,
    because: &str,
    now: Timestamp,
) -> Option<Wish> {
    let written = incident.proposals.iter().any(|p| p.id == plan.proposal && p.written_at.is_some());
    let under_way = incident.phase.proposal().is_some_and(|p| *p.id() == plan.proposal);
    let back = plan.inverse.action.as_ref()?;
    let wanted = match back {
        Action::RollbackDaemonSet { to, .. }
        | Action::RollbackDeployment { to, .. }
        | Action::RollbackStatefulSet { to, .. } => {
            Wanted::RollbackToSet { replica_set: to.replica_set.clone(), revision: to.number }
        }
        Action::RaiseMemoryLimit { memory, .. } => Wanted::MemoryBack { memory: memory.clone() },
        // They are the inverse of nothing.
        Action::DeletePod { .. } | Action::ReRunJob { .. } => return None,
        Action::Restart { .. } => Wanted::Restart,
    };
    (written && !under_way).then(|| Wish {
        person: person.clone(),
        target: back.target().clone(),
        wanted,
        because: because.to_owned(),
        at: now,
        undoes: Some(plan.proposal.clone()),
    })
}

/// The events of a wish that was let in.
pub fn events(asking: &Asking, wish: &Wish) -> Vec<IncidentEvent> {
    let wished = IncidentEvent::Wished { wish: wish.clone() };
    match asking {
        Asking::Opens(_) => {
            // Whatever is seen or told of the same object later joins it.
            let cause = crate::correlate::alerts::cause_of(&wish.target, "");
            vec![IncidentEvent::Opened { scope: wish.target.clone(), cause }, wished]
        }
        Asking::Joins(_) => vec![wished],
        Asking::Taken(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
