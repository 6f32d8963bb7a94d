//! `testdata/<detector>/<case>`: pasted `kubectl get -o yaml`, the time, and what is expected. UPDATE_EXPECT=1 writes
//! `expected.txt` anew.

use crate::volumes::Volumes;
use crate::{DETECTORS, Delta, Fact, Params, View, detect, doc, healthy, rollout_state};
use nightshift_model::{Finding, Kind, Seconds, Timestamp};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[test]
fn every_case_says_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut cases = 0;
    for detector in folders(&root) {
        let page = format!("{}.md", name(&detector));
        let place = doc::pages().iter().position(|(file, _)| *file == page);
        let place = place.unwrap_or_else(|| panic!("{} has cases and is no detector", name(&detector)));
        let own = format!("finding {} ", DETECTORS[place].reason());
        for case in folders(&detector) {
            let (view, now) = load(&case);
            let seen = render(&view, now);
            let negative = name(&case).starts_with("negative");
            // What another detector says there is its own affair.
            let expected = if negative { !seen.contains(&own) } else { seen.contains("finding") };
            assert!(expected, "{}:\n{seen}", name(&case));
            expect_test::expect_file![case.join("expected.txt")].assert_eq(&seen);
            cases += 1;
        }
    }
    assert!(cases > 0);
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.is_dir()).collect();
    all.sort();
    all
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The view after a complete list of every kind, as a watch brings it.
fn load(case: &Path) -> (View, Timestamp) {
    let read = |file: &str| std::fs::read_to_string(case.join(file)).unwrap();
    let now: Timestamp = read("now").trim().parse().unwrap();
    let list: serde_json::Value = serde_saphyr::from_str(&read("objects.yaml")).unwrap();
    let mut view = View::default();
    for item in list["items"].as_array().unwrap() {
        let kind = Kind::parse(item["kind"].as_str().unwrap());
        let fact = Fact::parse(&kind, item.to_string().as_bytes()).unwrap();
        view.apply(Delta::Applied(fact), now);
    }
    for kind in Fact::KINDS {
        view.apply(Delta::Synced { kind: kind.clone() }, now);
    }
    // What Prometheus answered to each question about volumes, so many seconds before now.
    if case.join("bytes.json").exists() {
        let answers = ["bytes.json", "inodes.json", "filling.json"].map(|file| read(file).into_bytes());
        let times: Vec<u64> = read("asked").split_whitespace().map(|n| n.parse().unwrap()).collect();
        for before in times {
            let at = now - Seconds(before);
            view.fill(Volumes::read(&answers, at).unwrap(), at);
        }
    }
    (view, now)
}

fn render(view: &View, now: Timestamp) -> String {
    let mut out = String::new();
    for scope in view.scopes() {
        let detection = detect(view, &scope, now, &Params::default());
        writeln!(out, "{scope}").unwrap();
        for finding in &detection.findings {
            out.push_str(&line(finding));
        }
        if detection.findings.is_empty() {
            writeln!(out, "  nothing").unwrap();
        }
        if let Some(at) = detection.recheck_at {
            writeln!(out, "  look again at {at}").unwrap();
        }
        for gap in &detection.unchecked {
            writeln!(out, "  {gap}").unwrap();
        }
        if let Some(rollout) = rollout_state(view, &scope) {
            let health = healthy(view, &scope, now, Seconds(600));
            let state = if rollout.complete { "complete" } else { "not complete" };
            let healthy = health.seen.map(|seen| format!("healthy since {}", seen.since));
            let later = health.recheck_at.map(|at| format!("perhaps healthy at {at}"));
            let health = healthy.or(later).unwrap_or_else(|| "not healthy".to_owned());
            writeln!(out, "  revision {} ({}): {state}, {health}", rollout.revision, rollout.template_hash)
                .unwrap();
        }
    }
    out
}

fn line(f: &Finding) -> String {
    let mut out = format!("  finding {} {}: {}", f.reason, f.severity, f.object);
    if !f.container.is_empty() {
        write!(out, ", container {}", f.container).unwrap();
    }
    if !f.template_hash.is_empty() {
        write!(out, ", template {}", f.template_hash).unwrap();
    }
    if let Some(exit) = &f.exit {
        let at = exit.at.map_or_else(|| "unknown".to_owned(), |at| at.to_string());
        write!(out, ", exit code {} {:?} at {at}", exit.code, exit.class).unwrap();
    }
    if !f.cause.is_unknown() {
        write!(out, ", cause {}", f.cause).unwrap();
    }
    if let Some(blamed) = &f.blames {
        write!(out, ", blames {blamed}").unwrap();
    }
    writeln!(out, ", {} affected, since {}", f.affected, f.since).unwrap();
    if !f.detail.is_empty() {
        writeln!(out, "    says: {}", f.detail).unwrap();
    }
    out
}
