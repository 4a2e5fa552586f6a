//! Events and their hash chain.
//!
//! Each device numbers its events from 1 and chains them: the hash of an event is SHA-256 over
//!
//! ```text
//! "sealpost event 1", hash of the device's event before (32 zero bytes for the first), device name, number, at, who,
//! report, message, what, evidence
//! ```
//!
//! in this order, each field after its length as eight bytes (most significant first); numbers are eight bytes likewise,
//! `at` is microseconds since 1970, `what` is the JSON text exactly as stored, absent text is empty. `evidence` is empty
//! or the digest of the row that the event vouches for (a mail, an opening, a reply, …), so that the chain covers those
//! rows as well. The device's row keeps the hash and the number of its last event: a tail that was cut off shows.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{RowDigest, from_json, instant, json, micros, some};
use super::{Ledger, LedgerError, NewEvent, Result, Stamp, projection};
use crate::case::{Event, What};

/// The hash that stands before a device's first event.
pub(super) const GENESIS: [u8; 32] = [0; 32];

/// The fields of one event as they are hashed.
pub(super) struct Link<'a> {
    pub(super) device: &'a str,
    pub(super) number: i64,
    pub(super) at: i64,
    pub(super) who: &'a str,
    pub(super) report: &'a str,
    pub(super) message: &'a str,
    pub(super) what: &'a str,
    pub(super) evidence: &'a [u8],
}

impl Link<'_> {
    /// The hash of this event after the one whose hash is `before`.
    pub(super) fn hash(&self, before: &[u8]) -> [u8; 32] {
        RowDigest::new("sealpost event 1")
            .bytes(before)
            .text(self.device)
            .int(self.number)
            .int(self.at)
            .text(self.who)
            .text(self.report)
            .text(self.message)
            .text(self.what)
            .bytes(self.evidence)
            .done()
    }
}

impl Ledger {
    /// Records events, all or none, and what they change elsewhere (a report opens, a mail is filed, a certificate is
    /// pinned). Kinds that vouch for a row (`received`, `judged`, `queued`, …) are recorded by the functions that store
    /// that row and are refused here.
    pub fn append(&mut self, events: &[NewEvent], stamp: &Stamp<'_>) -> Result<()> {
        self.batch(|ledger| {
            for event in events {
                if needs_its_row(&event.what) {
                    return Err(LedgerError::NeedsItsRow);
                }
                ledger.push(event, &[], stamp)?;
            }
            Ok(())
        })
    }

    /// Every event, ordered by (time, device, number).
    pub fn events(&self) -> Result<Vec<Event>> {
        self.read_events(&format!("{SELECT} {ORDER}"), &[])
    }

    /// The events of one report and of the mails filed with it, ordered by (time, device, number).
    pub fn events_of(&self, report: &str) -> Result<Vec<Event>> {
        if report.is_empty() {
            return Ok(Vec::new());
        }
        let its = "WHERE e.id IN (SELECT id FROM event WHERE report = ?1 AND report <> '' UNION SELECT a.id FROM filing f
                   JOIN message m ON m.id = f.message JOIN event a ON a.message = m.uid AND a.message <> '' WHERE f.report = ?1)";
        self.read_events(&format!("{SELECT} {its} {ORDER}"), &[&report])
    }

    /// The events about one message, ordered by (time, device, number).
    pub fn events_about(&self, message: &str) -> Result<Vec<Event>> {
        if message.is_empty() {
            return Ok(Vec::new());
        }
        self.read_events(&format!("{SELECT} WHERE e.message = ?1 AND e.message <> '' {ORDER}"), &[&message])
    }

    /// Hash of the own device's last event: what an anchor outside the ledger repeats.
    pub fn head(&self) -> Result<[u8; 32]> {
        Ok(self.conn.query_row("SELECT head FROM device WHERE id = ?1", [self.device.0], |row| row.get(0))?)
    }

    /// True where an event with this hash is here: a ledger that was rolled back as a whole lacks the head that an
    /// anchor remembers.
    pub fn knows_head(&self, hash: &[u8; 32]) -> Result<bool> {
        Ok(self.conn.query_row("SELECT count(*) FROM event WHERE hash = ?1", [hash], |row| row.get::<_, i64>(0))? > 0)
    }

    /// Adds one event to the own device's chain and carries out what it changes. Gives its row. Only inside a batch.
    pub(super) fn push(&self, event: &NewEvent, evidence: &[u8], stamp: &Stamp<'_>) -> Result<i64> {
        let (device, name) = (&self.device.0, &self.device.1);
        let (count, head): (i64, [u8; 32]) = self
            .conn
            .prepare_cached("SELECT events, head FROM device WHERE id = ?1")?
            .query_row([device], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let what = json(&event.what)?;
        let link = Link {
            device: name,
            number: count.saturating_add(1),
            at: micros(stamp.at),
            who: stamp.who,
            report: event.report.as_deref().unwrap_or_default(),
            message: event.message.as_deref().unwrap_or_default(),
            what: &what,
            evidence,
        };
        let hash = link.hash(&head);
        self.conn
            .prepare_cached(
                "INSERT INTO event (device, number, at, who, report, message, what, evidence, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                device,
                link.number,
                link.at,
                link.who,
                link.report,
                link.message,
                link.what,
                evidence,
                hash
            ])?;
        let row = self.conn.last_insert_rowid();
        self.conn.prepare_cached("UPDATE device SET events = ?2, head = ?3 WHERE id = ?1")?.execute(params![
            device,
            link.number,
            hash
        ])?;
        projection::apply(&self.conn, row, event)?;
        Ok(row)
    }

    fn read_events(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Event>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(read_event(row)?);
        }
        Ok(events)
    }
}

/// When the event in this row was recorded, and where: what orders events everywhere.
pub(super) fn order_of(conn: &Connection, event: i64) -> Result<Option<(i64, String, i64)>> {
    Ok(conn
        .prepare_cached("SELECT e.at, d.name, e.number FROM event e JOIN device d ON d.id = e.device WHERE e.id = ?1")?
        .query_row([event], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?)
}

const SELECT: &str = "SELECT e.at, d.name, e.number, e.who, e.report, e.message, e.what
                      FROM event e JOIN device d ON d.id = e.device";
const ORDER: &str = "ORDER BY e.at, d.name, e.number";

fn read_event(row: &Row<'_>) -> Result<Event> {
    let at: Timestamp = instant(row.get(0)?)?;
    let number: i64 = row.get(2)?;
    Ok(Event {
        at,
        device: row.get(1)?,
        number: number.unsigned_abs(),
        who: row.get(3)?,
        report: some(row.get(4)?),
        message: some(row.get(5)?),
        what: from_json::<What>(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?, "an event")?,
    })
}

fn needs_its_row(what: &What) -> bool {
    matches!(
        what,
        What::Received { .. }
            | What::Sighted { .. }
            | What::Judged { .. }
            | What::PolicyAdopted { .. }
            | What::Queued { .. }
            | What::Sending { .. }
            | What::Sent { .. }
            | What::SendFailed { .. }
            | What::SendUnknown { .. }
            | What::Dropped { .. }
    )
}
