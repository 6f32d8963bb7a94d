//! The self-test: dry runs that the API server must refuse, and what it means when it does not.
//!
//! Each goes a little further than the one before: past the roles to the policy, past the policy to the countersign. Nothing
//! is ever stored.

use crate::actions::{CLAIM, FIELD_MANAGER};
use crate::lock::countersign::CONTROLLER;
use crate::lock::policy::WEBHOOK;
use crate::text::visible;
use crate::wire::HttpWrite;
use nightshift_model::effect::RawPart;
use nightshift_model::{Epoch, Kind, Mark, ObjectRef, OpId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How much of the lock is wanted. No mode is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum LockMode {
    /// The roles, the policy and the countersign.
    #[default]
    Webhook,
    /// The roles and the policy: where no way leads from the API server to the Pod.
    Policy,
    /// The countersign too, where its webhook is installed.
    Auto,
}

/// Which layer should refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The roles, or the policy if they grant too much.
    RolesOrPolicy,
    /// The policy.
    Policy,
    /// The countersign.
    Countersign,
}

/// One write that must be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is wrong with it.
    pub name: &'static str,
    /// Who should find out.
    pub by: Layer,
    /// The request.
    pub write: HttpWrite,
}

/// An operation that never was: its mark is well formed, so the policy lets it through.
pub const NEVER: &str = "pro-0000000000.1";

/// The writes that are tried in a namespace, on one of its workloads if there is any.
pub fn probes(namespace: &str, workload: Option<&ObjectRef>, epoch: Epoch, now: Timestamp) -> Vec<Probe> {
    let mut all = vec![
        event("an Event of somebody else", Layer::Policy, namespace, "nightshift-self-test", now),
        event("an Event about nothing", Layer::Countersign, namespace, CONTROLLER, now),
        event("a forbidden namespace", Layer::RolesOrPolicy, "kube-system", CONTROLLER, now),
    ];
    let Some(path) = workload.and_then(ObjectRef::path) else { return all };
    let mark = |epoch: u64, attempt| Mark { op: OpId::from(NEVER), epoch: Epoch(epoch), attempt }.to_string();
    let marked =
        |mark: String, spec: Value| json!({"metadata": {"annotations": {CLAIM: mark}}, "spec": spec});
    let unmarked = json!({"metadata": {"annotations": {"nightshift.dev/self-test": "unmarked"}}});
    // Of every kind of workload, of no action, and valid whatever else stands there: what is not valid meets no policy.
    let field = json!({"revisionHistoryLimit": 987});
    let patch = |name, by, body: &Value| Probe {
        name,
        by,
        write: HttpWrite {
            method: "PATCH".to_owned(),
            path: path.clone(),
            query: query(),
            content_type: "application/merge-patch+json".to_owned(),
            body: body.to_string().into_bytes(),
        },
    };
    all.extend([
        patch("no mark", Layer::Policy, &unmarked),
        patch("a field of no action", Layer::Policy, &marked(mark(0, 0), field)),
        patch("an operation that never was", Layer::Countersign, &marked(mark(epoch.0, 1), json!({}))),
        patch(
            "an epoch that is over",
            Layer::Countersign,
            &marked(mark(epoch.0.saturating_sub(1), 1), json!({})),
        ),
    ]);
    all
}

fn query() -> Vec<(String, String)> {
    [("fieldManager", FIELD_MANAGER), ("dryRun", "All")].map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec()
}

fn event(name: &'static str, by: Layer, namespace: &str, controller: &str, now: Timestamp) -> Probe {
    let at = format!("{:.6}", now.get()); // no digit less: the API server reads nothing else here
    let object = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"generateName": "nightshift-self-test-", "namespace": namespace},
        "eventTime": at, "reportingController": controller, "reportingInstance": "self-test",
        "action": "self-test", "reason": "RolledBack", "type": "Normal", "note": "never stored",
        "regarding": {
            "apiVersion": "apps/v1", "kind": Kind::Deployment.as_str(), "namespace": namespace, "name": "none",
            "uid": "none",
        },
    });
    let write = HttpWrite {
        method: "POST".to_owned(),
        path: format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"),
        query: query(),
        content_type: "application/json".to_owned(),
        body: object.to_string().into_bytes(),
    };
    Probe { name, by, write }
}

/// What a write that must be refused met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// The roles: it came no further.
    Roles,
    /// The policy.
    Policy,
    /// The countersign.
    Countersign,
    /// The countersign did not answer, so the API server refused.
    Unanswered {
        /// What the API server says about it.
        why: String,
    },
    /// Nobody: it would have been stored.
    Nobody,
    /// Something else, from which nothing follows.
    Else {
        /// What.
        why: String,
    },
}

/// Reads the API server's answer to a probe. `lock` is the name of the policy.
pub fn met(lock: &str, part: &RawPart) -> Met {
    let (status, body) = match part {
        RawPart::Body { status, body, .. } => (*status, body),
        RawPart::Failed { why, detail } => return Met::Else { why: format!("{}: {detail}", why.clause()) },
    };
    if (200..300).contains(&status) {
        return Met::Nobody;
    }
    let said: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let message = said.get("message").and_then(Value::as_str).unwrap_or_default();
    let why = || visible(message, 300);
    if message.contains(&format!("ValidatingAdmissionPolicy '{lock}' with binding '{lock}' denied request")) {
        Met::Policy
    } else if message.contains(&format!("admission webhook \"{WEBHOOK}\" denied the request")) {
        Met::Countersign
    } else if message.contains(&format!("failed calling webhook \"{WEBHOOK}\"")) {
        Met::Unanswered { why: why() }
    } else if status == 403 && message.contains("cannot") {
        Met::Roles
    } else {
        Met::Else { why: format!("HTTP {status}: {}", why()) }
    }
}

/// How many locks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    /// Roles, policy, countersign.
    Three,
    /// Roles and policy.
    Two,
}

impl Locks {
    /// What stands on every page when it is not all of them.
    pub fn short(self) -> Option<&'static str> {
        match self {
            Self::Three => None,
            Self::Two => Some(
                "two of three locks: the API server holds the executor to the policy, and asks nobody whether a write was \
                 approved",
            ),
        }
    }
}

/// What the answers together say.
///
/// # Errors
/// One sentence that names the missing or weak layer, and what to look at.
pub fn verdict(mode: LockMode, lock: &str, answers: &[(Probe, Met)]) -> Result<Locks, String> {
    let counts = |by: Layer| match (mode, by) {
        (LockMode::Policy, Layer::Countersign) => false,
        (LockMode::Webhook | LockMode::Auto, Layer::Countersign)
        | (_, Layer::Policy | Layer::RolesOrPolicy) => true,
    };
    let (mut policy, mut countersign, mut passed) = (0, 0, Vec::new());
    for (probe, met) in answers.iter().filter(|(probe, _)| counts(probe.by)) {
        match (probe.by, met) {
            // What the roles do not grant cannot be asked further.
            (_, Met::Roles) | (Layer::RolesOrPolicy, Met::Policy) => {}
            (Layer::Policy, Met::Policy) => policy += 1,
            (Layer::Countersign, Met::Countersign) => countersign += 1,
            (Layer::Countersign, Met::Nobody) if mode == LockMode::Auto => passed.push(probe.name),
            (_, Met::Unanswered { why }) if probe.by == Layer::Countersign => return Err(cause(why)),
            (_, Met::Else { why }) => {
                return Err(format!("the lock could not be tried ({}): {why}", probe.name));
            }
            (by, met) => return Err(weak(lock, probe.name, by, met)),
        }
    }
    if policy == 0 {
        return Err(
            "the lock could not be tried: the executor may write neither Events nor any workload there is"
                .to_owned(),
        );
    }
    match (countersign, passed.first()) {
        (0, Some(_)) => Ok(Locks::Two),
        (0, None) if mode == LockMode::Policy => Ok(Locks::Two),
        (0, None) => {
            Err("the countersign could not be tried: the executor may not write Events, and no workload is \
                          there to try it on"
                .to_owned())
        }
        (_, Some(name)) => Err(format!("the countersign let {name} through")),
        (_, None) => Ok(Locks::Three),
    }
}

fn weak(lock: &str, name: &str, by: Layer, met: &Met) -> String {
    let who = match by {
        Layer::RolesOrPolicy => "roles and policy",
        Layer::Policy => "the policy",
        Layer::Countersign => "the countersign",
    };
    let met = match met {
        Met::Nobody => "nobody refused it",
        Met::Policy => "the policy refused it first",
        Met::Countersign => "only the countersign did",
        Met::Unanswered { .. } => "only the countersign would have, and it did not answer",
        Met::Roles | Met::Else { .. } => "it was refused for another reason",
    };
    format!(
        "{who} did not refuse {name}, {met}: see that the ValidatingAdmissionPolicy, its binding and the \
         ValidatingWebhookConfiguration {lock} are installed as shipped"
    )
}

/// How a sentence about a countersign that does not answer begins.
pub const UNASKED: &str = "the API server cannot ask the countersign";

/// Why the API server got no answer, with what usually is the matter.
pub fn cause(said: &str) -> String {
    let said = said.split("failed to call webhook: ").last().unwrap_or(said);
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    // Of a tunnel through which hosted control planes reach Pods.
    let usual = if has(&["No agent available", "dialing backend", "dial timeout, backstop"]) {
        "its tunnel to the nodes is down: see that the konnectivity-agent Pods in kube-system run"
    } else if has(&["deadline exceeded", "i/o timeout", "Timeout", "no route to host"]) {
        "a firewall is the usual reason: let the control plane reach nodes and Pods at the port that stands there (GKE: a \
         firewall rule; EKS: the cluster's security group, and on an overlay network there is no way; AKS: konnectivity). \
         `nightshift check` says more about this cluster"
    } else if has(&["connection refused"]) {
        "nothing listens there: does the responder run, and does the Service name its port?"
    } else if has(&["no endpoints"]) {
        "the Service has no Pod that is ready: look at the responder"
    } else if has(&["not found"]) {
        "the Service is not there: install the chart's objects again"
    } else if has(&["x509", "tls:", "certificate"]) {
        "its certificate is not known to the API server: may the responder get and patch the \
         ValidatingWebhookConfiguration, and does its log say that it did?"
    } else {
        "look at the responder's log and at the ValidatingWebhookConfiguration"
    };
    format!("{UNASKED}; {usual}. It says: {}", visible(said, 250))
}

#[cfg(test)]
mod tests;
