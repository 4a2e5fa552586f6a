//! Copies of the whole ledger, sealed as it is, made while it is in use and looked at before they count.
//!
//! A backup is such a copy and its key in one stream (`container.rs`), which the caller encrypts to the team. Copies that
//! lie on the disk meanwhile are sealed like the ledger itself, and go when they have served.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::backup::Backup;
use sha2::{Digest, Sha256};

use super::connection::{self, Mode};
use super::container::{self, Manifest};
use super::lock::{WriterLock, beside};
use super::rows::from_json;
use super::{Audit, Ledger, LedgerError, LedgerKey, NewEvent, Result, Stamp, birth, migrate, private};
use crate::case::What;

/// Pages copied at a time; the backup keeps the connection busy only that long.
const PAGES_AT_ONCE: i32 = 4096;

/// The last backup that the history knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastBackup {
    /// When the copy was made.
    pub at: Timestamp,
    /// It was restored, or read back and verified after it was written.
    pub verified: bool,
    /// What the audit of it found wrong: with any it cannot be restored.
    pub problems: u64,
    /// The last backup without problems: this one, or one before it.
    pub good: Option<Timestamp>,
    /// The ledger was sealed with another key since: the one in the backup does not open it.
    pub other_key: bool,
}

/// A consistent copy of a ledger beside it, to be written into a backup; it goes when this is dropped.
pub struct Snapshot {
    path: PathBuf,
    key: LedgerKey,
    manifest: Manifest,
    problems: Vec<String>,
    /// One backup of a ledger at a time.
    _lock: WriterLock,
}

/// A ledger that came out of a backup, in a file of its own beside the ledger; it goes when this is dropped.
pub struct Unpacked {
    pub(super) path: PathBuf,
    pub(super) key: LedgerKey,
    /// What the backup says of itself.
    pub manifest: Manifest,
}

impl Ledger {
    /// Copies the ledger to the new file `to` (mode 0600), sealed with `key`, which may be another than its own. What is
    /// copied is one consistent state. The copy is checked before it gets its name; an existing file is never replaced.
    pub fn backup(&self, to: &Path, key: &LedgerKey) -> Result<()> {
        if std::fs::symlink_metadata(to).is_ok() {
            return Err(LedgerError::Exists { path: to.into() });
        }
        copy(&self.conn, to, key)
    }

    /// Copies the ledger beside itself, for a backup. `key` is the ledger's own; `made_at` is now.
    pub fn snapshot(&self, key: &LedgerKey, made_at: Timestamp) -> Result<Snapshot> {
        let path = beside(&self.path, ".copy");
        let lock = WriterLock::take(&path)?;
        remove_all(&path);
        copy(&self.conn, &path, key).map_err(|error| match error {
            // What is wrong with the copy is wrong with the ledger.
            LedgerError::Damaged { reason, .. } => {
                LedgerError::Damaged { path: self.path.clone(), reason: reason.replace('\n', " ") }
            }
            other => other,
        })?;
        let described = self.describe(&path, key, made_at);
        let (manifest, problems) = described.inspect_err(|_| remove_all(&path))?;
        Ok(Snapshot { path, key: key.clone(), manifest, problems, _lock: lock })
    }

    /// What the copy at `path` is, and what is wrong with it.
    fn describe(&self, path: &Path, key: &LedgerKey, made_at: Timestamp) -> Result<(Manifest, Vec<String>)> {
        let (size, sha256) = digest(path)?;
        let copied = Ledger::open_read(path, key)?;
        let (events, head): (i64, [u8; 32]) =
            copied
                .conn
                .query_row("SELECT events, head FROM device WHERE own = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let messages: i64 = copied.conn.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
        let problems = copied.audit()?.problems;
        let manifest = Manifest {
            format: container::FORMAT.into(),
            made_at,
            device: self.device.1.clone(),
            schema: migrate::VERSION,
            events: events.unsigned_abs(),
            messages: messages.unsigned_abs(),
            head: HEXLOWER.encode(&head),
            size,
            sha256,
            problems: Some(problems.len() as u64),
        };
        Ok((manifest, problems))
    }

    /// Records that a backup was written.
    pub fn backed_up(&mut self, manifest: &Manifest, verified: bool, stamp: &Stamp<'_>) -> Result<()> {
        let what = What::BackedUp {
            made_at: manifest.made_at,
            events: manifest.events,
            head: manifest.head.clone(),
            verified,
            problems: manifest.problems.unwrap_or_default(),
        };
        self.append(&[NewEvent { report: None, message: None, what }], stamp)
    }

    /// The last backup that was made of this ledger, or that it was restored from.
    pub fn last_backup(&self) -> Result<Option<LastBackup>> {
        // The tag stands first in the JSON, and the newest event is met first.
        let mut statement = self.conn.prepare(
            r#"SELECT what FROM event
               WHERE what LIKE '{"what":"backed_up"%' OR what LIKE '{"what":"restored"%' ORDER BY id DESC"#,
        )?;
        let mut rows = statement.query([])?;
        let mut last: Option<LastBackup> = None;
        while let Some(row) = rows.next()? {
            let found = match from_json(&row.get::<_, String>(0)?, "an event")? {
                What::BackedUp { made_at: at, verified, problems, .. } => {
                    LastBackup { at, verified, problems, ..LastBackup::default() }
                }
                // Only what holds together is ever put in place.
                What::Restored { made_at: at, other_key, .. } => {
                    LastBackup { at, verified: true, other_key, ..LastBackup::default() }
                }
                _ => continue,
            };
            let good = (found.problems == 0).then_some(found.at);
            last.get_or_insert(found).good = good;
            if good.is_some() {
                break;
            }
        }
        Ok(last)
    }
}

impl Snapshot {
    /// What the backup will say of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What is wrong with the ledger that was copied.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Writes the stream that a backup is, unencrypted: key and all. For `pgp` to encrypt.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<()> {
        let mut file = File::open(&self.path).map_err(LedgerError::io(&self.path))?;
        container::write(out, &self.manifest, &self.key, &mut file)
    }

    /// Restores such a stream into a file of its own. It is the copy whose audit is known: the same bytes by their digest,
    /// and the key that came with them opens them.
    pub fn read_back(&self, plain: &mut dyn Read) -> Result<()> {
        let unpacked = Unpacked::read(plain, &beside(&self.path, ".proof"))?;
        if unpacked.manifest != self.manifest {
            return Err(LedgerError::Backup { reason: "what was read back is not what was written".into() });
        }
        Ledger::open_read(&unpacked.path, &unpacked.key).map(drop)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        remove_all(&self.path);
    }
}

impl Unpacked {
    /// Reads the stream of a backup to its end; the ledger in it goes to `to`.
    pub(super) fn read(plain: &mut dyn Read, to: &Path) -> Result<Unpacked> {
        remove_all(to);
        let read = container::read(plain, to);
        let (manifest, key) = read.inspect_err(|_| remove_all(to))?;
        Ok(Unpacked { path: to.into(), key, manifest })
    }

    /// Opens the ledger and looks at all of it: its pages, its chain, its rows, and that it ends with the event that the
    /// backup names.
    pub fn check(&self) -> Result<Audit> {
        // An older one is brought up to date first.
        let conn = connection::open(&self.path, &self.key, Mode::Write)?;
        migrate::bring_up(&conn, &self.path, &self.key, Mode::Write)?;
        drop(conn);
        let ledger = Ledger::open_read(&self.path, &self.key)?;
        let mut audit = ledger.audit()?;
        let events: i64 = ledger.conn.query_row("SELECT events FROM device WHERE own = 1", [], |row| row.get(0))?;
        let same = audit.head == self.manifest.head
            && events.unsigned_abs() == self.manifest.events
            && audit.messages == self.manifest.messages
            && ledger.device() == self.manifest.device;
        if !same {
            audit.problems.push("the ledger is not the one that the backup names".into());
            audit.ok = false;
        }
        Ok(audit)
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        for version in 1..migrate::VERSION {
            remove_all(&beside(&self.path, &format!(".v{version}")));
        }
        remove_all(&self.path);
    }
}

/// Removes a ledger file that nobody will miss, with what SQLite puts beside it. What cannot go now goes the next time.
pub(super) fn remove_all(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(beside(path, suffix));
    }
}

fn digest(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(LedgerError::io(path))?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut piece).map_err(LedgerError::io(path))?;
        if count == 0 {
            return Ok((size, HEXLOWER.encode(&hash.finalize())));
        }
        hash.update(piece.get(..count).unwrap_or_default());
        size += count as u64;
    }
}

/// Keeps the ledger as it is before its schema changes. An older copy of the same version gives way: the ledger only
/// grows, so the newer one holds all of it.
pub(super) fn keep_before_migration(conn: &Connection, to: &Path, key: &LedgerKey) -> Result<()> {
    copy(conn, to, key)
}

pub(super) fn copy(conn: &Connection, to: &Path, key: &LedgerKey) -> Result<()> {
    private::check_folder(private::folder_of(to))?;
    let partial = beside(to, ".partial");
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let rest = beside(&partial, suffix);
        match std::fs::remove_file(&rest) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(LedgerError::io(&rest)(error)),
            _ => {}
        }
    }
    birth::new_private_file(&partial)?;
    let mut target = connection::open(&partial, key, Mode::Create)?;
    Backup::new(conn, &mut target)?.run_to_completion(PAGES_AT_ONCE, Duration::ZERO, None)?;
    target.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    verify(&target, to)?;
    target.close().map_err(|(_, error)| error)?;
    birth::put_in_place(&partial, to)
}

/// SQLite's and SQLCipher's own checks of the copy.
fn verify(copy: &Connection, to: &Path) -> Result<()> {
    let bad = |reason: String| LedgerError::Damaged { path: to.into(), reason };
    let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(bad(verdict));
    }
    if copy.prepare("PRAGMA cipher_integrity_check")?.exists([])? {
        return Err(bad("the copy is not sealed right".into()));
    }
    Ok(())
}
