//! The list of what is allowed as a `ValidatingAdmissionPolicy`: the API server judges by itself, from the request alone.
//!
//! It has no parameters, so nothing can be missing that it needs, and a write by anybody else leaves it at its first match
//! condition (reference/execution.md 5.3: a policy with parameters refuses everybody's writes once they are gone).

use super::allowed::{Allowed, COUNTERS, MOVING, Purpose, REVIEWS, REVIEWS_GROUP, SYSTEM, allowed};
use super::countersign::CONTROLLER;
use super::held::{CONTAINERS, POWERS, Place, SAME};
use super::{Operation, yaml};
use crate::actions::{ACTIONS, CLAIM};
use nightshift_model::rerun::RERUN_OF;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Whom the lock is for, and where it is at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The executor, as the API server calls it: `system:serviceaccount:<namespace>:<name>`.
    pub executor: String,
    /// The namespace of nightshift's own objects.
    pub home: String,
    /// The Service in front of the countersign, in that namespace.
    pub service: String,
    /// Its port.
    pub port: u16,
}

/// The name of the one webhook within its configuration.
pub const WEBHOOK: &str = "countersign.nightshift.dev";
/// Where the countersign is asked.
pub const PATH: &str = "/countersign";
/// How long the API server waits for it.
const TIMEOUT_SECONDS: u32 = 5;
/// An operation's id, as a regular expression.
const OP: &str = "pro-[0-9a-z]{10}[.][0-9]+";

/// Every kind of write, subresources among them: with any other entry beside it, the API server takes it for a mistake.
fn everything() -> Value {
    json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*"}])
}

/// Whose writes are judged: the executor's, its questions about its own rights left out.
pub fn conditions(names: &Names) -> Value {
    json!([
        {"name": "executor", "expression": format!("request.userInfo.username == '{}'", names.executor)},
        {"name": "no-question-about-rights", "expression": format!(
            "!(request.resource.group == '{REVIEWS_GROUP}' && request.resource.resource in {})",
            list(REVIEWS)
        )},
    ])
}

/// The webhook.
pub fn webhook(names: &Names) -> Value {
    json!([{
        "name": WEBHOOK, "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "sideEffects": "None",
        "matchPolicy": "Equivalent", "timeoutSeconds": TIMEOUT_SECONDS, "rules": everything(),
        "matchConditions": conditions(names),
        "clientConfig": {"service": {
            "name": names.service, "namespace": names.home, "path": PATH, "port": names.port,
        }},
    }])
}

/// The policy.
pub fn policy(names: &Names) -> Value {
    let mut variables = vec![
        variable("what", &what()),
        variable("kind", "request.resource.group + '/' + request.resource.resource"),
        variable("place", "request.?namespace.orValue('')"),
        variable("mark", &annotation("object")),
        variable("before", &annotation("oldObject")),
        variable("fields", &fields()),
        variable("pod", &pod("object")),
        variable("pod_before", &pod("oldObject")),
        variable("containers", &containers("pod")),
        variable("containers_before", &containers("pod_before")),
    ];
    let mut validations = vec![
        json!({
            "expression": format!("variables.what in {}", list(&allowed().iter().map(Allowed::words).collect::<Vec<_>>())),
            "messageExpression": "'nightshift: ' + variables.what + ' is nothing that the executor does'",
        }),
        validation(
            &format!("!(variables.place in {})", list(&forbidden(names))),
            "nothing is written in a namespace of the system, or in nightshift's own",
        ),
        validation(&marked(), "it bears no mark of an operation"),
        validation(&in_step(), "its mark is none that belongs on such a write"),
        validation(&of_update(&same_but("metadata", &list(COUNTERS))), "metadata differs"),
        validation(&of_update(&annotations()), "another annotation than the mark differs"),
        validation(
            &of_update(&same_but("spec", "variables.fields")),
            "a field differs that no action changes",
        ),
        validation(&of_update(&service_account()), "the service account differs"),
    ];
    for (number, power) in POWERS.iter().enumerate() {
        let (now, before) = (format!("power{number}"), format!("power{number}_before"));
        variables.push(variable(&now, &names_at(power.places, "pod", "containers")));
        variables.push(variable(&before, &names_at(power.places, "pod_before", "containers_before")));
        let known =
            format!("variables.{now}.all(l, l.all(n,\n  n == '' || variables.{before}.exists(b, n in b)))");
        let message = format!("the pod template has a {} that it had not before", power.what);
        validations.push(validation(&of_update(&known), &message));
    }
    validations
        .push(validation(&conditional(), "a delete must name one object, and the uid that was looked at"));
    validations.push(validation(&copies(), "it is no copy of a Job that failed"));
    validations.push(validation(&tells(), "the Event is none of nightshift's about this namespace"));
    json!({
        "failurePolicy": "Fail",
        // Compared as a whole by whoever applies it: what the API server would add stands here too.
        "matchConstraints": {
            "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "resourceRules": everything(),
        },
        "matchConditions": conditions(names),
        "variables": variables,
        "validations": validations,
    })
}

fn variable(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression})
}

fn validation(expression: &str, message: &str) -> Value {
    json!({"expression": expression, "message": format!("nightshift: {message}")})
}

/// A list of texts in CEL.
fn list(texts: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("'{}'", text.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

fn forbidden(names: &Names) -> Vec<String> {
    let own = ["", names.home.as_str()].map(str::to_owned);
    own.into_iter().chain(SYSTEM.iter().map(|name| (*name).to_owned())).collect()
}

fn what() -> String {
    "request.operation + ' ' + request.resource.group + '/' + request.resource.resource\n\
     + (request.?subResource.orValue('') == '' ? '' : '/' + request.?subResource.orValue(''))"
        .to_owned()
}

fn annotation(of: &str) -> String {
    format!("{of} == null ? '' : {of}.?metadata.?annotations[?'{CLAIM}'].orValue('')")
}

/// Of each kind the fields of `spec` that may differ.
fn fields() -> String {
    let kinds: Vec<String> = allowed()
        .iter()
        .filter_map(|one| {
            let Purpose::Act { fields, .. } = &one.purpose else { return None };
            let names: Vec<&str> = fields.iter().filter_map(|field| field.strip_prefix("/spec/")).collect();
            (one.operation == Operation::Update)
                .then(|| format!("'{}/{}': {}", one.group, one.resource, list(&names)))
        })
        .collect();
    format!("{{{}}}[?variables.kind].orValue([])", kinds.join(", "))
}

fn pod(of: &str) -> String {
    format!("{of} == null ? {{}} : {of}.?spec.?template.?spec.orValue({{}})")
}

fn containers(pod: &str) -> String {
    let all: Vec<String> =
        CONTAINERS.iter().map(|list| format!("variables.{pod}.?{list}.orValue([])")).collect();
    all.join(" + ")
}

fn of_update(expression: &str) -> String {
    format!("request.operation != 'UPDATE' || (\n{expression})")
}

/// Whatever is made or changed bears the mark of an operation.
fn marked() -> String {
    format!(
        "request.operation == 'DELETE' || request.operation == 'CREATE' && variables.kind == '{}'\n\
         || variables.mark.matches('^({OP}:[0-9]+[.][0-9]+|done:{OP})$')",
        kind_of(|one| one.purpose == Purpose::Tell)
    )
}

/// Only a preview, or the step from a claim to its end, changes more than the mark.
fn in_step() -> String {
    format!(
        "request.operation != 'UPDATE'\n\
         || variables.mark.endsWith(':0.0') && request.?dryRun.orValue(false)\n\
         || !variables.mark.endsWith(':0.0') && object.spec == oldObject.spec\n\
         || variables.before.matches('^{OP}:[0-9]+[.][0-9]+$')\n\
         && variables.mark == 'done:' + variables.before.split(':')[0]"
    )
}

/// Everything of a map is as before, but for some names.
fn same_but(map: &str, names: &str) -> String {
    let (new, old) = (format!("object.{map}"), format!("oldObject.{map}"));
    format!(
        "{new}.all(k, k in {names} || k in {old} && {new}[k] == {old}[k])\n\
         && {old}.all(k, k in {names} || k in {new})"
    )
}

fn annotations() -> String {
    let (new, old) =
        ("object.metadata.?annotations.orValue({})", "oldObject.metadata.?annotations.orValue({})");
    let may = list(MOVING);
    format!(
        "{new}.all(k, k in {may}\n  || k in {old}\n  && {new}[k] == {old}[k])\n\
         && {old}.all(k, k in {may} || k in {new})"
    )
}

fn service_account() -> String {
    let same = |field: &&str| {
        format!("variables.pod.?{field}.orValue('') == variables.pod_before.?{field}.orValue('')")
    };
    SAME.iter().map(same).collect::<Vec<_>>().join("\n&& ")
}

/// `a.b` as a path that may end anywhere.
fn path(of: &str, path: &str, or: &str) -> String {
    if path.is_empty() {
        return of.to_owned();
    }
    let mut text = of.to_owned();
    for part in path.split('.') {
        let _ = write!(text, ".?{part}");
    }
    format!("{text}.orValue({or})")
}

/// The names at some places, as lists of lists.
fn names_at(places: &[Place], pod: &str, containers: &str) -> String {
    let all: Vec<String> = places
        .iter()
        .map(|place| match place {
            Place::Switch(name) => {
                format!("[[variables.{pod}.?{name}.orValue(false) ? '{name}' : '']]")
            }
            Place::Each(list, at) => {
                format!("[variables.{pod}.?{list}.orValue([]).map(e, {})]", path("e", at, "''"))
            }
            Place::Within(list, inner, at) => format!(
                "variables.{pod}.?{list}.orValue([]).map(v, {}.map(e, {}))",
                path("v", inner, "[]"),
                path("e", at, "''")
            ),
            Place::ContainerSwitch(at) => {
                format!("[variables.{containers}.map(c, {} ? c.name : '')]", path("c", at, "false"))
            }
            Place::InContainer(list, at) => format!(
                "variables.{containers}.map(c, {}.map(e, {}))",
                path("c", list, "[]"),
                path("e", at, "''")
            ),
        })
        .collect();
    all.join("\n+ ")
}

fn conditional() -> String {
    "request.operation != 'DELETE'\n\
     || request.?name.orValue('') != '' && request.?options.?preconditions.?uid.orValue('') != ''"
        .to_owned()
}

/// `group/resource` of the one entry that is so.
fn kind_of(is: impl Fn(&Allowed) -> bool) -> String {
    allowed()
        .iter()
        .find(|one| is(one))
        .map(|one| format!("{}/{}", one.group, one.resource))
        .unwrap_or_default()
}

/// What a Job is made of no expression sees: the countersign compares it.
fn copies() -> String {
    let job = kind_of(|one| one.operation == Operation::Create && one.purpose != Purpose::Tell);
    format!(
        "!(request.operation == 'CREATE' && variables.kind == '{job}')\n\
         || object.metadata.?labels[?'{RERUN_OF}'].orValue('') != ''"
    )
}

fn tells() -> String {
    let event = kind_of(|one| one.purpose == Purpose::Tell);
    let reasons: Vec<&str> = ACTIONS.iter().map(|action| action.event).collect();
    format!(
        "!(request.operation == 'CREATE' && variables.kind == '{event}')\n\
         || object.?reportingController.orValue('') == '{CONTROLLER}'\n\
         && object.?regarding.?namespace.orValue('') == variables.place\n\
         && object.?reason.orValue('') in {}",
        list(&reasons)
    )
}

const MARKER: &str = "@generated by nightshift-engine: UPDATE_EXPECT=1 cargo test -p nightshift-engine";

/// What stands in the chart's files in place of names.
fn placeholders() -> (Names, [(&'static str, &'static str); 2]) {
    let names = Names {
        executor: "@EXECUTOR@".to_owned(),
        home: "@HOME@".to_owned(),
        service: "@SERVICE@".to_owned(),
        port: 1,
    };
    (names, [("\"port\": 1", "\"port\": @PORT@"), ("port: 1", "port: @PORT@")])
}

/// charts/nightshift/files/policy.yaml: the policy, to which the chart adds names.
pub fn chart_policy() -> String {
    let mut text = format!("# {MARKER}\n");
    yaml::write(&mut text, &json!({"spec": policy(&placeholders().0)}), 0);
    text
}

/// charts/nightshift/files/webhook.yaml: the webhook, to which the chart adds names.
pub fn chart_webhook() -> String {
    let (names, replaced) = placeholders();
    let mut text = format!("# {MARKER}\n");
    yaml::write(&mut text, &json!({"webhooks": webhook(&names)}), 0);
    replaced.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// docs/rbac/lock.yaml: the lock for the accounts of docs/rbac, complete.
pub fn lock_yaml() -> String {
    let names = shipped();
    let mut text = format!(
        "# {MARKER}\n\
         # The lock at the API server for the account of executor.yaml. It concerns that account alone.\n"
    );
    for (number, object) in objects(NAME, &names).iter().enumerate() {
        if number > 0 {
            text.push_str("---\n");
        }
        yaml::write(&mut text, object, 0);
    }
    text
}

/// The name of policy, binding and webhook configuration in docs/rbac.
pub const NAME: &str = "nightshift-lock";

/// The names of docs/rbac.
pub fn shipped() -> Names {
    Names {
        executor: "system:serviceaccount:nightshift:nightshift-executor".to_owned(),
        home: "nightshift".to_owned(),
        service: "nightshift-countersign".to_owned(),
        port: 10_250,
    }
}

/// Everything that the lock consists of at the API server, and what the responder needs to keep its certificate known there.
pub fn objects(name: &str, names: &Names) -> Vec<Value> {
    let group = "admissionregistration.k8s.io/v1";
    let role = format!("{name}-certificate");
    vec![
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy(names)}),
        json!({
            "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        }),
        json!({
            "apiVersion": group, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name},
            "webhooks": webhook(names),
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role},
            "rules": [{
                "apiGroups": ["admissionregistration.k8s.io"], "resources": ["validatingwebhookconfigurations"],
                "resourceNames": [name], "verbs": ["get", "patch"],
            }],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "nightshift-responder", "namespace": names.home}],
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn the_committed_files_are_fresh() {
        expect_file!["../../../../charts/nightshift/files/policy.yaml"].assert_eq(&chart_policy());
        expect_file!["../../../../charts/nightshift/files/webhook.yaml"].assert_eq(&chart_webhook());
        expect_file!["../../../../docs/rbac/lock.yaml"].assert_eq(&lock_yaml());
    }

    #[test]
    fn nobody_else_meets_it_and_nothing_that_it_needs_can_be_missing() {
        let names = shipped();
        let policy = policy(&names);
        assert!(policy.get("paramKind").is_none(), "a missing parameter would refuse everybody's writes");
        let rules = json!([
            {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*"}
        ]);
        let whose = format!("request.userInfo.username == '{}'", names.executor);
        let webhook = webhook(&names);
        for (what, rules_of, of) in [
            ("policy", &policy["matchConstraints"]["resourceRules"], &policy),
            ("webhook", &webhook[0]["rules"], &webhook[0]),
        ] {
            assert_eq!(*rules_of, rules, "{what}");
            assert_eq!(of["failurePolicy"], "Fail", "{what}");
            // The first condition decides for everybody else, before anything can fail.
            assert_eq!(of["matchConditions"][0]["expression"], whose, "{what}");
        }
        assert_eq!(webhook[0]["sideEffects"], "None");
        assert_eq!(webhook.as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn every_placeholder_stands_in_the_files_and_no_name() {
        let (policy, webhook) = (chart_policy(), chart_webhook());
        assert!(policy.contains("== '@EXECUTOR@'") && policy.contains("'@HOME@'"), "{policy}");
        for part in ["@EXECUTOR@", "@HOME@", "@SERVICE@", "port: @PORT@"] {
            assert!(webhook.contains(part), "{part}: {webhook}");
        }
        assert!(!policy.contains("nightshift-executor") && !webhook.contains("nightshift-executor"));
    }
}
