//! A mail is made durable, before anything parses it.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::connection::MAX_VALUE;
use super::content::ContentHash;
use super::rows::{RowDigest, garbled, instant, kept, micros};
use super::{Direction, Ledger, LedgerError, MessageId, NewEvent, Result, Stamp};
use crate::case::{Uid, What};

/// Hexadecimal digits of a content hash that make a uid, where they are not taken.
const UID_DIGITS: usize = 10;

/// The cursor that stands for polls as a whole; no mailbox can have this name.
const POLLED: &str = "";

/// A mail as a source hands it over, and where it was seen. Mailbox, epoch and key name that place: for IMAP the
/// mailbox's URL, UIDVALIDITY and UID; for files the folder or file, 0, and the name or offset.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// As it came, to the byte.
    pub raw: &'a [u8],
    /// When the server received it; starts clocks.
    pub received_at: Timestamp,
    /// `imap://user@host/MAILBOX`, `maildir:/path`, `file:/path`.
    pub mailbox: &'a str,
    /// UIDVALIDITY, or 0.
    pub epoch: u32,
    /// The UID in decimal, or the name or offset.
    pub key: &'a str,
    /// Which way it went.
    pub direction: Direction,
}

/// What became of a mail that was handed over. In every case it is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number here.
    pub id: MessageId,
    /// Its name everywhere.
    pub uid: Uid,
    /// Its bytes were here before.
    pub known: bool,
    /// It had been seen in this very place before: nothing was written.
    pub sighted: bool,
    /// This place showed other bytes before, which a server must never do (RFC 9051 section 2.3.1.1); both are kept.
    pub reused: bool,
}

/// Where to go on in a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// UIDVALIDITY that `next_uid` belongs to.
    pub epoch: u32,
    /// Every message with a lower UID is stored.
    pub next_uid: u32,
    /// How many messages below `next_uid` were there; one that was hidden then shows in the count.
    pub below: u32,
    /// When all that was new had last been stored.
    pub polled_at: Timestamp,
}

impl Ledger {
    /// Stores one mail; durable when this returns.
    pub fn store(&mut self, mail: &Incoming<'_>, stamp: &Stamp<'_>) -> Result<Stored> {
        self.batch(|ledger| ledger.store_one(mail, stamp))
    }

    /// Stores mails, and the cursor of the mailbox they came from, in one transaction: all durable when this returns,
    /// and after an error none of them, nor the cursor. Gives one [`Stored`] for each mail, in order.
    pub fn store_many(
        &mut self,
        mails: &[Incoming<'_>],
        cursor: Option<(&str, Cursor)>,
        stamp: &Stamp<'_>,
    ) -> Result<Vec<Stored>> {
        self.batch(|ledger| {
            let stored = mails.iter().map(|mail| ledger.store_one(mail, stamp)).collect::<Result<Vec<_>>>()?;
            if let Some((mailbox, cursor)) = cursor {
                ledger.write_cursor(mailbox, cursor)?;
            }
            Ok(stored)
        })
    }

    /// Where to go on in `mailbox`; `None` where it was never read.
    pub fn cursor(&self, mailbox: &str) -> Result<Option<Cursor>> {
        let row = self
            .conn
            .prepare_cached("SELECT epoch, next_uid, below, polled_at FROM cursor WHERE mailbox = ?1")?
            .query_row([mailbox], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        row.map(|(epoch, next_uid, below, at)| Ok(Cursor { epoch, next_uid, below, polled_at: instant(at)? }))
            .transpose()
    }

    /// When a poll last went well, to the hour: see [`Ledger::note_poll`].
    pub fn last_poll(&self) -> Result<Option<Timestamp>> {
        Ok(self.cursor(POLLED)?.map(|cursor| cursor.polled_at))
    }

    /// Notes that a poll went well. A poll that found nothing writes nothing, so this is kept to the hour.
    pub fn note_poll(&mut self, at: Timestamp) -> Result<()> {
        let fresh = |last: Timestamp| at.duration_since(last).abs().as_secs() < 3600;
        if self.last_poll()?.is_some_and(fresh) {
            return Ok(());
        }
        self.set_cursor(POLLED, Cursor { epoch: 0, next_uid: 0, below: 0, polled_at: at })
    }

    /// Moves the cursor of `mailbox` when there is nothing to store with it.
    pub fn set_cursor(&mut self, mailbox: &str, cursor: Cursor) -> Result<()> {
        self.batch(|ledger| ledger.write_cursor(mailbox, cursor))
    }

    fn store_one(&self, mail: &Incoming<'_>, stamp: &Stamp<'_>) -> Result<Stored> {
        if mail.raw.len() > MAX_VALUE - 1024 {
            return Err(LedgerError::TooLarge { size: mail.raw.len(), limit: MAX_VALUE - 1024 });
        }
        let hash = ContentHash::of(mail.raw);
        let known: Option<(i64, Uid)> = self
            .conn
            .prepare_cached("SELECT id, uid FROM message WHERE sha256 = ?1")?
            .query_row([&hash.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let reused = self.shows_other_bytes(mail, known.as_ref().map(|(id, _)| *id))?;
        match known {
            None => {
                let (id, uid) = self.insert_message(mail, &hash, stamp)?;
                Ok(Stored { id: MessageId(id), uid, known: false, sighted: false, reused })
            }
            Some((id, uid)) => {
                let sighted = self.is_sighting_of(mail, id)?;
                if !sighted {
                    self.insert_again(mail, id, &uid, stamp)?;
                }
                Ok(Stored { id: MessageId(id), uid, known: true, sighted, reused })
            }
        }
    }

    fn insert_message(&self, mail: &Incoming<'_>, hash: &ContentHash, stamp: &Stamp<'_>) -> Result<(i64, Uid)> {
        let uid = self.free_uid(&hash.to_string())?;
        let place = place_digest(mail, &uid, stamp.at);
        let size = mail.raw.len() as i64;
        let (received_at, seen) = (micros(mail.received_at), micros(stamp.at));
        let evidence = message_digest(&uid, &hash.0, mail.raw, mail.direction.name(), received_at, seen, &place);
        let what = What::Received {
            sha256: hash.to_string(),
            size: mail.raw.len() as u64,
            received_at: kept(mail.received_at),
            source: source(mail),
        };
        let event = self.push(&NewEvent { report: None, message: Some(uid.clone()), what }, &evidence, stamp)?;
        self.conn
            .prepare_cached(
                "INSERT INTO message (uid, sha256, size, direction, received_at, first_seen, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![uid, hash.0, size, mail.direction.name(), received_at, seen, event])?;
        let id = self.conn.last_insert_rowid();
        self.conn.prepare_cached("INSERT INTO raw (message, bytes) VALUES (?1, ?2)")?.execute(params![id, mail.raw])?;
        self.insert_sighting(mail, id, event, stamp)?;
        Ok((id, uid))
    }

    fn insert_again(&self, mail: &Incoming<'_>, id: i64, uid: &str, stamp: &Stamp<'_>) -> Result<()> {
        let what = What::Sighted { received_at: kept(mail.received_at), source: source(mail) };
        let evidence = place_digest(mail, uid, stamp.at);
        let event = self.push(&NewEvent { report: None, message: Some(uid.into()), what }, &evidence, stamp)?;
        self.insert_sighting(mail, id, event, stamp)
    }

    fn insert_sighting(&self, mail: &Incoming<'_>, id: i64, event: i64, stamp: &Stamp<'_>) -> Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO sighting (message, mailbox, epoch, key, direction, received_at, first_seen, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                id,
                mail.mailbox,
                mail.epoch,
                mail.key,
                mail.direction.name(),
                micros(mail.received_at),
                micros(stamp.at),
                event
            ])?;
        Ok(())
    }

    fn is_sighting_of(&self, mail: &Incoming<'_>, id: i64) -> Result<bool> {
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM sighting WHERE mailbox = ?1 AND epoch = ?2 AND key = ?3 AND message = ?4")?
            .exists(params![mail.mailbox, mail.epoch, mail.key, id])?)
    }

    fn shows_other_bytes(&self, mail: &Incoming<'_>, id: Option<i64>) -> Result<bool> {
        Ok(self
            .conn
            .prepare_cached("SELECT 1 FROM sighting WHERE mailbox = ?1 AND epoch = ?2 AND key = ?3 AND message <> ?4")?
            .exists(params![mail.mailbox, mail.epoch, mail.key, id.unwrap_or(0)])?)
    }

    /// The first digits of the hash, and one more for as long as another mail has that name.
    fn free_uid(&self, hash: &str) -> Result<Uid> {
        let mut taken = self.conn.prepare_cached("SELECT 1 FROM message WHERE uid = ?1")?;
        for length in UID_DIGITS..=hash.len() {
            let uid = hash.get(..length).unwrap_or(hash);
            if !taken.exists([uid])? {
                return Ok(uid.into());
            }
        }
        Err(garbled("two mails of one hash"))
    }

    fn write_cursor(&self, mailbox: &str, cursor: Cursor) -> Result<()> {
        let at = micros(cursor.polled_at);
        let digest = cursor_digest(mailbox, cursor.epoch.into(), cursor.next_uid.into(), cursor.below.into(), at);
        self.conn
            .prepare_cached(
                "INSERT INTO cursor (mailbox, epoch, next_uid, below, polled_at, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (mailbox) DO UPDATE SET epoch = excluded.epoch, next_uid = excluded.next_uid,
                 below = excluded.below, polled_at = excluded.polled_at, digest = excluded.digest",
            )?
            .execute(params![mailbox, cursor.epoch, cursor.next_uid, cursor.below, at, digest])?;
        Ok(())
    }
}

/// The place as people read it; for IMAP a URL in the manner of RFC 5092 section 4.
fn source(mail: &Incoming<'_>) -> String {
    match mail.epoch {
        0 => format!("{}#{}", mail.mailbox, mail.key),
        epoch => format!("{};UIDVALIDITY={epoch}/;UID={}", mail.mailbox, mail.key),
    }
}

fn place_digest(mail: &Incoming<'_>, uid: &str, seen: Timestamp) -> [u8; 32] {
    let (epoch, direction) = (mail.epoch.into(), mail.direction.name());
    sighting_digest(uid, mail.mailbox, epoch, mail.key, direction, micros(mail.received_at), micros(seen))
}

/// What a `sighted` event vouches for.
pub(super) fn sighting_digest(
    uid: &str,
    mailbox: &str,
    epoch: i64,
    key: &str,
    direction: &str,
    received_at: i64,
    first_seen: i64,
) -> [u8; 32] {
    let digest = RowDigest::new("sealpost sighting 1").text(uid).text(mailbox).int(epoch).text(key);
    digest.text(direction).int(received_at).int(first_seen).done()
}

/// What a `received` event vouches for: the message, its bytes to the last line end, and its first sighting.
pub(super) fn message_digest(
    uid: &str,
    sha256: &[u8],
    raw: &[u8],
    direction: &str,
    received_at: i64,
    first_seen: i64,
    sighting: &[u8],
) -> [u8; 32] {
    let digest = RowDigest::new("sealpost message 1").text(uid).bytes(sha256).int(raw.len() as i64);
    let digest = digest.bytes(&Sha256::digest(raw)).text(direction);
    digest.int(received_at).int(first_seen).bytes(sighting).done()
}

/// A cursor moves without an event, so its row carries its own digest.
pub(super) fn cursor_digest(mailbox: &str, epoch: i64, next_uid: i64, below: i64, polled_at: i64) -> [u8; 32] {
    RowDigest::new("sealpost cursor 1").text(mailbox).int(epoch).int(next_uid).int(below).int(polled_at).done()
}
