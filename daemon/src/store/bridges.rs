//! Messages of bridges that were heard, so that each is dealt with once, also over a restart.

use super::error::unavailable;
use super::writer::Parameter::{Bytes, Int, Text};
use super::{SqliteStore, StoreError};
use nightshift_model::{BridgeId, Digest, Seconds, Timestamp};
use sqlx::Row as _;

/// How long an id is remembered. A message is refused for its age after five minutes; a sender that signs an old one
/// anew within a day gets its first answer again.
const REMEMBERED: Seconds = Seconds(86_400);

/// A message that was heard before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// SHA-256 of what it said.
    pub hash: Digest,
    /// How it was answered; `None` when that was interrupted.
    pub result: Option<String>,
}

impl SqliteStore {
    /// Takes note of a message; the answer is the one of the same id that was heard before, if one was.
    ///
    /// # Errors
    /// Those of the store; then it may have been noted.
    pub async fn bridge_hear(
        &self,
        bridge: &BridgeId,
        id: &str,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<Heard>, StoreError> {
        let old = "DELETE FROM bridge_message WHERE at < ?1";
        self.writer()?.statement(old, vec![Int((now - REMEMBERED).micros())]).await?;
        let sql = "INSERT INTO bridge_message (bridge, id, hash, at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (bridge, id) DO NOTHING RETURNING 1";
        let parameters =
            vec![Text(bridge.0.clone()), Text(id.to_owned()), Bytes(hash.0.to_vec()), Int(now.micros())];
        if !self.writer()?.statement(sql, parameters).await?.is_empty() {
            return Ok(None);
        }
        sqlx::query("SELECT hash, result FROM bridge_message WHERE bridge = ? AND id = ?")
            .bind(bridge.as_str())
            .bind(id)
            .fetch_one(self.readers())
            .await
            .and_then(|row| {
                let hash: Vec<u8> = row.try_get("hash")?;
                let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?;
                Ok(Some(Heard { hash: Digest(hash), result: row.try_get("result")? }))
            })
            .map_err(unavailable("read a bridge's message"))
    }

    /// Keeps how a message was answered. The first answer stays.
    ///
    /// # Errors
    /// Those of the store; then it counts as interrupted.
    pub async fn bridge_answered(
        &self,
        bridge: &BridgeId,
        id: &str,
        result: String,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE bridge_message SET result = ?3 WHERE bridge = ?1 AND id = ?2 AND result IS NULL";
        let parameters = vec![Text(bridge.0.clone()), Text(id.to_owned()), Text(result)];
        self.writer()?.statement(sql, parameters).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OpenMode;
    use crate::store::testing::{at, store};

    #[tokio::test]
    async fn an_id_is_heard_once_also_by_the_next_process() {
        let (folder, store) = store().await;
        let (chat, pager) = (BridgeId::from("chatbot"), BridgeId::from("pager"));
        let hash = Digest([1; 32]);
        assert_eq!(store.bridge_hear(&chat, "m-1", hash, at(0)).await.unwrap(), None);
        let open = Some(Heard { hash, result: None });
        assert_eq!(store.bridge_hear(&chat, "m-1", Digest([2; 32]), at(1)).await.unwrap(), open);
        assert_eq!(
            store.bridge_hear(&pager, "m-1", hash, at(1)).await.unwrap(),
            None,
            "each has its own ids"
        );
        store.bridge_answered(&chat, "m-1", "first".to_owned()).await.unwrap();
        store.bridge_answered(&chat, "m-1", "second".to_owned()).await.unwrap();
        store.close().await;
        let store = SqliteStore::open(folder.path().join("history.db"), OpenMode::ReadWrite).await.unwrap();
        let known = Some(Heard { hash, result: Some("first".to_owned()) });
        assert_eq!(store.bridge_hear(&chat, "m-1", hash, at(2)).await.unwrap(), known);
        assert_eq!(store.bridge_hear(&chat, "m-1", hash, at(86_400)).await.unwrap(), known);
        assert_eq!(store.bridge_hear(&chat, "m-1", hash, at(86_401)).await.unwrap(), None, "a day later");
    }
}
