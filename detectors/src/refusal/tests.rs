use super::*;
use crate::Params;
use crate::facts::{Fact, Hook, Use};
use crate::tests::make::{at, scope};
use crate::view::{Delta, View};

fn view() -> View {
    let mut view = View::default();
    let meta = |kind: &str, namespace: &str, name: &str| Meta {
        namespace: namespace.into(),
        name: name.into(),
        uid: format!("{kind}/{name}").into(),
        ..Meta::default()
    };
    let uses = |resource: &str, used: &str, hard: &str| Use {
        resource: resource.into(),
        used: used.into(),
        hard: hard.into(),
    };
    let quota = QuotaFacts {
        meta: meta("ResourceQuota", "shop", "team"),
        uses: [uses("pods", "2", "3"), uses("requests.cpu", "900m", "1")].into(),
    };
    let hook = Hook { name: "policy.example.com".into(), fails_closed: true, service: None };
    let hooks =
        MutatingFacts { meta: meta("MutatingWebhookConfiguration", "", "policy"), hooks: [hook].into() };
    for fact in [Fact::from(quota), hooks.into()] {
        view.apply(Delta::Applied(fact), at(0));
    }
    view
}

fn read(says: &str) -> Option<(Cause, String, bool)> {
    let (view, scope, params) = (view(), scope("cart"), Params::default());
    let look = Look::new(&view, &scope, at(0), &params);
    why(&look, says).map(|why| {
        let blames = why.blames.map_or_else(String::new, |blamed| blamed.to_string());
        (why.cause, blames, why.may_heal)
    })
}

#[test]
fn the_words_of_the_api_server_are_classed() {
    let table = [
        (
            r#"pods "cart-x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3"#,
            Cause::Quota,
            "ResourceQuota shop/team",
        ),
        (
            r#"pods "cart-x" is forbidden: exceeded quota: other, requested: pods=1, used: pods=3, limited: pods=3"#,
            Cause::Quota,
            "",
        ),
        (
            r#"(combined from similar events): Error creating: pods "cart-x" is forbidden: failed quota: team: must specify requests.memory for: app"#,
            Cause::Quota,
            "ResourceQuota shop/team",
        ),
        (
            r#"pods "cart-x" is forbidden: maximum memory usage per Container is 16Mi, but limit is 64Mi"#,
            Cause::LimitRange,
            "",
        ),
        (
            r#"pods "cart-x" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 4"#,
            Cause::LimitRange,
            "",
        ),
        (
            r#"pods "cart-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true"#,
            Cause::PodSecurity,
            "",
        ),
        (
            r#"admission webhook "policy.example.com" denied the request: exceeded quota: team, no"#,
            Cause::Webhook,
            "MutatingWebhookConfiguration policy",
        ),
        (
            r#"Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post "https://p.shop.svc:443/": service "p" not found"#,
            Cause::Webhook,
            "MutatingWebhookConfiguration policy",
        ),
        (r#"admission webhook "nobody.knows" denied the request: no"#, Cause::Webhook, ""),
        (
            r#"Create Pod db-0 in StatefulSet db failed error: pods "db-0" is forbidden: error looking up service account shop/db: serviceaccount "db" not found"#,
            Cause::MissingServiceAccount,
            "ServiceAccount shop/db",
        ),
        (
            r#"pods "db-0" is forbidden: error looking up service account shop/<b>: serviceaccount "<b>" not found"#,
            Cause::MissingServiceAccount,
            "",
        ),
        (r#"pods "cart-x" is forbidden: no PriorityClass with name urgent was found"#, Cause::Forbidden, ""),
        (r#"Pod "cart-x" is invalid: spec.containers[0].name: Required value"#, Cause::Forbidden, ""),
        ("etcdserver: request timed out", Cause::Unknown, ""),
        ("", Cause::Unknown, ""),
    ];
    for (says, cause, blamed) in table {
        let (found, blames, _) = read(says).unwrap();
        assert_eq!((found, blames.as_str()), (cause, blamed), "{says}");
    }
    assert_eq!(
        read(
            "pods \"c\" is forbidden: unable to create new content in namespace shop because it is being terminated"
        ),
        None
    );
}

#[test]
fn a_quota_that_has_room_again_is_known() {
    let (view, scope, params) = (view(), scope("cart"), Params::default());
    let look = Look::new(&view, &scope, at(0), &params);
    let room = |asked: &str| {
        let says = format!("exceeded quota: team, requested: {asked}, used: pods=3, limited: pods=3");
        why(&look, &says).unwrap().has_room
    };
    assert!(room("pods=1"));
    assert!(!room("pods=2"));
    assert!(room("pods=1,requests.cpu=100m"));
    assert!(!room("pods=1,requests.cpu=200m"));
    for wrong in ["", "pods", "pods=", "pods=x", "other=1", "pods=1;requests.cpu=1m"] {
        assert!(!room(wrong), "{wrong}");
    }
}
