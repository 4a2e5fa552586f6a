//! Reading what can still be read of a damaged ledger, without changing it.
//!
//! The file is copied (sealed as it is) into a folder of its own and the copy is asked row by row, so that a broken page
//! costs what lies on it and no more: SQLCipher authenticates each page, and mails are held against their digests, so what is
//! read is what was written. Where the
//! first page or another that holds the schema is broken, the copy gets those pages from an empty ledger made for the
//! same key and salt; they are the same in every ledger of one version.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::backup::remove_all;
use super::connection::{self, Mode};
use super::lock::beside;
use super::rows::{from_json, instant};
use super::{ContentHash, LedgerError, LedgerKey, Result, birth, migrate, private};
use crate::case::What;

/// SQLCipher's page.
const PAGE: u64 = 4096;
/// Bytes at the beginning of the file from which, with the key, pages are authenticated.
const SALT: usize = 16;
/// Mails, and a hundred times as many events, that are looked for in each page where their number is not known.
const MAILS_A_PAGE: i64 = 4;

/// Takes what was found, as it is found.
pub trait Salvage {
    /// A mail, to the byte as it came.
    fn mail(&mut self, found: &Saved, raw: &[u8]) -> std::io::Result<()>;
    /// A reply of the outbox, as it was sealed.
    fn reply(&mut self, number: i64, sealed: &[u8]) -> std::io::Result<()>;
    /// An event of the history, as one line of JSON.
    fn event(&mut self, line: &str) -> std::io::Result<()>;
}

/// What is known of a mail that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Its number in the ledger.
    pub number: i64,
    /// Its name on every workstation.
    pub uid: String,
    /// SHA-256 of its bytes with line ends normalised.
    pub sha256: String,
    /// Bytes.
    pub size: usize,
    /// It was seen in the Sent mailbox.
    pub sent: bool,
    /// When the server received it; `None` where that is lost.
    pub received_at: Option<Timestamp>,
    /// Where it was seen first; `None` where that is lost.
    pub mailbox: Option<String>,
}

/// A mail that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Its number in the ledger.
    pub number: i64,
    /// Its name, where that can still be read.
    pub uid: Option<String>,
    /// When the server received it, where that can still be read.
    pub received_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// What was found in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Mails that were read.
    pub saved: Vec<Saved>,
    /// Mails that were not.
    pub lost: Vec<Lost>,
    /// Replies of the outbox that were read.
    pub replies: u64,
    /// Those that were not.
    pub replies_lost: u64,
    /// Events that were read.
    pub events: u64,
    /// Those that were not.
    pub events_lost: u64,
    /// The pages of the schema were broken and were taken from an empty ledger.
    pub mended: bool,
}

impl Salvaged {
    /// Reads everything that can be read of the ledger at `path` and hands it to `sink`. Works on a copy in `folder`,
    /// which must be private; the copy goes at the end.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`] where nothing can be read: a wrong key looks like a file that is damaged everywhere.
    pub fn read(path: &Path, key: &LedgerKey, folder: &Path, sink: &mut dyn Salvage) -> Result<Salvaged> {
        private::check_folder(folder)?;
        let copy = Copy::of(path, folder)?;
        let mut damaged = Damaged { path: copy.path.clone(), key, conn: None };
        let mended = !damaged.opens();
        if mended {
            mend(&copy.path, key)?;
        }
        let mut found = Salvaged { mended, ..Salvaged::default() };
        if mended && !damaged.opens() {
            return Err(LedgerError::Unreadable { path: path.into() });
        }
        let received = found.history(&mut damaged, sink)?;
        found.mails(&mut damaged, &received, sink)?;
        found.outbox(&mut damaged, sink)?;
        let named = found.lost.iter().any(|lost| lost.uid.is_some());
        if found.saved.is_empty() && found.events == 0 && found.replies == 0 && !named {
            return Err(LedgerError::Unreadable { path: path.into() });
        }
        Ok(found)
    }

    /// The events; gives when each mail was received, by the digest of its bytes.
    fn history(&mut self, damaged: &mut Damaged<'_>, sink: &mut dyn Salvage) -> Result<HashMap<String, Timestamp>> {
        let mut received = HashMap::new();
        let (last, known) = damaged.last("event", 100 * MAILS_A_PAGE);
        if !damaged.hopeful("SELECT 1 FROM event WHERE id = ?1", last) {
            self.events_lost = if known { last.unsigned_abs() } else { 1 }; // Every ledger has one.
            return Ok(received);
        }
        for id in 1..=last {
            let found = damaged.ask(|conn| {
                let sql = "SELECT e.number, e.at, e.who, e.report, e.message, e.what, hex(e.hash) FROM event e WHERE e.id = ?1";
                conn.prepare_cached(sql)?.query_row([id], |row| event_of(row)).optional()
            });
            match found {
                Ok(Some(line)) => {
                    self.events += 1;
                    if let Some(Ok(What::Received { sha256, received_at, .. })) =
                        line.get("event").map(|e| from_json(&e.to_string(), ""))
                    {
                        received.insert(sha256, received_at);
                    }
                    sink.event(&line.to_string()).map_err(cannot_write)?;
                }
                Ok(None) => self.events_lost += u64::from(known),
                Err(_) => self.events_lost += 1,
            }
        }
        Ok(received)
    }

    fn mails(
        &mut self,
        damaged: &mut Damaged<'_>,
        received: &HashMap<String, Timestamp>,
        sink: &mut dyn Salvage,
    ) -> Result<()> {
        let (last, known) = damaged.last("message", MAILS_A_PAGE);
        if !known && !damaged.hopeful("SELECT 1 FROM raw WHERE message = ?1", last) {
            return Ok(());
        }
        for id in 1..=last {
            let raw = damaged.ask(|conn| {
                let sql = "SELECT bytes FROM raw WHERE message = ?1";
                conn.prepare_cached(sql)?.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional()
            });
            let row = damaged.row_of(id);
            let (uid, at) = (row.as_ref().map(|row| row.uid.clone()), row.as_ref().and_then(|row| row.received_at));
            let lost = |reason: String| Lost { number: id, uid: uid.clone(), received_at: at, reason };
            match raw {
                Ok(Some(raw)) => {
                    let sha256 = ContentHash::of(&raw).to_string();
                    // SQLCipher takes a page of zeros for one that was never written, and lets it pass.
                    let proven = row.as_ref().is_some_and(|row| row.sha256 == sha256) || received.contains_key(&sha256);
                    if !proven && (row.is_some() || self.events_lost == 0) {
                        self.lost.push(lost("some of its bytes are gone".into()));
                        continue;
                    }
                    let received_at = at.or_else(|| received.get(&sha256).copied());
                    let saved = Saved {
                        number: id,
                        uid: uid.clone().unwrap_or_else(|| sha256.chars().take(10).collect()),
                        size: raw.len(),
                        sent: row.as_ref().is_some_and(|row| row.sent),
                        received_at: received_at.or_else(|| damaged.sighted(id).map(|(at, _)| at)),
                        mailbox: damaged.sighted(id).map(|(_, mailbox)| mailbox),
                        sha256,
                    };
                    sink.mail(&saved, &raw).map_err(cannot_write)?;
                    self.saved.push(saved);
                }
                Ok(None) if known || row.is_some() => self.lost.push(lost("its bytes are gone".into())),
                Ok(None) => {}
                Err(reason) if known || row.is_some() => self.lost.push(lost(reason)),
                // Where not even the number of mails is known, what cannot be read may never have been.
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn outbox(&mut self, damaged: &mut Damaged<'_>, sink: &mut dyn Salvage) -> Result<()> {
        let (last, known) = damaged.last("outbox", MAILS_A_PAGE);
        if !damaged.hopeful("SELECT 1 FROM outbox WHERE id = ?1", last) {
            self.replies_lost = if known { last.unsigned_abs() } else { 0 };
            return Ok(());
        }
        for id in 1..=last {
            let sealed = damaged.ask(|conn| {
                let sql = "SELECT sealed FROM outbox WHERE id = ?1";
                conn.prepare_cached(sql)?.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional()
            });
            match sealed {
                Ok(Some(sealed)) => {
                    self.replies += 1;
                    sink.reply(id, &sealed).map_err(cannot_write)?;
                }
                Ok(None) | Err(_) => self.replies_lost += u64::from(known),
            }
        }
        Ok(())
    }
}

fn event_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<serde_json::Value> {
    let what: String = row.get(5)?;
    let at = instant(row.get(1)?).ok().map(|at| at.to_string());
    Ok(serde_json::json!({
        "number": row.get::<_, i64>(0)?,
        "at": at,
        "who": row.get::<_, String>(2)?,
        "report": row.get::<_, String>(3)?,
        "message": row.get::<_, String>(4)?,
        "event": serde_json::from_str(&what).unwrap_or(serde_json::Value::String(what)),
        "hash": row.get::<_, String>(6)?.to_lowercase(),
    }))
}

/// The row that says what a mail is.
struct MailRow {
    uid: String,
    sha256: String,
    sent: bool,
    received_at: Option<Timestamp>,
}

/// A ledger that may fail at any question. After a broken page the connection is of no use any more, so there is a new one.
struct Damaged<'a> {
    path: PathBuf,
    key: &'a LedgerKey,
    conn: Option<Connection>,
}

impl Damaged<'_> {
    fn opens(&mut self) -> bool {
        self.ask(|conn| conn.prepare("SELECT bytes FROM raw WHERE message = 1").map(drop)).is_ok()
    }

    fn ask<T>(&mut self, question: impl Fn(&Connection) -> rusqlite::Result<T>) -> std::result::Result<T, String> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => connection::open(&self.path, self.key, Mode::Read).map_err(|e| e.to_string())?,
        };
        let answer = question(&conn).map_err(|e| e.to_string())?;
        self.conn = Some(conn);
        Ok(answer)
    }

    /// The last number given in a table, and whether that is known or only a bound.
    fn last(&mut self, table: &str, per_page: i64) -> (i64, bool) {
        let mut last = None;
        for sql in [
            format!("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{table}'"),
            format!("SELECT coalesce(max(id), 0) FROM {table}"),
        ] {
            last = last.max(self.ask(|conn| conn.query_row(&sql, [], |row| row.get::<_, i64>(0))).ok());
        }
        let pages = i64::try_from(std::fs::metadata(&self.path).map_or(0, |m| m.len()) / PAGE).unwrap_or_default();
        let bound = per_page.saturating_mul(pages.saturating_add(1));
        match last {
            // What one who holds the key writes there must not keep us busy for ever.
            Some(last) if (0..=bound.saturating_mul(16)).contains(&last) => (last, true),
            _ => (bound, false),
        }
    }

    /// Whether any row can be asked for. Where the page is broken from which all of a table is found, as with a wrong key,
    /// asking for each of a million rows would take hours and give nothing.
    fn hopeful(&mut self, sql: &str, last: i64) -> bool {
        let step = usize::try_from(last / 200).unwrap_or_default().max(1);
        let near = std::iter::successors(Some(1_i64), |id| Some(id + id / 10 + 1)).take_while(|id| *id <= last);
        (1..=last)
            .step_by(step)
            .chain(near)
            .any(|id| self.ask(|conn| conn.prepare_cached(sql)?.query_row([id], |_| Ok(())).optional()).is_ok())
    }

    fn row_of(&mut self, id: i64) -> Option<MailRow> {
        let found = self.ask(|conn| {
            let sql = "SELECT uid, direction, received_at, lower(hex(sha256)) FROM message WHERE id = ?1";
            let row = conn.prepare_cached(sql)?.query_row([id], |row| {
                let sent = row.get::<_, String>(1)? == "out";
                Ok(MailRow { uid: row.get(0)?, sha256: row.get(3)?, sent, received_at: instant(row.get(2)?).ok() })
            });
            row.optional()
        });
        found.ok().flatten()
    }

    fn sighted(&mut self, id: i64) -> Option<(Timestamp, String)> {
        let found = self.ask(|conn| {
            let sql = "SELECT received_at, mailbox FROM sighting WHERE message = ?1 ORDER BY id LIMIT 1";
            let row = conn.prepare_cached(sql)?.query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
            row.optional()
        });
        let (at, mailbox) = found.ok().flatten()?;
        Some((instant(at).ok()?, mailbox))
    }
}

/// A copy of the file and its log, sealed as they are; it goes when this is dropped.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn of(path: &Path, folder: &Path) -> Result<Copy> {
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
fn mend(path: &Path, key: &LedgerKey) -> Result<()> {
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
        if !(Damaged { path: path.into(), key, conn: None }).opens() {
            needed.push(page);
        }
        file.write_all_at(&byte, at).map_err(LedgerError::io(path))?;
    }
    Ok(needed)
}

fn cannot_write(source: std::io::Error) -> LedgerError {
    LedgerError::Io { path: "the rescue folder".into(), source }
}
