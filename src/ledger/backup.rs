//! A copy of the whole ledger, sealed as it is, made while it is in use and looked at before it gets its name.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::connection::{self, Mode};
use super::lock::beside;
use super::{Ledger, LedgerError, LedgerKey, Result, birth, private};

/// Pages copied at a time; the backup keeps the connection busy only that long.
const PAGES_AT_ONCE: i32 = 4096;

impl Ledger {
    /// Copies the ledger to the new file `to` (mode 0600), sealed with `key`, which may be another than its own. What is
    /// copied is one consistent state. The copy is checked before it gets its name; an existing file is never replaced.
    pub fn backup(&self, to: &Path, key: &LedgerKey) -> Result<()> {
        if std::fs::symlink_metadata(to).is_ok() {
            return Err(LedgerError::Exists { path: to.into() });
        }
        copy(&self.conn, to, key)
    }
}

/// Keeps the ledger as it is before its schema changes. An older copy of the same version gives way: the ledger only
/// grows, so the newer one holds all of it.
pub(super) fn keep_before_migration(conn: &Connection, to: &Path, key: &LedgerKey) -> Result<()> {
    copy(conn, to, key)
}

fn copy(conn: &Connection, to: &Path, key: &LedgerKey) -> Result<()> {
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
