//! What filing, lists and people ask of stored mails and reports.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row};
use zeroize::Zeroizing;

use super::record::id_key;
use super::rows::{from_json, from_name, instant, some};
use super::{Direction, Ledger, LedgerError, MessageId, ReportId, Result, content::ContentHash};
use crate::case::{Role, Uid};
use crate::report::Opened;
use crate::verdict::{EncryptionStatus, SignatureStatus};

/// A stored mail: what is known without looking into it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Its number here.
    pub id: MessageId,
    /// Its name everywhere.
    pub uid: Uid,
    /// SHA-256 of its bytes with line ends normalised, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes as they came.
    pub size: u64,
    /// Which way it went, at its first sighting.
    pub direction: Direction,
    /// When the server received it, at its first sighting.
    pub received_at: Timestamp,
    /// When it was stored.
    pub first_seen: Timestamp,
    /// The report it is filed with.
    pub report: Option<Uid>,
    /// How it is filed; `None` until it is.
    pub role: Option<Role>,
    /// What opening it gave, in short; `None` until that was tried.
    pub opened: Option<OpenedRow>,
}

/// The last opening of a mail, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedRow {
    /// Digest of the keys it was tried with.
    pub tried_with: String,
    /// Of the whole message.
    pub encryption: EncryptionStatus,
    /// Of the whole message.
    pub signature: SignatureStatus,
    /// The limit that was hit.
    pub quarantined: Option<String>,
    /// With its angle brackets.
    pub message_id: Option<String>,
    /// SHA-256 of what the decryption gave.
    pub payload_sha256: Option<String>,
    /// The one From address, lower case.
    pub address: Option<String>,
    /// Its display name.
    pub name: Option<String>,
    /// Subject.
    pub subject: Option<String>,
}

/// A report: what is known without its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// Its number here.
    pub id: ReportId,
    /// Its name everywhere.
    pub uid: Uid,
    /// When its clock starts.
    pub received_at: Timestamp,
    /// The reporter's address, as its first event has it.
    pub reporter: String,
    /// Mails filed with it.
    pub messages: u64,
    /// The mail that opened it, where it is here.
    pub opening: Option<MessageRow>,
}

/// One place where a mail was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightingRow {
    /// Mailbox URL, Maildir or file.
    pub mailbox: String,
    /// UIDVALIDITY, or 0.
    pub epoch: u32,
    /// UID, name or offset.
    pub key: String,
    /// Which way mail goes there.
    pub direction: Direction,
    /// When the server received it there.
    pub received_at: Timestamp,
    /// When it was first seen there.
    pub first_seen: Timestamp,
}

const MESSAGE: &str = "m.id, m.uid, m.sha256, m.size, m.direction, m.received_at, m.first_seen, f.report, f.role,
    o.tried_with, o.encryption, o.signature, o.quarantined, o.message_id, o.payload, o.address, o.name, o.subject";
const MESSAGES: &str = "FROM message m LEFT JOIN filing f ON f.message = m.id LEFT JOIN opened o ON o.message = m.id";

impl Ledger {
    /// The bytes of a mail as they came.
    pub fn raw(&self, message: MessageId) -> Result<Vec<u8>> {
        self.conn
            .prepare_cached("SELECT bytes FROM raw WHERE message = ?1")?
            .query_row([message.0], |row| row.get(0))
            .optional()?
            .ok_or_else(|| no_message(message))
    }

    /// One mail.
    pub fn message(&self, message: MessageId) -> Result<MessageRow> {
        let found = self.messages_where("WHERE m.id = ?1", &[&message.0])?;
        found.into_iter().next().ok_or_else(|| no_message(message))
    }

    /// What the last opening of a mail gave; `None` where it was never tried.
    pub fn opened(&self, message: MessageId) -> Result<Option<Opened>> {
        let value: Option<Zeroizing<String>> = self
            .conn
            .prepare_cached("SELECT p.value FROM opened o JOIN opening p ON p.id = o.opening WHERE o.message = ?1")?
            .query_row([message.0], |row| row.get(0).map(Zeroizing::new))
            .optional()?;
        value.map(|text| from_json(&text, "an opened mail")).transpose()
    }

    /// Where a mail was seen, oldest sighting first.
    pub fn sightings(&self, message: MessageId) -> Result<Vec<SightingRow>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT mailbox, epoch, key, direction, received_at, first_seen FROM sighting WHERE message = ?1 ORDER BY id",
        )?;
        let mut rows = statement.query([message.0])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(SightingRow {
                mailbox: row.get(0)?,
                epoch: row.get(1)?,
                key: row.get(2)?,
                direction: Direction::from_name(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
                received_at: instant(row.get(4)?)?,
                first_seen: instant(row.get(5)?)?,
            });
        }
        Ok(found)
    }

    /// True where a mail was seen in this very place before.
    pub fn has_sighting(&self, mailbox: &str, epoch: u32, key: &str) -> Result<bool> {
        let mut statement =
            self.conn.prepare_cached("SELECT 1 FROM sighting WHERE mailbox = ?1 AND epoch = ?2 AND key = ?3")?;
        Ok(statement.exists((mailbox, epoch, key))?)
    }

    /// The sizes of the mails that were seen in this very place: one, unless the server used a number twice.
    pub fn sighted_sizes(&self, mailbox: &str, epoch: u32, key: &str) -> Result<Vec<u64>> {
        let mut statement = self.conn.prepare_cached(
            "SELECT m.size FROM sighting s JOIN message m ON m.id = s.message
             WHERE s.mailbox = ?1 AND s.epoch = ?2 AND s.key = ?3",
        )?;
        let sizes = statement.query_map((mailbox, epoch, key), |row| row.get::<_, i64>(0))?;
        sizes.map(|size| Ok(u64::try_from(size?).unwrap_or_default())).collect()
    }

    /// The keys already seen in this epoch of a mailbox: what need not be fetched again.
    pub fn sighted(&self, mailbox: &str, epoch: u32) -> Result<HashSet<String>> {
        let mut statement = self.conn.prepare_cached("SELECT key FROM sighting WHERE mailbox = ?1 AND epoch = ?2")?;
        let keys = statement.query_map((mailbox, epoch), |row| row.get(0))?;
        Ok(keys.collect::<rusqlite::Result<_>>()?)
    }

    /// Mails that are stored and not yet opened or not yet filed, oldest first: what a run that was killed left to do.
    pub fn pending(&self) -> Result<Vec<MessageId>> {
        self.ids(
            "SELECT id FROM message m WHERE NOT EXISTS (SELECT 1 FROM opened o WHERE o.message = m.id)
             OR NOT EXISTS (SELECT 1 FROM filing f WHERE f.message = m.id) ORDER BY id",
            &[],
        )
    }

    /// Unopened mails that were tried with other keys than these, oldest first. Quarantined mails are not among them.
    pub fn retryable(&self, tried_with: &str) -> Result<Vec<MessageId>> {
        self.ids(
            "SELECT message FROM opened WHERE (encryption = 'unopened' OR quarantined <> '')
             AND encryption = 'unopened' AND quarantined = '' AND tried_with <> ?1 ORDER BY message",
            &[&tried_with],
        )
    }

    /// Mails with a signature that nobody here knew, from senders for whom a certificate was pinned since, oldest first.
    pub fn pinned_since(&self) -> Result<Vec<MessageId>> {
        self.ids(
            "SELECT o.message FROM opened o JOIN opening g ON g.id = o.opening JOIN pin p ON p.address = lower(o.address)
             WHERE o.signature = 'unknown_key' AND g.event < p.event ORDER BY o.message",
            &[],
        )
    }

    /// Mails on which a limit was hit, oldest first.
    pub fn quarantined(&self) -> Result<Vec<MessageId>> {
        self.ids(
            "SELECT message FROM opened WHERE (encryption = 'unopened' OR quarantined <> '') AND quarantined <> ''
             ORDER BY message",
            &[],
        )
    }

    /// Mails with this Message-ID, oldest first. It identifies nothing: anyone may write any.
    pub fn by_message_id(&self, message_id: &str) -> Result<Vec<MessageRow>> {
        let id = id_key(message_id);
        self.messages_where("WHERE o.message_id = ?1 AND o.message_id <> '' ORDER BY m.id", &[&id])
    }

    /// Mails that name this Message-ID in In-Reply-To or References, oldest first.
    pub fn mentioning(&self, message_id: &str) -> Result<Vec<MessageRow>> {
        let id = id_key(message_id);
        self.messages_where("WHERE m.id IN (SELECT message FROM mention WHERE message_id = ?1) ORDER BY m.id", &[&id])
    }

    /// Mails whose decryption gave the bytes of this SHA-256 (lower-case hexadecimal), oldest first.
    pub fn by_payload(&self, sha256: &str) -> Result<Vec<MessageRow>> {
        self.messages_where("WHERE o.payload = ?1 AND o.payload <> '' ORDER BY m.id", &[&sha256])
    }

    /// Mails with this [`content_key`](crate::case::filing::content_key), oldest first.
    pub fn by_content_key(&self, key: &str) -> Result<Vec<MessageRow>> {
        self.messages_where("WHERE o.content = ?1 AND o.content <> '' ORDER BY m.id", &[&key])
    }

    /// The mail with these bytes, line ends aside.
    pub fn by_content(&self, hash: &ContentHash) -> Result<Option<MessageRow>> {
        Ok(self.messages_where("WHERE m.sha256 = ?1", &[&hash.0])?.pop())
    }

    /// The mails filed with a report, in the order the server received them.
    pub fn messages_of(&self, report: &str) -> Result<Vec<MessageRow>> {
        self.messages_where("WHERE f.report = ?1 ORDER BY m.received_at, m.id", &[&report])
    }

    /// Automatic and outgoing mails that lie with no report, in the order the server received them.
    pub fn messages_of_no_report(&self) -> Result<Vec<MessageRow>> {
        self.messages_where("WHERE f.report = '' ORDER BY m.received_at, m.id", &[])
    }

    /// Every report, in the order of its number.
    pub fn reports(&self) -> Result<Vec<ReportRow>> {
        self.reports_where("ORDER BY r.id", &[])
    }

    /// One report by its uid.
    pub fn report(&self, uid: &str) -> Result<Option<ReportRow>> {
        Ok(self.reports_where("WHERE r.uid = ?1", &[&uid])?.pop())
    }

    pub(super) fn reports_where(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<ReportRow>> {
        let sql = format!(
            "SELECT {MESSAGE}, r.id, r.uid, r.received_at, r.reporter,
                    (SELECT count(*) FROM filing c WHERE c.report = r.uid)
             FROM report r LEFT JOIN message m ON m.uid = r.uid LEFT JOIN filing f ON f.message = m.id
             LEFT JOIN opened o ON o.message = m.id {rest}"
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let here: Option<i64> = row.get(0)?;
            found.push(ReportRow {
                opening: here.map(|_| message_row(row)).transpose()?,
                id: ReportId(row.get(18)?),
                uid: row.get(19)?,
                received_at: instant(row.get(20)?)?,
                reporter: row.get(21)?,
                messages: row.get::<_, i64>(22)?.unsigned_abs(),
            });
        }
        Ok(found)
    }

    pub(super) fn messages_where(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<MessageRow>> {
        let mut statement = self.conn.prepare_cached(&format!("SELECT {MESSAGE} {MESSAGES} {rest}"))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(message_row(row)?);
        }
        Ok(found)
    }

    pub(super) fn ids(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<MessageId>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let ids = statement.query_map(values, |row| row.get(0).map(MessageId))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }
}

fn message_row(row: &Row<'_>) -> Result<MessageRow> {
    let role: Option<String> = row.get(8)?;
    Ok(MessageRow {
        id: MessageId(row.get(0)?),
        uid: row.get(1)?,
        sha256: HEXLOWER.encode(&row.get::<_, [u8; 32]>(2)?),
        size: row.get::<_, i64>(3)?.unsigned_abs(),
        direction: Direction::from_name(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
        received_at: instant(row.get(5)?)?,
        first_seen: instant(row.get(6)?)?,
        report: row.get::<_, Option<String>>(7)?.and_then(some),
        role: role.map(|name| from_name(name, "a role")).transpose()?,
        opened: row.get::<_, Option<String>>(9)?.map(|tried_with| opened_row(row, tried_with)).transpose()?,
    })
}

fn opened_row(row: &Row<'_>, tried_with: String) -> Result<OpenedRow> {
    Ok(OpenedRow {
        tried_with,
        encryption: from_name(row.get(10)?, "an encryption status")?,
        signature: from_name(row.get(11)?, "a signature status")?,
        quarantined: some(row.get(12)?),
        message_id: some(row.get(13)?),
        payload_sha256: some(row.get(14)?),
        address: some(row.get(15)?),
        name: some(row.get(16)?),
        subject: some(row.get(17)?),
    })
}

fn no_message(message: MessageId) -> LedgerError {
    LedgerError::NotFound { kind: "message", name: message.0.to_string() }
}
