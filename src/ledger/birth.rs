//! A ledger begins, and is opened again.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rusqlite::{Connection, params};

use super::chain::{GENESIS, Link};
use super::connection::{self, Mode};
use super::lock::{WriterLock, beside};
use super::{Ledger, LedgerError, LedgerKey, NewEvent, Result, Stamp, backup, migrate, private, restore};
use crate::case::What;
use crate::point;

/// Where a ledger and its key lie.
#[derive(Clone, Debug)]
pub struct Places {
    /// The sealed file.
    pub ledger: PathBuf,
    /// The key file of mode 0600.
    pub key: PathBuf,
}

impl Ledger {
    /// Opens the ledger to write, making it and its key when neither exists. Where only one of the two exists, something
    /// has gone missing and nothing is made.
    pub fn open_or_create(places: &Places, stamp: &Stamp<'_>) -> Result<Ledger> {
        for path in [&places.ledger, &places.key] {
            make_or_check_folder(path)?;
        }
        let lock = WriterLock::take(&places.ledger)?;
        finish_birth(&places.ledger, &places.key)?;
        if exists(&places.ledger)? {
            // The remains of a restore that came to its end, or that never touched what is here.
            backup::remove_all(&beside(&places.ledger, restore::ARRIVING));
        }
        match (exists(&places.ledger)?, exists(&places.key)?) {
            (true, true) => Ledger::open_locked(&places.ledger, &LedgerKey::read(&places.key)?, lock, stamp),
            (true, false) => Err(LedgerError::KeyMissing { path: places.ledger.clone(), key: places.key.clone() }),
            (false, true) => {
                Err(LedgerError::Missing { path: places.ledger.clone(), key: places.key.display().to_string() })
            }
            (false, false) => {
                refuse_cut_off(&places.ledger)?;
                let key = give_birth(places, stamp)?;
                Ledger::open_locked(&places.ledger, &key, lock, stamp)
            }
        }
    }

    /// Makes a new ledger for a key that is kept elsewhere (`key_command`), and opens it. Refuses where one exists.
    pub fn create(path: &Path, key: &LedgerKey, stamp: &Stamp<'_>) -> Result<Ledger> {
        make_or_check_folder(path)?;
        let lock = WriterLock::take(path)?;
        if exists(path)? {
            return Err(LedgerError::Exists { path: path.into() });
        }
        refuse_cut_off(path)?;
        build(path, key, stamp)?;
        put_in_place(&unborn(path), path)?;
        Ledger::open_locked(path, key, lock, stamp)
    }

    /// Opens the ledger to write. A second writer is told [`LedgerError::InUse`] at once. A reply that was being handed
    /// over when the last run died becomes `unknown` here, whatever the command.
    pub fn open(path: &Path, key: &LedgerKey, stamp: &Stamp<'_>) -> Result<Ledger> {
        private::check_folder(private::folder_of(path))?;
        must_exist(path)?;
        let lock = WriterLock::take(path)?;
        Ledger::open_locked(path, key, lock, stamp)
    }

    /// Opens the ledger to read, also while another run writes. What is read stays as it was at the first question.
    pub fn open_read(path: &Path, key: &LedgerKey) -> Result<Ledger> {
        private::check_folder(private::folder_of(path))?;
        must_exist(path)?;
        private::check_file(path)?;
        let conn = connection::open(path, key, Mode::Read)?;
        migrate::bring_up(&conn, path, key, Mode::Read)?;
        conn.execute_batch("BEGIN")?;
        let device = own_device(&conn, path)?;
        Ok(Ledger { conn, path: path.into(), device, lock: None, halted: false })
    }

    /// Opens the ledger to read, for commands that change nothing, after making it where neither it nor its key exists
    /// and bringing it up to date where it is older than this program.
    pub fn open_read_or_create(places: &Places, stamp: &Stamp<'_>) -> Result<Ledger> {
        if exists(&places.ledger)? && exists(&places.key)? {
            match Ledger::open_read(&places.ledger, &LedgerKey::read(&places.key)?) {
                Err(LedgerError::Older { .. }) => {}
                other => return other,
            }
        }
        drop(Ledger::open_or_create(places, stamp)?);
        Ledger::open_read(&places.ledger, &LedgerKey::read(&places.key)?)
    }

    pub(super) fn open_locked(path: &Path, key: &LedgerKey, lock: WriterLock, stamp: &Stamp<'_>) -> Result<Ledger> {
        private::check_file(path)?;
        let died = beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
        let conn = connection::open(path, key, Mode::Write)?;
        if died {
            quick_check(&conn, path)?;
        }
        migrate::bring_up(&conn, path, key, Mode::Write)?;
        glance(&conn, path)?;
        let device = own_device(&conn, path)?;
        let mut ledger = Ledger { conn, path: path.into(), device, lock: Some(lock), halted: false };
        ledger.settle_interrupted(stamp)?;
        Ok(ledger)
    }
}

/// Makes key and ledger under other names and gives them their own in an order that a crash cannot turn into "gone
/// missing": the ledger first, then the key, which [`finish_birth`] can still do later.
fn give_birth(places: &Places, stamp: &Stamp<'_>) -> Result<LedgerKey> {
    point::reach("birth.begun");
    let unborn_key = unborn(&places.key);
    remove(&unborn_key)?;
    let key = LedgerKey::generate()?;
    key.write_new(&unborn_key)?;
    private::sync_folder(private::folder_of(&unborn_key))?;
    point::reach("birth.key");
    build(&places.ledger, &key, stamp)?;
    point::reach("birth.built");
    put_in_place(&unborn(&places.ledger), &places.ledger)?;
    point::reach("birth.named");
    put_in_place(&unborn_key, &places.key)?;
    point::reach("birth.done");
    Ok(key)
}

/// A birth that was interrupted between its last two steps: the ledger has its name, its key not yet.
pub(super) fn finish_birth(ledger: &Path, key: &Path) -> Result<()> {
    let new = unborn(key);
    if exists(ledger)? && !exists(key)? && exists(&new)? {
        let fits = connection::open(ledger, &LedgerKey::read(&new)?, Mode::Write);
        drop(fits?);
        put_in_place(&new, key)?;
    }
    Ok(())
}

/// What a restore that was killed left behind says that a ledger belongs here, so no empty one is made.
fn refuse_cut_off(path: &Path) -> Result<()> {
    if exists(&beside(path, restore::ARRIVING))? {
        return Err(LedgerError::RestoreCutOff { path: path.into() });
    }
    Ok(())
}

/// Builds an empty ledger under the name of one not yet born. It holds no mail yet, so the remains of an earlier try
/// may go; a log that belongs to a ledger of the final name may not, since SQLite would throw it away.
fn build(path: &Path, key: &LedgerKey, stamp: &Stamp<'_>) -> Result<()> {
    for suffix in ["-wal", "-journal"] {
        let rest = beside(path, suffix);
        if exists(&rest)? {
            return Err(LedgerError::Exists { path: rest });
        }
    }
    let new = unborn(path);
    for suffix in ["", "-wal", "-shm", "-journal"] {
        remove(&beside(&new, suffix))?;
    }
    new_private_file(&new)?;
    let conn = connection::open(&new, key, Mode::Create)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    migrate::write_schema(&conn)?;
    let mut name = [0; 8];
    getrandom::fill(&mut name).map_err(LedgerError::Random)?;
    conn.execute(
        "INSERT INTO device (name, own, events, head) VALUES (?1, 1, 0, ?2)",
        params![HEXLOWER.encode(&name), GENESIS],
    )?;
    let device = own_device(&conn, path)?;
    let ledger = Ledger { conn, path: new, device, lock: None, halted: false };
    let made = What::Noticed { text: "ledger made".into() };
    ledger.push(&NewEvent { report: None, message: None, what: made }, &[], stamp)?;
    ledger.conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// An empty file of mode 0600, so that SQLite does not make one of its own with another.
pub(super) fn new_private_file(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(LedgerError::io(path))
}

/// Renames within a folder, durably.
pub(super) fn put_in_place(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(LedgerError::io(to))?;
    private::sync_folder(private::folder_of(to))
}

/// Finds at each open, for the price of a few rows, a tail that was cut off or a last event that was changed. The whole
/// is the work of `audit`.
pub(super) fn glance(conn: &Connection, path: &Path) -> Result<()> {
    let damaged = |reason: &str| LedgerError::Damaged { path: path.into(), reason: reason.into() };
    let mut statement = conn.prepare(
        "SELECT d.name, e.number, e.at, e.who, e.report, e.message, e.what, e.evidence, e.hash, d.events, d.head,
                coalesce((SELECT b.hash FROM event b WHERE b.device = d.id AND b.number = e.number - 1), zeroblob(32))
         FROM device d LEFT JOIN event e
         ON e.device = d.id AND e.number = (SELECT max(number) FROM event m WHERE m.device = d.id)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next().map_err(|error| connection::damage(path, error))? {
        if row.get::<_, Option<i64>>(1)? != Some(row.get(9)?)
            || row.get::<_, Vec<u8>>(8)? != row.get::<_, Vec<u8>>(10)?
        {
            return Err(damaged("the end of its history is missing"));
        }
        let text = |column| row.get::<_, String>(column);
        let (device, who, report, message, what) = (text(0)?, text(3)?, text(4)?, text(5)?, text(6)?);
        let (number, at, evidence) = (row.get(1)?, row.get(2)?, row.get::<_, Vec<u8>>(7)?);
        let (device, who, report, message, what) = (&*device, &*who, &*report, &*message, &*what);
        let link = Link { device, number, at, who, report, message, what, evidence: &evidence };
        if link.hash(&row.get::<_, Vec<u8>>(11)?).as_slice() != row.get::<_, Vec<u8>>(8)? {
            return Err(damaged("the last event of its history was changed"));
        }
    }
    Ok(())
}

/// After a run that died: SQLite's own look at its structure. It reads the whole file, so not at each open.
fn quick_check(conn: &Connection, path: &Path) -> Result<()> {
    let verdict = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(|error| connection::damage(path, error))?;
    if verdict == "ok" { Ok(()) } else { Err(LedgerError::Damaged { path: path.into(), reason: verdict }) }
}

fn own_device(conn: &Connection, path: &Path) -> Result<(i64, String)> {
    let found = conn.query_row("SELECT id, name FROM device WHERE own = 1", [], |row| Ok((row.get(0)?, row.get(1)?)));
    found.map_err(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => {
            LedgerError::Damaged { path: path.into(), reason: "its own device is missing".into() }
        }
        other => connection::damage(path, other),
    })
}

pub(super) fn make_or_check_folder(path: &Path) -> Result<()> {
    private::make_folder(private::folder_of(path))
}

fn must_exist(path: &Path) -> Result<()> {
    if exists(path)? {
        return Ok(());
    }
    Err(LedgerError::Missing { path: path.into(), key: "of the configuration".into() })
}

/// Whether something has this name; not being allowed to look is an error, not a no.
pub(super) fn exists(path: &Path) -> Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(LedgerError::io(path)(error)),
    }
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::io(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn unborn(path: &Path) -> PathBuf {
    beside(path, ".unborn")
}
