//! The policy that makes a name in an object more than a claim, and whether the one that stands in the cluster is it. It has
//! no parameters and names its own kinds alone, so no state of it can refuse anybody anything else.

use crate::seal::object;
use nightshift_model::effect::RawPart;
use nightshift_model::{Seconds, Timestamp};
use serde_json::{Value, json};

/// The policy's name, and its binding's.
pub const NAME: &str = "votes.nightshift.dev";

/// How long after its creation a policy is taken to be in force everywhere: several API servers each load it themselves.
pub const SETTLES: Seconds = Seconds(10);

/// What is read back: path, and what it is.
pub(super) const PARTS: &[(&str, &str)] = &[
    (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/votes.nightshift.dev",
        "the ValidatingAdmissionPolicy votes.nightshift.dev",
    ),
    (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/votes.nightshift.dev",
        "the ValidatingAdmissionPolicyBinding votes.nightshift.dev",
    ),
];

/// `spec` of the policy, every default written out. An UPDATE is what a deletion needs to let go of an object, and no more.
pub fn spec() -> Value {
    let rules = [
        (
            "request.operation == 'UPDATE' || object.spec.user == request.userInfo.username",
            "spec.user is not you: nobody votes in another's name",
        ),
        (
            "request.operation == 'UPDATE' || !request.userInfo.username.startsWith('system:')",
            "service accounts and the cluster's own parts do not vote",
        ),
        (
            "request.operation == 'CREATE' || (has(oldObject.metadata.deletionTimestamp) && object.spec == oldObject.spec)",
            "it cannot be changed: create another one with a higher voteNo",
        ),
        (
            "request.operation == 'UPDATE' || !has(object.metadata.finalizers) || object.metadata.finalizers.size() == 0",
            "it takes no finalizers",
        ),
        (
            "request.operation == 'UPDATE' || request.resource.resource != 'votes' || (has(object.metadata.labels) && \
             'nightshift.dev/proposal' in object.metadata.labels && \
             object.metadata.labels['nightshift.dev/proposal'] == object.spec.proposal)",
            "the label nightshift.dev/proposal must be spec.proposal",
        ),
    ];
    let validations: Vec<Value> = rules
        .iter()
        .map(|(expression, message)| json!({"expression": expression, "message": message}))
        .collect();
    json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [{
                "apiGroups": ["nightshift.dev"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
                "resources": ["votes", "visits"], "scope": "*",
            }],
        },
        "validations": validations,
    })
}

/// `spec` of the binding.
pub fn binding() -> Value {
    json!({"policyName": NAME, "validationActions": ["Deny"]})
}

/// Where the policy and its binding are read, for whoever asks without a drive.
pub fn paths() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|(path, _)| *path)
}

/// Since when the policy holds votes to their users, from the answers to [`paths`] in their order.
///
/// # Errors
/// What cannot be read, or differs.
pub fn since(answers: &[RawPart]) -> Result<Timestamp, String> {
    let read = PARTS.iter().zip(answers).map(|((_, what), answer)| object(answer, what));
    in_force(&read.collect::<Result<Vec<_>, _>>()?)
}

/// Since when both stand as they must: exactly, since any other field may weaken them.
///
/// # Errors
/// What differs.
pub(super) fn in_force(parts: &[Value]) -> Result<Timestamp, String> {
    let mut since = Timestamp::EPOCH;
    let wanted = [spec(), binding()];
    for (at, (_, what)) in PARTS.iter().enumerate() {
        let Some((part, wanted)) = parts.get(at).zip(wanted.get(at)) else {
            return Err(format!("{what} was not read"));
        };
        if part.pointer("/metadata/deletionTimestamp").is_some() {
            return Err(format!("{what} is being deleted"));
        }
        if part.get("spec") != Some(wanted) {
            return Err(format!("{what} is not the one that this version of nightshift ships"));
        }
        let made = part.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        let made: Timestamp = made
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| format!("{what} does not say when it was created"))?;
        since = since.max(made);
    }
    Ok(since)
}
