//! `mode: approve` in the cluster, profile small: one Pod, two identities. What each may, a rollout that a person approves with
//! a key, and an executor that closes itself while its account may too much.

use super::chart::{IMAGE, Said, helmed, image, only_reads, restricted, run};
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_tests::chart::CHART;
use nightshift_tests::lab::lock::refused_by;
use nightshift_tests::lab::program::binary;
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// A rollout, a proof, two looks at rights: nothing here takes longer.
const PATIENCE: Duration = Duration::from_mins(4);
const HOME: &str = "approve-home";
const SHOP: &str = "approve-shop";
const BANK: &str = "approve-bank";
/// What a right too many is called here.
const TOO_MUCH: &str = "approve-too-much";
/// Where the forwarded gate is.
const GATE: &str = "http://127.0.0.1:18080";

/// The release, and alice with her key.
struct Release {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl Release {
    async fn install() -> anyhow::Result<Self> {
        let cluster = Cluster::connect()?;
        image().await?;
        restricted(&cluster, HOME).await?;
        for namespace in [SHOP, BANK] {
            cluster.namespace(namespace).await?;
        }
        let release = Self { cluster, folder: tempfile::tempdir()? };
        let key =
            release.local(&["person", "key", "new", "alice", "--out", &release.file("alice.pem")]).await?;
        let line =
            key.lines().find_map(|line| line.trim().strip_prefix("- { kind: ed25519")).context("no key")?;
        let key: Value = serde_saphyr::from_str(&format!("{{ kind: ed25519{line}"))?;
        let signed = json!({"approve": 1, "min_proof": "signed"});
        let (repository, tag) = IMAGE.rsplit_once(':').context("an image without a tag")?;
        let values = json!({
            "cluster": {"name": "lab", "namespaces": [SHOP, BANK]},
            "mode": "approve",
            "actions": {"namespaces": [SHOP, BANK], "disabled": ["re-run-job"]},
            "image": {"repository": repository, "tag": tag},
            "persistence": {"enabled": false}, // the lab has no storage class
            "persons": [{"name": "alice", "roles": ["on-call"], "keys": [key]}],
            "roles": {"on-call": {"owners": ["*"], "may": ["view", "approve", "admin"]}},
            "policy": {
                "approvals": {"low": signed, "medium": signed}, "accept_non_interactive": true,
                "healthy_after": "15s", "soak": {"low": "20s", "medium": "20s", "high": "20s"},
                "soak_crash_loop": "20s", "measure_every": "5s",
            },
        });
        std::fs::write(release.file("values.yaml"), values.to_string())?;
        let values = release.file("values.yaml");
        let wait = ["--values", &values, "--wait", "--timeout", "4m"];
        let install = [&["install", "nightshift", CHART, "--namespace", HOME], &wait[..]].concat();
        if let Err(error) = helmed(&install).await {
            let pods = run("kubectl", &["--namespace", HOME, "describe", "pods"]).await.unwrap_or_default();
            let logs = ["--namespace", HOME, "logs", "nightshift-0", "--all-containers", "--tail", "40"];
            anyhow::bail!("{error:#}\n{pods}\n{}", run("kubectl", &logs).await.unwrap_or_default());
        }
        Ok(release)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// The program on this machine.
    async fn local(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let out = Command::new(binary()?).args(arguments).stdin(Stdio::null()).output().await?;
        ensure!(out.status.success(), "{arguments:?}: {}", Said(&out));
        Ok(String::from_utf8(out.stdout)?)
    }

    /// What the program says in a container of its Pod, whatever its exit code.
    async fn says(&self, container: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let file = if container == "executor" { "executor" } else { "nightshift" };
        let config = format!("/etc/nightshift/{file}.yaml");
        let start =
            ["--namespace", HOME, "exec", "nightshift-0", "--container", container, "--", "/nightshift"];
        let all = [&start[..], arguments, &["--config", &config]].concat();
        let out = Command::new("kubectl").args(all).stdin(Stdio::null()).output().await?;
        Ok(Said(&out).to_string())
    }

    /// What it says as JSON.
    async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.says("responder", &[arguments, &["-o", "json"]].concat()).await?;
        serde_json::from_str(&said).with_context(|| format!("{arguments:?}: {said}"))
    }

    /// The same API server with an account's own token.
    async fn account(&self, name: &str) -> anyhow::Result<Cluster> {
        let wish = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let path = format!("/api/v1/namespaces/{HOME}/serviceaccounts/{name}/token");
        let made = self.cluster.create(&path, &wish).await?;
        self.cluster.with_token(made.pointer("/status/token").and_then(Value::as_str).context("no token")?)
    }

    /// `/readyz` or `/metrics` of the responder, through the Service.
    async fn health(&self, path: &str) -> anyhow::Result<String> {
        let service =
            self.cluster.get(&format!("/api/v1/namespaces/{HOME}/services/nightshift")).await?.ok()?;
        let address = service.pointer("/spec/clusterIP").and_then(Value::as_str).context("no address")?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(http.get(format!("http://{address}:8081{path}")).send().await?.text().await?)
    }

    /// Waits until readiness says something, or no longer does.
    async fn told(&self, what: &str, text: &str, wanted: bool) -> anyhow::Result<()> {
        within(PATIENCE, what, async || {
            Ok((self.health("/readyz").await?.contains(text) == wanted).then_some(()))
        })
        .await
        .with_context(|| format!("{text:?}"))
    }

    /// How often the history holds an event.
    async fn recorded(&self, kind: &str) -> anyhow::Result<usize> {
        let export = self.says("responder", &["audit", "export"]).await?;
        Ok(export.matches(&format!("\"kind\":\"{kind}\"")).count())
    }

    /// kubectl's way to the Pod's own loopback address.
    async fn forward(&self) -> anyhow::Result<Child> {
        let arguments = ["--namespace", HOME, "port-forward", "nightshift-0", "18080:8080"];
        let child = Command::new("kubectl")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        within(PATIENCE, "the gate is forwarded", async || {
            Ok(http.get(format!("{GATE}/signin/none")).send().await.ok().map(drop))
        })
        .await?;
        Ok(child)
    }
}

/// Whether an account may do something, by its own question: verb, group, resource, subresource, namespace.
async fn may(account: &Cluster, wish: [&str; 5]) -> anyhow::Result<bool> {
    let [verb, group, resource, subresource, namespace] = wish;
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": namespace,
        }},
    });
    let told = account.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &review).await?;
    told.pointer("/status/allowed").and_then(Value::as_bool).context("no answer")
}

/// What the executor's account may, and what it may not. Answers how many rights were asked about.
async fn two_identities(release: &Release) -> anyhow::Result<usize> {
    let executor = release.account("nightshift-executor").await?;
    let yes = [
        ["get", "", "namespaces", "", ""],
        ["list", "", "nodes", "", ""],
        ["patch", "apps", "deployments", "", SHOP],
        ["patch", "apps", "statefulsets", "", BANK],
        ["delete", "", "pods", "", SHOP],
        ["list", "", "pods", "", BANK],
        ["create", "events.k8s.io", "events", "", SHOP],
    ];
    let no = [
        ["patch", "apps", "deployments", "", ""],
        ["patch", "apps", "deployments", "", "default"],
        ["patch", "apps", "statefulsets", "", HOME],
        ["patch", "apps", "deployments", "", "kube-system"],
        ["update", "apps", "deployments", "", SHOP],
        ["delete", "apps", "deployments", "", SHOP],
        ["create", "apps", "deployments", "", SHOP],
        ["patch", "apps", "deployments", "scale", SHOP],
        ["create", "batch", "jobs", "", SHOP], // re-run-job is switched off
        ["create", "", "pods", "", SHOP],
        ["create", "", "pods", "exec", SHOP],
        ["get", "", "pods", "log", SHOP],
        ["get", "", "secrets", "", SHOP],
        ["list", "", "secrets", "", HOME],
        ["get", "", "secrets", "", HOME],
        ["get", "", "configmaps", "", HOME],
        ["create", "", "serviceaccounts", "token", HOME],
        ["impersonate", "", "users", "", ""],
        ["bind", "rbac.authorization.k8s.io", "clusterroles", "", ""],
        ["patch", "rbac.authorization.k8s.io", "roles", "", SHOP],
        ["watch", "", "pods", "", SHOP],
    ];
    for (wishes, wanted) in [(&yes[..], true), (&no[..], false)] {
        for wish in wishes {
            ensure!(may(&executor, *wish).await? == wanted, "the executor's account, {wish:?}: not {wanted}");
        }
    }
    let reader = only_reads(&release.cluster, &release.account("nightshift").await?, SHOP).await?;
    // Each container holds the token of its own account, and of no other.
    let executor = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(executor.contains("0 missing") && executor.contains("excess rights: none"), "{executor}");
    let responder = release.says("responder", &["check", "--role", "responder"]).await?;
    ensure!(responder.contains("0 missing") && responder.contains("excess rights: none"), "{responder}");
    let crossed = release.says("responder", &["check", "--role", "executor"]).await?;
    ensure!(crossed.contains("rights of the executor: patch deployments.apps in approve-shop"), "{crossed}");
    Ok(yes.len() + no.len() + reader)
}

/// Who has the executor's token cannot write: the API server refuses, in two ways.
async fn locked(release: &Release, shop: &Workload) -> anyhow::Result<()> {
    release.told("the executor opens behind its lock", "\"execution", false).await?;
    let check = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(check.contains("three locks hold"), "{check}");
    let executor = release.account("nightshift-executor").await?;
    let lock = format!("{HOME}-nightshift-lock");
    let bare = json!({"metadata": {"labels": {"x": "y"}}});
    let marked = json!({"metadata": {"annotations": {"nightshift.dev/claim": "pro-0000000000.1:1.1"}}});
    for (body, by) in [(bare, "policy"), (marked, "countersign")] {
        let patch = Some(("application/merge-patch+json", body.to_string()));
        let answer = executor.send(http::Method::PATCH, &shop.path(), patch).await?;
        ensure!(refused_by(&lock, &answer) == by, "{by}: {} {}", answer.status, answer.body);
    }
    Ok(())
}

/// A Deployment is broken by a rollout, and put back by what alice signs.
async fn approved(release: &Release) -> anyhow::Result<()> {
    let shop = Workload::serve(&release.cluster, SHOP, &Value::Null).await?;
    locked(release, &shop).await?;
    let earlier = shop.template().await?;
    within(PATIENCE, "the healthy revision is recorded", async || {
        Ok((release.recorded("healthy-seen").await? > 0).then_some(()))
    })
    .await?;
    shop.release(&Version::BAD).await?;
    let line = within(PATIENCE, "a proposal", async || {
        let waiting = release.json(&["proposals"]).await?;
        Ok(waiting.get(0).cloned().filter(|line| line.get("state").is_some_and(|s| s == "Proposed")))
    })
    .await?;
    let of = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    ensure!(of("action") == "rollback-deployment" && of("namespace") == SHOP, "{line}");
    ensure!(shop.template().await? != earlier, "somebody wrote before anybody voted");

    let mut forward = release.forward().await?;
    let (id, key, digest) = (of("id"), release.file("alice.pem"), of("digest"));
    let approve = ["approve", &id, "--server", GATE, "--key", &key, "--digest", &digest];
    // On a busy machine a self-test may time out; while the lock does not answer, no vote is taken.
    within(PATIENCE, "the vote is taken", async || match release.local(&approve).await {
        Ok(said) if said.contains("You approved") => Ok(Some(())),
        Err(error) if error.to_string().contains("(kill-switch)") => Ok(None),
        Ok(said) => anyhow::bail!("{said}"),
        Err(error) => Err(error),
    })
    .await?;
    forward.kill().await?;
    let incident = of("incident");
    let over = within(PATIENCE, "the end", async || {
        let all = release.json(&["incidents", "--all"]).await?;
        let mine =
            all.as_array().into_iter().flatten().find(|one| one.get("id").is_some_and(|id| *id == incident));
        let phase = mine.and_then(|one| one.get("phase")).and_then(Value::as_str).unwrap_or_default();
        Ok(matches!(phase, "Closed" | "Escalated").then(|| phase.to_owned()))
    })
    .await?;
    let shown = release.says("responder", &["proposals", "show", &of("id")]).await?;
    ensure!(over == "Closed" && shown.contains("Successful"), "{over}: {shown}");
    shop.is_back(&earlier).await?;
    let live = shop.get().await?;
    let managers = live.pointer("/metadata/managedFields").context("no managers")?;
    ensure!(managers.to_string().contains("\"nightshift\""), "nightshift wrote nothing: {managers}");
    Ok(())
}

/// Grants the executor's account more than it needs.
async fn grant(release: &Release, namespace: &str, verbs: &[&str], resource: &str) -> anyhow::Result<()> {
    let rbac = "rbac.authorization.k8s.io";
    let (role, place) = if namespace.is_empty() {
        ("ClusterRole", format!("/apis/{rbac}/v1"))
    } else {
        ("Role", format!("/apis/{rbac}/v1/namespaces/{namespace}"))
    };
    let rules = json!([{"apiGroups": [""], "resources": [resource], "verbs": verbs}]);
    let made = json!({"apiVersion": format!("{rbac}/v1"), "kind": role, "metadata": {"name": TOO_MUCH}, "rules": rules});
    let bound = json!({
        "apiVersion": format!("{rbac}/v1"), "kind": format!("{role}Binding"), "metadata": {"name": TOO_MUCH},
        "roleRef": {"apiGroup": rbac, "kind": role, "name": TOO_MUCH},
        "subjects": [{"kind": "ServiceAccount", "name": "nightshift-executor", "namespace": HOME}],
    });
    let plural = role.to_lowercase();
    release.cluster.create(&format!("{place}/{plural}s"), &made).await?;
    release.cluster.create(&format!("{place}/{plural}bindings"), &bound).await.map(drop)
}

async fn take_away(namespace: &str) -> anyhow::Result<()> {
    let kinds = if namespace.is_empty() { "clusterrole,clusterrolebinding" } else { "role,rolebinding" };
    let all = ["delete", kinds, TOO_MUCH, "--namespace", if namespace.is_empty() { HOME } else { namespace }];
    run("kubectl", &all).await.map(drop)
}

/// The executor closes where its account may too much, says what, and opens once that is gone.
async fn closes_and_opens(release: &Release) -> anyhow::Result<()> {
    let closed = r#"nightshift_executor_closed{by="rights"}"#;
    release.told("the executor is open", "\"execution", false).await?;
    grant(release, BANK, &["get"], "secrets").await?;
    let here =
        "\"execution in approve-bank\",\"why\":\"its account has rights that it must not have: get secrets\"";
    release.told("the namespace closes", here, true).await?;
    let ready = release.health("/readyz").await?;
    ensure!(ready.contains("\"ready\":true") && !ready.contains("\"execution\""), "{ready}");
    ensure!(release.health("/metrics").await?.contains(&format!("{closed} 1")), "not counted");
    take_away(BANK).await?;
    release.told("the namespace opens", "\"execution", false).await?;

    grant(release, "", &["create"], "pods/exec").await?;
    let all = "\"execution\",\"why\":\"the executor is closed: its account has rights that it must not have: create pods/exec\"";
    release.told("the executor closes", all, true).await?;
    let check = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(check.contains("the executor is closed") && check.contains("create pods/exec"), "{check}");
    take_away("").await?;
    release.told("the executor opens", "\"execution", false).await?;
    ensure!(release.health("/metrics").await?.contains(&format!("{closed} 0")), "still counted");
    // Those of its rights, and what the lock may have closed until its certificate was known.
    within(PATIENCE, "every closing has its opening in the history", async || {
        let rows = (release.recorded("executor-closed").await?, release.recorded("executor-opened").await?);
        Ok((rows.0 >= 2 && rows.0 == rows.1).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_value_lets_it_act_with_an_account_that_can_do_nothing_else() -> anyhow::Result<()> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    let release = Release::install().await?;
    println!("chart: mode approve installed after {:?}", clock.monotonic().saturating_sub(began));
    let tested = helmed(&["test", "nightshift", "--namespace", HOME, "--logs", "--timeout", "3m"]).await?;
    ensure!(tested.matches("0 missing").count() == 2, "{tested}");
    ensure!(tested.matches("excess rights: none").count() == 2, "{tested}");
    let asked = two_identities(&release).await?;
    println!("chart: two identities as meant, by {asked} rights");
    approved(&release).await?;
    println!("chart: broken, approved with a key, put back and proven");
    closes_and_opens(&release).await?;
    println!("chart: closed and opened twice by its rights");
    let verified = release.says("responder", &["audit", "verify"]).await?;
    ensure!(!verified.contains("tampered"), "{verified}");

    helmed(&["uninstall", "nightshift", "--namespace", HOME, "--wait"]).await?;
    for kind in ["clusterroles", "clusterrolebindings"] {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{kind}/{HOME}-nightshift-executor");
        let left = release.cluster.get(&path).await?.status;
        ensure!(left == http::StatusCode::NOT_FOUND, "{kind} were left behind: {left}");
    }
    ensure!(Path::new(&release.file("alice.pem")).exists());
    for name in [HOME, SHOP, BANK] {
        release.cluster.remove_namespace(name).await?;
    }
    Ok(())
}
