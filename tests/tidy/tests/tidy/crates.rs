//! Packages: who may depend on whom, and on what.

use crate::{rule, tree};
use nightshift_tidy::Tree;

#[test]
fn edges() {
    let model: (&str, &[&str]) = ("nightshift-model", &["serde"]);
    let planted = |members: &[(&str, &[&str])]| Tree::default().with_members(members);
    rule(
        "edges",
        &planted(&[
            model,
            ("nightshift-detectors", &["nightshift-model", "jiff"]),
            ("nightshift-tidy", &["sha2"]),
        ]),
        &[
            (
                "must not depend on nightshift-sim",
                planted(&[("nightshift-sim", &[]), ("nightshift-engine", &["nightshift-sim"])]),
            ),
            (
                "must not depend on nightshift-model",
                planted(&[model, ("nightshift-tidy", &["nightshift-model"])]),
            ),
            ("new package", planted(&[("nightshift-util", &[])])),
        ],
    );
}

#[test]
fn purity() {
    let lock = "[[package]]\nname = \"helper\"\ndependencies = [\n \"tokio 1.0.0\",\n]\n\n[[package]]\nname = \"tokio\"\n\
                [[package]]\nname = \"nightshift-model\"\ndependencies = [\n \"tokio\",\n]\n";
    let planted = |members: &[(&str, &[&str])]| tree(&[("Cargo.lock", lock)]).with_members(members);
    rule(
        "purity",
        // The lock's line of nightshift-model is a dev-dependency, and the daemon may.
        &planted(&[
            ("nightshift-model", &["serde"]),
            ("nightshift", &["tokio"]),
            ("nightshift-engine", &["nightshift-model"]),
        ]),
        &[
            ("nightshift-sim -> helper -> tokio", planted(&[("nightshift-sim", &["helper"])])),
            ("nightshift-playbooks -> kube", planted(&[("nightshift-playbooks", &["kube"])])),
        ],
    );
}

#[test]
fn features() {
    let top = ("Cargo.toml", "[workspace]\nmembers = [\n  \"a\", \"b/c\",\n]\n");
    let member = |text: &str| {
        tree(&[top, ("b/c/Cargo.toml", text), ("other/Cargo.toml", "[dependencies]\nx = \"1\"\n")])
    };
    rule(
        "features",
        &member(
            "[package]\nversion.workspace = true\n[features]\n[dependencies]\n# features\n\
             x.workspace = true\ny = { workspace = true, optional = true }\n\
             [dev-dependencies.z]\nworkspace = true\n",
        ),
        &[
            ("Cargo.toml:2", member("[dependencies]\nx = { workspace = true, features = [\"y\"] }\n")),
            ("Cargo.toml:3", member("[dev-dependencies.z]\nworkspace = true\ndefault-features = false\n")),
            ("says more", member("[dependencies]\nx = \"1\"\n")),
            ("says more", member("[target.'cfg(unix)'.dependencies]\nx = { path = \"../x\" }\n")),
        ],
    );
}
