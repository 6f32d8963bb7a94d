//! The image and the chart on a real API server and a real kubelet: installed, it watches, tells and writes nothing.

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use http::Method;
use nightshift::clock::Clock;
use nightshift_model::Timestamp;
use nightshift_tests::chart::{CHART, Rendered, documents, helm, render};
use nightshift_tests::lab::away::Away;
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
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
/// This machine, as Pods reach it.
const MACHINE: &str = "10.99.0.1";
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

/// The release, with what it needs beside the chart.
struct Night {
    cluster: Cluster,
    away: Away,
    _folder: tempfile::TempDir,
}

const HOME: &str = "chart-night";
const SHOP: &str = "chart-shop";

impl Night {
    async fn install() -> anyhow::Result<Self> {
        let cluster = Cluster::connect()?;
        image().await?;
        restricted(&cluster, HOME).await?;
        cluster.namespace(SHOP).await?;
        let away = Away::open("hooks.example.test").await?;
        let key = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "channels"},
            "stringData": {"hook.key": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n"},
        });
        cluster.create(&format!("/api/v1/namespaces/{HOME}/secrets"), &key).await?;
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "company-ca"},
            "data": {"ca.crt": away.authority},
        });
        cluster.create(&format!("/api/v1/namespaces/{HOME}/configmaps"), &authority).await?;
        let (repository, tag) = IMAGE.rsplit_once(':').context("an image without a tag")?;
        let values = json!({
            "cluster": {"name": "lab", "namespaces": [SHOP]},
            "image": {"repository": repository, "tag": tag},
            "persistence": {"enabled": false}, // the lab has no storage class
            "proxy": {"https": format!("http://{MACHINE}:{}", away.proxy)},
            "extraCA": {"configMap": "company-ca"},
            "notify": {
                "existingSecret": "channels",
                "webhooks": [{"name": "hook", "url": "https://hooks.example.test/page", "secret_file": "hook.key"}],
                "digest": {"at": "08:00", "zone": "Europe/Berlin"},
            },
        });
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, values.to_string())?;
        let file = file.to_string_lossy().into_owned();
        let install = [
            "install",
            "nightshift",
            CHART,
            "--namespace",
            HOME,
            "--values",
            &file,
            "--wait",
            "--timeout",
            "3m",
        ];
        if let Err(error) = helmed(&install).await {
            let log = run("kubectl", &["--namespace", HOME, "describe", "pods"]).await.unwrap_or_default();
            let own =
                run("kubectl", &["--namespace", HOME, "logs", "nightshift-0"]).await.unwrap_or_default();
            anyhow::bail!("{error:#}\n{log}\n{own}");
        }
        Ok(Self { cluster, away, _folder: folder })
    }

    /// What a command of the program inside its Pod says.
    async fn says(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let start = ["--namespace", HOME, "exec", "nightshift-0", "--", "/nightshift"];
        run("kubectl", &[&start, arguments, &["--config", "/etc/nightshift/nightshift.yaml"]].concat()).await
    }

    /// From the container's start to Ready, and what the kubelet says it holds.
    async fn measure(&self) -> anyhow::Result<String> {
        let pod = self.cluster.get(&format!("/api/v1/namespaces/{HOME}/pods/nightshift-0")).await?.ok()?;
        let at = |value: Option<&Value>| -> anyhow::Result<Timestamp> {
            value.and_then(Value::as_str).context("no time")?.parse().map_err(anyhow::Error::msg)
        };
        let conditions =
            pod.pointer("/status/conditions").and_then(Value::as_array).context("no conditions")?;
        let ready =
            conditions.iter().find(|c| c.get("type").is_some_and(|t| t == "Ready")).context("not Ready")?;
        let started = at(pod.pointer("/status/containerStatuses/0/state/running/startedAt"))?;
        let took = at(ready.get("lastTransitionTime"))?.since(started);
        let stats = self.cluster.get("/api/v1/nodes/lab/proxy/stats/summary").await?.ok()?;
        let pods = stats.get("pods").and_then(Value::as_array).context("no statistics")?;
        let own = pods.iter().find(|p| p.pointer("/podRef/namespace").is_some_and(|n| n == HOME));
        let bytes =
            own.and_then(|p| p.pointer("/containers/0/memory/workingSetBytes")).and_then(Value::as_u64);
        Ok(format!("from start to Ready {took}, working set {} KiB", bytes.unwrap_or_default() / 1024))
    }

    /// [`only_reads`] of the account that the Pod has.
    async fn only_reads(&self) -> anyhow::Result<usize> {
        let wish = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let path = format!("/api/v1/namespaces/{HOME}/serviceaccounts/nightshift/token");
        let token = self.cluster.create(&path, &wish).await?;
        let own = self
            .cluster
            .with_token(token.pointer("/status/token").and_then(Value::as_str).context("no token")?)?;
        only_reads(&self.cluster, &own, SHOP).await
    }
}

/// Asks the API server as an account itself about every verb that changes something, on everything that it serves.
/// Answers how often it said no.
pub(super) async fn only_reads(cluster: &Cluster, own: &Cluster, place: &str) -> anyhow::Result<usize> {
    let mut wishes: Vec<[String; 4]> = Vec::new();
    for (group, resource) in served(cluster).await? {
        // What every account may: ask about itself.
        if resource.starts_with("selfsubject") {
            continue;
        }
        let (resource, part) = resource.split_once('/').unwrap_or((&resource, ""));
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            wishes.push([verb, &group, resource, part].map(str::to_owned));
        }
    }
    for (verb, group, resource, part) in [
        ("get", "", "secrets", ""),
        ("list", "", "secrets", ""),
        ("get", "", "configmaps", ""),
        ("get", "", "pods", "exec"),
        ("get", "", "nodes", "proxy"),
        ("impersonate", "", "users", ""),
        ("bind", "rbac.authorization.k8s.io", "clusterroles", ""),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles", ""),
    ] {
        wishes.push([verb, group, resource, part].map(str::to_owned));
    }
    let asked = wishes.len();
    futures::stream::iter(wishes)
            .map(async |[verb, group, resource, subresource]| {
                let review = json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                    "spec": {"resourceAttributes": {
                        "namespace": place, "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                    }},
                });
                let told = own.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await?;
                let refused = told.pointer("/status/allowed").is_some_and(|allowed| allowed == false);
                ensure!(refused, "it may {verb} {resource}/{subresource} of {group:?}: {told}");
                Ok(())
            })
            .buffer_unordered(16)
            .try_collect::<Vec<()>>()
            .await?;
    Ok(asked)
}

/// Group and name of everything that the API server serves, subresources too.
async fn served(cluster: &Cluster) -> anyhow::Result<Vec<(String, String)>> {
    let groups = cluster.get("/apis").await?.ok()?;
    let groups = groups.get("groups").and_then(Value::as_array).cloned().context("no groups")?;
    let mut paths = vec![(String::new(), "/api/v1".to_owned())];
    for group in &groups {
        let text = |pointer: &str| group.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        paths.push((text("/name").to_owned(), format!("/apis/{}", text("/preferredVersion/groupVersion"))));
    }
    let mut found = Vec::new();
    for (group, path) in paths {
        let list = cluster.get(&path).await?.ok()?;
        for resource in list.get("resources").and_then(Value::as_array).into_iter().flatten() {
            let name = resource.get("name").and_then(Value::as_str).context("a resource without a name")?;
            found.push((group.clone(), name.to_owned()));
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn installed_by_the_chart_it_sees_a_crash_loop_and_tells_it_through_the_proxy() -> anyhow::Result<()> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    let night = Night::install().await?;
    println!("chart: installed and Ready after {:?}", clock.monotonic().saturating_sub(began));
    let tested = helmed(&["test", "nightshift", "--namespace", HOME, "--logs", "--timeout", "2m"]).await?;
    ensure!(tested.contains("0 missing") && tested.contains("a proxy, as the environment says"), "{tested}");
    ensure!(tested.contains("excess rights: none"), "{tested}");
    println!("chart: at rest {}", night.measure().await?);
    let refused = night.only_reads().await?;
    ensure!(refused > 300, "only {refused} rights were asked about");
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
