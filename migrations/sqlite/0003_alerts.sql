-- Alerts as Alertmanager told them, stored before it is answered. One row is one occurrence: an alert's fingerprint and
-- when it started. What an alert means for an incident stands in the history; this is what makes its intake durable.
CREATE TABLE alert (
    fingerprint TEXT    NOT NULL,
    started     INTEGER NOT NULL,                      -- as it was told, in microseconds since 1970
    name        TEXT    NOT NULL,
    ended       INTEGER,                               -- set once: an occurrence that ended never fires again
    told        TEXT    NOT NULL,                      -- JSON: texts that may be shown, and what the labels name
    scope       TEXT,                                  -- JSON: the live object that was found for it
    flag        TEXT,                                  -- what kept that from being narrower
    placed      INTEGER NOT NULL DEFAULT 0 CHECK (placed IN (0, 1)), -- 1: an object was looked for
    incident_id TEXT,
    waiting     INTEGER NOT NULL CHECK (waiting IN (0, 1)), -- 1: its incident has not heard of the last change
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, started)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_waiting ON alert (placed, changed_at) WHERE waiting = 1;
CREATE INDEX alert_by_incident ON alert (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX alert_by_name ON alert (name, last_seen);
CREATE INDEX alert_silent ON alert (last_seen) WHERE ended IS NULL;

UPDATE meta SET value = '3' WHERE key = 'schema';
