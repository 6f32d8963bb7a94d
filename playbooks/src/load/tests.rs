use super::*;
use crate::catalog::EMBEDDED;
use proptest::prelude::*;

const ROLLBACK: &str = include_str!("../../catalog/rollback-deployment.yaml");

fn said(sources: &[Source<'_>]) -> Vec<String> {
    load(sources).unwrap_err().iter().map(ToString::to_string).collect()
}

fn mine(name: &str, when: &str) -> String {
    format!(
        "name: {name}\nversion: 1\nsummary: Mine.\nwhen: {when}\nplan: {{ escalate: Look. }}\nrunbook: None.\n"
    )
}

#[test]
fn the_shipped_playbooks_load() {
    let catalog = load(EMBEDDED).unwrap();
    let names: Vec<&str> = catalog.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "raise-memory-limit",
            "raise-memory-limit-daemon-set",
            "raise-memory-limit-stateful-set",
            "restart-daemon-set",
            "restart-deployment",
            "restart-stateful-set",
            "re-run-job",
            "rollback-daemon-set",
            "rollback-deployment",
            "rollback-stateful-set",
            "delete-pod",
            "escalate"
        ]
    );
    assert_eq!(catalog.fallback().name, "escalate");
    assert!(catalog.get("rollback-deployment").is_some() && catalog.get("nothing").is_none());
    assert_eq!(catalog, Catalog::embedded());
}

#[test]
fn every_file_of_the_catalog_is_embedded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
    let mut files: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, EMBEDDED.iter().map(|s| s.file).collect::<Vec<_>>());
}

#[test]
fn a_fallback_of_ones_own_replaces_the_shipped_one() {
    let text = mine("call-the-vendor", "{}");
    let catalog = load(&[Source { file: "call-the-vendor.yaml", text: &text }]).unwrap();
    assert_eq!(catalog.fallback().name, "call-the-vendor");
    assert_eq!(catalog.iter().count(), 1);
    let none = load(&[]).unwrap();
    assert_eq!(none.fallback().name, "escalate");
}

#[test]
fn faults_of_all_files_are_told() {
    let (a, b) = (mine("one", "{ kind: Pod }"), mine("two", "{ kind: Pods }"));
    let large = "#".repeat(LARGEST + 1);
    let sources = [
        Source { file: "a/one.yaml", text: &a },
        Source { file: "b/one.yaml", text: &a },
        Source { file: "two.yaml", text: &b },
        Source { file: "large.yaml", text: &large },
        Source { file: "one.yml", text: &a },
    ];
    assert_eq!(
        said(&sources),
        [
            "b/one.yaml:1: name: a/one.yaml has this name too\n    next: rename one of the two files and its `name`",
            "two.yaml:4: when.kind: unknown kind `Pods`\n    next: write one of: Deployment, StatefulSet, DaemonSet, \
             Job, CronJob, Pod, Node",
            "large.yaml:1: 65537 bytes, at most 65536 are read\n    next: a playbook is a page of text: split it",
            "one.yml:1: name: `one` is not the name of the file one.yml\n    next: name the file one.yaml",
        ]
    );
    let error = load(&sources).unwrap_err().remove(1);
    assert_eq!((error.path.as_str(), error.line, error.column), ("when.kind", 4, 9));
}

#[test]
fn only_what_a_playbook_says_changes_the_digest() {
    let of = |text: &str| load(&[Source { file: "rollback-deployment.yaml", text }]).unwrap().digest();
    let shipped = of(ROLLBACK);
    assert_eq!(load(EMBEDDED).unwrap().digest(), Catalog::embedded().digest());
    assert_ne!(shipped, Catalog::embedded().digest(), "fewer playbooks are another policy");
    assert_eq!(
        shipped,
        of(&format!("# a comment\n\n{}", ROLLBACK.replace("cause: rollout", "cause:   rollout")))
    );
    assert_ne!(shipped, of(&ROLLBACK.replace("value: \"1\"", "value: \"2\"")));
    assert_ne!(shipped, of(&ROLLBACK.replace("version: 1", "version: 2")));
}

proptest! {
    /// Whatever a file holds, the loader answers; a changed byte of a good file never breaks it.
    #[test]
    fn any_text_is_answered(noise in "(.|\n){0,200}", at in 0..ROLLBACK.len(), cut in 0_usize..40) {
        let good = ROLLBACK.as_bytes();
        let mut bytes = good.get(..at).unwrap().to_vec();
        bytes.extend(noise.bytes());
        bytes.extend(good.get(at.saturating_add(cut)..).unwrap_or_default());
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        for text in [noise.as_str(), changed.as_str()] {
            if let Err(errors) = load(&[Source { file: "rollback-deployment.yaml", text }]) {
                let lines = text.lines().count() as u64 + 1;
                prop_assert!(!errors.is_empty() && errors.iter().all(|e| (1..=lines).contains(&e.line)));
            }
        }
    }

    #[test]
    fn any_query_is_answered(query in "[a-z0-9(){}\\[\\]\"=~!@:,.+*/<> \n-]{0,80}") {
        let _ = crate::promql::read(&query);
    }
}

#[test]
fn a_query_as_deep_as_its_length_allows_is_read() {
    let query = format!("{}up{}", "(".repeat(990), ")".repeat(990));
    assert!(crate::promql::read(&query).is_ok());
}
