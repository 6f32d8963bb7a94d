//! Votes with the identity that people have in the cluster, held to a real API server: whose they are, what they decide, and
//! that nothing of it ever refuses anybody anything else. One test, in this order: the kinds are the whole cluster's.

use super::CLUSTER_WIDE;
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_engine::permissions::votes_yaml;
use nightshift_engine::vote_object::policy;
use nightshift_model::{Incident, IncidentEvent, ObjectRef, Outcome, Phase, Proof, Proposal, Withdrawal};
use nightshift_tests::lab::attack::{head, logged, row};
use nightshift_tests::lab::identity::apply;
use nightshift_tests::lab::lock::refused_by;
use nightshift_tests::lab::night::{Night, Wanted, events, judged, registry};
use nightshift_tests::lab::program::binary;
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Answer, Cluster, set, within};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
/// Whose tokens these are: of people, of a service account, and once the administrator's.
const TOKENS: &str = "whoever's may create Votes";
const POLICY: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/votes.nightshift.dev";
const KIND: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/votes.nightshift.dev";
/// The longest that a step may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// As long as a policy must have stood, and a little more.
const SETTLED: Duration = Duration::from_secs(13);

fn votes(namespace: &str) -> String {
    format!("/apis/nightshift.dev/v1/namespaces/{namespace}/votes")
}

/// A vote as the plugin writes it.
fn vote(user: &str, proposal: &str, digest: &str, decision: &str, no: u32) -> Value {
    json!({
        "apiVersion": "nightshift.dev/v1", "kind": "Vote",
        "metadata": {"generateName": format!("{proposal}-"), "labels": {"nightshift.dev/proposal": proposal}},
        "spec": {"user": user, "clusterUid": "c", "proposal": proposal, "digest": digest, "decision": decision,
                 "voteNo": no, "interactive": true},
    })
}

async fn cast(cluster: &Cluster, namespace: &str, vote: &Value) -> anyhow::Result<Answer> {
    cluster.send(Method::POST, &votes(namespace), Some(("application/json", vote.to_string()))).await
}

/// Whoever holds the approvers' role in a namespace.
async fn approver(admin: &Cluster, namespace: &str, subjects: Value) -> anyhow::Result<()> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "approvers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nightshift-approver"},
        "subjects": subjects,
    });
    let target = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings");
    admin.create(&target, &binding).await.map(drop)
}

async fn install() -> anyhow::Result<()> {
    apply(&votes_yaml()).await?;
    Clock::wall().sleep_real(SETTLED).await;
    Ok(())
}

/// Nothing stays that the chart would find when it installs its own.
async fn take_away() -> anyhow::Result<()> {
    let mut kubectl = Command::new("kubectl")
        .args(["delete", "--ignore-not-found", "--wait=false", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    kubectl.stdin.take().context("kubectl reads nothing")?.write_all(votes_yaml().as_bytes()).await?;
    let ended = kubectl.wait().await?;
    ensure!(ended.success(), "kubectl delete: {ended}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_is_its_users_own_decides_and_disturbs_nobody() -> anyhow::Result<()> {
    let _kinds = CLUSTER_WIDE.lock().await;
    let admin = Cluster::connect()?;
    let (own, night) = ("votes", "votes-night");
    admin.namespace(own).await?;
    admin.namespace(night).await?;
    install().await?;
    let users = json!([
        {"kind": "User", "name": ALICE, "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "User", "name": BOB, "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "ServiceAccount", "name": "default", "namespace": own},
    ]);
    approver(&admin, own, users.clone()).await?;
    approver(&admin, night, users).await?;
    as_they_are(&admin).await?;
    each_their_own(&admin, own).await.context("whose a vote is")?;
    nothing_stays_stuck(&admin, own).await.context("deletion")?;
    decided(&admin, night).await.context("a proposal")?;
    nobody_else(&admin, own).await.context("without the kinds")?;
    take_away().await?;
    admin.remove_namespace(own).await?;
    admin.remove_namespace(night).await
}

/// What the API server stores is exactly what is compared, defaults included.
async fn as_they_are(admin: &Cluster) -> anyhow::Result<()> {
    let live = admin.get(POLICY).await?.ok()?;
    ensure!(live.get("spec") == Some(&policy::spec()), "{live}");
    let warnings = live.pointer("/status/typeChecking/expressionWarnings");
    ensure!(warnings.is_none_or(|w| w.as_array().is_some_and(Vec::is_empty)), "{warnings:?}");
    let binding = POLICY.replace("policies/", "policybindings/");
    let live = admin.get(&binding).await?.ok()?;
    ensure!(live.get("spec") == Some(&policy::binding()), "{live}");
    Ok(())
}

async fn each_their_own(admin: &Cluster, namespace: &str) -> anyhow::Result<()> {
    let digest = "ab".repeat(32);
    let alice = admin.impersonating(ALICE)?;
    let robot = admin.impersonating(&format!("system:serviceaccount:{namespace}:default"))?;
    let of = |user: &str| vote(user, "pro-a", &digest, "approve", 1);
    let bent = |pointer: &str, value: Value| {
        let mut vote = of(ALICE);
        if let Some(field) = vote.pointer_mut(pointer) {
            *field = value;
        }
        vote
    };
    let finalizers = {
        let mut vote = of(ALICE);
        set(&mut vote, "/metadata/finalizers", json!(["example.com/stay"]))?;
        vote
    };
    // What a vote may not be, beside whose it is: no attack, but a mistake.
    let (mut refused, typed) = (Vec::new(), ["a number of none", "another decision", "half a digest"]);
    let (forbidden, invalid) = (StatusCode::FORBIDDEN, StatusCode::UNPROCESSABLE_ENTITY);
    let made = alice_votes(&alice, namespace, &of(ALICE)).await?;
    println!("votes | tried | answer");
    println!("votes | her own vote | 201");
    for (what, who, object, status, says) in [
        ("another's name", &alice, of(BOB), invalid, "nobody votes in another's name"),
        ("another's name, by the administrator", admin, of(ALICE), invalid, "nobody votes in another's name"),
        (
            "a service account in its own name",
            &robot,
            of(&format!("system:serviceaccount:{namespace}:default")),
            invalid,
            "do not vote",
        ),
        (
            "a service account in a person's name",
            &robot,
            of(ALICE),
            invalid,
            "nobody votes in another's name",
        ),
        (
            "another proposal's label",
            &alice,
            bent("/metadata/labels/nightshift.dev~1proposal", json!("pro-b")),
            invalid,
            "must be spec.proposal",
        ),
        ("a finalizer", &alice, finalizers, invalid, "takes no finalizers"),
        ("a number of none", &alice, bent("/spec/voteNo", json!(0)), invalid, "voteNo"),
        ("another decision", &alice, bent("/spec/decision", json!("perhaps")), invalid, "decision"),
        ("half a digest", &alice, bent("/spec/digest", json!("abcd")), invalid, "digest"),
        (
            "somebody without the role",
            &admin.impersonating("mallory@example.com")?,
            of("mallory@example.com"),
            forbidden,
            "cannot create",
        ),
    ] {
        let answer = cast(who, namespace, &object).await?;
        let told = answer.body.to_string();
        ensure!(answer.status == status && told.contains(says), "{what}: {} {told}", answer.status);
        println!("votes | {what} | {}", status.as_u16());
        if !typed.contains(&what) {
            refused.push((what, answer));
        }
    }
    let name = made.pointer("/metadata/name").and_then(Value::as_str).context("no name")?;
    let target = format!("{}/{name}", votes(namespace));
    for (what, patch) in [
        ("the decision changed afterwards", json!({"spec": {"decision": "deny"}})),
        ("a label changed afterwards", json!({"metadata": {"labels": {"nightshift.dev/proposal": "pro-b"}}})),
    ] {
        let body = Some(("application/merge-patch+json", patch.to_string()));
        let answer = admin.send(Method::PATCH, &target, body).await?;
        ensure!(answer.status == invalid, "{what}: {} {}", answer.status, answer.body);
        println!("votes | {what}, by the administrator | {}", answer.status.as_u16());
        refused.push((what, answer));
    }
    head("Votes");
    logged(refused.iter().map(|(_, answer)| answer)).await?;
    for (what, answer) in &refused {
        let by = match refused_by("", answer) {
            "another reason" if answer.body.to_string().contains("a vote is never changed") => {
                "the kind's schema"
            }
            by => by,
        };
        row(&format!("a Vote: {what}"), TOKENS, by, "audit log");
        ensure!(matches!(by, "policy of votes" | "RBAC" | "the kind's schema"), "{what}: {by}");
    }
    let listed = Command::new("kubectl").args(["get", "votes", "-n", namespace]).output().await?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for word in ["PROPOSAL", "DECISION", "USER", "pro-a", "approve", ALICE] {
        ensure!(listed.contains(word), "{word}: {listed}");
    }
    Ok(())
}

async fn alice_votes(alice: &Cluster, namespace: &str, vote: &Value) -> anyhow::Result<Value> {
    let answer = cast(alice, namespace, vote).await?;
    ensure!(answer.status == StatusCode::CREATED, "{} {}", answer.status, answer.body);
    Ok(answer.body)
}

/// A deletion that the garbage collector finishes by an update ends, whoever asked for it.
async fn nothing_stays_stuck(admin: &Cluster, namespace: &str) -> anyhow::Result<()> {
    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"});
    let body = Some(("application/json", options.to_string()));
    admin.send(Method::DELETE, &votes(namespace), body).await?.ok()?;
    within(PATIENCE, "the votes are gone", async || {
        let list = admin.get(&votes(namespace)).await?.ok()?;
        Ok(list.get("items").and_then(Value::as_array).is_some_and(Vec::is_empty).then_some(()))
    })
    .await
}

/// alice and bob as users of the cluster; only what is signed counts.
async fn start(admin: &Cluster, namespace: &str) -> anyhow::Result<Night> {
    let mut known = serde_json::to_value(registry()?)?;
    let policy = known.get_mut("policy").and_then(Value::as_object_mut).context("no policy")?;
    let signed = json!({"approve": 1, "min_proof": "signed"});
    policy.insert("approvals".to_owned(), json!({"low": signed, "medium": signed}));
    // The program is started without a terminal here.
    policy.insert("accept_non_interactive".to_owned(), json!(true));
    let person = |name: &str, user: &str| json!({"name": name, "kubernetes": user, "roles": ["on-call"]});
    set(&mut known, "/persons", json!([person("alice", ALICE), person("bob", BOB)]))?;
    let wanted = Wanted::approve(admin, namespace).await?;
    Night::start(Wanted { registry: Some(serde_json::from_value(known)?), ..wanted }).await
}

fn of(proposal: &Proposal, user: &str, decision: &str, no: u32) -> Value {
    let mut vote = vote(user, proposal.id().as_str(), &proposal.digest().to_string(), decision, no);
    if let Some(of) = vote.pointer_mut("/spec/clusterUid") {
        *of = json!(proposal.plan().cluster.uid);
    }
    vote
}

/// Without the policy a vote counts for nothing; one that is deleted before the claim counts no more; one that stands
/// decides.
async fn decided(admin: &Cluster, namespace: &str) -> anyhow::Result<()> {
    let night = start(admin, namespace).await?;
    let shop = Workload::serve(admin, namespace, &Value::Null).await?;
    night.healthy(&shop.object, 1).await?;
    let earlier = shop.template().await?;
    shop.release(&Version::BAD).await?;
    let proposal = night.proposal(&shop.object).await?;
    let bob = admin.impersonating(BOB)?;

    // The policy goes, an administrator forges a vote, the policy comes back: that vote was never held to anybody.
    admin.send(Method::DELETE, POLICY, None).await?.ok()?;
    let forged = within(PATIENCE, "the policy lets go", async || {
        let answer = cast(admin, namespace, &of(&proposal, BOB, "approve", 1)).await?;
        Ok(answer.status.is_success().then_some(answer))
    })
    .await?;
    logged(std::iter::once(&forged)).await?;
    stays_proposed(&night, &shop.object, "while the policy is missing").await?;
    install().await?;
    stays_proposed(&night, &shop.object, "with a vote that is older than the policy").await?;
    remove(admin, namespace, &forged.body).await?;

    let other = of(&proposal, "nobody@example.com", "approve", 1);
    ensure!(
        cast(&admin.impersonating("nobody@example.com")?, namespace, &other).await?.status
            == StatusCode::FORBIDDEN
    );
    let mut wrong = of(&proposal, BOB, "approve", 1);
    set(&mut wrong, "/spec/digest", json!("cd".repeat(32)))?;
    let other = cast(&bob, namespace, &wrong).await?;
    ensure!(other.status == StatusCode::CREATED, "{} {}", other.status, other.body);
    logged(std::iter::once(&other)).await?;
    stays_proposed(&night, &shop.object, "with a vote on other bytes").await?;

    ensure!(shop.template().await? != earlier, "somebody wrote before anybody voted");
    by_plugin(admin, &night, namespace, &proposal).await.context("kubectl nightshift")?;
    let over = |i: &Incident| matches!(i.phase, Phase::Closed { .. } | Phase::Escalated { .. });
    let done = night.incident("the end", &shop.object, over).await?;
    let rows = night.rows(&done).await?;
    ensure!(judged(&rows) == Some(Outcome::Successful), "{:?}; {:?}", judged(&rows), done.phase);
    let cast: Vec<String> = events(&rows)
        .filter_map(|event| {
            let IncidentEvent::Voted { vote } = event else { return None };
            Some(format!("{} {}", vote.person, vote.proof.name()))
        })
        .collect();
    ensure!(cast == ["alice kubernetes"], "{cast:?}");
    let proven = events(&rows).any(|event| {
        matches!(event, IncidentEvent::Voted { vote } if matches!(vote.proof, Proof::Kubernetes { .. }))
    });
    ensure!(proven, "no Vote stands in the history");
    shop.is_back(&earlier).await?;
    night.audit().await?;
    night.end().await;
    Ok(())
}

/// A kubeconfig of somebody whom the administrator acts as.
fn kubeconfig(admin: &Cluster, folder: &Path, user: &str) -> anyhow::Result<PathBuf> {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": admin.server, "certificate-authority": admin.ca_file}}],
        "users": [{"name": "person", "user": {"token": admin.token(), "as": user}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "person"}}],
    });
    let path = folder.join(format!("{user}.yaml"));
    std::fs::write(&path, config.to_string())?; // JSON is YAML
    Ok(path)
}

/// The program as kubectl finds it, with a port that it forwards by itself to a Pod of nightshift's: one on the machine's own
/// network, behind whose port the gate of this process stands.
async fn by_plugin(
    admin: &Cluster,
    night: &Night,
    namespace: &str,
    proposal: &Proposal,
) -> anyhow::Result<()> {
    let gate = night.doors.address;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).await?;
    let carrying = tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = TcpStream::connect(gate).await?;
                tokio::io::copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    let container = json!({"name": "app", "image": Version::GOOD.image, "args": ["serve", "18080"]});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "nightshift-0", "labels": {"app.kubernetes.io/name": "nightshift"}},
        "spec": {"hostNetwork": true, "terminationGracePeriodSeconds": 1, "containers": [container]},
    });
    admin.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "visitors"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nightshift-visitor"},
        "subjects": [{"kind": "Group", "name": "system:authenticated", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    admin
        .create(&format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"), &binding)
        .await?;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("kubectl-nightshift");
    std::os::unix::fs::symlink(binary()?, &program)?;
    let (alice, stranger) =
        (kubeconfig(admin, folder.path(), ALICE)?, kubeconfig(admin, folder.path(), "mallory@example.com")?);
    let call = async |who: &Path, words: &[&str]| -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(&program);
        command.args(words).args(["-n", namespace, "--kubeconfig"]).arg(who);
        let out = command.env_remove("KUBECONFIG").stdin(Stdio::null()).output().await?;
        let told = [out.stdout, out.stderr].concat();
        Ok((out.status.success(), String::from_utf8_lossy(&told).into_owned()))
    };
    let (id, digest) = (proposal.id().as_str(), proposal.digest().to_string());
    within(PATIENCE, "the gate is reached", async || {
        let (done, told) = call(&alice, &["proposals"]).await?;
        Ok((done && told.contains(id)).then_some(()))
    })
    .await?;
    let (done, told) = call(&alice, &["show", id]).await?;
    ensure!(done && told.contains(&digest) && told.contains("What will change"), "{told}");
    let (done, told) = call(&stranger, &["show", id]).await?;
    ensure!(!done && !told.contains(&digest), "somebody whom the registry does not name reads: {told}");
    let (done, told) = call(&alice, &["approve", id]).await?;
    ensure!(!done && told.contains("nobody sits at a terminal"), "{told}");
    let (done, told) = call(&alice, &["approve", id, "--digest", &"ab".repeat(32)]).await?;
    ensure!(!done && told.contains("not the one that you named"), "{told}");
    let (done, told) = call(&alice, &["approve", id, "--digest", &digest, "--reason", "seen it"]).await?;
    ensure!(done && told.contains("nightshift has taken it"), "{told}");
    println!("votes | kubectl nightshift approve | {}", told.replace('\n', " "));
    carrying.abort();
    Ok(())
}

async fn remove(admin: &Cluster, namespace: &str, vote: &Value) -> anyhow::Result<()> {
    let name = vote.pointer("/metadata/name").and_then(Value::as_str).context("no name")?;
    admin.send(Method::DELETE, &format!("{}/{name}", votes(namespace)), None).await?.ok().map(drop)
}

async fn stays_proposed(night: &Night, scope: &ObjectRef, what: &str) -> anyhow::Result<()> {
    Clock::wall().sleep_real(Duration::from_secs(8)).await;
    let stands = night.incident("it is still open", scope, |_| true).await?;
    let withdrawn = stands
        .proposals
        .iter()
        .any(|p| matches!(p.withdrawn, Some(Withdrawal::Denied { .. } | Withdrawal::ByPerson { .. })));
    ensure!(matches!(stands.phase, Phase::Proposed { .. }) && !withdrawn, "{what}: {:?}", stands.phase);
    println!("votes | {what} | nobody is believed");
    row(&format!("a Vote: {what}"), TOKENS, "executor", "audit log");
    Ok(())
}

/// The kinds go, and an API server starts without them, the policy and its binding in place: everybody else writes on.
async fn nobody_else(admin: &Cluster, namespace: &str) -> anyhow::Result<()> {
    for kind in [KIND.to_owned(), KIND.replace("votes", "visits")] {
        admin.send(Method::DELETE, &kind, None).await?.ok()?;
    }
    let (second, mut child) = another_api_server(admin).await?;
    let written = writes(&second, namespace).await;
    child.kill().await?;
    written
}

/// A second API server over the same store, as a restarted one is: with the arguments of the first, at another port.
async fn another_api_server(admin: &Cluster) -> anyhow::Result<(Cluster, tokio::process::Child)> {
    let mut found = None;
    for entry in std::fs::read_dir("/proc")? {
        let line = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        let words: Vec<String> =
            String::from_utf8_lossy(&line).split('\0').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        if words.first().is_some_and(|w| w.ends_with("kube-apiserver")) {
            found = Some(words);
        }
    }
    let words = found.context("no API server runs beside this test")?;
    let (program, flags) = words.split_first().context("no program")?;
    let kept = flags.iter().filter(|f| !f.starts_with("--secure-port") && !f.starts_with("--audit-log-path"));
    let log = std::fs::File::create(nightshift_tests::lab::program::log("second-api-server"))?;
    let child = Command::new(program)
        .args(kept)
        .arg("--secure-port=6444")
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let second = admin.at(&admin.server.replace("6443", "6444"))?;
    within(PATIENCE, "the second API server is ready", async || {
        Ok(second.get("/readyz").await.is_ok_and(|a| a.status.is_success()).then_some(()))
    })
    .await?;
    Ok((second, child))
}

async fn writes(second: &Cluster, namespace: &str) -> anyhow::Result<()> {
    let policy = second.get(POLICY).await?.status;
    ensure!(policy == StatusCode::OK && second.get(KIND).await?.status == StatusCode::NOT_FOUND, "{policy}");
    let mut refused = 0;
    let map =
        |n: u32| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{n}")}});
    let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
    for n in 0..10 {
        second.create(&maps, &map(n)).await?;
        let patch = Some(("application/merge-patch+json", json!({"data": {"a": "b"}}).to_string()));
        let patched = second.send(Method::PATCH, &format!("{maps}/m{n}"), patch).await?.status.is_success();
        let gone = second.send(Method::DELETE, &format!("{maps}/m{n}"), None).await?.status.is_success();
        refused += u32::from(!patched) + u32::from(!gone);
    }
    println!("votes | 30 writes by others, the kinds deleted, a fresh API server | {refused} refused");
    ensure!(refused == 0, "{refused} writes of others were refused");
    Ok(())
}
