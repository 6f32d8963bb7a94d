//! Canary secrets: planted where secrets are found in real clusters, and looked for everywhere that nightshift writes.

use nightshift::store::audit;
use nightshift_model::{Closure, Outcome, Phase};
use nightshift_sim::Program;
use nightshift_tests::house::{House, web};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Values that stand in environment variables, annotations and logs of the planted workload.
const CANARIES: [&str; 8] = [
    "c4nary-0ld-env-9fQ2",
    "c4nary-n3w-env-7hW4",
    "c4nary-plain-setting-1aB8",
    "c4nary-annot-5tR6",
    "c4nary-url-pass-3kL9",
    "c4nary-log-pass-2mN7",
    "c4nary-bearer-8pX5",
    "ghp_c4naryc4naryc4naryc4naryc4naryc4nary",
];

/// What every nightshift of this process has logged, down to the last level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn listen() -> anyhow::Result<Lines> {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_env_filter("nightshift=trace,nightshift_engine=trace,warn")
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .try_init()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(lines)
}

/// A Deployment as careless people write them.
fn careless(version: u32, password: &str) -> Value {
    let mut object = web("leaky", version);
    let environment = json!([
        {"name": "DB_PASSWORD", "value": password},
        {"name": "SETTING", "value": "c4nary-plain-setting-1aB8"},
        {"name": "DATABASE_URL", "value": "postgres://shop:c4nary-url-pass-3kL9@db.shop:5432/shop"},
        {"name": "GITHUB_TOKEN", "value": "ghp_c4naryc4naryc4naryc4naryc4naryc4nary"},
    ]);
    let applied = json!({
        "spec": {"env": environment},
        "token": "c4nary-annot-5tR6",
    });
    if let Some(container) =
        object.pointer_mut("/spec/template/spec/containers/0").and_then(Value::as_object_mut)
    {
        container.insert("env".to_owned(), environment);
    }
    for at in ["/metadata", "/spec/template/metadata"] {
        if let Some(metadata) = object.pointer_mut(at).and_then(Value::as_object_mut) {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                let name = "kubectl.kubernetes.io/last-applied-configuration".to_owned();
                annotations.insert(name, applied.to_string().into());
                annotations.insert("shop.example/api-token".to_owned(), "token=c4nary-annot-5tR6".into());
            }
        }
    }
    object
}

fn clean(what: &str, bytes: &[u8]) {
    for canary in CANARIES {
        let found = bytes.windows(canary.len()).position(|window| window == canary.as_bytes());
        let around = found.map(|at| {
            let part = bytes.get(at.saturating_sub(200)..bytes.len().min(at + 100)).unwrap_or_default();
            String::from_utf8_lossy(part).into_owned()
        });
        assert_eq!(around, None, "{what} holds {canary}");
    }
}

#[tokio::test]
async fn planted_secrets_are_nowhere_and_the_rollback_works_all_the_same() -> anyhow::Result<()> {
    let lines = listen()?;
    let house = House::open().await?;
    let log = "connecting to postgres://shop:c4nary-url-pass-3kL9@db.shop:5432/shop\n\
               Authorization: Bearer c4nary-bearer-8pX5\n\
               password=c4nary-log-pass-2mN7\n\
               token ghp_c4naryc4naryc4naryc4naryc4naryc4nary was refused\n\
               FATAL: cannot start\n";
    house.door.with(|sim| sim.program("web:2", Program::exits(2, 1).log(log)));
    let scope = house.apply(careless(1, "c4nary-0ld-env-9fQ2"))?;
    house.healthy(&scope, 1).await?;
    house.apply(careless(2, "c4nary-n3w-env-7hW4"))?;
    let proposal = house.proposal(&scope).await?;
    let mut alice = house.person("alice").await?;
    let pages = ["/".to_owned(), format!("/p/{}", proposal.id()), format!("/i/{}", proposal.plan().incident)];
    for page in &pages {
        let shown = alice.get(page).await?;
        assert_eq!(shown.status, 200, "{page}");
        clean(page, shown.text.as_bytes());
    }
    let shown = alice.get(&pages[1]).await?;
    assert!(shown.text.contains("FATAL: cannot start"), "the log is shown, without its secrets");
    assert!(shown.text.contains("DB_PASSWORD"), "the change is named, without its value");

    house.approve("alice", &proposal).await?;
    let over = house.over(&scope).await?;
    let closed =
        matches!(over.phase, Phase::Closed { why: Closure::Verified { outcome: Outcome::Successful } });
    assert!(closed, "{}", over.phase.word());
    let env = house.live("leaky").pointer("/spec/template/spec/containers/0/env/0/value").cloned();
    assert_eq!(env, Some("c4nary-0ld-env-9fQ2".into()), "the earlier template is back, secrets and all");

    for page in &pages {
        clean(page, alice.get(page).await?.text.as_bytes());
    }
    let day = alice.get("/digest/2026-03-01").await?;
    clean("the digest", day.text.as_bytes());
    clean("the metrics", house.machine("/metrics").await?.1.as_bytes());
    clean("readiness", house.machine("/readyz").await?.1.as_bytes());
    let mut export = Vec::new();
    audit::export(house.history()?, 0, &mut export).await?;
    assert!(export.len() > 1_000);
    clean("the export", &export);
    for file in std::fs::read_dir(house.folder.path())? {
        let path = file?.path();
        if path.is_file() {
            clean(&path.display().to_string(), &std::fs::read(&path)?);
        }
    }
    let logged = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(String::from_utf8_lossy(&logged).contains("leaky"), "something was logged about it");
    clean("the log", &logged);
    house.finish().await?;
    Ok(())
}
