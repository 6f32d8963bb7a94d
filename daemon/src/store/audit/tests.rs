use super::*;
use crate::store::testing::{self, advance, asked, at, executed, opened, store, system};
use crate::store::{HistoryStore as _, OpenMode};
use nightshift_model::{IncidentEvent, IncidentId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

/// 11 rows of an executed incident, then 3 of the system, then 2 of an incident that was only opened.
async fn history() -> (tempfile::TempDir, SqliteStore) {
    let (folder, store) = store().await;
    executed(&store, &IncidentId::from("inc-a"), &["ann"], &["ann"]).await;
    store.append_system(system(at(30), 3)).await.unwrap();
    advance(&store, None, &IncidentId::from("inc-b"), vec![opened("web"), asked()], at(31)).await;
    (folder, store)
}

async fn raw(folder: &tempfile::TempDir) -> SqliteConnection {
    SqliteConnectOptions::new().filename(folder.path().join("history.db")).connect().await.unwrap()
}

/// Does to the file what only somebody with its rights can, then verifies.
async fn tampered(change: &str) -> Report {
    let (folder, store) = history().await;
    store.close().await;
    let mut connection = raw(&folder).await;
    for trigger in ["update", "delete", "replace"] {
        let drop = format!("DROP TRIGGER audit_event_no_{trigger}");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
    for statement in change.split(';') {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadOnly).await.unwrap();
    let report = verify(&store, 0, &Held::default()).await.unwrap();
    assert_eq!(report.exit(), Exit::Tampered, "{change}: {report:?}");
    report
}

fn told(report: &Report, seq: u64, what: &str) {
    let found = report.problems.iter().any(|p| p.seq == seq && p.what.contains(what));
    assert!(found, "no `{what}` at {seq} in {:#?}", report.problems);
}

#[tokio::test]
async fn an_honest_history_is_incomplete_only_for_want_of_a_note_from_elsewhere() {
    let (_folder, store) = history().await;
    let report = verify(&store, 0, &Held::default()).await.unwrap();
    assert_eq!((report.rows, report.incidents, report.tip.unwrap().seq), (16, 2, 15));
    assert_eq!((&report.problems, &report.warnings), (&vec![], &vec![]));
    assert_eq!(report.exit(), Exit::Incomplete);
    let noted = Report { chain_only: false, ..report };
    assert_eq!(noted.exit(), Exit::Whole);
    let late = verify(&store, 9, &Held::default()).await.unwrap();
    assert_eq!((late.rows, late.problems.len(), late.partial), (7, 0, true));
}

#[tokio::test]
async fn a_flipped_bit_is_found() {
    let flip = "UPDATE audit_event SET body = CAST(replace(CAST(body AS TEXT), 'resource_version\":\"8', \
                'resource_version\":\"9') AS BLOB) WHERE seq = 10";
    told(&tampered(flip).await, 10, "changed after it was recorded");
    let time = "UPDATE audit_event SET ts_utc = '2027-01-15T08:00:01.500000Z' WHERE seq = 1";
    told(&tampered(time).await, 1, "changed after it was recorded");
    let hash = "UPDATE audit_event SET hash = zeroblob(32) WHERE seq = 5";
    let report = tampered(hash).await;
    told(&report, 5, "changed after it was recorded");
    told(&report, 6, "does not follow");
}

#[tokio::test]
async fn dropped_rows_are_found() {
    let report = tampered("DELETE FROM audit_event WHERE seq = 12").await;
    told(&report, 13, "1 rows before it are missing");
    told(&report, 13, "revision 3 follows 1 in the system stream");
    told(&tampered("DELETE FROM audit_event WHERE seq = 0").await, 1, "1 rows before it are missing");
    let closed_up =
        "DELETE FROM audit_event WHERE seq = 12; UPDATE audit_event SET seq = seq - 1 WHERE seq > 12";
    told(&tampered(closed_up).await, 12, "does not follow the row before it");
}

#[tokio::test]
async fn a_cut_tail_shows_where_a_snapshot_knows_more() {
    let report = tampered("DELETE FROM audit_event WHERE seq >= 14").await;
    told(&report, 13, "incident inc-b has no events");
    let report = tampered("DELETE FROM audit_event WHERE seq = 15").await;
    told(&report, 14, "incident inc-b is not the fold");
}

#[tokio::test]
async fn reordered_rows_are_found() {
    let report = tampered(
        "UPDATE audit_event SET seq = 99 WHERE seq = 11; UPDATE audit_event SET seq = 11 WHERE seq = 12; \
         UPDATE audit_event SET seq = 12 WHERE seq = 99",
    )
    .await;
    told(&report, 11, "changed after it was recorded");
    told(&report, 12, "changed after it was recorded");
}

#[tokio::test]
async fn a_column_that_says_something_else_than_its_body_is_found() {
    for (column, value) in [
        ("actor", "'person:mallory'"),
        ("kind", "'voted'"),
        ("stream", "'inc-x'"),
        ("revision", "77"),
        ("epoch", "9"),
        ("incident_id", "'inc-b'"),
        ("proposal_id", "'pro-x'"),
    ] {
        let report = tampered(&format!("UPDATE audit_event SET {column} = {value} WHERE seq = 4")).await;
        told(&report, 4, &format!("its column {column} says"));
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_found() {
    let report = tampered("UPDATE audit_event SET body = x'ff00' WHERE seq = 2").await;
    told(&report, 2, "changed after it was recorded");
    told(&report, 2, "cannot be read");
}

#[tokio::test]
async fn a_snapshot_that_is_not_the_fold_is_found() {
    let phase = tampered("UPDATE incident SET phase = 'Closed', open = 0 WHERE id = 'inc-b'").await;
    told(&phase, 15, "incident inc-b has columns that say something else");
    let json = "UPDATE incident SET snapshot = replace(snapshot, '\"web\"', '\"cart\"') WHERE id = 'inc-b'";
    told(&tampered(json).await, 15, "incident inc-b is not the fold");
    told(&tampered("DELETE FROM incident WHERE id = 'inc-b'").await, 15, "incident inc-b has no snapshot");
    let made_up = "INSERT INTO incident SELECT 'inc-z', revision, phase, kind, namespace, name, cause, opened_at, \
                   changed_at, wake_at, open, snapshot FROM incident WHERE id = 'inc-b'";
    told(&tampered(made_up).await, 15, "incident inc-z has no events");
}

#[tokio::test]
async fn another_name_for_the_history_breaks_the_chain_at_its_start() {
    told(&tampered("UPDATE meta SET value = 'x' WHERE key = 'log_id'").await, 0, "does not follow");
}

#[tokio::test]
async fn a_claim_without_the_approvals_that_its_grant_names_is_found() {
    for (voters, granted, what) in [
        (vec![], vec!["ann"], "without a standing approval by ann"),
        (vec!["ann"], vec!["ann", "bo"], "without a standing approval by bo"),
        (vec!["ann"], vec![], "names nobody"),
        (vec!["ann"], vec!["ann", "ann"], "somebody twice"),
    ] {
        let (_folder, store) = store().await;
        executed(&store, &IncidentId::from("inc-a"), &voters, &granted).await;
        let report = verify(&store, 0, &Held::default()).await.unwrap();
        let claim = u64::try_from(voters.len()).unwrap() + 5;
        told(&report, claim, what);
        assert_eq!(report.exit(), Exit::Tampered);
    }
}

#[tokio::test]
async fn an_incident_that_comes_back_after_a_long_time_is_followed_whole() {
    let (folder, store) = store().await;
    let (old, late) = (IncidentId::from("inc-a"), IncidentId::from("inc-c"));
    let closed = || IncidentEvent::Judged { outcome: nightshift_model::Outcome::Successful };
    let mut ends = Vec::new();
    for id in [&old, &late] {
        let fold = executed(&store, id, &["ann"], &["ann"]).await;
        ends.push(advance(&store, Some(&fold), id, vec![closed()], at(30)).await);
    }
    let days = |n: i64| at(n * 86_400);
    store.append_system(system(days(5), 1)).await.unwrap();
    let again = IncidentEvent::Reopened { why: nightshift_model::incident::Reopening::Relapse };
    advance(&store, Some(&ends[1]), &late, vec![again], days(6)).await;
    let report = verify(&store, 0, &Held::default()).await.unwrap();
    assert_eq!((report.problems.len(), report.incidents, report.votes.carried_out), (0, 2, 2), "{report:?}");
    // What was put away is still held against its snapshot, and what came back against its whole stream.
    for (id, seq) in [("inc-a", 11), ("inc-c", 25)] {
        let file = folder.path().join("history.db");
        let bend =
            format!("UPDATE incident SET snapshot = replace(snapshot, 'shop', 'shed') WHERE id = '{id}'");
        testing::as_owner(&file, &bend).await;
        let report = verify(&store, 0, &Held::default()).await.unwrap();
        told(&report, seq, &format!("incident {id} is not the fold"));
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_a_warning() {
    let (_folder, store) = history().await;
    store.append_system(system(at(5), 1)).await.unwrap();
    store.append_system(system(at(25), 1)).await.unwrap(); // it waited for its turn
    let report = verify(&store, 0, &Held::default()).await.unwrap();
    assert!(report.problems.is_empty());
    assert_eq!(report.warnings.iter().map(|w| w.seq).collect::<Vec<_>>(), [16]);
}

#[tokio::test]
async fn an_export_proves_itself_and_shows_what_was_done_to_it() {
    let (_folder, store) = history().await;
    let mut file = Vec::new();
    assert_eq!(export(&store, 0, &mut file).await.unwrap(), 16);
    let report = verify_jsonl(file.as_slice(), &Held::default()).unwrap();
    assert_eq!((report.rows, report.problems.len(), report.exit()), (16, 0, Exit::Incomplete));
    assert_eq!(report.tip, verify(&store, 0, &Held::default()).await.unwrap().tip);

    let text = String::from_utf8(file).unwrap();
    let edited = text.replace("person:ann", "person:bob").replace("\\\"ann\\\"", "\\\"bob\\\"");
    assert_ne!(edited, text);
    assert_eq!(verify_jsonl(edited.as_bytes(), &Held::default()).unwrap().exit(), Exit::Tampered);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(5);
    told(&verify_jsonl(lines.join("\n").as_bytes(), &Held::default()).unwrap(), 5, "missing");
    let torn = &text[..text.len() - 40];
    told(&verify_jsonl(torn.as_bytes(), &Held::default()).unwrap(), 15, "a line is no row");
    assert!(verify_jsonl("{}".as_bytes(), &Held::default()).is_err(), "no export at all");

    let mut part = Vec::new();
    assert_eq!(export(&store, 10, &mut part).await.unwrap(), 6);
    let report = verify_jsonl(part.as_slice(), &Held::default()).unwrap();
    assert_eq!((report.problems.len(), report.partial), (0, true));
}

/// A clean look, then more rows; what `change` did in between is held against the first report.
async fn grown(change: &str) -> Report {
    let (folder, store) = history().await;
    let known = verify(&store, 0, &Held::default()).await.unwrap();
    let id = IncidentId::from("inc-b");
    let before = crate::store::Store::load(&store, &id).await.unwrap();
    advance(&store, Some(&before), &id, vec![asked()], at(40)).await;
    store.append_system(system(at(41), 2)).await.unwrap();
    advance(&store, None, &IncidentId::from("inc-c"), vec![opened("till")], at(42)).await;
    store.close().await;
    let mut connection = raw(&folder).await;
    for trigger in ["update", "delete", "replace"] {
        let drop = format!("DROP TRIGGER audit_event_no_{trigger}");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
    if !change.is_empty() {
        sqlx::query(AssertSqlSafe(change.to_owned())).execute(&mut connection).await.unwrap();
    }
    let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadOnly).await.unwrap();
    let on = verify_on(&store, &known).await.unwrap();
    let whole = verify(&store, 0, &Held::default()).await.unwrap();
    if change.is_empty() {
        assert_eq!(on, whole, "going on finds what a whole look finds");
    }
    on
}

#[tokio::test]
async fn going_on_from_a_verified_tip_says_what_a_whole_look_says() {
    let report = grown("").await;
    assert_eq!((report.rows, report.incidents, report.problems.len()), (20, 3, 0));
    let flip = |seq: u64| format!("UPDATE audit_event SET body = CAST('{{}}' AS BLOB) WHERE seq = {seq}");
    told(&grown(&flip(17)).await, 17, "was changed"); // a new row
    told(&grown(&flip(15)).await, 15, "was changed"); // the tip itself
    told(&grown(&flip(14)).await, 14, "was changed"); // an old row of an incident that went on
    told(&grown("DELETE FROM audit_event WHERE seq > 9").await, 15, "no longer there");
    told(&grown("DELETE FROM audit_event WHERE seq = 18").await, 19, "missing");
    let snapshot = "UPDATE incident SET phase = 'Closed' WHERE id = 'inc-b'";
    told(&grown(snapshot).await, 16, "columns");
    told(&grown("DELETE FROM incident WHERE id = 'inc-c'").await, 19, "no snapshot");
}
