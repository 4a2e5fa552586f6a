//! The copy that is worked on, and the pages with the schema, which are the same in every ledger of one version.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::damaged::Damaged;
use super::pages::PAGE;
use crate::ledger::backup::remove_all;
use crate::ledger::lock::beside;
use crate::ledger::{LedgerError, LedgerKey, Result, birth, connection, migrate};

/// Bytes at the beginning of the file from which, with the key, pages are authenticated.
const SALT: usize = 16;

/// A copy of the file and its log, sealed as they are; it goes when this is dropped.
pub(super) struct Copy {
    pub(super) path: PathBuf,
}

impl Copy {
    pub(super) fn of(path: &Path, folder: &Path) -> Result<Copy> {
        let copy = Copy { path: folder.join(".ledger-copy") };
        for suffix in ["", "-wal"] {
            let (from, to) = (beside(path, suffix), beside(&copy.path, suffix));
            let mut from_file = match std::fs::File::open(&from) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !suffix.is_empty() => continue,
                other => other.map_err(LedgerError::io(&from))?,
            };
            birth::new_private_file(&to)?;
            let mut to_file = std::fs::File::options().write(true).open(&to).map_err(LedgerError::io(&to))?;
            std::io::copy(&mut from_file, &mut to_file).map_err(LedgerError::io(&to))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        remove_all(&self.path);
    }
}

/// Gives the copy the pages that hold the schema, from an empty ledger for the same key and salt.
pub(super) fn mend(path: &Path, key: &LedgerKey) -> Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path).map_err(LedgerError::io(path))?;
    let mut salt = [0; SALT];
    file.read_exact(&mut salt).map_err(|_| LedgerError::Unreadable { path: path.into() })?;
    let pages = file.metadata().map_err(LedgerError::io(path))?.len().div_ceil(PAGE);
    let template = Copy { path: beside(path, ".template") };
    let small = empty(&template.path, key, &salt, 0)?;
    let schema = schema_pages(&template.path, key, small)?;
    remove_all(&template.path);
    let claimed = empty(&template.path, key, &salt, pages)?;
    // The first page now says that the file has this many pages; those that it never had are empty and asked by nobody.
    file.set_len(claimed * PAGE).map_err(LedgerError::io(path))?;
    let mut from = std::fs::File::open(&template.path).map_err(LedgerError::io(path))?;
    let mut page = vec![0; PAGE as usize];
    for number in schema {
        let at = SeekFrom::Start(number * PAGE);
        let done = from.seek(at).and_then(|_| from.read_exact(&mut page)).and_then(|()| file.seek(at));
        done.and_then(|_| file.write_all(&page)).map_err(LedgerError::io(path))?;
    }
    file.sync_all().map_err(LedgerError::io(path))
}

/// An empty ledger of at least so many pages (the first one says how many there are); gives how many it has.
fn empty(path: &Path, key: &LedgerKey, salt: &[u8], pages: u64) -> Result<u64> {
    birth::new_private_file(path)?;
    let conn = connection::open_salted(path, key, salt)?;
    conn.execute_batch("PRAGMA foreign_keys = OFF; BEGIN")?;
    migrate::write_schema(&conn)?;
    let mut left = i64::try_from(pages.saturating_mul(PAGE)).unwrap_or(i64::MAX);
    let mut number = 1;
    while left > 0 {
        let some = left.min(64 << 20);
        conn.execute("INSERT INTO raw (message, bytes) VALUES (?1, zeroblob(?2))", params![number, some])?;
        (left, number) = (left - some, number + 1);
    }
    conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(std::fs::metadata(path).map_err(LedgerError::io(path))?.len() / PAGE)
}

/// The pages, from 0, without which an empty ledger cannot even be asked: found by breaking each in turn.
fn schema_pages(path: &Path, key: &LedgerKey, pages: u64) -> Result<Vec<u64>> {
    let file = std::fs::File::options().read(true).write(true).open(path).map_err(LedgerError::io(path))?;
    let mut needed = vec![0];
    for page in 1..pages {
        let at = page * PAGE + 100;
        let mut byte = [0];
        let flip = |byte: &[u8; 1]| file.write_all_at(&byte.map(|b| b ^ 0xFF), at);
        file.read_exact_at(&mut byte, at).and_then(|()| flip(&byte)).map_err(LedgerError::io(path))?;
        if !Damaged::new(path, key).opens() {
            needed.push(page);
        }
        file.write_all_at(&byte, at).map_err(LedgerError::io(path))?;
    }
    Ok(needed)
}
