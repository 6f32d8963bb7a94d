//! `mode: approve` in the cluster, profile small: one Pod, two identities. What each may, two rollouts that people approve, one
//! with kubectl and one on the page, what stolen tokens come to, and an executor that closes itself.

use super::CLUSTER_WIDE;
use super::chart::{helmed, only_reads, run};
use super::release::{ALICE, BANK, GATE, HOME, PATIENCE, Release, SHOP, Told};
use super::stolen;
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift::demo::person::Person;
use nightshift_tests::lab::attack::{Tried, row};
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};

/// What a right too many is called here.
const TOO_MUCH: &str = "approve-too-much";

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
    let reader = only_reads(&release.cluster, &release.account("nightshift").await?, &[SHOP]).await?;
    // Each container holds the token of its own account, and of no other.
    let executor = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(executor.contains("0 missing") && executor.contains("excess rights: none"), "{executor}");
    let responder = release.says("responder", &["check", "--role", "responder"]).await?;
    ensure!(responder.contains("0 missing") && responder.contains("excess rights: none"), "{responder}");
    let crossed = release.says("responder", &["check", "--role", "executor"]).await?;
    ensure!(crossed.contains("rights of the executor: patch deployments.apps in approve-shop"), "{crossed}");
    Ok(yes.len() + no.len() + reader)
}

/// A proposal as the list has it.
pub(super) struct Line(Value);

impl Line {
    pub(super) fn of(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The proposal that waits in a namespace.
async fn waiting(release: &Release, namespace: &str) -> anyhow::Result<Line> {
    let line = within(PATIENCE, "a proposal", async || {
        let all = release.json(&["proposals"]).await?;
        let mut all = all.as_array().cloned().unwrap_or_default().into_iter().map(Line);
        Ok(all.find(|line| line.of("namespace") == namespace && line.of("state") == "Proposed"))
    })
    .await
    .with_context(|| namespace.to_owned())?;
    ensure!(line.of("action") == "rollback-deployment", "{}", line.0);
    Ok(line)
}

/// alice, with her own kubeconfig. On a busy machine a self-test may time out; while the lock does not answer, no vote is taken.
async fn by_kubectl(release: &Release, line: &Line) -> anyhow::Result<()> {
    let (id, digest) = (line.of("id"), line.of("digest"));
    within(PATIENCE, "the vote is taken", async || {
        let words = ["approve", id, "--digest", digest, "--reason", "seen it"];
        let (done, told) = release.plugin(ALICE, &words).await?;
        ensure!(done || told.contains("has not taken it"), "{told}");
        Ok((done && told.contains("nightshift has taken it")).then_some(()))
    })
    .await
}

/// bob, on the page: he signs in with a one-time link, opens the proposal, types the code beside the change and presses the
/// button.
async fn by_page(release: &Release, line: &Line) -> anyhow::Result<()> {
    let mut forward = release.forward().await?;
    let told = release.says("responder", &["person", "invite", "bob"]).await?;
    let link = told.split_whitespace().find(|word| word.starts_with(GATE)).context("no link")?;
    let mut bob = Person::new(GATE)?;
    bob.sign_in(link).await?;
    let page = format!("/p/{}", line.of("id"));
    let shown = bob.get(&page).await?;
    ensure!(shown.html.contains(line.of("digest")), "the page shows other bytes: {}", shown.html);
    let mut last = String::new();
    for _ in 0..20 {
        let voted = bob.approve(&page).await?;
        if voted.status < 400 {
            forward.kill().await?;
            return Ok(());
        }
        last = format!("{} {}", voted.status, voted.html);
        Clock::wall().sleep_real(std::time::Duration::from_secs(3)).await;
    }
    anyhow::bail!("the vote was refused: {last}")
}

/// How an incident stands.
async fn phase(release: &Release, incident: &str) -> anyhow::Result<String> {
    let all = release.json(&["incidents", "--all"]).await?;
    let mine =
        all.as_array().into_iter().flatten().find(|one| one.get("id").is_some_and(|id| id == incident));
    Ok(mine.and_then(|one| one.get("phase")).and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Holds an approved proposal to its end: executed, verified, and recorded with the vote that it rests on.
async fn proven(
    release: &Release,
    line: &Line,
    shop: &Workload,
    earlier: &Value,
    (person, proof): (&str, &str),
) -> anyhow::Result<()> {
    let incident = line.of("incident");
    let over = within(PATIENCE, "the end", async || {
        let phase = phase(release, incident).await?;
        Ok(matches!(phase.as_str(), "Closed" | "Escalated").then_some(phase))
    })
    .await?;
    let shown = release.says("responder", &["proposals", "show", line.of("id")]).await?;
    ensure!(over == "Closed" && shown.contains("Successful"), "{over}: {shown}");
    shop.is_back(earlier).await?;
    let live = shop.get().await?;
    let managers = live.pointer("/metadata/managedFields").context("no managers")?;
    ensure!(managers.to_string().contains("\"nightshift\""), "nightshift wrote nothing: {managers}");
    let rows = release.history().await?;
    let of = |kind: &str| -> Vec<&Told> {
        rows.iter().filter(|row| row.kind == kind && row.incident.as_deref() == Some(incident)).collect()
    };
    for kind in ["sealed", "voted", "granted", "claimed", "marked", "sending", "sent", "judged"] {
        ensure!(of(kind).len() == 1, "{kind} stands {} times in the history of {incident}", of(kind).len());
    }
    for said in [format!("\"person\":\"{person}\""), format!("\"proof\":\"{proof}\"")] {
        ensure!(of("voted").iter().all(|row| row.body.contains(&said)), "{said}: {:?}", of("voted"));
    }
    Ok(())
}

/// Two Deployments are broken by a rollout, and put back by what alice and bob approve.
async fn approved(release: &Release) -> anyhow::Result<Tried> {
    let (shop, bank) = tokio::try_join!(
        Workload::serve(&release.cluster, SHOP, &Value::Null),
        Workload::serve(&release.cluster, BANK, &Value::Null)
    )?;
    release.told("the executor opens behind its lock", "\"execution", false).await?;
    let check = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(check.contains("three locks hold"), "{check}");
    let earlier = (shop.template().await?, bank.template().await?);
    within(PATIENCE, "both healthy revisions are recorded", async || {
        Ok((release.recorded("healthy-seen").await? >= 2).then_some(()))
    })
    .await?;
    shop.release(&Version::BAD).await?;
    bank.release(&Version::BAD).await?;
    let lines = (waiting(release, SHOP).await?, waiting(release, BANK).await?);
    let mut tried = stolen::tokens(release, &shop, &lines.0).await?;
    tried += stolen::directly(release, &shop, &lines.0).await.context("the countersign, asked by a Pod")?;
    ensure!(shop.template().await? != earlier.0, "somebody wrote before anybody voted");
    ensure!(bank.template().await? != earlier.1, "somebody wrote before anybody voted");

    by_kubectl(release, &lines.0).await.context("kubectl nightshift approve")?;
    by_page(release, &lines.1).await.context("the page")?;
    for line in [&lines.0, &lines.1] {
        within(PATIENCE, "it is executed", async || {
            let phase = phase(release, line.of("incident")).await?;
            Ok(matches!(phase.as_str(), "Verifying" | "Closed" | "Escalated").then_some(()))
        })
        .await?;
    }
    // Proving is the responder's, and goes on meanwhile.
    tried += stolen::unreachable(release, &shop).await.context("a firewall before the countersign")?;
    proven(release, &lines.0, &shop, &earlier.0, ("alice", "kubernetes")).await?;
    proven(release, &lines.1, &bank, &earlier.1, ("bob", "attested")).await?;
    Ok(tried)
}

/// A rule of a role: group, resource, verbs.
type Rule = (&'static str, &'static str, &'static [&'static str]);

/// Grants the executor's account more than it needs.
async fn grant(release: &Release, namespace: &str, rules: &[Rule]) -> anyhow::Result<()> {
    let rbac = "rbac.authorization.k8s.io";
    let (role, place) = if namespace.is_empty() {
        ("ClusterRole", format!("/apis/{rbac}/v1"))
    } else {
        ("Role", format!("/apis/{rbac}/v1/namespaces/{namespace}"))
    };
    let rules: Vec<Value> = rules
        .iter()
        .map(
            |(group, resource, verbs)| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}),
        )
        .collect();
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

/// Rights that no admission sees used, and what the executor says of them: it closes while it has them.
const UNSEEN: [&str; 4] = [
    "create pods/exec",
    "impersonate users",
    "bind clusterroles.rbac.authorization.k8s.io",
    "patch validatingadmissionpolicies.admissionregistration.k8s.io",
];

/// The executor closes where its account may too much, says what, and opens once that is gone.
async fn closes_and_opens(release: &Release) -> anyhow::Result<Tried> {
    let closed = r#"nightshift_executor_closed{by="rights"}"#;
    release.told("the executor is open", "\"execution", false).await?;
    grant(release, BANK, &[("", "secrets", &["get"]), ("nightshift.dev", "votes", &["create"])]).await?;
    let here = "\"execution in approve-bank\",\"why\":\"its account has rights that it must not have: get secrets, \
                create votes.nightshift.dev\"";
    release.told("the namespace closes", here, true).await?;
    let ready = release.health("/readyz").await?;
    ensure!(ready.contains("\"ready\":true") && !ready.contains("\"execution\""), "{ready}");
    ensure!(release.health("/metrics").await?.contains(&format!("{closed} 1")), "not counted");
    take_away(BANK).await?;
    release.told("the namespace opens", "\"execution", false).await?;

    let rbac = "rbac.authorization.k8s.io";
    let wide: [Rule; 4] = [
        ("", "pods/exec", &["create"]),
        ("", "users", &["impersonate"]),
        (rbac, "clusterroles", &["bind"]),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies", &["patch"]),
    ];
    grant(release, "", &wide).await?;
    let all = format!(
        "\"execution\",\"why\":\"the executor is closed: its account has rights that it must not have: {}\"",
        UNSEEN.join(", ")
    );
    release.told("the executor closes", &all, true).await?;
    let check = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(check.contains("the executor is closed") && check.contains(UNSEEN[0]), "{check}");
    take_away("").await?;
    release.told("the executor opens", "\"execution", false).await?;
    ensure!(release.health("/metrics").await?.contains(&format!("{closed} 0")), "still counted");
    // Those of its rights, and what the lock may have closed until its certificate was known.
    within(PATIENCE, "every closing has its opening in the history", async || {
        let rows = (release.recorded("executor-closed").await?, release.recorded("executor-opened").await?);
        Ok((rows.0 >= 2 && rows.0 == rows.1).then_some(()))
    })
    .await?;
    let granted = ["get secrets", "create votes.nightshift.dev"].iter().chain(&UNSEEN);
    let mut tried = Tried::default();
    for right in granted {
        row(&format!("granted too much: {right}"), stolen::EXECUTOR, "executor", "nightshift's history");
        tried += Tried { all: 1, countersigned: 0 };
    }
    Ok(tried)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_value_lets_it_act_with_an_account_that_can_do_nothing_else() -> anyhow::Result<()> {
    let _kinds = CLUSTER_WIDE.lock().await;
    let clock = Clock::wall();
    let began = clock.monotonic();
    let release = Release::install().await?;
    println!("chart: mode approve installed after {:?}", clock.monotonic().saturating_sub(began));
    let tested = helmed(&["test", "nightshift", "--namespace", HOME, "--logs", "--timeout", "3m"]).await?;
    for said in ["0 missing", "excess rights: none", "the policy holds each to its user"] {
        ensure!(tested.matches(said).count() == 2, "{said}: {tested}");
    }
    let asked = two_identities(&release).await?;
    println!("chart: two identities as meant, by {asked} rights");
    let mut tried = approved(&release).await?;
    println!(
        "chart: broken, approved with kubectl and on the page, put back and proven, with every vote recorded"
    );
    tried += closes_and_opens(&release).await?;
    println!("chart: closed and opened twice by its rights");
    stolen::told(&release, tried).await?;
    let verified = release.says("responder", &["audit", "verify"]).await?;
    ensure!(!verified.contains("tampered"), "{verified}");

    helmed(&["uninstall", "nightshift", "--namespace", HOME, "--wait"]).await?;
    for kind in ["clusterroles", "clusterrolebindings"] {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{kind}/{HOME}-nightshift-executor");
        let left = release.cluster.get(&path).await?.status;
        ensure!(left == http::StatusCode::NOT_FOUND, "{kind} were left behind: {left}");
    }
    for name in [HOME, SHOP, BANK] {
        release.cluster.remove_namespace(name).await?;
    }
    Ok(())
}
