//! Mail into the ledger: made durable, then opened, then filed. `poll`, `import` and `demo` all go this way.

mod filed;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;

use super::keys::{self, Unlock};
use super::{App, desk};
use crate::case::filing::Ours;
use crate::config::Config;
use crate::error::Error;
use crate::ledger::{Cursor, Direction, Incoming, Ledger, MessageId, MessageRow, Record, Stamp};
use crate::output::intake::Intake;
use crate::pgp::keyring::Keyring;
use crate::pgp::open::Context;
use crate::point;
use crate::report::Opened;
use crate::verdict::EncryptionStatus;
use crate::wire::received::{self, Receipt};
use crate::wire::{self, AfterSkip, Fetched, Position, Sighting, Sink, SinkError, Skipped};
use crate::worker::Reader;
use filed::file_one;

/// Mails that are opened and filed in one transaction: what one synchronisation to disk is shared by.
const FILED_TOGETHER: usize = 32;
/// Bytes of a mail's text that are kept beside the mail.
const TEXT_KEPT: usize = 4 << 20;

/// The ledger, taking mail in.
pub struct Taker<'a> {
    /// For the words.
    pub app: &'a App,
    /// The ledger.
    pub ledger: &'a mut Ledger,
    /// Counted as it goes.
    pub tally: Intake,
    /// What went wrong without keeping mail from being filed; to be told when all is done.
    pub failed: Option<Error>,
    stamp: Stamp<'a>,
    begun: Instant,
}

impl<'a> Taker<'a> {
    /// Begins to count.
    pub fn new(app: &'a App, ledger: &'a mut Ledger, source: String) -> Taker<'a> {
        let stamp = Stamp { who: &app.who, at: app.now };
        Taker { app, ledger, tally: Intake { source, ..Intake::default() }, failed: None, stamp, begun: Instant::now() }
    }

    /// Makes a batch durable, together with the position where there is one.
    pub fn store(&mut self, mail: &[Fetched], cursor: Option<(&str, Cursor)>) -> Result<(), Error> {
        let (wall, latest) = (self.app.wall, self.app.wall.max(self.app.now));
        let judge = |m: &Fetched| received::believed(m.received_at, &m.raw, wall, latest);
        let receipts: Vec<Receipt> = mail.iter().map(judge).collect();
        let incoming: Vec<Incoming<'_>> = mail.iter().zip(&receipts).map(|(m, r)| incoming(m, r.at)).collect();
        point::reach("intake.fetched");
        let stored = self.ledger.store_many(&incoming, cursor, &self.stamp)?;
        point::reach("intake.stored");
        self.tally.seen += stored.len() as u64;
        let known = stored.iter().filter(|s| s.known).count() as u64;
        self.tally.known += known;
        self.tally.stored += stored.len() as u64 - known;
        for (receipt, mail) in receipts.iter().zip(mail) {
            if let Some(said) = receipt.doubted {
                let place = crate::safe::line(&mail.sighting.mailbox);
                self.tally.warnings.push(format!(
                    "{place} says that mail {} was received at {said}, which cannot be; its clocks start at {}",
                    crate::safe::line(&mail.sighting.key),
                    receipt.at
                ));
            }
        }
        for (one, mail) in stored.iter().zip(mail) {
            if one.reused {
                let place = crate::safe::line(&mail.sighting.mailbox);
                self.tally
                    .warnings
                    .push(format!("{place} shows another mail under a UID that it used before; both are kept"));
            }
            if mail.truncated.is_some() {
                let place = crate::safe::line(&mail.sighting.mailbox);
                self.tally
                    .warnings
                    .push(format!("a mail in {place} is too large to be fetched whole; its beginning is kept"));
            }
        }
        Ok(())
    }

    /// Opens and files everything that is stored and not yet filed, then what a key opens now that did not before.
    pub fn settle(&mut self, config: &Config, retry_quarantined: bool) -> Result<(), Error> {
        let mut ring = self.keys(config);
        ring.agent_may_ask(self.app.interactive);
        let pending = self.ledger.pending()?;
        let hopeful =
            if ring.is_locked() && keys::can_unlock(self.app, config) { ring.digest_unlocked() } else { ring.digest() };
        let mut again = self.ledger.retryable(&hopeful)?;
        if retry_quarantined {
            again.extend(self.ledger.quarantined()?);
        }
        let pinned = self.ledger.pinned_since()?;
        if pending.is_empty() && again.is_empty() && pinned.is_empty() {
            return Ok(());
        }
        if let Err(e) = keys::unlock(self.app, config, &mut ring, Unlock::IfPossible) {
            // Mail is filed and clocked whether or not it can be read; a later poll opens it.
            self.tally.warnings.push(format!("{e}; mail is kept and will be opened later"));
        }
        let mut opener = Opener::new(self.app, config, self.ledger, ring)?;
        let mut order: BTreeMap<(Timestamp, MessageId), ()> = BTreeMap::new();
        for id in pending {
            let row = self.ledger.message(id)?;
            order.insert((row.received_at, id), ());
        }
        let order: Vec<MessageId> = order.into_keys().map(|(_, id)| id).collect();
        let bar = super::progress(self.app, order.len() as u64, "opening");
        for some in order.chunks(FILED_TOGETHER) {
            let tally = &mut self.tally;
            let stamp = self.stamp;
            self.ledger
                .batch(|ledger| some.iter().try_for_each(|id| file_one(ledger, &mut opener, *id, &stamp, tally)))?;
            bar.inc(some.len() as u64);
        }
        bar.finish_and_clear();
        for id in again {
            self.open_again(&mut opener, id)?;
        }
        for id in pinned {
            self.judge_again(&mut opener, id)?;
        }
        Ok(())
    }

    /// A person pinned the sender's certificate since: now the signature can be checked. What was said before stays in the
    /// history. Where the key that opened the mail is not at hand now, a later poll does it.
    fn judge_again(&mut self, opener: &mut Opener, id: MessageId) -> Result<(), Error> {
        let row = self.ledger.message(id)?;
        let opened = opener.open(self.ledger, &row)?;
        let as_before = row.opened.as_ref().is_some_and(|before| before.encryption == opened.verdict.encryption.status);
        if as_before && opened.quarantined.is_none() {
            let record = Record { message: id, opened: &opened, tried_with: &opener.digest, events: &[] };
            self.ledger.record(&record, &self.stamp)?;
        }
        Ok(())
    }

    /// A key file that has gone or is broken keeps no mail from being filed and clocked.
    fn keys(&mut self, config: &Config) -> Keyring {
        keys::load(config).unwrap_or_else(|e| {
            self.failed = Some(e.hint("mail is filed and clocked, and opened once the key is back"));
            Keyring::default()
        })
    }

    /// A mail that could not be opened before keeps its place; what it says is known now.
    fn open_again(&mut self, opener: &mut Opener, id: MessageId) -> Result<(), Error> {
        let row = self.ledger.message(id)?;
        let opened = opener.open(self.ledger, &row)?;
        let better = opened.verdict.encryption.status != EncryptionStatus::Unopened && opened.quarantined.is_none();
        let record = Record { message: id, opened: &opened, tried_with: &opener.digest, events: &[] };
        self.ledger.record(&record, &self.stamp)?;
        self.tally.opened_later += u64::from(better);
        Ok(())
    }

    /// The finished count; people are told all of it, or, where it is to be terse, only what needs one.
    pub fn finish(mut self, config: &Config, terse: bool) -> Result<Intake, Error> {
        self.tally.terse = terse;
        if self.app.json || !terse {
            self.tally.overdue = desk::Desk::read(self.app, config, self.ledger)?.overdue() as u64;
        } else {
            // Nobody is told what is overdue, so the whole history is not added up for it; what could not be judged by is
            // told all the same.
            desk::Rules::read(config, self.ledger, self.app.now)?;
        }
        self.tally.elapsed_s = (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        Ok(self.tally)
    }
}

impl Sink for Taker<'_> {
    fn position(&mut self, mailbox: &str) -> Option<Position> {
        let cursor = self.ledger.cursor(mailbox).ok()??;
        Some(Position { uidvalidity: cursor.epoch, next_uid: cursor.next_uid, below: cursor.below })
    }

    fn has(&mut self, sighting: &Sighting) -> bool {
        self.ledger.has_sighting(&sighting.mailbox, sighting.epoch, &sighting.key).unwrap_or(false)
    }

    fn sizes(&mut self, sighting: &Sighting) -> Vec<u64> {
        self.ledger.sighted_sizes(&sighting.mailbox, sighting.epoch, &sighting.key).unwrap_or_default()
    }

    /// With the first poll of a day.
    fn wants_all(&mut self) -> bool {
        super::poll::first_of_day(self.ledger, self.app.now)
    }

    fn batch(&mut self, mailbox: &str, mail: Vec<Fetched>, next: Option<Position>) -> Result<(), SinkError> {
        let cursor = next.map(|next| Cursor {
            epoch: next.uidvalidity,
            next_uid: next.next_uid,
            below: next.below,
            polled_at: self.app.now,
        });
        Ok(self.store(&mail, cursor.map(|cursor| (mailbox, cursor)))?)
    }

    fn skipped(&mut self, skipped: &Skipped) -> Result<AfterSkip, SinkError> {
        let place = crate::safe::line(&skipped.sighting.mailbox);
        self.tally.warnings.push(format!(
            "mail {} in {place} could not be fetched and is tried again: {}",
            crate::safe::line(&skipped.sighting.key),
            crate::safe::line(&skipped.reason)
        ));
        Ok(AfterSkip::TryAgain)
    }
}

fn incoming(mail: &Fetched, received_at: Timestamp) -> Incoming<'_> {
    Incoming {
        raw: &mail.raw,
        received_at,
        mailbox: &mail.sighting.mailbox,
        epoch: mail.sighting.epoch,
        key: &mail.sighting.key,
        direction: match mail.direction {
            wire::Direction::In => Direction::In,
            wire::Direction::Out => Direction::Out,
        },
    }
}

/// What opening needs: the keys, who we are, the present.
pub struct Opener {
    reader: Reader,
    ours: Ours,
    now: Timestamp,
    /// Names the keys that are at hand.
    pub digest: String,
}

impl Opener {
    /// With the keys of the configuration and the certificates that were pinned.
    pub fn new(app: &App, config: &Config, ledger: &Ledger, mut ring: Keyring) -> Result<Opener, Error> {
        let digest = ring.digest();
        let ours = super::ours(config, &ring);
        super::key::add_pinned(ledger, &mut ring)?;
        Ok(Opener { reader: app.reader(ring), ours, now: app.now, digest })
    }

    fn context(&self, row: &MessageRow) -> Context {
        Context { now: self.now, received_at: Some(row.received_at), own_addresses: self.ours.addresses.clone() }
    }

    fn open(&mut self, ledger: &Ledger, row: &MessageRow) -> Result<Opened, Error> {
        let raw = ledger.raw(row.id)?;
        let context = self.context(row);
        let mut opened = self.reader.open(&raw, &context)?;
        bound_text(&mut opened);
        Ok(opened)
    }

    /// One part of a stored mail, for `save`.
    pub fn part(
        &mut self,
        ledger: &Ledger,
        row: &MessageRow,
        path: &str,
    ) -> Result<Option<crate::secret::Plaintext>, Error> {
        let raw = ledger.raw(row.id)?;
        let context = self.context(row);
        Ok(self.reader.part(&raw, &context, path)?)
    }
}

/// More text than anybody reads is not kept a second time; the mail itself has all of it.
fn bound_text(opened: &mut Opened) {
    if opened.text.len() <= TEXT_KEPT {
        return;
    }
    let end = (0..=TEXT_KEPT).rev().find(|at| opened.text.is_char_boundary(*at)).unwrap_or_default();
    opened.text.truncate(end);
    opened
        .warnings
        .push("long-text: only the first 4 MiB of the text are shown; sealpost show --raw gives the mail".into());
}
