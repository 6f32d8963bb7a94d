//! What differs between a sealed plan and the cluster as it is now, a line each, for people who are about to decide.
//!
//! Reads only, and decides nothing: the executor looks again itself, right before the claim ([`crate::recheck`]).

use crate::actions::{self, get, revision};
use crate::evidence::text;
use crate::execute::pods_of;
use crate::normal::{spec_digest, template_digest};
use crate::recheck::symptom_stands;
use crate::seal::object;
use crate::wire::Wire;
use nightshift_model::effect::{RawPart, Read};
use nightshift_model::{Action, Kind, NotChecked, Plan, Reason, RevisionRef, Seconds, Timestamp};
use serde_json::Value;

/// What a look at the cluster brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The target.
    pub target: RawPart,
    /// What the sealed body refers to.
    pub source: Option<RawPart>,
    /// The target's pods.
    pub pods: RawPart,
    /// When.
    pub at: Timestamp,
}

/// What differs, and what could not be looked at. Both empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// A sentence each.
    pub changed: Vec<String>,
    /// A sentence each.
    pub unread: Vec<String>,
}

/// Looks once: three reads at most.
pub async fn look<W: Wire>(wire: &W, plan: &Plan) -> Look {
    let target = one(wire, get(plan.action.target())).await;
    let source = match actions::source(&plan.action) {
        Some(source) => Some(one(wire, get(source)).await),
        None => None,
    };
    let pods = wire.read(&pods_of(&plan.action.target().namespace, &plan.preconditions.selector)).await;
    Look { target, source, pods, at: wire.now() }
}

async fn one<W: Wire>(wire: &W, read: Option<Read>) -> RawPart {
    match read {
        Some(read) => wire.read(&read).await,
        None => RawPart::Failed { why: NotChecked::Unreadable, detail: "it has no address".to_owned() },
    }
}

/// Compares.
pub fn since(plan: &Plan, reason: Reason, look: &Look, symptom_within: Seconds) -> Since {
    let mut since = Since::default();
    target(plan, &look.target, &mut since);
    if let Some(part) = &look.source {
        source(&plan.action, part, &mut since);
    }
    match (object(&look.pods, "the target's pods"), reason) {
        (Err(why), _) => since.unread.push(sentence(&why)),
        (Ok(_), reason) => {
            if let Err(why) = symptom_stands(&plan.action, reason, &look.pods, look.at, symptom_within) {
                since.changed.push(sentence(&why));
            }
        }
    }
    since
}

fn target(plan: &Plan, part: &RawPart, since: &mut Since) {
    let (target, sealed) = (plan.action.target(), &plan.preconditions);
    if matches!(part, RawPart::Body { status: 404, .. }) {
        since.changed.push(format!("{target} is gone."));
        return;
    }
    let now = match object(part, &format!("{target}")) {
        Ok(now) => now,
        Err(why) => return since.unread.push(sentence(&why)),
    };
    if text(&now, "/metadata/uid") != sealed.uid {
        since.changed.push(format!("{target} was deleted and created again."));
        return;
    }
    if now.pointer("/metadata/deletionTimestamp").is_some() {
        since.changed.push(format!("{target} is being deleted."));
    }
    if let Some(current) = plan.inverse.action.as_ref().and_then(Action::revision)
        && let Some(other) = rolled_out_since(&now, &target.kind, current)
    {
        since.changed.push(format!(
            "{other} was rolled out; revision {} was current when this was sealed.",
            current.number
        ));
    }
    let generation = now.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let moved = format!("generation {} became {generation}", sealed.generation);
    if spec_digest(&now, sealed.autoscaled) != sealed.spec {
        since.changed.push(format!(
            "The spec of {target} differs ({moved}): it would not be written, a fresh proposal follows."
        ));
    } else if generation != sealed.generation {
        since.changed.push(format!("{target} was written, and its spec is the sealed one ({moved})."));
    }
    if actions::stands(&plan.action, &now) {
        since.changed.push(match &plan.action {
            Action::RollbackDaemonSet { to, .. }
            | Action::RollbackDeployment { to, .. }
            | Action::RollbackStatefulSet { to, .. } => {
                format!("The template of revision {} stands there already.", to.number)
            }
            Action::RaiseMemoryLimit { memory, .. } => {
                format!("The memory limit {} stands there already.", memory.limit.to)
            }
            // Said above.
            Action::DeletePod { .. } | Action::ReRunJob { .. } => return,
            Action::Restart { at, .. } => format!("It says already that it was restarted at {at}."),
        });
    }
}

/// The revision that runs now, if another was current. A DaemonSet does not say which it is: its spec tells.
fn rolled_out_since(now: &Value, kind: &Kind, current: &RevisionRef) -> Option<String> {
    if *kind == Kind::StatefulSet {
        let name = text(now, "/status/updateRevision");
        return (!name.is_empty() && name != current.replica_set.name)
            .then(|| format!("Revision {}", crate::text::visible(name, 100)));
    }
    let number = text(now, "/metadata/annotations/deployment.kubernetes.io~1revision").parse::<u64>().ok()?;
    (number != current.number).then(|| format!("Revision {number}"))
}

fn source(action: &Action, part: &RawPart, since: &mut Since) {
    let Some(to) = action.revision() else { return };
    let name = &to.replica_set;
    if matches!(part, RawPart::Body { status: 404, .. }) {
        since.changed.push(format!("{name} is gone: revision {} cannot return from it.", to.number));
        return;
    }
    match object(part, &format!("{name}")) {
        Err(why) => since.unread.push(sentence(&why)),
        Ok(now) if text(&now, "/metadata/uid") != name.uid => {
            since.changed.push(format!("{name} was deleted and created again."));
        }
        Ok(now) => {
            let same = revision::kept(&now).is_some_and(|t| template_digest(&t) == to.template);
            if !same {
                since.changed.push(format!("The template of {name} is not the one that was sealed."));
            }
        }
    }
}

/// With a capital first letter and an end; what a server said is cut and made visible.
fn sentence(clause: &str) -> String {
    let clause = crate::text::visible(clause, 300);
    let mut letters = clause.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let mut all: String = first.chain(letters).collect();
    if !all.ends_with('.') {
        all.push('.');
    }
    all
}

#[cfg(test)]
mod tests;
