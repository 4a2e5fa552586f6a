//! The ledger, and everything in it that waits for a person.

use super::policy;
use crate::commands::desk::Desk;
use crate::commands::{App, books};
use crate::config::{Config, LedgerKeySource};
use crate::error::Error;
use crate::ledger::{Ledger, MessageId};
use crate::output::health::{Finding, judge};

/// Opens it and looks; gives it back for whoever else wants to ask.
pub fn look(app: &App, config: &Config) -> (Option<Ledger>, Vec<Finding>) {
    let opened = match books::read(app, config) {
        Ok(ledger) => ledger,
        Err(e) => return (None, vec![Finding::fail("ledger", e.message).hint(e.hints.join("; "))]),
    };
    let mut found = vec![match opened.glance().map_err(Error::from) {
        Ok(()) => Finding::ok("ledger", opened.path().display().to_string()),
        Err(e) => Finding::fail("ledger", e.message).hint(e.hints.join("; ")),
    }];
    if let LedgerKeySource::File(key) = &config.ledger_key {
        found.push(Finding::ok("ledger-key", format!("{}: the ledger is as safe as this file", key.display())));
    }
    match inside(app, config, &opened) {
        Ok(more) => found.extend(more),
        Err(e) => found.push(Finding::fail("ledger", e.message).hint(e.hints.join("; "))),
    }
    (Some(opened), found)
}

fn inside(app: &App, config: &Config, ledger: &Ledger) -> Result<Vec<Finding>, Error> {
    let desk = Desk::read(app, config, ledger)?;
    let mut found = vec![match desk.overdue() {
        0 => Finding::ok("overdue", "nothing is overdue"),
        n => Finding::warn("overdue", format!("{n} overdue")).hint("sealpost list --overdue"),
    }];
    found.extend(policy::in_force(config, ledger, app.now));
    // What lies in a closed report was dealt with; nobody is reminded of it for ever.
    let of_open = |ids: Vec<MessageId>| -> Result<usize, Error> {
        let mut count = 0;
        for id in ids {
            let report = ledger.message(id)?.report.and_then(|uid| desk.report(&uid).map(|r| r.closed_at.is_none()));
            count += usize::from(report == Some(true));
        }
        Ok(count)
    };
    let pending = ledger.pending()?.len();
    found.extend(judge::waiting(of_open(ledger.unopened()?)?, of_open(ledger.quarantined()?)?, pending));
    let mut waiting = Vec::new();
    for item in ledger.outbox_waiting()? {
        let since = ledger.queued_at(item.number)?;
        waiting.push(judge::Waiting {
            state: item.state.name(),
            since,
            tries: item.tries.made,
            reason: item.reason.map(Into::into),
        });
    }
    found.extend(judge::outbox(&waiting, app.now));
    let here = config.calendar.now(app.now);
    found.push(judge::last_poll(ledger.last_poll()?, &here));
    let backup = ledger.last_backup()?.map(|last| judge::Backup {
        at: last.at,
        verified: last.verified,
        sound: last.problems == 0,
        good: last.good,
        other_key: last.other_key,
    });
    found.push(judge::last_backup(backup, ledger.message_count()?, &here));
    found.push(judge::clock(ledger.last_event_at()?, &here));
    Ok(found)
}
