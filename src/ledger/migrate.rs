//! The schema: written once at birth, then moved from version n to n + 1, each step a piece of SQL.

use std::path::Path;

use rusqlite::Connection;

use super::connection::{self, APPLICATION_ID, Mode};
use super::{LedgerError, LedgerKey, Result, backup, lock};

/// The version this program reads and writes.
pub(super) const VERSION: i64 = 1;

/// From version `from` to `from + 1`.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    pub(super) from: i64,
    pub(super) sql: &'static str,
}

/// Every step there ever was. A stored old file for each version lies in `fixtures/ledger/` and is opened by a test.
const STEPS: &[Migration] = &[];

const SCHEMA: &str = include_str!("schema.sql");

/// Writes the tables into a new file. Only inside a transaction.
pub(super) fn write_schema(conn: &Connection) -> Result<()> {
    conn.execute_batch(SCHEMA)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// Brings the ledger at `path` up to date, or says why it cannot be used. Only the holder of the lock may.
pub(super) fn bring_up(conn: &Connection, path: &Path, key: &LedgerKey, mode: Mode) -> Result<()> {
    bring_to(conn, path, key, mode, VERSION, STEPS)
}

/// As [`bring_up`], with the steps as arguments so that they can be tested.
pub(super) fn bring_to(
    conn: &Connection,
    path: &Path,
    key: &LedgerKey,
    mode: Mode,
    known: i64,
    steps: &[Migration],
) -> Result<()> {
    let found = version(conn, path)?;
    if found > known {
        return Err(LedgerError::Newer { path: path.into(), found, known });
    }
    if found == known {
        return Ok(());
    }
    if mode == Mode::Read {
        return Err(LedgerError::Older { path: path.into(), found, known });
    }
    backup::keep_before_migration(conn, &lock::beside(path, &format!(".v{found}")), key)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let done = take_steps(conn, path, found, known, steps).and_then(|()| Ok(conn.execute_batch("COMMIT")?));
    if done.is_err() {
        // The error that led here is the one worth telling; an open transaction ends with the connection.
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}

fn take_steps(conn: &Connection, path: &Path, found: i64, known: i64, steps: &[Migration]) -> Result<()> {
    for from in found..known {
        let step = steps.iter().find(|step| step.from == from).ok_or_else(|| LedgerError::Damaged {
            path: path.into(),
            reason: format!("it has schema version {from}, which never was"),
        })?;
        conn.execute_batch(step.sql)?;
        conn.pragma_update(None, "user_version", from + 1)?;
    }
    let broken = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if broken {
        return Err(LedgerError::Damaged { path: path.into(), reason: "a row refers to one that is gone".into() });
    }
    Ok(())
}

/// The schema version of a file that is a ledger; other files of SQLCipher's are refused.
fn version(conn: &Connection, path: &Path) -> Result<i64> {
    let ask = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = ask("application_id").map_err(|error| connection::damage(path, error))?;
    if application != APPLICATION_ID {
        return Err(LedgerError::Damaged { path: path.into(), reason: "it is not a ledger of sealpost".into() });
    }
    ask("user_version").map_err(|error| connection::damage(path, error))
}
