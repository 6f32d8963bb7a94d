//! How a running nightshift is, for `/v1/status`.

use super::Running;
use super::doors::{EXECUTION, ready};
use crate::api::status::{RoleStatus, Status, StorageStatus, SwitchStatus};
use crate::cluster::Watch;
use crate::http::rest::StatusOf;
use crate::stages::query::Reader;
use crate::store::HistoryStore as _;
use nightshift_engine::rules::{KillSwitch, Mode};
use nightshift_model::Gap;
use std::sync::Arc;

/// The status of what runs, told to each reader as far as its roles reach.
pub(super) fn of(running: &Running) -> StatusOf {
    let (ready, rules, store, clock) =
        (ready(running), running.rules_now(), running.store(), running.clock());
    let (coverage, roles) = (running.coverage.clone(), running.roles.clone());
    Arc::new(move |reader: Reader| {
        let (readiness, rules, store) = (ready(), Arc::clone(&rules), store.clone());
        let mut hidden: Vec<Gap> =
            coverage.borrow().iter().filter(|w| !shown(&reader, w)).filter_map(super::doors::gap).collect();
        let foreign = |gap: &&Gap| {
            let place = gap.what.strip_prefix(EXECUTION).and_then(|rest| rest.strip_prefix(" in "));
            place.is_some_and(|namespace| !reader.sees(namespace))
        };
        hidden.extend(readiness.gaps.iter().filter(foreign).cloned());
        let roles =
            roles.iter().map(|me| RoleStatus { role: me.role.as_str().to_owned(), epoch: me.epoch.0 });
        let roles: Vec<RoleStatus> = roles.collect();
        Box::pin(async move {
            let rules = rules().await;
            let rows = store.rows().await;
            let kill_switch = match &rules.standing.kill_switch {
                KillSwitch::Clear => SwitchStatus { set: false, reason: String::new() },
                KillSwitch::Set { reason } => SwitchStatus { set: true, reason: reason.clone() },
            };
            Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                cluster: rules.cluster.name.clone(),
                cluster_uid: rules.cluster.uid.clone(),
                mode: match rules.mode {
                    Mode::Observe => "observe",
                    Mode::Approve { .. } => "approve",
                }
                .to_owned(),
                now: clock.now(),
                ready: readiness.ready,
                gaps: readiness.gaps.into_iter().filter(|gap| !hidden.contains(gap)).collect(),
                kill_switch,
                roles,
                storage: StorageStatus {
                    backend: "sqlite".to_owned(),
                    readable: rows.is_ok(),
                    rows: rows.ok().filter(|_| reader.sees_all()),
                },
            }
        })
    })
}

/// A watch of one namespace is for who may see that one; a watch of all of them is for everybody.
fn shown(reader: &Reader, watch: &Watch) -> bool {
    watch.namespace.is_empty() || reader.sees(&watch.namespace)
}
