//! One sealed SQLite file that only grows: every mail as it came, what opening it gave, and what happened since.
//!
//! # Layout
//!
//! - `schema.sql` — the tables, commented: facts, and projections that repeat what facts add up to.
//! - `key.rs`, `private.rs`, `lock.rs` — the file's key; folders and files nobody else may enter; one writer at a time.
//! - `connection.rs` — SQLite made to do what we rely on, read back at each open.
//! - `birth.rs`, `migrate.rs` — a ledger begins, moves to the next schema.
//! - `backup.rs`, `container.rs`, `restore.rs`, `salvage.rs` — it is copied, comes back, is read when it is damaged.
//! - `chain.rs` — events and their hash chain; `projection.rs` — what some of them change in other tables.
//! - `store.rs` — a mail is made durable; `record.rs` — so is what opening it gave; `outbox.rs`, `certs.rs`, `policies.rs`.
//! - `read.rs`, `find.rs`, `watch.rs` — what filing, lists, people and the watchman ask.
//! - `audit.rs`, `anchor.rs` — does all of it hold together, and is it still what it was?
//!
//! # Invariants
//!
//! - A call that returned `Ok` outside [`Ledger::batch`] is on the disk (WAL, `synchronous=FULL`); one that failed left
//!   nothing behind.
//! - Facts are never changed or deleted; triggers refuse it, and `audit` finds who got round them.
//! - Every value reaches SQL as a bound parameter. Nothing here reads the clock: now comes in a [`Stamp`].
//! - A damaged, foreign or missing ledger is an error with words, never a reason to begin an empty one.

mod anchor;
mod audit;
mod backup;
mod birth;
mod certs;
mod chain;
mod connection;
mod container;
mod content;
mod error;
mod find;
mod key;
mod lock;
mod migrate;
mod outbox;
mod policies;
mod private;
mod projection;
mod read;
mod record;
mod restore;
mod rows;
mod salvage;
mod store;
mod watch;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;

use crate::case::{Uid, What};
use crate::point;

pub use anchor::Anchor;
pub use audit::Audit;
pub use backup::{LastBackup, Snapshot, Unpacked};
pub use birth::Places;
pub use certs::StoredCert;
pub use container::Manifest;
pub use content::ContentHash;
pub use error::LedgerError;
pub use key::LedgerKey;
pub use outbox::{Letter, OutboxItem, OutboxState, Step};
pub use policies::AdoptedPolicy;
pub use read::{MessageRow, OpenedRow, ReportRow, SightingRow};
pub use record::Record;
pub use restore::{KeyHome, Receiving, Restored, restore_key};
pub use salvage::{Lost, Salvage, Salvaged, Saved};
pub use store::{Cursor, Incoming, Stored};

/// What the functions of the ledger give.
pub type Result<T> = std::result::Result<T, LedgerError>;

/// A message's number in this ledger, from 1 without gaps. Other workstations know it by its uid only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

/// A report's number in this ledger, from 1 without gaps: what people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId(pub i64);

/// Which way a mail went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    In,
    /// From us: it was seen in the Sent mailbox.
    Out,
}

/// Who records something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The login name, or the command that works by itself: `poll`.
    pub who: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// An event that is about to be recorded; the ledger adds who, when, device, number and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The report it is about.
    pub report: Option<Uid>,
    /// The message it is about.
    pub message: Option<Uid>,
    /// What happened.
    pub what: What,
}

/// An open ledger: the one that may write, or one of many that only read.
pub struct Ledger {
    conn: Connection,
    path: PathBuf,
    /// The own device: its row and its name.
    device: (i64, String),
    /// Held for as long as this ledger may write.
    lock: Option<lock::WriterLock>,
    /// A write failed in a way after which SQLite's state is not to be built upon.
    halted: bool,
}

impl Ledger {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The random name of this ledger's own device, in its events.
    pub fn device(&self) -> &str {
        &self.device.1
    }

    /// Runs `work` in one transaction: all that it stored is durable when this returns `Ok`, and none of it after an
    /// `Err`. One synchronisation to disk for the whole of it, so that many mails cost what one costs; keep it bounded.
    pub fn batch<T, E: From<LedgerError>>(
        &mut self,
        work: impl FnOnce(&mut Ledger) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.may_write()?;
        let outermost = self.conn.is_autocommit();
        let (begin, end) =
            if outermost { ("BEGIN IMMEDIATE", "COMMIT") } else { ("SAVEPOINT within", "RELEASE within") };
        self.conn.execute_batch(begin).map_err(LedgerError::from)?;
        point::reach("batch.begun");
        let outcome = work(self).and_then(|value| {
            self.may_write()?;
            point::reach("batch.full");
            let ended = self.conn.execute_batch(end);
            // What a failed synchronisation left in the system's cache is not known: no second try over it.
            self.halted |= ended.is_err();
            ended.map_err(LedgerError::unsure)?;
            point::reach("batch.done");
            Ok(value)
        });
        if outcome.is_err() {
            self.undo(outermost);
        }
        outcome
    }

    fn may_write(&self) -> Result<()> {
        if self.lock.is_none() {
            return Err(LedgerError::ReadOnly);
        }
        if self.halted { Err(LedgerError::Halted) } else { Ok(()) }
    }

    /// After a full disk or a failing one, SQLite may have rolled the whole transaction back by itself. Whoever goes on
    /// then would commit half of a batch, so this handle stops for good; what is on the disk is sound.
    fn undo(&mut self, outermost: bool) {
        let lost = self.conn.is_autocommit();
        let undone = match (lost, outermost) {
            (true, _) => Ok(()),
            (false, true) => self.conn.execute_batch("ROLLBACK"),
            (false, false) => self.conn.execute_batch("ROLLBACK TO within; RELEASE within"),
        };
        self.halted |= lost || undone.is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// When SQLite itself rolls a batch back, as it does when the disk is full, what follows in the batch must not be
    /// committed on its own.
    #[test]
    fn a_full_disk_in_the_middle_of_a_batch_stores_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let (path, key) = (folder.path().join("ledger.db"), LedgerKey::generate().unwrap());
        let stamp = Stamp { who: "poll", at: "2026-03-02T10:00:00Z".parse().unwrap() };
        let mut ledger = Ledger::create(&path, &key, &stamp).unwrap();
        let pages: i64 = ledger.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        ledger.conn.pragma_update(None, "max_page_count", pages + 20).unwrap();
        let large = vec![b'x'; 1024 * 1024];
        let mail =
            |raw| Incoming { raw, received_at: stamp.at, mailbox: "m", epoch: 1, key: "1", direction: Direction::In };
        let done: Result<()> = ledger.batch(|ledger| {
            ledger.store(&mail(b"before"), &stamp)?;
            assert!(matches!(ledger.store(&mail(&large), &stamp), Err(LedgerError::DiskFull)));
            // Whoever passes over the error and goes on is stopped.
            let _ = ledger.store(&mail(b"after"), &stamp);
            Ok(())
        });
        let stored = |ledger: &Ledger| ledger.audit().unwrap();
        if done.is_err() {
            assert_eq!(stored(&ledger).messages, 0);
            assert!(matches!(ledger.store(&mail(b"later"), &stamp), Err(LedgerError::Halted)));
        } else {
            assert_eq!(stored(&ledger).messages, 2, "only the step that failed is missing");
        }
        assert!(stored(&ledger).ok, "{:?}", stored(&ledger).problems);
        drop(ledger);
        let mut ledger = Ledger::open(&path, &key, &stamp).unwrap();
        assert!(!ledger.store(&mail(&large), &stamp).unwrap().known);
        assert!(stored(&ledger).ok);
    }
}
