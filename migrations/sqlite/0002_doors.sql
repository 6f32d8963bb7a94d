-- How persons get in. Secrets are stored as SHA-256 only: a copy of this file signs nobody in.
CREATE TABLE session (
    id_hash    BLOB    PRIMARY KEY CHECK (length(id_hash) = 32),
    person     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX session_by_person ON session (person);

-- A sign-in link: works once and for ten minutes.
CREATE TABLE invite (
    hash       BLOB    PRIMARY KEY CHECK (length(hash) = 32),
    person     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    made_by    TEXT    NOT NULL
) STRICT;

-- A link to a proposal's page: it shows, it never votes.
CREATE TABLE link (
    nonce_hash BLOB    PRIMARY KEY CHECK (length(nonce_hash) = 32),
    proposal   TEXT    NOT NULL,
    recipient  TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX link_by_proposal ON link (proposal);

UPDATE meta SET value = '2' WHERE key = 'schema';
