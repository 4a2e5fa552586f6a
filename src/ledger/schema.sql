-- The ledger, version 1. The whole file is sealed by SQLCipher (page by page, the write-ahead log as well).
--
-- Two kinds of tables. *Facts* only grow: triggers refuse UPDATE and DELETE, and each row is vouched for by one event,
-- whose chained hash covers the row's digest (see chain.rs). *Projections* repeat what facts add up to, for speed; each
-- can be rebuilt, and `audit` rebuilds them and compares.
--
-- Instants are microseconds since 1970-01-01T00:00Z. Absent text is '', absent bytes are x''.

-- Workstations whose events are here. The one marked `own` is this ledger; others join when ledgers are shared.
CREATE TABLE device (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT    NOT NULL UNIQUE CHECK (length(name) > 0),
    own    INTEGER NOT NULL CHECK (own IN (0, 1)),
    events INTEGER NOT NULL CHECK (events >= 0),            -- how many it has recorded
    head   BLOB    NOT NULL CHECK (length(head) = 32)       -- hash of its last one; zeros before the first
) STRICT;
CREATE UNIQUE INDEX device_own ON device (own) WHERE own = 1;

-- Fact: what happened. `id` is the order of arrival here and means nothing elsewhere.
CREATE TABLE event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    device   INTEGER NOT NULL REFERENCES device (id),
    number   INTEGER NOT NULL CHECK (number > 0),           -- from 1 without gaps, per device
    at       INTEGER NOT NULL,
    who      TEXT    NOT NULL,
    report   TEXT    NOT NULL,                              -- uid, or ''
    message  TEXT    NOT NULL,                              -- uid, or ''
    what     TEXT    NOT NULL,                              -- case::What as JSON
    evidence BLOB    NOT NULL CHECK (length(evidence) IN (0, 32)),
    hash     BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    UNIQUE (device, number)
) STRICT;
CREATE INDEX event_report  ON event (report)  WHERE report <> '';
CREATE INDEX event_message ON event (message) WHERE message <> '';

-- Fact: a mail, once, whatever number of times it was seen.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT    NOT NULL UNIQUE CHECK (length(uid) BETWEEN 10 AND 64),
    sha256      BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32), -- of the bytes with line ends normalised
    size        INTEGER NOT NULL CHECK (size >= 0),
    direction   TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
    received_at INTEGER NOT NULL,
    first_seen  INTEGER NOT NULL,
    event       INTEGER NOT NULL UNIQUE REFERENCES event (id)        -- received
) STRICT;

-- Fact: its bytes as they came; apart, so that lists do not wade through them.
CREATE TABLE raw (
    message INTEGER PRIMARY KEY REFERENCES message (id),
    bytes   BLOB NOT NULL
) STRICT;

-- Fact: where it was seen. The same place may show other bytes later (a server that uses a UID twice, an mbox file
-- that was rewritten), and then both are kept: the message is part of the key.
CREATE TABLE sighting (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    message     INTEGER NOT NULL REFERENCES message (id),
    mailbox     TEXT    NOT NULL,
    epoch       INTEGER NOT NULL,                           -- UIDVALIDITY; 0 for files
    key         TEXT    NOT NULL,                           -- UID; name or offset for files
    direction   TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
    received_at INTEGER NOT NULL,
    first_seen  INTEGER NOT NULL,
    event       INTEGER NOT NULL UNIQUE REFERENCES event (id), -- received or sighted
    UNIQUE (mailbox, epoch, key, message)
) STRICT;
CREATE INDEX sighting_message ON sighting (message);

-- Fact: what opening a mail gave, each time it was tried. The last one counts.
CREATE TABLE opening (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    message    INTEGER NOT NULL REFERENCES message (id),
    tried_with TEXT    NOT NULL,                            -- digest of the keys it was tried with
    value      TEXT    NOT NULL,                            -- report::Opened as JSON
    event      INTEGER NOT NULL UNIQUE REFERENCES event (id)  -- judged
) STRICT;
CREATE INDEX opening_message ON opening (message);

-- Projection: the last opening of each mail, in the columns that filing and lists ask for.
CREATE TABLE opened (
    message     INTEGER PRIMARY KEY REFERENCES message (id),
    opening     INTEGER NOT NULL UNIQUE REFERENCES opening (id),
    tried_with  TEXT    NOT NULL,
    encryption  TEXT    NOT NULL,
    signature   TEXT    NOT NULL,
    quarantined TEXT    NOT NULL,                           -- the limit that was hit, or ''
    message_id  TEXT    NOT NULL,
    payload     TEXT    NOT NULL,                           -- SHA-256 of what the decryption gave, or ''
    content     TEXT    NOT NULL,                           -- case::filing::content_key, or ''
    address     TEXT    NOT NULL,                           -- the one From address, or ''
    name        TEXT    NOT NULL,
    subject     TEXT    NOT NULL
) STRICT;
CREATE INDEX opened_message_id ON opened (message_id) WHERE message_id <> '';
CREATE INDEX opened_payload    ON opened (payload)    WHERE payload <> '';
CREATE INDEX opened_content    ON opened (content)    WHERE content <> '';
CREATE INDEX opened_waiting    ON opened (message)    WHERE encryption = 'unopened' OR quarantined <> '';

-- Projection: the Message-IDs that the last opening of a mail names in In-Reply-To and References.
CREATE TABLE mention (
    message    INTEGER NOT NULL REFERENCES message (id),
    position   INTEGER NOT NULL,
    message_id TEXT    NOT NULL,
    PRIMARY KEY (message, position)
) STRICT;
CREATE INDEX mention_message_id ON mention (message_id);

-- Projection: words of the last opening. Holds no text of its own, only where each word stands.
CREATE VIRTUAL TABLE search USING fts5 (
    subject, sender, text,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

-- Projection of report_opened events, in the order they arrived here: `id` is the number people type.
CREATE TABLE report (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT    NOT NULL UNIQUE,
    received_at INTEGER NOT NULL,
    reporter    TEXT    NOT NULL,
    event       INTEGER NOT NULL UNIQUE REFERENCES event (id)
) STRICT;

-- Projection of filed events: where each mail lies. The latest by (time, device, number) counts.
CREATE TABLE filing (
    message INTEGER PRIMARY KEY REFERENCES message (id),
    report  TEXT    NOT NULL,                               -- uid, or '' for automatic and outgoing mail of no report
    role    TEXT    NOT NULL,
    event   INTEGER NOT NULL UNIQUE REFERENCES event (id)
) STRICT;
CREATE INDEX filing_report ON filing (report);

-- Projection of pinned events: the certificate a person confirmed for an address. The latest counts.
CREATE TABLE pin (
    address     TEXT PRIMARY KEY NOT NULL,                  -- lower case
    fingerprint TEXT NOT NULL,
    event       INTEGER NOT NULL UNIQUE REFERENCES event (id)
) STRICT;

-- Fact: certificates, every version that came. Those that came with a mail repeat its opening.
CREATE TABLE cert (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT    NOT NULL,
    address     TEXT    NOT NULL,                           -- lower case, or ''
    source      TEXT    NOT NULL,                           -- autocrypt, attached, gossip, imported
    bytes       BLOB    NOT NULL,
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    event       INTEGER NOT NULL REFERENCES event (id),     -- judged, or noticed for an import
    UNIQUE (fingerprint, address, source, sha256)
) STRICT;
CREATE INDEX cert_address ON cert (address) WHERE address <> '';

-- Fact: each version of the published policy.
CREATE TABLE policy (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT    NOT NULL,                                -- of the file's bytes
    file   TEXT    NOT NULL,
    text   BLOB    NOT NULL,                                -- the file as it was
    parsed TEXT    NOT NULL,                                -- clock::policy::ResponsePolicy as JSON
    event  INTEGER NOT NULL UNIQUE REFERENCES event (id)    -- policy_adopted
) STRICT;

-- Fact but for its last three columns: replies, sealed. `state` follows the events and the trigger below.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    report     TEXT    NOT NULL REFERENCES report (uid),
    message_id TEXT    NOT NULL UNIQUE,
    sender     TEXT    NOT NULL,                            -- of the SMTP envelope
    recipients TEXT    NOT NULL,                            -- of the SMTP envelope, a JSON list
    sealed     BLOB    NOT NULL,                            -- the same bytes on every try, on the wire and in Sent
    sha256     TEXT    NOT NULL,
    event      INTEGER NOT NULL UNIQUE REFERENCES event (id), -- queued
    state      TEXT    NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unknown', 'dropped')),
    reason     TEXT    NOT NULL,
    copied     INTEGER NOT NULL CHECK (copied IN (0, 1))    -- a copy lies in Sent
) STRICT;
CREATE INDEX outbox_waiting ON outbox (state) WHERE state NOT IN ('sent', 'dropped');

-- Where to go on in each mailbox. Written in the transaction that stores what was fetched.
CREATE TABLE cursor (
    mailbox   TEXT    PRIMARY KEY NOT NULL,
    epoch     INTEGER NOT NULL,                             -- UIDVALIDITY
    next_uid  INTEGER NOT NULL,
    below     INTEGER NOT NULL,                             -- messages that were there below next_uid
    polled_at INTEGER NOT NULL,                             -- when all that was new had last been stored
    digest    BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TRIGGER event_keeps      BEFORE UPDATE ON event    BEGIN SELECT RAISE (ABORT, 'the ledger only grows: event'); END;
CREATE TRIGGER event_stays      BEFORE DELETE ON event    BEGIN SELECT RAISE (ABORT, 'the ledger only grows: event'); END;
CREATE TRIGGER message_keeps    BEFORE UPDATE ON message  BEGIN SELECT RAISE (ABORT, 'the ledger only grows: message'); END;
CREATE TRIGGER message_stays    BEFORE DELETE ON message  BEGIN SELECT RAISE (ABORT, 'the ledger only grows: message'); END;
CREATE TRIGGER raw_keeps        BEFORE UPDATE ON raw      BEGIN SELECT RAISE (ABORT, 'the ledger only grows: raw'); END;
CREATE TRIGGER raw_stays        BEFORE DELETE ON raw      BEGIN SELECT RAISE (ABORT, 'the ledger only grows: raw'); END;
CREATE TRIGGER sighting_keeps   BEFORE UPDATE ON sighting BEGIN SELECT RAISE (ABORT, 'the ledger only grows: sighting'); END;
CREATE TRIGGER sighting_stays   BEFORE DELETE ON sighting BEGIN SELECT RAISE (ABORT, 'the ledger only grows: sighting'); END;
CREATE TRIGGER opening_keeps    BEFORE UPDATE ON opening  BEGIN SELECT RAISE (ABORT, 'the ledger only grows: opening'); END;
CREATE TRIGGER opening_stays    BEFORE DELETE ON opening  BEGIN SELECT RAISE (ABORT, 'the ledger only grows: opening'); END;
CREATE TRIGGER cert_keeps       BEFORE UPDATE ON cert     BEGIN SELECT RAISE (ABORT, 'the ledger only grows: cert'); END;
CREATE TRIGGER cert_stays       BEFORE DELETE ON cert     BEGIN SELECT RAISE (ABORT, 'the ledger only grows: cert'); END;
CREATE TRIGGER policy_keeps     BEFORE UPDATE ON policy   BEGIN SELECT RAISE (ABORT, 'the ledger only grows: policy'); END;
CREATE TRIGGER policy_stays     BEFORE DELETE ON policy   BEGIN SELECT RAISE (ABORT, 'the ledger only grows: policy'); END;
CREATE TRIGGER report_keeps     BEFORE UPDATE ON report   BEGIN SELECT RAISE (ABORT, 'the ledger only grows: report'); END;
CREATE TRIGGER report_stays     BEFORE DELETE ON report   BEGIN SELECT RAISE (ABORT, 'the ledger only grows: report'); END;
CREATE TRIGGER device_stays     BEFORE DELETE ON device   BEGIN SELECT RAISE (ABORT, 'the ledger only grows: device'); END;
CREATE TRIGGER device_counts_up BEFORE UPDATE ON device
    WHEN new.id <> old.id OR new.name <> old.name OR new.own <> old.own OR new.events < old.events
    BEGIN SELECT RAISE (ABORT, 'the ledger only grows: device'); END;
CREATE TRIGGER outbox_stays     BEFORE DELETE ON outbox   BEGIN SELECT RAISE (ABORT, 'the ledger only grows: outbox'); END;
CREATE TRIGGER outbox_keeps     BEFORE UPDATE OF id, report, message_id, sender, recipients, sealed, sha256, event ON outbox
    BEGIN SELECT RAISE (ABORT, 'the ledger only grows: outbox'); END;
-- Nothing leads out of sent and dropped. Out of unknown only a person leads, in whatever way a person may: the events say who.
CREATE TRIGGER outbox_moves     BEFORE UPDATE OF state ON outbox
    WHEN (old.state || '>' || new.state) NOT IN (
        'queued>sending', 'queued>dropped', 'sending>sent', 'sending>failed', 'sending>unknown',
        'failed>sending', 'failed>dropped', 'unknown>sending', 'unknown>sent', 'unknown>dropped')
    BEGIN SELECT RAISE (ABORT, 'no such step in the outbox'); END;
