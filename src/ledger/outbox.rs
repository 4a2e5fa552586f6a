//! Replies, sealed, on their way out. A reply is handed over at most once by itself: what nobody can know stays
//! `unknown` until a person decides. One that failed for a passing reason is queued still: the table says `failed` of it (as
//! ledgers did from the first), and its last event says that it is tried again.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::rows::{RowDigest, from_json, garbled, instant, json, some};
use super::{Ledger, LedgerError, NewEvent, Result, Stamp};
use crate::case::{Passing, Uid, What};
use crate::reply::tries::Tries;

/// Why a reply is held after a restore.
pub(super) const RESTORED: &str = "restored from a backup: it may have gone out after the backup was made";

/// A sealed reply with its SMTP envelope.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The report it answers.
    pub report: &'a str,
    /// Its Message-ID, with angle brackets.
    pub message_id: &'a str,
    /// Sender of the SMTP envelope.
    pub sender: &'a str,
    /// Recipients of the SMTP envelope.
    pub recipients: &'a [String],
    /// The one set of bytes: here, on the wire and in Sent.
    pub sealed: &'a [u8],
}

/// How far a reply has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// Waiting, maybe tried in vain; nothing went out.
    Queued,
    /// Being handed over by a run that is alive.
    Sending,
    /// The server took it.
    Sent,
    /// The server refused it, or was not there for too long; nothing went out, and a person may have it tried again.
    Failed,
    /// It may have gone out; a person looks and decides.
    Unknown,
    /// A person took it out.
    Dropped,
}

/// What is to happen to a reply. Each is recorded with its event in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Handing over begins; durable before the first byte goes out. From `Queued` or `Failed`.
    Send,
    /// As `Send`, but a person decided that an `Unknown` one did not go out.
    SendAgain,
    /// The server took it; or, for an `Unknown` one, it was found to have gone out.
    Sent,
    /// It did not go out, for a reason that may pass: it stays queued.
    Later(String, Passing),
    /// It did not go out, and why; a person decides.
    Failed(String),
    /// The connection ended after the last byte and before the answer.
    Unknown,
    /// A person takes it out.
    Drop,
}

/// A reply in the outbox, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its number in this ledger's outbox.
    pub number: i64,
    /// The report it answers.
    pub report: Uid,
    /// Its Message-ID.
    pub message_id: String,
    /// Sender of the SMTP envelope.
    pub sender: String,
    /// Recipients of the SMTP envelope.
    pub recipients: Vec<String>,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// How far it has come.
    pub state: OutboxState,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// How often it was tried; not looked up for one that is sent or dropped.
    pub tries: Tries,
    /// A copy lies in the Sent mailbox.
    pub copied: bool,
}

impl Ledger {
    /// Puts a reply into the outbox; durable when this returns. Gives its number.
    pub fn queue(&mut self, letter: &Letter<'_>, stamp: &Stamp<'_>) -> Result<i64> {
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(letter.sealed));
        let recipients = json(&letter.recipients)?;
        self.batch(|ledger| {
            let number: i64 =
                ledger.conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM outbox", [], |row| row.get(0))?;
            let what = What::Queued { outbox: number, message_id: letter.message_id.into(), sha256: sha256.clone() };
            let new = NewEvent { report: Some(letter.report.into()), message: None, what };
            let evidence = letter_digest(letter.report, letter.message_id, letter.sender, &recipients, &sha256);
            let event = ledger.push(&new, &evidence, stamp)?;
            ledger.conn.execute(
                "INSERT INTO outbox (id, report, message_id, sender, recipients, sealed, sha256, event, state, reason,
                     copied)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', '', 0)",
                params![
                    number,
                    letter.report,
                    letter.message_id,
                    letter.sender,
                    recipients,
                    letter.sealed,
                    sha256,
                    event
                ],
            )?;
            Ok(number)
        })
    }

    /// Takes a reply one step further, with its event, or says why it cannot be.
    pub fn outbox_step(&mut self, number: i64, step: &Step, stamp: &Stamp<'_>) -> Result<()> {
        self.batch(|ledger| {
            let item = ledger.outbox_item(number)?;
            let wanted = step.leads_to();
            if !step.may_follow(item.state) {
                return Err(LedgerError::NoSuchStep { number, state: item.state.name(), wanted: wanted.name() });
            }
            let reason = if let Step::Failed(reason) | Step::Later(reason, _) = step { reason.as_str() } else { "" };
            let new = NewEvent { report: Some(item.report), message: None, what: step.event(number) };
            ledger.push(&new, &[], stamp)?;
            ledger.conn.execute(
                "UPDATE outbox SET state = ?2, reason = ?3 WHERE id = ?1",
                params![number, wanted.name(), reason],
            )?;
            Ok(())
        })
    }

    /// Notes that a copy of a sent reply lies in the Sent mailbox, so that none is filed there twice.
    pub fn outbox_copied(&mut self, number: i64) -> Result<()> {
        self.batch(|ledger| {
            Ok(ledger.conn.execute("UPDATE outbox SET copied = 1 WHERE id = ?1", [number]).map(drop)?)
        })
    }

    /// The whole outbox, oldest first.
    pub fn outbox(&self) -> Result<Vec<OutboxItem>> {
        self.outbox_where("ORDER BY id", &[])
    }

    /// What is neither sent nor dropped, oldest first.
    pub fn outbox_waiting(&self) -> Result<Vec<OutboxItem>> {
        // The sign keeps SQLite from walking all replies there ever were in their order; few wait.
        self.outbox_where("WHERE state NOT IN ('sent', 'dropped') ORDER BY +id", &[])
    }

    /// Among the newest replies, so many, those that are sent and of which no copy is known to lie in the Sent mailbox; oldest
    /// first. To look at all of them takes time that grows with what was ever sent.
    pub fn outbox_uncopied(&self, newest: i64) -> Result<Vec<OutboxItem>> {
        let among = "WHERE id > (SELECT coalesce(max(id), 0) FROM outbox) - ?1";
        self.outbox_where(&format!("{among} AND state = 'sent' AND copied = 0 ORDER BY id"), &[&newest])
    }

    /// When the newest reply that is out was handed over; `None` where none is.
    pub fn last_sent_at(&self) -> Result<Option<Timestamp>> {
        let newest = self.outbox_where("WHERE state = 'sent' ORDER BY id DESC LIMIT 1", &[])?;
        newest.first().map_or(Ok(None), |item| Ok(self.tries(item.number)?.last_at))
    }

    /// One reply.
    pub fn outbox_item(&self, number: i64) -> Result<OutboxItem> {
        let found = self.outbox_where("WHERE id = ?1", &[&number])?.pop();
        found.ok_or_else(|| LedgerError::NotFound { kind: "reply", name: number.to_string() })
    }

    /// The reply of ours with this Message-ID: to know an answer to it, and its copy in Sent.
    pub fn outbox_by_message_id(&self, message_id: &str) -> Result<Option<OutboxItem>> {
        Ok(self.outbox_where("WHERE message_id = ?1", &[&message_id.trim()])?.pop())
    }

    /// The bytes of a reply, the same on every try.
    pub fn sealed(&self, number: i64) -> Result<Vec<u8>> {
        self.conn
            .query_row("SELECT sealed FROM outbox WHERE id = ?1", [number], |row| row.get(0))
            .optional()?
            .ok_or_else(|| LedgerError::NotFound { kind: "reply", name: number.to_string() })
    }

    /// A reply that says `sending` when no other run is alive was cut off: nobody knows whether it went out.
    pub(super) fn settle_interrupted(&mut self, stamp: &Stamp<'_>) -> Result<()> {
        let cut_off = self.outbox_where("WHERE state NOT IN ('sent', 'dropped') AND state = 'sending'", &[])?;
        if cut_off.is_empty() {
            return Ok(());
        }
        self.batch(|ledger| cut_off.iter().try_for_each(|item| ledger.outbox_step(item.number, &Step::Unknown, stamp)))
    }

    /// After a restore: whatever waited when the backup was made may have gone out since, so nothing of it goes out by
    /// itself. Gives how many replies now wait for a person to decide.
    pub(super) fn hold_outbox(&mut self, stamp: &Stamp<'_>) -> Result<u64> {
        let items = self.outbox_where("WHERE state NOT IN ('sent', 'dropped') AND state <> 'unknown'", &[])?;
        self.batch(|ledger| {
            for item in &items {
                let step = Step::Unknown;
                let new = NewEvent { report: Some(item.report.clone()), message: None, what: step.event(item.number) };
                ledger.push(&new, &[], stamp)?;
                // The trigger knows no way from waiting to unknown but through sending; the history has no such claim.
                for state in [OutboxState::Sending, OutboxState::Unknown] {
                    ledger.conn.execute(
                        "UPDATE outbox SET state = ?2, reason = ?3 WHERE id = ?1 AND state <> ?2",
                        params![item.number, state.name(), RESTORED],
                    )?;
                }
            }
            Ok(ledger.outbox_where("WHERE state NOT IN ('sent', 'dropped') AND state = 'unknown'", &[])?.len() as u64)
        })
    }

    fn outbox_where(&self, rest: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<OutboxItem>> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT id, report, message_id, sender, recipients, sha256, state, reason, copied FROM outbox {rest}"
        ))?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut item = outbox_item(row)?;
            if !matches!(item.state, OutboxState::Sent | OutboxState::Dropped) {
                item.tries = self.tries(item.number)?;
            }
            if item.state == OutboxState::Failed && item.tries.failing() {
                item.state = OutboxState::Queued;
            }
            found.push(item);
        }
        Ok(found)
    }

    /// The events of one reply, which are its report's and about no mail, added up.
    fn tries(&self, number: i64) -> Result<Tries> {
        let mut statement = self.conn.prepare_cached(
            "SELECT e.at, e.what FROM outbox o JOIN event q ON q.id = o.event
             JOIN event e ON e.report = o.report AND e.report <> '' AND e.device = q.device
             WHERE o.id = ?1 AND e.id > q.id AND e.message = '' ORDER BY e.id",
        )?;
        let mut rows = statement.query([number])?;
        let mut tries = Tries::default();
        while let Some(row) = rows.next()? {
            let what = from_json(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?, "an event")?;
            if OutboxState::after(&what).is_some_and(|(of, _)| of == number) {
                tries.take(instant(row.get(0)?)?, &what);
            }
        }
        Ok(tries)
    }
}

impl OutboxItem {
    /// It went out, or may have: a mail with its Message-ID in the Sent mailbox is its copy.
    pub fn was_handed_over(&self) -> bool {
        matches!(self.state, OutboxState::Sending | OutboxState::Sent | OutboxState::Unknown)
    }
}

impl OutboxState {
    const ALL: [OutboxState; 6] = [
        OutboxState::Queued,
        OutboxState::Sending,
        OutboxState::Sent,
        OutboxState::Failed,
        OutboxState::Unknown,
        OutboxState::Dropped,
    ];

    /// Its name in the ledger and for people.
    pub fn name(self) -> &'static str {
        match self {
            OutboxState::Queued => "queued",
            OutboxState::Sending => "sending",
            OutboxState::Sent => "sent",
            OutboxState::Failed => "failed",
            OutboxState::Unknown => "unknown",
            OutboxState::Dropped => "dropped",
        }
    }

    fn from_name(name: &str) -> Result<OutboxState> {
        OutboxState::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| garbled("a reply"))
    }

    /// Where an event leaves a reply in the table; `None` for events that are not about one.
    pub(super) fn after(what: &What) -> Option<(i64, OutboxState)> {
        match what {
            What::Queued { outbox, .. } => Some((*outbox, OutboxState::Queued)),
            What::Sending { outbox } => Some((*outbox, OutboxState::Sending)),
            What::Sent { outbox } => Some((*outbox, OutboxState::Sent)),
            What::SendFailed { outbox, .. } => Some((*outbox, OutboxState::Failed)),
            What::SendUnknown { outbox } => Some((*outbox, OutboxState::Unknown)),
            What::Dropped { outbox } => Some((*outbox, OutboxState::Dropped)),
            _ => None,
        }
    }
}

impl Step {
    fn leads_to(&self) -> OutboxState {
        match self {
            Step::Send | Step::SendAgain => OutboxState::Sending,
            Step::Sent => OutboxState::Sent,
            // The first ledgers' trigger knows no way back to queued; the event tells the two apart.
            Step::Failed(_) | Step::Later(..) => OutboxState::Failed,
            Step::Unknown => OutboxState::Unknown,
            Step::Drop => OutboxState::Dropped,
        }
    }

    fn may_follow(&self, state: OutboxState) -> bool {
        match self {
            Step::Send => matches!(state, OutboxState::Queued | OutboxState::Failed),
            Step::SendAgain => state == OutboxState::Unknown,
            Step::Sent => matches!(state, OutboxState::Sending | OutboxState::Unknown),
            Step::Failed(_) | Step::Later(..) | Step::Unknown => state == OutboxState::Sending,
            Step::Drop => matches!(state, OutboxState::Queued | OutboxState::Failed | OutboxState::Unknown),
        }
    }

    /// What is recorded of it.
    pub fn event(&self, outbox: i64) -> What {
        match self {
            Step::Send | Step::SendAgain => What::Sending { outbox },
            Step::Sent => What::Sent { outbox },
            Step::Later(reason, passing) => {
                What::SendFailed { outbox, reason: reason.clone(), passing: Some(*passing) }
            }
            Step::Failed(reason) => What::SendFailed { outbox, reason: reason.clone(), passing: None },
            Step::Unknown => What::SendUnknown { outbox },
            Step::Drop => What::Dropped { outbox },
        }
    }
}

/// What a `queued` event vouches for.
pub(super) fn letter_digest(report: &str, message_id: &str, sender: &str, recipients: &str, sha256: &str) -> [u8; 32] {
    let digest = RowDigest::new("sealpost letter 1").text(report).text(message_id).text(sender);
    digest.text(recipients).text(sha256).done()
}

fn outbox_item(row: &Row<'_>) -> Result<OutboxItem> {
    Ok(OutboxItem {
        number: row.get(0)?,
        report: row.get(1)?,
        message_id: row.get(2)?,
        sender: row.get(3)?,
        recipients: from_json(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?, "a reply")?,
        sha256: row.get(5)?,
        state: OutboxState::from_name(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?)?,
        reason: some(row.get(7)?),
        tries: Tries::default(),
        copied: row.get(8)?,
    })
}
