//! The disruption controller: how many pods of a budget may go. Source: `pkg/controller/disruption`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{condition, owner, set_condition};
use crate::Sim;
use crate::kind::{DEPLOYMENT, Key, PDB, POD, REPLICA_SET};
use crate::managed::By;
use crate::selector::selects;
use crate::value::{int, put, share, text};

impl Sim {
    pub(crate) fn sync_budget(&mut self, key: &Key) {
        let Some(budget) = self.store.get(key).cloned() else { return };
        let selector = budget.pointer("/spec/selector");
        let pods: Vec<_> = self
            .store
            .scan(&POD, Some(&key.ns))
            .map(|(_, pod)| pod)
            .filter(|pod| selects(selector, pod.pointer("/metadata/labels")))
            .filter(|pod| !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded"))
            .collect();
        let healthy = pods.iter().filter(|pod| {
            pod.pointer("/metadata/deletionTimestamp").is_none()
                && condition(pod, "DisruptionTarget").is_none_or(|one| text(one, "/status") != "True")
                && condition(pod, "Ready").is_some_and(|one| text(one, "/status") == "True")
        });
        let healthy = i64::try_from(healthy.count()).unwrap_or(i64::MAX);
        let number = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        let mut scales = BTreeMap::new();
        for pod in &pods {
            if let Some((name, scale)) = self.scale_above(&key.ns, pod) {
                scales.insert(name, scale);
            }
        }
        let scaled: i64 = scales.values().sum();
        let at_most = budget.pointer("/spec/maxUnavailable");
        let at_least = budget.pointer("/spec/minAvailable");
        let (expected, desired) = match (at_most, at_least) {
            (Some(_), _) => (scaled, scaled - share(at_most, scaled, true).unwrap_or(0)),
            (None, Some(Value::String(_))) => (scaled, share(at_least, scaled, true).unwrap_or(0)),
            (None, _) => (number, share(at_least, number, true).unwrap_or(1)),
        };
        let desired = desired.max(0);
        let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
        let now = self.clock;
        self.edit(&PDB, key, &By::status("kube-controller-manager"), |budget| {
            let conditions = budget.pointer("/status/conditions").cloned().unwrap_or_else(|| json!([]));
            let seen = int(budget, "/metadata/generation").unwrap_or(0);
            put(
                budget,
                &["status"],
                json!({"currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected,
                "disruptionsAllowed": allowed, "observedGeneration": seen, "conditions": conditions}),
            );
            let (status, reason) =
                if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
            set_condition(budget, "DisruptionAllowed", status, reason, "", now);
        });
    }

    /// Name and replicas of the controller that a pod belongs to.
    fn scale_above(&self, ns: &str, pod: &Value) -> Option<(String, i64)> {
        let set = self.store.get(&REPLICA_SET.key(ns, text(owner(pod)?, "/name")))?;
        let above = owner(set).and_then(|owner| self.store.get(&DEPLOYMENT.key(ns, text(owner, "/name"))));
        let scaled = above.unwrap_or(set);
        Some((text(scaled, "/metadata/name").to_owned(), int(scaled, "/spec/replicas").unwrap_or(1)))
    }
}
