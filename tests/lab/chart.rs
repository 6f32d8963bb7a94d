//! The image and the chart on a real API server and a real kubelet: installed, it watches, tells and writes nothing.

use super::observer::Observer;
use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use http::Method;
use nightshift::clock::Clock;
use nightshift_tests::chart::{Rendered, documents, helm, render};
use nightshift_tests::lab::discovery::served;
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// An image pull, a start, a crash loop's third restart: nothing here takes longer.
const PATIENCE: Duration = Duration::from_mins(3);
/// Namespaces that cases of the chart name.
const NAMED: [&str; 4] = ["shop", "payments", "bank", "logs"];
/// The image in the lab's registry.
pub(super) const IMAGE: &str = "localhost:5000/nightshift:chart";

/// Both streams of a program that ended.
pub(super) struct Said<'a>(pub(super) &'a Output);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", String::from_utf8_lossy(&self.0.stdout), String::from_utf8_lossy(&self.0.stderr))
    }
}

pub(super) async fn run(program: &str, arguments: &[impl AsRef<OsStr>]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().await;
    let output = output.with_context(|| format!("cannot start {program}"))?;
    ensure!(output.status.success(), "{program}: {}", Said(&output));
    Ok(String::from_utf8(output.stdout)?)
}

pub(super) async fn helmed(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::from(helm()?).args(arguments).output().await?;
    ensure!(output.status.success(), "helm {arguments:?}: {}", Said(&output));
    Ok(Said(&output).to_string())
}

/// Hands the image that tests/run built to the lab's registry, from which the kubelet has to pull it.
pub(super) async fn image() -> anyhow::Result<()> {
    static PUSHED: OnceCell<()> = OnceCell::const_new();
    let push = async || {
        let archive = std::env::var("NIGHTSHIFT_IMAGE").context(
            "NIGHTSHIFT_IMAGE names no archive: daemon/image/build makes one, and tests/run calls it",
        )?;
        let (from, to) = (format!("oci-archive:{archive}"), format!("docker://{IMAGE}"));
        run("skopeo", &["copy", "--quiet", "--dest-tls-verify=false", &from, &to]).await.map(drop)
    };
    PUSHED.get_or_try_init(push).await.copied()
}

/// A namespace that takes no Pod but a restricted one.
pub(super) async fn restricted(cluster: &Cluster, name: &str) -> anyhow::Result<()> {
    cluster.namespace(name).await?;
    let labels = json!({"metadata": {"labels": {
        "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
    }}});
    cluster.patch(&format!("/api/v1/namespaces/{name}"), &labels, "lab").await.map(drop)
}

/// Where objects of a kind are made; none for kinds that this API server does not know.
fn collection(object: &Value) -> Option<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let plural = match text("/kind") {
        "NetworkPolicy" => "networkpolicies",
        "Ingress" => "ingresses",
        "PodDisruptionBudget" => "poddisruptionbudgets",
        "ServiceAccount" => "serviceaccounts",
        "ConfigMap" => "configmaps",
        "Secret" => "secrets",
        "Role" => "roles",
        "ClusterRole" => "clusterroles",
        "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding" => "validatingadmissionpolicybindings",
        "ValidatingWebhookConfiguration" => "validatingwebhookconfigurations",
        "ClusterRoleBinding" => "clusterrolebindings",
        "RoleBinding" => "rolebindings",
        "Service" => "services",
        "StatefulSet" => "statefulsets",
        "CustomResourceDefinition" => "customresourcedefinitions",
        "Pod" => "pods",
        _ => return None,
    };
    let version = text("/apiVersion");
    let api = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let namespace = text("/metadata/namespace");
    Some(if namespace.is_empty() {
        format!("{api}/{plural}")
    } else {
        format!("{api}/namespaces/{namespace}/{plural}")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_everything_that_the_chart_renders() -> anyhow::Result<()> {
    let cluster = Cluster::connect()?;
    restricted(&cluster, "chart-dry").await?;
    for name in NAMED {
        cluster.namespace(name).await?;
    }
    // A trial run leaves nothing behind, and a Pod wants its account to be there.
    for name in ["nightshift", "nightshift-executor"] {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        cluster.create("/api/v1/namespaces/chart-dry/serviceaccounts", &account).await?;
    }
    let (mut taken, mut unknown) = (0, Vec::new());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("chart/values");
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        let Rendered::Yaml(yaml) = render(&file, &["--namespace", "chart-dry"])? else {
            anyhow::bail!("{} is not rendered", file.display());
        };
        for object in documents(&yaml)? {
            let Some(collection) = collection(&object) else {
                unknown.push(object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned());
                continue;
            };
            // A misspelt field is refused, not dropped.
            let target = format!("{collection}?dryRun=All&fieldValidation=Strict");
            let body = Some(("application/json", object.to_string()));
            let answer = cluster.send(Method::POST, &target, body).await?;
            // The accounts, and what is the whole cluster's: another test may have put it there.
            let shared = [".nightshift.dev", "nightshift-approver", "nightshift-visitor"];
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let there = answer.status == http::StatusCode::CONFLICT
                && (collection.ends_with("/serviceaccounts") || shared.iter().any(|end| name.ends_with(end)));
            ensure!(there || answer.status.is_success(), "{}: {}", file.display(), answer.body);
            taken += 1;
        }
    }
    ensure!(taken > 50, "only {taken} objects were tried");
    unknown.sort();
    println!("chart: the API server takes {taken} objects; no such kind here: {}", unknown.join(", "));
    for name in ["chart-dry"].iter().chain(&NAMED) {
        cluster.remove_namespace(name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_plays_the_demo() -> anyhow::Result<()> {
    let cluster = Cluster::connect()?;
    image().await?;
    restricted(&cluster, "chart-demo").await?;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo", "namespace": "chart-demo"},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "demo", "image": IMAGE, "args": ["demo", "--unattended"],
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    });
    cluster.create("/api/v1/namespaces/chart-demo/pods", &pod).await?;
    let phase = within(PATIENCE, "the demo ends", async || {
        let pod = cluster.get("/api/v1/namespaces/chart-demo/pods/demo").await?.ok()?;
        let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(matches!(phase.as_str(), "Succeeded" | "Failed").then_some(phase))
    })
    .await?;
    let log = run("kubectl", &["--namespace", "chart-demo", "logs", "demo"]).await?;
    ensure!(phase == "Succeeded" && log.contains("the incident is Closed: Successful"), "{phase}: {log}");
    cluster.remove_namespace("chart-demo").await
}

const HOME: &str = "chart-night";
const SHOP: &str = "chart-shop";

/// Verbs that mean something to the API server and stand in no resource's list: verb, group, resource.
const UNLISTED: [[&str; 3]; 11] = [
    ["*", "*", "*"],
    ["bind", RBAC, "clusterroles"],
    ["bind", RBAC, "roles"],
    ["escalate", RBAC, "clusterroles"],
    ["escalate", RBAC, "roles"],
    ["impersonate", "", "users"],
    ["impersonate", "", "groups"],
    ["impersonate", "", "serviceaccounts"],
    ["approve", "certificates.k8s.io", "signers"],
    ["sign", "certificates.k8s.io", "signers"],
    ["attest", "certificates.k8s.io", "signers"],
];
const RBAC: &str = "rbac.authorization.k8s.io";

/// Asks the API server as an account itself about every verb that it knows but get, list and watch, on everything that it
/// serves, and about what looks like reading and is more. In each of these places; the empty one is the whole cluster.
/// Answers how often it said no.
pub(super) async fn only_reads(cluster: &Cluster, own: &Cluster, places: &[&str]) -> anyhow::Result<usize> {
    let all = served(cluster).await?;
    // What can be done to one resource is asked about each.
    let verbs: BTreeSet<&str> = all.iter().flat_map(|one| one.verbs.iter().map(String::as_str)).collect();
    let reads = |verb: &str| matches!(verb, "get" | "list" | "watch");
    let writes = verbs.iter().filter(|verb| !reads(verb)).count();
    ensure!(writes >= 5, "the API server knows {verbs:?} only");
    let mut wishes: BTreeSet<[&str; 4]> =
        UNLISTED.iter().map(|[verb, group, resource]| [*verb, *group, *resource, ""]).collect();
    for one in &all {
        // What every account may: ask about itself.
        if one.name.starts_with("selfsubject") {
            continue;
        }
        let (resource, part) = one.name.split_once('/').unwrap_or((&one.name, ""));
        // GET is all that a way into a container, or past the API server, takes.
        let enters = matches!(part, "exec" | "attach" | "portforward" | "proxy");
        let holds_data = one.group.is_empty() && matches!(resource, "secrets" | "configmaps");
        let asked = verbs.iter().filter(|verb| !reads(verb) || enters || holds_data);
        wishes.extend(asked.map(|verb| [*verb, &one.group, resource, part]));
    }
    let reviews = wishes.iter().flat_map(|wish| places.iter().map(move |place| (*wish, *place)));
    let reviews: Vec<([&str; 4], &str)> = reviews.collect();
    let asked = reviews.len();
    futures::stream::iter(reviews)
        .map(async |([verb, group, resource, subresource], place)| {
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {
                    "namespace": place, "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                }},
            });
            let told = own.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await?;
            let refused = told.pointer("/status/allowed").is_some_and(|allowed| allowed == false);
            ensure!(refused, "it may {verb} {resource}/{subresource} of {group:?} in {place:?}: {told}");
            Ok(())
        })
        .buffer_unordered(16)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn installed_by_the_chart_it_sees_a_crash_loop_and_tells_it_through_the_proxy() -> anyhow::Result<()> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    Cluster::connect()?.namespace(SHOP).await?;
    let night = Observer::install(HOME, &[SHOP], &json!({})).await?;
    println!("chart: installed and Ready after {:?}", clock.monotonic().saturating_sub(began));
    let tested = helmed(&["test", "nightshift", "--namespace", HOME, "--logs", "--timeout", "2m"]).await?;
    ensure!(tested.contains("0 missing") && tested.contains("a proxy, as the environment says"), "{tested}");
    ensure!(tested.contains("excess rights: none"), "{tested}");
    println!("chart: at rest {}", night.measure().await?);
    let refused = only_reads(&night.cluster, &night.account().await?, &[SHOP, HOME, ""]).await?;
    ensure!(refused > 1_500, "only {refused} rights were asked about");
    println!("chart: of {refused} rights to change something or to read a secret, the account has none");

    let shop = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": SHOP},
        "spec": {
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "app", "image": "localhost:5000/app:2", "args": ["crash", "1"]}]},
            },
        },
    });
    night.cluster.create(&format!("/apis/apps/v1/namespaces/{SHOP}/deployments"), &shop).await?;
    let heard = within(PATIENCE, "a message about the crash loop", async || {
        Ok(night.away.heard().into_iter().find(|text| text.contains("CrashLoopBackOff")))
    })
    .await?;
    ensure!(heard.starts_with("POST /page ") && heard.contains(SHOP), "{heard}");
    let asked = night.away.asked();
    ensure!(
        !asked.is_empty() && asked.iter().all(|line| line.contains(" hooks.example.test:443 ")),
        "{asked:?}"
    );

    let incidents: Value = serde_json::from_str(&night.says(&["incidents", "-o", "json"]).await?)?;
    let one = incidents.get(0).context("no incident")?;
    for (field, value) in [("reason", "CrashLoopBackOff"), ("namespace", SHOP), ("name", "shop")] {
        ensure!(one.get(field).is_some_and(|v| v == value), "{field}: {one}");
    }

    // The zone's rules are in the program, and no file of them is in the image. Clocks went forward on 29 March 2026 and
    // back on 25 October: the same hour of UTC is another of Berlin.
    for (from, to, told) in [
        ("2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z", "Sat 23:00 to Sun 08:00 Europe/Berlin"),
        ("2026-10-24T22:00:00Z", "2026-10-25T07:00:00Z", "Sun 00:00 to Sun 08:00 Europe/Berlin"),
    ] {
        let digest = night.says(&["digest", "--from", from, "--to", to]).await?;
        ensure!(digest.contains(told), "{told}: {digest}");
    }

    helmed(&["uninstall", "nightshift", "--namespace", HOME, "--wait"]).await?;
    let role = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{HOME}-nightshift");
    ensure!(night.cluster.get(&role).await?.status == http::StatusCode::NOT_FOUND, "a role was left behind");
    for name in [HOME, SHOP] {
        night.cluster.remove_namespace(name).await?;
    }
    Ok(())
}
