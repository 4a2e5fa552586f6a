//! `sealpost outbox`

use serde_json::json;

use super::books;
use super::post::Posted;
use super::{App, Done, post};
use crate::cli::outbox::{Action, Args};
use crate::config::Config;
use crate::error::{Error, Kind, not_found};
use crate::ledger::{Ledger, LedgerError, OutboxState, Step};
use crate::output::Said;
use crate::output::outbox::{Item, Outbox};

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    match &args.action {
        None | Some(Action::List) => {
            let ledger = settled(app, &config)?;
            Ok(Done::new(list(&ledger)?).zone(&config.calendar.zone))
        }
        Some(Action::Send { number }) => {
            let mut ledger = books::write(&config, &books::stamp(app))?;
            let (sent, asked, told) = match number {
                None => {
                    let asked = post::standing(&ledger)?.waiting;
                    let mut posted = Posted::default();
                    let done = post::send_queued(app, &config, &mut ledger, &mut posted);
                    if let Err(e) = done {
                        return Err(posted.told.into_iter().fold(e, Error::hint).into());
                    }
                    (posted.sent, asked, posted.told)
                }
                Some(n) => {
                    known(&ledger, *n)?;
                    let (state, unsent) = post::send_named(app, &config, &mut ledger, *n)?;
                    let told = unsent.into_iter().map(|unsent| unsent.line).collect();
                    (u64::from(state == OutboxState::Sent), 1, told)
                }
            };
            told.into_iter().for_each(|line| app.say(line));
            let line = format!("{sent} of {asked} sent");
            Ok(Done::new(Said { line, json: json!({"sent": sent, "asked": asked}) }).needs_person(sent < asked))
        }
        Some(Action::Drop { number }) => {
            let mut ledger = books::write(&config, &books::stamp(app))?;
            known(&ledger, *number)?;
            ledger.outbox_step(*number, &Step::Drop, &books::stamp(app))?;
            let line = format!("reply {number} taken out of the outbox; it will not be sent");
            Ok(Done::new(Said { line, json: json!({"dropped": number}) }))
        }
    }
}

/// To be looked at. A reply that is being sent by nobody alive was cut off: opening the ledger to write calls it unknown.
fn settled(app: &App, config: &Config) -> Result<Ledger, Error> {
    let ledger = books::read(app, config)?;
    if !ledger.outbox_waiting()?.iter().any(|item| item.state == OutboxState::Sending) {
        return Ok(ledger);
    }
    drop(ledger);
    match books::write(config, &books::stamp(app)) {
        Err(e) if e.kind == Kind::InUse => books::read(app, config),
        other => other,
    }
}

/// A number that a person typed.
fn known(ledger: &Ledger, number: i64) -> Result<(), Error> {
    match ledger.outbox_item(number) {
        Err(LedgerError::NotFound { .. }) => {
            Err(not_found(format!("there is no reply {number} in the outbox")).hint("sealpost outbox lists what waits"))
        }
        other => other.map(|_| ()).map_err(Error::from),
    }
}

/// What is not done with.
fn list(ledger: &Ledger) -> anyhow::Result<Outbox> {
    let mut outbox = Vec::new();
    for item in ledger.outbox_waiting()? {
        outbox.push(Item {
            number: item.number,
            report: ledger.report(&item.report)?.map(|r| r.id.0),
            to: item.recipients.into_iter().map(Into::into).collect(),
            state: item.state.name().to_owned(),
            reason: item.reason.map(Into::into),
            queued_at: ledger.queued_at(item.number)?.unwrap_or_default(),
            tries: item.tries.made,
            tried_at: item.tries.last_at,
            again_at: item.tries.again_at(),
            size: ledger.sealed(item.number)?.len(),
        });
    }
    Ok(Outbox { outbox })
}
