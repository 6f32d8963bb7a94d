//! The executor's checkpoints: it signs the history as it grows, and does nothing on a history that is not the one it
//! signed.

pub mod adopt;
mod integrity;
mod pass;
pub mod state;

pub use integrity::{Integrity, SignError, SigningError};

use crate::clock::Clock;
use crate::config::CheckpointKeys;
use crate::store::checkpoint::Stored;
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use nightshift_engine::checkpoint::{Kept, due};
use nightshift_engine::merkle::Tree;
use nightshift_engine::note::{Checkpoint, Note, NoteError, Signed, Signer, origin};
use nightshift_model::effect::Me;
use nightshift_model::{Digest, HistoryEvent, Role, Seconds, SystemEvent, Timestamp};
use pass::pass;
use state::{State, StateError, StateFile};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a checkpoint is due.
const LOOK: Seconds = Seconds(5);
/// How often the whole history is compared with what was signed last.
const COMPARE: Seconds = Seconds(3_600);

/// Hears every note that was signed.
pub type Say = Arc<dyn Fn(&Stored) + Send + Sync>;

/// What an executor signs with, and where it keeps what it signed.
pub struct Signing {
    /// The folder of keys and last note: the executor's own.
    pub folder: PathBuf,
    /// Hears every note.
    pub say: Say,
}

/// The executor's checkpoints.
pub struct Keeper {
    store: SqliteStore,
    clock: Clock,
    me: Me,
    cluster_uid: String,
    file: StateFile,
    say: Say,
    integrity: watch::Sender<Integrity>,
    inner: Mutex<Inner>,
}

/// What changes while it runs.
struct Inner {
    origin: String,
    signers: Vec<Signer>,
    /// Over the rows that were signed.
    tree: Tree,
    /// The hash of the last of them.
    tip: Option<Digest>,
    /// When the last note was signed, or this began.
    since: Timestamp,
    compared: Timestamp,
}

impl Keeper {
    /// Opens keys and last note and compares the whole history with it. `integrity` says how that went.
    ///
    /// # Errors
    /// [`SigningError`]: without keys there is no executor.
    pub async fn open(
        signing: Signing,
        store: SqliteStore,
        clock: Clock,
        me: Me,
        cluster_uid: &str,
        integrity: watch::Sender<Integrity>,
    ) -> Result<Self, SigningError> {
        let now = clock.now();
        let origin = origin(cluster_uid, &store.log_id().await?);
        let signers = signers(&origin, &CheckpointKeys::load(&signing.folder)?)?;
        let inner = Inner { origin, signers, tree: Tree::default(), tip: None, since: now, compared: now };
        let keeper = Self {
            store,
            clock,
            me,
            cluster_uid: cluster_uid.to_owned(),
            file: StateFile::of(&signing.folder),
            say: signing.say,
            integrity,
            inner: Mutex::new(inner),
        };
        keeper.compare(&mut *keeper.inner.lock().await).await;
        Ok(keeper)
    }

    /// Signs and compares until stopped. The last note is signed by [`Keeper::sign_last`], behind the last row.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(LOOK.duration()) => {}
            }
            let mut inner = self.inner.lock().await;
            let open = *self.integrity.borrow() == Integrity::Open;
            if !open || self.clock.now().since(inner.compared) >= COMPARE {
                self.compare(&mut inner).await;
            }
            self.sign_if_due(&mut inner).await;
        }
    }

    /// Whether a write may begin now: the row that was signed last still stands where it stood.
    pub async fn trusts(&self) -> bool {
        if *self.integrity.borrow() != Integrity::Open {
            return false;
        }
        let mut inner = self.inner.lock().await;
        self.stands(&mut inner).await
    }

    /// Signs what no note covers yet, behind the last row of a process that stops.
    pub async fn sign_last(&self) {
        let mut inner = self.inner.lock().await;
        if *self.integrity.borrow() == Integrity::Open {
            self.sign(&mut inner).await;
        }
    }

    async fn sign_if_due(&self, inner: &mut Inner) {
        if *self.integrity.borrow() != Integrity::Open {
            return;
        }
        match self.store.rows().await {
            Ok(rows) if due(inner.tree.size(), rows, inner.since, self.clock.now()) => self.sign(inner).await,
            Ok(rows) if rows < inner.tree.size() => self.compare(inner).await,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "no checkpoint: the history cannot be read"),
        }
    }

    /// One look at the row that was signed last. What is wrong is then found out by a whole comparison.
    async fn stands(&self, inner: &mut Inner) -> bool {
        let (Some(last), Some(tip)) = (inner.tree.size().checked_sub(1), inner.tip) else { return true };
        match self.store.raw_row(last).await {
            Ok(Some(row)) if row.hash == tip => true,
            Ok(_) => {
                self.compare(inner).await;
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the history cannot be read: nothing is executed");
                false
            }
        }
    }

    async fn sign(&self, inner: &mut Inner) {
        if !self.stands(inner).await {
            return;
        }
        if let Err(error) = self.extend_and_sign(inner).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "no checkpoint: the history could not be signed; it is tried again");
        }
    }

    async fn extend_and_sign(&self, inner: &mut Inner) -> Result<(), SignError> {
        let leader = self.store.leader(Role::Executor).await?;
        if leader.is_none_or(|leader| leader.epoch != self.me.epoch) {
            tracing::warn!("no checkpoint: another executor took over");
            return Ok(());
        }
        let rows = self.store.rows().await?;
        let (mut tree, mut tip, mut broken) = (inner.tree.clone(), inner.tip, None);
        self.store
            .links(tree.size(), rows, |link| {
                let follows = tip.is_none_or(|tip| tip == link.prev) && link.seq == tree.size();
                if !follows && broken.is_none() {
                    broken = Some(link.seq);
                }
                tree.row(&link.hash);
                tip = Some(link.hash);
            })
            .await?;
        if let Some(row) = broken {
            self.close(format!("the chain breaks at row {row}, behind what was signed")).await;
            return Ok(());
        }
        let Some(tip) = tip.filter(|_| tree.size() == rows && rows > inner.tree.size()) else {
            return Ok(());
        };
        let at = self.clock.now();
        let checkpoint = Checkpoint { origin: inner.origin.clone(), size: rows, root: tree.root() };
        let note = Note::sign(&checkpoint, &inner.signers.iter().collect::<Vec<_>>()).to_string();
        let kept = Kept { origin: inner.origin.clone(), size: rows, root: checkpoint.root, tip };
        // Before anybody sees the note it is known here: no other tree of this size is ever signed.
        self.file.write(State::signed(kept, &tree, note.clone(), at)).await?;
        (inner.tree, inner.tip, inner.since) = (tree, Some(tip), at);
        let stored = Stored { size: rows, root: checkpoint.root, tip, at, note };
        self.store.keep_checkpoint(&stored, self.me.epoch).await?;
        (self.say)(&stored);
        Ok(())
    }

    /// Holds the whole history against what was signed last. A person's adoption is noticed here too.
    async fn compare(&self, inner: &mut Inner) {
        let before = self.integrity.borrow().clone();
        match self.compared(inner).await {
            Ok(Integrity::Open) => {
                inner.compared = self.clock.now();
                if before != Integrity::Open {
                    self.name_key(inner).await;
                    self.integrity.send_replace(Integrity::Open);
                    tracing::info!(rows = inner.tree.size(), "the history is the one that was signed last");
                }
            }
            Ok(Integrity::Closed { why }) => self.close(why).await,
            Ok(unchecked @ Integrity::Unchecked { .. }) => {
                self.integrity.send_replace(unchecked);
            }
            Err(error) => {
                let why = error.to_string();
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the history could not be compared with its last note: nothing is executed"
                );
                if !matches!(before, Integrity::Closed { .. }) {
                    self.integrity.send_replace(Integrity::Unchecked { why });
                }
            }
        }
    }

    async fn compared(&self, inner: &mut Inner) -> Result<Integrity, SignError> {
        let state = match self.file.read() {
            Ok(state) => state,
            Err(error @ StateError::Damaged { .. }) => {
                return Ok(Integrity::Closed { why: error.to_string() });
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(why) = state.as_ref().and_then(|state| state.closed.clone()) {
            return Ok(Integrity::Closed { why });
        }
        // A store may have been put back, and a person may have changed the keys: both are looked at anew.
        inner.origin = origin(&self.cluster_uid, &self.store.log_id().await?);
        inner.signers = signers(&inner.origin, &CheckpointKeys::load(self.file.folder())?)?;
        let kept = match state.and_then(|state| state.kept) {
            Some(kept) => Some(kept.kept),
            None => self.kept_beside(inner).await?,
        };
        let pass = pass(&self.store, &inner.origin, kept.as_ref()).await?;
        if let Some(doubt) = pass.doubt {
            return Ok(Integrity::Closed { why: doubt.to_string() });
        }
        if let Some(row) = pass.broken {
            let why = format!("the chain breaks at row {row}, behind what was signed");
            return Ok(Integrity::Closed { why });
        }
        inner.tree = pass.signed;
        inner.tip = kept.map(|kept| kept.tip);
        Ok(Integrity::Open)
    }

    /// What was signed last, when the file that says it is gone: a note beside the history under one of our keys.
    async fn kept_beside(&self, inner: &Inner) -> Result<Option<Kept>, SignError> {
        let Some(stored) = self.store.last_checkpoint().await? else { return Ok(None) };
        let note = Note::parse(&stored.note).and_then(|note| note.checkpoint().map(|c| (note, c)));
        let Ok((note, checkpoint)) = note else { return Ok(None) };
        let ours = inner.signers.iter().any(|signer| note.signed_by(signer.vkey()) == Signed::Good);
        if !ours {
            tracing::warn!("the last checkpoint is signed by another key: this one begins anew");
            return Ok(None);
        }
        tracing::warn!(
            size = checkpoint.size,
            "the last note was not kept here: the one beside the history is taken"
        );
        let Checkpoint { origin, size, root } = checkpoint;
        Ok(Some(Kept { origin, size, root, tip: stored.tip }))
    }

    /// Remembers outside the history that it is in doubt, and tells everybody.
    async fn close(&self, why: String) {
        if matches!(&*self.integrity.borrow(), Integrity::Closed { why: told } if *told == why) {
            return;
        }
        tracing::error!(
            why,
            "THE EXECUTOR IS CLOSED: it executes nothing until a person has looked (nightshift audit adopt)"
        );
        self.integrity.send_replace(Integrity::Closed { why: why.clone() });
        if let Err(error) = self.file.close(why.clone()).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(
                error,
                "that the executor is closed could not be kept; it is found again at the next start"
            );
        }
        let told = super::rules::system(&self.store).await.ok().and_then(|system| system.closed);
        if told.as_ref() != Some(&why) {
            self.record(SystemEvent::AuditClosed { why }).await;
        }
    }

    /// A key that was not used before stands in the history.
    async fn name_key(&self, inner: &Inner) {
        let [active, previous @ ..] = inner.signers.as_slice() else { return };
        let vkey = active.vkey().to_string();
        let previous = previous.first().map(|signer| signer.vkey().to_string());
        let known = self.store.system_events(&["checkpoint-key"]).await;
        let known = known.ok().and_then(|rows| rows.into_iter().next_back()).map(|row| row.event);
        let event = SystemEvent::CheckpointKey { vkey: vkey.clone(), previous };
        if known != Some(HistoryEvent::System(event.clone())) {
            tracing::info!(vkey, "checkpoints are signed with this key: keep its public half elsewhere");
            self.record(event).await;
        }
    }

    async fn record(&self, event: SystemEvent) {
        let append = SystemAppend::by(&self.me, self.clock.now(), event);
        if let Err(error) = self.store.append_system(append).await {
            tracing::warn!(%error, "the executor's own row could not be written");
        }
    }
}

fn signers(origin: &str, keys: &CheckpointKeys) -> Result<Vec<Signer>, NoteError> {
    [Some(&keys.active), keys.previous.as_ref()]
        .into_iter()
        .flatten()
        .map(|seed| Signer::new(origin, seed.bytes()))
        .collect()
}

#[cfg(test)]
mod tests;
