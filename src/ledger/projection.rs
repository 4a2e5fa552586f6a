//! What some events change in other tables: the reports, where each mail lies, which certificate is pinned.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{micros, name_of};
use super::{LedgerError, NewEvent, Result, chain};
use crate::case::{Role, What};

/// Carries out what the event in row `row` changes.
pub(super) fn apply(conn: &Connection, row: i64, event: &NewEvent) -> Result<()> {
    let (report, message) = (event.report.as_deref(), event.message.as_deref());
    match &event.what {
        What::ReportOpened { received_at, reporter } => {
            let report = report.ok_or_else(|| not_found("report", ""))?;
            open_report(conn, row, report, *received_at, reporter)
        }
        What::Filed { role } => {
            let message = message.ok_or_else(|| not_found("message", ""))?;
            file(conn, row, message, report.unwrap_or_default(), *role)
        }
        What::Pinned { address, fingerprint } => pin(conn, row, address, fingerprint),
        // An event about a report that is not here would be lost to every list.
        _ => report.map_or(Ok(()), |uid| known_report(conn, uid)),
    }
}

/// A report that two workstations opened is one report; the first event here gave it its number.
fn open_report(conn: &Connection, row: i64, uid: &str, received_at: Timestamp, reporter: &str) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO report (uid, received_at, reporter, event) SELECT ?1, ?2, ?3, ?4
         WHERE NOT EXISTS (SELECT 1 FROM report WHERE uid = ?1)",
    )?
    .execute(params![uid, micros(received_at), reporter, row])?;
    Ok(())
}

fn file(conn: &Connection, row: i64, message: &str, report: &str, role: Role) -> Result<()> {
    // Automatic mail, and mail of ours, may lie with no report.
    if !(report.is_empty() && matches!(role, Role::Automatic | Role::Outgoing)) {
        known_report(conn, report)?;
    }
    let id: i64 = conn
        .prepare_cached("SELECT id FROM message WHERE uid = ?1")?
        .query_row([message], |row| row.get(0))
        .optional()?
        .ok_or_else(|| not_found("message", message))?;
    let before: Option<i64> = conn
        .prepare_cached("SELECT event FROM filing WHERE message = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if !is_later(conn, row, before)? {
        return Ok(());
    }
    conn.prepare_cached(
        "INSERT INTO filing (message, report, role, event) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (message) DO UPDATE SET report = excluded.report, role = excluded.role, event = excluded.event",
    )?
    .execute(params![id, report, name_of(&role), row])?;
    Ok(())
}

fn pin(conn: &Connection, row: i64, address: &str, fingerprint: &str) -> Result<()> {
    let address = address.trim().to_ascii_lowercase();
    let before: Option<i64> = conn
        .prepare_cached("SELECT event FROM pin WHERE address = ?1")?
        .query_row([&address], |row| row.get(0))
        .optional()?;
    if !is_later(conn, row, before)? {
        return Ok(());
    }
    conn.prepare_cached(
        "INSERT INTO pin (address, fingerprint, event) VALUES (?1, ?2, ?3)
         ON CONFLICT (address) DO UPDATE SET fingerprint = excluded.fingerprint, event = excluded.event",
    )?
    .execute(params![address, fingerprint, row])?;
    Ok(())
}

/// By (time, device, number), so that ledgers that got the same events in another order agree.
fn is_later(conn: &Connection, new: i64, old: Option<i64>) -> Result<bool> {
    match old {
        Some(old) => Ok(chain::order_of(conn, new)? > chain::order_of(conn, old)?),
        None => Ok(true),
    }
}

fn known_report(conn: &Connection, uid: &str) -> Result<()> {
    let found = conn.prepare_cached("SELECT 1 FROM report WHERE uid = ?1")?.exists([uid])?;
    if found { Ok(()) } else { Err(not_found("report", uid)) }
}

fn not_found(kind: &'static str, name: &str) -> LedgerError {
    LedgerError::NotFound { kind, name: name.into() }
}
