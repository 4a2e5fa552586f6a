//! One writer at a time, without stale locks: the system drops a lock with the process that held it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::private;
use super::{LedgerError, Result};

/// Held by the one that may write. The lock lies on `LEDGER.lock`, not on the ledger, because closing any descriptor of
/// a file drops the POSIX locks that SQLite holds on it. The file stays when the lock goes: removing it would let two
/// writers each lock a file of that name.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock for the ledger at `path`, or says at once that another run has it.
    pub(super) fn take(path: &Path) -> Result<WriterLock> {
        let name = beside(path, ".lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(&name).map_err(LedgerError::io(&name))?;
        private::check_file(&name)?;
        match file.try_lock() {
            Ok(()) => Ok(WriterLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { path: path.into() }),
            Err(TryLockError::Error(error)) => Err(LedgerError::io(&name)(error)),
        }
    }
}

/// The name of a companion file: the ledger's own, with `suffix` after it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
