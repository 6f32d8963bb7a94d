//! Whether the executor's credential may do more than it needs, asked of the API server at start and every minute.

use super::Board;
use crate::clock::Clock;
use crate::cluster::Reader;
use crate::cluster::review::{self, Identity, Verdict};
use crate::store::{Filter, HistoryStore as _, SqliteStore};
use nightshift_engine::closed::Look;
use nightshift_engine::excess::{Credential, judge, questions};
use nightshift_engine::rules::Mode;
use nightshift_model::{ActionKind, ClosedBy, Seconds};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is asked.
const EVERY: Seconds = Seconds(60);
/// How often while something was not answered.
const AGAIN: Seconds = Seconds(5);
/// One question.
const DEADLINE: Duration = Duration::from_secs(5);
/// All of them.
const WHOLE: Duration = Duration::from_secs(20);

/// Asks with the executor's credential.
pub struct Rights {
    /// Its reader.
    pub reader: Reader,
    /// Names the namespaces of incidents.
    pub store: SqliteStore,
    /// The pace.
    pub clock: Clock,
    /// Where it may act.
    pub mode: Mode,
    /// Actions that are switched off.
    pub off: Vec<ActionKind>,
    /// Our own namespace.
    pub home: String,
    /// Whose credential it is.
    pub credential: Credential,
}

impl Rights {
    /// One look, and how long until the next.
    pub async fn look(&self) -> (Look, Seconds) {
        let seen = self.seen().await;
        let rights = questions(&self.mode, &self.off, &seen, &self.home);
        let asked = review::review(Identity::Reader(&self.reader), &rights, DEADLINE);
        let verdicts = tokio::time::timeout(WHOLE, asked).await.unwrap_or_default();
        let late = || Verdict::Unknown(format!("not all was answered within {WHOLE:?}"));
        let verdicts = verdicts.into_iter().chain(std::iter::repeat_with(late));
        let asked: Vec<_> = rights.into_iter().zip(verdicts).collect();
        let silent = asked.iter().find_map(|(right, verdict)| match verdict {
            Verdict::Unknown(why) => Some((right, why)),
            Verdict::Allowed | Verdict::Denied => None,
        });
        if let Some((right, why)) = silent {
            tracing::warn!(%right, why, "whether the executor has this right is not known");
        }
        let next = if silent.is_some() { AGAIN } else { EVERY };
        (judge(&asked, &self.mode, &seen, &self.home, self.credential), next)
    }

    /// Looks again and again. `next` is how long after the first look.
    pub async fn run(self, board: Arc<Board>, mut next: Seconds, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(next.duration()) => {}
            }
            let look;
            (look, next) = self.look().await;
            board.put(ClosedBy::Rights, look).await;
        }
    }

    /// The namespaces that open incidents name.
    async fn seen(&self) -> BTreeSet<String> {
        let open = self.store.each(&Filter::open(), |open| Some(open.scope.owned_in().to_owned())).await;
        match open {
            Ok(names) => names.into_iter().filter(|name| !name.is_empty()).collect(),
            Err(error) => {
                tracing::warn!(%error, "the namespaces of open incidents cannot be read");
                BTreeSet::new()
            }
        }
    }
}
