use super::*;
use crate::config::Config;
use crate::runtime::offline;
use crate::store::testing::{as_owner, at, executed, store};
use nightshift_model::IncidentId;
use std::path::Path;

/// A thousand and one incidents that are newer than `inc-a`.
const NEWER: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) \
    INSERT INTO incident SELECT 'inc-' || i, revision, phase, kind, namespace, name, cause, opened_at + i, changed_at, \
    wake_at, open, json_set(snapshot, '$.id', 'inc-' || i) FROM incident, n";

#[tokio::test]
async fn a_write_of_today_counts_however_many_incidents_are_newer() {
    let (folder, store) = store().await;
    executed(&store, &IncidentId::from("inc-a"), &["ann"], &["ann"]).await;
    as_owner(&folder.path().join("history.db"), NEWER).await;
    let config = Config::parse(Path::new("n.yaml"), "cluster: { name: c1 }\n").unwrap();
    let book = offline::rules(&config, offline::catalog(&[]).unwrap(), store, Clock::scaled(at(600), 1));
    let executions = book.standing().await.unwrap().executions;
    assert_eq!(executions.iter().map(|e| e.incident.as_str()).collect::<Vec<_>>(), ["inc-a"]);
}
