-- How faults of one reason at one workload ended: what their base rate of healing alone is counted from. A projection of the
-- history, written with the events that end a case; the newest of each kind are kept.
CREATE TABLE ending (
    incident  TEXT    NOT NULL,
    revision  INTEGER NOT NULL,                         -- of the event that ended it
    kind      TEXT    NOT NULL,                         -- of the scope, as namespace and name are
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,                         -- microseconds since 1970
    took      INTEGER NOT NULL,                         -- seconds from noticing it to its end
    alone     INTEGER NOT NULL CHECK (alone IN (0, 1)), -- it went away by itself
    PRIMARY KEY (incident, revision)
) STRICT;
CREATE INDEX ending_of ON ending (kind, namespace, name, reason, at DESC);

-- Cases that ended before this table was there: the last one of each incident. What somebody had is not known of those.
INSERT INTO ending (incident, revision, kind, namespace, name, reason, at, took, alone)
SELECT id, revision, kind, namespace, name, json_extract(snapshot, '$.symptom.reason'), changed_at,
       (changed_at - opened_at) / 1000000, coalesce(json_extract(snapshot, '$.phase.closed.why') = 'healed', 0)
FROM incident
WHERE open = 0 AND json_extract(snapshot, '$.symptom.reason') IS NOT NULL;

UPDATE meta SET value = '7' WHERE key = 'schema';
