//! The chart without a cluster: what it renders, what it refuses, and that the daemon and the API server agree with it.
//!
//! A case is a file: `values/<name>.yaml` renders to `golden/<name>.yaml`, `refused/<name>.yaml` is refused with the text
//! of its line `# says:`. A line `# helm:` holds further arguments. Goldens are refreshed with `UPDATE_EXPECT=1`.

mod pages;

use anyhow::{Context as _, ensure};
use expect_test::expect_file;
use nightshift::config::Config;
use nightshift::telemetry::{AlertmanagerMetrics, Caps, IntakeMetrics, Metrics};
use nightshift_engine::permissions::{self, Need, READING, RESPONDER, Reach, VISITS, VOTES};
use nightshift_engine::vote_object::policy;
use nightshift_model::ActionKind;
use nightshift_tests::chart::{CHART, Rendered, documents, helm, render};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("chart")
}

/// The cases of a folder, with what stands behind `# helm:` and `# says:`.
struct Case {
    name: String,
    file: PathBuf,
    arguments: Vec<String>,
    says: Option<String>,
}

fn cases(folder: &str) -> anyhow::Result<Vec<Case>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(here().join(folder))? {
        let file = entry?.path();
        let text = std::fs::read_to_string(&file)?;
        let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let arguments = line("# helm:").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let name = file.file_stem().context("a file without a name")?.to_string_lossy().into_owned();
        found.push(Case { name, arguments, says: line("# says:").map(str::to_owned), file });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(found.len() > 3, "{folder} has {} cases", found.len());
    Ok(found)
}

impl Case {
    fn render(&self) -> anyhow::Result<Rendered> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        render(&self.file, &arguments)
    }

    fn yaml(&self) -> anyhow::Result<String> {
        match self.render()? {
            Rendered::Yaml(yaml) => Ok(yaml),
            Rendered::Refused(why) => anyhow::bail!("{}: {why}", self.name),
        }
    }
}

#[test]
fn helm_finds_nothing_to_complain_about() -> anyhow::Result<()> {
    for case in cases("values")? {
        let out = helm()?.args(["lint", "--strict", CHART, "--values"]).arg(&case.file).output()?;
        ensure!(out.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&out.stdout));
    }
    Ok(())
}

#[test]
fn the_renders_are_the_committed_ones_and_the_same_each_time() -> anyhow::Result<()> {
    for case in cases("values")? {
        let yaml = case.yaml()?;
        expect_file![here().join("golden").join(format!("{}.yaml", case.name))].assert_eq(&yaml);
        ensure!(yaml == case.yaml()?, "{}: rendered differently a second time", case.name);
    }
    Ok(())
}

#[test]
fn what_cannot_be_had_is_refused_with_its_reason() -> anyhow::Result<()> {
    for case in cases("refused")? {
        let says = case.says.as_deref().with_context(|| format!("{} has no line `# says:`", case.name))?;
        match case.render()? {
            Rendered::Refused(why) => ensure!(why.contains(says), "{}: {why}", case.name),
            Rendered::Yaml(_) => anyhow::bail!("{} was rendered", case.name),
        }
    }
    Ok(())
}

/// An object's field.
fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).as_str().unwrap_or_default()
}

#[test]
fn the_daemon_takes_every_configuration() -> anyhow::Result<()> {
    for case in cases("values")? {
        let objects = documents(&case.yaml()?)?;
        let files = objects
            .iter()
            .find(|o| text(o, "/kind") == "ConfigMap" && at(o, "/data/nightshift.yaml").is_string())
            .with_context(|| format!("{}: no configuration", case.name))?;
        let folder = tempfile::tempdir()?;
        let place = folder.path().to_string_lossy().into_owned();
        for (name, data) in at(files, "/data").as_object().into_iter().flatten() {
            let data = data.as_str().unwrap_or_default().replace("/etc/nightshift/", &format!("{place}/"));
            std::fs::write(folder.path().join(name), data)?;
        }
        let load = |name: &str| {
            Config::load(&folder.path().join(name))
                .map_err(|error| anyhow::anyhow!("{}: {name}: {error}", case.name))
        };
        let config = load("nightshift.yaml")?;
        ensure!(config.registry_file.is_some() && config.detector_files.len() == 1, "{}", case.name);
        let file = |name: &str| at(files, &format!("/data/{name}")).is_string();
        ensure!(file("executor.yaml") == case.name.starts_with("approve"), "{}", case.name);
        if file("executor.yaml") {
            let executor = load("executor.yaml")?;
            // What decides is the same for both, and so is the digest that votes are bound to.
            ensure!(executor.registry == config.registry, "{}", case.name);
            ensure!((executor.mode, &executor.actions) == (config.mode, &config.actions), "{}", case.name);
            ensure!(executor.store == config.store && executor.audit == config.audit, "{}", case.name);
            ensure!(executor.playbooks == config.playbooks, "{}", case.name);
            ensure!(executor.health.listen.port() != config.health.listen.port(), "{}", case.name);
            ensure!(executor.notify.slack.is_empty() && executor.alerts.is_none(), "{}", case.name);
            let disabled = config.registry.policy.disabled_actions.len();
            ensure!(disabled == if case.name == "approve" { 2 } else { 0 }, "{}: {disabled}", case.name);
        }
    }
    Ok(())
}

#[test]
fn an_uninstall_keeps_nothing_and_an_upgrade_changes_nothing_that_is_fixed() -> anyhow::Result<()> {
    // Helm never removes what lies in crds/, nor what says so.
    ensure!(!Path::new(CHART).join("crds").exists());
    let folder = tempfile::tempdir()?;
    let version = "9.8.7-rc.6";
    let made = helm()?
        .args(["package", CHART, "--version", version, "--app-version", version, "--destination"])
        .arg(folder.path())
        .output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let other = folder.path().join(format!("nightshift-{version}.tgz"));
    // Of a StatefulSet the API server takes a change of these alone.
    let fixed = |objects: &[Value]| -> anyhow::Result<Value> {
        let set = objects.iter().find(|o| text(o, "/kind") == "StatefulSet").context("no StatefulSet")?;
        let mut spec = at(set, "/spec").clone();
        let fields = spec.as_object_mut().context("no spec")?;
        for changes in ["replicas", "template", "updateStrategy"] {
            fields.remove(changes);
        }
        Ok(spec)
    };
    for case in cases("values")? {
        let mut objects = documents(&case.yaml()?)?;
        for object in &objects {
            let stays = at(object, "/metadata/annotations/helm.sh~1resource-policy");
            ensure!(stays.is_null(), "{}: {object}", case.name);
        }
        let now = fixed(&objects)?;
        let out = helm()?
            .args(["template", "nightshift"])
            .arg(&other)
            .arg("--values")
            .arg(&case.file)
            .args(&case.arguments)
            .output()?;
        ensure!(out.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&out.stderr));
        objects = documents(&String::from_utf8(out.stdout)?)?;
        ensure!(objects.iter().any(|o| o.to_string().contains(version)), "{}: not its version", case.name);
        ensure!(fixed(&objects)? == now, "{}: an upgrade is refused", case.name);
    }
    Ok(())
}

/// Whether a role is the executor's.
fn executors(role: &Value) -> bool {
    text(role, "/metadata/name").ends_with("-executor")
}

/// Every (group, resource, verb) that some roles of a render grant.
fn granted(
    objects: &[Value],
    which: impl Fn(&Value) -> bool,
) -> anyhow::Result<BTreeSet<(String, String, String)>> {
    let mut found = BTreeSet::new();
    let words = |rule: &Value, field: &str| -> Vec<String> {
        let all = at(rule, field).as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let roles = objects.iter().filter(|o| matches!(text(o, "/kind"), "ClusterRole" | "Role"));
    for role in roles.filter(|role| which(role)) {
        for rule in at(role, "/rules").as_array().context("a role without rules")? {
            for group in words(rule, "/apiGroups") {
                for resource in words(rule, "/resources") {
                    found.extend(
                        words(rule, "/verbs").into_iter().map(|v| (group.clone(), resource.clone(), v)),
                    );
                }
            }
        }
    }
    Ok(found)
}

#[test]
fn the_roles_hold_what_the_daemon_asks_for_and_nothing_else() -> anyhow::Result<()> {
    let all: BTreeSet<(String, String, String)> = RESPONDER
        .iter()
        .flat_map(|need| {
            let right = need.right;
            right
                .verbs
                .iter()
                .map(move |v| (right.group.to_owned(), right.resource.to_owned(), (*v).to_owned()))
        })
        .collect();
    for case in cases("values")? {
        let reads = |role: &Value| {
            !executors(role) && !of_votes(role) && !text(role, "/metadata/name").ends_with(CERTIFICATE)
        };
        let granted = granted(&documents(&case.yaml()?)?, reads)?;
        for right in &granted {
            ensure!(all.contains(right), "{}: {right:?} is asked for by nobody", case.name);
            let (group, resource, verb) = right;
            ensure!(READING.contains(&verb.as_str()), "{}: {right:?} writes", case.name);
            let never = ["secrets", "configmaps", "pods/exec", "pods/attach", "serviceaccounts/token"];
            let wild = [group, resource, verb].iter().any(|word| word.contains('*'));
            ensure!(!wild && !never.contains(&resource.as_str()), "{}: {right:?}", case.name);
            ensure!(!resource.ends_with("/scale"), "{}: {right:?}", case.name);
        }
        if case.name == "smallest" {
            ensure!(granted == all, "missing: {:?}", all.difference(&granted).collect::<Vec<_>>());
        }
        if case.name == "eks" {
            let gone = |resource: &str| !granted.iter().any(|(_, r, _)| r == resource);
            for resource in
                ["storageclasses", "ingresses", "validatingwebhookconfigurations", "pods/log", "applications"]
            {
                ensure!(gone(resource), "{resource} is granted, but nobody asks for it");
            }
            ensure!(!gone("resourcequotas"), "QuotaExhausted is not off");
        }
    }
    Ok(())
}

/// The role with the one write of the account that reads.
const CERTIFICATE: &str = "-lock-certificate";

#[test]
fn the_account_that_reads_writes_one_object_by_its_name() -> anyhow::Result<()> {
    for case in cases("values")? {
        let objects = documents(&case.yaml()?)?;
        let named = |o: &&Value| {
            text(o, "/kind") == "ClusterRole" && text(o, "/metadata/name").ends_with(CERTIFICATE)
        };
        let rules: Vec<_> = objects.iter().filter(named).map(|role| role.pointer("/rules")).collect();
        let lock = objects.iter().find(|o| text(o, "/kind") == "ValidatingWebhookConfiguration");
        let wanted = lock.map(|lock| {
            json!([{
                "apiGroups": ["admissionregistration.k8s.io"], "resources": ["validatingwebhookconfigurations"],
                "resourceNames": [text(lock, "/metadata/name")], "verbs": ["get", "patch"],
            }])
        });
        ensure!(lock.is_some() == case.name.starts_with("approve"), "{}", case.name);
        ensure!(rules == wanted.iter().map(Some).collect::<Vec<_>>(), "{}: {rules:?}", case.name);
    }
    Ok(())
}

/// Every right that some needs come to.
fn rights(needs: &[Need]) -> BTreeSet<(String, String, String)> {
    let each = needs.iter().map(|need| need.right).flat_map(|right| {
        let of = move |verb: &&str| (right.group.to_owned(), right.resource.to_owned(), (*verb).to_owned());
        right.verbs.iter().map(of)
    });
    each.collect()
}

#[test]
fn the_executor_has_what_its_enabled_actions_need_where_it_may_act_and_nothing_else() -> anyhow::Result<()> {
    let mut seen = 0;
    for case in cases("values")? {
        let objects = documents(&case.yaml()?)?;
        let off: &[ActionKind] =
            if case.name == "approve" { &[ActionKind::ReRunJob, ActionKind::DeletePod] } else { &[] };
        let needs = permissions::executor(off);
        let all = granted(&objects, executors)?;
        if !case.name.starts_with("approve") {
            ensure!(all.is_empty(), "{}: {all:?}", case.name);
            ensure!(!objects.iter().any(|o| text(o, "/kind") == "Secret"), "{}", case.name);
            continue;
        }
        seen += 1;
        ensure!(all == rights(&needs), "{}: {:?}", case.name, all.symmetric_difference(&rights(&needs)));
        for (group, resource, verb) in &all {
            let never = ["secrets", "configmaps", "pods/exec", "pods/log", "serviceaccounts/token"];
            let wild = [group, resource, verb].iter().any(|word| word.contains('*'));
            let scale = resource.ends_with("/scale");
            ensure!(!wild && !scale && !never.contains(&resource.as_str()), "{}: {resource}", case.name);
        }
        let places = |kind: &str| -> BTreeSet<String> {
            let of = objects.iter().filter(|o| text(o, "/kind") == kind && executors(o));
            of.map(|o| text(o, "/metadata/namespace").to_owned()).collect()
        };
        let wide = granted(&objects, |o| executors(o) && text(o, "/kind") == "ClusterRole")?;
        let named: &[&str] = match case.name.as_str() {
            "approve" => &["bank", "shop"],
            "approve-votes" => &["shop"],
            _ => &[],
        };
        if named.is_empty() {
            ensure!(wide == all && places("Role").is_empty(), "{}", case.name);
        } else {
            let named: BTreeSet<String> = named.iter().map(|&name| name.to_owned()).collect();
            ensure!((places("Role"), places("RoleBinding")) == (named.clone(), named), "{}", case.name);
            let cluster: Vec<Need> = needs.into_iter().filter(|need| need.reach == Reach::Cluster).collect();
            ensure!(wide == rights(&cluster), "{wide:?}");
        }
    }
    ensure!(seen == 3, "{seen} cases have an executor");
    Ok(())
}

/// The roles for people: the chart binds them to nobody.
const PEOPLES: [&str; 2] = ["nightshift-approver", "nightshift-visitor"];

/// Whether a role comes with votes by Kubernetes identity: one for people, or one of the two by which they are read.
fn of_votes(role: &Value) -> bool {
    let name = text(role, "/metadata/name");
    PEOPLES.contains(&name) || name.ends_with("-votes") || name.ends_with("-visits")
}

#[test]
fn people_vote_by_roles_of_their_own_and_no_account_of_ours_may() -> anyhow::Result<()> {
    let all = cases("values")?;
    for case in &all {
        let objects = documents(&case.yaml()?)?;
        let named = |kind: &str, name: &str| {
            let of = move |o: &&Value| text(o, "/kind") == kind && text(o, "/metadata/name").ends_with(name);
            objects.iter().find(of)
        };
        if case.name != "approve-votes" {
            ensure!(!objects.iter().any(of_votes), "{}: roles for votes that nobody asked for", case.name);
            ensure!(named("CustomResourceDefinition", "").is_none(), "{}", case.name);
            continue;
        }
        let of =
            |name: &'static str| granted(&objects, move |role| text(role, "/metadata/name").ends_with(name));
        let right = |group: &str, resource: &str, verb: &str| {
            (group.to_owned(), resource.to_owned(), verb.to_owned())
        };
        let votes = ["create", "get", "list"].map(|verb| right("nightshift.dev", "votes", verb));
        ensure!(of("-approver")? == votes.into(), "{:?}", of("-approver")?);
        let visits = [
            right("nightshift.dev", "visits", "create"),
            right("", "pods", "list"),
            right("", "pods/portforward", "get"),
            right("", "pods/portforward", "create"),
        ];
        ensure!(of("-visitor")? == visits.into(), "{:?}", of("-visitor")?);
        ensure!(of("-votes")? == rights(VOTES) && of("-visits")? == rights(VISITS), "{}", case.name);
        let bound = |name: &str| -> anyhow::Result<Vec<String>> {
            let binding = named("ClusterRoleBinding", name).context(name.to_owned())?;
            let subjects = at(binding, "/subjects").as_array().context("no subjects")?;
            Ok(subjects.iter().map(|one| format!("{} {}", text(one, "/kind"), text(one, "/name"))).collect())
        };
        ensure!(bound("-votes")? == ["ServiceAccount nightshift", "ServiceAccount nightshift-executor"]);
        ensure!(bound("-visits")? == ["ServiceAccount nightshift"]);
        let peoples = |o: &Value| PEOPLES.contains(&text(o, "/roleRef/name"));
        ensure!(!objects.iter().any(peoples), "the chart makes somebody an approver");
        // Whatever the chart binds is bound to one of our accounts.
        let ours = granted(&objects, |role| !PEOPLES.contains(&text(role, "/metadata/name")))?;
        let writes = |(group, _, verb): &&(String, String, String)| {
            group == "nightshift.dev" && !READING.contains(&verb.as_str())
        };
        ensure!(!ours.iter().any(|right| writes(&right)), "{ours:?}");

        let Rendered::Yaml(other) = render(&case.file, &["--set", "kubernetesVotes.install=false"])? else {
            anyhow::bail!("it is not rendered without the kinds")
        };
        let other = documents(&other)?;
        let left: Vec<&str> = other.iter().filter(|o| of_votes(o)).map(|o| text(o, "/kind")).collect();
        ensure!(
            left == ["ClusterRole", "ClusterRole", "ClusterRoleBinding", "ClusterRoleBinding"],
            "{left:?}"
        );
        let kinds = |o: &Value| text(o, "/metadata/name").ends_with(".nightshift.dev");
        ensure!(!other.iter().any(kinds), "another release installs the kinds");
    }
    ensure!(all.iter().any(|case| case.name == "approve-votes"), "no case has votes");
    Ok(())
}

/// What stands at a path of a container, by the names of its mounts: the longest path that leads there counts.
fn mounted<'a>(container: &'a Value, path: &str) -> &'a str {
    let all = at(container, "/volumeMounts").as_array().map(Vec::as_slice).unwrap_or_default();
    let leads = all.iter().filter(|mount| {
        let below = path.strip_prefix(text(mount, "/mountPath"));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    leads.max_by_key(|mount| text(mount, "/mountPath").len()).map_or("", |mount| text(mount, "/name"))
}

#[test]
fn each_container_holds_its_own_token_and_its_own_keys() -> anyhow::Result<()> {
    const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    const DATA: &str = "/var/lib/nightshift";
    for case in cases("values")? {
        let (name, objects) = (&case.name, documents(&case.yaml()?)?);
        let set = objects.iter().find(|o| text(o, "/kind") == "StatefulSet").context("no StatefulSet")?;
        let pod = at(set, "/spec/template/spec");
        let [responder, rest @ ..] = at(pod, "/containers").as_array().map(Vec::as_slice).unwrap_or_default()
        else {
            anyhow::bail!("{name}: no container")
        };
        for container in std::iter::once(responder).chain(rest) {
            let mounts = at(container, "/volumeMounts").as_array().context("no mounts")?;
            let config = mounts.iter().find(|mount| text(mount, "/name") == "config");
            ensure!(config.is_some_and(|mount| at(mount, "/readOnly") == true), "{name}: the registry");
            ensure!(mounted(container, &format!("{DATA}/nightshift.db")) == "data", "{name}: the history");
        }
        let account = text(pod, "/serviceAccountName");
        if !name.starts_with("approve") {
            ensure!(rest.is_empty() && account == "nightshift", "{name}");
            ensure!(mounted(responder, TOKEN) == "token", "{name}");
            continue;
        }
        let [executor] = rest else { anyhow::bail!("{name}: {} containers more", rest.len()) };
        ensure!(account == "nightshift-executor", "{name}: {account}");
        ensure!(
            (mounted(responder, TOKEN), mounted(executor, TOKEN)) == ("responder-token", "token"),
            "{name}"
        );
        for (container, own, other) in
            [(responder, "keys", "executor-keys"), (executor, "executor-keys", "keys")]
        {
            ensure!(mounted(container, &format!("{DATA}/{own}/x")) == "data", "{name}: {own}");
            ensure!(mounted(container, &format!("{DATA}/{other}/x")) == "nothing", "{name}: {other}");
        }
        ensure!(mounted(executor, "/etc/nightshift-secrets/notify/slack.url").is_empty(), "{name}");
        ensure!(at(executor, "/readinessProbe").is_null(), "{name}: a closed executor would close the gate");
        let secret = objects.iter().find(|o| text(o, "/kind") == "Secret").context("no Secret")?;
        ensure!(text(secret, "/type") == "kubernetes.io/service-account-token", "{name}");
        ensure!(at(secret, "/data").is_null() && at(secret, "/stringData").is_null(), "{name}");
        let of = at(secret, "/metadata/annotations/kubernetes.io~1service-account.name");
        ensure!(of == "nightshift", "{name}: {of}");
    }
    Ok(())
}

/// The policy that is installed is the one that responder and executor read back; it matches no kind but its own.
#[test]
fn the_policy_for_votes_is_the_one_that_is_read_back() -> anyhow::Result<()> {
    let yaml = std::fs::read_to_string(Path::new(CHART).join("files/votes.yaml"))?;
    let objects = documents(&yaml)?;
    let of = |kind: &str| objects.iter().find(|o| text(o, "/kind") == kind).context(kind.to_owned());
    ensure!(*at(of("ValidatingAdmissionPolicy")?, "/spec") == policy::spec(), "another policy");
    ensure!(*at(of("ValidatingAdmissionPolicyBinding")?, "/spec") == policy::binding(), "another binding");
    let kinds: Vec<&str> = objects
        .iter()
        .filter(|o| text(o, "/kind") == "CustomResourceDefinition")
        .map(|o| text(o, "/metadata/name"))
        .collect();
    ensure!(kinds == ["votes.nightshift.dev", "visits.nightshift.dev"], "{kinds:?}");
    for object in &objects {
        ensure!(!text(object, "/kind").contains("Webhook"), "{object}");
    }
    Ok(())
}

/// Every pod template passes the profile *restricted*, as far as a render can tell; the lab's API server has the last word.
#[test]
fn every_pod_is_restricted_and_holds_no_token_that_it_was_not_given() -> anyhow::Result<()> {
    for case in cases("values")? {
        for object in documents(&case.yaml()?)? {
            let pod = match text(&object, "/kind") {
                "Pod" => at(&object, "/spec"),
                "StatefulSet" => at(&object, "/spec/template/spec"),
                _ => continue,
            };
            let name = &case.name;
            ensure!(at(pod, "/automountServiceAccountToken") == false, "{name}");
            ensure!(at(pod, "/securityContext/runAsNonRoot") == true, "{name}");
            ensure!(text(pod, "/securityContext/seccompProfile/type") == "RuntimeDefault", "{name}");
            let all = ["/containers", "/initContainers"].map(|place| at(pod, place).as_array());
            for container in all.into_iter().flatten().flatten() {
                let context = at(container, "/securityContext");
                ensure!(at(context, "/allowPrivilegeEscalation") == false, "{name}");
                ensure!(at(context, "/readOnlyRootFilesystem") == true, "{name}");
                ensure!(at(context, "/capabilities/drop/0") == "ALL", "{name}");
                ensure!(at(container, "/resources/limits/memory").is_string(), "{name}");
            }
        }
    }
    Ok(())
}

/// Every metric that the program exports.
fn exported() -> anyhow::Result<BTreeSet<String>> {
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::default();
    metrics.register(&mut registry, Caps { READ_BYTES_CAP: 1 });
    // A family is written out once it has a series.
    metrics.incidents("Proposed", 1);
    metrics.ask("fetch", "responder");
    metrics.watch("pods", "live", &["live"]);
    metrics.drive_panicked("responder");
    metrics.message("webhook", "delivered");
    metrics.heartbeat("sent");
    metrics.closed("rights", 0);
    let intake = IntakeMetrics::default();
    intake.register(&mut registry);
    intake.stored(1, 1);
    AlertmanagerMetrics::default().register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    Ok(types
        .filter_map(|line| {
            let (name, kind) = line.split_once(' ')?;
            Some(if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
        })
        .collect())
}

#[test]
fn rules_and_dashboard_name_metrics_that_exist() -> anyhow::Result<()> {
    let exported = exported()?;
    let all = cases("values")?;
    let case = all.iter().find(|case| case.name == "everything").context("no case `everything`")?;
    let objects = documents(&case.yaml()?)?;
    let rule = objects.iter().find(|o| text(o, "/kind") == "PrometheusRule").context("no rules")?;
    let boards = objects.iter().filter_map(|o| at(o, "/data/nightshift.json").as_str());
    let board: Value = serde_json::from_str(boards.into_iter().next().context("no dashboard")?)?;
    let named = regex::Regex::new(r"\bnightshift_[a-z_]+")?;
    let mut seen = 0;
    let panels = at(&board, "/panels").as_array().into_iter().flatten();
    let queries = panels.flat_map(|panel| at(panel, "/targets").as_array().into_iter().flatten());
    let rules = at(rule, "/spec/groups/0/rules").as_array().context("no rules")?;
    for expression in queries.chain(rules).map(|one| text(one, "/expr")) {
        for metric in named.find_iter(expression) {
            ensure!(
                exported.contains(metric.as_str()),
                "{expression}: no such metric; there are {exported:?}"
            );
            seen += 1;
        }
    }
    ensure!(seen >= 14, "only {seen} metrics are named");
    // The dashboard's own query for its variable.
    ensure!(exported.contains("nightshift_limit"));
    let names: Vec<&str> = rules.iter().map(|rule| text(rule, "/alert")).collect();
    let acting = all.iter().find(|case| case.name == "approve-everywhere").context("no such case")?;
    let acting = documents(&acting.yaml()?)?;
    let acting = acting.iter().find(|o| text(o, "/kind") == "PrometheusRule").context("no rules")?;
    let closed = at(acting, "/spec/groups/0/rules").as_array().into_iter().flatten();
    let closed: Vec<&str> = closed
        .filter(|rule| text(rule, "/alert") == "NightshiftExecutorClosed")
        .map(|rule| text(rule, "/expr"))
        .collect();
    ensure!(matches!(closed[..], [expr] if expr.contains("nightshift_executor_closed{")), "{closed:?}");
    ensure!(exported.contains("nightshift_executor_closed"));
    for alert in
        ["NightshiftAbsent", "NightshiftWatchBlind", "NightshiftOutboxStuck", "NightshiftWatchdogMissing"]
    {
        ensure!(names.contains(&alert), "no {alert} among {names:?}");
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rules.yaml");
    std::fs::write(&file, at(rule, "/spec").to_string())?;
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&file).output();
    let checked = checked.context("promtool comes with Prometheus; tests/run installs it")?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    Ok(())
}
