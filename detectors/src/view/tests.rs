use super::*;
use crate::tests::make::{at, deployment, pod, replica_set, scope};

fn applied(fact: impl Into<Fact>) -> Delta {
    Delta::Applied(fact.into())
}

fn deleted(fact: impl Into<Fact>) -> Delta {
    let object = fact.into().object();
    Delta::Deleted { kind: object.kind, uid: object.uid, namespace: object.namespace, name: object.name }
}

fn set_ref() -> ObjectRef {
    replica_set("cart", 1, 1).meta.object(Kind::ReplicaSet)
}

#[test]
fn a_pod_leads_to_its_deployment_as_soon_as_the_replica_set_is_known() {
    let mut view = View::default();
    assert_eq!(view.apply(applied(pod("cart", 1, 0, 0)), at(0)), [set_ref()]);
    assert_eq!(view.pods_of(&set_ref()).len(), 1);
    let touched = view.apply(applied(replica_set("cart", 1, 1)), at(1));
    assert_eq!(touched, [scope("cart"), set_ref()], "both, so that the first is cleared");
    assert_eq!((view.pods_of(&set_ref()).len(), view.pods_of(&scope("cart")).len()), (0, 1));
    assert_eq!(view.apply(applied(deployment("cart", 1, 1)), at(2)), [scope("cart")]);
    assert_eq!(view.scopes(), [scope("cart")]);
    let touched = view.apply(deleted(replica_set("cart", 1, 1)), at(3));
    assert_eq!(touched, [scope("cart"), set_ref()], "its pods stay behind");
}

#[test]
fn owners_decide_the_scope() {
    let mut view = View::default();
    let owned = |kind: Kind| {
        let mut p = pod("cart", 1, 0, 0);
        if let Some(owner) = &mut p.meta.owner {
            owner.kind = kind;
        }
        p
    };
    let own = pod("cart", 1, 0, 0).meta.object(Kind::Pod);
    let mut bare = pod("cart", 1, 0, 0);
    bare.meta.owner = None;
    let fact: Fact = bare.into();
    assert_eq!(view.scope_of(&fact), own);
    assert_eq!(view.scope_of(&owned(Kind::Node).into()), own, "a pod of the kubelet");
    for kind in [Kind::StatefulSet, Kind::Job, Kind::Other("Thing.example.com".into())] {
        let expected = ObjectRef { kind: kind.clone(), ..set_ref() };
        let mut p = owned(kind);
        p.meta.version = view.apply(deleted(p.clone()), at(0)).len() as u64;
        view.apply(applied(p.clone()), at(0));
        let expected = ObjectRef { uid: p.meta.owner.as_ref().map_or("", |o| &o.uid).to_owned(), ..expected };
        assert_eq!(view.scope_of(&p.into()), expected);
        assert_eq!(view.pods_of(&expected).len(), 1);
    }
}

#[test]
fn an_owner_that_cannot_be_one_is_not_believed() {
    let mut view = View::default();
    view.apply(applied(deployment("cart", 1, 1)), at(0));
    let named = |kind: &str, owner: &str, name: &str| {
        let mut p = pod("cart", 1, 0, 0);
        (p.meta.name, p.meta.uid) = (name.into(), name.into());
        let uid: Arc<str> = if kind == "Deployment" { "Deployment/cart".into() } else { "foreign".into() };
        p.meta.owner = Some(crate::facts::Owner { kind: Kind::parse(kind), name: owner.into(), uid }.into());
        p
    };
    let table = [
        ("Deployment", "cart", "cart-7d9c5b8f6d-x2x2x", false), // a Deployment makes no pods
        ("Deployment.apps.example.com", "cart", "cart-7d9c5b8f6d-x2x2x", false), // poses as one
        ("Cluster.postgresql.cnpg.io", "cart", "other-1", false),
        ("Cluster.postgresql.cnpg.io", "cart", "cart-1", true),
        ("StatefulSet.apps.kruise.io", "cart", "cart-1", true),
        ("Job.batch.volcano.sh", "cart", "cart-task-0", true),
        ("ReplicationController", "cart", "cart-x2x2x", true),
        ("CronJob", "cart", "cart-1", false),
    ];
    for (kind, owner, name, believed) in table {
        let p = named(kind, owner, name);
        let uid = p.meta.owner.as_ref().map(|owner| owner.uid.to_string()).unwrap_or_default();
        let claimed = ObjectRef::new(Kind::parse(kind), "shop", owner, &uid);
        let own = p.object();
        view.apply(applied(p.clone()), at(0));
        let scope = view.scope_of(&p.clone().into());
        assert_eq!(scope, if believed { claimed.clone() } else { own.clone() }, "{kind} {name}");
        assert_eq!(view.pods_of(&claimed).len(), usize::from(believed), "{kind} {name}");
        assert_eq!(view.pods_of(&own).len(), usize::from(!believed), "{kind} {name}");
        view.apply(deleted(p), at(0));
    }
}

#[test]
fn a_foreign_owner_of_replica_sets_is_the_scope_of_their_pods() {
    let mut view = View::default();
    let mut set = replica_set("cart", 1, 1);
    let rollout = Kind::Other("Rollout.argoproj.io".to_owned());
    set.meta.owner =
        Some(crate::facts::Owner { kind: rollout.clone(), name: "cart".into(), uid: "r".into() }.into());
    view.apply(applied(set), at(0));
    view.apply(applied(pod("cart", 1, 0, 0)), at(0));
    let scope = ObjectRef::new(rollout, "shop", "cart", "r");
    assert_eq!(view.scopes(), std::slice::from_ref(&scope));
    assert_eq!(view.pods_of(&scope).len(), 1);
}

#[test]
fn older_and_equal_deltas_touch_nothing() {
    let mut view = View::default();
    let versioned = |version: u64, wanted: u32| {
        let mut d = deployment("cart", 1, wanted);
        d.meta.version = version;
        d
    };
    let wanted = |view: &View| view.deployment(&scope("cart")).map(|d| d.wanted);
    assert_eq!(view.apply(applied(versioned(10, 1)), at(0)).len(), 1);
    assert!(view.apply(applied(versioned(9, 2)), at(1)).is_empty(), "9 is older than 10");
    assert!(view.apply(applied(versioned(100, 1)), at(2)).is_empty(), "nothing that is kept changed");
    assert!(view.apply(applied(versioned(99, 3)), at(3)).is_empty(), "100 was taken in");
    assert_eq!(wanted(&view), Some(1));
    assert_eq!(view.apply(applied(versioned(0, 4)), at(4)).len(), 1, "not a number: as it comes");
    assert_eq!((wanted(&view), view.first_seen("Deployment/cart")), (Some(4), Some(at(0))));
    let mut nameless = deployment("cart", 1, 1);
    nameless.meta.uid = Arc::default();
    assert!(view.apply(applied(nameless), at(5)).is_empty());
}

#[test]
fn a_list_takes_away_what_it_does_not_show() {
    let mut view = View::default();
    assert!(!view.synced());
    for i in 0..3 {
        view.apply(applied(pod("cart", 1, i, 0)), at(0));
    }
    view.apply(applied(deployment("cart", 1, 3)), at(0));
    for kind in View::NEEDED {
        view.apply(Delta::Synced { kind: kind.clone() }, at(0));
    }
    assert!(view.synced() && view.synced_kind(&Kind::Pod) && !view.synced_kind(&Kind::Node));
    assert_eq!(view.pods_of(&set_ref()).len(), 3, "nothing was listed again");
    view.apply(Delta::Relisting { kind: Kind::Pod }, at(1));
    view.apply(applied(pod("cart", 1, 0, 0)), at(1));
    view.apply(applied(pod("cart", 1, 7, 0)), at(1));
    view.apply(deleted(pod("cart", 1, 1, 0)), at(1));
    assert!(view.synced());
    assert_eq!(view.apply(Delta::Synced { kind: Kind::Pod }, at(2)), [set_ref()]);
    let names: Vec<&str> = view.pods_of(&set_ref()).iter().map(|p| &*p.meta.name).collect();
    assert_eq!(names, ["cart-1-0", "cart-1-7"]);
    assert!(view.deployment(&scope("cart")).is_some(), "other kinds stay");
}

#[test]
fn an_object_is_found_by_name_when_the_uid_is_not_known() {
    let mut view = View::default();
    view.apply(applied(deployment("cart", 1, 1)), at(0));
    view.apply(applied(replica_set("cart", 1, 1)), at(0));
    view.apply(applied(pod("cart", 1, 0, 0)), at(0));
    let named = ObjectRef::new(Kind::Deployment, "shop", "cart", "");
    assert_eq!((view.pods_of(&named).len(), view.replica_sets_of(&named).len()), (1, 1));
    let other = ObjectRef::new(Kind::Deployment, "shop", "cart", "another uid");
    assert!(view.deployment(&other).is_none(), "another object of that name");
    let gone = Delta::Deleted {
        kind: Kind::Pod,
        uid: String::new(),
        namespace: "shop".into(),
        name: "cart-1-0".into(),
    };
    assert_eq!(view.apply(gone, at(1)), [scope("cart")]);
}

#[test]
fn an_event_touches_the_scope_of_what_it_is_about() {
    let mut view = View::default();
    view.apply(applied(replica_set("cart", 1, 1)), at(0));
    view.apply(applied(pod("cart", 1, 0, 0)), at(0));
    let event: EventFacts = serde_json::from_value(serde_json::json!({
        "metadata": { "name": "e", "namespace": "shop", "uid": "e" }, "reason": "Unhealthy",
        "involvedObject": { "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "cart-1-0", "uid": "Pod/cart-1-0" },
    }))
    .unwrap();
    assert_eq!(view.apply(Delta::Applied(Fact::Event(Box::new(event))), at(1)), [scope("cart")]);
    assert_eq!(view.events_about("Pod/cart-1-0").count(), 1);
    assert_eq!(view.scopes(), [scope("cart")]);
}

fn service(name: &str) -> crate::facts::ServiceFacts {
    let mut meta = deployment(name, 1, 1).meta;
    meta.uid = format!("Service/{name}").into();
    crate::facts::ServiceFacts { meta, ..Default::default() }
}

#[test]
fn what_went_is_remembered_until_it_is_back() {
    let mut view = View::default();
    let gone = |view: &View| view.gone_at(Kind::Service, "shop", "web");
    assert_eq!(gone(&view), None, "never seen");
    view.apply(applied(service("web")), at(0));
    view.apply(deleted(service("web")), at(5));
    assert_eq!(gone(&view), Some(at(5)));
    view.apply(applied(service("web")), at(9));
    assert_eq!(gone(&view), None);
    for i in 0..GONE_MAX + 10 {
        let one = service(&format!("s{i}"));
        view.apply(applied(one.clone()), at(10));
        view.apply(deleted(one), at(20 + i64::try_from(i).unwrap()));
    }
    assert_eq!(view.gone.len(), GONE_MAX, "the longest gone are forgotten");
    assert_eq!(view.gone_at(Kind::Service, "shop", "s0"), None);
    assert!(view.gone_at(Kind::Service, "shop", "s1009").is_some());
}

#[test]
fn a_change_is_dated_and_a_repetition_is_none() {
    let mut view = View::default();
    let uid = "Service/web";
    view.apply(applied(service("web")), at(0));
    assert_eq!(view.changed(uid), None, "it is as it was first seen");
    let mut newer = service("web");
    newer.meta.version = 2;
    view.apply(applied(newer.clone()), at(5));
    assert_eq!(view.changed(uid), None, "nothing that is kept has changed");
    newer.headless = true;
    view.apply(applied(newer.clone()), at(9));
    view.apply(applied(newer), at(12));
    assert_eq!((view.changed(uid), view.first_seen(uid)), (Some(at(9)), Some(at(0))));
}

#[test]
fn what_is_judged_by_a_service_is_looked_at_again_with_it() {
    use crate::facts::{EndpointsFacts, Hook, IngressFacts, ValidatingFacts};
    let mut view = View::default();
    let mut ingress = IngressFacts { meta: service("front").meta, ..Default::default() };
    ingress.meta.uid = "Ingress/front".into();
    ingress.backends = [("web".into(), "80".into())].into();
    let mut guard = ValidatingFacts::default();
    (guard.meta.uid, guard.meta.name) = ("Hook/guard".into(), "guard".into());
    guard.hooks = [Hook { service: Some(("shop".into(), "web".into())), ..Hook::default() }].into();
    view.apply(applied(ingress), at(0));
    view.apply(applied(guard), at(0));
    let kinds = |touched: Vec<ObjectRef>| -> Vec<Kind> { touched.into_iter().map(|one| one.kind).collect() };
    let all = [Kind::Service, Kind::Ingress, Kind::ValidatingWebhookConfiguration];
    assert_eq!(kinds(view.apply(applied(service("web")), at(1))), all);
    assert_eq!(kinds(view.apply(applied(service("other")), at(1))), [Kind::Service]);
    let mut slice =
        EndpointsFacts { meta: service("web-1").meta, service: "web".into(), ..Default::default() };
    slice.meta.uid = "EndpointSlice/web-1".into();
    let touched = kinds(view.apply(applied(slice), at(2)));
    assert!(touched.contains(&Kind::ValidatingWebhookConfiguration), "{touched:?}");
    assert_eq!(kinds(view.apply(deleted(service("web")), at(3))), all);
}

#[test]
fn pods_are_found_by_their_namespace() {
    let mut view = View::default();
    let mut other = pod("cart", 1, 9, 0);
    (other.meta.namespace, other.meta.uid) = ("shopping".into(), "elsewhere".into());
    view.apply(applied(pod("cart", 1, 0, 0)), at(0));
    view.apply(applied(other.clone()), at(0));
    other.meta.version = 2;
    other.node = "node1".into();
    view.apply(applied(other.clone()), at(1));
    let names = |view: &View, place: &str| -> Vec<String> {
        view.pods_in(place).map(|pod| pod.meta.name.to_string()).collect()
    };
    assert_eq!(names(&view, "shop"), ["cart-1-0"]);
    assert_eq!(names(&view, "shopping"), ["cart-1-9"]);
    assert_eq!(names(&view, "sho"), [""; 0]);
    view.apply(deleted(other), at(2));
    assert_eq!(names(&view, "shopping"), [""; 0]);
    assert_eq!(view.placed.of("shop").count(), 1);
}
