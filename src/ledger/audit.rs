//! Does all of it hold together? Every event, mail and row is looked at, and what does not fit is named.
//!
//! The chain covers the events; each event that vouches for a row holds that row's digest; every other table is computed
//! again from those and compared. So whoever changes, deletes or reorders anything, without rebuilding all that comes
//! after it, is found, and so is a tail that was cut off. What no look at the file alone can find: one who holds the
//! key and rebuilds the chain, or sets the whole file back to what it was. Against that helps a head that is remembered
//! elsewhere ([`Ledger::knows_head`]).

mod facts;
mod projections;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use data_encoding::HEXLOWER;
use rusqlite::Connection;

use super::chain::{GENESIS, Link};
use super::lock::beside;
use super::outbox::OutboxState;
use super::{Ledger, Result, migrate};
use crate::case::What;

/// More problems than this are counted, not told.
const MAX_TOLD: usize = 1000;

/// What `audit` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Everything fits.
    pub ok: bool,
    /// Events looked at.
    pub events: u64,
    /// Mails looked at.
    pub messages: u64,
    /// Hash of the own device's last event, lower-case hexadecimal.
    pub head: String,
    /// What does not fit, one line each.
    pub problems: Vec<String>,
}

/// An event as the audit remembers it.
struct Seen {
    /// What orders it: time, device, number.
    order: (i64, String, i64),
    report: String,
    message: String,
    what: What,
    evidence: Vec<u8>,
    /// The row it vouches for was found.
    vouched: bool,
}

/// What the walk along the chains gave, and the problems found so far.
#[derive(Default)]
struct Walk {
    /// By row of the event table.
    events: BTreeMap<i64, Seen>,
    messages: u64,
    problems: Vec<String>,
    untold: usize,
}

impl Walk {
    fn problem(&mut self, text: String) {
        if self.problems.len() < MAX_TOLD {
            self.problems.push(text);
        } else {
            self.untold += 1;
        }
    }

    /// Marks the event as answered for by a row whose digest is `digest`, or says that the two do not fit.
    fn vouch(&mut self, event: i64, digest: &[u8; 32], is_its_kind: fn(&What) -> bool, row: &str) {
        match self.events.get_mut(&event) {
            Some(seen) if is_its_kind(&seen.what) && !seen.vouched && seen.evidence == digest => seen.vouched = true,
            _ => self.problem(format!("{row} is not what its event recorded")),
        }
    }
}

impl Ledger {
    /// Verifies the ledger: the history chains, every row they vouch for, everything computed from them, and the file.
    /// A part that cannot even be read is a problem like any other. Changes nothing.
    pub fn audit(&self) -> Result<Audit> {
        let alone = self.conn.is_autocommit();
        if alone {
            self.conn.execute_batch("BEGIN")?;
        }
        let mut walk = Walk::default();
        for (name, check) in CHECKS {
            if let Err(error) = check(&self.conn, &mut walk) {
                walk.problem(format!("the {name} cannot be read: {error}"));
            }
        }
        if alone {
            self.conn.execute_batch("COMMIT")?;
        }
        if walk.untold > 0 {
            walk.problems.push(format!("and {} problems more", walk.untold));
        }
        Ok(Audit {
            ok: walk.problems.is_empty(),
            events: walk.events.len() as u64,
            messages: walk.messages,
            head: self.head().map(|head| HEXLOWER.encode(&head)).unwrap_or_default(),
            problems: walk.problems,
        })
    }
}

type Check = fn(&Connection, &mut Walk) -> Result<()>;

/// In an order in which later checks may rely on what earlier ones collected.
const CHECKS: &[(&str, Check)] = &[
    ("file", file),
    ("schema", schema),
    ("history", chains),
    ("numbers", numbers),
    ("order", order),
    ("messages", facts::messages),
    ("sightings", facts::sightings),
    ("openings", facts::openings),
    ("certificates", facts::certs),
    ("policies", facts::policies),
    ("outbox", facts::outbox),
    ("cursors", facts::cursors),
    ("evidence", missing_rows),
    ("lookup columns", projections::columns),
    ("thread names", projections::mentions),
    ("search index", projections::search),
    ("reports", projections::reports),
    ("filing", projections::filings),
    ("pins", projections::pins),
];

/// SQLCipher's seal of every page, then SQLite's structure.
///
/// The first looks at the file alone, past the write-ahead log. A page that the log holds anew may be half written in the
/// file, by a run that died or a disk that filled while the log was carried over; so as long as there is a log, only what
/// the others read through it is judged, which is every page in use, each with its seal.
fn file(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut alone = log_is_empty(conn);
    let told = walk.problems.len();
    pragma(conn, walk, "cipher_integrity_check", "seal")?;
    // Asked again, since another run may have begun to write.
    alone &= log_is_empty(conn);
    if !alone {
        walk.problems.truncate(told);
    }
    pragma(conn, walk, "integrity_check", "structure")?;
    pragma(conn, walk, "foreign_key_check", "reference")
}

fn log_is_empty(conn: &Connection) -> bool {
    let path = conn.path().unwrap_or_default();
    beside(Path::new(path), "-wal").metadata().map_or(true, |log| log.len() == 0)
}

fn pragma(conn: &Connection, walk: &mut Walk, pragma: &str, who: &str) -> Result<()> {
    let mut statement = conn.prepare(&format!("PRAGMA {pragma}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line = row.get::<_, String>(0)?;
        if line != "ok" {
            walk.problem(format!("{who} of the file: {line}"));
        }
    }
    Ok(())
}

/// The triggers that keep facts as they are, and the indexes that questions go by, must be the ones this program writes; no
/// table may be missing or strange. (A table's own text may differ, as moving to a later version leaves it.)
fn schema(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let fresh = Connection::open_in_memory()?;
    migrate::write_schema(&fresh)?;
    let (expected, mut found) = (objects(&fresh)?, objects(conn)?);
    for ((kind, name), sql) in expected {
        match found.remove(&(kind.clone(), name.clone())) {
            Some(here) if here == sql || kind == "table" => {}
            Some(_) => walk.problem(format!("{kind} {name} was changed")),
            None => walk.problem(format!("{kind} {name} is missing")),
        }
    }
    for (kind, name) in found.keys() {
        walk.problem(format!("{kind} {name:?} is not ours"));
    }
    Ok(())
}

type Objects = BTreeMap<(String, String), String>;

fn objects(conn: &Connection) -> Result<Objects> {
    let mut statement =
        conn.prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")?;
    let found = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Walks each device's chain from its first event, and compares its end with what the device's row says.
fn chains(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut devices = conn.prepare("SELECT id, name, events, head FROM device ORDER BY id")?;
    let mut rows = devices.query([])?;
    let mut known = 0;
    while let Some(row) = rows.next()? {
        let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let (events, head): (i64, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let (last, hash) = chain(conn, id, &name, walk)?;
        if last != events || hash != head {
            walk.problem(format!("device {name}: its history ends with event {last}, it recorded {events}"));
        }
        known += 1;
    }
    if known == 0 {
        walk.problem("no device is here".into());
    }
    let orphans: i64 =
        conn.query_row("SELECT count(*) FROM event WHERE device NOT IN (SELECT id FROM device)", [], |row| row.get(0))?;
    if orphans > 0 {
        walk.problem(format!("{orphans} events are of no device that is here"));
    }
    Ok(())
}

fn chain(conn: &Connection, device: i64, name: &str, walk: &mut Walk) -> Result<(i64, Vec<u8>)> {
    let mut events = conn.prepare(
        "SELECT id, number, at, who, report, message, what, evidence, hash FROM event WHERE device = ?1 ORDER BY number",
    )?;
    let mut rows = events.query([device])?;
    let (mut before, mut number, mut arrived) = (GENESIS.to_vec(), 0_i64, 0_i64);
    while let Some(row) = rows.next()? {
        let (id, found, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (who, report): (String, String) = (row.get(3)?, row.get(4)?);
        let (message, what): (String, String) = (row.get(5)?, row.get(6)?);
        let (evidence, hash): (Vec<u8>, Vec<u8>) = (row.get(7)?, row.get(8)?);
        if found != number.saturating_add(1) {
            walk.problem(format!(
                "device {name}: events {} to {} are missing",
                number.saturating_add(1),
                found.saturating_sub(1)
            ));
        }
        if id <= arrived {
            walk.problem(format!("device {name}: event {found} does not stand where it was recorded"));
        }
        (number, arrived) = (found, id);
        let link = Link {
            device: name,
            number,
            at,
            who: &who,
            report: &report,
            message: &message,
            what: &what,
            evidence: &evidence,
        };
        if link.hash(&before).as_slice() != hash {
            walk.problem(format!(
                "device {name}: event {number} is not what was recorded, or not after what it followed"
            ));
        }
        before = hash;
        match serde_json::from_str(&what) {
            Ok(what) => {
                let order = (at, name.to_owned(), number);
                walk.events.insert(id, Seen { order, report, message, what, evidence, vouched: false });
            }
            Err(_) => walk.problem(format!("device {name}: event {number} cannot be read")),
        }
    }
    Ok((number, before))
}

/// Local numbers run from 1 without gaps, up to the last one SQLite gave.
fn numbers(conn: &Connection, walk: &mut Walk) -> Result<()> {
    for table in ["device", "event", "message", "sighting", "opening", "report", "cert", "policy", "outbox"] {
        let (count, last): (i64, i64) =
            conn.query_row(&format!("SELECT count(*), coalesce(max(id), 0) FROM {table}"), [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let given: i64 =
            conn.query_row("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1", [table], |row| {
                row.get(0)
            })?;
        if count != last || last != given {
            walk.problem(format!(
                "table {table}: {count} rows are here, the last has number {last}, {given} were made"
            ));
        }
    }
    Ok(())
}

/// Rows were numbered as the events that vouch for them were recorded: the last opening counts, the first sighting is told.
fn order(conn: &Connection, walk: &mut Walk) -> Result<()> {
    for table in ["message", "sighting", "opening", "report", "cert", "policy", "outbox"] {
        let sql = format!(
            "SELECT id FROM (SELECT id, event < lag(event) OVER (ORDER BY id) AS back FROM {table}) WHERE back"
        );
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            walk.problem(format!("table {table}: row {} does not stand where it was recorded", row.get::<_, i64>(0)?));
        }
    }
    Ok(())
}

/// Events that vouch for a row that was not found.
fn missing_rows(_: &Connection, walk: &mut Walk) -> Result<()> {
    let missing: Vec<String> = walk
        .events
        .values()
        .filter(|seen| !seen.evidence.is_empty() && !seen.vouched)
        .map(|seen| format!("device {}: what event {} recorded is missing or changed", seen.order.1, seen.order.2))
        .collect();
    missing.into_iter().for_each(|text| walk.problem(text));
    Ok(())
}

/// The state each reply was left in by the events about it, and the reason that the last of them gives.
fn outbox_states(walk: &Walk) -> HashMap<i64, (OutboxState, String)> {
    let of = |seen: &Seen| {
        let (number, state) = OutboxState::after(&seen.what)?;
        let reason = if let What::SendFailed { reason, .. } = &seen.what { reason.clone() } else { String::new() };
        Some((number, (state, reason)))
    };
    walk.events.values().filter_map(of).collect()
}
