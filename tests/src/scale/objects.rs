//! A cluster's objects as the API server holds them in production: what operators, meshes and the kubelet add included.

use serde_json::{Value, json};

/// Pods of a workload.
pub const REPLICAS: usize = 10;
/// Workloads of a namespace.
const PER_NAMESPACE: usize = 20;
/// Pods of a node.
const PER_NODE: usize = 100;

/// When everything was made and became ready.
const SINCE: &str = "2026-01-01T08:00:00Z";

/// The namespace of a workload.
pub fn namespace(workload: usize) -> String {
    format!("team-{:03}", workload / PER_NAMESPACE)
}

/// The name of a workload.
pub fn workload(workload: usize) -> String {
    const WHAT: [&str; 8] =
        ["checkout", "inventory", "payments", "search", "catalog", "shipping", "accounts", "mailer"];
    let what = WHAT.iter().cycle().nth(workload % WHAT.len()).unwrap_or(&WHAT[0]);
    format!("{what}-service-{workload:04}")
}

/// `pod-template-hash`.
fn hash(workload: usize) -> String {
    format!("{:09x}", (workload + 1) * 7_654_321 % 0xf_ffff_ffff)
}

/// The name of a workload's ReplicaSet.
pub fn replica_set(n: usize) -> String {
    format!("{}-{}", workload(n), hash(n))
}

/// The name of a pod.
pub fn pod_name(pod: usize) -> String {
    format!("{}-{:05}", replica_set(pod / REPLICAS), pod % 100_000)
}

/// The node of a pod: a workload's pods stand on different ones.
pub fn node_name(pod: usize, pods: usize) -> String {
    format!("node-{:04}", pod % pods.div_ceil(PER_NODE).max(REPLICAS))
}

/// How many nodes so many pods have.
pub fn nodes(pods: usize) -> usize {
    pods.div_ceil(PER_NODE).max(REPLICAS)
}

fn labels(n: usize) -> Value {
    json!({
        "app": workload(n), "app.kubernetes.io/name": workload(n), "app.kubernetes.io/instance": format!("{}-production", workload(n)),
        "app.kubernetes.io/version": format!("2.{}.{}", n % 40, n % 7), "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": namespace(n), "pod-template-hash": hash(n), "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": workload(n), "topology.kubernetes.io/zone": format!("zone-{}", n % 3),
    })
}

/// A node with its status.
pub fn node(n: usize) -> (Value, Value) {
    let name = format!("node-{n:04}");
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason,
        "message": "the kubelet says so", "lastTransitionTime": SINCE, "lastHeartbeatTime": SINCE})
    };
    let room = json!({"cpu": "32", "memory": "131072Mi", "pods": "250", "ephemeral-storage": "200Gi"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": format!("zone-{}", n % 3)}}});
    let status = json!({"status": {
        "capacity": room, "allocatable": room,
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            condition("Ready", "True", "KubeletReady"),
        ],
        "nodeInfo": {"kubeletVersion": "v1.35.4", "osImage": "Linux", "kernelVersion": "6.1", "architecture": "amd64",
            "bootID": "", "machineID": "", "systemUUID": "", "containerRuntimeVersion": "containerd://2.1",
            "kubeProxyVersion": "", "operatingSystem": "linux"},
    }});
    (node, status)
}

fn template(n: usize) -> Value {
    let env = |count: usize, what: &str| -> Vec<Value> {
        (0..count)
            .map(|i| match i % 4 {
                0 => json!({"name": format!("{what}_DATABASE_CREDENTIAL_{i:02}"), "valueFrom": {"secretKeyRef": {"name": format!("{}-credentials", workload(n)), "key": format!("credential-{i:02}")}}}),
                1 => json!({"name": format!("{what}_FEATURE_FLAG_{i:02}"), "valueFrom": {"configMapKeyRef": {"name": format!("{}-config", workload(n)), "key": format!("feature.flag.{i:02}")}}}),
                _ => json!({"name": format!("{what}_UPSTREAM_ENDPOINT_{i:02}"), "value": format!("http://upstream-{i:02}.{}.svc.cluster.local:8080/api/v1/{what}", namespace(n))}),
            })
            .collect()
    };
    let mounts = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"name": name, "mountPath": format!("/var/run/nightshift/{name}"), "readOnly": true})).collect()
    };
    let probe = |path: &str, port: u32| {
        json!({"httpGet": {"path": path, "port": port, "scheme": "HTTP"}, "initialDelaySeconds": 10,
        "periodSeconds": 10, "timeoutSeconds": 3, "successThreshold": 1, "failureThreshold": 3})
    };
    json!({
        "serviceAccountName": "default", "automountServiceAccountToken": false, "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 45, "priority": 0, "enableServiceLinks": true,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 10_001, "fsGroup": 10_001, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": workload(n)}}}],
        "volumes": [
            {"name": "config", "configMap": {"name": format!("{}-config", workload(n)), "defaultMode": 420}},
            {"name": "credentials", "secret": {"secretName": format!("{}-credentials", workload(n)), "defaultMode": 288}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
            {"name": "workload-certs", "emptyDir": {}},
            {"name": "istio-envoy", "emptyDir": {"medium": "Memory"}},
            {"name": "istio-data", "emptyDir": {}},
            {"name": "podinfo", "downwardAPI": {"defaultMode": 420, "items": [
                {"path": "labels", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels"}},
                {"path": "annotations", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.annotations"}}]}},
        ],
        "initContainers": [{
            "name": "migrate", "image": format!("registry.example.com/{}/{}-migrate:2.{}.{}", namespace(n), workload(n), n % 40, n % 7),
            "imagePullPolicy": "IfNotPresent", "command": ["/bin/migrate", "--wait", "--timeout=120s"], "env": env(8, "MIGRATE"),
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "volumeMounts": mounts(&["config", "credentials"]),
        }],
        "containers": [
            {
                "name": "app", "image": format!("registry.example.com/{}/{}:2.{}.{}", namespace(n), workload(n), n % 40, n % 7),
                "imagePullPolicy": "IfNotPresent", "args": ["serve", "--config=/etc/app/config.yaml", "--log-format=json"],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
                "env": env(36, "APP"),
                "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
                "readinessProbe": probe("/healthz/ready", 8080), "livenessProbe": probe("/healthz/live", 8080),
                "volumeMounts": mounts(&["config", "credentials", "tmp", "podinfo"]),
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
            },
            {
                "name": "istio-proxy", "image": "registry.example.com/istio/proxyv2:1.24.2", "imagePullPolicy": "IfNotPresent",
                "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning", "--concurrency", "2"],
                "ports": [{"name": "http-envoy-prom", "containerPort": 15_090, "protocol": "TCP"}],
                "env": env(24, "ISTIO_META"),
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
                "readinessProbe": probe("/healthz/ready", 15_021),
                "volumeMounts": mounts(&["workload-certs", "istio-envoy", "istio-data", "podinfo"]),
            },
        ],
    })
}

/// A Deployment and its status.
pub fn deployment(n: usize) -> (Value, Value) {
    let selector = json!({"matchLabels": {"app": workload(n)}});
    let mut labels = labels(n);
    if let Some(labels) = labels.as_object_mut() {
        labels.remove("pod-template-hash");
    }
    let made = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": workload(n), "namespace": namespace(n), "labels": labels, "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {"replicas": REPLICAS, "selector": selector, "template": {"metadata": {"labels": labels}, "spec": template(n)}}});
    let condition = |kind: &str, reason: &str| {
        json!({"type": kind, "status": "True", "reason": reason, "message": "as wanted",
        "lastTransitionTime": SINCE, "lastUpdateTime": SINCE})
    };
    let status = json!({"status": {"observedGeneration": 1, "replicas": REPLICAS, "updatedReplicas": REPLICAS, "readyReplicas": REPLICAS,
        "availableReplicas": REPLICAS,
        "conditions": [condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable")]}});
    (made, status)
}

/// Its ReplicaSet and the status of that.
pub fn set(n: usize, owner: &str) -> (Value, Value) {
    let made = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": replica_set(n), "namespace": namespace(n), "labels": labels(n),
            "annotations": {"deployment.kubernetes.io/revision": "3", "deployment.kubernetes.io/desired-replicas": REPLICAS.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": workload(n), "uid": owner, "controller": true, "blockOwnerDeletion": true}]},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": workload(n), "pod-template-hash": hash(n)}},
            "template": {"metadata": {"labels": labels(n)}, "spec": template(n)}}});
    let status = json!({"status": {"observedGeneration": 1, "replicas": REPLICAS, "fullyLabeledReplicas": REPLICAS,
        "readyReplicas": REPLICAS, "availableReplicas": REPLICAS}});
    (made, status)
}

/// A pod of a workload.
pub fn pod(pod: usize, pods: usize, owner: &str) -> Value {
    let n = pod / REPLICAS;
    let mut spec = template(n);
    if let Some(spec) = spec.as_object_mut() {
        spec.insert("nodeName".to_owned(), json!(node_name(pod, pods)));
    }
    let istio = json!({"initContainers": ["istio-init"], "containers": ["istio-proxy"],
        "volumes": ["workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-data", "istio-podinfo", "istio-token", "istiod-ca-cert"],
        "imagePullSecrets": null, "revision": "default"});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod_name(pod), "namespace": namespace(n), "generateName": format!("{}-", replica_set(n)), "labels": labels(n),
            "annotations": {
                "checksum/config": format!("{:064x}", n + 17), "checksum/secret": format!("{:064x}", n + 71),
                "cni.projectcalico.org/containerID": format!("{:064x}", pod + 3), "cni.projectcalico.org/podIP": format!("10.{}.{}.{}/32", pod >> 16, pod >> 8 & 255, pod & 255),
                "istio.io/rev": "default", "kubectl.kubernetes.io/default-container": "app", "kubectl.kubernetes.io/restartedAt": SINCE,
                "prometheus.io/path": "/stats/prometheus", "prometheus.io/port": "15020", "prometheus.io/scrape": "true",
                "sidecar.istio.io/status": istio.to_string(),
            },
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set(n), "uid": owner, "controller": true, "blockOwnerDeletion": true}]},
        "spec": spec})
}

/// What a pod's kubelet says of its application container.
pub enum Health {
    /// It runs and is ready, told at this second of its hour.
    Well(usize),
    /// It crashes: restarts, and when the last run began and ended.
    Crashing(u32, String, String),
}

/// A pod's status.
pub fn status(pod: usize, pods: usize, health: &Health) -> Value {
    let n = pod / REPLICAS;
    let ready = matches!(health, Health::Well(_));
    let word = if ready { "True" } else { "False" };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": SINCE, "lastProbeTime": null});
    let container = |name: &str, image: &str, more: Value| {
        let mut status = json!({"name": name, "image": image, "imageID": format!("{}@sha256:{:064x}", image.split(':').next().unwrap_or(image), n % 280 + 1),
            "containerID": format!("containerd://{:064x}", pod * 3 + name.len())});
        if let (Some(status), Value::Object(more)) = (status.as_object_mut(), more) {
            status.extend(more);
        }
        status
    };
    let runs = |ready: bool| json!({"ready": ready, "started": true, "restartCount": 0, "lastState": {}, "state": {"running": {"startedAt": SINCE}}});
    let app = match health {
        Health::Well(second) => json!({"ready": true, "started": true, "restartCount": 0, "lastState": {},
            "state": {"running": {"startedAt": format!("2026-01-01T08:{:02}:{:02}Z", second / 60 % 60, second % 60)}}}),
        Health::Crashing(restarts, from, to) => {
            json!({"ready": false, "started": false, "restartCount": restarts,
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": from, "finishedAt": to,
                "containerID": format!("containerd://{:064x}", pod + 11)}},
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": format!("back-off 40s restarting failed container=app pod={}_{}", pod_name(pod), namespace(n))}}})
        }
    };
    let image = format!("registry.example.com/{}/{}:2.{}.{}", namespace(n), workload(n), n % 40, n % 7);
    let done = json!({"ready": true, "started": false, "restartCount": 0, "lastState": {},
        "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": SINCE, "finishedAt": SINCE, "containerID": format!("containerd://{:064x}", pod + 5)}}});
    let ip = format!("10.{}.{}.{}", 1 + (pod >> 16), pod >> 8 & 255, pod & 255);
    let host = format!("192.168.{}.{}", pod % 100, pod % pods.max(1) % 250);
    json!({"status": {
        "phase": "Running", "startTime": SINCE, "qosClass": "Burstable", "hostIP": host, "hostIPs": [{"ip": host}], "podIP": ip, "podIPs": [{"ip": ip}],
        "conditions": [condition("PodReadyToStartContainers", "True"), condition("Initialized", "True"), condition("Ready", word),
            condition("ContainersReady", word), condition("PodScheduled", "True")],
        "initContainerStatuses": [container("migrate", &image.replace(":2.", "-migrate:2."), done)],
        "containerStatuses": [container("app", &image, app), container("istio-proxy", "registry.example.com/istio/proxyv2:1.24.2", runs(true))],
    }})
}

/// A Warning about a pod, as its kubelet writes one; told in the past, or now and again.
pub fn event(number: usize, pod: usize, pods: usize, uid: &str, at: &str) -> Value {
    let n = pod / REPLICAS;
    let (reason, message) = if number.is_multiple_of(2) {
        (
            "Unhealthy",
            format!(
                "Readiness probe failed: Get \"http://10.1.{}.{}:8080/healthz/ready\": dial tcp 10.1.{}.{}:8080: connect: connection refused",
                number % 250,
                pod % 250,
                number % 250,
                pod % 250
            ),
        )
    } else {
        (
            "BackOff",
            format!(
                "Back-off restarting failed container app in pod {}_{}({uid})",
                pod_name(pod),
                namespace(n)
            ),
        )
    };
    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{}.{number:016x}", pod_name(pod)), "namespace": namespace(n)},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace(n), "name": pod_name(pod), "uid": uid, "fieldPath": "spec.containers{app}"},
        "type": "Warning", "reason": reason, "message": message, "count": 1 + number % 7,
        "firstTimestamp": at, "lastTimestamp": at, "source": {"component": "kubelet", "host": node_name(pod, pods)},
        "reportingComponent": "kubelet", "reportingInstance": node_name(pod, pods)})
}
