//! Every case of `testdata/evidence/<tool>`: a question and its raw answers, beside what is read from them.
//! `UPDATE_EXPECT=1 cargo test` writes the expectations anew.

use super::*;
use expect_test::expect_file;
use nightshift_model::{EvidenceId, Kind, RawPart};
use proptest::prelude::*;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Case {
    tool: Tool,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Failed {
        failed: NotChecked,
        detail: String,
    },
    Body {
        status: u16,
        #[serde(default)]
        json: Option<serde_json::Value>,
        #[serde(default)]
        text: String,
        #[serde(default)]
        cut: bool,
    },
}

impl Answer {
    fn part(self) -> RawPart {
        match self {
            Self::Failed { failed, detail } => RawPart::Failed { why: failed, detail },
            Self::Body { status, json, text, cut } => {
                let body = json.map_or(text.into_bytes(), |json| serde_json::to_vec(&json).unwrap());
                RawPart::Body { status, body, cut }
            }
        }
    }
}

fn at() -> Timestamp {
    "2026-03-01T02:01:00Z".parse().unwrap()
}

fn ask(tool: Tool) -> EvidenceRequest {
    EvidenceRequest { id: EvidenceId(1), tool }
}

fn answered(tool: Tool, status: u16, body: impl Into<Vec<u8>>) -> Got {
    let parts = vec![RawPart::Body { status, body: body.into(), cut: false }];
    read(&ask(tool), &Raw { parts }, at()).got
}

fn cases() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/evidence");
    let list = |dir: &PathBuf| {
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let mut files: Vec<PathBuf> = list(&root).iter().filter(|p| p.is_dir()).flat_map(list).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.ends_with(".json") && !name.ends_with(".out.json")
    });
    files.sort();
    files
}

#[test]
fn every_case_reads_as_expected() {
    let files = cases();
    assert!(files.len() > 50, "{} cases", files.len());
    for file in files {
        let case: Case = serde_json::from_str(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let request = ask(case.tool);
        let raw = Raw { parts: case.answers.into_iter().map(Answer::part).collect() };
        let evidence = read(&request, &raw, at());
        let out = serde_json::json!({
            "reads": reads(&request).iter().map(|read| format!("{read:?}")).collect::<Vec<_>>(),
            "source": evidence.source, "got": evidence.got,
        });
        let text = format!("{}\n", serde_json::to_string_pretty(&out).unwrap());
        expect_file![file.with_extension("out.json")].assert_eq(&text);
        assert!(!text.contains("s3cr3t"), "a planted secret in {}", file.display());
        let seen = format!("{} {}", evidence.source, serde_json::to_string(&evidence.got).unwrap());
        let invisible = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}');
        assert!(!seen.contains(invisible) && !seen.contains("\\u00"), "{}", file.display());
        let again: Evidence = serde_json::from_str(&serde_json::to_string(&evidence).unwrap()).unwrap();
        assert_eq!(again, evidence);
    }
}

fn pod() -> ObjectRef {
    ObjectRef::new(Kind::Pod, "shop", "cart-1", "u1")
}

fn log(body: impl Into<Vec<u8>>) -> nightshift_model::evidence::LogExcerpt {
    match answered(Tool::PreviousLog { pod: pod(), container: "app".into() }, 200, body) {
        Got::Facts(Observed::Log(log)) => log,
        got @ (Got::Facts(_) | Got::NotChecked { .. }) => panic!("{got:?}"),
    }
}

#[test]
fn a_binary_log_and_an_endless_line_are_survived() {
    let binary = log((0..=255_u8).cycle().take(4_096).collect::<Vec<u8>>());
    assert!(binary.lines.iter().all(|l| l.chars().count() <= 400 && !l.contains(char::is_control)));
    let mut endless = "x".repeat(1 << 20);
    endless.insert_str(1 << 19, " password=s3cr3t ");
    let endless = log(endless);
    assert_eq!(endless.lines.len(), 1);
    assert_eq!(endless.lines[0].chars().count(), 400);
    assert!(endless.cut.unwrap().contains("1 long lines"));
    // A secret across the cut of a line goes too.
    let line = log(format!("{}token=s3cr3t-{}", "y".repeat(388), "z9".repeat(40)));
    assert!(!line.lines[0].contains("s3cr"), "{}", line.lines[0]);
    assert_eq!(line.redacted, 1);
}

#[test]
fn no_question_reaches_a_secret() {
    let nasty =
        ["", "..", ".", "a/b", "a/../../secrets", "a?x=1", "a#b", "a%2fb", "A", "a b", "a\n", "é", "-a"];
    for name in nasty {
        let object = ObjectRef::new(Kind::Deployment, "shop", name, "");
        let owner = nightshift_model::evidence::GitOpsOwner::ArgoCd {
            application: name.to_owned(),
            namespace: "argocd".to_owned(),
        };
        let tools = [
            Tool::Workload { target: object.clone() },
            Tool::Disruption { target: object.clone() },
            Tool::Job { target: ObjectRef { kind: Kind::Job, uid: "u".to_owned(), ..object.clone() } },
            Tool::Job { target: ObjectRef::new(Kind::Job, "shop", "cart", name) },
            Tool::Memory { target: object.clone(), container: "app".to_owned() },
            Tool::PreviousLog {
                pod: ObjectRef { kind: Kind::Pod, ..object.clone() },
                container: "app".into(),
            },
            Tool::PreviousLog { pod: pod(), container: name.to_owned() },
            Tool::Log { pod: ObjectRef { kind: Kind::Pod, ..object.clone() }, container: "app".into() },
            Tool::Log { pod: pod(), container: name.to_owned() },
            Tool::Pods {
                target: ObjectRef::new(Kind::Deployment, name, "cart", ""),
                selector: "app=cart".into(),
            },
            Tool::Changes { target: object.clone(), config_maps: vec!["env".to_owned()] },
            Tool::Node { name: name.to_owned() },
            Tool::GitOps { owner },
        ];
        for (i, tool) in tools.into_iter().enumerate() {
            assert_eq!(reads(&ask(tool.clone())), [], "{name:?} {i}");
            let evidence = read(&ask(tool), &Raw::default(), at());
            assert!(matches!(evidence.got, Got::NotChecked { why: NotChecked::Unreadable, .. }));
        }
    }
    let target = ObjectRef::new(Kind::Deployment, "shop", "cart", "");
    let fixed = reads(&ask(Tool::Changes { target: target.clone(), config_maps: Vec::new() }));
    let names = nasty.map(str::to_owned).to_vec();
    assert_eq!(reads(&ask(Tool::Changes { target, config_maps: names })), fixed);
    assert!(
        reads(&ask(Tool::Workload { target: ObjectRef::new(Kind::Other("Secret".into()), "shop", "x", "") }))
            .is_empty()
    );
}

#[test]
fn statuses_fall_into_their_classes() {
    let table = [
        (401, NotChecked::Forbidden),
        (403, NotChecked::Forbidden),
        (404, NotChecked::NotFound),
        (410, NotChecked::NotFound),
        (429, NotChecked::Unreachable),
        (500, NotChecked::Unreachable),
        (503, NotChecked::Unreachable),
        (400, NotChecked::Unreadable),
        (302, NotChecked::Unreadable),
    ];
    for (status, wanted) in table {
        match answered(Tool::Node { name: "n1".into() }, status, "") {
            Got::NotChecked { why, detail } => {
                assert_eq!((why, detail), (wanted, format!("{status} without a message")));
            }
            Got::Facts(facts) => panic!("{facts:?}"),
        }
    }
}

fn any_tool() -> impl Strategy<Value = Tool> {
    let target = ObjectRef::new(Kind::Deployment, "shop", "cart", "");
    prop::sample::select(vec![
        Tool::Workload { target: target.clone() },
        Tool::Pods { target: target.clone(), selector: "app=cart".into() },
        Tool::PreviousLog { pod: pod(), container: "app".into() },
        Tool::Log { pod: pod(), container: "app".into() },
        Tool::Events { about: pod() },
        Tool::Rollouts { target: target.clone(), selector: "app=cart".into() },
        Tool::Node { name: "cart".into() },
        Tool::Disruption { target: target.clone() },
        Tool::Job { target: ObjectRef::new(Kind::Job, "shop", "cart", "u") },
        Tool::Memory { target: target.clone(), container: "app".into() },
        Tool::Changes { target: target.clone(), config_maps: vec!["cart".into(), "../x".into()] },
        Tool::Healthy { target },
        Tool::Query { name: "q".into(), promql: "up".into() },
    ])
}

/// JSON with the keys that the tools look for, and any value behind them.
fn any_answer() -> impl Strategy<Value = Vec<u8>> {
    let keys = "(metadata|name|spec|status|items|template|containers|env|ownerReferences|annotations|labels|\
                conditions|type|data|result|resultType|selector|matchLabels|message|count|value|uid)";
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        prop_oneof![
            Just("cart".to_owned()),
            Just("success".to_owned()),
            Just("vector".to_owned()),
            any::<String>()
        ]
        .prop_map(serde_json::Value::from),
    ];
    let json = leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map(keys, inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    prop_oneof![json.prop_map(|v| serde_json::to_vec(&v).unwrap()), any::<Vec<u8>>()]
}

proptest! {
    #[test]
    fn any_answer_is_survived(tool in any_tool(), status in 100_u16..600, bodies in prop::collection::vec(any_answer(), 0..4)) {
        let status = if status < 300 { 200 } else { status };
        let parts = bodies.into_iter().map(|body| RawPart::Body { status, body, cut: false }).collect();
        let evidence = read(&ask(tool), &Raw { parts }, at());
        let text = serde_json::to_string(&evidence).unwrap();
        prop_assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
    }
}
