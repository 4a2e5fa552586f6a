//! What can go wrong with a ledger, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the ledger did not do what was asked. What it had stored before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another run writes. Exit status 4.
    #[error("the ledger {path} is in use by another run; try again when it is done")]
    InUse {
        /// The ledger.
        path: PathBuf,
    },
    /// The key is there and the file is not.
    #[error(
        "a ledger has gone missing: its key {key} is here, {path} is not; run: sealpost restore BACKUP, or move the key \
         away to begin a new one"
    )]
    Missing {
        /// Where the ledger should be.
        path: PathBuf,
        /// Its key, or where it came from.
        key: String,
    },
    /// The file is there and the key is not.
    #[error("the ledger {path} is here, its key {key} is not; run: sealpost restore --key-only BACKUP")]
    KeyMissing {
        /// The ledger.
        path: PathBuf,
        /// Where the key should be.
        key: PathBuf,
    },
    /// A ledger, or the remains of one, is where a new one should go.
    #[error("{path} exists already, and a ledger is never replaced; move it away first")]
    Exists {
        /// What is in the way.
        path: PathBuf,
    },
    /// A restore began here and did not come to its end: this is no place for a new ledger.
    #[error("a restore of the ledger {path} was cut off; run it again: sealpost restore FILE")]
    RestoreCutOff {
        /// The ledger that was to be restored.
        path: PathBuf,
    },
    /// A ledger is where one is to be restored.
    #[error(
        "{path} exists, and a ledger is never overwritten; nothing was changed; to move it aside and put the backup in \
         its place: sealpost restore --replace BACKUP"
    )]
    InTheWay {
        /// What is in the way.
        path: PathBuf,
    },
    /// A ledger is where one is to be restored, and all that it lacks is its key.
    #[error(
        "the ledger {path} is here, its key {key} is not; nothing was changed; to give it back its key: sealpost restore \
         --key-only BACKUP; to move it aside and put the backup in its place: sealpost restore --replace BACKUP"
    )]
    KeyLost {
        /// The ledger.
        path: PathBuf,
        /// Where the key should be.
        key: PathBuf,
    },
    /// What was read is not what a backup holds.
    #[error("this is no backup that can be restored: {reason}")]
    Backup {
        /// Why.
        reason: String,
    },
    /// The backup could not be written.
    #[error("the backup cannot be written: {source}")]
    BackupWrite {
        /// Why.
        source: std::io::Error,
    },
    /// The key does not fit, or the first page is broken: the two cannot be told apart.
    #[error(
        "the key does not open {path}, or the beginning of the file is damaged; nothing was changed: use the key it was \
         made with; to put a backup in its place: sealpost restore --replace BACKUP; to read what can still be read: \
         sealpost audit --salvage FOLDER"
    )]
    Unreadable {
        /// The ledger.
        path: PathBuf,
    },
    /// The key file does not hold a key.
    #[error("{source_name} does not give a ledger key: 64 hexadecimal digits were expected")]
    NotAKey {
        /// The file or command.
        source_name: String,
    },
    /// Others can get at it.
    #[error("{path} may be used by others (mode {mode:04o}); run: chmod {wanted:o} {path}")]
    Loose {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It is not ours.
    #[error("{path} belongs to another user (uid {uid}); run as its owner, or move the ledger to a folder of your own")]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// It is not what it should be.
    #[error("{path} is not a plain {wanted}; name the {wanted} itself")]
    NotPlain {
        /// What was found.
        path: PathBuf,
        /// `file` or `folder`.
        wanted: &'static str,
    },
    /// Locks and synchronisation cannot be relied upon there.
    #[error("{path} lies on a network file system, where a ledger can be damaged; move it to a local disk")]
    Network {
        /// The folder.
        path: PathBuf,
    },
    /// Made by a later sealpost.
    #[error("{path} was written by a newer sealpost (schema {found}, this one knows {known}); update sealpost")]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Made by an earlier sealpost, and this handle may not write.
    #[error("{path} has schema {found}, this sealpost needs {known}; run: sealpost poll")]
    Older {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It opens and does not hold together.
    #[error(
        "the ledger {path} is damaged ({reason}), and nothing was changed; to put a backup in its place: sealpost \
         restore --replace BACKUP; to read what can still be read: sealpost audit --salvage FOLDER"
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// What is stored cannot be understood.
    #[error("the ledger holds {what} that cannot be read; run: sealpost audit")]
    Garbled {
        /// What.
        what: String,
    },
    /// Nothing has this name.
    #[error("no {kind} is called {name:?}; see: sealpost list --all")]
    NotFound {
        /// `report` or `message`.
        kind: &'static str,
        /// What was typed.
        name: String,
    },
    /// Several things have names that begin so.
    #[error("{name:?} could be {count} different {kind}s; type more of it")]
    Ambiguous {
        /// `report` or `message`.
        kind: &'static str,
        /// What was typed.
        name: String,
        /// How many.
        count: usize,
    },
    /// A mail, or what opening it gave, is larger than the ledger takes.
    #[error("{size} bytes are more than the ledger takes in one piece ({limit})")]
    TooLarge {
        /// Bytes.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// The outbox does not allow it.
    #[error("reply {number} in the outbox is {state}; it cannot become {wanted}")]
    NoSuchStep {
        /// Number in the outbox.
        number: i64,
        /// As it is.
        state: &'static str,
        /// As it was to be.
        wanted: &'static str,
    },
    /// Such an event is recorded by the function that stores what it vouches for.
    #[error("an event of this kind is recorded only together with what it vouches for")]
    NeedsItsRow,
    /// A ledger opened for reading was asked to write.
    #[error("this ledger was opened for reading only")]
    ReadOnly,
    /// A write failed earlier.
    #[error("an earlier write to the ledger failed, so nothing more is written; see to the disk, then run again")]
    Halted,
    /// The same, met without its path.
    #[error("the ledger is in use by another run; try again when it is done")]
    Busy,
    /// The disk has no room.
    #[error("the disk is full; nothing of this step was stored; make room, then run again")]
    DiskFull,
    /// The disk failed, or may not be written to.
    #[error(
        "the disk failed under the ledger ({0}); what was stored before is untouched; see to the disk, then run again"
    )]
    Disk(rusqlite::Error),
    /// A file of the ledger could not be opened or may not be written.
    #[error(
        "the ledger's files cannot be used ({0}): no permission, no room, or a disk that fails; nothing of this step was \
         stored; see to it, then run again"
    )]
    Denied(rusqlite::Error),
    /// The last write of a step failed: the disk may hold it all the same.
    #[error(
        "the disk failed under the ledger at the end of a step ({0}), which may or may not be stored; see to the disk, \
         then look whether it is there before you do it again"
    )]
    Unsure(rusqlite::Error),
    /// The file system refused.
    #[error("cannot use {path}: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// A value could not be written as JSON.
    #[error("a value cannot be written as JSON: {0}")]
    Json(serde_json::Error),
    /// What is stored cannot be read. SQLite says the same of a torn file and of a disk that gives errors.
    #[error(
        "the ledger cannot be read ({0}): the file is damaged, or the disk under it; look at what the system says about \
         the disk (dmesg), then run: sealpost audit"
    )]
    Torn(rusqlite::Error),
    /// SQLite refused.
    #[error("the ledger refused: {0}; if it does so again, run: sealpost audit")]
    Sql(rusqlite::Error),
}

impl LedgerError {
    /// For `map_err` on operations on `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> LedgerError + '_ {
        move |source| LedgerError::Io { path: path.into(), source }
    }

    /// For `map_err` on a commit: once its last page is written, nobody knows what the disk holds.
    pub(super) fn unsure(error: rusqlite::Error) -> LedgerError {
        let written = error.sqlite_error().is_some_and(|e| e.extended_code != rusqlite::ffi::SQLITE_IOERR_WRITE);
        match error.into() {
            LedgerError::Disk(error) if written => LedgerError::Unsure(error),
            other => other,
        }
    }

    /// True where another run is the reason: exit status 4, one line.
    pub fn is_in_use(&self) -> bool {
        matches!(self, LedgerError::InUse { .. } | LedgerError::Busy)
    }

    /// True where the set-up is the reason, as with permissions: exit status 2.
    pub fn is_setup(&self) -> bool {
        matches!(
            self,
            LedgerError::Loose { .. }
                | LedgerError::Foreign { .. }
                | LedgerError::NotPlain { .. }
                | LedgerError::Network { .. }
                | LedgerError::NotAKey { .. }
        )
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> LedgerError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => LedgerError::DiskFull,
            // The lock keeps writers apart, so this is a reader that met the end of another run.
            // The last is what a reader is told after having waited for a run that stands still.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                LedgerError::Busy
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => LedgerError::Torn(error),
            Some(ErrorCode::SystemIoFailure) => LedgerError::Disk(error),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => LedgerError::Denied(error),
            _ => LedgerError::Sql(error),
        }
    }
}
