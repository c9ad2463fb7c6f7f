-- The roll-up of days that were compacted; as hourly, with days and seconds of a day.
CREATE TABLE daily (
    day INTEGER NOT NULL,
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
    PRIMARY KEY (day, key)
) STRICT, WITHOUT ROWID;

-- What hourly and daily hold, by day and client: reports read this.
CREATE TABLE summary (
    day INTEGER NOT NULL,
    client INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    served INTEGER NOT NULL,
    warned INTEGER NOT NULL,
    explained INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (day, client)
) STRICT, WITHOUT ROWID;

INSERT INTO summary
SELECT hour / 24, client, sum(connections), sum(refused), sum(served), sum(warned), sum(explained), sum(answered),
       min(hour % 24 * 3600 + first), max(hour % 24 * 3600 + last)
FROM hourly JOIN key ON key.id = hourly.key
GROUP BY 1, 2;

-- The same by day alone, and what counts against the day's bounds: keys new to the file on it, those of certain accounts
-- by themselves, and bytes of offers new to the file.
CREATE TABLE day (
    day INTEGER PRIMARY KEY,
    new_keys INTEGER NOT NULL,
    new_keys_of_accounts INTEGER NOT NULL,
    new_offer_bytes INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    served INTEGER NOT NULL,
    warned INTEGER NOT NULL,
    explained INTEGER NOT NULL,
    answered INTEGER NOT NULL
) STRICT;

INSERT INTO day
SELECT hour / 24, 0, 0, 0,
       sum(connections), sum(refused), sum(served), sum(warned), sum(explained), sum(answered)
FROM hourly
GROUP BY 1;
