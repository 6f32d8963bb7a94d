//! Hard limits: what is refused whatever people approve. Checked before sealing and again before the write.

use crate::rules::{KillSwitch, Mode, Rules};
use crate::tally::decidable;
use nightshift_model::{
    ActionKind, Actor, Draft, Incident, ObjectRef, PersonId, Risk, Seconds, Timestamp, Wish, Withdrawal,
};

/// The answer of all guards together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing stands against it.
    Propose,
    /// Something does; every reason is a sentence.
    Refuse(Vec<String>),
}

type Guard = fn(&Case) -> Option<String>;

/// The guards, in the order in which their reasons are told.
static GUARDS: &[Guard] = &[
    mode,
    forbidden_namespace,
    disabled,
    kill_switch,
    asker,
    nobody_can_decide,
    quarantine,
    storm,
    cool_down,
    daily_limit,
    denied,
];

/// What a guard may look at.
struct Case<'a> {
    /// The workload that it is done to.
    target: &'a ObjectRef,
    action: ActionKind,
    risk: Risk,
    asked_by: Option<&'a PersonId>,
    wish: Option<&'a Wish>,
    /// `None` before there is one.
    incident: Option<&'a Incident>,
    rules: &'a Rules,
    now: Timestamp,
}

impl Case<'_> {
    fn namespace(&self) -> &str {
        &self.target.namespace
    }

    fn reasons(&self) -> Vec<String> {
        GUARDS.iter().filter_map(|guard| guard(self)).collect()
    }
}

/// Asks every guard about a draft.
pub fn decide(draft: &Draft, incident: &Incident, rules: &Rules, now: Timestamp) -> Decision {
    decided(&Case {
        target: draft.action.workload(),
        action: draft.action.kind(),
        risk: draft.risk,
        asked_by: incident.asked_by.as_ref(),
        wish: incident.wished(),
        incident: Some(incident),
        rules,
        now,
    })
}

fn decided(case: &Case) -> Decision {
    let reasons = case.reasons();
    if reasons.is_empty() { Decision::Propose } else { Decision::Refuse(reasons) }
}

/// What would refuse a person's wish whatever the cluster says: every reason, or none.
pub fn asked(wish: &Wish, rules: &Rules, now: Timestamp) -> Vec<String> {
    let Some(action) = wish.action() else {
        return vec![format!("nothing can do that to a {}", wish.target.kind)];
    };
    let case = Case {
        target: &wish.target,
        action,
        risk: action.risk(),
        asked_by: Some(&wish.person),
        wish: Some(wish),
        incident: None,
        rules,
        now,
    };
    case.reasons()
}

fn mode(case: &Case) -> Option<String> {
    match &case.rules.mode {
        Mode::Observe => Some("nightshift runs in mode observe".to_owned()),
        mode @ Mode::Approve { .. } => (!mode.writes_in(case.namespace()))
            .then(|| format!("namespace {} is not among those that nightshift may act in", case.namespace())),
    }
}

fn forbidden_namespace(case: &Case) -> Option<String> {
    let forbidden = &case.rules.registry.policy.forbidden_namespaces;
    let own = !case.rules.home.is_empty() && case.rules.home == case.namespace();
    (own || forbidden.iter().any(|n| n == case.namespace()))
        .then(|| format!("nightshift never writes in namespace {}", case.namespace()))
}

fn disabled(case: &Case) -> Option<String> {
    let off = case.rules.registry.policy.disabled_actions.contains(&case.action);
    off.then(|| format!("the policy switches {} off", case.action))
}

fn kill_switch(case: &Case) -> Option<String> {
    match case.rules.standing.held(case.namespace()) {
        KillSwitch::Clear => None,
        KillSwitch::Set { reason } if reason.starts_with("the executor is closed") => Some(reason),
        KillSwitch::Set { reason } => Some(format!("the kill switch is set: {reason}")),
    }
}

/// Whoever wished for it must be somebody who may, also when it is carried out.
fn asker(case: &Case) -> Option<String> {
    let wish = case.wish?;
    if case.asked_by != Some(&wish.person) {
        return Some(format!("{} is not who proposes what is in this plan", wish.person));
    }
    crate::asking::may(&case.rules.registry, &wish.person, case.namespace()).err().map(|why| why.to_string())
}

fn nobody_can_decide(case: &Case) -> Option<String> {
    decidable(&case.rules.registry, case.namespace(), case.risk, case.asked_by, case.now).err()
}

fn quarantine(case: &Case) -> Option<String> {
    crate::marks::holds(&case.rules.standing.quarantine, case.target)
}

fn storm(case: &Case) -> Option<String> {
    let nodes = case.rules.standing.nodes_not_ready;
    (nodes > 1).then(|| crate::nodes::storm(nodes))
}

fn cool_down(case: &Case) -> Option<String> {
    let pause = case.rules.registry.policy.cool_down;
    let last = executions_here(case).max()?;
    (case.now.since(last) < pause)
        .then(|| format!("the last write to this workload was at {last}, cool-down is {pause}"))
}

fn daily_limit(case: &Case) -> Option<String> {
    let limit = case.rules.registry.policy.executions_a_day;
    let day = executions_here(case).filter(|at| case.now.since(*at) < Seconds(86_400)).count();
    (u32::try_from(day).unwrap_or(u32::MAX) >= limit)
        .then(|| format!("{day} writes to this workload in 24 h, the limit is {limit}"))
}

/// Earlier writes to the same workload, not counting the incident's own running operation.
fn executions_here<'a>(case: &'a Case) -> impl Iterator<Item = Timestamp> + 'a {
    let mine =
        move |e: &&crate::rules::Execution| !(e.running && case.incident.is_some_and(|i| e.incident == i.id));
    let target = case.target;
    case.rules
        .standing
        .executions
        .iter()
        .filter(mine)
        .filter(move |e| e.workload.same_name(target))
        .map(|e| e.at)
}

fn denied(case: &Case) -> Option<String> {
    let incident = case.incident.filter(|_| case.asked_by.is_none())?;
    let within = case.rules.registry.policy.denied_for;
    let same = case.rules.standing.denials.iter().find(|d| {
        d.uid == case.target.uid
            && d.action == case.action
            && d.cause == incident.cause
            && case.now.since(d.at) < within
    })?;
    Some(format!("a person denied the same at {}; ask again to get a fresh proposal", same.at))
}

/// Whether the write must wait for others to finish: one at a time for a workload, few in the cluster.
pub fn must_wait(incident: &Incident, rules: &Rules) -> bool {
    let others: Vec<_> =
        rules.standing.executions.iter().filter(|e| e.running && e.incident != incident.id).collect();
    let target = incident.phase.proposal().map(|p| p.plan().action.workload());
    let same = others.iter().any(|e| target.is_some_and(|t| t.same_name(&e.workload)));
    let limit = usize::try_from(rules.registry.policy.concurrent).unwrap_or(usize::MAX);
    same || others.len() >= limit.max(1)
}

/// Whether the incident's proposals were replaced twice within an hour: the target does not stand still.
pub fn superseded_twice(incident: &Incident, now: Timestamp) -> bool {
    let replaced = incident.proposals.iter().filter(|p| {
        let gone = matches!(p.withdrawn, Some(Withdrawal::Superseded | Withdrawal::TargetChanged { .. }));
        gone && p.withdrawn_at.is_some_and(|at| now.since(at) < Seconds(3600))
    });
    replaced.count() >= 2
}

/// The limits that are checked again right before the claim, on the sealed plan.
pub fn recheck(
    plan: &nightshift_model::Plan,
    incident: &Incident,
    rules: &Rules,
    now: Timestamp,
) -> Decision {
    let asked_by = match &plan.proposer {
        Actor::Person(person) => Some(person),
        Actor::Nightshift(_) | Actor::Operator => None,
    };
    decided(&Case {
        target: plan.action.workload(),
        action: plan.action.kind(),
        risk: plan.risk,
        asked_by,
        wish: plan.wish.as_ref(),
        incident: Some(incident),
        rules,
        now,
    })
}

#[cfg(test)]
mod tests;
