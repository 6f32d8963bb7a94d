#![allow(
    clippy::cloned_ref_to_slice_refs,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::single_element_loop,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm
)] // tables of small cases: clones and wildcards read better here
use super::*;

const EXAMPLE: &str = include_str!("../../assets/nightshift.example.yaml");

fn problems(text: &str) -> Vec<String> {
    let error = Config::parse(Path::new("nightshift.yaml"), text).map(|_| ()).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_parses_with_and_without_its_comments_taken_off() {
    let config = Config::parse(Path::new("/etc/nightshift/nightshift.yaml"), EXAMPLE).unwrap();
    assert_eq!(config.mode, Mode::Observe);
    assert!(config.gate.listen.ip().is_loopback());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("registry.yaml"), "{}").unwrap();
    let lines: Vec<&str> = EXAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
    let whole = lines.join("\n");
    let config = Config::parse(&folder.path().join("nightshift.yaml"), &whole).unwrap();
    assert_eq!(config.actions.namespaces, ["shop"]);
    assert_eq!(config.notify.webhooks.len(), 1);
    assert_eq!(config.prometheus.unwrap().timeout.0, 10);
    assert!(config.registry_file.unwrap().starts_with(folder.path()));
}

#[test]
fn an_empty_file_observes() {
    let config = Config::parse(Path::new("nightshift.yaml"), "").unwrap();
    assert_eq!(config.mode, Mode::Observe);
    assert!(config.prometheus.is_none());
}

#[test]
fn every_mistake_is_told_with_its_line_and_field() {
    let told = problems(
        "mode: approve\n\
         gates: {}\n\
         gate:\n  listen: 0.0.0.0:8080\n  public_url: http://nightshift.example.com\n\
         prometheus:\n  url: http://prometheus:9090\n  timeout: 10\n\
         notify:\n  digest:\n    at: \"25:00\"\n",
    );
    let expected = [
        "nightshift.yaml:2: gates: unknown field",
        "nightshift.yaml:5: gate.public_url: ",
        "nightshift.yaml:8: prometheus.timeout: `10` is not a duration",
        "nightshift.yaml:11: notify.digest.at: `25:00` is not a time of day",
        "nightshift.yaml:1: mode: mode approve needs the namespaces",
        "nightshift.yaml:1: mode: mode approve needs to know who may decide",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\nshould begin with\n{expected}");
    }
}

#[test]
fn a_listener_that_others_reach_needs_tls_or_a_proxy_that_is_named() {
    let told = problems("gate:\n  listen: 0.0.0.0:8080\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("nightshift.yaml:2: gate.listen: 0.0.0.0:8080 is reachable"), "{}", told[0]);
    for fine in [
        "gate: { listen: \"0.0.0.0:8080\", trusted_proxy: true }",
        "gate: { listen: \"0.0.0.0:8080\", tls: { cert: c.pem, key: k.pem } }",
        "gate: { listen: \"127.0.0.1:0\", public_url: \"http://127.0.0.1:8080\" }",
    ] {
        assert!(Config::parse(Path::new("nightshift.yaml"), fine).is_ok(), "{fine}");
    }
}

#[test]
fn what_is_no_yaml_or_no_mapping_says_so_once() {
    for text in ["- a\n", "mode: [\n", "\"text\"", "mode: observe\nmode: approve\n"] {
        let told = problems(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("nightshift.yaml:"), "{told:?}");
    }
}

#[test]
fn a_webhook_needs_a_name_of_its_own_and_https() {
    let hook = |name: &str, url: &str, more: &str| {
        format!("  - {{ name: {name}, url: \"{url}\", secret_file: s{more} }}\n")
    };
    let text = format!(
        "notify:\n  webhooks:\n{}{}{}",
        hook("a", "http://hooks.example.com/", ""),
        hook("a", "https://hooks.example.com/", ""),
        hook("b", "http://10.0.0.1/", ", allow_private: true"),
    );
    let told = problems(&text);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("must be https") && told[1].contains("a name of its own"), "{told:#?}");
}

#[test]
fn the_registry_is_checked_as_a_whole() {
    let file = read::Document::new(
        Path::new("registry.yaml"),
        "persons:\n  - { name: alice, roles: [shop, nobody] }\n  - { name: alice }\n\
         roles:\n  shop: { owners: [shop, bank] }\n\
         owners:\n  - { name: shop, namespaces: [shop] }\n\
         policy:\n  cool_down: fast\n",
    );
    let mut told = Vec::new();
    registry::read(&file, &mut told);
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(
        told[0].starts_with("registry.yaml:9: policy.cool_down: `fast` is not a duration"),
        "{}",
        told[0]
    );
    assert!(
        told[1].contains("`nobody`") && told[2].contains("`alice`") && told[3].contains("`bank`"),
        "{told:#?}"
    );
}
