//! What the demo deploys: a shop with two workloads, and what its images do.

use nightshift_model::measure::{Check, ClusterCondition};
use nightshift_model::{Digest, ObjectRef, Policy, Risk, Seconds};
use nightshift_playbooks::Catalog;
use nightshift_sim::{Live, Program, PromValue, Sim};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The namespace of the simulated shop.
pub const NAMESPACE: &str = "shop";

/// What the crashing version writes before it ends.
const CRASH_LOG: &str = "starting checkout 2.0.0\n\
     connecting to postgres://checkout:s3cr3t-pa55@db.shop.svc:5432/checkout\n\
     FATAL: required setting PAYMENT_PROVIDER_URL is not set\n";

/// A version of a workload.
pub struct Release<'a> {
    /// The workload.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Wanted replicas.
    pub replicas: u32,
    /// Whether this version serves; the simulated images know it by themselves.
    pub serves: bool,
}

/// A release as a Deployment of the shop.
pub fn deployment(release: &Release<'_>) -> Value {
    let Release { name, version, replicas, .. } = release;
    workload(name, &format!("registry.shop/{name}:{version}"), *replicas, &format!("release {version}"))
}

/// A Deployment of the shop.
pub fn workload(name: &str, image: &str, replicas: u32, cause: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app": name},
            "annotations": {"kubernetes.io/change-cause": cause},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "app",
                    "image": image,
                    "env": [{"name": "DB_PASSWORD", "value": "s3cr3t-pa55"}],
                    "ports": [{"containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
                }]},
            },
        },
    })
}

/// What the shop's images do.
pub fn programs(sim: &mut Sim) {
    sim.program("registry.shop/checkout:2.0.0", Program::exits(2, 1).log(CRASH_LOG));
    sim.program("registry.shop/cart:5.0.0", Program::exits(2, 127).log("exec: cart-server: not found\n"));
    let shy = nightshift_sim::Behaviour::ExitsTimes { times: 2, after: 2, code: 1 };
    let shy = Program::new(shy).log("waiting for the database to accept connections\n");
    sim.program("registry.shop/mailer:1.1.0", shy);
}

/// Read once: every workload of a demo asks for it.
static SHIPPED: LazyLock<Catalog> = LazyLock::new(Catalog::embedded);

/// The simulated Prometheus answers exactly the queries that the shipped playbook asks about a workload.
pub fn metrics(sim: &mut Sim, target: &ObjectRef) {
    let (ns, deployment) = (target.namespace.clone(), target.name.clone());
    for playbook in SHIPPED.iter() {
        for asked in nightshift_playbooks::questions(playbook, target).unwrap_or_default() {
            sim.set_prometheus(&asked.promql, PromValue::Vector(vec![(BTreeMap::new(), 0.0)]));
        }
        let spec = nightshift_playbooks::verification(
            playbook,
            &Policy::default(),
            Risk::Medium,
            target,
            &ClusterCondition::TemplateIs { template: Digest([0; 32]) },
            true,
            Seconds(0),
        );
        for measure in spec.map(|s| s.measures).unwrap_or_default() {
            let Check::Query { promql, fresh, .. } = measure.check else { continue };
            let (ns, deployment) = (ns.clone(), deployment.clone());
            let live = match measure.name.as_str() {
                "unavailable-replicas" => Live::UnavailableReplicas { ns, deployment },
                "missing-replicas" => Live::MissingReplicas { ns, deployment },
                "available-replicas" => Live::AvailableReplicas { ns, deployment },
                _ => Live::Up,
            };
            sim.set_prometheus(&promql, PromValue::Live(live));
            sim.set_prometheus(&fresh, PromValue::Live(Live::SampleTimestamp));
        }
    }
}
