//! A ledger comes back from a backup.
//!
//! Everything is done and verified beside the final name; two renames at the end put it there, in an order that a crash
//! cannot turn into a ledger without its key. Killed before them there is no ledger, and what was left beside the name keeps
//! an empty one from being made ([`ARRIVING`]).
//!
//! What a restored ledger must not do by itself: send what may have been sent since (it is held), begin clocks anew (they
//! run from events, which are as they were), open what was closed (likewise). The cursors are older, so the next poll
//! fetches what came since, and its clocks start when the server took it.

use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::backup::{Unpacked, copy, remove_all};
use super::birth::{exists, finish_birth, make_or_check_folder, put_in_place, remove, unborn};
use super::connection::{self, Mode};
use super::lock::{WriterLock, beside};
use super::{Ledger, LedgerError, LedgerKey, Manifest, NewEvent, Result, Stamp, private};
use crate::case::What;

/// What is added to the ledger's name for one that is on its way.
pub(super) const ARRIVING: &str = ".restoring";

/// Where the key of the restored ledger is.
pub enum KeyHome {
    /// In this file; where it exists already, the restored ledger is sealed with it, else the backup's key goes there.
    File(PathBuf),
    /// Elsewhere: this is it, and the restored ledger is sealed with it.
    Elsewhere(LedgerKey),
}

/// A restore that has begun. Dropped before its end it leaves nothing behind.
pub struct Receiving {
    path: PathBuf,
    /// The key that is here already.
    here: Option<LedgerKey>,
    /// Where the backup's key goes otherwise.
    new_key: Option<PathBuf>,
    replace: bool,
    lock: Option<WriterLock>,
    unpacked: Option<Unpacked>,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup said of itself.
    pub manifest: Manifest,
    /// Replies that wait for a person because they may have gone out.
    pub held: u64,
    /// It is sealed with the key that was here, and the one in the backup is another.
    pub other_key: bool,
    /// Where the ledger that was here lies now.
    pub aside: Option<PathBuf>,
}

impl Receiving {
    /// Takes the writer's lock and looks whether there is room. A ledger that exists is in the way unless `replace`; it is
    /// then moved aside at the end.
    pub fn begin(path: &Path, home: KeyHome, replace: bool) -> Result<Receiving> {
        make_or_check_folder(path)?;
        let lock = WriterLock::take(path)?;
        if let KeyHome::File(key) = &home {
            make_or_check_folder(key)?;
            finish_birth(path, key)?;
        }
        if let Some(there) = in_the_way(path)?.filter(|_| !replace) {
            return Err(match home {
                KeyHome::File(key) if there == path && !exists(&key)? => LedgerError::KeyLost { path: there, key },
                _ => LedgerError::InTheWay { path: there },
            });
        }
        let (here, new_key) = match home {
            KeyHome::Elsewhere(key) => (Some(key), None),
            KeyHome::File(file) if exists(&file)? => (Some(LedgerKey::read(&file)?), None),
            KeyHome::File(file) => (None, Some(file)),
        };
        Ok(Receiving { path: path.into(), here, new_key, replace, lock: Some(lock), unpacked: None })
    }

    /// Reads the stream of a backup, decrypted, to its end. Nothing is done with it yet.
    pub fn take(&mut self, plain: &mut dyn Read) -> Result<()> {
        self.unpacked = Some(Unpacked::read(plain, &beside(&self.path, ARRIVING))?);
        Ok(())
    }

    /// Verifies what was taken and puts it in place. Only after the whole stream proved to be intact.
    pub fn finish(mut self, stamp: &Stamp<'_>) -> Result<Restored> {
        let (Some(unpacked), Some(lock)) = (self.unpacked.take(), self.lock.take()) else {
            return Err(LedgerError::Backup { reason: "nothing was read".into() });
        };
        let audit = unpacked.check()?;
        if let Some(problem) = audit.problems.first() {
            let reason = format!("the ledger in it does not hold together ({problem})");
            return Err(LedgerError::Backup { reason });
        }
        let manifest = unpacked.manifest.clone();
        let mut ledger = Ledger::open_locked(&unpacked.path, &unpacked.key, lock, stamp)?;
        let key = self.here.as_ref().unwrap_or(&unpacked.key);
        let other_key = key.to_hex() != unpacked.key.to_hex();
        let held = ledger.settle_restored(manifest.made_at, other_key, stamp)?;
        let ready = unborn(&self.path);
        remove_all(&ready);
        let put = copy(&ledger.conn, &ready, key).and_then(|()| self.put(&ready, key));
        let aside = put.inspect_err(|_| remove_all(&ready))?;
        // The lock lives in this handle, and the file it has open is about to go.
        drop((ledger, unpacked));
        Ok(Restored { manifest, held, other_key, aside })
    }

    /// Gives the ledger and its key their names.
    fn put(&self, ready: &Path, key: &LedgerKey) -> Result<Option<PathBuf>> {
        if let Some(file) = &self.new_key {
            remove(&unborn(file))?;
            key.write_new(&unborn(file))?;
            private::sync_folder(private::folder_of(file))?;
        }
        let aside = if self.replace { move_aside(&self.path)? } else { None };
        put_in_place(ready, &self.path)?;
        if let Some(file) = &self.new_key {
            put_in_place(&unborn(file), file)?;
        }
        Ok(aside)
    }
}

/// Gives a ledger that lost its key file the key out of a backup, if it is the right one. Nothing else is touched.
pub fn restore_key(unpacked: &Unpacked, ledger: &Path, key: &Path) -> Result<()> {
    let _lock = WriterLock::take(ledger)?;
    if exists(key)? {
        return Err(LedgerError::Exists { path: key.into() });
    }
    drop(connection::open(ledger, &unpacked.key, Mode::Read)?);
    remove(&unborn(key))?;
    unpacked.key.write_new(&unborn(key))?;
    put_in_place(&unborn(key), key)
}

impl Unpacked {
    /// Reads the stream of a backup only for its key, for [`restore_key`].
    pub fn for_its_key(plain: &mut dyn Read, ledger: &Path) -> Result<Unpacked> {
        Unpacked::read(plain, &beside(ledger, ".proof"))
    }
}

impl Ledger {
    /// What waited is held, and the history says what happened.
    fn settle_restored(&mut self, made_at: Timestamp, other_key: bool, stamp: &Stamp<'_>) -> Result<u64> {
        self.batch(|ledger| {
            let held = ledger.hold_outbox(stamp)?;
            let what = What::Restored { made_at, held, other_key };
            ledger.append(&[NewEvent { report: None, message: None, what }], stamp)?;
            Ok(held)
        })
    }
}

/// The ledger, or a log of one with something in it: SQLite would take the log for the restored ledger's own. Readers
/// leave an empty one behind, which says nothing and goes.
fn in_the_way(path: &Path) -> Result<Option<PathBuf>> {
    if exists(path)? {
        return Ok(Some(path.into()));
    }
    for suffix in ["-wal", "-journal"] {
        let file = beside(path, suffix);
        if std::fs::symlink_metadata(&file).is_ok_and(|found| found.len() > 0) {
            return Ok(Some(file));
        }
    }
    for suffix in ["-wal", "-journal", "-shm"] {
        remove(&beside(path, suffix))?;
    }
    Ok(None)
}

/// Moves a ledger and its logs into a new folder beside it. They get their second names before they lose their first, and
/// the ledger loses its own before its logs do: at no moment stands a ledger here without the log that belongs to it.
fn move_aside(path: &Path) -> Result<Option<PathBuf>> {
    let files: Vec<&str> = ["", "-wal", "-journal", "-shm"]
        .into_iter()
        .filter(|suffix| std::fs::symlink_metadata(beside(path, suffix)).is_ok())
        .collect();
    if files.is_empty() {
        return Ok(None);
    }
    let folder = (1..).map(|number| beside(path, &format!(".replaced-{number}"))).find(|p| !p.exists());
    let Some(folder) = folder else { return Ok(None) };
    private::make_folder(&folder)?;
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    for suffix in &files {
        let to = folder.join(beside(&name, suffix));
        std::fs::hard_link(beside(path, suffix), &to).map_err(LedgerError::io(&to))?;
    }
    private::sync_folder(&folder)?;
    private::sync_folder(private::folder_of(path))?;
    for suffix in &files {
        let from = beside(path, suffix);
        std::fs::remove_file(&from).map_err(LedgerError::io(&from))?;
    }
    private::sync_folder(private::folder_of(path))?;
    Ok(Some(folder))
}
