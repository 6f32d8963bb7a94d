//! What somebody with the executor's token would try at the API server, moment by moment: tables, and nothing that sends.

use anyhow::Context as _;
use http::Method;
use nightshift_model::OpId;
pub(super) use nightshift_tests::lab::attack::Attack;
use nightshift_tests::lab::workload::Workload;
use serde_json::{Value, json};

/// Where the mark stands.
const CLAIM: &str = "nightshift.dev/claim";
const POLICY: &[&str] = &["policy"];
const COUNTERSIGN: &[&str] = &["countersign"];
/// Once a mark stands on the object the policy sees one, and the countersign refuses what it let through.
const EITHER: &[&str] = &["policy", "countersign"];

/// The mark, and nothing else.
pub(super) fn mark(mark: &str) -> Value {
    json!({"metadata": {"annotations": {CLAIM: mark}}})
}

/// A change of the spec under a mark.
fn under(text: &str, spec: &Value) -> Value {
    json!({"metadata": {"annotations": {CLAIM: text}}, "spec": spec})
}

/// One of a workload's pods that is Ready, so that nothing changes it just now: its address, and a delete of it as it is.
pub(super) async fn pod(of: &Workload) -> anyhow::Result<(String, Value)> {
    let pods = of.pods().await?;
    let ready =
        |pod: &&Value| pod.pointer("/status/containerStatuses/0/ready").is_some_and(|ready| ready == true);
    let pod = pods.iter().find(ready).context("no pod is Ready")?;
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let path = format!("/api/v1/namespaces/{}/pods/{}", of.object.namespace, text("/metadata/name"));
    let exact = json!({"preconditions": {
        "uid": text("/metadata/uid"), "resourceVersion": text("/metadata/resourceVersion"),
    }});
    Ok((path, exact))
}

/// While nothing may be written, before the vote or after the end: whatever the roles grant.
pub(super) async fn idle(shop: &Workload, op: &OpId, over: bool) -> anyhow::Result<Vec<Attack>> {
    let (path, namespace) = (shop.path(), &shop.object.namespace);
    let (policy, countersign) = (if over { EITHER } else { POLICY }, COUNTERSIGN);
    let (done, current) = (format!("done:{op}"), format!("{op}:1.1"));
    let image = json!({"template": {"spec": {"containers": [
        {"name": "app", "image": "localhost:5000/app:3"},
    ]}}});
    let account = json!({"template": {"spec": {"serviceAccountName": "admin"}}});
    let label = json!({"metadata": {"labels": {"x": "y"}, "annotations": {CLAIM: current}}});
    let preview = format!("{path}?dryRun=All");
    let patch = |what: &str, body: Value, by| Attack::patch(what, &path, body, by);
    let mut table = pods(shop, policy).await?;
    table.extend([
        patch("no grant: an unmarked patch", json!({"spec": image}), policy),
        patch("no grant: a mark of its own", mark("pro-0000000000.1:1.1"), countersign),
        patch("no grant: this operation's mark, at once", mark(&current), countersign),
        patch("no grant: an epoch that is over", mark(&format!("{op}:0.1")), countersign),
        patch("no grant: an epoch to come", mark(&format!("{op}:99.1")), countersign),
        patch("no grant: the end of a claim that never was", under(&done, &image), policy),
        patch("a preview that is stored", under(&format!("{op}:0.0"), &image), policy),
        Attack::patch(
            "a preview of what was not drafted",
            &preview,
            under(&format!("{op}:0.0"), &image),
            countersign,
        ),
        patch("no grant: other replicas", under(&current, &json!({"replicas": 9})), policy),
        patch("no grant: another service account", under(&current, &account), policy),
        patch("no grant: a label", label, policy),
        Attack::patch("/scale", &format!("{path}/scale"), json!({"spec": {"replicas": 9}}), policy),
        Attack::new("delete the workload", Method::DELETE, &path, json!({}), policy),
    ]);
    table.extend(things(namespace, &done, policy));
    Ok(table)
}

/// Pods that nobody granted.
async fn pods(shop: &Workload, policy: &'static [&'static str]) -> anyhow::Result<Vec<Attack>> {
    let (pod, exact) = pod(shop).await?;
    let (delete, post) = (Method::DELETE, Method::POST);
    let name = pod.rsplit('/').next().unwrap_or_default();
    let all = format!("/api/v1/namespaces/{}/pods", shop.object.namespace);
    let evict = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    let shell = format!("{pod}/exec?command=sh&stdout=true");
    Ok(vec![
        Attack::new("delete a pod as it is", delete.clone(), &pod, exact, COUNTERSIGN),
        Attack::new("delete a pod", delete.clone(), &pod, json!({}), policy),
        Attack::new("delete all pods", delete, &all, json!({}), policy),
        Attack::new("evict a pod", post.clone(), &format!("{pod}/eviction"), evict, policy),
        Attack::new("exec", post, &shell, json!({}), policy),
    ])
}

/// Everything that is no workload.
fn things(namespace: &str, done: &str, policy: &'static [&'static str]) -> Vec<Attack> {
    let post = |what: &str, target: &str, body: Value, by| Attack::new(what, Method::POST, target, body, by);
    let job = |mark: &str| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "evil", "labels": {"nightshift.dev/rerun-of": "u"}, "annotations": {CLAIM: mark}},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "a", "image": "busybox:1"},
            ]}}},
        })
    };
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"generateName": "x-", "namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "nightshift", "reportingInstance": "x",
        "action": "x", "reason": "RolledBack", "type": "Normal", "note": "operation pro-x.1: lies",
        "regarding": {"kind": "Deployment", "namespace": namespace, "name": "shop", "uid": "other"},
    });
    let core = format!("/api/v1/namespaces/{namespace}");
    let (jobs, events) = (
        format!("/apis/batch/v1/namespaces/{namespace}/jobs"),
        format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"),
    );
    let token = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    vec![
        post("create a Job", &jobs, job(done), COUNTERSIGN),
        post("create a Job without a mark", &jobs, job(""), policy),
        post("a lying Event", &events, event, COUNTERSIGN),
        post("a token of another account", &format!("{core}/serviceaccounts/default/token"), token, policy),
        post("a Secret", &format!("{core}/secrets"), json!({"metadata": {"name": "evil"}}), policy),
        post(
            "bind itself to cluster-admin",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            json!({
                "metadata": {"name": "evil"}, "subjects": [],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            }),
            policy,
        ),
    ]
}

/// Other objects than the approved one. `home` is nightshift's own namespace; each namespace has a Deployment `web`.
pub(super) fn elsewhere(other: &Workload, op: &OpId, away: &str, home: &str, lock: &str) -> Vec<Attack> {
    let claim = mark(&format!("{op}:1.1"));
    let web = |namespace: &str| format!("/apis/apps/v1/namespaces/{namespace}/deployments/web");
    let patch = |what: &str, target: &str, by| Attack::patch(what, target, claim.clone(), by);
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    let webhook = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{lock}");
    vec![
        patch("another proposal's mark: on another object", &other.path(), COUNTERSIGN),
        patch("another namespace", &web(away), COUNTERSIGN).says("nothing is written in namespace"),
        patch("kube-system", &web("kube-system"), POLICY),
        patch("its own workload", &web(home), POLICY),
        Attack::patch("its own webhook", &webhook, label.clone(), POLICY),
        Attack::patch("its own roles", &format!("{rbac}/clusterrolebindings/{lock}-executor"), label, POLICY),
    ]
}

/// A template with one thing more or other than the approved one.
fn bent(approved: &Value, pointer: &str, value: Value) -> anyhow::Result<Value> {
    let mut template = approved.clone();
    nightshift_tests::lab::set(&mut template, pointer, value)?;
    Ok(json!({ "template": template }))
}

/// While the approved request is on its way: the claim stands on the object, and everything is right but one thing.
pub(super) fn under_way(
    shop: &Workload,
    approved: &Value,
    op: &OpId,
    other: &OpId,
) -> anyhow::Result<Vec<Attack>> {
    let (path, done) = (shop.path(), format!("done:{op}"));
    let mut sidecar =
        approved.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
    sidecar.push(json!({"name": "evil", "image": "localhost:5000/app:1"}));
    let volume = json!([{"name": "host", "hostPath": {"path": "/etc"}}]);
    let secret = json!([{"secretRef": {"name": "any"}}]);
    let spec = |pointer: &str, value: Value| bent(approved, pointer, value);
    let one = |what: &str, spec: Value, by| {
        Attack::patch(&format!("other than approved: {what}"), &path, under(&done, &spec), by)
    };
    let labelled = json!({
        "metadata": {"labels": {"x": "y"}, "annotations": {CLAIM: done}}, "spec": {"template": approved},
    });
    Ok(vec![
        one("the image", spec("/spec/containers/0/image", json!("localhost:5000/app:3"))?, COUNTERSIGN),
        one("an env", spec("/spec/containers/0/env", json!([{"name": "X", "value": "y"}]))?, COUNTERSIGN),
        one("the arguments", spec("/spec/containers/0/args", json!(["serve", "8081"]))?, COUNTERSIGN),
        one("a sidecar", spec("/spec/containers", sidecar.into())?, COUNTERSIGN),
        one("a label of the pods", spec("/metadata/labels/x", json!("y"))?, COUNTERSIGN),
        one("replicas", json!({"template": approved, "replicas": 9}), POLICY),
        one("serviceAccountName", spec("/spec/serviceAccountName", json!("admin"))?, POLICY),
        one("a hostPath", spec("/spec/volumes", volume)?, POLICY),
        one("the node's network", spec("/spec/hostNetwork", json!(true))?, POLICY),
        one("privileged", spec("/spec/containers/0/securityContext", json!({"privileged": true}))?, POLICY),
        one("a Secret", spec("/spec/containers/0/envFrom", secret)?, POLICY),
        Attack::patch("other than approved: a label", &path, labelled, POLICY),
        Attack::patch(
            "another proposal's grant",
            &path,
            under(&format!("done:{other}"), &json!({ "template": approved })),
            POLICY,
        ),
        Attack::patch("another proposal's mark", &path, mark(&format!("{other}:1.1")), COUNTERSIGN),
        Attack::patch("an attempt that never was", &path, mark(&format!("{op}:1.7")), COUNTERSIGN),
    ])
}

/// The grant was used: the same request, byte for byte, and what else it could be made of.
pub(super) fn again(shop: &Workload, approved: &Value, op: &OpId, act: &str) -> anyhow::Result<Vec<Attack>> {
    let path = shop.path();
    let exact = serde_json::from_str(act)?;
    Ok(vec![
        Attack::patch("twice with one grant: the same bytes", &path, exact, &["its own test"])
            .content("application/json-patch+json"),
        Attack::patch(
            "twice with one grant: without its tests",
            &path,
            under(&format!("done:{op}"), &json!({ "template": approved })),
            COUNTERSIGN,
        ),
        Attack::patch("twice with one grant: claimed anew", &path, mark(&format!("{op}:1.2")), COUNTERSIGN),
    ])
}

/// The approved write itself, too late.
pub(super) fn expired(cart: &Workload, approved: &Value, op: &OpId) -> Vec<Attack> {
    let body = under(&format!("done:{op}"), &json!({ "template": approved }));
    vec![Attack::patch("an expired grant", &cart.path(), body, COUNTERSIGN).says("has run out")]
}

/// The epoch before, right after another executor took over.
pub(super) fn stale(cart: &Workload, op: &OpId, epoch: u64) -> Vec<Attack> {
    let one = |nth: u32| {
        let body = mark(&format!("{op}:{epoch}.{nth}"));
        Attack::patch(&format!("an old epoch after a takeover, {nth} of 5"), &cart.path(), body, COUNTERSIGN)
            .says("its epoch is over")
    };
    (1..=5).map(one).collect()
}
