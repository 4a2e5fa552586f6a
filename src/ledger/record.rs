//! What opening a mail gave is made durable, together with where the mail is filed.

use rusqlite::params;
use zeroize::Zeroizing;

use super::certs::source_name;
use super::connection::MAX_VALUE;
use super::find::spaced;
use super::rows::{RowDigest, json, name_of};
use super::{Ledger, LedgerError, MessageId, NewEvent, Result, Stamp};
use crate::case::{Uid, What, filing};
use crate::report::Opened;

/// Message-IDs kept of one mail's In-Reply-To and References; the first names the thread's start, the last the
/// message that was answered, so of more than this the middle goes.
const MAX_MENTIONS: usize = 200;

/// Bytes of a mail's text that go into the search index. Twenty MiB of unlike words would take longer to index than to
/// decrypt; the whole text is stored all the same.
const MAX_INDEXED: usize = 1024 * 1024;

/// Certificates that are taken out of one mail; the stored value names them all.
const MAX_CANDIDATES: usize = 32;

/// The longest Message-ID that is looked up; a line of mail has no more (RFC 5322 section 2.1.1).
const MAX_MESSAGE_ID: usize = 998;

/// What opening a mail gave, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The mail.
    pub message: MessageId,
    /// What opening it gave, for an unopened mail as well.
    pub opened: &'a Opened,
    /// A digest of the keys it was tried with: an unopened mail is tried again when this changes.
    pub tried_with: &'a str,
    /// What follows from it: a report opens, the mail is filed, an answer was found. The `judged` event is added by
    /// [`Ledger::record`].
    pub events: &'a [NewEvent],
}

impl Ledger {
    /// Stores what opening a mail gave, in the index and lookup columns too, and records what follows: all or nothing.
    /// A mail that was opened before keeps the earlier value in its history; the new one counts from here on.
    pub fn record(&mut self, record: &Record<'_>, stamp: &Stamp<'_>) -> Result<()> {
        self.batch(|ledger| {
            ledger.record_opening(record, stamp)?;
            ledger.append(record.events, stamp)
        })
    }

    fn record_opening(&self, record: &Record<'_>, stamp: &Stamp<'_>) -> Result<()> {
        let (message, opened) = (record.message.0, record.opened);
        let uid = self.uid_of(record.message)?;
        let value = Zeroizing::new(json(opened)?);
        if value.len() > MAX_VALUE - 1024 {
            return Err(LedgerError::TooLarge { size: value.len(), limit: MAX_VALUE - 1024 });
        }
        let what = What::Judged {
            encryption: name_of(&opened.verdict.encryption.status),
            signature: name_of(&opened.verdict.signature.status),
        };
        let evidence = opening_digest(&uid, record.tried_with, &value);
        let event = self.push(&NewEvent { report: None, message: Some(uid), what }, &evidence, stamp)?;
        self.conn
            .prepare_cached("INSERT INTO opening (message, tried_with, value, event) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![message, record.tried_with, value.as_str(), event])?;
        let opening = self.conn.last_insert_rowid();
        self.write_columns(message, opening, record.tried_with, &Columns::of(opened))?;
        self.index_words(message, opened)?;
        self.insert_candidates(opened, event)
    }

    fn uid_of(&self, message: MessageId) -> Result<Uid> {
        let found =
            self.conn.prepare_cached("SELECT uid FROM message WHERE id = ?1")?.query_row([message.0], |row| row.get(0));
        found.map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                LedgerError::NotFound { kind: "message", name: message.0.to_string() }
            }
            other => other.into(),
        })
    }

    fn write_columns(&self, message: i64, opening: i64, tried_with: &str, columns: &Columns) -> Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO opened (message, opening, tried_with, encryption, signature, quarantined, message_id,
                     payload, content, address, name, subject)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (message) DO UPDATE SET opening = excluded.opening, tried_with = excluded.tried_with,
                     encryption = excluded.encryption, signature = excluded.signature,
                     quarantined = excluded.quarantined, message_id = excluded.message_id,
                     payload = excluded.payload, content = excluded.content, address = excluded.address, name = excluded.name,
                     subject = excluded.subject",
            )?
            .execute(params![
                message,
                opening,
                tried_with,
                columns.encryption,
                columns.signature,
                columns.quarantined,
                columns.message_id,
                columns.payload,
                columns.content,
                columns.address,
                columns.name,
                columns.subject
            ])?;
        self.conn.prepare_cached("DELETE FROM mention WHERE message = ?1")?.execute([message])?;
        let mut insert =
            self.conn.prepare_cached("INSERT INTO mention (message, position, message_id) VALUES (?1, ?2, ?3)")?;
        for (position, id) in columns.mentions.iter().enumerate() {
            insert.execute(params![message, position as i64, id])?;
        }
        Ok(())
    }

    /// Puts the words into the index. Names of the parts count as text: people look for `poc.py`.
    fn index_words(&self, message: i64, opened: &Opened) -> Result<()> {
        self.conn.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([message])?;
        let header = &opened.header;
        let mut sender = String::new();
        for from in &header.from {
            sender.push_str(&from.address);
            sender.push(' ');
            sender.push_str(from.name.as_deref().unwrap_or_default());
            sender.push(' ');
        }
        let mut text = Zeroizing::new(spaced(cut(&opened.text, MAX_INDEXED)));
        for name in opened.parts.iter().filter_map(|part| part.name.as_deref()) {
            if text.len() > 2 * MAX_INDEXED {
                break;
            }
            text.push('\n');
            text.push_str(&spaced(name));
        }
        let subject = spaced(cut(header.subject.as_deref().unwrap_or_default(), MAX_INDEXED));
        self.conn
            .prepare_cached("INSERT INTO search (rowid, subject, sender, text) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![message, subject, spaced(cut(&sender, MAX_INDEXED)), text.as_str()])?;
        Ok(())
    }

    fn insert_candidates(&self, opened: &Opened, event: i64) -> Result<()> {
        for candidate in opened.candidates.iter().take(MAX_CANDIDATES) {
            let address = candidate.address.as_deref().unwrap_or_default();
            self.insert_cert(&candidate.fingerprint, address, source_name(candidate.source), &candidate.cert, event)?;
        }
        Ok(())
    }
}

/// What a `judged` event vouches for.
pub(super) fn opening_digest(uid: &str, tried_with: &str, value: &str) -> [u8; 32] {
    RowDigest::new("sealpost opening 1").text(uid).text(tried_with).text(value).done()
}

/// The lookup columns of a mail; `audit` computes them again from the stored value and compares.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) encryption: String,
    pub(super) signature: String,
    pub(super) quarantined: String,
    pub(super) message_id: String,
    pub(super) payload: String,
    pub(super) content: String,
    pub(super) address: String,
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) mentions: Vec<String>,
}

impl Columns {
    pub(super) fn of(opened: &Opened) -> Columns {
        let header = &opened.header;
        let sender = header.sender();
        let named = header.references.len() + header.in_reply_to.len();
        let middle = 1..named.saturating_sub(MAX_MENTIONS - 1).max(1);
        let mentions = header.references.iter().chain(&header.in_reply_to).enumerate();
        let mentions = mentions.filter(|(at, _)| !middle.contains(at));
        Columns {
            encryption: name_of(&opened.verdict.encryption.status),
            signature: name_of(&opened.verdict.signature.status),
            quarantined: opened.quarantined.clone().unwrap_or_default(),
            message_id: id_key(header.message_id.as_deref().unwrap_or_default()).into(),
            payload: opened.payload_sha256.clone().unwrap_or_default(),
            content: filing::content_key(opened).unwrap_or_default(),
            address: sender.map(|from| from.address.trim().to_ascii_lowercase()).unwrap_or_default(),
            name: sender.and_then(|from| from.name.clone()).unwrap_or_default(),
            subject: header.subject.clone().unwrap_or_default(),
            mentions: mentions.map(|(_, id)| id_key(id)).filter(|id| !id.is_empty()).map(str::to_owned).collect(),
        }
    }
}

/// A Message-ID as it is looked up: without white space around it, and of bounded length.
pub(super) fn id_key(id: &str) -> &str {
    cut(id.trim(), MAX_MESSAGE_ID)
}

/// The beginning of a text, at most `limit` bytes and whole characters.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}
