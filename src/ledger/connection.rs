//! SQLite made to do what we rely on, and asked whether it does.

use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use zeroize::Zeroizing;

use super::{LedgerError, LedgerKey, Result};

/// The most bytes one value may have: mail over this is refused before it is handed to SQLite.
pub(super) const MAX_VALUE: usize = 256 * 1024 * 1024;

/// Marks the file as a ledger of ours: "SPLG".
pub(super) const APPLICATION_ID: i64 = 0x5350_4C47;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A new file.
    Create,
    /// The one writer.
    Write,
    /// One of many readers.
    Read,
}

/// Opens the file with its key and sets it up. A key that does not fit is noticed here.
pub(super) fn open(path: &Path, key: &LedgerKey, mode: Mode) -> Result<Connection> {
    connect(path, key, &[], mode)
}

/// Makes a new file with the salt of another: pages of the two authenticate in each other's place.
pub(super) fn open_salted(path: &Path, key: &LedgerKey, salt: &[u8]) -> Result<Connection> {
    connect(path, key, salt, Mode::Create)
}

fn connect(path: &Path, key: &LedgerKey, salt: &[u8], mode: Mode) -> Result<Connection> {
    refuse_emptied(path, mode)?;
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match mode {
            Mode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(10))?;
    conn.set_prepared_statement_cache_capacity(128);
    unlock(&conn, path, key, salt)?;
    set_up(&conn, path, mode)?;
    restrict(&mut conn)?;
    Ok(conn)
}

/// SQLite takes an empty file for a new database, and would make of an emptied ledger an empty one.
fn refuse_emptied(path: &Path, mode: Mode) -> Result<()> {
    let size = std::fs::metadata(path).map_err(LedgerError::io(path))?.len();
    if mode != Mode::Create && size == 0 {
        return Err(LedgerError::Damaged { path: path.into(), reason: "the file was emptied".into() });
    }
    Ok(())
}

/// The key goes in before anything else. As a raw key it needs no derivation, which would cost half a second an open.
fn unlock(conn: &Connection, path: &Path, key: &LedgerKey, salt: &[u8]) -> Result<()> {
    // A person gets one line, from us; SQLCipher would write its own to standard error.
    conn.execute_batch("PRAGMA cipher_log_level = NONE")?;
    // Everything that SQLite frees is overwritten first; before the key, so that this holds for the key too.
    want(conn, path, "cipher_memory_security", 1)?;
    let mut pragma = Zeroizing::new(String::with_capacity(128));
    pragma.push_str("PRAGMA key = \"x'");
    pragma.push_str(&key.to_hex());
    pragma.push_str(&HEXLOWER.encode(salt));
    pragma.push_str("'\"");
    // SQLite's own error would repeat the statement, and with it the key.
    conn.execute_batch(&pragma).map_err(|_| LedgerError::Unreadable { path: path.into() })?;
    // Without the codec SQLite would take the pragma, do nothing, and write in the clear.
    let codec: String = conn.query_row("PRAGMA cipher_version", [], |row| row.get(0))?;
    if codec.is_empty() {
        return Err(LedgerError::Damaged { path: path.into(), reason: "this build cannot seal".into() });
    }
    match conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(LedgerError::Unreadable { path: path.into() })
        }
        Err(error) => Err(damage(path, error)),
    }
}

fn set_up(conn: &Connection, path: &Path, mode: Mode) -> Result<()> {
    if mode != Mode::Read {
        want(conn, path, "journal_mode", "wal")?;
        // FULL synchronises the log at each commit: without it the last commits can be lost with the power.
        want(conn, path, "synchronous", 2)?;
        want(conn, path, "fullfsync", 1)?;
        want(conn, path, "checkpoint_fullfsync", 1)?;
        want(conn, path, "journal_size_limit", 64 * 1024 * 1024)?;
    }
    want(conn, path, "foreign_keys", 1)?;
    want(conn, path, "recursive_triggers", 1)?; // REPLACE must not slip past the DELETE triggers.
    want(conn, path, "trusted_schema", 0)?;
    want(conn, path, "cell_size_check", 1)?;
    want(conn, path, "secure_delete", 1)?;
    // 32 MiB: a page that leaves the cache is opened and verified again when it comes back, which is most of the work.
    want(conn, path, "cache_size", -32 * 1024)?;
    want(conn, path, "temp_store", 2)?; // Memory: sorting must not write plaintext beside the ledger.
    want(conn, path, "query_only", i64::from(mode == Mode::Read))
}

/// Sets a pragma and reads it back: SQLite passes over what it does not know or cannot do without a word.
fn want<T>(conn: &Connection, path: &Path, name: &str, value: T) -> Result<()>
where
    T: rusqlite::ToSql + ToString,
{
    conn.pragma_update(None, name, &value).map_err(|error| damage(path, error))?;
    let found = conn.pragma_query_value(None, name, |row| row.get_ref(0).map(text)).map_err(|e| damage(path, e))?;
    if found == value.to_string() {
        return Ok(());
    }
    Err(LedgerError::Damaged { path: path.into(), reason: format!("SQLite has {name} at {found:?}") })
}

fn text(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
        rusqlite::types::ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

/// Nothing but the tables of this one file can be reached, whatever a statement says.
fn restrict(conn: &mut Connection) -> Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE as i32)?;
    conn.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024)?;
    conn.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Authorization::Deny,
        AuthAction::Function { function_name: "load_extension" } => Authorization::Deny,
        _ => Authorization::Allow,
    }))?;
    Ok(())
}

/// An error met before the ledger is in use: damage is named as such, with what can be done.
pub(super) fn damage(path: &Path, error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            LedgerError::Damaged { path: path.into(), reason: format!("{error}, or the disk under it") }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            LedgerError::InUse { path: path.into() }
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        std::fs::write(&path, b"").unwrap();
        let conn = open(&path, &LedgerKey::generate().unwrap(), Mode::Create).unwrap();
        (folder, conn)
    }

    #[test]
    fn no_statement_leads_out_of_the_file() {
        let (folder, conn) = fresh();
        let outside = folder.path().join("outside.db").display().to_string();
        for sql in [
            format!("ATTACH '{outside}' AS o"),
            format!("VACUUM INTO '{outside}'"),
            "SELECT load_extension('x')".into(),
            "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema".into(),
            "CREATE TABLE t (a TEXT) STRICT; INSERT INTO t (a) VALUES (\"taken for text\")".into(),
        ] {
            assert!(conn.execute_batch(&sql).is_err(), "{sql}");
        }
        assert!(!folder.path().join("outside.db").exists());
    }

    #[test]
    fn a_setting_that_did_not_take_is_an_error() {
        let (_folder, conn) = fresh();
        for (name, value) in [("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("secure_delete", 1)] {
            let found: i64 = conn.pragma_query_value(None, name, |row| row.get(0)).unwrap();
            assert_eq!(found, value, "{name}");
        }
        let path = Path::new("x.db");
        assert!(matches!(want(&conn, path, "journal_mode", "nonsense"), Err(LedgerError::Damaged { .. })));
        assert!(want(&conn, path, "no_such_pragma", 1).is_err());
    }
}
