//! Replies, sealed, on their way out. A reply is handed over at most once by itself: what nobody can know stays
//! `unknown` until a person decides.

use rusqlite::{OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::rows::{RowDigest, from_json, garbled, json, some};
use super::{Ledger, LedgerError, NewEvent, Result, Stamp};
use crate::case::{Uid, What};

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
    /// Waiting; nothing went out.
    Queued,
    /// Being handed over by a run that is alive.
    Sending,
    /// The server took it.
    Sent,
    /// The server refused it or was not there; nothing went out, and it may be tried again.
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
    /// The server refused it or was not there, and why.
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
            let reason = if let Step::Failed(reason) = step { reason.as_str() } else { "" };
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
            found.push(outbox_item(row)?);
        }
        Ok(found)
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

    /// Where an event leaves a reply; `None` for events that are not about one.
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
            Step::Failed(_) => OutboxState::Failed,
            Step::Unknown => OutboxState::Unknown,
            Step::Drop => OutboxState::Dropped,
        }
    }

    fn may_follow(&self, state: OutboxState) -> bool {
        match self {
            Step::Send => matches!(state, OutboxState::Queued | OutboxState::Failed),
            Step::SendAgain => state == OutboxState::Unknown,
            Step::Sent => matches!(state, OutboxState::Sending | OutboxState::Unknown),
            Step::Failed(_) | Step::Unknown => state == OutboxState::Sending,
            Step::Drop => matches!(state, OutboxState::Queued | OutboxState::Failed | OutboxState::Unknown),
        }
    }

    fn event(&self, outbox: i64) -> What {
        match self {
            Step::Send | Step::SendAgain => What::Sending { outbox },
            Step::Sent => What::Sent { outbox },
            Step::Failed(reason) => What::SendFailed { outbox, reason: reason.clone() },
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
        copied: row.get(8)?,
    })
}
