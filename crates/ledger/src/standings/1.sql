-- How everybody stands with each sunset, as somebody judged it: made from the ledger and the plan, and made anew from them
-- at any time. body: what is said of all of them together.
CREATE TABLE picture (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    body TEXT NOT NULL
) STRICT;

-- As in the ledger. account: the id of who is known. search: the ids in lower case, what is searched in.
CREATE TABLE who (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    ids TEXT NOT NULL,
    account TEXT UNIQUE,
    search TEXT NOT NULL,
    UNIQUE (kind, ids)
) STRICT;

-- Programs and lacks, each once. search: in lower case.
CREATE TABLE phrase (
    id INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE,
    search TEXT NOT NULL
) STRICT;

-- place: in the order of harm. standing, state: the judge's. missed, seen: seconds of the Unix epoch.
CREATE TABLE standing (
    sunset INTEGER NOT NULL,
    place INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    who INTEGER NOT NULL,
    state INTEGER,
    program INTEGER,
    lacks INTEGER,
    requests REAL NOT NULL,
    share REAL NOT NULL,
    missed INTEGER,
    seen INTEGER,
    PRIMARY KEY (sunset, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX standing_kind ON standing (sunset, standing, place);
CREATE INDEX standing_who ON standing (who);
