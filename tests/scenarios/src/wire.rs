//! One role's wire into the simulated cluster.

use crate::world::World;
use nightshift_engine::{HttpWrite, Wire};
use nightshift_model::evidence::OtherIncident;
use nightshift_model::{NotChecked, RawPart, Read, Role, Timestamp};
use nightshift_sim::{ApiRequest, ApiResponse, Method, Reply};
use std::sync::Arc;

/// Who asks: the user names of the two ServiceAccounts.
pub(crate) fn user(role: Role) -> &'static str {
    match role {
        Role::Responder => "nightshift-responder",
        Role::Executor => "nightshift-executor",
    }
}

/// A role's adapter. It returns statuses and bytes, and never reads them.
pub(crate) struct SimWire {
    pub(crate) world: Arc<World>,
    pub(crate) role: Role,
}

impl Wire for SimWire {
    async fn read(&self, read: &Read) -> RawPart {
        match read {
            Read::Get { path, query, .. } => {
                let mut request = ApiRequest::new(Method::Get, "", user(self.role));
                request.path.clone_from(path);
                request.query.clone_from(query);
                self.handle(&request)
            }
            Read::Query { promql } => {
                let mut cluster = self.world.cluster();
                let now = cluster.now;
                crate::metrics::answer(&mut cluster, promql, now)
            }
            Read::Incidents => {
                let log = self.world.log();
                let all = log.incidents.values();
                let open: Vec<_> = all.filter_map(|p| OtherIncident::of(&p.incident)).collect();
                let body = serde_json::to_vec(&open).unwrap_or_default();
                RawPart::Body { status: 200, body, cut: false }
            }
            Read::Healthy { workload } => {
                let log = self.world.log();
                let seen: Vec<_> = log.healthy().filter(|h| h.workload.same_name(workload)).collect();
                let body = serde_json::to_vec(&seen).unwrap_or_default();
                RawPart::Body { status: 200, body, cut: false }
            }
        }
    }

    async fn write(&self, write: &HttpWrite) -> RawPart {
        let what = purpose(write);
        self.world.points.pass(self.role, &format!("before write {what}")).await;
        let part = match method(&write.method) {
            Some(method) => {
                let mut request = ApiRequest::new(method, "", user(self.role));
                request.path.clone_from(&write.path);
                request.query.clone_from(&write.query);
                request.content_type = Some(write.content_type.clone());
                request.body.clone_from(&write.body);
                self.handle(&request)
            }
            None => RawPart::Failed { why: NotChecked::Unreachable, detail: "no such method".to_owned() },
        };
        self.world.tell_writes();
        self.world.points.pass(self.role, &format!("after write {what}")).await;
        part
    }

    fn now(&self) -> Timestamp {
        self.world.now()
    }
}

impl SimWire {
    fn handle(&self, request: &ApiRequest) -> RawPart {
        let mut cluster = self.world.cluster();
        if !cluster.reachable {
            return RawPart::Failed { why: NotChecked::Unreachable, detail: "connection refused".to_owned() };
        }
        let now = cluster.now.get();
        match cluster.sim.handle(request, now) {
            // Dropped after the request went out: nobody can tell.
            Reply::Once(ApiResponse { status: 0, .. }) => {
                RawPart::Failed { why: NotChecked::TimedOut, detail: "connection reset".to_owned() }
            }
            Reply::Once(answer) => RawPart::Body { status: answer.status, body: answer.body, cut: false },
            Reply::Watch(id) => {
                cluster.sim.close_watch(id);
                RawPart::Failed { why: NotChecked::Unreadable, detail: "a stream".to_owned() }
            }
        }
    }
}

fn method(word: &str) -> Option<Method> {
    Some(match word {
        "PATCH" => Method::Patch,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => return None,
    })
}

/// What a write is for, read from its bytes: for the names of places.
fn purpose(write: &HttpWrite) -> &'static str {
    let dry = write.query.iter().any(|(name, _)| name == "dryRun");
    if dry { "dry-run" } else { step(method(&write.method), &write.body) }
}

/// Which step of the protocol a request is. What is no patch has no step before it.
pub(crate) fn step(method: Option<Method>, body: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(body);
    if method != Some(Method::Patch) || text.contains("\"done:") {
        "apply"
    } else if text.contains(r#""op":"replace","path":"/metadata/annotations/nightshift.dev~1claim""#) {
        "reclaim"
    } else {
        "claim"
    }
}
