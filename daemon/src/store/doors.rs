//! Sessions, sign-in links and links to proposals. Callers hand secrets in; only their SHA-256 is kept.

use super::error::unavailable;
use super::writer::Parameter::{Bytes, Int, Text};
use super::{SqliteStore, StoreError};
use nightshift_model::{Actor, Digest, PersonId, ProposalId, Seconds, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// How long a sign-in link works.
pub const INVITE_LASTS: Seconds = Seconds(600);

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of its id: what revokes it, and what an attested vote names.
    pub id_hash: Digest,
    /// Whose.
    pub person: PersonId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// How it came about.
    pub origin: Origin,
    /// When it was used last, within some minutes.
    pub last_used: Option<Timestamp>,
}

/// How a session came about; both empty for one from before this was noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// With what.
    pub how: String,
    /// From which address or network.
    pub from: String,
}

/// A link to a proposal's page that still works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it shows.
    pub proposal: ProposalId,
    /// To whom it was sent.
    pub recipient: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// The form in which a secret is kept.
pub fn hashed(secret: &[u8]) -> Digest {
    Digest(Sha256::digest(secret).into())
}

impl SqliteStore {
    /// Opens a session.
    ///
    /// # Errors
    /// Those of the store; then there is none.
    pub async fn session_open(
        &self,
        secret: &[u8],
        person: &PersonId,
        now: Timestamp,
        lasts: Seconds,
        origin: Origin,
    ) -> Result<Session, StoreError> {
        let session = Session {
            id_hash: hashed(secret),
            person: person.clone(),
            created_at: now,
            expires_at: now + lasts,
            origin,
            last_used: None,
        };
        let sql = "INSERT INTO session (id_hash, person, created_at, expires_at, how, came_from) \
                   VALUES (?, ?, ?, ?, ?, ?)";
        let parameters = vec![
            key(session.id_hash),
            Text(person.0.clone()),
            Int(now.micros()),
            Int(session.expires_at.micros()),
            Text(session.origin.how.clone()),
            Text(session.origin.from.clone()),
        ];
        self.writer()?.statement(sql, parameters).await?;
        Ok(session)
    }

    /// The open session of a secret.
    ///
    /// # Errors
    /// Those of the store; then nobody is signed in.
    pub async fn session(&self, secret: &[u8], now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.session_of(hashed(secret), now).await
    }

    /// The open session of an id's hash.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn session_of(&self, id_hash: Digest, now: Timestamp) -> Result<Option<Session>, StoreError> {
        sqlx::query(
            "SELECT id_hash, person, created_at, expires_at, how, came_from, last_used FROM session \
             WHERE id_hash = ? AND revoked_at IS NULL AND expires_at > ?",
        )
        .bind(id_hash.0.to_vec())
        .bind(now.micros())
        .fetch_optional(self.readers())
        .await
        .and_then(|row| row.as_ref().map(read_session).transpose())
        .map_err(unavailable("read a session"))
    }

    /// The open sessions of a person, or of everybody, newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sessions(
        &self,
        person: Option<&PersonId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        sqlx::query(
            "SELECT id_hash, person, created_at, expires_at, how, came_from, last_used FROM session \
             WHERE (?1 IS NULL OR person = ?1) AND revoked_at IS NULL AND expires_at > ?2 \
             ORDER BY created_at DESC, id_hash LIMIT ?3",
        )
        .bind(person.map(PersonId::as_str))
        .bind(now.micros())
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await
        .and_then(|rows| rows.iter().map(read_session).collect())
        .map_err(unavailable("read the sessions"))
    }

    /// Notes that a session is in use.
    ///
    /// # Errors
    /// Those of the store; the session is as good as before.
    pub async fn session_used(&self, id_hash: Digest, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE session SET last_used = ?2 WHERE id_hash = ?1 AND coalesce(last_used, 0) < ?2";
        self.writer()?.statement(sql, vec![key(id_hash), Int(now.micros())]).await.map(drop)
    }

    /// Notes that a token of the registry is in use.
    ///
    /// # Errors
    /// Those of the store; the token is as good as before.
    pub async fn token_used(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO token_use (name, last_used) VALUES (?1, ?2) \
                   ON CONFLICT (name) DO UPDATE SET last_used = max(last_used, excluded.last_used)";
        self.writer()?.statement(sql, vec![Text(name.to_owned()), Int(now.micros())]).await.map(drop)
    }

    /// When each token was used last, by its name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tokens_used(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        sqlx::query("SELECT name, last_used FROM token_use ORDER BY name")
            .fetch_all(self.readers())
            .await
            .and_then(|rows| {
                let one = |row: &SqliteRow| {
                    Ok((row.try_get("name")?, Timestamp::from_micros(row.try_get("last_used")?)))
                };
                rows.iter().map(one).collect()
            })
            .map_err(unavailable("read the use of tokens"))
    }

    /// Ends one session; `false` when it was not open.
    ///
    /// # Errors
    /// Those of the store; then it may still be open.
    pub async fn session_revoke(&self, id_hash: Digest, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE session SET revoked_at = ?2 WHERE id_hash = ?1 AND revoked_at IS NULL RETURNING 1";
        let rows = self.writer()?.statement(sql, vec![key(id_hash), Int(now.micros())]).await?;
        Ok(!rows.is_empty())
    }

    /// Ends all sessions of a person and its unused sign-in links; the answer is how many sessions.
    ///
    /// # Errors
    /// Those of the store; then they may still be open.
    pub async fn person_revoke(&self, person: &PersonId, now: Timestamp) -> Result<usize, StoreError> {
        let parameters = || vec![Text(person.0.clone()), Int(now.micros())];
        let invites = "UPDATE invite SET used_at = ?2 WHERE person = ?1 AND used_at IS NULL";
        self.writer()?.statement(invites, parameters()).await?;
        let sessions =
            "UPDATE session SET revoked_at = ?2 WHERE person = ?1 AND revoked_at IS NULL RETURNING 1";
        Ok(self.writer()?.statement(sessions, parameters()).await?.len())
    }

    /// Makes a sign-in link's secret valid for [`INVITE_LASTS`].
    ///
    /// # Errors
    /// Those of the store; then it does not work.
    pub async fn invite(
        &self,
        secret: &[u8],
        person: &PersonId,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO invite (hash, person, expires_at, made_by) VALUES (?, ?, ?, ?)";
        let parameters = vec![
            key(hashed(secret)),
            Text(person.0.clone()),
            Int((now + INVITE_LASTS).micros()),
            Text(by.to_string()),
        ];
        self.writer()?.statement(sql, parameters).await.map(drop)
    }

    /// Uses a sign-in link up: of two who try at once, one gets the person, and by whom the link was made.
    ///
    /// # Errors
    /// Those of the store; then nobody is signed in.
    pub async fn invite_use(
        &self,
        secret: &[u8],
        now: Timestamp,
    ) -> Result<Option<(PersonId, String)>, StoreError> {
        let sql = "UPDATE invite SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2 \
                   RETURNING person, made_by";
        let rows = self.writer()?.statement(sql, vec![key(hashed(secret)), Int(now.micros())]).await?;
        let invited = |row: &SqliteRow| Ok((PersonId(row.try_get("person")?), row.try_get("made_by")?));
        rows.first().map(invited).transpose().map_err(unavailable("use a sign-in link"))
    }

    /// Whose sign-in link it is while it works; looking does not use it up.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn invited(&self, secret: &[u8], now: Timestamp) -> Result<Option<PersonId>, StoreError> {
        sqlx::query("SELECT person FROM invite WHERE hash = ? AND used_at IS NULL AND expires_at > ?")
            .bind(hashed(secret).0.to_vec())
            .bind(now.micros())
            .fetch_optional(self.readers())
            .await
            .and_then(|row| row.map(|row| row.try_get("person").map(PersonId)).transpose())
            .map_err(unavailable("read a sign-in link"))
    }

    /// Makes a proposal link's nonce valid.
    ///
    /// # Errors
    /// Those of the store; then it does not work.
    pub async fn link_make(&self, nonce: &[u8], link: &Link) -> Result<(), StoreError> {
        let sql = "INSERT INTO link (nonce_hash, proposal, recipient, expires_at) VALUES (?, ?, ?, ?)";
        let parameters = vec![
            key(hashed(nonce)),
            Text(link.proposal.0.clone()),
            Text(link.recipient.clone()),
            Int(link.expires_at.micros()),
        ];
        self.writer()?.statement(sql, parameters).await.map(drop)
    }

    /// What a link shows, while it works.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn link(&self, nonce: &[u8], now: Timestamp) -> Result<Option<Link>, StoreError> {
        sqlx::query(
            "SELECT proposal, recipient, expires_at FROM link \
             WHERE nonce_hash = ? AND revoked_at IS NULL AND expires_at > ?",
        )
        .bind(hashed(nonce).0.to_vec())
        .bind(now.micros())
        .fetch_optional(self.readers())
        .await
        .and_then(|row| row.as_ref().map(read_link).transpose())
        .map_err(unavailable("read a link"))
    }

    /// Ends every link to a proposal; the answer is how many.
    ///
    /// # Errors
    /// Those of the store; then they may still work.
    pub async fn links_revoke(&self, proposal: &ProposalId, now: Timestamp) -> Result<usize, StoreError> {
        let sql = "UPDATE link SET revoked_at = ?2 WHERE proposal = ?1 AND revoked_at IS NULL RETURNING 1";
        let rows = self.writer()?.statement(sql, vec![Text(proposal.0.clone()), Int(now.micros())]).await?;
        Ok(rows.len())
    }
}

fn key(hash: Digest) -> super::writer::Parameter {
    Bytes(hash.0.to_vec())
}

fn read_session(row: &SqliteRow) -> Result<Session, sqlx::Error> {
    let hash: Vec<u8> = row.try_get("id_hash")?;
    Ok(Session {
        id_hash: Digest(hash.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()))?),
        person: PersonId(row.try_get("person")?),
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
        origin: Origin { how: row.try_get("how")?, from: row.try_get("came_from")? },
        last_used: row.try_get::<Option<i64>, _>("last_used")?.map(Timestamp::from_micros),
    })
}

fn read_link(row: &SqliteRow) -> Result<Link, sqlx::Error> {
    Ok(Link {
        proposal: ProposalId(row.try_get("proposal")?),
        recipient: row.try_get("recipient")?,
        expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
    })
}

#[cfg(test)]
mod tests;
