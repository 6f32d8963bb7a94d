//! Lists that must agree: detectors, actions, playbooks, migrations, pages, words.

use crate::{rule, tree, with, without};
use nightshift_tidy::migrations::bless;

#[test]
fn detectors() {
    let slice = "pub static DETECTORS: &[&Detector] = &[\n\
        &crash_loop::DETECTOR,\n    // a comment\n    crate::node::not_ready::DETECTOR\n];";
    let doc = "//! # Meaning\n//! # Impact\n//! # Diagnosis\n//! # Mitigation\npub static DETECTOR: D = D;";
    let base = [
        ("detectors/src/catalog.rs", slice),
        ("detectors/src/crash_loop.rs", doc),
        ("detectors/src/node/not_ready.rs", doc),
        ("detectors/testdata/README.md", "cases"),
        ("detectors/testdata/crash_loop/oom.yaml", ""),
        ("detectors/testdata/crash_loop/negative_deleted.yaml", ""),
        ("detectors/testdata/not_ready/a/in.yaml", ""),
        ("detectors/testdata/not_ready/negative/in.yaml", ""),
        ("docs/catalogue/detectors/crash_loop.md", ""),
        ("docs/catalogue/detectors/not_ready.md", ""),
    ];
    rule(
        "detectors",
        &tree(&base),
        &[
            (
                "no heading Impact",
                with(&base, &[("detectors/src/crash_loop.rs", &doc.replace("Impact", "Other"))]),
            ),
            ("no negative case", without(&base, "negative_deleted")),
            ("no positive case", without(&base, "oom.yaml")),
            ("missing page", without(&base, "detectors/not_ready.md")),
            ("has no file", without(&base, "src/crash_loop.rs")),
            ("not listed", with(&base, &[("detectors/src/extra.rs", doc)])),
            ("cases of no detector", with(&base, &[("detectors/testdata/extra/a.yaml", "")])),
            ("missing", tree(&[("detectors/src/crash_loop.rs", doc)])),
            ("no detector found", tree(&[("detectors/src/catalog.rs", "")])),
        ],
    );
}

#[test]
fn actions() {
    let base = [
        (
            "daemon/model/src/action.rs",
            "pub enum Action {\n  RestartPod { pod: ObjectRef },\n  #[serde(x)]\n  Cordon(Node),\n}",
        ),
        ("daemon/engine/src/actions/restart_pod.rs", ""),
        ("daemon/engine/src/actions/cordon.rs", ""),
        ("daemon/engine/testdata/actions/restart_pod/a.yaml", ""),
        ("daemon/engine/testdata/actions/cordon/a.yaml", ""),
        ("docs/catalogue/actions/restart_pod.md", ""),
        ("docs/catalogue/actions/cordon.md", ""),
        ("docs/permissions.md", "| restart_pod | delete |\n| Cordon | patch |"),
    ];
    rule(
        "actions",
        &tree(&base),
        &[
            ("Cordon has no file", without(&base, "actions/cordon.rs")),
            ("RestartPod has no fixtures", without(&base, "testdata/actions/restart_pod")),
            ("Cordon has no catalogue page", without(&base, "catalogue/actions/cordon")),
            ("RestartPod has no row", with(&base, &[("docs/permissions.md", "| Cordon |")])),
            ("no `enum Action`", tree(&[("daemon/model/src/incident.rs", "")])),
        ],
    );
}

#[test]
fn playbooks() {
    let base = [
        ("playbooks/catalog/undo.yaml", ""),
        ("playbooks/testdata/undo/bad_image.yaml", ""),
        ("playbooks/testdata/undo/negative_paused.yaml", ""),
        ("docs/catalogue/playbooks/undo.md", ""),
    ];
    rule(
        "playbooks",
        &tree(&base),
        &[
            ("no positive case", without(&base, "bad_image")),
            ("no negative case", without(&base, "negative")),
            ("missing page", with(&base[..3], &[("docs/catalogue/index.md", "")])),
            ("cases of no playbook", with(&base, &[("playbooks/testdata/other/a.yaml", "")])),
            ("not a playbook", with(&base, &[("playbooks/catalog/undo.yml", "")])),
        ],
    );
}

#[test]
fn migrations() {
    // sha256 of "a" and of "b", as sha256sum writes them
    let sums = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  0001_a.sql\n\
                3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  0002_b.sql\n";
    let schema = "const M: &[&str] = &[\n\
        include_str!(\"../../../migrations/sqlite/0001_a.sql\"),\n\
        include_str!(\"../../../migrations/sqlite/0002_b.sql\")];";
    let base = [
        ("migrations/README.md", ""),
        ("migrations/sqlite/0001_a.sql", "a"),
        ("migrations/sqlite/0002_b.sql", "b"),
        ("migrations/sqlite/SHA256SUMS", sums),
        ("daemon/src/store/schema.rs", schema),
    ];
    let gap = [
        ("migrations/sqlite/0003_b.sql", "b"),
        ("migrations/sqlite/SHA256SUMS", &sums.replace("0002", "0003")),
        ("daemon/src/store/schema.rs", &schema.replace("0002", "0003")),
    ];
    rule(
        "migrations",
        &tree(&base),
        &[
            ("edited after", with(&base, &[("migrations/sqlite/0001_a.sql", "A")])),
            ("is not number 2", with(&base[..2], &gap)),
            ("builds in", with(&base, &[("daemon/src/store/schema.rs", "")])),
            (
                "has no checksum",
                with(&base, &[("migrations/sqlite/SHA256SUMS", sums.lines().next().unwrap())]),
            ),
            (
                "names no file",
                with(&base, &[("migrations/sqlite/SHA256SUMS", &format!("{sums}abc  0003_c.sql"))]),
            ),
        ],
    );
    let blessed = bless(&without(&base, "SHA256SUMS"));
    assert_eq!(blessed, [("migrations/sqlite/SHA256SUMS".to_owned(), sums.to_owned())]);
    let edited = bless(&with(&base, &[("migrations/sqlite/0001_a.sql", "A")]));
    assert_eq!(edited, blessed, "blessing never changes a line that is there");
}

#[test]
fn generated() {
    let made = "<!-- @generated by x -->\n";
    let base = [
        ("docs/matrix.md", made),
        ("docs/permissions.md", made),
        ("docs/faults.md", made),
        ("docs/benchmarks.md", made),
        ("daemon/openapi.json", "{\n\"description\": \"@generated by x\"\n}\n"),
        ("docs/catalogue/a.md", made),
        ("docs/by-hand.md", ""),
        ("README.md", "Write:\n\nmode: observe\nlog: {}\n"),
        ("daemon/assets/nightshift.example.yaml", "mode: observe\nlog: {}\n"),
    ];
    rule(
        "generated",
        &tree(&base),
        &[
            ("docs/matrix.md:0: [generated] missing", without(&base, "matrix")),
            ("does not say", with(&base, &[("docs/permissions.md", "# Permissions\n")])),
            ("docs/catalogue/a.md:1", with(&base, &[("docs/catalogue/a.md", "# A\n")])),
            ("README.md:0: [generated] does not quote", with(&base, &[("README.md", "mode: observe\n")])),
        ],
    );
}

#[test]
fn words() {
    let file = |path: &str, text: &str| tree(&[(path, text)]);
    let outcome = "pub enum Outcome { Successful, Failed, Inconclusive, Error }";
    let left_over = |a: &str, b: &str| file("docs/a.md", &format!("one\n{a}{b}\n"));
    rule(
        "words",
        &tree(&[
            ("daemon/model/src/outcome.rs", outcome),
            ("detectors/src/facts/pod.rs", "pub enum Phase { Pending, Running }"),
            ("daemon/src/a.rs", "struct Executor; fn f() { let ticket = pagerduty(); }"),
            ("tests/run", "mktemp -d /tmp/a.XXXXXX; cd ~/work/ && ls target/work/x"),
            ("Cargo.lock", concat!("crates", ".io")),
        ]),
        &[
            ("`TicketQueue` is not our word", file("daemon/src/a.rs", "struct TicketQueue;")),
            ("`run_fixer`", file("daemon/src/a.rs", "fn run_fixer() {}")),
            ("enum Outcome has", file("daemon/model/src/outcome.rs", &outcome.replace("Error", "Skipped"))),
            ("enum Phase has", file("daemon/src/api/incident.rs", "enum Phase { Open }")),
            ("docs/a.md:2", left_over("see TO", "DO later")),
            ("docs/a.md:2", left_over("at /wo", "rk/shared")),
            ("docs/a.md:2", left_over("from static.crates", ".io")),
            ("docs/a.md:2", left_over("XX", "X")),
        ],
    );
}
