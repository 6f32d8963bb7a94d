//! Epochs: which start of a role may append.

use super::error::unavailable;
use super::row::{column, number};
use super::writer::Parameter::{Int, Text};
use super::{SqliteStore, StoreError};
use nightshift_model::{Epoch, Role};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

/// Who leads a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The epoch that appends must carry.
    pub epoch: Epoch,
    /// Which process took it.
    pub holder: String,
}

impl SqliteStore {
    /// Takes a role: every earlier epoch is fenced off from here on. `seen` is the highest epoch known from
    /// elsewhere (the Lease, marks on objects), so that a store from a backup never hands an epoch out twice.
    ///
    /// # Errors
    /// Those of the store; then nothing was taken.
    pub async fn take(&self, role: Role, holder: &str, seen: Epoch) -> Result<Epoch, StoreError> {
        let rows = self
            .writer()?
            .statement(
                "INSERT INTO leader (role, epoch, holder) VALUES (?1, ?2 + 1, ?3) ON CONFLICT (role) \
                 DO UPDATE SET epoch = max(epoch, ?2) + 1, holder = excluded.holder RETURNING epoch",
                vec![Text(role.as_str().to_owned()), Int(column(seen.0)), Text(holder.to_owned())],
            )
            .await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound);
        row.and_then(|row| row.try_get("epoch"))
            .map(|epoch| Epoch(number(epoch)))
            .map_err(unavailable("take a role"))
    }

    /// Writes who leads as it stands: proof that the file takes a write, and nothing more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn touch(&self) -> Result<(), StoreError> {
        self.writer()?.statement("UPDATE leader SET holder = holder", Vec::new()).await.map(drop)
    }

    /// Who leads a role, if anybody ever did.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn leader(&self, role: Role) -> Result<Option<Leader>, StoreError> {
        sqlx::query("SELECT epoch, holder FROM leader WHERE role = ?")
            .bind(role.as_str())
            .fetch_optional(self.readers())
            .await
            .and_then(|row| {
                let read = |row: sqlx::sqlite::SqliteRow| {
                    Ok(Leader { epoch: Epoch(number(row.try_get("epoch")?)), holder: row.try_get("holder")? })
                };
                row.map(read).transpose()
            })
            .map_err(unavailable("read who leads"))
    }
}

/// The epoch in force, within the writer's transaction.
pub(super) async fn epoch(
    connection: &mut SqliteConnection,
    role: Role,
) -> Result<Option<Epoch>, sqlx::Error> {
    sqlx::query("SELECT epoch FROM leader WHERE role = ?")
        .bind(role.as_str())
        .fetch_optional(connection)
        .await?
        .map(|row| row.try_get("epoch").map(|epoch| Epoch(number(epoch))))
        .transpose()
}
