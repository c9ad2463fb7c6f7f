-- What people wrote about an account. visitor: 0 a customer, else what it is instead, as in the ledger. changed: second of
-- the Unix epoch.
CREATE TABLE note (
    account TEXT PRIMARY KEY,
    note TEXT NOT NULL,
    owner TEXT NOT NULL,
    contact TEXT NOT NULL,
    visitor INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    author TEXT NOT NULL
) STRICT;

-- Letters. occasion: what it was written for; one account gets one letter for each occasion of a sunset. recipient: a mail
-- address, a file or a URL. state: 0 begun, 1 sent, 2 failed. begun, ended: second of the Unix epoch.
CREATE TABLE letter (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    sunset TEXT NOT NULL,
    occasion TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    ended INTEGER,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX letter_account ON letter (account, sunset, occasion);
