-- How far logs were read, so that nothing in them is counted twice. head, tail: SHA-256 of the first bytes of the log's
-- content and of those before `position`, by which it is known again under whatever name. server: the latest version that
-- its server was seen to speak, 0 for none. seen: second of the Unix epoch, when it was read last.
CREATE TABLE place (
    id INTEGER PRIMARY KEY,
    head BLOB NOT NULL,
    head_length INTEGER NOT NULL,
    tail BLOB NOT NULL,
    tail_length INTEGER NOT NULL,
    position INTEGER NOT NULL,
    server INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    name TEXT NOT NULL
) STRICT;
