//! One pass over the hashes of all rows.

use crate::store::{HistoryStore as _, SqliteStore};
use nightshift_engine::StoreError;
use nightshift_engine::checkpoint::{Doubt, Found, Kept};
use nightshift_engine::merkle::Tree;
use nightshift_model::Digest;

/// A pass over all rows: the tree as of what was signed last, and what stands against it.
pub(super) struct Pass {
    pub(super) signed: Tree,
    pub(super) doubt: Option<Doubt>,
    pub(super) broken: Option<u64>,
}

/// Holds the history against what was signed last, and follows the chain behind it.
pub(super) async fn pass(store: &SqliteStore, origin: &str, kept: Option<&Kept>) -> Result<Pass, StoreError> {
    let rows = store.rows().await?;
    let size = kept.map_or(0, |kept| kept.size);
    let (mut signed, mut tip, mut broken, mut heard) = (Tree::default(), None::<Digest>, None, 0_u64);
    store
        .links(0, rows, |link| {
            // Before what was signed the root says it all.
            let follows = link.seq == heard && tip.is_none_or(|tip| tip == link.prev);
            if !follows && link.seq >= size && broken.is_none() {
                broken = Some(link.seq);
            }
            if signed.size() < size {
                signed.row(&link.hash);
            }
            (tip, heard) = (Some(link.hash), link.seq + 1);
        })
        .await?;
    let root = (signed.size() == size).then(|| signed.root());
    let found = Found { origin: origin.to_owned(), rows, root };
    let doubt = kept.and_then(|kept| kept.compare(&found).err());
    Ok(Pass { signed, doubt, broken })
}
