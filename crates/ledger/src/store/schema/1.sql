-- Texts, each once: names of listeners, servers, User-Agents, versions, suites, groups, sunsets, actions, outcomes.
CREATE TABLE text (
    id INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE
) STRICT;

-- Offers, each once, whole: any floor can be judged on them later.
CREATE TABLE offer (
    id INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
) STRICT;

-- Whom a row counts for. kind: 0 nobody, 1 this account, 2 one of these, 3 one of these or of more. ids: JSON, sorted.
CREATE TABLE who (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    ids TEXT NOT NULL,
    UNIQUE (kind, ids)
) STRICT;

-- Somebody with an offer: what a floor is judged by. offer: 0 for none. is_other: counted without details.
CREATE TABLE client (
    id INTEGER PRIMARY KEY,
    who INTEGER NOT NULL REFERENCES who (id),
    visitor INTEGER NOT NULL,
    offer INTEGER NOT NULL,
    is_other INTEGER NOT NULL,
    UNIQUE (who, visitor, offer, is_other)
) STRICT;

-- Everything that is kept apart, apart from the hour. day: the latest on which it was seen.
CREATE TABLE key (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    day INTEGER NOT NULL,
    client INTEGER NOT NULL REFERENCES client (id),
    edge INTEGER NOT NULL REFERENCES text (id),
    sni INTEGER REFERENCES text (id),
    address BLOB,
    user_agent INTEGER REFERENCES text (id),
    version INTEGER REFERENCES text (id),
    cipher INTEGER REFERENCES text (id),
    tls_group INTEGER REFERENCES text (id),
    sunset INTEGER REFERENCES text (id),
    phase INTEGER,
    action INTEGER NOT NULL REFERENCES text (id),
    window INTEGER,
    preview INTEGER NOT NULL,
    outcome INTEGER NOT NULL REFERENCES text (id)
) STRICT;
CREATE INDEX key_client ON key (client);
CREATE INDEX key_window ON key (window) WHERE window IS NOT NULL;

-- The roll-up. hour: since the Unix epoch. first, last: seconds of that hour. age: the most seconds since an inferred
-- account had been seen.
CREATE TABLE hourly (
    hour INTEGER NOT NULL,
    key INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    served INTEGER NOT NULL,
    warned INTEGER NOT NULL,
    explained INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    age INTEGER,
    PRIMARY KEY (hour, key)
) STRICT, WITHOUT ROWID;

-- Stretches of which less is known than happened, in seconds of the Unix epoch. connections: counted without details.
CREATE TABLE gap (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason TEXT NOT NULL,
    connections INTEGER NOT NULL
) STRICT;

-- Each program that writes, from its start to its orderly end. batch: the number of the last batch it committed.
-- alive: the last second it recorded.
CREATE TABLE writer (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    alive INTEGER NOT NULL
) STRICT;
