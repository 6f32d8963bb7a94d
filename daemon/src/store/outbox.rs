//! Messages that wait to be delivered. At least once: a receiver drops repeats by the key.

use super::error::unavailable;
use super::row::number;
use super::writer::Parameter::{Int, Text};
use super::{SqliteStore, StoreError};
use nightshift_model::{Message, MessageBody, Seconds, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// A message that somebody took up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number.
    pub id: i64,
    /// The message.
    pub message: Message,
    /// How often it was taken up, this time included.
    pub attempts: u64,
}

/// What was taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The messages, oldest first.
    pub rows: Vec<OutboxRow>,
    /// Rows that this program cannot read: they must be set aside, and hold nothing else up.
    pub unreadable: Vec<UnreadableRow>,
}

/// A row whose message this program does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its number.
    pub id: i64,
    /// The message's key.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

impl SqliteStore {
    /// Takes up to `limit` due messages, oldest first. Each stays out of everybody's sight for `hold`; a crash meanwhile
    /// only means that it comes up again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn outbox_take(&self, now: Timestamp, hold: Seconds, limit: u32) -> Result<Taken, StoreError> {
        if self.outbox_next().await?.is_none_or(|due| due > now) {
            return Ok(Taken::default());
        }
        let rows = self
            .writer()?
            .statement(
                "UPDATE outbox SET due_at = ?2, attempts = attempts + 1 WHERE id IN (SELECT id FROM outbox \
                 WHERE state = 'waiting' AND due_at <= ?1 ORDER BY due_at, id LIMIT ?3) \
                 RETURNING id, key, body, attempts",
                vec![Int(now.micros()), Int((now + hold).micros()), Int(i64::from(limit))],
            )
            .await?;
        let mut taken = Taken::default();
        for row in &rows {
            match read(row)? {
                Ok(row) => taken.rows.push(row),
                Err(unreadable) => taken.unreadable.push(unreadable),
            }
        }
        taken.rows.sort_by_key(|row| row.id); // RETURNING promises no order
        Ok(taken)
    }

    /// When the next message is due.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn outbox_next(&self) -> Result<Option<Timestamp>, StoreError> {
        sqlx::query("SELECT min(due_at) AS next FROM outbox WHERE state = 'waiting'")
            .fetch_one(self.readers())
            .await
            .and_then(|row| row.try_get::<Option<i64>, _>("next"))
            .map(|next| next.map(Timestamp::from_micros))
            .map_err(unavailable("read the outbox"))
    }

    /// It was delivered. The row stays, so that its key is never used again.
    ///
    /// # Errors
    /// Those of the store; then it may be delivered once more.
    pub async fn outbox_sent(&self, id: i64) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET state = 'sent', last_error = NULL WHERE id = ?";
        self.writer()?.statement(sql, vec![Int(id)]).await.map(drop)
    }

    /// It could not be delivered and is due again at `at`.
    ///
    /// # Errors
    /// Those of the store; then it is due again when its hold ends.
    pub async fn outbox_retry(&self, id: i64, at: Timestamp, why: &str) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET due_at = ?2, last_error = ?3 WHERE id = ?1 AND state = 'waiting'";
        self.writer()?.statement(sql, vec![Int(id), Int(at.micros()), Text(why.to_owned())]).await.map(drop)
    }

    /// It will not be tried again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn outbox_failed(&self, id: i64, why: &str) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET state = 'failed', last_error = ?2 WHERE id = ?1";
        self.writer()?.statement(sql, vec![Int(id), Text(why.to_owned())]).await.map(drop)
    }
}

fn read(row: &SqliteRow) -> Result<Result<OutboxRow, UnreadableRow>, StoreError> {
    let columns = || -> Result<(i64, String, String, i64), sqlx::Error> {
        Ok((row.try_get("id")?, row.try_get("key")?, row.try_get("body")?, row.try_get("attempts")?))
    };
    let (id, key, body, attempts) = columns().map_err(unavailable("read the outbox"))?;
    Ok(match serde_json::from_str::<MessageBody>(&body) {
        Ok(body) => Ok(OutboxRow { id, message: Message { key, body }, attempts: number(attempts) }),
        Err(error) => Err(UnreadableRow { id, key, why: format!("this program cannot read it: {error}") }),
    })
}

#[cfg(test)]
mod tests {
    use crate::store::HistoryStore as _;
    use crate::store::testing::{at, store, system};
    use nightshift_model::{IncidentId, Message, MessageBody, Seconds};

    fn message(key: &str) -> Message {
        Message { key: key.to_owned(), body: MessageBody::Page { incident: IncidentId::from("inc-1") } }
    }

    #[tokio::test]
    async fn a_message_is_taken_once_comes_again_after_its_hold_and_never_after_it_was_sent() {
        let (_folder, store) = store().await;
        let outbox = vec![message("a"), message("b"), message("a")];
        store.append_system(super::super::SystemAppend { outbox, ..system(at(0), 1) }).await.unwrap();
        assert_eq!(store.outbox_next().await.unwrap(), Some(at(0)));
        let taken = store.outbox_take(at(1), Seconds(30), 10).await.unwrap().rows;
        assert_eq!(
            taken.iter().map(|r| r.message.key.as_str()).collect::<Vec<_>>(),
            ["a", "b"],
            "a key once"
        );
        assert!(store.outbox_take(at(2), Seconds(30), 10).await.unwrap().rows.is_empty(), "held");

        let again = store.outbox_take(at(31), Seconds(30), 10).await.unwrap().rows;
        assert_eq!(again.iter().map(|r| r.attempts).collect::<Vec<_>>(), [2, 2], "the holder crashed");
        store.outbox_sent(again[0].id).await.unwrap();
        store.outbox_retry(again[1].id, at(40), "503").await.unwrap();
        assert_eq!(store.outbox_next().await.unwrap(), Some(at(40)));
        assert_eq!(store.outbox_take(at(40), Seconds(30), 10).await.unwrap().rows.len(), 1);
        store.outbox_failed(again[1].id, "gone").await.unwrap();
        assert_eq!(store.outbox_next().await.unwrap(), None);
        store
            .append_system(super::super::SystemAppend { outbox: vec![message("a")], ..system(at(50), 1) })
            .await
            .unwrap();
        assert_eq!(store.outbox_next().await.unwrap(), None, "a key that was used is never sent again");
    }
}
