-- What people are shown of a session before they end it: how it was opened, from which network, and when it was used last.
-- Sessions from before say nothing of it.
ALTER TABLE session ADD COLUMN how TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN came_from TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN last_used INTEGER;     -- microseconds since 1970, within some minutes

-- When a token of the registry was used last. The name is the registry's; the token itself is kept nowhere.
CREATE TABLE token_use (
    name      TEXT    PRIMARY KEY,
    last_used INTEGER NOT NULL
) STRICT;

UPDATE meta SET value = '6' WHERE key = 'schema';
