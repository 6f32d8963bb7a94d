//! What stolen tokens come to where the chart installed nightshift, with the roles that it really has: the executor's, the
//! responder's, a developer's. And the countersign, asked by a Pod of somebody else, or by nobody at all.

use super::approve::Line;
use super::attacks::pod;
use super::release::{ALICE, BANK, GATE, HOME, LOCK, MALLORY, PATIENCE, Release, SHOP};
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use http::Method;
use nightshift::clock::Clock;
use nightshift_tests::lab::attack::{Attack, Thief, Tried, head, logged, row};
use nightshift_tests::lab::workload::Workload;
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

pub(super) const EXECUTOR: &str = "executor's";
const RESPONDER: &str = "responder's";
const DEVELOPER: &str = "developer's";
const APPROVER: &str = "developer's, who may create Votes";
const RBAC: &[&str] = &["RBAC"];
const POLICY: &[&str] = &["policy"];
const COUNTERSIGN: &[&str] = &["countersign"];
const CLAIM: &str = "nightshift.dev/claim";
/// Questions that a foreign Pod asks of the countersign.
const QUESTIONS: usize = 20;

/// Addresses in the cluster.
fn of(group: &str, namespace: &str, rest: &str) -> String {
    let api = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}") };
    if namespace.is_empty() {
        format!("{api}/{rest}")
    } else {
        format!("{api}/namespaces/{namespace}/{rest}")
    }
}

const APPS: &str = "apps/v1";
const ROLES: &str = "rbac.authorization.k8s.io/v1";
const ADMISSION: &str = "admissionregistration.k8s.io/v1";
const VOTES: &str = "nightshift.dev/v1";

/// A Vote on a proposal.
fn vote(user: &str, line: &Line) -> Value {
    let id = line.of("id");
    json!({
        "apiVersion": VOTES, "kind": "Vote",
        "metadata": {"generateName": format!("{id}-"), "labels": {"nightshift.dev/proposal": id}},
        "spec": {"user": user, "clusterUid": "c", "proposal": id, "digest": line.of("digest"), "decision": "approve",
                 "voteNo": 1, "interactive": true},
    })
}

/// Every write on a workload and its pods that somebody with no right to it may think of.
async fn on_workloads(shop: &Workload) -> anyhow::Result<Vec<Attack>> {
    let (path, all) = (shop.path(), of(APPS, SHOP, "deployments"));
    let (pod, exact) = pod(shop).await?;
    let name = pod.rsplit('/').next().unwrap_or_default();
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    let evict = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    let container = json!([{"name": "a", "image": "busybox:1"}]);
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "evil"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": container}}},
    });
    let bare = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evil"}, "spec": {"containers": container}});
    let mut copy = shop.get().await?;
    nightshift_tests::lab::set(&mut copy, "/metadata", json!({"name": "evil"}))?;
    let new =
        |what: &str, method: Method, target: &str, body: Value| Attack::new(what, method, target, body, RBAC);
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    Ok(vec![
        new("replace a Deployment", put, &path, shop.get().await?),
        new("delete a Deployment", delete.clone(), &path, json!({})),
        new("create a Deployment", post.clone(), &all, copy),
        Attack::patch("/scale", &format!("{path}/scale"), json!({"spec": {"replicas": 9}}), RBAC),
        new("delete all pods", delete.clone(), &of("", SHOP, "pods"), exact),
        new("evict a pod", post.clone(), &format!("{pod}/eviction"), evict),
        new("exec", post.clone(), &format!("{pod}/exec?command=sh&stdout=true"), json!({})),
        Attack::patch("a container into a pod", &format!("{pod}/ephemeralcontainers"), label.clone(), RBAC),
        new("create a Job", post.clone(), &of("batch/v1", SHOP, "jobs"), job),
        new("create a Pod", post, &of("", SHOP, "pods"), bare),
        Attack::patch(
            "a workload of kube-system",
            &of(APPS, "kube-system", "deployments/web"),
            label.clone(),
            RBAC,
        ),
        Attack::patch(
            "a workload of another namespace",
            &of(APPS, "default", "deployments/web"),
            label.clone(),
            RBAC,
        ),
        Attack::patch("nightshift's own workload", &of(APPS, HOME, "statefulsets/nightshift"), label, RBAC),
    ])
}

/// What neither of nightshift's accounts may do to anything else.
fn on_the_rest(line: &Line) -> Vec<Attack> {
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    let get = |what: &str, target: &str| Attack::new(what, Method::GET, target, Value::Null, RBAC);
    let post = |what: &str, target: &str, body: Value| Attack::new(what, Method::POST, target, body, RBAC);
    let patch = |what: &str, target: &str| Attack::patch(what, target, label.clone(), RBAC);
    let registry = json!({"data": {"registry.yaml": "persons: []"}});
    let token = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let bind = json!({
        "metadata": {"name": "evil"}, "subjects": [],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    });
    let visit = json!({
        "apiVersion": VOTES, "kind": "Visit", "metadata": {"generateName": "v-"},
        "spec": {"user": ALICE, "key": "A".repeat(43)},
    });
    vec![
        get("read Secrets where it acts", &of("", SHOP, "secrets")),
        get("read Secrets where it lives", &of("", HOME, "secrets")),
        get("read the registry's ConfigMap", &of("", HOME, "configmaps/nightshift")),
        Attack::patch("change the registry", &of("", HOME, "configmaps/nightshift"), registry, RBAC),
        post("a token of another account", &of("", HOME, "serviceaccounts/default/token"), token),
        post("bind itself to cluster-admin", &of(ROLES, "", "clusterrolebindings"), bind.clone()),
        post("bind itself in its namespace", &of(ROLES, SHOP, "rolebindings"), bind),
        patch("its own role", &of(ROLES, SHOP, &format!("roles/{HOME}-nightshift-executor"))),
        patch("its own policy", &of(ADMISSION, "", &format!("validatingadmissionpolicies/{LOCK}"))),
        patch(
            "its policy's binding",
            &of(ADMISSION, "", &format!("validatingadmissionpolicybindings/{LOCK}")),
        ),
        patch("the policy of votes", &of(ADMISSION, "", "validatingadmissionpolicies/votes.nightshift.dev")),
        Attack::new(
            "delete its own webhook",
            Method::DELETE,
            &of(ADMISSION, "", &format!("validatingwebhookconfigurations/{LOCK}")),
            json!({}),
            RBAC,
        ),
        post("a Vote in a person's name", &of(VOTES, SHOP, "votes"), vote(ALICE, line)),
        post("a Visit in a person's name", &of(VOTES, HOME, "visits"), visit),
    ]
}

/// The executor's token where its roles let it: there the next layers refuse.
async fn granted(shop: &Workload, line: &Line) -> anyhow::Result<Vec<Attack>> {
    let (path, op) = (shop.path(), format!("{}.1", line.of("id")));
    let (pod, exact) = pod(shop).await?;
    let image = json!({"template": {"spec": {"containers": [
        {"name": "app", "image": "localhost:5000/app:3"},
    ]}}});
    let under = |mark: &str, spec: Value| json!({"metadata": {"annotations": {CLAIM: mark}}, "spec": spec});
    let claim = format!("{op}:1.1");
    let patch = |what: &str, body: Value, by| Attack::patch(what, &path, body, by);
    let event = |namespace: &str| {
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"generateName": "x-", "namespace": namespace},
            "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "nightshift",
            "reportingInstance": "x", "action": "x", "reason": "RolledBack", "type": "Normal",
            "note": format!("operation {op}: lies"),
            "regarding": {"kind": "Deployment", "namespace": namespace, "name": "shop", "uid": "other"},
        })
    };
    let post = |what: &str, namespace: &str, by| {
        Attack::new(what, Method::POST, &of("events.k8s.io/v1", namespace, "events"), event(namespace), by)
    };
    Ok(vec![
        Attack::new("delete a pod as it is", Method::DELETE, &pod, exact, COUNTERSIGN),
        patch("no grant: an unmarked patch", json!({"spec": image}), POLICY),
        patch("no grant: a mark of its own", under("pro-0000000000.1:1.1", json!({})), COUNTERSIGN),
        patch("no grant: this operation's mark", under(&claim, json!({})), COUNTERSIGN),
        patch("no grant: the end of a claim", under(&format!("done:{op}"), image.clone()), POLICY),
        patch("no grant: replicas", under(&claim, json!({"replicas": 9})), POLICY),
        Attack::patch(
            "a preview of what was not drafted",
            &format!("{path}?dryRun=All"),
            under(&format!("{op}:0.0"), image),
            COUNTERSIGN,
        ),
        Attack::new("delete a pod", Method::DELETE, &pod, json!({}), POLICY),
        post("a lying Event", SHOP, COUNTERSIGN),
        post("an Event of kube-system", "kube-system", RBAC),
    ])
}

/// Every token, one series each.
pub(super) async fn tokens(release: &Release, shop: &Workload, line: &Line) -> anyhow::Result<Tried> {
    let mallorys = people(release, line).await?;
    let executor = release.account("nightshift-executor").await?;
    let mut tried = Tried::default();
    let mut attacks = granted(shop, line).await?;
    attacks.extend(on_workloads(shop).await?);
    attacks.extend(on_the_rest(line));
    head("with the roles of the chart");
    let thief = |cluster, token| Thief { cluster, token, lock: LOCK };
    tried += thief(&executor, EXECUTOR).tries(attacks).await?;
    let as_alice = executor.impersonating(ALICE)?;
    let votes = of(VOTES, SHOP, "votes");
    let impersonate =
        Attack::new("impersonate a person, to vote", Method::POST, &votes, vote(ALICE, line), RBAC);
    tried += thief(&as_alice, EXECUTOR).tries(vec![impersonate.says("impersonate")]).await?;

    let responder = release.account("nightshift").await?;
    let (pod, exact) = pod(shop).await?;
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    let mut attacks = vec![
        Attack::patch("patch a Deployment", &shop.path(), label, RBAC),
        Attack::new("delete a pod", Method::DELETE, &pod, exact, RBAC),
    ];
    attacks.extend(on_workloads(shop).await?);
    attacks.extend(on_the_rest(line));
    tried += thief(&responder, RESPONDER).tries(attacks).await?;

    tried += developers(release, line).await?;
    tried += nobody_counts_it(release, line, &mallorys).await?;
    Ok(tried)
}

/// Who may create Votes in the shop's namespace, somebody whom the registry does not name among them: her vote stands already
/// while everything else is tried.
async fn people(release: &Release, line: &Line) -> anyhow::Result<String> {
    let rbac = "rbac.authorization.k8s.io";
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "developer"}});
    release.cluster.create(&of("", SHOP, "serviceaccounts"), &account).await?;
    let developer = json!({"kind": "ServiceAccount", "name": "developer", "namespace": SHOP});
    release.bind(SHOP, "edit", json!([developer])).await?;
    let user = |name: &str| json!({"kind": "User", "name": name, "apiGroup": rbac});
    release.bind(SHOP, "nightshift-approver", json!([user(ALICE), user(MALLORY)])).await?;
    release.bind(HOME, "nightshift-visitor", json!([user(ALICE)])).await?;
    let mallory = release.cluster.impersonating(MALLORY)?;
    let target = of(VOTES, SHOP, "votes");
    let home = release.cluster.get(&of("", "", "namespaces/kube-system")).await?.ok()?;
    let uid = home.pointer("/metadata/uid").cloned().context("no uid")?;
    let mut hers = vote(MALLORY, line);
    // Nothing is wrong with it but whose it is.
    nightshift_tests::lab::set(&mut hers, "/spec/clusterUid", uid)?;
    let body = Some(("application/json", hers.to_string()));
    let made = within(PATIENCE, "the role is in force", async || {
        let answer = mallory.send(Method::POST, &target, body.clone()).await?;
        Ok(answer.status.is_success().then_some(answer))
    })
    .await?;
    logged(std::iter::once(&made)).await?;
    let name = made.body.pointer("/metadata/name").and_then(Value::as_str).context("no name")?;
    Ok(name.to_owned())
}

/// With the tokens of people who develop what runs there.
async fn developers(release: &Release, line: &Line) -> anyhow::Result<Tried> {
    let developer = release.token(SHOP, "developer").await?;
    let post = |what: &str, target: &str, body: Value, by| Attack::new(what, Method::POST, target, body, by);
    let votes = of(VOTES, SHOP, "votes");
    let registry = json!({"data": {"registry.yaml": "persons: []"}});
    let grant =
        json!({"apiVersion": VOTES, "kind": "Grant", "metadata": {"name": line.of("id")}, "spec": {}});
    let exec = of("", HOME, "pods/nightshift-0/exec?command=/nightshift&stdout=true&container=executor");
    let thief = |cluster, token| Thief { cluster, token, lock: LOCK };
    let attacks = vec![
        post("a grant, as an object", &of(VOTES, SHOP, "grants"), grant, RBAC),
        post("a grant, by a command in nightshift's Pod", &exec, json!({}), RBAC),
        Attack::patch(
            "a grant, by a registry that knows nobody",
            &of("", HOME, "configmaps/nightshift"),
            registry,
            RBAC,
        ),
        Attack::new("nightshift's own tokens", Method::GET, &of("", HOME, "secrets"), Value::Null, RBAC),
        post("a Vote for somebody else", &votes, vote(ALICE, line), RBAC),
    ];
    let mut tried = thief(&developer, DEVELOPER).tries(attacks).await?;
    let mallory = release.cluster.impersonating(MALLORY)?;
    let theirs = vec![post("a Vote for somebody else", &votes, vote(ALICE, line), &["policy of votes"])];
    tried += thief(&mallory, APPROVER).tries(theirs).await?;

    // The gate takes no credential of the cluster's.
    let mut forward = release.forward().await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{GATE}/v1/proposals/{}/votes", line.of("id"));
    let body = json!({
        "decision": "approve", "digest": line.of("digest"), "person": "alice", "vote_no": 1, "reason": "", "interactive": true,
        "ts": Clock::wall().now(), "proof": "attested", "by": "alice",
    });
    let answer = http.post(url).bearer_auth(developer.token()).json(&body).send().await?;
    let refused = matches!(answer.status().as_u16(), 400 | 401 | 403);
    row(
        "a vote at the gate, with a token of the cluster's",
        DEVELOPER,
        if refused { "gate" } else { "nobody" },
        "metrics",
    );
    forward.kill().await?;
    ensure!(refused, "{} {}", answer.status(), answer.text().await?);
    tried += Tried { all: 1, countersigned: 0 };
    Ok(tried)
}

/// A Vote in one's own name by somebody whom the registry does not name: the object stands, and nobody counts it.
async fn nobody_counts_it(release: &Release, line: &Line, name: &str) -> anyhow::Result<Tried> {
    let target = of(VOTES, SHOP, &format!("votes/{name}"));
    release.cluster.get(&target).await?.ok().context("mallory's vote")?;
    // Votes are looked at every three seconds.
    Clock::wall().sleep_real(Duration::from_secs(7)).await;
    let waits = async || {
        let all = release.json(&["proposals"]).await?;
        let mine = all
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one.get("id").is_some_and(|id| id == line.of("id")));
        Ok::<bool, anyhow::Error>(
            mine.and_then(|one| one.get("state")).is_some_and(|state| state == "Proposed"),
        )
    };
    let counted = !waits().await?;
    let by = if counted { "nobody" } else { "executor" };
    row("a Vote of their own, unknown to the registry", APPROVER, by, "audit log");
    ensure!(!counted, "a stranger's vote was counted");
    release.cluster.send(Method::DELETE, &target, None).await?.ok()?;
    Ok(Tried { all: 1, countersigned: 0 })
}

/// An AdmissionReview as the API server would send it.
fn review(live: &Value, mark: &str, dry_run: bool, image: Option<&str>) -> anyhow::Result<Value> {
    let mut object = live.clone();
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    annotations.context("no annotations")?.insert(CLAIM.to_owned(), json!(mark));
    if let Some(image) = image {
        nightshift_tests::lab::set(&mut object, "/spec/template/spec/containers/0/image", json!(image))?;
    }
    Ok(json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0b0c", "operation": "UPDATE", "dryRun": dry_run, "namespace": SHOP, "name": "shop",
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
            "userInfo": {"username": format!("system:serviceaccount:{HOME}:nightshift-executor")},
            "object": object, "oldObject": live, "options": {},
        },
    }))
}

/// Another Pod asks the countersign itself, as if it were the API server and the executor had asked: it learns a no, and
/// nothing is written, let alone spent.
pub(super) async fn directly(release: &Release, shop: &Workload, line: &Line) -> anyhow::Result<Tried> {
    let pods = of("", BANK, "pods");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "neighbour"},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
            "name": "app", "image": "localhost:5000/busybox:1", "command": ["sh", "-c", "sleep 3600"],
        }]},
    });
    release.cluster.create(&pods, &pod).await?;
    within(PATIENCE, "the neighbour runs", async || {
        let pod = release.cluster.get(&format!("{pods}/neighbour")).await?.ok()?;
        Ok(pod.pointer("/status/phase").is_some_and(|phase| phase == "Running").then_some(()))
    })
    .await?;
    let incident = line.of("incident");
    let before = steps(release, incident).await?;
    let (http, url, carrying) = through_the_neighbour(release).await?;
    let (live, op) = (shop.get().await?, format!("{}.1", line.of("id")));
    let asked = [
        review(&live, &format!("{op}:1.1"), false, None)?,
        review(&live, &format!("done:{op}"), false, Some("localhost:5000/app:1"))?,
        review(&live, &format!("{op}:0.0"), true, Some("localhost:5000/app:3"))?,
    ];
    let mut allowed = 0;
    for nth in 0..QUESTIONS {
        let question = asked.get(nth % asked.len()).context("no question")?;
        let answer: Value = http.post(&url).json(question).send().await?.json().await?;
        let said = answer.pointer("/response/allowed").and_then(Value::as_bool).context("no answer")?;
        allowed += usize::from(said);
    }
    carrying.abort();
    let (spent, template) = (steps(release, incident).await? != before, shop.template().await?);
    let wrote = live.pointer("/spec/template") != Some(&template);
    let by = if allowed > 0 || spent || wrote { "nobody" } else { "countersign" };
    let what = format!("the countersign asked directly, {QUESTIONS} times: nothing is spent");
    row(&what, "none, from another Pod", by, "nightshift's history");
    ensure!(by == "countersign", "{allowed} allowed, spent: {spent}, written: {wrote}");
    release.cluster.send(Method::DELETE, &format!("{pods}/neighbour"), None).await?.ok()?;
    Ok(Tried { all: 1, countersigned: QUESTIONS })
}

/// How many steps towards a write the history has of an incident.
async fn steps(release: &Release, incident: &str) -> anyhow::Result<usize> {
    let of = ["voted", "granted", "claimed", "rechecked", "marked", "sending", "sent"];
    let all = release.history().await?;
    let mine = all.iter().filter(|row| row.incident.as_deref() == Some(incident));
    Ok(mine.filter(|row| of.contains(&row.kind.as_str())).count())
}

/// A client whose connections leave from that Pod: each is carried by an `nc` there. It trusts what the API server trusts.
async fn through_the_neighbour(
    release: &Release,
) -> anyhow::Result<(reqwest::Client, String, tokio::task::JoinHandle<()>)> {
    let name = "nightshift-countersign";
    let service = release.cluster.get(&of("", HOME, &format!("services/{name}"))).await?.ok()?;
    let address =
        service.pointer("/spec/clusterIP").and_then(Value::as_str).context("no address")?.to_owned();
    let port = service.pointer("/spec/ports/0/port").and_then(Value::as_u64).context("no port")?.to_string();
    let webhook = of(ADMISSION, "", &format!("validatingwebhookconfigurations/{LOCK}"));
    let stored = release.cluster.get(&webhook).await?.ok()?;
    let bundle =
        stored.pointer("/webhooks/0/clientConfig/caBundle").and_then(Value::as_str).context("no bundle")?;
    let bundle = base64::engine::general_purpose::STANDARD.decode(bundle)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let local = listener.local_addr()?;
    let carrying = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (address, port) = (address.clone(), port.clone());
            tokio::spawn(async move { carry(stream, &address, &port).await });
        }
    });
    let host = format!("{name}.{HOME}.svc");
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(&bundle)?)
        .resolve(&host, local)
        .timeout(Duration::from_secs(20))
        .build()?;
    Ok((http, format!("https://{host}:{}/countersign", local.port()), carrying))
}

async fn carry(stream: TcpStream, address: &str, port: &str) -> anyhow::Result<()> {
    let start = ["--namespace", BANK, "exec", "-i", "neighbour", "--", "nc", address, port];
    let mut kubectl = Command::new("kubectl");
    kubectl.args(start).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = kubectl.spawn()?;
    let (mut to, mut from) =
        (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
    let (mut reads, mut writes) = stream.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut reads, &mut to) => {}
        _ = tokio::io::copy(&mut from, &mut writes) => {}
    }
    Ok(())
}

/// The rule of a firewall between the API server and the countersign.
async fn firewall(action: &str, pod: &str, port: &str) -> anyhow::Result<()> {
    let rule = [action, "OUTPUT", "-p", "tcp", "-d", pod, "--dport", port, "-j", "DROP"];
    super::chart::run("iptables", &rule).await.map(drop)
}

/// The API server does not reach the countersign: the executor closes with the next self-test, says so, and opens when the way
/// is free.
pub(super) async fn unreachable(release: &Release, shop: &Workload) -> anyhow::Result<Tried> {
    let pod = release.cluster.get(&of("", HOME, "pods/nightshift-0")).await?.ok()?;
    let pod = pod.pointer("/status/podIP").and_then(Value::as_str).context("no address")?.to_owned();
    let service = release.cluster.get(&of("", HOME, "services/nightshift-countersign")).await?.ok()?;
    let port = service.pointer("/spec/ports/0/port").and_then(Value::as_u64).context("no port")?.to_string();
    firewall("-I", &pod, &port).await?;
    let closed = closes(release, shop).await;
    firewall("-D", &pod, &port).await?;
    let tried = closed?;
    release.told("the executor opens again", "\"execution", false).await?;
    Ok(tried)
}

async fn closes(release: &Release, shop: &Workload) -> anyhow::Result<Tried> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    let why = "\"execution\",\"why\":\"the executor is closed: the API server cannot ask the countersign; a firewall is";
    release.told("the executor closes", why, true).await?;
    let took = clock.monotonic().saturating_sub(began);
    // One minute between two tests, and each of its questions times out by itself.
    ensure!(took < Duration::from_secs(120), "closed after {took:?} only");
    let check = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(
        check.split_whitespace().collect::<Vec<_>>().join(" ").contains("a firewall is the usual reason"),
        "{check}"
    );
    let what = format!("the API server is kept from the countersign: closed after {} s", took.as_secs());
    row(&what, "none", "executor", "nightshift's history");
    let executor: Cluster = release.account("nightshift-executor").await?;
    let thief = Thief { cluster: &executor, token: EXECUTOR, lock: LOCK };
    let mark = json!({"metadata": {"annotations": {CLAIM: "pro-0000000000.1:1.1"}}});
    let attack = Attack::patch("a marked patch meanwhile", &shop.path(), mark, &["no countersign"]);
    let mut tried = thief.tries(vec![attack]).await?;
    tried += Tried { all: 1, countersigned: 0 };
    Ok(tried)
}

/// The history has to tell of everything that was not countersigned.
pub(super) async fn told(release: &Release, tried: Tried) -> anyhow::Result<()> {
    within(PATIENCE, "the history tells of every refusal", async || {
        let rows = release.history().await?;
        let counts = rows.iter().filter(|row| row.kind == "countersign-refused").filter_map(|row| {
            let (_, rest) = row.body.split_once("\"count\":")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
        });
        Ok((counts.sum::<usize>() >= tried.countersigned).then_some(()))
    })
    .await?;
    println!("chart: with the tokens of the chart {} attacks, 0 passed", tried.all);
    Ok(())
}
