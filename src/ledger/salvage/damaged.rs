//! A ledger that may fail at any question, asked for one row at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::leaf::Value;
use super::pages::PAGE;
use super::strays::{Strays, Table};
use crate::case::What;
use crate::ledger::LedgerKey;
use crate::ledger::connection::{self, Mode};
use crate::ledger::lock::beside;
use crate::ledger::rows::{from_json, instant};

/// Mails and replies that are looked for in each page where their number is not known.
const MAILS_A_PAGE: i64 = 4;
/// Events, likewise.
const EVENTS_A_PAGE: i64 = 400;

/// What was asked for, whether it is there, or why nobody knows.
type Answer<T> = std::result::Result<Option<T>, String>;

/// The ledger. After a broken page the connection is of no use any more, so there is a new one.
pub(super) struct Damaged<'a> {
    path: PathBuf,
    key: &'a LedgerKey,
    conn: Option<Connection>,
    /// Tables of which any row can be found from the top.
    readable: HashMap<&'static str, bool>,
    strays: Option<Option<Strays>>,
}

/// The row that says what a mail is.
pub(super) struct MailRow {
    pub(super) uid: String,
    pub(super) sha256: String,
    pub(super) sent: bool,
    pub(super) received_at: Option<Timestamp>,
}

/// An event of the history.
pub(super) struct EventRow {
    number: i64,
    at: i64,
    who: String,
    report: String,
    message: String,
    what: String,
    hash: String,
}

impl Damaged<'_> {
    pub(super) fn new<'a>(path: &Path, key: &'a LedgerKey) -> Damaged<'a> {
        Damaged { path: path.into(), key, conn: None, readable: HashMap::new(), strays: None }
    }

    /// Whether SQLite can be asked anything at all.
    pub(super) fn opens(&mut self) -> bool {
        self.ask(|conn| conn.prepare("SELECT bytes FROM raw WHERE message = 1").map(|_| None::<()>)).is_ok()
    }

    /// The last number given in a table, and whether that is known or only a bound.
    pub(super) fn last(&mut self, table: Table) -> (i64, bool) {
        // A mail has its number from the table that says what it is.
        let giver = if table == Table::Raw { Table::Message } else { table };
        let name = giver.name();
        let mut last = None;
        for sql in [
            format!("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{name}'"),
            format!("SELECT coalesce(max(id), 0) FROM {name}"),
        ] {
            last =
                last.max(self.ask(|conn| conn.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0))).ok().flatten());
        }
        let pages = i64::try_from(std::fs::metadata(&self.path).map_or(0, |m| m.len()) / PAGE).unwrap_or_default();
        let a_page = if table == Table::Event { EVENTS_A_PAGE } else { MAILS_A_PAGE };
        let bound = a_page.saturating_mul(pages.saturating_add(1));
        // Asked with all numbers in view, before single rows are: one bad leaf at the beginning says nothing of the others.
        let about = last.unwrap_or(bound).clamp(1, bound);
        if table == Table::Raw {
            self.readable(Table::Message.name(), Table::Message.key(), about);
            self.readable("sighting", "message", about);
        }
        let readable = self.readable(table.name(), table.key(), about);
        match last {
            // What one who holds the key writes there must not keep us busy for ever.
            Some(last) if (0..=bound.saturating_mul(16)).contains(&last) => (last, true),
            _ if readable => (bound, false),
            // Asking for each of a million rows would take hours and give nothing.
            _ => {
                let last = self.strays().and_then(|strays| strays.last(giver)).unwrap_or_default();
                (last.clamp(0, bound), true)
            }
        }
    }

    /// An event.
    pub(super) fn event(&mut self, id: i64) -> Answer<EventRow> {
        let sql = "SELECT number, at, who, report, message, what, hex(hash) FROM event WHERE id = ?1";
        self.find(Table::Event, id, sql, EventRow::by_sql, EventRow::by_page)
    }

    /// What the ledger says of a mail.
    pub(super) fn mail_row(&mut self, id: i64) -> Option<MailRow> {
        let sql = "SELECT uid, direction, received_at, hex(sha256) FROM message WHERE id = ?1";
        self.find(Table::Message, id, sql, MailRow::by_sql, MailRow::by_page).ok().flatten()
    }

    /// A reply, sealed.
    pub(super) fn sealed(&mut self, id: i64) -> Answer<Vec<u8>> {
        let sql = "SELECT sealed FROM outbox WHERE id = ?1";
        self.find(Table::Outbox, id, sql, |row| row.get(0), |row| row.get(5)?.blob())
    }

    /// The bytes of a mail, as SQLite finds them.
    pub(super) fn raw(&mut self, id: i64) -> Answer<Vec<u8>> {
        self.by_sql(Table::Raw, id, "SELECT bytes FROM raw WHERE message = ?1", |row| row.get(0))
    }

    /// The bytes of a mail, wherever they lie. Other tables have rows of this look, so only what is `whole` is taken.
    pub(super) fn stray_raw(&mut self, id: i64, whole: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let fits = |row: Vec<Value>| match row.into_iter().nth(1) {
            Some(Value::Blob(raw)) if whole(&raw) => Some(raw),
            _ => None,
        };
        self.strays()?.find(Table::Raw, id, fits)
    }

    /// When and where a mail was seen first.
    pub(super) fn sighted(&mut self, id: i64) -> Option<(Timestamp, String)> {
        if !self.readable("sighting", "message", id) {
            return None;
        }
        let found = self.ask(|conn| {
            let sql = "SELECT received_at, mailbox FROM sighting WHERE message = ?1 ORDER BY id LIMIT 1";
            let row = conn.prepare_cached(sql)?.query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
            row.optional()
        });
        let (at, mailbox) = found.ok().flatten()?;
        Some((instant(at).ok()?, mailbox))
    }

    /// By SQL, else by the look of it.
    fn find<T>(
        &mut self,
        table: Table,
        id: i64,
        sql: &str,
        by_sql: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        by_page: impl Fn(&[Value]) -> Option<T>,
    ) -> Answer<T> {
        let answer = self.by_sql(table, id, sql, by_sql);
        if let Ok(Some(_)) = answer {
            return answer;
        }
        match self.strays().and_then(|strays| strays.find(table, id, |row| by_page(&row))) {
            None => answer,
            found => Ok(found),
        }
    }

    fn by_sql<T>(
        &mut self,
        table: Table,
        id: i64,
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Answer<T> {
        if !self.readable(table.name(), table.key(), id) {
            return Err("the page is damaged from which it is found".into());
        }
        self.ask(|conn| conn.prepare_cached(sql)?.query_row([id], |row| read(row)).optional())
    }

    fn ask<T>(&mut self, question: impl Fn(&Connection) -> rusqlite::Result<Option<T>>) -> Answer<T> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => connection::open(&self.path, self.key, Mode::Read).map_err(|e| e.to_string())?,
        };
        let answer = question(&conn).map_err(|e| e.to_string())?;
        self.conn = Some(conn);
        Ok(answer)
    }

    /// Whether any row up to about `last` can be asked for: not where the page is broken from which all of a table is found.
    fn readable(&mut self, table: &'static str, key: &str, last: i64) -> bool {
        if let Some(known) = self.readable.get(table) {
            return *known;
        }
        let sql = format!("SELECT 1 FROM {table} WHERE {key} = ?1");
        let step = usize::try_from(last / 200).unwrap_or_default().max(1);
        let near = std::iter::successors(Some(1_i64), |id| id.checked_add(id / 10 + 1)).take_while(|id| *id <= last);
        let answers = (1..=last)
            .step_by(step)
            .chain(near)
            .any(|id| self.ask(|conn| conn.prepare_cached(&sql)?.query_row([id], |_| Ok(())).optional()).is_ok());
        self.readable.insert(table, answers);
        answers
    }

    /// Every row that can be read, by its look. It costs a walk through the whole file, so only where something is missing.
    fn strays(&mut self) -> Option<&mut Strays> {
        if self.strays.is_none() {
            self.carry_over();
            self.strays = Some(Strays::of(&self.path, self.key).ok());
        }
        self.strays.as_mut().and_then(Option::as_mut)
    }

    /// Writes what the log holds into the file (which is a copy): the pages by themselves know nothing of a log.
    fn carry_over(&mut self) {
        if std::fs::metadata(beside(&self.path, "-wal")).is_ok_and(|log| log.len() > 0) {
            self.conn = None;
            if let Ok(conn) = connection::open(&self.path, self.key, Mode::Write) {
                let _ = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            }
        }
    }
}

impl MailRow {
    fn by_sql(row: &Row<'_>) -> rusqlite::Result<MailRow> {
        let (sent, sha256) = (row.get::<_, String>(1)? == "out", row.get::<_, String>(3)?.to_lowercase());
        Ok(MailRow { uid: row.get(0)?, sha256, sent, received_at: instant(row.get(2)?).ok() })
    }

    fn by_page(row: &[Value]) -> Option<MailRow> {
        let sha256 = data_encoding::HEXLOWER.encode(&row.get(2)?.blob()?);
        let (sent, received_at) = (row.get(4)?.text()? == "out", instant(row.get(5)?.int()?).ok());
        Some(MailRow { uid: row.get(1)?.text()?, sha256, sent, received_at })
    }
}

impl EventRow {
    fn by_sql(row: &Row<'_>) -> rusqlite::Result<EventRow> {
        Ok(EventRow {
            number: row.get(0)?,
            at: row.get(1)?,
            who: row.get(2)?,
            report: row.get(3)?,
            message: row.get(4)?,
            what: row.get(5)?,
            hash: row.get::<_, String>(6)?.to_lowercase(),
        })
    }

    fn by_page(row: &[Value]) -> Option<EventRow> {
        Some(EventRow {
            number: row.get(2)?.int()?,
            at: row.get(3)?.int()?,
            who: row.get(4)?.text()?,
            report: row.get(5)?.text()?,
            message: row.get(6)?.text()?,
            what: row.get(7)?.text()?,
            hash: data_encoding::HEXLOWER.encode(&row.get(9)?.blob()?),
        })
    }

    /// What happened, where it can be understood.
    pub(super) fn what(&self) -> Option<What> {
        from_json(&self.what, "an event").ok()
    }

    /// One line of JSON.
    pub(super) fn line(&self) -> String {
        serde_json::json!({
            "number": self.number,
            "at": instant(self.at).ok().map(|at| at.to_string()),
            "who": self.who,
            "report": self.report,
            "message": self.message,
            "event": serde_json::from_str(&self.what).unwrap_or(serde_json::Value::String(self.what.clone())),
            "hash": self.hash,
        })
        .to_string()
    }
}
