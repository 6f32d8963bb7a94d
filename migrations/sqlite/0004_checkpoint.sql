-- Sizes and roots of the history that the executor signed. `note` is the whole signed note; the other columns are copies
-- for queries, and `audit verify` compares them with it.
CREATE TABLE audit_checkpoint (
    id       INTEGER PRIMARY KEY,
    size     INTEGER NOT NULL CHECK (size >= 1),       -- rows that the root covers
    root     BLOB    NOT NULL CHECK (length(root) = 32),
    tip_hash BLOB    NOT NULL CHECK (length(tip_hash) = 32), -- of row size - 1
    at       INTEGER NOT NULL,                         -- microseconds since 1970
    note     TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_checkpoint_by_size ON audit_checkpoint (size, id);

CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is only ever added'); END;
CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is only ever added'); END;
-- INSERT OR REPLACE deletes without a DELETE trigger.
CREATE TRIGGER audit_checkpoint_no_replace BEFORE INSERT ON audit_checkpoint
WHEN EXISTS (SELECT 1 FROM audit_checkpoint WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a checkpoint is only ever added'); END;

UPDATE meta SET value = '4' WHERE key = 'schema';
