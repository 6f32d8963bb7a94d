-- Messages of bridges that were heard: each id is dealt with once, and answered the same when it comes again. A row
-- without a result was interrupted; the history says whether its vote was taken.
CREATE TABLE bridge_message (
    bridge TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    hash   BLOB    NOT NULL CHECK (length(hash) = 32), -- SHA-256 of what it says
    at     INTEGER NOT NULL,                           -- microseconds since 1970
    result TEXT,
    PRIMARY KEY (bridge, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bridge_message_by_age ON bridge_message (at);

UPDATE meta SET value = '5' WHERE key = 'schema';
