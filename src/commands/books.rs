//! The ledger as the configuration names it: made where neither it nor its key exists, opened otherwise.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{App, secrets};
use crate::config::{Config, LedgerKeySource};
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, LedgerError, LedgerKey, Places, Stamp};

/// Opens the ledger to write; a second writer gets exit status 4.
pub fn write(config: &Config, stamp: &Stamp<'_>) -> Result<Ledger, Error> {
    let opened = match &config.ledger_key {
        LedgerKeySource::File(key) => {
            let places = Places { ledger: config.ledger.clone(), key: key.clone() };
            Ledger::open_or_create(&places, stamp)
        }
        LedgerKeySource::Command(command) => Ledger::open(&config.ledger, &key_from(command)?, stamp),
    };
    Ok(opened?)
}

/// The same, waiting up to `patience` for another run to end: what a person has just written or decided is not turned away
/// because a poll happens to be at work.
pub fn write_soon(app: &App, config: &Config, patience: Duration) -> Result<Ledger, Error> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match write(config, &stamp(app)) {
            Err(e) if e.kind == Kind::InUse && began.elapsed() < patience => {
                if app.watched && !std::mem::replace(&mut told, true) {
                    app.say("another run is at work; waiting for it");
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other,
        }
    }
}

/// Opens the ledger to read, also while a poll writes. The first command of all makes it.
pub fn read(app: &App, config: &Config) -> Result<Ledger, Error> {
    let command = match &config.ledger_key {
        LedgerKeySource::File(key) => {
            let places = Places { ledger: config.ledger.clone(), key: key.clone() };
            return Ok(Ledger::open_read_or_create(&places, &stamp(app))?);
        }
        LedgerKeySource::Command(command) => command,
    };
    match Ledger::open_read(&config.ledger, &key_from(command)?) {
        // A writer migrates; a reader cannot.
        Err(LedgerError::Older { .. }) => write(config, &stamp(app)),
        other => Ok(other?),
    }
}

/// This person, now.
pub fn stamp(app: &App) -> Stamp<'_> {
    Stamp { who: &app.who, at: app.now }
}

/// The ledger's key as the configuration names it; it must exist.
pub fn key(config: &Config) -> Result<LedgerKey, Error> {
    match &config.ledger_key {
        LedgerKeySource::File(path) => Ok(LedgerKey::read(path)?),
        LedgerKeySource::Command(command) => key_from(command),
    }
}

fn key_from(command: &[String]) -> Result<LedgerKey, Error> {
    let text = secrets::from_command(command, "the ledger's key")?;
    Ok(LedgerKey::from_hex(text.expose().as_bytes(), "key_command")?)
}

/// The ledger's errors already say what to do.
fn in_words(e: &LedgerError) -> Error {
    let kind = match e {
        LedgerError::InUse { .. } | LedgerError::Busy => Kind::InUse,
        LedgerError::Loose { .. } | LedgerError::Foreign { .. } => Kind::Config,
        _ => Kind::Ledger,
    };
    let text = e.to_string();
    // Overlaps are normal under cron: one line, not two (`contract.md`).
    if kind == Kind::InUse {
        return Error::new(kind, text);
    }
    let mut parts = text.split("; ");
    let error = Error::new(kind, parts.next().unwrap_or_default());
    parts.chain(after_io(e)).fold(error, Error::hint)
}

/// What to do about a file that the disk gave no room for, or gave errors on.
fn after_io(e: &LedgerError) -> Option<&'static str> {
    let LedgerError::Io { source, .. } = e else { return None };
    match Errno::from_io_error(source)? {
        Errno::NOSPC | Errno::DQUOT => Some("make room, then run again"),
        Errno::IO | Errno::ROFS => Some("see to the disk, then run again"),
        _ => None,
    }
}

impl From<LedgerError> for Error {
    fn from(e: LedgerError) -> Error {
        in_words(&e)
    }
}
