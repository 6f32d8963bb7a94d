use super::*;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: { name: a }\n";
const GOOD: &str = "about: A pod.
source: https://example.org/issues/1
steps:
  - apply: objects.yaml
  - until: { object: pods, selector: app=a, jsonpath: .status.phase, equals: Running, within: 60s }
  - delete: { selector: app=a, wait: false }
watch: 60s
expect:
  failure:
    reason: [CrashLoopBackOff]
    scope: deployment/a
    action: escalate
";

/// A corpus with one case.
fn corpus(group: &str, name: &str, case: &str, manifest: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(group).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("case.yaml"), case).unwrap();
    if !manifest.is_empty() {
        std::fs::write(folder.join("objects.yaml"), manifest).unwrap();
    }
    home
}

#[test]
fn every_case_of_the_corpus_can_be_read() {
    let cases = load(&home()).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
        panic!("{}", lines.join("\n"))
    });
    let silent = cases.iter().filter(|case| matches!(case.told.expect, Expect::Silence)).count();
    assert!(silent >= 6 && cases.len() - silent >= 6, "{silent} of {}", cases.len());
}

#[test]
fn a_good_case_is_read() {
    let home = corpus("containers", "a-1", GOOD, POD);
    let cases = load(home.path()).unwrap();
    assert_eq!(cases[0].name, "containers/a-1");
    assert!(!cases[0].told.alone && cases[0].told.nodes.0 == 1);
}

#[test]
fn every_bad_form_of_a_case_is_said_with_file_and_line() {
    let swap = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    };
    // What is wrong, in which line, and what is said of it.
    let table = [
        (String::new(), 0, ""),
        ("about: [".to_owned(), 1, ""),
        (swap("about: A pod.", "about: ''"), 1, "a text of 1"),
        (swap("about: A pod.\n", ""), 0, "about"),
        (swap("https://example.org/issues/1", "somewhere"), 2, "https"),
        (swap("watch: 60s", "watch: 60"), 7, "duration"),
        (swap("watch: 60s", "watch: 0s"), 7, "watching"),
        (swap("watch: 60s", "watch: 16m"), 7, "watching"),
        (swap("watch: 60s", "watch: 60s\nnodes: 4"), 8, "nodes"),
        (swap("watch: 60s", "watch: 60s\nseverity: high"), 8, "severity"),
        (swap("apply: objects.yaml", "apply: ../other.yaml"), 4, "manifest of this folder"),
        (swap("apply: objects.yaml", "apply: missing.yaml"), 4, "missing.yaml"),
        (swap("apply: objects.yaml", "explode: now"), 4, "explode"),
        (swap("  - apply: objects.yaml\n", ""), 0, "no step applies it"),
        (swap("within: 60s", "within: 11m"), 5, "10m"),
        (swap("equals: Running, ", ""), 5, "`equals`"),
        (swap(".status.phase", "status"), 5, "path"),
        (swap("pods, selector: app=a", "pods"), 5, "selector"),
        (swap("pods, selector: app=a", "pod/a, selector: app=a"), 5, "name already"),
        (swap("pods, selector: app=a", "Pod/a"), 5, "not an object"),
        (swap("selector: app=a, wait: false", "selector: app=a, force: true"), 6, "force"),
        (swap("{ selector: app=a, wait: false }", "deployment"), 6, "needs a name"),
        (swap("- delete:", "- patch: { object: pod/a }\n  - delete:"), 6, "merge"),
        (swap("- delete:", "- patch: { object: pod/a, merge: 3 }\n  - delete:"), 6, "mapping"),
        (swap("- delete:", "- cordon: node2\n  - delete:"), 6, "alone"),
        (swap("- delete:", "- cordon: node9\n  - delete:"), 6, "not a node"),
        (swap("- delete:", "- taint: { node: lab, taint: \"a=b:Never\" }\n  - delete:"), 6, "not a taint"),
        (swap("- delete:", "- scale: { object: deployment/a, to: -1 }\n  - delete:"), 6, ""),
        (swap("[CrashLoopBackOff]", "[]"), 10, "empty list"),
        (swap("[CrashLoopBackOff]", "crash-loop"), 10, "CamelCase"),
        (swap("scope: deployment/a", "scope: Deployment a"), 11, "not an object"),
        (swap("action: escalate", "action: Rollback"), 12, "action"),
        (swap("    action: escalate\n", ""), 11, "action"),
        (swap("action: escalate", "action: escalate\n  silence: true"), 9, "either"),
    ];
    for (text, line, said) in table {
        let home = corpus("containers", "a", &text, POD);
        let faults = load(home.path()).unwrap_err();
        let hit = faults.iter().any(|fault| {
            (fault.line == line || line == 0)
                && fault.what.contains(said)
                && fault.path.starts_with(home.path())
        });
        let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert!(hit, "wanted line {line} {said:?}, got {lines:?} for\n{text}");
    }
}

#[test]
fn a_case_stands_where_it_belongs() {
    let silent = GOOD.split("  failure:").next().unwrap().to_owned() + "  silence: true\n";
    let table = [
        (corpus("weather", "a", GOOD, POD), "not a group"),
        (corpus("containers", "Big", GOOD, POD), "small letters"),
        (corpus("containers", "a", &silent, POD), "`healthy` and `soak` only"),
        (corpus("soak", "a", GOOD, POD), "does not belong"),
        (corpus("soak", "a", &silent, POD), "`rounds`"),
        (corpus("healthy", "a", &format!("{silent}rounds: [{{ wait: 1s }}]\n"), POD), "`rounds`"),
        (corpus("healthy", "a", GOOD, POD), "does not belong"),
        (corpus("containers", "a", GOOD, "kind: Pod\n"), "apiVersion"),
        (corpus("containers", "a", GOOD, ""), "objects.yaml"),
        (tempfile::tempdir().unwrap(), "no case"),
    ];
    for (home, said) in table {
        let faults = load(home.path()).unwrap_err();
        assert!(faults.iter().any(|fault| fault.what.contains(said)), "{said}: {faults:?}");
    }
    assert!(load(Path::new("/nowhere")).unwrap_err()[0].what.contains("cannot be read"));
}
