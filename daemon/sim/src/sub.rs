//! Delete, scale, eviction, logs, access reviews.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Sim;
use crate::api::{ApiRequest, ApiResponse, Method};
use crate::control::{condition, set_condition};
use crate::failure::Failure;
use crate::fault::denied;
use crate::kind::{NAMESPACE, PDB, POD};
use crate::managed::By;
use crate::patch;
use crate::read::render;
use crate::route::Route;
use crate::selector::selects;
use crate::serve::{Answer, body, by};
use crate::value::{int, list, put, stamp, text};
use crate::write::scales;

impl Sim {
    /// DELETE of one object, with preconditions, grace period and propagation.
    pub(crate) fn remove(&mut self, request: &ApiRequest, route: &Route) -> Result<Answer, Failure> {
        let options = if request.body.is_empty() { json!({}) } else { body(request)? };
        let key = route.kind.key(&route.ns, &route.name);
        let live =
            self.store.get(&key).cloned().ok_or_else(|| Failure::not_found(&route.kind, &route.name))?;
        preconditions(route, &options, &live)?;
        if route.kind == NAMESPACE {
            return Err(Failure::not_simulated("deletion of a namespace"));
        }
        // Options stand in the body, or, without one, in the query.
        let query = |name: &str| request.param(name).filter(|_| request.body.is_empty());
        let propagation = query("propagationPolicy").unwrap_or(text(&options, "/propagationPolicy"));
        if !matches!(propagation, "" | "Background") {
            return Err(Failure::not_simulated(&format!("propagationPolicy {propagation}")));
        }
        let grace = query("gracePeriodSeconds")
            .and_then(|seconds| seconds.parse().ok())
            .or_else(|| int(&options, "/gracePeriodSeconds"));
        let writer = by(request, None);
        let before = self.store.rv;
        let standing = self.delete(&key, grace, &writer);
        let answer = match standing {
            Some(object) => render(&route.kind, &object),
            None if route.kind == POD => render(&route.kind, &live),
            None => {
                let mut details = json!({"name": route.name, "kind": route.kind.plural, "uid": text(&live, "/metadata/uid")});
                if !route.kind.group.is_empty() {
                    put(&mut details, &["group"], route.kind.group);
                }
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
            }
        };
        Ok((ApiResponse::json(200, &answer), self.store.rv > before))
    }

    /// GET of `scale`.
    pub(crate) fn read_scale(&self, route: &Route) -> Result<ApiResponse, Failure> {
        let live = self.store.get(&route.kind.key(&route.ns, &route.name));
        if !scales(&route.kind) {
            return Err(Failure::not_simulated(&format!("scale of {}", route.kind.plural)));
        }
        let live = live.ok_or_else(|| Failure::not_found(&route.kind, &route.name))?;
        Ok(ApiResponse::json(200, &scale_of(live)))
    }

    /// PUT and PATCH of `scale`. Annotations have no place in a Scale: they are dropped.
    pub(crate) fn scale(&mut self, request: &ApiRequest, route: &Route) -> Result<Answer, Failure> {
        let key = route.kind.key(&route.ns, &route.name);
        let old = self.read_scale(route)?.value();
        let live =
            self.store.get(&key).cloned().ok_or_else(|| Failure::not_found(&route.kind, &route.name))?;
        let scale =
            if request.method == Method::Patch { patch::apply(request, &old)? } else { body(request)? };
        let (given, have) = (text(&scale, "/metadata/uid"), text(&live, "/metadata/uid"));
        if !given.is_empty() && given != have {
            return Err(Failure::precondition(&route.kind, &route.name, "UID", given, have));
        }
        let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0));
        if !replicas.is_i64() {
            return Err(Failure::bad_request(
                "json: cannot unmarshal value into Go struct field ScaleSpec.spec.replicas of type int32",
            ));
        }
        let mut new = Value::clone(&live);
        put(&mut new, &["spec", "replicas"], replicas);
        put(&mut new, &["metadata", "resourceVersion"], text(&scale, "/metadata/resourceVersion"));
        let (stored, changed) = self.update(&route.kind, &key, new, &by(request, Some("scale")))?;
        Ok((ApiResponse::json(200, &scale_of(&stored)), changed))
    }

    /// POST of `pods/{name}/eviction`, policy/v1. Rules: k8s.io/kubernetes `registry/core/pod/storage/eviction.go`.
    pub(crate) fn evict(&mut self, request: &ApiRequest, route: &Route) -> Result<Answer, Failure> {
        if route.kind != POD {
            return Err(Failure::not_simulated(&format!("eviction of {}", route.kind.plural)));
        }
        let eviction = body(request)?;
        let key = POD.key(&route.ns, &route.name);
        let pod = self.store.get(&key).cloned().ok_or_else(|| Failure::not_found(&POD, &route.name))?;
        let name = text(&eviction, "/metadata/name");
        if !name.is_empty() && name != route.name {
            return Err(Failure::bad_request(format!(
                "name in URL does not match name in Eviction object: {name}"
            )));
        }
        let options = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
        let writer = by(request, None);
        let before = self.store.rv;
        let phase = text(&pod, "/status/phase");
        let guarded = !matches!(phase, "Pending" | "Failed" | "Succeeded")
            && pod.pointer("/metadata/deletionTimestamp").is_none();
        preconditions(route, &options, &pod)?;
        if guarded {
            self.spend_budget(&pod, &route.ns, &writer)?;
        }
        if !writer.dry_run {
            let now = self.clock;
            self.edit(&POD, &key, &By::status("kube-apiserver"), |pod| {
                let message = "Eviction API: evicting";
                set_condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", message, now);
            });
            self.delete(&key, int(&options, "/gracePeriodSeconds"), &writer);
        }
        let body =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok((ApiResponse::json(201, &body), self.store.rv > before))
    }

    /// Takes one disruption from the pod's budget, or refuses.
    fn spend_budget(&mut self, pod: &Value, ns: &str, by: &By) -> Result<(), Failure> {
        let labels = pod.pointer("/metadata/labels");
        let budgets: Vec<_> = self
            .store
            .scan(&PDB, Some(ns))
            .filter(|(_, pdb)| selects(pdb.pointer("/spec/selector"), labels))
            .map(|(key, pdb)| (key.clone(), pdb.clone()))
            .collect();
        let (key, pdb) = match budgets.as_slice() {
            [] => return Ok(()),
            [one] => one,
            _ => {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(Failure::new(500, "InternalError", message));
            }
        };
        let refuse = |retry_after: Option<u32>, cause: String| {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            let mut failure = Failure { retry_after, ..Failure::new(429, "TooManyRequests", message) };
            failure.details = json!({"causes": [{"reason": "DisruptionBudget", "message": cause}]});
            Err(failure)
        };
        if int(pdb, "/status/observedGeneration") < int(pdb, "/metadata/generation") {
            return refuse(
                Some(10),
                format!("The disruption budget {} is still being processed by the server.", key.name),
            );
        }
        let count = |field: &str| int(pdb, &format!("/status/{field}")).unwrap_or(0);
        let (healthy, desired) = (count("currentHealthy"), count("desiredHealthy"));
        let ready = condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True");
        let always = text(pdb, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
        if !ready && (always || (healthy >= desired && desired > 0)) {
            return Ok(());
        }
        let allowed = count("disruptionsAllowed");
        if allowed <= 0 {
            let cause = format!(
                "The disruption budget {} needs {desired} healthy pods and has {healthy} currently",
                key.name
            );
            return refuse(None, cause);
        }
        if !by.dry_run {
            self.edit(&PDB, key, &By::status("kube-apiserver"), |pdb| {
                put(pdb, &["status", "disruptionsAllowed"], allowed - 1);
            });
        }
        Ok(())
    }

    /// GET of `pods/{name}/log`.
    pub(crate) fn log(&self, request: &ApiRequest, route: &Route) -> Result<ApiResponse, Failure> {
        let key = POD.key(&route.ns, &route.name);
        let pod = self.store.get(&key).ok_or_else(|| Failure::not_found(&POD, &route.name))?;
        if request.flag("follow") {
            return Err(Failure::not_simulated("following of logs"));
        }
        let names: Vec<_> = list(pod, "/spec/containers").iter().map(|one| text(one, "/name")).collect();
        let name = match (request.param("container").filter(|name| !name.is_empty()), names.as_slice()) {
            (Some(name), _) => name,
            (None, [only]) => *only,
            (None, _) => {
                return Err(Failure::bad_request(format!(
                    "a container name must be specified for pod {}, choose one of: [{}]",
                    route.name,
                    names.join(" ")
                )));
            }
        };
        if !names.contains(&name) {
            let message = format!("container {name} is not valid for pod {}", route.name);
            return Err(Failure::bad_request(message));
        }
        let container = self.runs.get(text(pod, "/metadata/uid")).and_then(|run| run.container(name));
        let found = if request.flag("previous") {
            container.and_then(|container| container.previous_log()).ok_or_else(|| {
                Failure::bad_request(format!(
                    "previous terminated container \"{name}\" in pod \"{}\" not found",
                    route.name
                ))
            })?
        } else {
            container.and_then(|container| container.log()).ok_or_else(|| {
                let reason = container.map_or("ContainerCreating", |container| container.waiting());
                let why = match reason {
                    "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image".to_owned(),
                    other => other.to_owned(),
                };
                let message =
                    format!("container \"{name}\" in pod \"{}\" is waiting to start: {why}", route.name);
                Failure::bad_request(message)
            })?
        };
        Ok(ApiResponse::text(200, cut(request, found.0, found.1)))
    }

    /// SelfSubjectAccessReview: allowed, unless a `Fault::Forbidden` denies it.
    pub(crate) fn review(&self, request: &ApiRequest) -> Result<ApiResponse, Failure> {
        if request.method != Method::Post {
            return Err(Failure::not_simulated("reading of access reviews"));
        }
        let mut review = body(request)?;
        let asked = |field: &str| text(&review, &format!("/spec/resourceAttributes/{field}")).to_owned();
        let (verb, resource, sub) = (asked("verb"), asked("resource"), asked("subresource"));
        let resource = if sub.is_empty() { resource } else { format!("{resource}/{sub}") };
        let allowed = !denied(&self.faults, &request.user, &verb, &resource);
        put(&mut review, &["kind"], "SelfSubjectAccessReview");
        put(&mut review, &["apiVersion"], "authorization.k8s.io/v1");
        put(&mut review, &["status"], json!({"allowed": allowed}));
        Ok(ApiResponse::json(201, &review))
    }
}

/// 409 unless uid and resourceVersion of the delete options are those of the live object.
fn preconditions(route: &Route, options: &Value, live: &Value) -> Result<(), Failure> {
    for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let given = text(options, &format!("/preconditions/{field}"));
        let have = text(live, &format!("/metadata/{field}"));
        if !given.is_empty() && given != have {
            return Err(Failure::precondition(&route.kind, &route.name, what, given, have));
        }
    }
    Ok(())
}

/// autoscaling/v1 Scale of a Deployment or ReplicaSet.
fn scale_of(live: &Value) -> Value {
    let mut scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {}, "spec": {},
        "status": {"replicas": int(live, "/status/replicas").unwrap_or(0)}});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        put(&mut scale, &["metadata", field], text(live, &format!("/metadata/{field}")));
    }
    put(&mut scale, &["spec", "replicas"], int(live, "/spec/replicas").unwrap_or(0));
    let labels = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs: Vec<_> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    put(&mut scale, &["status", "selector"], pairs.join(","));
    scale
}

/// `tailLines`, then `timestamps`, then `limitBytes`, in the real order.
fn cut(request: &ApiRequest, log: &str, started: Timestamp) -> String {
    let number = |name: &str| request.param(name).and_then(|value| value.parse::<usize>().ok());
    let lines: Vec<_> = log.lines().collect();
    let skip = number("tailLines").map_or(0, |tail| lines.len().saturating_sub(tail));
    let prefix = if request.flag("timestamps") { format!("{} ", stamp(started)) } else { String::new() };
    let text = lines.iter().skip(skip).fold(String::new(), |sum, line| sum + &prefix + line + "\n");
    match number("limitBytes") {
        Some(limit) if limit < text.len() => {
            String::from_utf8_lossy(text.as_bytes().get(..limit).unwrap_or_default()).into_owned()
        }
        _ => text,
    }
}
