//! One row of the history: its body, its hash, and reading it back.

use super::StoreError;
use nightshift_model::history::Row;
use nightshift_model::{
    Actor, Digest, Epoch, HistoryEvent, IncidentEvent, IncidentId, ProposalId, Revision, Stream, SystemEvent,
    Timestamp, canonical,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// One row as it stands in the table, unread; and one line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRow {
    /// Its place in the whole history, from 0.
    pub seq: u64,
    /// When, as text: it is hashed as text.
    pub ts: String,
    /// Copy of the event's kind.
    pub kind: String,
    /// Copy of the actor.
    pub actor: String,
    /// Copy of the stream.
    pub stream: String,
    /// Copy of the revision.
    pub revision: u64,
    /// Copy of the epoch.
    pub epoch: Option<u64>,
    /// Copy of the incident's id.
    pub incident: Option<String>,
    /// Copy of the proposal's id.
    pub proposal: Option<String>,
    /// Canonical JSON, as text: its exact bytes are what was hashed.
    pub body: String,
    /// The hash of the row before.
    pub prev: Digest,
    /// The hash of this row.
    pub hash: Digest,
}

/// What a body says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) actor: Actor,
    pub(super) epoch: Option<Epoch>,
    pub(super) event: HistoryEvent,
    pub(super) revision: Revision,
    pub(super) stream: String,
}

impl RawRow {
    /// Reads the columns of `SELECT seq, ts_utc, kind, actor, stream, revision, epoch, incident_id, proposal_id, body,
    /// prev_hash, hash`.
    pub(super) fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: number(row.try_get("seq")?),
            ts: row.try_get("ts_utc")?,
            kind: row.try_get("kind")?,
            actor: row.try_get("actor")?,
            stream: row.try_get("stream")?,
            revision: number(row.try_get("revision")?),
            epoch: row.try_get::<Option<i64>, _>("epoch")?.map(number),
            incident: row.try_get("incident_id")?,
            proposal: row.try_get("proposal_id")?,
            // Bytes that are no text, and hashes of another length, fail their comparison instead of ending the look.
            body: String::from_utf8_lossy(row.try_get("body")?).into_owned(),
            prev: hash(row.try_get("prev_hash")?),
            hash: hash(row.try_get("hash")?),
        })
    }

    /// What the row's own hash must be.
    pub fn expected_hash(&self) -> Digest {
        chain(self.seq, &self.ts, &self.kind, self.body.as_bytes(), &self.prev)
    }
}

/// Reads the columns of `SELECT seq, ts_utc, body`.
pub(super) fn recorded(row: &SqliteRow) -> Result<Row, StoreError> {
    let get = || -> Result<(i64, String, Vec<u8>), sqlx::Error> {
        Ok((row.try_get("seq")?, row.try_get("ts_utc")?, row.try_get("body")?))
    };
    let (seq, ts, body) = get().map_err(super::error::unavailable("read the history"))?;
    parse(number(seq), &ts, &body)
}

/// # Errors
/// [`StoreError::Unreadable`] names the row: this program does not know its kind, or it is damaged.
pub(super) fn parse(seq: u64, ts: &str, body: &[u8]) -> Result<Row, StoreError> {
    let unreadable = |what: String| StoreError::Unreadable(format!("row {seq}: {what}"));
    let at = ts.parse().map_err(unreadable)?;
    let body: Body = serde_json::from_slice(body).map_err(|e| unreadable(e.to_string()))?;
    let stream = match body.stream.as_str() {
        SYSTEM => Stream::System,
        id => Stream::Incident(IncidentId::from(id)),
    };
    let Body { actor, epoch, event, revision, .. } = body;
    Ok(Row { seq, stream, revision, epoch, actor, at, event })
}

/// Name of the one system stream.
pub(super) const SYSTEM: &str = "system";

/// The canonical body around an event that is canonical already: the keys stand in RFC 8785's order.
pub(super) fn body(
    actor: &Actor,
    epoch: Option<Epoch>,
    event: &[u8],
    revision: Revision,
    stream: &str,
) -> Vec<u8> {
    let epoch = epoch.map_or_else(|| "null".to_owned(), |e| e.0.to_string());
    let mut bytes = Vec::with_capacity(event.len() + 128);
    bytes.extend_from_slice(b"{\"actor\":");
    bytes.extend_from_slice(&canonical(actor));
    bytes.extend_from_slice(b",\"epoch\":");
    bytes.extend_from_slice(epoch.as_bytes());
    bytes.extend_from_slice(b",\"event\":");
    bytes.extend_from_slice(event);
    bytes.extend_from_slice(b",\"revision\":");
    bytes.extend_from_slice(revision.0.to_string().as_bytes());
    bytes.extend_from_slice(b",\"stream\":");
    bytes.extend_from_slice(&canonical(&stream));
    bytes.push(b'}');
    bytes
}

/// Which proposal an event is about.
pub(super) fn proposal_of(event: &HistoryEvent) -> Option<ProposalId> {
    use IncidentEvent as E;
    match event {
        HistoryEvent::Incident(event) => match event {
            E::Sealed { proposal } => Some(proposal.id().clone()),
            E::Voted { vote } => Some(vote.proposal.clone()),
            E::Granted { grant } => Some(grant.proposal.clone()),
            E::Claimed { mark } | E::Marked { mark } | E::Sending { mark } | E::Recovered { mark, .. } => {
                Some(mark.op.proposal())
            }
            E::Opened { .. }
            | E::FindingsChanged { .. }
            | E::AlertsChanged { .. }
            | E::BelowChanged { .. }
            | E::Unchecked { .. }
            | E::Acknowledged { .. }
            | E::Wished { .. }
            | E::Silenced { .. }
            | E::SilenceOver
            | E::BaseRate { .. }
            | E::Flapping { .. }
            | E::Steady
            | E::EvidenceWanted { .. }
            | E::EvidenceGot { .. }
            | E::Diagnosed { .. }
            | E::Planned { .. }
            | E::Rechecked { .. }
            | E::Sent { .. }
            | E::Measured { .. }
            | E::Judged { .. }
            | E::Withdrawn { .. }
            | E::Escalated { .. }
            | E::Reopened { .. }
            | E::Closed { .. } => None,
        },
        HistoryEvent::System(
            SystemEvent::PageViewed { proposal, .. } | SystemEvent::VoteRefused { proposal, .. },
        ) => Some(proposal.clone()),
        HistoryEvent::System(_) => None,
    }
}

/// The instant as the history writes it: always six digits of a second, so that text order is time order.
pub(super) fn ts_text(at: Timestamp) -> String {
    at.get().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The hash that stands before the first row.
pub(super) fn genesis(log_id: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"nightshift/audit/genesis/v1");
    hash.update(log_id.as_bytes());
    Digest(hash.finalize().into())
}

/// The hash of one row. Lengths stand before what varies, so no two rows share their bytes; the body is hashed apart,
/// so it could be erased and the chain would still hold.
pub(super) fn chain(seq: u64, ts: &str, kind: &str, body: &[u8], prev: &Digest) -> Digest {
    let length = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(b"nightshift/audit/v1");
    hash.update(seq.to_be_bytes());
    hash.update(length(ts));
    hash.update(ts);
    hash.update(length(kind));
    hash.update(kind);
    hash.update(Sha256::digest(body));
    hash.update(prev.0);
    Digest(hash.finalize().into())
}

fn hash(column: &[u8]) -> Digest {
    Digest(column.try_into().unwrap_or_default())
}

/// A number of ours from a column: the schema's checks keep it from being negative.
pub(super) fn number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// A number of ours for a column.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assembled_body_is_the_canonical_one() {
        let event = HistoryEvent::System(SystemEvent::KillSwitchSet {
            by: Actor::Operator,
            reason: "a \"quoted\" reason \u{1b}".to_owned(),
        });
        for epoch in [None, Some(Epoch(7))] {
            let whole = Body {
                actor: Actor::Person("ann \"o'hara\"".into()),
                epoch,
                event: event.clone(),
                revision: Revision(12),
                stream: SYSTEM.to_owned(),
            };
            let spliced = body(&whole.actor, epoch, &canonical(&event), whole.revision, &whole.stream);
            assert_eq!(String::from_utf8(spliced).unwrap(), String::from_utf8(canonical(&whole)).unwrap());
        }
    }

    #[test]
    fn text_order_is_time_order() {
        let whole: Timestamp = "2026-03-01T02:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-03-01T02:00:00.5Z".parse().unwrap();
        assert_eq!(ts_text(whole), "2026-03-01T02:00:00.000000Z");
        assert!(ts_text(whole) < ts_text(later));
        assert_eq!(ts_text(later).parse::<Timestamp>().unwrap(), later);
    }

    #[test]
    fn every_field_moves_the_hash() {
        let base = chain(1, "t", "kind", b"body", &Digest([1; 32]));
        assert_ne!(base, chain(2, "t", "kind", b"body", &Digest([1; 32])));
        assert_ne!(
            base,
            chain(1, "tk", "ind", b"body", &Digest([1; 32])),
            "fields do not run into each other"
        );
        assert_ne!(base, chain(1, "t", "kind", b"bodz", &Digest([1; 32])));
        assert_ne!(base, chain(1, "t", "kind", b"body", &Digest([2; 32])));
        assert_ne!(genesis("a"), genesis("b"));
    }
}
