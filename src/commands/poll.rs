//! `sealpost poll`: fetch what is new, open it, file it, send what waits.

use jiff::Timestamp;

use super::intake::Taker;
use super::post::Posted;
use super::{App, Done, books, desk, files, post, servers};
use crate::cli::poll::Args;
use crate::config::{Config, Source};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::output::intake::Intake;
use crate::point;
use crate::safe;
use crate::wire::files as wire_files;
use crate::wire::{self, Progress};

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    files::refuse_loose(&config.file)?;
    super::reply::editor::sweep(app);
    let mut ledger = books::write(&config, &books::stamp(app))?;
    let notice = desk::adopt_policy(app, &config, &mut ledger);
    let daily = first_of_day(&ledger, app.now);
    let mut taker = Taker::new(app, &mut ledger, source_name(&config));
    taker.tally.warnings.extend(notice);
    point::reach("poll.open");
    // Whatever fails later, what has arrived is filed and clocked first.
    let fetched = fetch(app, &config, &mut taker);
    point::reach("poll.fetched");
    let settled = taker.settle(&config, args.retry_quarantined);
    if let (Err(first), Err(_)) = (&fetched, &settled) {
        // What went wrong first is the cause of the rest.
        return Err(first.clone().into());
    }
    settled?;
    point::reach("poll.filed");
    let failed = taker.failed.take();
    // What a clock needs and cannot be read (a broken calendar file) holds no answer back.
    let tally = taker.finish(&config, app.quiet || !(app.watched || app.verbose));
    if fetched.is_ok() && tally.is_ok() {
        ledger.note_poll(app.now)?;
    }
    point::reach("poll.noted");
    let mut posted = Posted::default();
    let sent = if args.no_send { Ok(()) } else { post::send_due(app, &config, &mut ledger, daily, &mut posted) };
    point::reach("poll.posted");
    if let Some(e) = fetched.and(sent).err().or(failed) {
        // What became of replies is told whatever else went wrong.
        return Err(posted.told.into_iter().fold(e, Error::hint).into());
    }
    let mut tally = match tally {
        Ok(tally) => tally,
        Err(e) => return Err(posted.told.into_iter().fold(e, Error::hint).into()),
    };
    tally.sent = posted.sent;
    tally.outbox = Some(post::standing(&ledger)?);
    // Whoever asked for quiet is told when something happens, and once a day that something waits.
    tally.outbox_told = !posted.told.is_empty() || (app.quiet && !daily);
    tally.warnings.extend(posted.told);
    Ok(done(tally, &config))
}

/// No poll went well since midnight (UTC).
pub fn first_of_day(ledger: &Ledger, now: Timestamp) -> bool {
    let day = |at: Timestamp| at.as_second().div_euclid(24 * 3600);
    ledger.last_poll().is_ok_and(|last| last.is_none_or(|at| day(at) != day(now)))
}

/// What a poll or an import gives back.
pub fn done(tally: Intake, config: &Config) -> Done {
    let needed = tally.needs_person();
    Done::new(tally).needs_person(needed).zone(&config.calendar.zone)
}

fn source_name(config: &Config) -> String {
    match &config.source {
        Source::Imap(server) => format!("imap://{}/{}", config.address, server.inbox),
        Source::Maildir { path, .. } => format!("maildir:{}", path.display()),
    }
}

fn fetch(app: &App, config: &Config, taker: &mut Taker<'_>) -> Result<(), Error> {
    match &config.source {
        Source::Imap(server) => {
            let mut imap = servers::imap(app, server)?;
            let bar = super::progress(app, 0, "fetching");
            let mut tell = |p: Progress| {
                bar.set_length(p.total);
                bar.set_position(p.done);
            };
            let inbox = imap.fetch_inbox(taker, &mut tell).map_err(|e| servers::wire_error(&e))?;
            take_warnings(taker, &inbox);
            point::reach("poll.sent");
            match imap.fetch_sent(taker, &mut tell).map_err(|e| servers::wire_error(&e))? {
                Some(sent) => take_warnings(taker, &sent),
                // Worth knowing for a person who looks, not worth a mail from cron every five minutes; `check` tells too.
                None if !app.watched && !app.json => {}
                None => taker.tally.warnings.push(format!(
                    "{} has no mailbox {}: answers written in other mail programs are not seen",
                    safe::line(&server.host),
                    safe::line(&server.sent)
                )),
            }
            bar.finish_and_clear();
            imap.close();
            Ok(())
        }
        Source::Maildir { path, sent, .. } => {
            let mut read = |folder: &std::path::Path, direction| -> Result<(), Error> {
                let bar = super::progress(app, 0, "reading");
                let mut tell = |p: Progress| bar.set_position(p.done);
                let read = wire_files::read(folder, direction, &wire::Limits::default(), taker, &mut tell);
                bar.finish_and_clear();
                let summary = read.map_err(|e| servers::wire_error(&e))?;
                take_warnings(taker, &summary);
                Ok(())
            };
            read(path, wire::Direction::In)?;
            match sent {
                Some(sent) => read(sent, wire::Direction::Out),
                None => Ok(()),
            }
        }
    }
}

fn take_warnings(taker: &mut Taker<'_>, summary: &wire::Summary) {
    taker.tally.warnings.extend(summary.warnings.iter().cloned());
    taker.tally.gone += summary.gone;
}
