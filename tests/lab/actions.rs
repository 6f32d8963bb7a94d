//! Every action for real: a fault on a real kubelet, the proposal, a vote signed with a key, the write and its proof; then
//! the inverse, asked for on the page, approved, carried out and judged. And a controller that puts our field back.
//!
//! Courses of one kind run side by side: each has a namespace and a nightshift of its own.

use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_engine::actions::re_run_job;
use nightshift_model::{Action, ActionKind, Kind, ObjectRef, Outcome};
use nightshift_tests::lab::keys::{Keyed, template};
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::Command;

/// The longest that the cluster may take for a step.
const PATIENCE: Duration = Duration::from_mins(3);
/// The kinds whose pods a controller makes from a template.
const WORKLOADS: [Kind; 3] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];

/// A workload of a kind with one container; two pods, of a DaemonSet one a node.
async fn made(cluster: &Cluster, namespace: &str, kind: Kind, container: Value) -> anyhow::Result<ObjectRef> {
    let mut spec = json!({
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
        },
    });
    let fields = spec.as_object_mut().context("no fields")?;
    if kind != Kind::DaemonSet {
        fields.insert("replicas".to_owned(), json!(2));
    }
    if kind == Kind::StatefulSet {
        fields.insert("serviceName".to_owned(), json!("shop"));
        fields.insert("podManagementPolicy".to_owned(), json!("Parallel"));
    }
    // The one node has the one pod of a DaemonSet: nobody minds that it is missing for a while.
    let metadata = json!({
        "name": "shop", "namespace": namespace,
        "annotations": {"nightshift.dev/restart-downtime": "accepted"},
    });
    let object = json!({"apiVersion": "apps/v1", "kind": kind.as_str(), "metadata": metadata, "spec": spec});
    let made = cluster.create(&collection(&kind, namespace)?, &object).await?;
    let uid = made.pointer("/metadata/uid").and_then(Value::as_str).context("no uid")?;
    Ok(ObjectRef::new(kind, namespace, "shop", uid))
}

fn collection(kind: &Kind, namespace: &str) -> anyhow::Result<String> {
    let (api, plural) = kind.api().context("no address")?;
    Ok(format!("{api}/namespaces/{namespace}/{plural}"))
}

fn serves() -> Value {
    json!({
        "name": "app", "image": "localhost:5000/app:1", "args": ["serve", "8080"],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    })
}

/// Serves until a file is there.
fn may_hang() -> Value {
    json!({
        "name": "app", "image": "localhost:5000/busybox:1", "command": ["sh", "-c", "sleep 100000"],
        "readinessProbe": {"exec": {"command": ["sh", "-c", "[ ! -e /tmp/hung ]"]}, "periodSeconds": 1},
    })
}

async fn hang(namespace: &str, pod: &str) -> anyhow::Result<()> {
    let touch = ["-n", namespace, "exec", pod, "--", "touch", "/tmp/hung"];
    ensure!(Command::new("kubectl").args(touch).status().await?.success(), "{pod} cannot be made to hang");
    Ok(())
}

/// A release that crashes, as `kubectl set image` makes one.
async fn breaks(cluster: &Cluster, object: &ObjectRef) -> anyhow::Result<Value> {
    let container = json!({"name": "app", "image": "localhost:5000/app:2", "args": ["crash", "1"]});
    let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    cluster.patch(&object.path().context("no path")?, &patch, "kubectl-set").await?;
    template(cluster, object).await
}

/// The proposal is carried out and proven, and what it takes back is carried out too, and found to be no success: what was
/// broken is broken again.
async fn there_and_back(
    cluster: &Cluster,
    keyed: Keyed,
    object: &ObjectRef,
    action: ActionKind,
    earlier: Option<&Value>,
) -> anyhow::Result<()> {
    let before = template(cluster, object).await?;
    let proposal = keyed.proposal(object, action, None).await?;
    ensure!(template(cluster, object).await? == before, "somebody wrote before anybody voted");
    let outcome = Keyed::written(&keyed.decided(&proposal).await?)?;
    ensure!(outcome == Outcome::Successful, "{action}: {outcome:?}");
    let after = template(cluster, object).await?;
    ensure!(after != before && earlier.is_none_or(|e| *e == after), "another template: {after}");

    keyed.take_back(&proposal).await?.context("the page offers no inverse")?;
    let back = keyed.proposal(object, action, Some(&proposal)).await?;
    ensure!(template(cluster, object).await? == after, "somebody wrote before anybody voted on the inverse");
    let outcome = Keyed::written(&keyed.decided(&back).await?)?;
    let Outcome::Failed { reverted_by: None, .. } = &outcome else { anyhow::bail!("back: {outcome:?}") };
    ensure!(template(cluster, object).await? == before, "the inverse left another template");
    done(cluster, keyed, &object.namespace).await
}

async fn done(cluster: &Cluster, keyed: Keyed, namespace: &str) -> anyhow::Result<()> {
    keyed.night.audit().await?;
    keyed.night.end().await;
    cluster.remove_namespace(namespace).await
}

/// Carries a course out for every kind of workload at once.
async fn for_each<F: Future<Output = anyhow::Result<()>>>(course: impl Fn(Kind) -> F) -> anyhow::Result<()> {
    let [one, two, three] = WORKLOADS;
    let named = |kind: Kind| {
        let name = kind.to_string();
        let running = course(kind);
        async move { running.await.context(name) }
    };
    let (one, two, three) = tokio::join!(named(one), named(two), named(three));
    one.and(two).and(three)
}

async fn rolled_back(kind: Kind) -> anyhow::Result<()> {
    let action = ActionKind::rollback(&kind).context("no rollback")?;
    let (cluster, namespace) = (Cluster::connect()?, format!("act-{action}"));
    let keyed = Keyed::start(&cluster, &namespace).await?;
    let object = made(&cluster, &namespace, kind, serves()).await?;
    keyed.night.healthy(&object, 1).await?;
    let earlier = template(&cluster, &object).await?;
    breaks(&cluster, &object).await?;
    there_and_back(&cluster, keyed, &object, action, Some(&earlier)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_workload_is_rolled_back_and_forth() -> anyhow::Result<()> {
    for_each(rolled_back).await
}

async fn raised(kind: Kind) -> anyhow::Result<()> {
    let namespace = format!("act-memory-{}", kind.as_str().to_lowercase());
    let cluster = Cluster::connect()?;
    let keyed = Keyed::start(&cluster, &namespace).await?;
    let container = json!({
        "name": "app", "image": "localhost:5000/app:1", "args": ["eat", "120"],
        "resources": {"limits": {"memory": "80Mi"}},
    });
    let object = made(&cluster, &namespace, kind, container).await?;
    there_and_back(&cluster, keyed, &object, ActionKind::RaiseMemoryLimit, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_limit_of_every_kind_of_workload_is_raised_and_put_back() -> anyhow::Result<()> {
    for_each(raised).await
}

/// There is nothing to take back of a restart: the template says what it said before.
async fn restarted(kind: Kind) -> anyhow::Result<()> {
    let namespace = format!("act-restart-{}", kind.as_str().to_lowercase());
    let cluster = Cluster::connect()?;
    let keyed = Keyed::start(&cluster, &namespace).await?;
    let object = made(&cluster, &namespace, kind, may_hang()).await?;
    keyed.night.healthy(&object, 1).await?;
    let before = template(&cluster, &object).await?;
    let old = pods(&cluster, &namespace, "uid").await?;
    for pod in pods(&cluster, &namespace, "name").await? {
        hang(&namespace, &pod).await?;
    }
    let proposal = keyed.proposal(&object, ActionKind::Restart, None).await?;
    let outcome = Keyed::written(&keyed.decided(&proposal).await?)?;
    ensure!(outcome == Outcome::Successful, "{outcome:?}");
    let fresh = pods(&cluster, &namespace, "uid").await?;
    ensure!(fresh.iter().all(|pod| !old.contains(pod)), "an old pod is left: {fresh:?}");
    let mut after = template(&cluster, &object).await?;
    let annotations = after.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let said =
        annotations.and_then(|a| a.remove("kubectl.kubernetes.io/restartedAt")).context("no annotation")?;
    let sealed = serde_json::to_value(&proposal.plan().action)?;
    ensure!(Some(&said) == sealed.get("at"), "{said} is not the sealed instant: {sealed}");
    ensure!(after.pointer("/spec") == before.pointer("/spec"), "more than the annotation was written");
    ensure!(keyed.take_back(&proposal).await?.is_none(), "the page offers to take a restart back");
    done(&cluster, keyed, &namespace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_restarted_whatever_kind_it_is() -> anyhow::Result<()> {
    for_each(restarted).await
}

/// A pod that was deleted does not come back, and its controller makes another one: there is no inverse.
#[tokio::test(flavor = "multi_thread")]
async fn the_one_pod_that_hangs_is_deleted_and_there_is_nothing_to_take_back() -> anyhow::Result<()> {
    let (cluster, namespace) = (Cluster::connect()?, "act-delete-pod");
    let keyed = Keyed::start(&cluster, namespace).await?;
    let object = made(&cluster, namespace, Kind::Deployment, may_hang()).await?;
    keyed.night.healthy(&object, 1).await?;
    let (before, old) = (template(&cluster, &object).await?, pods(&cluster, namespace, "name").await?);
    let [stuck, fine] = old.as_slice() else { anyhow::bail!("two pods are wanted: {old:?}") };
    hang(namespace, stuck).await?;
    let proposal = keyed.proposal(&object, ActionKind::DeletePod, None).await?;
    ensure!(proposal.plan().action.target().name == *stuck, "another pod: {:?}", proposal.plan().action);
    let outcome = Keyed::written(&keyed.decided(&proposal).await?)?;
    ensure!(outcome == Outcome::Successful, "{outcome:?}");
    let fresh = pods(&cluster, namespace, "name").await?;
    ensure!(fresh.len() == 2 && fresh.contains(fine) && !fresh.contains(stuck), "{old:?} became {fresh:?}");
    ensure!(template(&cluster, &object).await? == before, "the template was written");
    ensure!(keyed.take_back(&proposal).await?.is_none(), "the page offers to take a deletion back");
    done(&cluster, keyed, namespace).await
}

/// What a Job did stays done: there is no inverse. The failed one is not written, and no second copy is ever made.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_made_anew_once_and_there_is_nothing_to_take_back() -> anyhow::Result<()> {
    let (cluster, namespace) = (Cluster::connect()?, "act-re-run-job");
    let keyed = Keyed::start(&cluster, namespace).await?;
    let needs = "if [ ! -e /dependency/endpoint ]; then echo connection refused; exit 1; fi; echo synced";
    let container = json!({
        "name": "app", "image": "localhost:5000/busybox:1", "command": ["sh", "-c", needs],
        "env": [{"name": "API_TOKEN", "value": "s3cr3t-canary-of-a-job"}],
        "volumeMounts": [{"name": "dependency", "mountPath": "/dependency"}],
    });
    let volume = json!({"name": "dependency", "configMap": {"name": "dependency", "optional": true}});
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "sync", "namespace": namespace, "annotations": {"nightshift.dev/idempotent": "true"}},
        "spec": {"backoffLimit": 0, "template": {
            "metadata": {"labels": {"app": "sync"}},
            "spec": {"restartPolicy": "Never", "containers": [container], "volumes": [volume]},
        }},
    });
    let jobs = collection(&Kind::Job, namespace)?;
    let uid = cluster.create(&jobs, &job).await?;
    let uid = uid.pointer("/metadata/uid").and_then(Value::as_str).context("no uid")?;
    let failed = ObjectRef::new(Kind::Job, namespace, "sync", uid);
    let proposal = keyed.proposal(&failed, ActionKind::ReRunJob, None).await?;
    ensure!(!proposal.bytes().contains("canary"), "a secret was sealed");
    let Action::ReRunJob { version, body, .. } = &proposal.plan().action else { anyhow::bail!("no re-run") };
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dependency"}, "data": {"endpoint": "x"}});
    cluster.create(&format!("/api/v1/namespaces/{namespace}/configmaps"), &map).await?;
    let outcome = Keyed::written(&keyed.decided(&proposal).await?)?;
    ensure!(outcome == Outcome::Successful, "{outcome:?}");

    let first = cluster.get(&failed.path().context("no path")?).await?.ok()?;
    ensure!(
        first.pointer("/metadata/resourceVersion") == Some(&json!(version)),
        "the failed Job was written"
    );
    let made = re_run_job::made(&failed);
    let second = cluster.get(&made.path().context("no path")?).await?.ok()?;
    ensure!(re_run_job::digest(&failed, &second) == *body, "another Job than the approved copy: {second}");
    ensure!(second.pointer("/status/succeeded") == Some(&json!(1)), "it did not succeed: {second}");
    let all = cluster.get(&jobs).await?.ok()?;
    ensure!(
        all.pointer("/items").and_then(Value::as_array).is_some_and(|l| l.len() == 2),
        "more Jobs: {all}"
    );
    ensure!(keyed.take_back(&proposal).await?.is_none(), "the page offers to take a Job's work back");
    // The failed one still stands there, and is no incident any more.
    let open = keyed.night.incidents().await?.into_iter().filter(|i| !i.findings.is_empty()).count();
    ensure!(open == 0, "{open} incidents still see something");
    done(&cluster, keyed, namespace).await
}

/// Name or uid of the pods that stay.
async fn pods(cluster: &Cluster, namespace: &str, field: &str) -> anyhow::Result<Vec<String>> {
    let list = cluster.get(&format!("/api/v1/namespaces/{namespace}/pods")).await?.ok()?;
    let stay = |pod: &&Value| pod.pointer("/metadata/deletionTimestamp").is_none();
    let pointer = format!("/metadata/{field}");
    let one = |pod: &Value| pod.pointer(&pointer).and_then(Value::as_str).map(str::to_owned);
    let all = list.get("items").and_then(Value::as_array).context("no list")?;
    Ok(all.iter().filter(stay).filter_map(one).collect())
}

/// Argo CD's self-heal as its cluster sees it: five seconds after our write the field is as in Git again.
#[tokio::test(flavor = "multi_thread")]
async fn who_puts_our_field_back_is_named_and_nothing_is_written_again() -> anyhow::Result<()> {
    let (cluster, namespace, clock) = (Cluster::connect()?, "act-reverted", Clock::wall());
    let keyed = Keyed::start(&cluster, namespace).await?;
    let object = made(&cluster, namespace, Kind::Deployment, serves()).await?;
    keyed.night.healthy(&object, 1).await?;
    let earlier = template(&cluster, &object).await?;
    let broken = breaks(&cluster, &object).await?;
    let proposal = keyed.proposal(&object, ActionKind::RollbackDeployment, None).await?;
    let reverter = async {
        within(PATIENCE, "our write", async || {
            Ok((template(&cluster, &object).await? == earlier).then_some(()))
        })
        .await?;
        clock.sleep_real(Duration::from_secs(5)).await;
        let containers = broken.pointer("/spec/containers").context("no containers")?;
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        cluster.patch(&object.path().context("no path")?, &patch, "argocd-controller").await
    };
    let (rows, _) = tokio::try_join!(keyed.decided(&proposal), reverter)?;
    let outcome = Keyed::written(&rows)?;
    let by = if let Outcome::Failed { reverted_by, .. } = &outcome { reverted_by.as_deref() } else { None };
    ensure!(by == Some("argocd-controller"), "{outcome:?}");
    clock.sleep_real(Duration::from_secs(20)).await;
    let image = |t: &Value| t.pointer("/spec/containers/0/image").cloned();
    ensure!(image(&template(&cluster, &object).await?) == image(&broken), "somebody wrote again");
    // Neither did anybody begin to, nor does anybody ask to.
    let incident = keyed.night.incident("what came of it", &object, |_| true).await?;
    Keyed::written(&keyed.night.rows(&incident).await?)?;
    ensure!(incident.phase.proposal().is_none(), "a second proposal: {:?}", incident.phase);
    done(&cluster, keyed, namespace).await
}
