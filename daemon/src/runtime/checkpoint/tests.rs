use super::adopt::{AdoptError, Adopted, adopt};
use super::state::KeptTree;
use super::*;
use crate::store::OpenMode;
use crate::store::audit::{self, Held};
use nightshift_engine::note::Vkey;
use nightshift_engine::rules::KillSwitch;
use nightshift_model::{Actor, Epoch, Seconds};
use std::path::Path;
use std::sync::Mutex as Shared;

/// A history, the executor's folder, and what the executor said.
struct Place {
    folder: tempfile::TempDir,
    said: Arc<Shared<Vec<Stored>>>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), said: Arc::default() }
    }

    fn db(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("executor-keys")
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.db(), OpenMode::ReadWrite).await.unwrap()
    }

    /// What a restart of the executor does.
    async fn executor(&self, store: &SqliteStore, clock: Clock) -> (Keeper, watch::Receiver<Integrity>) {
        let epoch = store.take(Role::Executor, "test", Epoch(0)).await.unwrap();
        let me = Me { role: Role::Executor, epoch, actor: Actor::Nightshift(Role::Executor) };
        let (trust, integrity) = watch::channel(Integrity::Unchecked { why: "test".to_owned() });
        let said = Arc::clone(&self.said);
        let say: Say = Arc::new(move |stored| said.lock().unwrap().push(stored.clone()));
        let signing = Signing { folder: self.keys(), say };
        (Keeper::open(signing, store.clone(), clock, me, "c1", trust).await.unwrap(), integrity)
    }

    fn sizes(&self) -> Vec<u64> {
        self.said.lock().unwrap().iter().map(|stored| stored.size).collect()
    }

    fn note(&self, at: usize) -> Note {
        Note::parse(&self.said.lock().unwrap()[at].note).unwrap()
    }

    /// A copy of the history as it is now.
    async fn backup(&self, name: &str) {
        let store = self.store().await;
        store.close().await; // its log is written back into the file
        std::fs::copy(self.db(), self.folder.path().join(name)).unwrap();
    }

    fn restore(&self, name: &str) {
        for more in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(format!("history.db{more}")));
        }
        std::fs::copy(self.folder.path().join(name), self.db()).unwrap();
    }
}

fn clock() -> Clock {
    Clock::scaled("2026-03-01T02:00:00Z".parse().unwrap(), 1)
}

async fn grow(store: &SqliteStore, rows: u32) {
    let event = |count| SystemEvent::AnonymousRefused { reason: "test".to_owned(), count };
    let append = SystemAppend {
        fence: None,
        actor: Actor::Operator,
        at: "2026-03-01T02:00:00Z".parse().unwrap(),
        events: (0..rows).map(event).collect(),
        outbox: Vec::new(),
    };
    store.append_system(append).await.unwrap();
}

async fn sign_if_due(keeper: &Keeper) {
    let mut inner = keeper.inner.lock().await;
    keeper.sign_if_due(&mut inner).await;
}

async fn compare(keeper: &Keeper) {
    let mut inner = keeper.inner.lock().await;
    keeper.compare(&mut inner).await;
}

fn closed(integrity: &watch::Receiver<Integrity>) -> String {
    match &*integrity.borrow() {
        Integrity::Closed { why } => why.clone(),
        open @ (Integrity::Open | Integrity::Unchecked { .. }) => panic!("{open:?}"),
    }
}

async fn verified(place: &Place, store: &SqliteStore, vkeys: &[&Vkey], notes: &[usize]) -> audit::Report {
    let notes = notes.iter().map(|at| (format!("note-{at}"), place.note(*at))).collect();
    let vkeys = vkeys.iter().map(|key| (*key).clone()).collect();
    audit::verify(store, 0, &Held { vkeys, notes, recount: None }).await.unwrap()
}

async fn vkey(keeper: &Keeper) -> Vkey {
    keeper.inner.lock().await.signers[0].vkey().clone()
}

#[tokio::test]
async fn it_signs_by_rows_by_time_and_at_the_end_and_names_its_key() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, integrity) = place.executor(&store, clock).await;
    assert_eq!(*integrity.borrow(), Integrity::Open);
    let named = store.system_events(&["checkpoint-key"]).await.unwrap();
    let key = vkey(&keeper).await;
    let event = SystemEvent::CheckpointKey { vkey: key.to_string(), previous: None };
    assert_eq!(named.iter().map(|row| row.event.clone()).collect::<Vec<_>>(), [HistoryEvent::System(event)]);
    sign_if_due(&keeper).await;
    grow(&store, 98).await;
    sign_if_due(&keeper).await;
    assert_eq!(place.sizes(), [0; 0], "99 rows, and no time has passed");
    grow(&store, 1).await;
    sign_if_due(&keeper).await;
    assert_eq!(place.sizes(), [100]);
    grow(&store, 1).await;
    sign_if_due(&keeper).await;
    assert_eq!(place.sizes(), [100]);
    clock.jump(clock.now() + Seconds(301));
    sign_if_due(&keeper).await;
    sign_if_due(&keeper).await;
    assert_eq!(place.sizes(), [100, 101], "once, and not again for nothing");
    grow(&store, 1).await;
    keeper.sign_last().await;
    keeper.sign_last().await;
    assert_eq!(place.sizes(), [100, 101, 102]);
    assert!(keeper.trusts().await);

    // What it said is what an outsider with the key alone can use, and a restart goes on where it stood.
    let (again, integrity) = place.executor(&store, clock).await;
    assert_eq!(*integrity.borrow(), Integrity::Open);
    grow(&store, 100).await;
    sign_if_due(&again).await;
    assert_eq!(place.sizes().last(), Some(&202));
    assert_eq!(store.system_events(&["checkpoint-key"]).await.unwrap().len(), 1, "the key is named once");
    let report = verified(&place, &store, &[&key], &[0, 1, 2, 3]).await;
    assert_eq!(
        (report.exit(), report.checkpoints.external),
        (audit::Exit::Whole, 4),
        "{:?}",
        report.problems
    );
    // The epoch of the first is over: it signs no more.
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    assert_eq!(place.sizes().len(), 4);
}

#[tokio::test]
async fn a_rotated_key_signs_beside_the_new_one_until_it_is_taken_away() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, _) = place.executor(&store, clock).await;
    let old = vkey(&keeper).await;
    keeper.sign_last().await;
    let file = |name: &str| place.keys().join(name);
    std::fs::rename(file("checkpoint.key"), file("checkpoint.previous.key")).unwrap();
    let (keeper, integrity) = place.executor(&store, clock).await;
    let new = vkey(&keeper).await;
    assert_eq!(*integrity.borrow(), Integrity::Open);
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    let note = place.note(1);
    assert_eq!([note.signed_by(&old), note.signed_by(&new)], [Signed::Good, Signed::Good]);
    let named = store.system_events(&["checkpoint-key"]).await.unwrap();
    let event = SystemEvent::CheckpointKey { vkey: new.to_string(), previous: Some(old.to_string()) };
    assert_eq!(named[1].event, HistoryEvent::System(event));
    assert_eq!(verified(&place, &store, &[&old], &[1]).await.exit(), audit::Exit::Whole);
    std::fs::remove_file(file("checkpoint.previous.key")).unwrap();
    let (keeper, _) = place.executor(&store, clock).await;
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    assert_eq!(
        [place.note(2).signed_by(&old), place.note(2).signed_by(&new)],
        [Signed::Absent, Signed::Good]
    );
    assert_eq!(verified(&place, &store, &[&old, &new], &[2]).await.exit(), audit::Exit::Whole);
}

#[tokio::test]
async fn a_restored_older_backup_closes_the_executor_until_a_person_adopts_it() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, _) = place.executor(&store, clock).await;
    let old = vkey(&keeper).await;
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    store.close().await;
    place.backup("monday").await;
    let store = place.store().await;
    let (keeper, _) = place.executor(&store, clock).await;
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    assert_eq!(place.sizes(), [101, 201]);
    store.close().await;
    place.restore("monday");

    let store = place.store().await;
    let (keeper, integrity) = place.executor(&store, clock).await;
    assert_eq!(closed(&integrity), "the history shrank: it has 101 rows, 201 were signed");
    assert!(!keeper.trusts().await);
    grow(&store, 200).await;
    keeper.sign_last().await;
    assert_eq!(place.sizes(), [101, 201], "a tree that does not extend the last note is never signed");
    let system = super::super::rules::system(&store).await.unwrap();
    assert!(matches!(system.held(), KillSwitch::Set { reason } if reason.contains("the history shrank")));

    // Growing past what was signed, a restart, or the next hour do not open it.
    let (keeper, integrity) = place.executor(&store, clock).await;
    assert!(closed(&integrity).contains("the history shrank"));
    compare(&keeper).await;
    assert!(closed(&integrity).contains("the history shrank"));
    assert_eq!(store.system_events(&["audit-closed"]).await.unwrap().len(), 1, "told once");

    assert!(matches!(adopt(&store, &clock, &place.keys(), " ").await, Err(AdoptError::NoReason)));
    let adopted = adopt(&store, &clock, &place.keys(), "restored Monday's backup").await.unwrap();
    assert!(matches!(&adopted, Adopted::Other { why, rows: 303 } if why.contains("forked")), "{adopted:?}");
    compare(&keeper).await;
    assert_eq!(*integrity.borrow(), Integrity::Open, "a running executor opens by itself");
    assert!(keeper.trusts().await);
    let system = super::super::rules::system(&store).await.unwrap();
    assert_eq!(
        (system.held(), system.cleared_at.is_some()),
        (KillSwitch::Clear, true),
        "open votes are void"
    );
    let rows = store.system_events(&["audit-adopted"]).await.unwrap();
    let HistoryEvent::System(SystemEvent::AuditAdopted { signed, because, .. }) = &rows[0].event else {
        panic!()
    };
    assert!(signed.starts_with("201 rows, root ") && because == "restored Monday's backup");
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    let new = vkey(&keeper).await;
    assert_ne!(old, new, "one key signs one history");
    assert_eq!(place.note(2).signed_by(&old), Signed::Absent);
    assert_eq!(verified(&place, &store, &[&old, &new], &[0, 2]).await.exit(), audit::Exit::Whole);
    let report = verified(&place, &store, &[&old, &new], &[1]).await;
    assert_eq!(report.exit(), audit::Exit::Tampered, "what was signed and is gone stays visible");
}

#[tokio::test]
async fn a_history_that_was_written_anew_closes_the_executor_within_one_look() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, integrity) = place.executor(&store, clock).await;
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    store.close().await;
    // Another history of the same name and length: the chain alone holds.
    let other = Place::new();
    let forged = other.store().await;
    let log_id = SqliteStore::open(place.db(), OpenMode::ReadOnly).await.unwrap().log_id().await.unwrap();
    forged.close().await;
    rename(&other.db(), &log_id).await;
    let forged = other.store().await;
    grow(&forged, 101).await;
    forged.close().await;
    place.restore_from(&other);
    let store = place.store().await;
    let report = audit::verify(&store, 0, &Held::default()).await.unwrap();
    assert_eq!(report.problems, vec![], "nothing in the file itself shows it");
    let (again, after) = place.executor(&store, clock).await;
    assert!(closed(&after).starts_with("the history forked: its first 101 rows"), "{}", closed(&after));
    assert!(!again.trusts().await);
    drop((keeper, integrity));
}

#[tokio::test]
async fn a_running_executor_looks_before_each_write() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, integrity) = place.executor(&store, clock).await;
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    assert!(keeper.trusts().await);
    tamper(&place.db(), "DELETE FROM audit_event WHERE seq >= 50").await;
    assert!(!keeper.trusts().await);
    assert!(closed(&integrity).contains("the history shrank: it has 50 rows, 101 were signed"));
}

#[tokio::test]
async fn rows_that_do_not_follow_what_was_signed_are_not_signed() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, integrity) = place.executor(&store, clock).await;
    grow(&store, 100).await;
    sign_if_due(&keeper).await;
    grow(&store, 100).await;
    tamper(&place.db(), "DELETE FROM audit_event WHERE seq = 150").await;
    sign_if_due(&keeper).await;
    assert_eq!(closed(&integrity), "the chain breaks at row 151, behind what was signed");
    assert_eq!(place.sizes(), [101]);
}

#[tokio::test]
async fn the_responder_and_an_observer_never_open_the_folder() {
    use crate::runtime::Parts;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.yaml"), "{}").unwrap();
    let rest = "actions: { namespaces: [shop] }\nregistry: r.yaml\nstore: { path: history.db }\naudit: { keys_dir: mine }\n";
    let responder = Parts { responder: true, executor: false };
    for (mode, parts, signs) in [
        ("approve", Parts::ALL, true),
        ("approve", responder, false),
        ("observe", Parts::ALL, false),
        ("observe", responder, false),
    ] {
        let text = format!("mode: {mode}\n{rest}");
        let config = crate::config::Config::parse(&folder.path().join("n.yaml"), &text).unwrap();
        let setup = crate::runtime::run::setup(&config, parts).await.unwrap();
        let folders: Vec<PathBuf> = setup.signing.iter().map(|signing| signing.folder.clone()).collect();
        let expected = if signs { vec![folder.path().join("mine")] } else { Vec::new() };
        assert_eq!(folders, expected, "{mode} {parts:?}");
        setup.store.close().await;
    }
    assert!(!folder.path().join("mine").exists(), "a setup alone makes no key");
}

#[tokio::test]
async fn another_history_altogether_closes_the_executor() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, _) = place.executor(&store, clock).await;
    keeper.sign_last().await;
    store.close().await;
    std::fs::remove_file(place.db()).unwrap();
    let store = place.store().await;
    let (_, integrity) = place.executor(&store, clock).await;
    assert!(closed(&integrity).starts_with("it is another history"));
    let adopted = adopt(&store, &clock, &place.keys(), "we began anew").await.unwrap();
    assert!(matches!(adopted, Adopted::Other { .. }));
    let (_, integrity) = place.executor(&store, clock).await;
    assert_eq!(*integrity.borrow(), Integrity::Open);
}

#[tokio::test]
async fn a_last_note_that_is_damaged_closes_and_one_that_is_gone_is_taken_from_beside_the_history() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    assert!(matches!(adopt(&store, &clock, &place.keys(), "why").await, Err(AdoptError::NeverSigned(_))));
    let (keeper, _) = place.executor(&store, clock).await;
    keeper.sign_last().await;
    assert_eq!(adopt(&store, &clock, &place.keys(), "why").await.unwrap(), Adopted::Nothing);
    let file = place.keys().join("last-note.json");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let (keeper, integrity) = place.executor(&store, clock).await;
    assert_eq!((integrity.borrow().clone(), keeper.inner.lock().await.tree.size()), (Integrity::Open, 1));
    tamper(&place.db(), "DELETE FROM audit_event").await;
    let (_, integrity) = place.executor(&store, clock).await;
    assert!(closed(&integrity).contains("the history shrank"), "the note beside it knows");
    let mut state: State = serde_json::from_str(&good).unwrap();
    if let Some(KeptTree { kept, .. }) = &mut state.kept {
        kept.size = 0;
    }
    for bad in [good[..20].to_owned(), serde_json::to_string(&state).unwrap()] {
        std::fs::write(&file, bad).unwrap();
        let (_, integrity) = place.executor(&store, clock).await;
        assert!(closed(&integrity).contains("is damaged"), "{}", closed(&integrity));
    }
    assert!(matches!(adopt(&store, &clock, &place.keys(), "why").await.unwrap(), Adopted::Other { .. }));
    let (_, integrity) = place.executor(&store, clock).await;
    assert_eq!(*integrity.borrow(), Integrity::Open);
}

#[tokio::test]
async fn a_doubt_that_is_over_is_adopted_under_the_same_key() {
    let (place, clock) = (Place::new(), clock());
    let store = place.store().await;
    let (keeper, _) = place.executor(&store, clock).await;
    let key = vkey(&keeper).await;
    keeper.sign_last().await;
    keeper.file.close("a look at the wrong file".to_owned()).await.unwrap();
    let (keeper, integrity) = place.executor(&store, clock).await;
    assert_eq!(closed(&integrity), "a look at the wrong file");
    let adopted = adopt(&store, &clock, &place.keys(), "the right file is back").await.unwrap();
    assert!(matches!(adopted, Adopted::Same { .. }), "{adopted:?}");
    compare(&keeper).await;
    assert_eq!((integrity.borrow().clone(), vkey(&keeper).await), (Integrity::Open, key));
}

impl Place {
    fn restore_from(&self, other: &Self) {
        for more in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(format!("history.db{more}")));
        }
        std::fs::copy(other.db(), self.db()).unwrap();
    }
}

async fn rename(db: &Path, log_id: &str) {
    tamper(db, &format!("UPDATE meta SET value = '{log_id}' WHERE key = 'log_id'")).await;
}

/// What only somebody with the rights to the file can do.
async fn tamper(db: &Path, change: &str) {
    crate::store::testing::as_owner(db, change).await;
}
