use super::*;
use crate::store::testing::{at, store, system};
use crate::store::{HistoryStore as _, SqliteStore, StoreError};
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// A closed store with some rows.
async fn closed() -> (tempfile::TempDir, PathBuf) {
    let (folder, store) = store().await;
    store.append_system(system(at(0), 300)).await.unwrap();
    store.close().await;
    let path = folder.path().join("history.db");
    (folder, path)
}

#[tokio::test]
async fn a_new_file_is_ours_alone_durable_and_at_the_newest_schema() {
    let (folder, store) = store().await;
    store.append_system(system(at(0), 1)).await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
    let mut connection = raw(&folder.path().join("history.db")).await;
    assert_eq!(schema_of(&mut connection).await.unwrap(), schema::latest(), "a migration forgot meta.schema");
}

#[tokio::test]
async fn opening_again_keeps_the_history_and_its_name() {
    let (_folder, path) = closed().await;
    let store = SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap();
    assert_eq!(store.rows().await.unwrap(), 300);
    store.append_system(system(at(1), 1)).await.unwrap();
    let report = crate::store::audit::verify(&store, 0, &crate::store::audit::Held::default()).await.unwrap();
    assert_eq!((report.rows, report.problems), (301, vec![]));
}

#[tokio::test]
async fn rights_that_are_too_wide_are_taken_back() {
    let (_folder, path) = closed().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_read_only_file_is_said_to_be_read_only_and_can_be_looked_at() {
    let (_folder, path) = closed().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let error = SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    let store = SqliteStore::open(&path, OpenMode::ReadOnly).await.unwrap();
    assert_eq!(store.rows().await.unwrap(), 300);
    let refused = store.append_system(system(at(1), 1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made_for_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let error = SqliteStore::open(&path, OpenMode::ReadOnly).await.unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error}");
    assert!(!path.exists());
    let error =
        SqliteStore::open(folder.path().join("no/history.db"), OpenMode::ReadWrite).await.unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_sentence() {
    let (_folder, path) = closed().await;
    sqlx::query("UPDATE meta SET value = '99' WHERE key = 'schema'")
        .execute(&mut raw(&path).await)
        .await
        .unwrap();
    for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly] {
        let error = SqliteStore::open(&path, mode).await.unwrap_err();
        assert!(error.to_string().starts_with("the store has schema 99, this program knows"), "{error}");
    }
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_but_not_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    own(&path).unwrap();
    let mut connection = writer(&path).await.unwrap();
    schema::sqlite().run_to(1, &mut connection).await.unwrap();
    let error = SqliteStore::open(&path, OpenMode::ReadOnly).await.unwrap_err();
    assert!(matches!(error, OpenError::Older { found: 1, .. }), "{error}");
    SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap();
    SqliteStore::open(&path, OpenMode::ReadOnly).await.unwrap();
}

#[tokio::test]
async fn less_than_full_synchronous_is_refused() {
    let (_folder, path) = closed().await;
    let mut connection = raw(&path).await;
    sqlx::query("PRAGMA synchronous = NORMAL").execute(&mut connection).await.unwrap();
    let error = durable(&mut connection).await.unwrap().unwrap_err();
    assert!(matches!(&error, OpenError::NotDurable { synchronous: 1, .. }), "{error}");
}

#[tokio::test]
async fn damage_is_found_at_start() {
    let (_folder, path) = closed().await;
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(std::io::SeekFrom::Start(8 * 4096)).unwrap();
    file.write_all(&[0x5a; 3 * 4096]).unwrap();
    let error = SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");

    std::fs::write(&path, [b'x'; 8192]).unwrap();
    let error = SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_kind_that_is_not_known_stops_the_start() {
    let (_folder, path) = closed().await;
    let mut connection = raw(&path).await;
    sqlx::query(
        "INSERT INTO audit_event (seq, ts_utc, kind, actor, stream, revision, body, prev_hash, hash) VALUES (300, \
         '2027-01-15T08:00:00.000000Z', 'teleported', 'operator', 'system', 301, \
         CAST('{\"actor\":\"operator\",\"epoch\":null,\"event\":{\"system\":{\"kind\":\"teleported\"}},\"revision\":301,\"stream\":\"system\"}' AS BLOB), \
         zeroblob(32), zeroblob(32))",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let error = SqliteStore::open(&path, OpenMode::ReadWrite).await.unwrap_err();
    assert!(error.to_string().contains("row 300: unknown variant `teleported`"), "{error}");
}

#[tokio::test]
async fn the_history_refuses_to_be_changed() {
    let (_folder, path) = closed().await;
    let mut connection = raw(&path).await;
    for change in [
        "UPDATE audit_event SET kind = 'x' WHERE seq = 1",
        "DELETE FROM audit_event WHERE seq = 1",
        "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE seq = 1",
    ] {
        let error = sqlx::query(change).execute(&mut connection).await.unwrap_err();
        assert!(error.to_string().contains("only ever added to"), "{change}: {error}");
    }
}
