//! `sealpost plan CASE`

use jiff::tz::Offset;

use super::desk::{self, Desk};
use super::{App, Done, books};
use crate::case::{ReportState, Role};
use crate::cli::plan::Args;
use crate::clock::plan::{release, timeline};
use crate::error::{Error, Kind};
use crate::ledger::Ledger;
use crate::message::{date, fields::Fields};
use crate::output::plan::{Plan, Row, Theirs};

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let row = desk::resolve(&ledger, &args.id)?;
    let desk = Desk::read(app, &config, &ledger)?;
    let empty = || Error::new(Kind::Ledger, "the report has no events").hint("sealpost audit");
    let report = desk.report(&row.uid).ok_or_else(empty)?;
    let case = desk.case(report).ok_or_else(empty)?;
    let reports: Vec<&ReportState> = case.reports.iter().filter_map(|uid| desk.report(uid)).collect();
    let first = reports.first().copied().ok_or_else(empty)?;
    let notice = desk.notice(first);
    let clocked: Vec<_> = reports.iter().map(|report| (*report, desk.clocks(report))).collect();
    let zone = &config.calendar.zone;
    let theirs = offset(&ledger, &first.uid).map(|offset| Theirs { address: (&first.reporter).into(), offset });
    let entries = timeline(case, &clocked, notice, &desk.calendar);
    let rows = entries
        .into_iter()
        .map(|entry| Row::new(&entry, entry.report.as_ref().and_then(|uid| desk.number(uid)), zone, theirs.as_ref()))
        .collect();
    let plan = Plan {
        case: desk.number(&case.uid).unwrap_or(row.id.0),
        uid: case.uid.clone(),
        reports: case.reports.iter().filter_map(|uid| desk.number(uid)).collect(),
        zone: zone.iana_name().unwrap_or("local").to_owned(),
        theirs,
        release: release(case, notice, &desk.calendar, app.now),
        rows,
        notices: desk.notices.clone(),
    };
    Ok(Done::new(plan).zone(zone))
}

/// The reporter's offset from UTC, by the Date field of the mail that opened the report.
fn offset(ledger: &Ledger, report: &str) -> Option<Offset> {
    let messages = ledger.messages_of(report).ok()?;
    let opening = messages.iter().find(|m| m.role == Some(Role::Opening))?;
    let raw = ledger.raw(opening.id).ok()?;
    date::offset(&Fields::parse(header_of(&raw)).first("date")?.text())
}

/// The header block: all before the first empty line, and no more than a header can be.
fn header_of(raw: &[u8]) -> &[u8] {
    let raw = raw.get(..raw.len().min(256 * 1024)).unwrap_or_default();
    let ends =
        raw.windows(2).position(|w| w == b"\n\n").into_iter().chain(raw.windows(4).position(|w| w == b"\r\n\r\n"));
    raw.get(..ends.min().unwrap_or(raw.len())).unwrap_or_default()
}
