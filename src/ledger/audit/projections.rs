//! Tables that repeat what facts add up to: computed again, in another way than they were written, and compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;

use super::{Seen, Walk};
use crate::case::What;
use crate::ledger::Result;
use crate::ledger::record::Columns;
use crate::ledger::rows::{from_json, micros, name_of};
use crate::report::Opened;

/// The lookup columns of each mail must be those of its last opening.
pub(super) fn columns(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut statement = conn.prepare(
        "SELECT m.uid, p.id, p.tried_with, p.value, coalesce(o.opening, 0), coalesce(o.tried_with, ''), o.encryption,
                o.signature, o.quarantined, o.message_id, o.payload, o.content, o.address, o.name, o.subject
         FROM opening p JOIN message m ON m.id = p.message LEFT JOIN opened o ON o.message = p.message
         WHERE p.id = (SELECT max(id) FROM opening l WHERE l.message = p.message) ORDER BY m.id",
    )?;
    let mut rows = statement.query([])?;
    let mut count = 0_i64;
    while let Some(row) = rows.next()? {
        count += 1;
        let uid: String = row.get(0)?;
        let opened: Opened = from_json(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?, "an opened mail")?;
        let expected = Columns::of(&opened);
        let text = |column| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
        let found = Columns {
            encryption: text(6)?,
            signature: text(7)?,
            quarantined: text(8)?,
            message_id: text(9)?,
            payload: text(10)?,
            content: text(11)?,
            address: text(12)?,
            name: text(13)?,
            subject: text(14)?,
            mentions: mentions_of(conn, &uid)?,
        };
        let newest = row.get::<_, i64>(1)? == row.get::<_, i64>(4)? && text(2)? == text(5)?;
        if !newest || found != expected {
            walk.problem(format!("message {uid}: its lookup columns are not those of its last opening"));
        }
    }
    let rows: i64 = conn.query_row("SELECT count(*) FROM opened", [], |row| row.get(0))?;
    if rows != count {
        walk.problem(format!("{rows} mails have lookup columns, {count} were opened"));
    }
    Ok(())
}

/// The threads a mail names; a hole in the positions, which count up from 0, shows as an empty name.
fn mentions_of(conn: &Connection, uid: &str) -> Result<Vec<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT iif(t.position = row_number() OVER (ORDER BY t.position) - 1, t.message_id, '')
         FROM mention t JOIN message m ON m.id = t.message WHERE m.uid = ?1 ORDER BY t.position",
    )?;
    let found = statement.query_map([uid], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// No mail that was never opened may name a thread. (Those of opened mails are compared with their columns.)
pub(super) fn mentions(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let strays: i64 =
        conn.query_row("SELECT count(*) FROM mention WHERE message NOT IN (SELECT message FROM opened)", [], |row| {
            row.get(0)
        })?;
    if strays > 0 {
        walk.problem(format!("{strays} thread names belong to mails that were never opened"));
    }
    Ok(())
}

/// The index must know exactly the mails that were opened. (Its inner structure is part of the check of the file.)
pub(super) fn search(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let all = |sql: &str| -> Result<BTreeSet<i64>> {
        let mut statement = conn.prepare(sql)?;
        let found = statement.query_map([], |row| row.get(0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    };
    let (indexed, opened) = (all("SELECT rowid FROM search")?, all("SELECT message FROM opened")?);
    for message in indexed.symmetric_difference(&opened) {
        walk.problem(format!("message number {message} is opened or indexed for search, not both"));
    }
    Ok(())
}

/// Reports and their numbers, from the events that opened them in the order they arrived.
pub(super) fn reports(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let mut expected: Vec<(String, i64, String, i64)> = Vec::new();
    let mut known = BTreeSet::new();
    for (row, seen) in &walk.events {
        if let What::ReportOpened { received_at, reporter } = &seen.what
            && known.insert(&seen.report)
        {
            expected.push((seen.report.clone(), micros(*received_at), reporter.clone(), *row));
        }
    }
    let mut statement = conn.prepare("SELECT uid, received_at, reporter, event FROM report ORDER BY id")?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let found: Vec<(String, i64, String, i64)> = found.collect::<rusqlite::Result<_>>()?;
    for (number, (was, is)) in expected.iter().zip(&found).enumerate().filter(|(_, (was, is))| was != is) {
        walk.problem(format!("report {}: it says {:?}, its event says {:?}", number + 1, is.0, was.0));
    }
    if found.len() != expected.len() {
        walk.problem(format!("{} reports are here, {} were opened", found.len(), expected.len()));
    }
    Ok(())
}

/// Where each mail lies, from the latest event that filed it.
pub(super) fn filings(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let expected = latest(walk, |seen| match &seen.what {
        What::Filed { role } => Some((seen.message.clone(), format!("{} {}", name_of(role), seen.report))),
        _ => None,
    });
    compare(
        conn,
        "SELECT m.uid, f.role || ' ' || f.report, f.event FROM filing f JOIN message m ON m.id = f.message",
        expected,
        "message",
        "where it is filed",
        walk,
    )
}

/// Which certificate is pinned to each address, from the latest event that pinned one.
pub(super) fn pins(conn: &Connection, walk: &mut Walk) -> Result<()> {
    let expected = latest(walk, |seen| match &seen.what {
        What::Pinned { address, fingerprint } => Some((address.trim().to_ascii_lowercase(), fingerprint.clone())),
        _ => None,
    });
    compare(conn, "SELECT address, fingerprint, event FROM pin", expected, "address", "its pinned certificate", walk)
}

type Latest = HashMap<String, (String, i64)>;

/// The value of the latest event, by (time, device, number), for each name.
fn latest(walk: &Walk, of: impl Fn(&Seen) -> Option<(String, String)>) -> Latest {
    let mut ordered: BTreeMap<&(i64, String, i64), (i64, &Seen)> = BTreeMap::new();
    ordered.extend(walk.events.iter().map(|(row, seen)| (&seen.order, (*row, seen))));
    ordered.values().filter_map(|(row, seen)| of(seen).map(|(name, value)| (name, (value, *row)))).collect()
}

fn compare(
    conn: &Connection,
    sql: &str,
    mut expected: Latest,
    kind: &str,
    matter: &str,
    walk: &mut Walk,
) -> Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let found = (row.get::<_, String>(1)?, row.get::<_, i64>(2)?);
        if expected.remove(&name).as_ref() != Some(&found) {
            walk.problem(format!("{kind} {name}: {matter} is not what its events say"));
        }
    }
    for name in expected.keys() {
        walk.problem(format!("{kind} {name}: {matter} is missing"));
    }
    Ok(())
}
