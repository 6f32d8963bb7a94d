//! What the API server adds to an object (defaults) and what it refuses (validation).
//! Only the fields that the simulator reads, or that a difference would show.

use serde_json::{Value, json};

use crate::failure::{Cause, Failure};
use crate::kind::{DAEMON_SET, DEPLOYMENT, JOB, Kind, NAMESPACE, PDB, POD, REPLICA_SET, STATEFUL_SET};
use crate::selector::selects;
use crate::value::{default, int, list, put, remove, strip_nulls, text};

/// Fills in defaults; drops nulls and empty label or annotation maps.
pub(crate) fn normalise(kind: &Kind, object: &mut Value) {
    if !kind.custom {
        strip_nulls(object);
    }
    for key in ["annotations", "labels", "finalizers", "ownerReferences"] {
        let field = object.pointer(&format!("/metadata/{key}"));
        let empty = field.is_some_and(|f| {
            f.is_null()
                || f.as_object().is_some_and(serde_json::Map::is_empty)
                || f.as_array().is_some_and(Vec::is_empty)
        });
        if empty {
            remove(object, "/metadata", key);
        }
    }
    if *kind == DEPLOYMENT {
        default(object, &["spec", "replicas"], 1);
        default(object, &["spec", "revisionHistoryLimit"], 10);
        default(object, &["spec", "progressDeadlineSeconds"], 600);
        default(object, &["spec", "strategy", "type"], "RollingUpdate");
        if text(object, "/spec/strategy/type") == "RollingUpdate" {
            default(object, &["spec", "strategy", "rollingUpdate", "maxSurge"], "25%");
            default(object, &["spec", "strategy", "rollingUpdate", "maxUnavailable"], "25%");
        }
        template(object, "/spec/template/spec");
    } else if *kind == REPLICA_SET {
        default(object, &["spec", "replicas"], 1);
        template(object, "/spec/template/spec");
    } else if *kind == STATEFUL_SET || *kind == DAEMON_SET {
        default(object, &["spec", "revisionHistoryLimit"], 10);
        default(object, &["spec", "updateStrategy", "type"], "RollingUpdate");
        let rolls = text(object, "/spec/updateStrategy/type") == "RollingUpdate";
        if *kind == DAEMON_SET {
            default(object, &["metadata", "annotations", TEMPLATES], "1");
        } else {
            default(object, &["spec", "replicas"], 1);
            default(object, &["spec", "podManagementPolicy"], "OrderedReady");
        }
        if rolls && *kind == DAEMON_SET {
            default(object, &["spec", "updateStrategy", "rollingUpdate", "maxSurge"], 0);
            default(object, &["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"], 1);
        } else if rolls {
            default(object, &["spec", "updateStrategy", "rollingUpdate", "partition"], 0);
        }
        template(object, "/spec/template/spec");
    } else if *kind == JOB {
        for (field, value) in [
            ("backoffLimit", json!(6)),
            ("completionMode", json!("NonIndexed")),
            ("completions", json!(1)),
            ("manualSelector", json!(false)),
            ("parallelism", json!(1)),
            ("podReplacementPolicy", json!("TerminatingOrFailed")),
            ("suspend", json!(false)),
        ] {
            default(object, &["spec", field], value);
        }
        template(object, "/spec/template/spec");
    } else if *kind == POD {
        template(object, "/spec");
    } else if *kind == NAMESPACE {
        default(object, &["spec", "finalizers"], json!(["kubernetes"]));
        default(object, &["status", "phase"], "Active");
    }
}

/// Gives a Job the selector and the labels that name it. Whoever brings those of another Job along is refused.
pub(crate) fn generate_selector(job: &mut Value, uid: &str, name: &str) -> Result<(), Failure> {
    let labels = crate::control::job::generated(uid, name);
    let (key, _) = &labels[0];
    let wanted = json!({"matchLabels": {*key: uid}});
    if job.pointer("/spec/selector").is_some_and(|given| *given != wanted) {
        let given = job.pointer("/spec/selector").cloned().unwrap_or_default();
        let cause = Cause::invalid("spec.selector", &given, "`selector` not auto-generated");
        return Err(Failure::invalid(&JOB, name, &[cause]));
    }
    for (key, value) in &labels {
        let found = job.pointer("/spec/template/metadata/labels").and_then(|all| all.get(*key));
        if let Some(found) = found.filter(|found| *found != value) {
            let field = format!("spec.template.metadata.labels[{key}]");
            let cause = Cause::invalid(&field, found, &format!("must be '{value}'"));
            return Err(Failure::invalid(&JOB, name, &[cause]));
        }
        put(job, &["spec", "template", "metadata", "labels", key], value.as_str());
    }
    put(job, &["spec", "selector"], wanted);
    if job.pointer("/metadata/labels").is_none() {
        let labels = job.pointer("/spec/template/metadata/labels").cloned().unwrap_or_default();
        put(job, &["metadata", "labels"], labels);
    }
    Ok(())
}

/// The annotation in which the API server counts the templates of a DaemonSet.
const TEMPLATES: &str = "deprecated.daemonset.template.generation";

/// Counts a DaemonSet's templates, whatever the writer says.
pub(crate) fn count_template(kind: &Kind, old: &Value, new: &mut Value) {
    if *kind != DAEMON_SET {
        return;
    }
    let noted =
        old.pointer("/metadata/annotations").and_then(|all| all.get(TEMPLATES)?.as_str()?.parse().ok());
    let changed = old.pointer("/spec/template") != new.pointer("/spec/template");
    let number: i64 = noted.unwrap_or(1) + i64::from(changed);
    put(new, &["metadata", "annotations", TEMPLATES], number.to_string());
}

fn template(object: &mut Value, pointer: &str) {
    let Some(spec) = object.pointer_mut(pointer).filter(|spec| spec.is_object()) else { return };
    default(spec, &["restartPolicy"], "Always");
    default(spec, &["terminationGracePeriodSeconds"], 30);
    default(spec, &["dnsPolicy"], "ClusterFirst");
    default(spec, &["schedulerName"], "default-scheduler");
    default(spec, &["securityContext"], json!({}));
    for field in ["containers", "initContainers"] {
        let Some(containers) = spec.get_mut(field).and_then(Value::as_array_mut) else { continue };
        for container in containers {
            let image = text(container, "/image");
            let tag = image
                .rsplit('/')
                .next()
                .and_then(|last| last.split_once(':'))
                .map_or("latest", |(_, tag)| tag);
            let policy = if tag == "latest" && !image.contains('@') { "Always" } else { "IfNotPresent" };
            default(container, &["imagePullPolicy"], policy);
            default(container, &["terminationMessagePath"], "/dev/termination-log");
            default(container, &["terminationMessagePolicy"], "File");
            default(container, &["resources"], json!({}));
            for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
                // `omitempty` in the Go type.
                if variable.get("value").is_some_and(|value| value == "") {
                    remove(variable, "", "value");
                }
            }
            for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                default(port, &["protocol"], "TCP");
            }
            for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
                let Some(probe) = container.get_mut(probe).filter(|probe| probe.is_object()) else {
                    continue;
                };
                for (field, value) in [
                    ("failureThreshold", 3),
                    ("periodSeconds", 10),
                    ("successThreshold", 1),
                    ("timeoutSeconds", 1),
                ] {
                    default(probe, &[field], value);
                }
            }
        }
    }
}

/// Refuses fields that do not decode into their Go types.
pub(crate) fn decodes(kind: &Kind, object: &Value) -> Result<(), Failure> {
    let scaled = [DEPLOYMENT, REPLICA_SET, STATEFUL_SET].contains(kind);
    let wrong = |pointer: &str, ok: fn(&Value) -> bool| {
        object.pointer(pointer).is_some_and(|v| !v.is_null() && !ok(v))
    };
    let strings =
        |map: &Value| map.as_object().is_some_and(|map| map.values().all(|v| v.is_string() || v.is_null()));
    let problem = if scaled && wrong("/spec/replicas", Value::is_i64) {
        Some("spec.replicas of type int32")
    } else if wrong("/metadata/annotations", strings) {
        Some("metadata.annotations of type string")
    } else if wrong("/metadata/labels", strings) {
        Some("metadata.labels of type string")
    } else {
        None
    };
    problem.map_or(Ok(()), |field| {
        Err(Failure::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: json: cannot unmarshal value into Go struct field {}.{field}",
            kind.kind, kind.version, kind.kind, kind.kind
        )))
    })
}

/// Refuses an object that is wrong in itself.
pub(crate) fn validate(kind: &Kind, object: &Value) -> Result<(), Failure> {
    simulated(kind, object)?;
    let name = text(object, "/metadata/name");
    let mut causes = Vec::new();
    if !subdomain(name) {
        causes.push(Cause::invalid("metadata.name", &json!(name),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character"));
    }
    if has_template(kind) {
        if int(object, "/spec/replicas").is_some_and(|replicas| replicas < 0) {
            let why = "must be greater than or equal to 0";
            causes.push(Cause::invalid(
                "spec.replicas",
                object.pointer("/spec/replicas").unwrap_or(&Value::Null),
                why,
            ));
        }
        let selector = object.pointer("/spec/selector");
        let labels = object.pointer("/spec/template/metadata/labels");
        if selector.is_none() {
            causes.push(Cause::required("spec.selector"));
        }
        if !selects(selector, labels) {
            let why = "`selector` does not match template `labels`";
            let labels = labels.cloned().unwrap_or_else(|| json!({}));
            causes.push(Cause::invalid("spec.template.metadata.labels", &labels, why));
        }
        containers(object, "/spec/template/spec", "spec.template.spec", &mut causes);
    } else if *kind == JOB {
        containers(object, "/spec/template/spec", "spec.template.spec", &mut causes);
        if !["Never", "OnFailure"].contains(&text(object, "/spec/template/spec/restartPolicy")) {
            causes.push(Cause::required("spec.template.spec.restartPolicy"));
        }
    } else if *kind == POD {
        containers(object, "/spec", "spec", &mut causes);
    } else if *kind == PDB
        && object.pointer("/spec/minAvailable").is_some()
        && object.pointer("/spec/maxUnavailable").is_some()
    {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        causes.push(Cause::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
    }
    if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(kind, name, &causes)) }
}

fn has_template(kind: &Kind) -> bool {
    [DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET].contains(kind)
}

/// What a controller would heed and the simulated one does not.
fn simulated(kind: &Kind, object: &Value) -> Result<(), Failure> {
    let beyond = [
        "/spec/minReadySeconds",
        "/spec/ordinals",
        "/spec/volumeClaimTemplates",
        "/spec/updateStrategy/rollingUpdate/maxSurge",
        "/spec/updateStrategy/rollingUpdate/maxUnavailable",
    ];
    let plain = |pointer: &&&str| match object.pointer(pointer) {
        None => true,
        Some(value) => *value == 0 || (*kind == DAEMON_SET && pointer.ends_with("maxUnavailable")),
    };
    let sets = *kind == STATEFUL_SET || *kind == DAEMON_SET;
    match beyond.iter().find(|pointer| sets && !plain(pointer)) {
        Some(pointer) => Err(Failure::not_simulated(&format!("{} {pointer}", kind.kind))),
        None => Ok(()),
    }
}

fn containers(object: &Value, pointer: &str, field: &str, causes: &mut Vec<Cause>) {
    let all = list(object, &format!("{pointer}/containers"));
    if all.is_empty() {
        causes.push(Cause::required(&format!("{field}.containers")));
    }
    for (at, container) in all.iter().enumerate() {
        for part in ["name", "image"] {
            if text(container, &format!("/{part}")).is_empty() {
                causes.push(Cause::required(&format!("{field}.containers[{at}].{part}")));
            }
        }
    }
}

/// Refuses a change of what must not change.
pub(crate) fn validate_change(kind: &Kind, old: &Value, new: &Value) -> Result<(), Failure> {
    let mut causes = Vec::new();
    let selector = "/spec/selector";
    if *kind == STATEFUL_SET {
        let fixed = |set: &Value| {
            let mut spec = set.get("spec").cloned().unwrap_or_default();
            for key in [
                "replicas",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
            ] {
                remove(&mut spec, "", key);
            }
            spec
        };
        if fixed(old) != fixed(new) {
            causes.push(Cause::forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', \
                'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
                'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ));
        }
    } else if has_template(kind) && old.pointer(selector) != new.pointer(selector) {
        let value = new.pointer(selector).unwrap_or(&Value::Null);
        causes.push(Cause::invalid("spec.selector", value, "field is immutable"));
    }
    if *kind == POD && frozen(old) != frozen(new) {
        causes.push(Cause::forbidden("spec", "pod updates may not change fields other than \
            `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
            (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if \
            it was previously negative)"));
    }
    if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(kind, text(new, "/metadata/name"), &causes)) }
}

/// The part of a pod's spec that a plain update must leave alone.
fn frozen(pod: &Value) -> Value {
    let mut spec = pod.get("spec").cloned().unwrap_or_default();
    for key in ["activeDeadlineSeconds", "tolerations"] {
        remove(&mut spec, "", key);
    }
    for field in ["containers", "initContainers"] {
        for container in spec.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
            put(container, &["image"], "");
        }
    }
    spec
}

fn subdomain(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 253
        && edge(name.chars().next())
        && edge(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
}
