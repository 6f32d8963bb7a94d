//! A release through its whole life: the chart before this one in mode observe, then in mode approve, then this chart, beside a
//! GitOps tool; uninstalled, and installed again. What people had to decide is still there, and nobody is ever held up.

use super::chart::{IMAGE, helmed, run};
use super::lasting::{CLAIM, PATIENCE, Release};
use anyhow::{Context as _, ensure};
use nightshift::clock::Clock;
use nightshift_tests::chart::CHART;
use nightshift_tests::lab::discovery::served;
use nightshift_tests::lab::foreign::Foreign;
use nightshift_tests::lab::fresh::Fresh;
use nightshift_tests::lab::workload::{Version, Workload};
use nightshift_tests::lab::{Cluster, within};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const HOME: &str = "upgrade-home";
const SHOP: &str = "upgrade-shop";
/// Everybody else's workload in the namespace in which nightshift acts.
const WEB: Foreign<'_> = Foreign { namespace: SHOP };
/// What lets it act: one value, and where.
const ACT: [&str; 4] = ["--set", "mode=approve", "--set", "actions.namespaces={upgrade-shop}"];
const EARLIER: &str = "0.0.9";

/// This chart under an earlier version, as an archive, and its image under an earlier tag: the Pod is replaced with it.
async fn earlier(release: &Release) -> anyhow::Result<(String, String)> {
    let folder = release.file("charts");
    helmed(&["package", CHART, "--version", EARLIER, "--app-version", EARLIER, "--destination", &folder])
        .await?;
    let (from, tag) = (format!("docker://{IMAGE}"), "upgrade-earlier".to_owned());
    let (repository, _) = IMAGE.rsplit_once(':').context("an image without a tag")?;
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    let to = format!("docker://{repository}:{tag}");
    run("skopeo", &[&["copy", "--quiet"], &plain[..], &[&from, &to]].concat()).await?;
    Ok((format!("{folder}/nightshift-{EARLIER}.tgz"), tag))
}

/// The one incident, in a phase.
async fn incident(release: &Release, what: &str, phase: &str) -> anyhow::Result<String> {
    let one = within(PATIENCE, what, async || {
        let all = release.json(&["incidents", "--all"]).await?;
        let all = all.as_array().cloned().unwrap_or_default();
        ensure!(all.len() < 2, "more than one incident: {all:?}");
        Ok(all.into_iter().next().filter(|one| one.get("phase").is_some_and(|p| p == phase)))
    })
    .await?;
    Ok(one.get("id").and_then(Value::as_str).context("no id")?.to_owned())
}

/// The one open proposal: id and digest.
async fn proposal(release: &Release, incident: &str) -> anyhow::Result<(String, String)> {
    let line = within(PATIENCE, "an open proposal", async || {
        let waiting = release.json(&["proposals"]).await?;
        Ok(waiting.get(0).cloned().filter(|line| line.get("state").is_some_and(|s| s == "Proposed")))
    })
    .await?;
    let of = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    ensure!(of("incident") == incident && of("action") == "rollback-deployment", "{line}");
    Ok((of("id"), of("digest")))
}

/// Alice signs it, and it is carried out and proven.
async fn approved(release: &Release, id: &str, digest: &str) -> anyhow::Result<()> {
    release.opens().await?;
    let (mut forward, gate) = release.forward(18_081).await?;
    let key = release.file("alice.pem");
    let approve = ["approve", id, "--server", &gate, "--key", &key, "--digest", digest];
    // On a busy machine a self-test may time out; while the lock does not answer, no vote is taken.
    within(PATIENCE, "the vote is taken", async || match release.local(&approve).await {
        Ok(said) if said.contains("You approved") => Ok(Some(())),
        Err(error) if error.to_string().contains("(kill-switch)") => Ok(None),
        Ok(said) => anyhow::bail!("{said}"),
        Err(error) => Err(error),
    })
    .await?;
    forward.kill().await?;
    incident(release, "the end", "Closed").await?;
    let shown = release.says("responder", &["proposals", "show", id]).await?;
    ensure!(shown.contains("Successful"), "{shown}");
    Ok(())
}

/// What a GitOps tool does with the rendered objects: compare, apply, compare. It meets no conflict, sees no difference, and
/// leaves the responder's certificate in the webhook.
async fn applied_from_git(release: &Release, values: &[&str]) -> anyhow::Result<()> {
    let webhook = format!(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{HOME}-nightshift-lock"
    );
    let authority = async || {
        let stored = release.cluster.get(&webhook).await?.ok()?;
        anyhow::Ok(stored.pointer("/webhooks/0/clientConfig/caBundle").cloned())
    };
    let before = authority().await?;
    ensure!(before.as_ref().is_some_and(|bundle| bundle.as_str().is_some()), "no caBundle: {before:?}");
    let start = ["template", "nightshift", CHART, "--namespace", HOME, "--no-hooks"];
    let file = release.file("rendered.yaml");
    std::fs::write(&file, helmed(&[&start[..], values].concat()).await?)?;
    let side = ["--server-side", "--field-manager", "argocd-controller", "--filename", &file];
    for _ in 0..2 {
        // It ends with 1 if there is a difference, and with more if it cannot tell.
        run("kubectl", &[&["diff"], &side[..]].concat()).await.context("before it is applied")?;
        run("kubectl", &[&["apply"], &side[..]].concat()).await?;
    }
    run("kubectl", &[&["diff"], &side[..]].concat()).await.context("after it was applied")?;
    ensure!(authority().await? == before, "caBundle is not the responder's any more");
    let check = release.says("executor", &["check", "--role", "executor"]).await?;
    ensure!(check.contains("three locks hold"), "{check}");
    // As a tool does that replaces instead: the certificate is gone, until the responder has seen it.
    run(
        "kubectl",
        &[
            "patch",
            "validatingwebhookconfiguration",
            &format!("{HOME}-nightshift-lock"),
            "--type=json",
            "--patch",
            r#"[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]"#,
        ],
    )
    .await?;
    within(PATIENCE, "the responder puts its certificate back", async || {
        Ok((authority().await? == before).then_some(()))
    })
    .await
}

/// Everything in the cluster that is in the release's namespace, or bears its name or the chart's label: kind, namespace, name.
/// What tells of the past (Events) is not counted.
async fn left(cluster: &Cluster) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for one in served(cluster).await? {
        if !one.verbs.iter().any(|verb| verb == "list") || one.name == "events" {
            continue;
        }
        let answer = cluster.get(&format!("{}/{}", one.api, one.name)).await?;
        // Kinds of a test beside this one come and go.
        if answer.status == http::StatusCode::NOT_FOUND {
            continue;
        }
        for item in answer.ok()?.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            let ours = namespace == HOME || name.starts_with(HOME);
            let labelled =
                namespace == SHOP && text("/metadata/labels/helm.sh~1chart").starts_with("nightshift-");
            if ours || labelled {
                found.insert(format!("{}.{} {namespace}/{name}", one.name, one.group));
            }
        }
    }
    Ok(found)
}

/// A developer of the shop: whatever `edit` gives.
async fn developer(admin: &Cluster) -> anyhow::Result<Cluster> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "developer"}});
    let accounts = format!("/api/v1/namespaces/{SHOP}/serviceaccounts");
    admin.create(&accounts, &account).await?;
    let bound = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "developer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "developer", "namespace": SHOP}],
    });
    let bindings = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{SHOP}/rolebindings");
    admin.create(&bindings, &bound).await?;
    let wish = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let made = admin.create(&format!("{accounts}/developer/token"), &wish).await?;
    admin.with_token(made.pointer("/status/token").and_then(Value::as_str).context("no token")?)
}

/// An administrator and a developer write on, at the API server that saw it all and at one that starts now. Answers how many
/// writes there were.
async fn nobody_is_held_up(release: &Release, shop: &Workload) -> anyhow::Result<usize> {
    let (admin, folder) = (&release.cluster, tempfile::tempdir()?);
    let developer = developer(admin).await?;
    admin.create(&WEB.collection(), &WEB.web("done:pro-0000000000.1", "first:1")).await?;
    let fresh = Fresh::start(admin).await?;
    let who = [
        ("admin", admin.clone()),
        ("developer", developer.clone()),
        ("admin", fresh.seen_by(admin)),
        ("developer", fresh.seen_by(&developer)),
    ];
    let mut tried = 0;
    for (nth, (name, cluster)) in who.iter().enumerate() {
        tried += WEB.writes(cluster, name, nth).await?;
        tried += WEB.undo(cluster, folder.path(), nth).await?;
    }
    fresh.end().await?;
    // The workload that nightshift did put back, and marked.
    let mark = shop.get().await?.pointer("/metadata/annotations/nightshift.dev~1claim").cloned();
    ensure!(mark.is_some(), "nightshift left no mark: nothing would be shown here");
    shop.release(&Version::BETTER).await?;
    shop.available().await?;
    Ok(tried + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_keeps_what_people_decide_and_what_was_removed_holds_nobody_up() -> anyhow::Result<()> {
    let clock = Clock::wall();
    let began = clock.monotonic();
    let told = |what: &str| println!("chart: {what} after {:?}", clock.monotonic().saturating_sub(began));
    let release = Release::prepare(HOME).await?;
    release.cluster.namespace(SHOP).await?;
    let (old, tag) = earlier(&release).await?;
    let file = release.file("values.yaml");
    // It watches its own namespace too, as by default, and none of what is done to it here may be an incident.
    std::fs::write(&file, release.values(&[SHOP, HOME]).await?.to_string())?;
    let values = ["--values", &file];
    let before = left(&release.cluster).await?;

    // The chart before this one, which only watches: an incident is open.
    let tag = format!("image.tag={tag}");
    let of_then = [&values[..], &["--set", &tag]].concat();
    release.helm("install", &old, &of_then).await?;
    let shop = Workload::serve(&release.cluster, SHOP, &Value::Null).await?;
    let good = shop.template().await?;
    within(PATIENCE, "the healthy revision is recorded", async || {
        Ok((release.recorded("healthy-seen", SHOP).await? > 0).then_some(()))
    })
    .await?;
    shop.release(&Version::BAD).await?;
    let open = incident(&release, "what would have been proposed", "Drafted").await?;
    told("incident in mode observe");

    // One value lets it act: the same incident has a proposal.
    release.helm("upgrade", &old, &[&of_then[..], &ACT].concat()).await?;
    ensure!(incident(&release, "it is proposed now", "Proposed").await? == open, "another incident");
    let (id, digest) = proposal(&release, &open).await?;
    let rows = release.recorded("opened", SHOP).await?;
    told("proposal after the upgrade to mode approve");

    // This chart, and what was set before: incident, proposal and digest are the same, and alice may decide.
    let tag = format!("image.tag={}", IMAGE.rsplit_once(':').context("an image without a tag")?.1);
    release.helm("upgrade", CHART, &["--reset-then-reuse-values", "--set", &tag]).await?;
    let listed = helmed(&["list", "--namespace", HOME]).await?;
    ensure!(listed.contains("nightshift-0.1.0") && !listed.contains(EARLIER), "{listed}");
    ensure!(release.recorded("opened", SHOP).await? == rows, "the history is another");
    ensure!(proposal(&release, &open).await? == (id.clone(), digest.clone()), "another proposal");
    approved(&release, &id, &digest).await?;
    shop.is_back(&good).await?;
    told("the proposal of before was approved, carried out and proven");

    applied_from_git(&release, &[&values[..], &ACT].concat()).await?;
    told("compared and applied as by a GitOps tool, no conflict and no difference");

    release.uninstall().await?;
    let claim = format!("persistentvolumeclaims. {HOME}/{CLAIM}");
    let mut allowed = before;
    ensure!(allowed.insert(claim), "the claim was there before");
    within(PATIENCE, "nothing but the volume is left", async || {
        let now = left(&release.cluster).await?;
        ensure!(allowed.is_subset(&now), "gone too: {:?}", allowed.difference(&now).collect::<Vec<_>>());
        Ok((now == allowed).then_some(()))
    })
    .await
    .with_context(|| format!("allowed: {allowed:?}"))?;
    let writes = nobody_is_held_up(&release, &shop).await?;
    println!("chart: uninstalled, {CLAIM} alone is left; 0 of {writes} writes of others refused");

    // The same name finds the volume, and on it what was.
    release.helm("install", CHART, &values).await?;
    ensure!(incident(&release, "the history is back", "Closed").await? == open, "another history");
    ensure!(release.recorded("opened", SHOP).await? == rows);
    let verified = release.says("responder", &["audit", "verify"]).await?;
    ensure!(!verified.contains("tampered"), "{verified}");
    told("installed again on the old volume");
    release.uninstall().await?;
    release.cluster.remove_namespace(SHOP).await?;
    release.end().await
}
