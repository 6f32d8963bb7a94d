//! reference/execution.md 5.1, and the rest of the request surface.

use super::*;

#[test]
fn merge_patch_with_uid_and_version() {
    let mut sim = healthy(1);
    let live = web(&sim);
    let body = json!({"metadata": {"uid": live["metadata"]["uid"], "resourceVersion": live["metadata"]["resourceVersion"]},
        "spec": {"replicas": 2}});
    let first = patch(&mut sim, WEB, MERGE, &body, 31);
    assert_eq!(first.status, 200);
    assert_eq!(first.value()["metadata"]["generation"], 2);
    let replay = patch(&mut sim, WEB, MERGE, &body, 31);
    assert_eq!((replay.status, replay.value()["reason"].as_str()), (409, Some("Conflict")));
    let message = replay.value()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified"
    ));
}

#[test]
fn wrong_uid_without_version_is_422() {
    let mut sim = healthy(1);
    let answer =
        patch(&mut sim, WEB, MERGE, &json!({"metadata": {"uid": "other"}, "spec": {"replicas": 2}}), 31);
    assert_eq!((answer.status, answer.value()["reason"].as_str()), (422, Some("Invalid")));
    assert_eq!(
        answer.value()["message"],
        "Deployment.apps \"web\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable"
    );
    assert_eq!(answer.value()["details"]["causes"][0]["field"], "metadata.uid");
}

#[test]
fn identical_write_is_a_no_op() {
    let mut sim = healthy(1);
    let body = json!({"spec": {"template": {"metadata": {"annotations": {"restartedAt": "x"}}}}});
    let first = patch(&mut sim, WEB, STRATEGIC, &body, 31).value();
    let second = patch(&mut sim, WEB, STRATEGIC, &body, 31).value();
    assert_eq!(first, second);
    assert_eq!(sim.accepted().iter().map(|one| one.changed).collect::<Vec<_>>(), [true, true, true, false]);
}

#[test]
fn json_patch_tests() {
    let mut sim = healthy(1);
    let uid = web(&sim)["metadata"]["uid"].clone();
    let swap = |from: &str| {
        json!([{"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/spec/template/spec/containers/0/image", "value": from},
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:2"}])
    };
    let failed = patch(&mut sim, WEB, JSON, &swap("web:0"), 31);
    assert_eq!((failed.status, failed.value()["reason"].as_str()), (422, Some("Invalid")));
    assert_eq!(failed.value()["message"], "the server rejected our request due to an error in our request");
    assert_eq!(patch(&mut sim, WEB, JSON, &swap("web:1"), 31).status, 200);
    assert_eq!(patch(&mut sim, WEB, JSON, &swap("web:1"), 31).status, 422);
    let absent = json!([{"op": "test", "path": "/metadata/annotations/mark", "value": null},
        {"op": "add", "path": "/metadata/annotations/mark", "value": "op:1.1"}]);
    assert_eq!(patch(&mut sim, WEB, JSON, &absent, 31).status, 200);
    assert_eq!(patch(&mut sim, WEB, JSON, &absent, 31).status, 422);
    let many: Vec<_> =
        (0..10_001).map(|_| json!({"op": "test", "path": "/kind", "value": "Deployment"})).collect();
    assert_eq!(patch(&mut sim, WEB, JSON, &json!(many), 31).status, 413);
}

#[test]
fn annotation_bumps_the_generation_of_a_deployment_but_controllers_do_not() {
    let mut sim = healthy(1);
    assert_eq!(web(&sim)["metadata"]["generation"], 1);
    assert_eq!(web(&sim)["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    let answer =
        patch(&mut sim, WEB, MERGE, &json!({"metadata": {"annotations": {"nightshift.dev/claim": "a"}}}), 31);
    assert_eq!(answer.value()["metadata"]["generation"], 2);
}

#[test]
fn server_side_apply_and_unknown_parts_are_501() {
    let mut sim = healthy(1);
    assert_eq!(patch(&mut sim, WEB, "application/apply-patch+yaml", &json!({}), 31).status, 501);
    assert_eq!(get(&mut sim, "/apis/node.k8s.io/v1/runtimeclasses", 31).status, 501);
    assert_eq!(get(&mut sim, "/apis/argoproj.io/v1alpha1/namespaces/shop/applications/a", 31).status, 404);
    assert_eq!(patch(&mut sim, WEB, "text/plain", &json!({}), 31).status, 415);
}

#[test]
fn scale_subresource() {
    let mut sim = healthy(1);
    let path = format!("{WEB}/scale");
    let scale = get(&mut sim, &path, 31).value();
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!("Scale"), &json!(1), &json!("app=web"))
    );
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}});
    assert_eq!(patch(&mut sim, &path, MERGE, &stale, 31).status, 409);
    let marked = json!({"metadata": {"annotations": {"a": "b"}}, "spec": {"replicas": 2}});
    assert_eq!(patch(&mut sim, &path, MERGE, &marked, 31).status, 200);
    let live = web(&sim);
    assert_eq!((&live["spec"]["replicas"], &live["metadata"]["annotations"]["a"]), (&json!(2), &Value::Null));
    let fields = live["metadata"]["managedFields"].as_array().unwrap().clone();
    assert!(fields.iter().any(|one| one["subresource"] == "scale" && one["manager"] == "nightshift"));
}

#[test]
fn preconditions_of_delete_and_eviction() {
    let mut sim = healthy(1);
    let pod = pod_of(&sim, "web:1");
    let path = format!("{PODS}/{}", pod["metadata"]["name"].as_str().unwrap());
    let delete = |preconditions: Value| {
        ApiRequest::new(Method::Delete, &path, "nightshift").body(
            "application/json",
            &json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}),
        )
    };
    for wrong in [json!({"uid": "other"}), json!({"uid": pod["metadata"]["uid"], "resourceVersion": "1"})] {
        let answer = send(&mut sim, &delete(wrong), 31);
        assert_eq!((answer.status, answer.value()["reason"].as_str()), (409, Some("Conflict")));
    }
    let evict = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod["metadata"]["name"]},
        "deleteOptions": {"preconditions": {"uid": "other"}}});
    assert_eq!(post(&mut sim, &format!("{path}/eviction"), &evict, 31).status, 409);
    let right = json!({"uid": pod["metadata"]["uid"], "resourceVersion": pod["metadata"]["resourceVersion"]});
    let answer = send(&mut sim, &delete(right.clone()), 31);
    assert_eq!((answer.status, answer.value()["kind"].as_str()), (200, Some("Pod")));
    assert!(answer.value()["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(send(&mut sim, &delete(right.clone()), 31).status, 409);
    sim.tick(at(40));
    assert_eq!(send(&mut sim, &delete(right), 40).status, 404);
    assert_eq!(sim.get_all(PODS).len(), 1);
}

#[test]
fn dry_run_stores_nothing() {
    let mut sim = healthy(1);
    let before = version(&web(&sim));
    let target = format!("{WEB}?dryRun=All&fieldManager=nightshift");
    let answer = patch(&mut sim, &target, MERGE, &json!({"spec": {"replicas": 5}}), 31);
    assert_eq!((answer.status, &answer.value()["spec"]["replicas"]), (200, &json!(5)));
    assert_eq!(version(&answer.value()), before);
    assert_eq!(version(&web(&sim)), before);
    let pod = pod_of(&sim, "web:1");
    let path = format!("{PODS}/{}?dryRun=All", pod["metadata"]["name"].as_str().unwrap());
    assert_eq!(send(&mut sim, &ApiRequest::new(Method::Delete, &path, "nightshift"), 31).status, 200);
    let fresh = json!({"metadata": {"name": "c"}, "data": {}});
    assert_eq!(post(&mut sim, "/api/v1/namespaces/shop/configmaps?dryRun=All", &fresh, 31).status, 201);
    assert_eq!(get(&mut sim, "/api/v1/namespaces/shop/configmaps/c", 31).status, 404);
    assert_eq!(pod_of(&sim, "web:1"), pod);
    assert!(sim.accepted().iter().all(|one| one.user == "admin"));
}

#[test]
fn field_manager_is_recorded_and_takes_fields_over() {
    let mut sim = healthy(1);
    let body = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:2"}]);
    let live = patch(&mut sim, &format!("{WEB}?fieldManager=nightshift"), JSON, &body, 31).value();
    let entries = live["metadata"]["managedFields"].as_array().unwrap();
    let of = |name: &str| entries.iter().find(|one| one["manager"] == name).unwrap();
    let image = "/fieldsV1/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"web\"}/f:image";
    assert_eq!(of("nightshift").pointer(image), Some(&json!({})));
    assert_eq!(of("admin").pointer(image), None);
    assert_eq!(of("nightshift")["operation"], "Update");
}

#[test]
fn refusals_of_bad_objects() {
    let mut sim = healthy(1);
    let list = "/apis/apps/v1/namespaces/shop/deployments";
    let code = |sim: &mut Sim, change: &dyn Fn(&mut Value)| {
        let mut object = deployment("web:1", 1);
        object["metadata"]["name"] = json!("other");
        change(&mut object);
        let answer = post(sim, list, &object, 31);
        (answer.status, answer.value()["reason"].as_str().unwrap_or("").to_owned())
    };
    let invalid = (422, "Invalid".to_owned());
    assert_eq!(code(&mut sim, &|d| d["spec"]["selector"] = Value::Null), invalid);
    assert_eq!(code(&mut sim, &|d| d["spec"]["template"] = Value::Null), invalid);
    assert_eq!(code(&mut sim, &|d| d["spec"]["selector"]["matchLabels"]["app"] = json!("x")), invalid);
    assert_eq!(code(&mut sim, &|d| d["metadata"]["name"] = json!("Bad_Name")), invalid);
    assert_eq!(code(&mut sim, &|d| d["metadata"]["namespace"] = json!("x")).0, 400);
    assert_eq!(code(&mut sim, &|d| d["spec"]["replicas"] = json!("three")).0, 400);
    assert_eq!(code(&mut sim, &|d| d["metadata"]["name"] = json!("web")), (409, "AlreadyExists".to_owned()));
    let mut broken = ApiRequest::new(Method::Post, list, "nightshift");
    broken.body = b"{".to_vec();
    assert_eq!(send(&mut sim, &broken, 31).status, 400);
    let nowhere =
        post(&mut sim, "/apis/apps/v1/namespaces/none/deployments", &json!({"metadata": {"name": "a"}}), 31);
    assert_eq!(
        (nowhere.status, nowhere.value()["message"].as_str()),
        (404, Some("namespaces \"none\" not found"))
    );
    let immutable = json!({"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}});
    assert_eq!(patch(&mut sim, WEB, MERGE, &immutable, 31).status, 422);
}

#[test]
fn replace_needs_the_right_version_and_uid() {
    let mut sim = healthy(1);
    let put = |sim: &mut Sim, body: &Value| {
        send(sim, &ApiRequest::new(Method::Put, WEB, "nightshift").body("application/json", body), 31).status
    };
    let mut body = web(&sim);
    assert_eq!(put(&mut sim, &body), 200);
    body["metadata"]["resourceVersion"] = json!("1");
    assert_eq!(put(&mut sim, &body), 409);
    body["metadata"]["uid"] = json!("other");
    assert_eq!(put(&mut sim, &body), 409);
    let lease = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/l";
    let body = json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}});
    let request = ApiRequest::new(Method::Put, lease, "nightshift").body("application/json", &body);
    assert_eq!(send(&mut sim, &request, 31).status, 201);
}

#[test]
fn selectors_and_pages() {
    let mut sim = healthy(5);
    let page = get(&mut sim, &format!("{PODS}?limit=2"), 31).value();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["metadata"]["remainingItemCount"], 3);
    assert!(page["items"][0].get("kind").is_none());
    let scale = json!({"spec": {"replicas": 0}});
    patch(&mut sim, WEB, MERGE, &scale, 32);
    sim.tick(at(40));
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = get(&mut sim, &format!("{PODS}?limit=9&continue={token}"), 41).value();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3, "the snapshot of the first page");
    assert_eq!(rest["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);
    sim.fault(crate::Fault::CompactAll);
    let late = get(&mut sim, &format!("{PODS}?continue={token}"), 41);
    assert_eq!((late.status, late.value()["reason"].as_str()), (410, Some("Expired")));

    let mut sim = healthy(2);
    let count = |sim: &mut Sim, query: &str| {
        get(sim, &format!("/api/v1/{query}"), 31).value()["items"].as_array().map(Vec::len)
    };
    assert_eq!(count(&mut sim, "pods?labelSelector=app%3Dweb"), Some(2));
    assert_eq!(count(&mut sim, "pods?labelSelector=app+in+(a,b),app"), Some(0));
    assert_eq!(count(&mut sim, "pods?labelSelector=!app"), Some(0));
    assert_eq!(count(&mut sim, "pods?fieldSelector=spec.nodeName=node-1,status.phase!=Running"), Some(0));
    assert_eq!(count(&mut sim, "pods?fieldSelector=spec.color=red"), None);
    let uid = web(&sim)["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(count(&mut sim, &format!("events?fieldSelector=involvedObject.uid={uid}")), Some(1));
    let ahead = get(&mut sim, &format!("{PODS}?resourceVersion=999999"), 31);
    assert_eq!((ahead.status, ahead.retry_after), (504, Some(1)));
}

#[test]
fn events_of_both_groups_are_the_same_objects() {
    let mut sim = healthy(1);
    let body = json!({"metadata": {"name": "op-1"}, "eventTime": "2026-11-21T12:00:00.000000Z", "type": "Normal",
        "reason": "Acted", "action": "Rollback", "note": "done", "reportingController": "nightshift", "reportingInstance": "a",
        "regarding": {"kind": "Deployment", "namespace": "shop", "name": "web", "uid": "u"}});
    let answer = post(&mut sim, "/apis/events.k8s.io/v1/namespaces/shop/events", &body, 31);
    assert_eq!((answer.status, answer.value()["note"].as_str()), (201, Some("done")));
    let core = sim.get("/api/v1/namespaces/shop/events/op-1").unwrap();
    assert_eq!(
        (&core["message"], &core["involvedObject"]["name"], &core["apiVersion"]),
        (&json!("done"), &json!("web"), &json!("v1"))
    );
    let view = get(&mut sim, "/apis/events.k8s.io/v1/events?fieldSelector=regarding.uid=u", 31).value();
    assert_eq!(view["items"][0]["note"], "done");
}

#[test]
fn logs() {
    let mut sim = Sim::new(1, at(0));
    sim.program("web:1", crate::Program::exits(5, 1).log("one\ntwo\nthree\n"));
    sim.apply(deployment("web:1", 1), at(0)).unwrap();
    sim.tick(at(0));
    let name = pod_of(&sim, "web:1")["metadata"]["name"].as_str().unwrap().to_owned();
    let early = get(&mut sim, &format!("{PODS}/{name}/log"), 0);
    assert_eq!(early.status, 400);
    assert!(early.value()["message"].as_str().unwrap().contains("is waiting to start: ContainerCreating"));
    sim.tick(at(3));
    let body = |answer: ApiResponse| String::from_utf8(answer.body).unwrap();
    assert_eq!(
        body(get(&mut sim, &format!("{PODS}/{name}/log?tailLines=2&container=web"), 3)),
        "two\nthree\n"
    );
    assert_eq!(body(get(&mut sim, &format!("{PODS}/{name}/log?limitBytes=5"), 3)), "one\nt");
    assert_eq!(get(&mut sim, &format!("{PODS}/{name}/log?previous=true"), 3).status, 400);
    assert_eq!(get(&mut sim, &format!("{PODS}/{name}/log?container=no"), 3).status, 400);
    sim.tick(at(8));
    assert_eq!(body(get(&mut sim, &format!("{PODS}/{name}/log?previous=true&tailLines=1"), 8)), "three\n");
}

#[test]
fn access_reviews_follow_the_rules() {
    let mut sim = healthy(1);
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let ask = json!({"spec": {"resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments"}}});
    assert_eq!(post(&mut sim, path, &ask, 31).value()["status"]["allowed"], true);
    let word = |text: &str| text.to_owned();
    sim.fault(crate::Fault::Forbidden {
        user: word("nightshift"),
        verb: word("patch"),
        resource: word("deployments"),
    });
    assert_eq!(post(&mut sim, path, &ask, 31).value()["status"]["allowed"], false);
    let refused = patch(&mut sim, WEB, MERGE, &json!({}), 31);
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.value()["message"],
        "deployments.apps \"web\" is forbidden: User \"nightshift\" cannot patch resource \"deployments\" in API group \
         \"apps\" in the namespace \"shop\""
    );
    sim.apply(deployment("web:2", 1), at(32)).unwrap();
}
