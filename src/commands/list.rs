//! `sealpost list`: what is due, the most urgent first.

use std::collections::HashSet;

use super::books;
use super::desk::Desk;
use super::{App, Done};
use crate::case::{Role, State};
use crate::cli::list::Args;
use crate::ledger::Ledger;
use crate::output::list::{AutomaticList, AutomaticView, List};
use crate::output::report::{Person, ReportView};

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    app.one_form(args.csv)?;
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    if args.automatic {
        return Ok(Done::new(automatic(&ledger)?).zone(&config.calendar.zone));
    }
    let desk = Desk::read(app, &config, &ledger)?;
    let found: Option<HashSet<String>> = match &args.search {
        Some(text) => Some(ledger.search(text)?.into_iter().collect()),
        None => None,
    };
    let mut reports: Vec<ReportView> = desk
        .all()
        .filter(|(row, _)| found.as_ref().is_none_or(|uids| uids.contains(&row.uid)))
        .map(|(row, state)| desk.view(row, state))
        .filter(|view| wanted(view, args))
        .collect();
    // Overdue and next due first, of equals the one that has waited longest; then what has news; then the newest.
    reports.sort_by_key(|r| {
        let due = r.most_urgent().and_then(|c| c.due_at);
        (
            r.state == State::Closed && !r.owes_duty(),
            due.is_none(),
            due,
            r.unanswered == 0,
            if due.is_none() { -r.id } else { r.id },
        )
    });
    let overdue = args.overdue && reports.iter().any(ReportView::is_overdue);
    let asked = match (args.overdue, &args.search, args.state) {
        (true, ..) => "nothing is overdue",
        (_, Some(_), _) => "no report has these words",
        (_, _, Some(_)) => "no report is in this state",
        _ => "no open reports; sealpost list --all shows closed ones",
    };
    let list = List { reports, notices: desk.notices, asked };
    if args.csv {
        return Ok(Done::new(list.table()).needs_person(overdue));
    }
    Ok(Done::new(list).needs_person(overdue).zone(&config.calendar.zone))
}

/// Closed reports are left out unless asked for, or unless the reporter has written since, or a duty is left.
fn wanted(view: &ReportView, args: &Args) -> bool {
    let by_state = match args.state {
        Some(state) => view.state == state,
        None => {
            args.all
                || args.search.is_some()
                || view.state != State::Closed
                || view.news_since_closing
                || view.owes_duty()
        }
    };
    by_state && (!args.overdue || view.is_overdue())
}

fn automatic(ledger: &Ledger) -> anyhow::Result<AutomaticList> {
    let mut messages = Vec::new();
    for row in ledger.messages_of_no_report()?.into_iter().rev() {
        if row.role != Some(Role::Automatic) {
            continue;
        }
        let Some(opened) = ledger.opened(row.id)? else { continue };
        let header = opened.header;
        messages.push(AutomaticView {
            id: row.id.0,
            from: header.from.first().map_or(Person { address: "".into(), name: None }, Person::from),
            subject: header.subject.unwrap_or_default().into(),
            received_at: row.received_at,
            kind: header.automatic,
        });
    }
    Ok(AutomaticList { messages })
}
