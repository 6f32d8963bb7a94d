use super::*;
use nightshift_model::Kind;
use promql_parser::parser::{Expr, parse};
use proptest::prelude::*;

fn target(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Deployment, namespace, name, "u1")
}

fn both() -> BTreeMap<String, Parameter> {
    BTreeMap::from([
        ("namespace".to_owned(), Parameter::Namespace),
        ("deployment".to_owned(), Parameter::Name),
    ])
}

fn bound(query: &str) -> Bound {
    bind(query, &both(), &target("shop", "cart")).unwrap()
}

/// Values of a label in every selector of a query.
fn values(query: &str, label: &str) -> Vec<String> {
    let mut expr = parse(query).unwrap();
    let of = |s: &mut VectorSelector| s.matchers.find_matchers(label);
    promql::selectors(&mut expr).into_iter().flat_map(of).map(|m| m.value).collect()
}

#[test]
fn every_selector_gets_every_label() {
    let two = "{deployment=\"cart\",namespace=\"shop\"}";
    for (query, expected) in [
        ("sum(a)", format!("sum(a{two})")),
        ("a - b", format!("a{two} - b{two}")),
        ("sum(rate(a[5m])) / sum(rate(b[5m]))", format!("sum(rate(a{two}[5m])) / sum(rate(b{two}[5m]))")),
        ("topk(scalar(a), b)", format!("topk(scalar(a{two}), b{two})")),
        ("-(a)", format!("-(a{two})")),
        ("a > bool 1", format!("a{two} > bool 1")),
        ("a and on (x) b or c", format!("a{two} and on (x) b{two} or c{two}")),
        ("sum(a{job=\"k\"})", "sum(a{deployment=\"cart\",job=\"k\",namespace=\"shop\"})".to_owned()),
        (
            "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")",
            format!("label_replace(a{two}, \"x\", \"$1\", \"y\", \"(.*)\")"),
        ),
    ] {
        assert_eq!(bound(query).promql, expected, "{query}");
    }
}

#[test]
fn freshness_is_the_oldest_of_the_newest() {
    assert_eq!(bound("sum(rate(a[5m]))").fresh, "max(timestamp(a{deployment=\"cart\",namespace=\"shop\"}))");
    assert_eq!(bound("a / a").fresh, "max(timestamp(a{deployment=\"cart\",namespace=\"shop\"}))");
    let plain = bind("sum(a) - sum(b)", &BTreeMap::new(), &target("shop", "cart")).unwrap();
    assert_eq!(
        plain.fresh,
        "min(label_replace(max(timestamp(a)), \"selector\", \"0\", \"\", \"\") or \
         label_replace(max(timestamp(b)), \"selector\", \"1\", \"\", \"\")) and \
         max(timestamp(a)) and max(timestamp(b))"
    );
    assert!(matches!(parse(&plain.fresh).unwrap(), Expr::Binary(_)));
}

#[test]
fn hostile_names_stay_values() {
    for name in [
        "cart\"} or vector(1) #",
        "cart\\",
        "cart\\\"",
        "a{b=\"c\"}",
        "line\nbreak\r\ttab",
        "`tick`'quote'",
        "$1 {{.Value}}",
        "\u{0}\u{7}\u{1b}",
        "日本 \u{2028} \u{202e}",
    ] {
        let bound = bind("sum(a) - sum(b)", &both(), &target("shop", name)).unwrap();
        assert_eq!(values(&bound.promql, "deployment"), [name, name]);
        assert_eq!(values(&bound.fresh, "deployment"), [name; 4]);
    }
}

#[test]
fn what_cannot_be_bound_says_why() {
    let of = |query: &str, bind_to: &BTreeMap<String, Parameter>, target: &ObjectRef| {
        bind(query, bind_to, target).unwrap_err().to_string()
    };
    let cart = target("shop", "cart");
    assert_eq!(
        of("a{namespace=~\".*\"}", &both(), &cart),
        "the query already matches the label `namespace`, so it cannot be bound"
    );
    let node = ObjectRef::new(Kind::Node, "", "n1", "");
    assert_eq!(of("a", &both(), &node), "the target Node n1 has no namespace");
    let name = BTreeMap::from([("__name__".to_owned(), Parameter::Name)]);
    assert_eq!(of("a", &name, &cart), "`__name__` is not a label that can be bound");
    assert!(of("ALERTS", &both(), &cart).starts_with("query refused: ALERTS is"));
}

proptest! {
    #[test]
    fn a_bound_value_reads_back_exactly(namespace in ".{1,40}", name in "(.|[\\n\\r\\t\"\\\\{}'`]){1,40}") {
        let query = "sum(rate(a[5m])) / on () count(b{x=\"y\"})";
        let bound = bind(query, &both(), &target(&namespace, &name)).unwrap();
        prop_assert_eq!(values(&bound.promql, "namespace"), [&*namespace, &*namespace]);
        prop_assert_eq!(values(&bound.promql, "deployment"), [&*name, &*name]);
        prop_assert_eq!(values(&bound.fresh, "deployment").len(), 4);
    }
}
