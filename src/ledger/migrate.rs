//! The schema: written once at birth, then moved from version n to n + 1, each step a piece of SQL.

use std::path::Path;

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, Connection};

use super::connection::{self, APPLICATION_ID, Mode};
use super::{LedgerError, LedgerKey, Result, backup, lock};
use crate::point;

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
    point::reach("migrate.kept");
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let done = take_steps(conn, path, found, known, steps).and_then(|()| Ok(conn.execute_batch("COMMIT")?));
    if done.is_err() {
        // The error that led here is the one worth telling; an open transaction ends with the connection.
        let _ = conn.execute_batch("ROLLBACK");
    }
    point::reach("migrate.done");
    done
}

fn take_steps(conn: &Connection, path: &Path, found: i64, known: i64, steps: &[Migration]) -> Result<()> {
    for from in found..known {
        let step = steps.iter().find(|step| step.from == from).ok_or_else(|| LedgerError::Damaged {
            path: path.into(),
            reason: format!("it has schema version {from}, which never was"),
        })?;
        run(conn, step.sql)?;
        conn.pragma_update(None, "user_version", from + 1)?;
        point::reach("migrate.step");
    }
    let broken = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if broken {
        return Err(LedgerError::Damaged { path: path.into(), reason: "a row refers to one that is gone".into() });
    }
    Ok(())
}

/// Statement by statement.
fn run(conn: &Connection, sql: &str) -> Result<()> {
    let mut batch = Batch::new(conn, sql);
    while let Some(mut statement) = batch.next()? {
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        point::reach("migrate.statement");
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::ledger::{Direction, Incoming, Ledger, Stamp};

    const ADDS_A_TABLE: Migration =
        Migration { from: 1, sql: "CREATE TABLE later (id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;" };
    const BREAKS_HALFWAY: Migration = Migration {
        from: 2,
        sql: "CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT; INSERT INTO half (id) VALUES (1), (1);",
    };
    const ORPHANS: Migration = Migration {
        from: 1,
        sql: "PRAGMA defer_foreign_keys = ON; DROP TRIGGER sighting_keeps; DROP TRIGGER message_stays; \
              UPDATE sighting SET message = 99;",
    };

    /// A folder with a ledger of version 1 that holds one mail.
    fn old_ledger() -> (tempfile::TempDir, PathBuf, LedgerKey) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let (path, key) = (folder.path().join("ledger.db"), LedgerKey::generate().unwrap());
        let stamp = Stamp { who: "poll", at: "2026-03-02T10:00:00Z".parse().unwrap() };
        let mut ledger = Ledger::create(&path, &key, &stamp).unwrap();
        let (raw, received_at) = (b"Subject: x\n\nx\n".as_slice(), stamp.at);
        let mail = Incoming { raw, received_at, mailbox: "m", epoch: 1, key: "1", direction: Direction::In };
        ledger.store(&mail, &stamp).unwrap();
        (folder, path, key)
    }

    fn migrate(path: &Path, key: &LedgerKey, mode: Mode, known: i64, steps: &[Migration]) -> (Connection, Result<()>) {
        let conn = connection::open(path, key, mode).unwrap();
        let done = bring_to(&conn, path, key, mode, known, steps);
        (conn, done)
    }

    fn count(conn: &Connection, sql: &str) -> i64 {
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_step_is_taken_once_after_a_backup() {
        let (_folder, path, key) = old_ledger();
        let (conn, done) = migrate(&path, &key, Mode::Write, 2, &[ADDS_A_TABLE]);
        done.unwrap();
        assert_eq!(version(&conn, &path).unwrap(), 2);
        assert_eq!(count(&conn, "SELECT count(*) FROM message"), 1);
        drop(conn);
        let kept = lock::beside(&path, ".v1");
        let (copy, unchanged) = migrate(&kept, &key, Mode::Read, 1, &[]);
        unchanged.unwrap();
        assert_eq!(count(&copy, "SELECT count(*) FROM message"), 1);
        let (_, again) = migrate(&path, &key, Mode::Write, 2, &[ADDS_A_TABLE]);
        again.unwrap();
        let newer = Ledger::open_read(&path, &key).err().unwrap();
        assert!(matches!(newer, LedgerError::Newer { found: 2, known: 1, .. }), "{newer}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_ledger_as_it_was() {
        for (known, steps) in
            [(3, [ADDS_A_TABLE, BREAKS_HALFWAY]), (2, [ORPHANS, ADDS_A_TABLE]), (9, [ADDS_A_TABLE; 2])]
        {
            let (_folder, path, key) = old_ledger();
            let (conn, done) = migrate(&path, &key, Mode::Write, known, &steps);
            assert!(done.is_err());
            assert_eq!(version(&conn, &path).unwrap(), 1);
            assert_eq!(count(&conn, "SELECT count(*) FROM sqlite_schema WHERE name IN ('later', 'half')"), 0);
            drop(conn);
            assert!(Ledger::open_read(&path, &key).unwrap().audit().unwrap().ok);
        }
    }

    const TWO_STEPS: [Migration; 2] = [
        ADDS_A_TABLE,
        Migration {
            from: 2,
            sql: "ALTER TABLE message ADD COLUMN later TEXT NOT NULL DEFAULT 'x'; UPDATE device SET events = events;",
        },
    ];

    /// Migrates the ledger that the test below names, in a process of its own that dies on the way.
    #[test]
    #[ignore = "a child of the test below"]
    fn a_child_migrates() {
        let Some(path) = std::env::var_os("LEDGER_TEST_PATH").map(PathBuf::from) else { return };
        let key = LedgerKey::read(&path.with_extension("key")).unwrap();
        migrate(&path, &key, Mode::Write, 3, &TWO_STEPS).1.unwrap();
    }

    /// Killed at each named place, after each statement, and at any moment: the ledger is the old one or the new one, whole,
    /// and the next run brings it to the new one.
    #[test]
    fn a_migration_killed_anywhere_is_done_again() {
        let soak: u64 = std::env::var("SEALPOST_SOAK").map_or(1, |n| n.parse().unwrap());
        let named =
            ["migrate.kept", "migrate.statement:1", "migrate.statement:2", "migrate.statement:3", "migrate.step:1"];
        let named = named.into_iter().chain(["migrate.step:2", "migrate.done"]).map(str::to_owned);
        let timed = (0..8 * soak).map(|i| format!("after {} ms", i * 7 % 60));
        let mut died = 0;
        for case in named.chain(timed) {
            let (_folder, path, key) = old_ledger();
            key.write_new(&path.with_extension("key")).unwrap();
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            child
                .args(["--exact", "ledger::migrate::tests::a_child_migrates", "--ignored"])
                .env("LEDGER_TEST_PATH", &path);
            child.env(point::VARIABLE, &case).stdout(std::process::Stdio::null());
            let mut child = child.spawn().unwrap();
            if let Some(wait) = case.strip_prefix("after ") {
                std::thread::sleep(std::time::Duration::from_millis(wait.trim_end_matches(" ms").parse().unwrap()));
                child.kill().unwrap();
            }
            let killed = child.wait().unwrap().code().is_none();
            assert!(killed || case.starts_with("after"), "{case} was not reached");
            died += u64::from(killed);
            let (conn, done) = migrate(&path, &key, Mode::Write, 3, &TWO_STEPS);
            done.unwrap_or_else(|e| panic!("{case}: {e}"));
            assert_eq!(
                (version(&conn, &path).unwrap(), count(&conn, "SELECT count(later) FROM message")),
                (3, 1),
                "{case}"
            );
            assert_eq!(count(&conn, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
            drop(conn);
            // The copy is whole: it is the ledger as it was.
            let copy = migrate(&lock::beside(&path, ".v1"), &key, Mode::Read, 1, &[]).0;
            assert_eq!(count(&copy, "SELECT count(*) FROM message"), 1, "{case}");
        }
        println!("migration: kills {died}, lost 0");
    }

    #[test]
    fn a_reader_does_not_migrate() {
        let (_folder, path, key) = old_ledger();
        let (_, done) = migrate(&path, &key, Mode::Read, 2, &[ADDS_A_TABLE]);
        assert!(matches!(done, Err(LedgerError::Older { found: 1, known: 2, .. })));
        assert!(!lock::beside(&path, ".v1").exists());
    }
}
