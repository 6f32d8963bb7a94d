-- The history: the truth. Rows are only ever added, and each row's hash covers the one before it.
-- `body` holds the exact canonical JSON (RFC 8785) that was hashed: actor, epoch, event, revision, stream.
-- The other columns are copies for queries; `audit verify` compares them with the body.
CREATE TABLE audit_event (
    seq         INTEGER PRIMARY KEY CHECK (seq >= 0),  -- gapless from 0, given under the writer's lock; a gap is a deletion
    ts_utc      TEXT    NOT NULL,                      -- always six digits of a second, so that text order is time order
    kind        TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    stream      TEXT    NOT NULL,                      -- an incident's id, or `system`
    revision    INTEGER NOT NULL CHECK (revision >= 1),
    epoch       INTEGER,                               -- of the role that appended; NULL for persons and the operator
    incident_id TEXT,
    proposal_id TEXT,
    body        BLOB    NOT NULL,
    prev_hash   BLOB    NOT NULL CHECK (length(prev_hash) = 32),
    hash        BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    UNIQUE (stream, revision)                          -- the only compare-and-swap
) STRICT;

CREATE INDEX audit_event_by_time ON audit_event (ts_utc, seq);
CREATE INDEX audit_event_by_kind ON audit_event (kind, seq);
CREATE INDEX audit_event_by_proposal ON audit_event (proposal_id, seq) WHERE proposal_id IS NOT NULL;

-- Erasing a body on request needs a path of its own that leaves a marker and an event; until then nothing is changed.
CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the history is only ever added to'); END;
CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the history is only ever added to'); END;
-- INSERT OR REPLACE deletes without a DELETE trigger.
CREATE TRIGGER audit_event_no_replace BEFORE INSERT ON audit_event
WHEN EXISTS (SELECT 1 FROM audit_event WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the history is only ever added to'); END;

-- `log_id` names this history and starts its chain; `schema` is the number of the last migration.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO meta (key, value) VALUES ('schema', '1');

-- The newest fold of each incident's stream, written with its events. Queries and pages read it; decisions fold.
CREATE TABLE incident (
    id         TEXT    PRIMARY KEY,
    revision   INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,                       -- of the scope, as namespace and name are
    namespace  TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    opened_at  INTEGER NOT NULL,                       -- microseconds since 1970, as every time below
    changed_at INTEGER NOT NULL,
    wake_at    INTEGER,                                -- the durable timer
    open       INTEGER NOT NULL CHECK (open IN (0, 1)),
    snapshot   TEXT    NOT NULL
) STRICT;
CREATE INDEX incident_newest ON incident (opened_at DESC, id DESC);
CREATE INDEX incident_open ON incident (opened_at DESC, id DESC) WHERE open = 1;
CREATE INDEX incident_wake ON incident (wake_at) WHERE wake_at IS NOT NULL;

-- Which start of a role may append.
CREATE TABLE leader (
    role   TEXT    PRIMARY KEY,
    epoch  INTEGER NOT NULL CHECK (epoch >= 1),
    holder TEXT    NOT NULL
) STRICT;

-- What must be told to somebody because of an append. Rows carry ids, never text.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,
    key        TEXT    NOT NULL UNIQUE,
    body       TEXT    NOT NULL,
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    last_error TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'waiting';
