//! The table.

use super::Row;

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const OBJECT: &str = "application/json";

/// A restart as it is sent: a map is added where there was none.
const RESTART: &str = r#"[{"op": "test", "path": "/metadata/uid", "value": "$uid"}, {"op": "test", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "old:1.1"}, {"op": "test", "path": "/spec/template", "value": $template}, {"op": "add", "path": "/spec/template/metadata/annotations", "value": {}}, {"op": "add", "path": "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt", "value": "2026-03-01T02:05:00Z"}, {"op": "replace", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "done:old"}]"#;
/// A rollback as it is sent.
const ACT: &str = r#"[{"op": "test", "path": "/metadata/uid", "value": "$uid"}, {"op": "test", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "old:1.1"}, {"op": "test", "path": "/spec/template", "value": $template}, {"op": "replace", "path": "/spec/template", "value": {"metadata": {"labels": {"app": "$name"}}, "spec": {"containers": [{"name": "app", "image": "localhost:5000/app:3"}]}}}, {"op": "replace", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "done:old"}]"#;

const fn patch(
    name: &'static str,
    content: &'static str,
    body: &'static str,
    want: (u16, &'static str),
) -> Row {
    Row {
        kind: "Deployment",
        name,
        method: "PATCH",
        target: "?fieldManager=nightshift",
        content,
        body,
        want,
        unknown_to_sim: false,
    }
}

const JOBS: &str = "=/apis/batch/v1/namespaces/$ns/jobs?fieldManager=nightshift";
const JOBS_DRY: &str = "=/apis/batch/v1/namespaces/$ns/jobs?fieldManager=nightshift&dryRun=All";
/// A Job as it is made anew.
const AGAIN: &str = r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "$name-rerun", "namespace": "$ns", "labels": {"nightshift.dev/rerun-of": "$uid"}, "annotations": {"nightshift.dev/claim": "done:old"}}, "spec": {"suspend": true, "manualSelector": false, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "localhost:5000/app:1"}]}}}}"#;
const TAKEN: &str = r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "$name", "namespace": "$ns"}, "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "localhost:5000/app:1"}]}}}}"#;
const LABELLED: &str = r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "$name-again", "namespace": "$ns"}, "spec": {"suspend": true, "template": $template}}"#;
const ALWAYS: &str = r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "$name-always", "namespace": "$ns"}, "spec": {"suspend": true, "template": {"spec": {"containers": [{"name": "app", "image": "localhost:5000/app:1"}]}}}}"#;

const fn job(name: &'static str, body: &'static str, want: (u16, &'static str)) -> Row {
    Row { kind: "Job", method: "POST", ..patch(name, OBJECT, body, want) }
}

/// Rows of reference/execution.md 5.1 first, then the requests of our own protocol, then what goes wrong.
pub const ROWS: &[Row] = &[
    patch(
        "merge patch with uid and resourceVersion right",
        MERGE,
        r#"{"metadata": {"uid": "$uid", "resourceVersion": "$rv"}, "spec": {"replicas": 0, "minReadySeconds": 3}}"#,
        (200, ""),
    ),
    patch(
        "replay with a stale resourceVersion",
        MERGE,
        r#"{"metadata": {"uid": "$uid", "resourceVersion": "$stale"}, "spec": {"minReadySeconds": 3}}"#,
        (409, "Conflict"),
    ),
    patch(
        "wrong uid, no resourceVersion",
        MERGE,
        r#"{"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "spec": {"minReadySeconds": 3}}"#,
        (422, "Invalid"),
    ),
    patch(
        "identical replay without resourceVersion",
        MERGE,
        r#"{"metadata": {"labels": {"touched": "yes"}}}"#,
        (200, ""),
    ),
    patch(
        "JSON Patch with a failing test of the uid",
        JSON,
        r#"[{"op": "test", "path": "/metadata/uid", "value": "other"}, {"op": "replace", "path": "/spec/replicas", "value": 0}]"#,
        (422, "Invalid"),
    ),
    patch(
        "JSON Patch with a failing test of a field",
        JSON,
        r#"[{"op": "test", "path": "/spec/template/spec/containers/0/image", "value": "other"}, {"op": "add", "path": "/spec/minReadySeconds", "value": 3}]"#,
        (422, "Invalid"),
    ),
    patch(
        "JSON Patch with passing tests of uid and field",
        JSON,
        r#"[{"op": "test", "path": "/metadata/uid", "value": "$uid"}, {"op": "test", "path": "/spec/template/spec/containers/0/image", "value": "localhost:5000/app:1"}, {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "localhost:5000/app:3"}]"#,
        (200, ""),
    ),
    Row {
        kind: "Deployment",
        name: "server-side apply without force on another's field",
        method: "PATCH",
        target: "?fieldManager=nightshift",
        content: APPLY,
        body: r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "$name"}, "spec": {"paused": false}}"#,
        want: (409, "Conflict"),
        unknown_to_sim: true,
    },
    Row {
        kind: "Deployment",
        name: "server-side apply with the uid of a missing object",
        method: "PATCH",
        target: "=/apis/apps/v1/namespaces/$ns/deployments/missing?fieldManager=nightshift",
        content: APPLY,
        body: r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "missing", "uid": "$uid"}}"#,
        want: (409, "Conflict"),
        unknown_to_sim: true,
    },
    Row {
        name: "scale with a stale resourceVersion",
        target: "/scale?fieldManager=nightshift",
        ..patch(
            "",
            MERGE,
            r#"{"metadata": {"resourceVersion": "$stale"}, "spec": {"replicas": 0}}"#,
            (409, "Conflict"),
        )
    },
    Row {
        name: "scale with an annotation, which is dropped",
        target: "/scale?fieldManager=nightshift",
        ..patch(
            "",
            MERGE,
            r#"{"metadata": {"annotations": {"nightshift.dev/claim": "new"}}, "spec": {"replicas": 1}}"#,
            (200, ""),
        )
    },
    Row {
        name: "dry run",
        target: "?fieldManager=nightshift&dryRun=All",
        ..patch(
            "",
            JSON,
            r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other"}]"#,
            (200, ""),
        )
    },
    Row {
        name: "delete with a wrong uid as precondition",
        method: "DELETE",
        target: "",
        ..patch(
            "",
            OBJECT,
            r#"{"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}}"#,
            (409, "Conflict"),
        )
    },
    Row {
        name: "delete with a stale resourceVersion as precondition",
        method: "DELETE",
        target: "",
        ..patch(
            "",
            OBJECT,
            r#"{"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "$uid", "resourceVersion": "$stale"}}"#,
            (409, "Conflict"),
        )
    },
    Row {
        name: "delete with the right preconditions",
        method: "DELETE",
        target: "",
        ..patch(
            "",
            OBJECT,
            r#"{"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "$uid", "resourceVersion": "$rv"}}"#,
            (200, ""),
        )
    },
    // --- our own requests
    patch(
        "claim: test of the uid, the mark is set; the generation moves",
        JSON,
        r#"[{"op": "test", "path": "/metadata/uid", "value": "$uid"}, {"op": "add", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "pro-x.1:1.1"}]"#,
        (200, ""),
    ),
    patch(
        "act: tests of uid, mark and old value; template and mark are replaced",
        JSON,
        r#"[{"op": "test", "path": "/metadata/uid", "value": "$uid"}, {"op": "test", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "old:1.1"}, {"op": "replace", "path": "/spec/template", "value": {"metadata": {"labels": {"app": "$name"}}, "spec": {"containers": [{"name": "app", "image": "localhost:5000/app:3"}]}}}, {"op": "replace", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "done:old"}]"#,
        (200, ""),
    ),
    patch(
        "act after a stale mark was replaced",
        JSON,
        r#"[{"op": "test", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "older:1.1"}, {"op": "replace", "path": "/metadata/annotations/nightshift.dev~1claim", "value": "done:older"}]"#,
        (422, "Invalid"),
    ),
    patch(
        "a mark that is gone",
        JSON,
        r#"[{"op": "test", "path": "/metadata/annotations/nightshift.dev~1other", "value": "x"}]"#,
        (422, "Invalid"),
    ),
    patch(
        "an empty value of an env variable is dropped",
        JSON,
        r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0", "value": {"name": "A", "value": ""}}]"#,
        (200, ""),
    ),
    patch(
        "null removes",
        JSON,
        r#"[{"op": "add", "path": "/spec/template/metadata/annotations", "value": null}]"#,
        (200, ""),
    ),
    patch("restart of a Deployment", JSON, RESTART, (200, "")),
    Row { kind: "StatefulSet", ..patch("restart of a StatefulSet", JSON, RESTART, (200, "")) },
    Row { kind: "DaemonSet", ..patch("restart of a DaemonSet", JSON, RESTART, (200, "")) },
    patch(
        "restart of another template than the one that stands",
        JSON,
        r#"[{"op": "test", "path": "/spec/template", "value": {"spec": {}}}, {"op": "add", "path": "/spec/template/metadata/annotations", "value": {}}]"#,
        (422, "Invalid"),
    ),
    patch(
        "an annotation into a map that is not there",
        JSON,
        r#"[{"op": "add", "path": "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt", "value": "2026-03-01T02:05:00Z"}]"#,
        (422, "Invalid"),
    ),
    Row { kind: "StatefulSet", ..patch("act on a StatefulSet", JSON, ACT, (200, "")) },
    Row { kind: "DaemonSet", ..patch("act on a DaemonSet", JSON, ACT, (200, "")) },
    // --- a Job that is made anew
    Row { target: JOBS, ..job("a Job beside another one", AGAIN, (201, "")) },
    Row { target: JOBS_DRY, ..job("the same as a dry run", AGAIN, (201, "")) },
    Row { target: JOBS, ..job("a Job of a name that is taken", TAKEN, (409, "AlreadyExists")) },
    Row { target: JOBS_DRY, ..job("the same as a dry run", TAKEN, (409, "AlreadyExists")) },
    Row { target: JOBS, ..job("a Job with the labels of another one", LABELLED, (422, "Invalid")) },
    Row { target: JOBS, ..job("a Job whose pods are started again for ever", ALWAYS, (422, "Invalid")) },
    // --- other writers
    patch(
        "strategic merge patch of one container's image",
        STRATEGIC,
        r#"{"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "localhost:5000/app:3"}]}}}}"#,
        (200, ""),
    ),
    patch(
        "strategic merge patch that adds a container",
        STRATEGIC,
        r#"{"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "localhost:5000/app:3"}]}}}}"#,
        (200, ""),
    ),
    patch(
        "merge patch that removes the mark",
        MERGE,
        r#"{"metadata": {"annotations": {"nightshift.dev/claim": null}}}"#,
        (200, ""),
    ),
    // --- what goes wrong
    patch(
        "another selector",
        MERGE,
        r#"{"spec": {"selector": {"matchLabels": {"app": "other"}}}}"#,
        (422, "Invalid"),
    ),
    patch("a number of replicas that is none", MERGE, r#"{"spec": {"replicas": "three"}}"#, (422, "Invalid")),
    patch("negative replicas", MERGE, r#"{"spec": {"replicas": -1}}"#, (422, "Invalid")),
    patch(
        "an annotation that is no text",
        MERGE,
        r#"{"metadata": {"annotations": {"a": 1}}}"#,
        (422, "Invalid"),
    ),
    patch("a body that is no JSON", JSON, "[{", (400, "BadRequest")),
    patch(
        "an operation that does not exist",
        JSON,
        r#"[{"op": "nudge", "path": "/spec"}]"#,
        (422, "Invalid"),
    ),
    patch(
        "removal of what is not there",
        JSON,
        r#"[{"op": "remove", "path": "/spec/nothing"}]"#,
        (422, "Invalid"),
    ),
    patch("an unknown patch format", "application/x-patch", "{}", (415, "UnsupportedMediaType")),
    Row {
        name: "a missing object is not patched",
        target: "=/apis/apps/v1/namespaces/$ns/deployments/missing",
        ..patch("", MERGE, "{}", (404, "NotFound"))
    },
    Row {
        name: "a missing object",
        method: "GET",
        target: "=/apis/apps/v1/namespaces/$ns/deployments/missing",
        ..patch("", "", "", (404, "NotFound"))
    },
    Row {
        name: "an object that exists already",
        method: "POST",
        target: "=/apis/apps/v1/namespaces/$ns/deployments",
        ..patch(
            "",
            OBJECT,
            r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "$name"}, "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}}}"#,
            (409, "AlreadyExists"),
        )
    },
    Row {
        name: "a selector that does not match the template",
        method: "POST",
        target: "=/apis/apps/v1/namespaces/$ns/deployments",
        ..patch(
            "",
            OBJECT,
            r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "wrong"}, "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "y"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}}}"#,
            (422, "Invalid"),
        )
    },
    Row {
        name: "a namespace that does not exist",
        method: "POST",
        target: "=/api/v1/namespaces/nowhere/configmaps",
        ..patch("", OBJECT, r#"{"metadata": {"name": "a"}}"#, (404, "NotFound"))
    },
    Row {
        name: "a continue token that is none",
        method: "GET",
        target: "=/api/v1/namespaces/$ns/configmaps?limit=1&continue=nonsense",
        ..patch("", "", "", (400, "BadRequest"))
    },
    Row {
        name: "a list at a version that is none",
        method: "GET",
        target: "=/api/v1/namespaces/$ns/configmaps?resourceVersion=abc",
        ..patch("", "", "", (400, "BadRequest"))
    },
    Row {
        name: "eviction of a missing pod",
        method: "POST",
        target: "=/api/v1/namespaces/$ns/pods/missing/eviction",
        ..patch(
            "",
            OBJECT,
            r#"{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "missing"}}"#,
            (404, "NotFound"),
        )
    },
];
