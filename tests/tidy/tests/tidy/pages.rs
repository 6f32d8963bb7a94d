//! What pages say: where they lead, what they claim, which settings they name.

use crate::{rule, tree, with};

#[test]
fn links() {
    let page = "# A page\n\n[a](docs/b.md#two-words), [c](docs/), [d](https://example.com/x), [e](#a-page)\n\n\
                ```\n[f](nowhere)\n```\n";
    let base = [("README.md", page), ("docs/b.md", "## Two words\n\n[back](../README.md)\n")];
    rule(
        "links",
        &tree(&base),
        &[
            ("docs/c.md does not exist", with(&base, &[("docs/b.md", "## Two words\n[c](c.md)\n")])),
            ("no heading #two-words", with(&base, &[("docs/b.md", "## Three words\n")])),
        ],
    );
}

#[test]
fn claims() {
    let page = "# Threat model\n\n| | claim | proven by |\n|---|---|---|\n\
                | cannot | write | [`lock.rs::it_is_refused`](../tests/lab/lock.rs) |\n\n\
                | part | is |\n|---|---|\n| a | b |\n\nSee [`lock.rs::it_is_refused`](../tests/lab/lock.rs).\n";
    let lock = "#[tokio::test(flavor = \"multi_thread\")]\nasync fn it_is_refused() {}\n\nfn help() {}\n";
    let base = [("docs/threat-model.md", page), ("tests/lab/lock.rs", lock)];
    let other = |of: &str, by: &str| page.replacen(of, by, 1);
    let says = |text: &str| with(&base, &[("docs/threat-model.md", text)]);
    rule(
        "claims",
        &tree(&base),
        &[
            ("missing", with(&base[1..], &[("docs/README.md", "")])),
            ("holds no claim", says("# Threat model\n")),
            (
                "a claim without its test",
                says(&other("[`lock.rs::it_is_refused`](../tests/lab/lock.rs)", "hope")),
            ),
            ("has no test it_is_not", says(&other("it_is_refused", "it_is_not"))),
            ("has no test help", says(&other("it_is_refused", "help"))),
            ("is said to be in tests/lab/locks.rs", says(&other("lab/lock.rs", "lab/locks.rs"))),
            ("tests/it/lock.rs does not exist", says(&other("lab/lock.rs", "it/lock.rs"))),
        ],
    );
    let ignored = with(&base, &[("tests/lab/lock.rs", "#[test]\n#[ignore]\nfn it_is_refused() {}\n")]);
    assert_eq!(nightshift_tidy::claims::check(&ignored).len(), 2, "a test that does not run proves nothing");
}

#[test]
fn keys() {
    let schema = r#"{"type": "object", "additionalProperties": false, "properties": {
        "cluster": {"type": "object", "additionalProperties": false, "properties": {"name": {"type": "string"}}},
        "persons": {"type": "array", "items": {"type": "object", "properties": {"name": {}}}},
        "image": {"type": "object", "additionalProperties": false, "properties": {"repository": {}}}}}"#;
    let example = "mode: observe\n#: alerts:                # a door\n#:   listen: 0.0.0.0:8082\n#:   basic: { user: a }\n";
    let page = "`cluster.name`, `persons.name`, `alerts.listen`, `alerts.basic.user`, `cluster.yaml`, `spec.user`\n\
                    helm install --set image.repository=x --set cluster.name=y\n";
    let base = [
        ("charts/nightshift/values.schema.json", schema),
        ("daemon/assets/nightshift.example.yaml", example),
        ("docs/install.md", page),
        ("docs/catalogue/a.md", "`cluster.nothing`"),
    ];
    let says = |text: &str| with(&base, &[("docs/install.md", text)]);
    rule(
        "keys",
        &tree(&base),
        &[
            ("cluster.names is no value", says("see `cluster.names`\n")),
            ("docs/install.md:2: [keys] alerts.token", says("\n`alerts.token`\n")),
            ("image.tags is no value", says("helm upgrade --set image.tags=x\n")),
            ("imag.repository is no value", says("helm upgrade --set imag.repository=x\n")),
            ("README.md:1", with(&base, &[("README.md", "`persons.names`")])),
        ],
    );
}
