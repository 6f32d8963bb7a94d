//! Whether a write of the executor is one that was approved: asked by the API server, answered by the other identity.
//!
//! A pure read. It allows a preview of what the responder drafted itself, the mark of an operation that is under way, the one
//! request that was approved, and the Event that tells of it, and nothing else. Every doubt is a refusal.

use super::allowed::{COUNTERS, MOVING, Purpose, SYSTEM, allowed, words};
use super::asked::{Asked, Key, Operation};
use super::{Refusal, held};
use crate::actions;
use crate::difference::difference_digest;
use crate::guards::{Decision, decide};
use crate::next::void;
use crate::normal::{spec_digest, template_digest};
use crate::protocol::{mark_on, outranks};
use crate::rules::{KillSwitch, Rules};
use crate::tally::{Tally, tally};
use nightshift_model::operation::{Operation as Recorded, OperationState};
use nightshift_model::{
    Action, Epoch, Incident, LiveFacts, Mark, OpId, Phase, Plan, Proposal, ProposalId, Timestamp,
};
use serde_json::{Map, Value, json};

/// What the history says about whatever may stand behind a write.
pub struct Known<'a> {
    /// The incidents that [`concerns`] picked, folded from their events.
    pub incidents: &'a [Under],
    /// The rules in force.
    pub rules: &'a Rules,
    /// The executor's epoch.
    pub epoch: Epoch,
    /// Now.
    pub now: Timestamp,
}

/// An incident, and what its executor saw last before it wrote.
#[derive(Clone, Debug)]
pub struct Under {
    /// The incident.
    pub incident: Incident,
    /// The last recheck.
    pub rechecked: Option<LiveFacts>,
}

/// What a write was let through as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// A dry run of what was drafted or sealed.
    Preview,
    /// The mark before the write, or the one that bars a lost request.
    Claim,
    /// The one request.
    Act,
    /// The Event that tells of it.
    Event,
}

impl Because {
    /// Label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Claim => "claim",
            Self::Act => "act",
            Self::Event => "event",
        }
    }
}

/// By what the history is searched for what stands behind a write; `None` where nothing can.
pub fn key(asked: &Asked) -> Option<Key> {
    let uid = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).filter(|uid| !uid.is_empty()).map(str::to_owned)
    };
    if asked.operation == Operation::Delete {
        return uid(&asked.old, "/metadata/uid").map(Key::Target);
    }
    match mark_on(&asked.object) {
        Some(mark) => operation(mark).map(Key::Operation),
        None => uid(&asked.object, "/regarding/uid").map(Key::About),
    }
}

/// The operation that a mark names.
fn operation(mark: &str) -> Option<OpId> {
    match mark.strip_prefix("done:") {
        Some(op) => Some(OpId(op.to_owned())),
        None => Mark::parse(mark).ok().map(|mark| mark.op),
    }
}

/// Whether an incident may stand behind it.
pub fn concerns(key: &Key, incident: &Incident) -> bool {
    let Some((op, action)) = at_hand(incident) else { return false };
    match key {
        Key::Operation(wanted) => op == *wanted,
        Key::Target(uid) => action.target().uid == *uid,
        Key::About(uid) => action.workload().uid == *uid,
    }
}

/// The operation that an incident is about to have or has, with its action.
fn at_hand(incident: &Incident) -> Option<(OpId, &Action)> {
    if let Phase::Drafted { draft } = &incident.phase {
        let op = OpId::of(&ProposalId::of(&incident.id, incident.revision.0), 1);
        return Some((op, &draft.action));
    }
    incident.phase.proposal().map(|p| (p.plan().op.clone(), &p.plan().action))
}

/// The judgement.
///
/// # Errors
/// [`Refusal`]: the first reason that was found.
pub fn judge(asked: &Asked, known: &Known) -> Result<Because, Refusal> {
    let what = words(asked.operation, &asked.group, &asked.resource, &asked.subresource);
    let listed = allowed().into_iter().find(|one| one.words() == what);
    let Some(listed) = listed else { return Err(Refusal::NotListed { what }) };
    let home = &known.rules.home;
    let forbidden = asked.namespace.is_empty()
        || SYSTEM.contains(&asked.namespace.as_str())
        || *home == asked.namespace
        || known.rules.registry.policy.forbidden_namespaces.contains(&asked.namespace);
    if forbidden || !known.rules.mode.writes_in(&asked.namespace) {
        return Err(Refusal::Namespace { namespace: asked.namespace.clone() });
    }
    match (&listed.purpose, asked.operation) {
        (Purpose::Tell, _) => event(asked, known),
        (Purpose::Act { fields, .. }, Operation::Update) => {
            untouched(asked, fields)?;
            held::no_more(template(&asked.old), template(&asked.object))?;
            each(asked, known, update)
        }
        (Purpose::Act { .. }, Operation::Create) => each(asked, known, create),
        (Purpose::Act { .. }, Operation::Delete) => each(asked, known, delete),
        (Purpose::Act { .. }, Operation::Connect) => Err(Refusal::NotListed { what }),
    }
}

/// What a write says about one operation.
struct Case<'a> {
    asked: &'a Asked,
    known: &'a Known<'a>,
    under: &'a Under,
    op: OpId,
    action: &'a Action,
}

/// Asks each incident that may stand behind it; one suffices.
fn each(
    asked: &Asked,
    known: &Known,
    judge: impl Fn(&Case) -> Result<Because, Refusal>,
) -> Result<Because, Refusal> {
    let key = key(asked).ok_or(Refusal::NoMark)?;
    let what = match &key {
        Key::Operation(op) => op.to_string(),
        Key::Target(_) | Key::About(_) => format!("at {}", asked.name),
    };
    let mut answer = Err(Refusal::UnknownOperation { what });
    for under in known.incidents.iter().filter(|under| concerns(&key, &under.incident)) {
        let Some((op, action)) = at_hand(&under.incident) else { continue };
        answer = judge(&Case { asked, known, under, op, action });
        if answer.is_ok() {
            return answer;
        }
    }
    answer
}

fn update(case: &Case) -> Result<Because, Refusal> {
    let Case { asked, op, action, .. } = case;
    let target = action.target();
    let plural = target.kind.api().map(|(_, plural)| plural);
    let same = text(&asked.old, "/metadata/uid") == target.uid
        && (asked.namespace.as_str(), asked.name.as_str())
            == (target.namespace.as_str(), target.name.as_str())
        && plural == Some(asked.resource.as_str());
    if !same || !action.marks() {
        return Err(Refusal::OtherObject { op: op.clone() });
    }
    let mark = mark_on(&asked.object).ok_or(Refusal::NoMark)?;
    if mark.starts_with("done:") {
        return if asked.dry_run { Err(Refusal::OtherMark) } else { act(case) };
    }
    let mark = Mark::parse(mark).map_err(|_| Refusal::OtherMark)?;
    match (asked.dry_run, mark.epoch.0, mark.attempt) {
        (true, 0, 0) => {
            typed(case)?;
            previews(case)
        }
        (false, 1.., 1..) => claim(case, &mark),
        _ => Err(Refusal::OtherMark),
    }
}

/// Only the mark and what the kind's actions write may differ.
fn untouched(asked: &Asked, fields: &[&str]) -> Result<(), Refusal> {
    let empty = Map::new();
    let map = |value: &'_ Value, pointer: &str| -> Map<String, Value> {
        value.pointer(pointer).and_then(Value::as_object).unwrap_or(&empty).clone()
    };
    let differ = |pointer: &str, may: &dyn Fn(&str) -> bool| {
        let (old, new) = (map(&asked.old, pointer), map(&asked.object, pointer));
        let name =
            old.keys().chain(new.keys()).find(|name| old.get(*name) != new.get(*name) && !may(name))?;
        Some(Refusal::OtherField { field: format!("{pointer}/{name}") })
    };
    let within = |name: &str| fields.contains(&format!("/spec/{name}").as_str());
    let top = |name: &str| ["metadata", "spec", "status"].contains(&name);
    let found = differ("", &top)
        .or_else(|| differ("/metadata", &|name| COUNTERS.contains(&name)))
        .or_else(|| differ("/metadata/annotations", &|name| MOVING.contains(&name)))
        .or_else(|| differ("/spec", &within));
    found.map_or(Ok(()), Err)
}

/// The difference is what the typed action yields, computed here from the object as it is.
fn typed(case: &Case) -> Result<(), Refusal> {
    let Case { asked, op, action, .. } = case;
    let other = |why: String| Refusal::OtherChange { op: op.clone(), why };
    // What a rollback brings back is told by its digest; of everything else the action says each value.
    if action.revision().is_none() {
        actions::body(action, &asked.old, None).map_err(other)?;
    }
    let mut expected = asked.old.clone();
    for path in actions::writes(action) {
        let value = asked.object.pointer(&path).cloned().unwrap_or(Value::Null);
        put(&mut expected, &path, value);
    }
    let same = template_digest(template(&expected)) == template_digest(template(&asked.object));
    if !same || !actions::stands(action, &asked.object) {
        return Err(other("the pod template would be another".to_owned()));
    }
    Ok(())
}

/// The difference is the sealed one.
fn sealed(case: &Case, plan: &Plan, after: &Value) -> Result<(), Refusal> {
    let other = |why: &str| Refusal::OtherChange { op: case.op.clone(), why: why.to_owned() };
    let old = &case.asked.old;
    if plan.action.marks() && spec_digest(old, plan.preconditions.autoscaled) != plan.preconditions.spec {
        return Err(other("the object is no longer the one that people saw"));
    }
    if !actions::answers(&plan.action, after) {
        return Err(other("the result would be another"));
    }
    let (before, after) = actions::change(&plan.action, old.clone(), after.clone());
    if difference_digest(&before, &after) != plan.difference {
        return Err(other("the difference is not the one that was sealed"));
    }
    Ok(())
}

/// A dry run of what the responder drafted, or of what was sealed, while the executor has reason to ask.
fn previews(case: &Case) -> Result<Because, Refusal> {
    let (incident, known) = (&case.under.incident, case.known);
    match &incident.phase {
        Phase::Drafted { draft } => match decide(draft, incident, known.rules, known.now) {
            Decision::Propose => Ok(Because::Preview),
            Decision::Refuse(reasons) => {
                Err(Refusal::OtherChange { op: case.op.clone(), why: reasons.join("; ") })
            }
        },
        Phase::Executing { proposal, operation, .. }
            if matches!(operation.state, OperationState::Claimed { .. }) =>
        {
            if !matches!(case.action, Action::DeletePod { .. }) {
                sealed(case, proposal.plan(), &case.asked.object)?;
            }
            Ok(Because::Preview)
        }
        Phase::Investigating { .. }
        | Phase::Proposed { .. }
        | Phase::Granted { .. }
        | Phase::Executing { .. }
        | Phase::Verifying { .. }
        | Phase::Escalated { .. }
        | Phase::Closed { .. } => Err(Refusal::OtherState { op: case.op.clone() }),
    }
}

/// What an operation under way rests on.
struct Running<'a> {
    proposal: &'a Proposal,
    operation: &'a Recorded,
    /// When the approval runs out: as it was recorded, or as the votes say, whichever is sooner.
    until: Timestamp,
}

/// The operation under way, in the current epoch and on votes that are enough when counted now. Whoever can write rows can
/// write that it was claimed; a vote nobody writes but who casts it.
fn running<'a>(case: &'a Case, epoch: Epoch) -> Result<Running<'a>, Refusal> {
    let Phase::Executing { proposal, votes, grant, operation, .. } = &case.under.incident.phase else {
        return Err(Refusal::OtherState { op: case.op.clone() });
    };
    if epoch != case.known.epoch {
        return Err(Refusal::StaleEpoch { asked: epoch, current: case.known.epoch });
    }
    match tally(proposal, votes, case.known.rules) {
        Tally::Approved(counted) => {
            Ok(Running { proposal, operation, until: counted.until.min(grant.until) })
        }
        Tally::Waiting { .. } | Tally::Denied { .. } => Err(Refusal::NotApproved { op: case.op.clone() }),
    }
}

impl Running<'_> {
    /// Nothing stands against a write now: no kill switch, no other policy, and the approval has not run out.
    fn may_begin(&self, case: &Case) -> Result<(), Refusal> {
        let rules = case.known.rules;
        if let KillSwitch::Set { reason } = &rules.standing.kill_switch {
            return Err(Refusal::Stopped { reason: reason.clone() });
        }
        if void(self.proposal, rules).is_some() {
            return Err(Refusal::Void { op: case.op.clone() });
        }
        if case.known.now >= self.until {
            return Err(Refusal::Expired { op: case.op.clone() });
        }
        Ok(())
    }
}

/// The mark, and nothing else: before the write, or in place of a stale one.
fn claim(case: &Case, mark: &Mark) -> Result<Because, Refusal> {
    let Case { asked, op, .. } = case;
    let state = || Refusal::OtherState { op: op.clone() };
    if asked.old.get("spec") != asked.object.get("spec") {
        return Err(Refusal::OtherField { field: "/spec".to_owned() });
    }
    let running = running(case, mark.epoch)?;
    let (recorded, stands) = (&running.operation.mark, mark_on(&asked.old));
    match &running.operation.state {
        OperationState::Claimed { live: Some(_), marked: false } => {
            running.may_begin(case)?;
            let theirs = stands.is_some_and(|stands| outranks(stands, mark));
            if mark != recorded || theirs {
                return Err(Refusal::OtherMark);
            }
            let wanted = &running.proposal.plan().preconditions;
            if spec_digest(&asked.old, wanted.autoscaled) != wanted.spec {
                let why = "the object is no longer the one that people saw".to_owned();
                return Err(Refusal::OtherChange { op: op.clone(), why });
            }
        }
        OperationState::Sending | OperationState::Unknown { .. } => {
            let stale = stands == Some(recorded.to_string().as_str());
            if !stale || *mark != recorded.raised(case.known.epoch) {
                return Err(Refusal::OtherMark);
            }
        }
        OperationState::Claimed { .. } | OperationState::Applied(_) | OperationState::NotApplied { .. } => {
            return Err(state());
        }
    }
    Ok(Because::Claim)
}

/// The operation whose one request may be on its way.
fn sending<'a>(case: &'a Case, epoch: Epoch) -> Result<Running<'a>, Refusal> {
    let running = running(case, epoch)?;
    if running.operation.state != OperationState::Sending {
        return Err(Refusal::OtherState { op: case.op.clone() });
    }
    running.may_begin(case)?;
    Ok(running)
}

/// The one request: the sealed difference, from the recorded mark to the one that says that it is done.
fn act(case: &Case) -> Result<Because, Refusal> {
    let before = mark_on(&case.asked.old).and_then(|mark| Mark::parse(mark).ok());
    let before = before.ok_or(Refusal::OtherMark)?;
    let running = sending(case, before.epoch)?;
    if before != running.operation.mark || mark_on(&case.asked.object) != Some(before.done().as_str()) {
        return Err(Refusal::OtherMark);
    }
    typed(case)?;
    sealed(case, running.proposal.plan(), &case.asked.object)?;
    Ok(Because::Act)
}

/// The epoch of the recorded mark: what bears none on its target is fenced by it alone.
fn recorded(case: &Case) -> Epoch {
    if let Phase::Executing { operation, .. } = &case.under.incident.phase {
        operation.mark.epoch
    } else {
        Epoch(0)
    }
}

/// The copy of a failed Job, under the mark of its operation.
fn create(case: &Case) -> Result<Because, Refusal> {
    let Case { asked, op, action, .. } = case;
    let Action::ReRunJob { target, .. } = action else {
        return Err(Refusal::OtherObject { op: op.clone() });
    };
    if target.namespace != asked.namespace {
        return Err(Refusal::OtherObject { op: op.clone() });
    }
    let more = |pointer: &str, may: &[&str]| {
        let all = asked.object.pointer(pointer).and_then(Value::as_object);
        let name =
            all.into_iter().flatten().map(|(name, _)| name).find(|name| !may.contains(&name.as_str()))?;
        Some(Refusal::OtherField { field: format!("{pointer}/{name}") })
    };
    // Of its content the digest tells; these are what the digest leaves out.
    let made = [
        "annotations",
        "creationTimestamp",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "uid",
    ];
    if let Some(refusal) =
        more("/metadata", &made).or_else(|| more("/metadata/annotations", &[actions::CLAIM]))
    {
        return Err(refusal);
    }
    if !actions::answers(action, &asked.object) {
        let why = "it is another Job than the copy that was approved".to_owned();
        return Err(Refusal::OtherChange { op: op.clone(), why });
    }
    let mark = mark_on(&asked.object).ok_or(Refusal::NoMark)?;
    match Mark::parse(mark) {
        Ok(Mark { epoch: Epoch(0), attempt: 0, .. }) if asked.dry_run => previews(case),
        Err(_) if !asked.dry_run && mark == format!("done:{op}") => {
            let running = sending(case, recorded(case))?;
            sealed(case, running.proposal.plan(), &asked.object)?;
            Ok(Because::Act)
        }
        _ => Err(Refusal::OtherMark),
    }
}

/// One pod, as it was looked at last.
fn delete(case: &Case) -> Result<Because, Refusal> {
    let Case { asked, op, action, under, .. } = case;
    let target = action.target();
    let same = (asked.namespace.as_str(), asked.name.as_str())
        == (target.namespace.as_str(), target.name.as_str())
        && text(&asked.old, "/metadata/uid") == target.uid;
    if !matches!(action, Action::DeletePod { .. }) || !same {
        return Err(Refusal::OtherObject { op: op.clone() });
    }
    if text(&asked.options, "/preconditions/uid") != target.uid {
        return Err(Refusal::Unconditional);
    }
    in_its_own_time(asked)?;
    if asked.dry_run {
        return previews(case);
    }
    sending(case, recorded(case))?;
    let looked_at = under.rechecked.as_ref().map(|live| live.resource_version.as_str()).unwrap_or_default();
    if looked_at.is_empty() || text(&asked.options, "/preconditions/resourceVersion") != looked_at {
        return Err(Refusal::Unconditional);
    }
    Ok(Because::Act)
}

/// A pod goes with its own grace period. The API server fills it in, and none for a pod that no kubelet holds.
fn in_its_own_time(asked: &Asked) -> Result<(), Refusal> {
    let given = asked.options.get("gracePeriodSeconds").filter(|given| !given.is_null());
    let own = asked.old.pointer("/spec/terminationGracePeriodSeconds");
    let held = !text(&asked.old, "/spec/nodeName").is_empty()
        && !matches!(text(&asked.old, "/status/phase"), "Succeeded" | "Failed");
    match given {
        None => Ok(()),
        Some(given) if Some(given) == own => Ok(()),
        Some(given) if *given == json!(0) && !held => Ok(()),
        Some(_) => Err(Refusal::OtherField { field: "gracePeriodSeconds".to_owned() }),
    }
}

/// One Event about the object of an operation that is under way.
fn event(asked: &Asked, known: &Known) -> Result<Because, Refusal> {
    let said = |pointer: &str| text(&asked.object, pointer);
    let Some(key @ Key::About(_)) = key(asked) else { return Err(Refusal::OtherEvent) };
    let tells = |under: &&Under| {
        let busy = matches!(under.incident.phase, Phase::Executing { .. } | Phase::Verifying { .. });
        at_hand(&under.incident).is_some_and(|(op, action)| {
            busy && said("/reportingController") == CONTROLLER
                && said("/reason") == actions::file(action.kind()).event
                && said("/note").starts_with(&format!("operation {op}: "))
                && action.workload().namespace == asked.namespace
        })
    };
    let mut of_it = known.incidents.iter().filter(|under| concerns(&key, &under.incident));
    of_it.find(tells).map(|_| Because::Event).ok_or(Refusal::OtherEvent)
}

/// `reportingController` of our Events.
pub const CONTROLLER: &str = "nightshift";

fn template(object: &Value) -> &Value {
    object.pointer("/spec/template").unwrap_or(&Value::Null)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Sets a value, with the objects around it.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        at = match at {
            Value::Array(list) => match name.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                Some(entry) => entry,
                None => return,
            },
            Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                *other = json!({});
                let Value::Object(fields) = other else { return };
                fields.entry(name).or_insert(Value::Null)
            }
        };
    }
    *at = value;
}

#[cfg(test)]
mod tests;
