//! The lock on the real API server. An executor that holds every right there is cannot write what was not approved; what was
//! approved passes from the vote to the Event; and nobody else ever meets it, whatever of it is missing.

use anyhow::{Context as _, ensure};
use http::Method;
use nightshift::cluster::Reader;
use nightshift::config;
use nightshift::runtime::{closings, countersign};
use nightshift_engine::lock::LockMode;
use nightshift_model::{Incident, Outcome, Phase, Plan};
use nightshift_tests::lab::lock::{Lock, refused_by};
use nightshift_tests::lab::night::{Night, Wanted, judged};
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Answer, Cluster, identity, within};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A nightshift whose executor may do everything, behind the lock.
async fn behind(
    lock: &Lock,
    night: &Night,
    responder: &Cluster,
    folder: &tempfile::TempDir,
) -> anyhow::Result<()> {
    let port = free_port()?;
    lock.install(&lock.objects(port)).await?;
    let settings = config::Countersign {
        mode: LockMode::Webhook,
        lock: lock.name.clone(),
        executor: lock.executor(),
        listen: (Ipv4Addr::LOCALHOST, port).into(),
        names: vec!["127.0.0.1".to_owned()],
    };
    let reader = Reader::connect(&identity::access(responder, folder.path(), "countersign")?).await?;
    countersign::open(&night.running, &settings, reader, folder.path(), &mut Registry::default()).await?;
    lock.trusted().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_with_every_right_writes_what_was_approved_and_nothing_else() -> anyhow::Result<()> {
    let admin = Cluster::connect()?;
    let (lock, identities) = Lock::accounts(&admin, "lock-home").await?;
    let namespace = "lock-shop";
    admin.namespace(namespace).await?;
    let folder = tempfile::tempdir()?;
    let (executor, responder) = (identities.executor.clone(), identities.responder.clone());
    let lock_wanted = closings::lock::Wanted { mode: LockMode::Webhook, name: lock.name.clone() };
    let wanted = Wanted {
        namespace: namespace.to_owned(),
        identities,
        executor: None,
        registry: None,
        lock: Some(lock_wanted),
    };
    let night = Night::start(wanted).await?;
    let seen = night.running.closings.clone();
    let stands = async |what: &str, wanted: fn(Option<String>) -> bool| {
        within(Duration::from_secs(90), what, async || Ok(wanted(seen.borrow().everywhere()).then_some(())))
            .await
    };
    stands("without a lock the executor closes itself", |why| {
        why.is_some_and(|why| why.contains("nobody refused it"))
    })
    .await?;
    behind(&lock, &night, &responder, &folder).await?;
    stands("with the lock it opens", |why| why.is_none()).await?;
    let shop = Workload::serve(&admin, namespace, &Value::Null).await?;
    // The policy reaches the API server a moment after it is stored.
    let unmarked = json!({"metadata": {"labels": {"x": "y"}}}).to_string();
    within(Duration::from_secs(30), "the lock is in force", async || {
        let target = format!("{}?dryRun=All", shop.path());
        let answer = executor.send(Method::PATCH, &target, Some((MERGE, unmarked.clone()))).await?;
        Ok((refused_by(&lock.name, &answer) == "policy").then_some(()))
    })
    .await?;
    night.healthy(&shop.object, 1).await?;
    let earlier = shop.template().await?;

    shop.release(&Version::BAD).await?;
    let proposal = night.proposal(&shop.object).await?;
    let before = attacks(&lock, &executor, &shop, proposal.plan(), false).await?;
    night.approve(&proposal).await?;
    let over = |i: &Incident| matches!(i.phase, Phase::Closed { .. } | Phase::Escalated { .. });
    let done = night.incident("the end", &shop.object, over).await?;
    let rows = night.rows(&done).await?;
    ensure!(judged(&rows) == Some(Outcome::Successful), "{:?}; {:?}", judged(&rows), done.phase);
    shop.is_back(&earlier).await?;
    let events = admin.get(&format!("/api/v1/namespaces/{namespace}/events")).await?.ok()?;
    ensure!(events.to_string().contains("\"RolledBack\""), "no Event tells of it");
    let after = attacks(&lock, &executor, &shop, proposal.plan(), true).await?;
    shop.is_back(&earlier).await?;
    println!("attacks with every right: {} tried, 0 passed", before + after);
    night.audit().await?;
    night.end().await;
    lock.remove(&lock.objects(1)).await?;
    admin.remove_namespace(namespace).await?;
    lock.end().await
}

/// Tries what a stolen credential would. Answers how much was tried; whatever passes is a failure.
async fn attacks(
    lock: &Lock,
    executor: &Cluster,
    shop: &Workload,
    plan: &Plan,
    done_before: bool,
) -> anyhow::Result<usize> {
    let (path, namespace) = (shop.path(), &shop.object.namespace);
    let (op, claim) = (&plan.op, "nightshift.dev/claim");
    let mark = |mark: &str| json!({"metadata": {"annotations": {claim: mark}}});
    let under = |text: &str, spec: Value| json!({"metadata": {"annotations": {claim: text}}, "spec": spec});
    let image =
        json!({"template": {"spec": {"containers": [{"name": "app", "image": "localhost:5000/app:3"}]}}});
    let done = format!("done:{op}");
    let pods = shop.pods().await?;
    let pod = pods.first().context("no pod")?;
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let pod_path = format!("/api/v1/namespaces/{namespace}/pods/{}", text("/metadata/name"));
    let exact = json!({"preconditions": {"uid": text("/metadata/uid"), "resourceVersion": text("/metadata/resourceVersion")}});
    let job = |mark: &str| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "evil", "labels": {"nightshift.dev/rerun-of": "u"}, "annotations": {claim: mark}},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox:1"}]}}},
        })
    };
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"generateName": "x-", "namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "nightshift", "reportingInstance": "x",
        "action": "x", "reason": "RolledBack", "type": "Normal", "note": "operation pro-x.1: lies",
        "regarding": {"kind": "Deployment", "namespace": namespace, "name": "shop", "uid": "other"},
    });
    let (patch, post, delete) = (Method::PATCH, Method::POST, Method::DELETE);
    let batch = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let table: Vec<(&str, &Method, String, &str, Value, &str)> = vec![
        ("delete a pod as it is", &delete, pod_path.clone(), JSON, exact, "countersign"),
        ("an unmarked patch", &patch, path.clone(), MERGE, image.clone(), "policy"),
        ("a mark of its own", &patch, path.clone(), MERGE, mark("pro-0000000000.1:1.1"), "countersign"),
        (
            "this operation's mark, at once",
            &patch,
            path.clone(),
            MERGE,
            mark(&format!("{op}:1.1")),
            "countersign",
        ),
        ("an epoch that is over", &patch, path.clone(), MERGE, mark(&format!("{op}:0.1")), "countersign"),
        ("an epoch to come", &patch, path.clone(), MERGE, mark(&format!("{op}:99.1")), "countersign"),
        (
            "the end of a claim that never was",
            &patch,
            path.clone(),
            MERGE,
            under(&done, image.clone()),
            "policy",
        ),
        (
            "a preview that is stored",
            &patch,
            path.clone(),
            MERGE,
            under(&format!("{op}:0.0"), image.clone()),
            "policy",
        ),
        (
            "a preview of something else",
            &patch,
            format!("{path}?dryRun=All"),
            MERGE,
            under(&format!("{op}:0.0"), image),
            "countersign",
        ),
        (
            "other replicas",
            &patch,
            path.clone(),
            MERGE,
            under(&format!("{op}:1.1"), json!({"replicas": 9})),
            "policy",
        ),
        (
            "another account",
            &patch,
            path.clone(),
            MERGE,
            under(&format!("{op}:1.1"), json!({"template": {"spec": {"serviceAccountName": "admin"}}})),
            "policy",
        ),
        (
            "a label",
            &patch,
            path.clone(),
            MERGE,
            json!({"metadata": {"labels": {"x": "y"}, "annotations": {claim: format!("{op}:1.1")}}}),
            "policy",
        ),
        ("/scale", &patch, format!("{path}/scale"), MERGE, json!({"spec": {"replicas": 9}}), "policy"),
        ("delete the workload", &delete, path.clone(), JSON, json!({}), "policy"),
        ("delete a pod", &delete, pod_path.clone(), JSON, json!({}), "policy"),
        (
            "delete all pods",
            &delete,
            format!("/api/v1/namespaces/{namespace}/pods"),
            JSON,
            json!({}),
            "policy",
        ),
        (
            "evict a pod",
            &post,
            format!("{pod_path}/eviction"),
            JSON,
            json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": text("/metadata/name")}}),
            "policy",
        ),
        ("exec", &post, format!("{pod_path}/exec?command=sh&stdout=true"), JSON, json!({}), "policy"),
        ("a Job", &post, batch.clone(), JSON, job(&done), "countersign"),
        ("a Job without a mark", &post, batch, JSON, job(""), "policy"),
        (
            "a lying Event",
            &post,
            format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"),
            JSON,
            event,
            "countersign",
        ),
        (
            "a token of another account",
            &post,
            format!("/api/v1/namespaces/{namespace}/serviceaccounts/default/token"),
            JSON,
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
            "policy",
        ),
        (
            "a role",
            &post,
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings".to_owned(),
            JSON,
            json!({"metadata": {"name": "evil"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin"}, "subjects": []}),
            "policy",
        ),
        (
            "a Secret",
            &post,
            format!("/api/v1/namespaces/{namespace}/secrets"),
            JSON,
            json!({"metadata": {"name": "evil"}}),
            "policy",
        ),
        (
            "its own webhook",
            &patch,
            format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}", lock.name),
            MERGE,
            json!({"metadata": {"labels": {"x": "y"}}}),
            "policy",
        ),
    ];
    let tried = table.len();
    let when = if done_before { "after it was done" } else { "while it waits for a vote" };
    println!("\nattacks {when}:\n{:34} refused by", "tried");
    for (what, method, target, content, body, by) in table {
        let answer: Answer =
            executor.send(method.clone(), &target, Some((content, body.to_string()))).await?;
        let who = refused_by(&lock.name, &answer);
        println!("{what:34} {who}");
        // The mark of what was done stays on the object, and with it the policy sees one: then the countersign refuses.
        let other = done_before && by == "policy" && who == "countersign";
        ensure!(who == by || other, "{what}: {who} instead of {by}: {} {}", answer.status, answer.body);
    }
    Ok(tried)
}
