use crate::store::audit::{Exit, Held, Report, export, prove, verify, verify_jsonl, verify_on};
use crate::store::checkpoint::{Keeping, Stored};
use crate::store::testing::{as_owner, at, executed, store, system};
use crate::store::{HistoryStore as _, OpenMode, SqliteStore};
use nightshift_engine::merkle::Tree;
use nightshift_engine::note::{Checkpoint, Note, Signer, origin};
use nightshift_model::{Digest, Epoch, IncidentId, Role};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};

/// A history of 40 rows, whose executor signed rows 11, 20 and 30.
struct Signed {
    folder: tempfile::TempDir,
    store: SqliteStore,
    signer: Signer,
    notes: Vec<String>,
}

async fn sign(store: &SqliteStore, signers: &[&Signer]) -> String {
    let (mut tree, mut tip) = (Tree::default(), Digest([0; 32]));
    let rows = store.rows().await.unwrap();
    let hear = |link: &crate::store::checkpoint::Link| {
        tree.row(&link.hash);
        tip = link.hash;
    };
    store.links(0, rows, hear).await.unwrap();
    let origin = origin("c1", &store.log_id().await.unwrap());
    let note = Note::sign(&Checkpoint { origin, size: rows, root: tree.root() }, signers).to_string();
    let stored = Stored { size: rows, root: tree.root(), tip, at: at(100), note: note.clone() };
    assert_eq!(store.keep_checkpoint(&stored, Epoch(1)).await.unwrap(), Keeping::Kept);
    note
}

async fn signed() -> Signed {
    let (folder, store) = store().await;
    store.take(Role::Executor, "test", Epoch(0)).await.unwrap();
    let signer = Signer::new(&origin("c1", &store.log_id().await.unwrap()), &[7; 32]).unwrap();
    let mut notes = Vec::new();
    executed(&store, &IncidentId::from("inc-a"), &["ann"], &["ann"]).await;
    for more in [9, 10, 10] {
        notes.push(sign(&store, &[&signer]).await);
        store.append_system(system(at(30), more)).await.unwrap();
    }
    Signed { folder, store, signer, notes }
}

impl Signed {
    fn held(&self, notes: &[usize]) -> Held {
        let note = |at: &usize| (format!("note-{at}"), Note::parse(&self.notes[*at]).unwrap());
        Held {
            vkeys: vec![self.signer.vkey().clone()],
            notes: notes.iter().map(note).collect(),
            recount: None,
        }
    }

    async fn raw(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.folder.path().join("history.db")).connect().await.unwrap()
    }

    /// Does to the file what only somebody with its rights can.
    async fn tamper(&self, change: &str) {
        as_owner(&self.folder.path().join("history.db"), change).await;
    }

    async fn report(&self, held: &Held) -> Report {
        let store =
            SqliteStore::open(self.folder.path().join("history.db"), OpenMode::ReadOnly).await.unwrap();
        verify(&store, 0, held).await.unwrap()
    }

    /// Gives every row from 12 on another body and all hashes and links anew, as whoever owns the file can.
    async fn rehash(&self) {
        self.tamper("UPDATE audit_event SET ts_utc = '2027-01-15T08:00:59.000000Z' WHERE seq = 12").await;
        let mut raw = self.raw().await;
        let mut rows = Vec::new();
        for seq in 0..40 {
            rows.push(self.store.raw_row(seq).await.unwrap().unwrap());
        }
        let mut prev = rows[0].prev;
        for row in &mut rows {
            row.prev = prev;
            row.hash = row.expected_hash();
            prev = row.hash;
            sqlx::query("UPDATE audit_event SET prev_hash = ?, hash = ? WHERE seq = ?")
                .bind(row.prev.0.as_slice())
                .bind(row.hash.0.as_slice())
                .bind(i64::try_from(row.seq).unwrap())
                .execute(&mut raw)
                .await
                .unwrap();
        }
    }
}

fn told(report: &Report, what: &str) {
    let found = report.problems.iter().any(|p| p.what.contains(what));
    assert!(found, "no `{what}` in {:#?}", report.problems);
    assert_eq!(report.exit(), Exit::Tampered);
}

#[tokio::test]
async fn an_honest_history_is_whole_with_a_key_and_a_note_from_elsewhere() {
    let signed = signed().await;
    let report = signed.report(&signed.held(&[1])).await;
    assert_eq!((report.exit(), &report.problems, &report.missing), (Exit::Whole, &vec![], &vec![]));
    let notes = &report.checkpoints;
    assert_eq!((notes.stored, notes.signed, notes.external, notes.tail), (3, 3, 1, 10));
    let last = notes.last.as_ref().unwrap();
    assert_eq!((last.size, &last.keys), (30, &vec![signed.signer.vkey().id().to_string()]));
    assert_eq!(notes.tail_since, Some(at(30)));
    assert_eq!((report.votes.carried_out, report.votes.attested, report.votes.recounted), (1, 1, 0));

    let keyless = signed.report(&Held::default()).await;
    assert_eq!(
        (keyless.exit(), keyless.checkpoints.stored, keyless.checkpoints.signed),
        (Exit::Incomplete, 3, 0)
    );
    assert!(keyless.missing[0].contains("no key was given"), "{:?}", keyless.missing);
    let alone = signed.report(&signed.held(&[])).await;
    assert_eq!((alone.exit(), alone.chain_only), (Exit::Incomplete, true));

    // From a later row on the roots come out all the same.
    let late = verify(&signed.store, 15, &signed.held(&[0, 2])).await.unwrap();
    assert_eq!((late.problems.len(), late.checkpoints.stored, late.checkpoints.external), (0, 3, 2));
    assert_eq!((late.exit(), late.rows), (Exit::Incomplete, 25), "folds were not looked at");
}

#[tokio::test]
async fn what_was_added_is_held_against_its_checkpoints_too() {
    let signed = signed().await;
    let known = verify(&signed.store, 0, &Held::default()).await.unwrap();
    for more in [600, 1] {
        signed.store.append_system(system(at(40), more)).await.unwrap();
        sign(&signed.store, &[&signed.signer]).await;
    }
    signed.store.append_system(system(at(50), 2)).await.unwrap();
    let on = verify_on(&signed.store, &known).await.unwrap();
    let whole = verify(&signed.store, 0, &Held::default()).await.unwrap();
    assert_eq!((&on.checkpoints, &on.tree, on.votes.clone()), (&whole.checkpoints, &whole.tree, whole.votes));
    assert_eq!((on.checkpoints.stored, on.checkpoints.tail, on.problems.len()), (5, 2, 0));
    assert_eq!(on.checkpoints.tail_since, Some(at(50)));
    signed.tamper("UPDATE audit_checkpoint SET tip_hash = zeroblob(32) WHERE size = 641").await;
    told(
        &verify_on(&signed.store, &known).await.unwrap(),
        "the first 641 rows are not those of their checkpoint",
    );
}

#[tokio::test]
async fn an_export_carries_its_checkpoints() {
    let signed = signed().await;
    let mut file = Vec::new();
    assert_eq!(export(&signed.store, 0, &mut file).await.unwrap(), 40);
    let report = verify_jsonl(file.as_slice(), &signed.held(&[2])).unwrap();
    assert_eq!((report.exit(), report.checkpoints.stored, report.checkpoints.external), (Exit::Whole, 3, 1));
    let text = String::from_utf8(file).unwrap();
    let short: Vec<&str> = text.lines().filter(|line| !line.contains("\"seq\":39")).collect();
    assert_eq!(verify_jsonl(short.join("\n").as_bytes(), &signed.held(&[2])).unwrap().exit(), Exit::Whole);
    let short: Vec<&str> = text.lines().take(24).collect();
    told(
        &verify_jsonl(short.join("\n").as_bytes(), &signed.held(&[2])).unwrap(),
        "the note note-2 covers 30",
    );
    let mut part = Vec::new();
    export(&signed.store, 15, &mut part).await.unwrap();
    let report = verify_jsonl(part.as_slice(), &signed.held(&[2])).unwrap();
    assert_eq!((report.exit(), report.problems.len()), (Exit::Incomplete, 0), "a part has no roots");
}

#[tokio::test]
async fn a_cut_tail_is_found_by_the_notes_beside_it_and_by_those_from_elsewhere() {
    let signed = signed().await;
    signed.tamper("DELETE FROM audit_event WHERE seq >= 25").await;
    told(&signed.report(&Held::default()).await, "there are 25 rows, a checkpoint beside them covers 30");
    signed.tamper("DELETE FROM audit_checkpoint WHERE size > 25").await;
    assert_eq!(signed.report(&signed.held(&[1])).await.exit(), Exit::Whole, "an old note cannot know");
    told(&signed.report(&signed.held(&[2])).await, "there are 25 rows, the note note-2 covers 30");
}

#[tokio::test]
async fn a_whole_history_that_was_hashed_anew_is_found() {
    let signed = signed().await;
    signed.rehash().await;
    let report = signed.report(&signed.held(&[])).await;
    told(&report, "the first 20 rows are not those of their checkpoint");
    assert!(
        report.problems.iter().all(|p| !p.what.contains("follow")),
        "the chain alone is fine: {report:?}"
    );
    // Whoever can write the rows can also take the notes away: only a note from elsewhere knows.
    signed.tamper("DELETE FROM audit_checkpoint").await;
    assert_eq!(signed.report(&Held::default()).await.exit(), Exit::Incomplete);
    assert_eq!(
        signed.report(&signed.held(&[0])).await.exit(),
        Exit::Whole,
        "row 11 was signed before the edit"
    );
    told(&signed.report(&signed.held(&[1])).await, "the first 20 rows are not those of the note note-1");
}

#[tokio::test]
async fn a_forged_note_is_found() {
    let signed = signed().await;
    signed.rehash().await;
    // The attacker signs the new roots: under an own key with the right name, or with bytes that only look so.
    let mallory = Signer::new(&signed.signer.vkey().name, &[8; 32]).unwrap();
    signed.tamper("DELETE FROM audit_checkpoint").await;
    sign(&signed.store, &[&mallory]).await;
    let report = signed.report(&signed.held(&[])).await;
    assert_eq!((report.exit(), report.checkpoints.signed), (Exit::Incomplete, 0));
    assert!(report.missing[0].contains(&mallory.vkey().id().to_string()), "{:?}", report.missing);
    let good = Note::parse(&signed.notes[2]).unwrap();
    let mut raw = signed.raw().await;
    let bent: String =
        sqlx::query("SELECT note FROM audit_checkpoint").fetch_one(&mut raw).await.unwrap().get(0);
    let bent = Note { signatures: good.signatures, ..Note::parse(&bent).unwrap() };
    let sql = "UPDATE audit_checkpoint SET note = ?";
    sqlx::query(sql).bind(bent.to_string()).execute(&mut raw).await.unwrap();
    told(&signed.report(&signed.held(&[])).await, "does not carry the signature of key");
    for (note, what) in [("nothing", "is no note"), ("a\nb\n\n— a AAAAAAAA\n", "is no checkpoint")] {
        sqlx::query(sql).bind(note).execute(&mut raw).await.unwrap();
        told(&signed.report(&Held::default()).await, what);
    }
}

#[tokio::test]
async fn a_replayed_note_is_found() {
    let signed = signed().await;
    let old = signed.notes[0].clone();
    signed.tamper(&format!("UPDATE audit_checkpoint SET note = '{old}' WHERE size = 30")).await;
    told(
        &signed.report(&signed.held(&[])).await,
        "the checkpoint of 30 rows has columns that say something else",
    );
    // A note of another installation says nothing about this one.
    let other = self::signed().await;
    let foreign = Held { notes: other.held(&[0]).notes, ..signed.held(&[]) };
    told(&signed.report(&foreign).await, "is of another history");
    let mine = signed.store.last_checkpoint().await.unwrap().unwrap();
    assert_eq!(other.store.keep_checkpoint(&mine, Epoch(9)).await.unwrap(), Keeping::Fenced);
}

#[tokio::test]
async fn both_keys_of_a_rotation_verify() {
    let signed = signed().await;
    let fresh = Signer::new(&signed.signer.vkey().name, &[9; 32]).unwrap();
    sign(&signed.store, &[&fresh, &signed.signer]).await;
    let old = signed.report(&signed.held(&[0])).await;
    assert_eq!(
        (old.exit(), old.checkpoints.signed),
        (Exit::Whole, 4),
        "the old key signs beside the new one"
    );
    let last = old.checkpoints.last.unwrap();
    assert_eq!(last.keys, [fresh.vkey().id().to_string(), signed.signer.vkey().id().to_string()]);
    let new = Held { vkeys: vec![fresh.vkey().clone()], ..Held::default() };
    let report = signed.report(&new).await;
    assert_eq!((report.exit(), report.checkpoints.signed), (Exit::Incomplete, 1));
    assert!(report.missing[0].contains("other keys were given"), "{:?}", report.missing);
}

#[tokio::test]
async fn a_row_is_proven_to_whoever_has_the_key_alone() {
    let signed = signed().await;
    let keys = [signed.signer.vkey().clone()];
    for seq in [0, 10, 11, 29] {
        let document = prove(&signed.store, seq, None).await.unwrap();
        let text = serde_json::to_string(&document).unwrap();
        let read: crate::store::audit::ProofDocument = serde_json::from_str(&text).unwrap();
        let checkpoint = crate::store::audit::check_proof(&read, &keys).unwrap();
        assert!(checkpoint.size > seq, "{seq} in {}", checkpoint.size);
    }
    let earlier = Note::parse(&signed.notes[0]).unwrap();
    let grown = prove(&signed.store, 3, Some(&earlier)).await.unwrap();
    assert!(grown.extends.is_some());
    crate::store::audit::check_proof(&grown, &keys).unwrap();
    let store = &signed.store;
    let refused = |seq| async move { prove(store, seq, None).await.unwrap_err().to_string() };
    assert_eq!(refused(40).await, "there is no row 40");
    assert_eq!(refused(30).await, "no checkpoint covers row 30 yet");
}
