//! The outbox on its way: handed over at most once, the same bytes on every try, a copy in the Sent mailbox.

use super::books;
use super::{App, servers};
use crate::case::What;
use crate::config::{Config, Source};
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, NewEvent, OutboxItem, OutboxState, Step};
use crate::pgp::seal::Sealed;
use crate::point;
use crate::safe;
use crate::wire::outbox::{Delivery, Mailer};

/// Sends everything that waits; gives how many went out. A reply that failed before waits for a person.
pub fn send_waiting(app: &App, config: &Config, ledger: &mut Ledger) -> Result<u64, Error> {
    let waiting: Vec<OutboxItem> =
        outbox(ledger)?.into_iter().filter(|item| item.state == OutboxState::Queued).collect();
    let uncopied = outbox(ledger)?.into_iter().any(|item| item.state == OutboxState::Sent && !item.copied);
    if waiting.is_empty() && !uncopied {
        return Ok(0);
    }
    let mut sent = 0;
    if !waiting.is_empty() {
        let mailer = way_out(app, config)?;
        for item in &waiting {
            let (state, goes_on) = send_one(app, ledger, &mailer, item, Step::Send)?;
            sent += u64::from(state == OutboxState::Sent);
            // A server that is away or silent is waited for once and not for every reply: the others stay queued.
            if !goes_on {
                break;
            }
        }
    }
    copy_to_sent(app, config, ledger)?;
    Ok(sent)
}

/// Sends one that a person named: a queued or failed one again, an unknown one only because a person says so.
pub fn send_named(app: &App, config: &Config, ledger: &mut Ledger, number: i64) -> Result<OutboxState, Error> {
    let item = ledger.outbox_item(number)?;
    let step = if item.state == OutboxState::Unknown { Step::SendAgain } else { Step::Send };
    let mailer = way_out(app, config)?;
    let (state, _) = send_one(app, ledger, &mailer, &item, step)?;
    copy_to_sent(app, config, ledger)?;
    Ok(state)
}

fn way_out(app: &App, config: &Config) -> Result<Mailer, Error> {
    servers::mailer(app, config)?.ok_or_else(|| {
        Error::new(Kind::Config, "no way to send mail is configured; what waits stays in the outbox")
            .hint("add a section [smtp] or [sendmail] to the configuration")
    })
}

fn outbox(ledger: &Ledger) -> Result<Vec<OutboxItem>, Error> {
    Ok(ledger.outbox()?)
}

/// `sending` is on the disk before the first byte goes out. If we die in between, the next run finds it and calls it
/// unknown: it is never sent again by itself. The second value: whether another reply may fare better now.
fn send_one(
    app: &App,
    ledger: &mut Ledger,
    mailer: &Mailer,
    item: &OutboxItem,
    step: Step,
) -> Result<(OutboxState, bool), Error> {
    let stamp = books::stamp(app);
    let bytes = ledger.sealed(item.number)?;
    let sealed = Sealed::restore(bytes, &item.sender, &item.recipients).map_err(|e| {
        Error::new(Kind::Ledger, format!("reply {} in the outbox is not what was put there: {e}", item.number))
    })?;
    point::reach("post.begun");
    ledger.outbox_step(item.number, &step, &stamp).map_err(|e| waiting(item.number, e.into()))?;
    point::reach("post.marked");
    let delivery = mailer.send(&sealed);
    let goes_on = matches!(delivery, Delivery::Sent { .. } | Delivery::NotSent { permanent: true, .. });
    let (step, state, words) = match delivery {
        Delivery::Sent { .. } => (Step::Sent, OutboxState::Sent, None),
        Delivery::NotSent { reason, .. } => {
            (Step::Failed(reason.clone()), OutboxState::Failed, Some(format!("was not sent: {reason}")))
        }
        Delivery::Unknown { reason } => {
            (Step::Unknown, OutboxState::Unknown, Some(format!("may or may not have gone out: {reason}")))
        }
    };
    point::reach("post.handed");
    let recorded = ledger.batch(|ledger| {
        ledger.outbox_step(item.number, &step, &stamp)?;
        if state == OutboxState::Sent {
            let what = What::Answered { answered_at: app.now, how: "sent".into() };
            ledger.append(&[NewEvent { report: Some(item.report.clone()), message: None, what }], &stamp)?;
        }
        Ok::<(), Error>(())
    });
    recorded.map_err(|e| unrecorded(item.number, state, e))?;
    point::reach("post.recorded");
    if let Some(words) = words {
        app.say(format!("reply {} {}\n  sealpost outbox tells what can be done", item.number, safe::line(&words)));
    }
    Ok((state, goes_on))
}

/// Nothing went out, and the reply is not lost: whoever wrote it need not write it again.
fn waiting(number: i64, cause: Error) -> Error {
    let words = format!("reply {number} was not sent and stays in the outbox: {}", cause.message);
    cause
        .hints
        .into_iter()
        .fold(Error::new(cause.kind, words), Error::hint)
        .hint("sealpost outbox tells what can be done")
}

/// What became of a reply is known and could not be written down: whoever reads this must not send it again unseen.
fn unrecorded(number: i64, state: OutboxState, cause: Error) -> Error {
    let what = match state {
        OutboxState::Sent => "went out",
        OutboxState::Failed => "did not go out",
        _ => "may or may not have gone out",
    };
    let words = format!("reply {number} {what}, and that could not be recorded: {}", cause.message);
    let error =
        Error::new(cause.kind, words).hint("the outbox will call it unknown: sealpost outbox tells what can be done");
    cause.hints.into_iter().fold(error, Error::hint)
}

/// The copy in Sent is made after the fact and may be made later; it is looked for first, so there is never a second one.
fn copy_to_sent(app: &App, config: &Config, ledger: &mut Ledger) -> Result<(), Error> {
    let Source::Imap(server) = &config.source else { return Ok(()) };
    let missing: Vec<OutboxItem> =
        outbox(ledger)?.into_iter().filter(|item| item.state == OutboxState::Sent && !item.copied).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let copied = servers::imap(app, server).and_then(|mut imap| {
        for item in &missing {
            let bytes = ledger.sealed(item.number)?;
            point::reach("copy.begun");
            imap.append_sent(&bytes, app.wall).map_err(|e| servers::wire_error(&e))?;
            point::reach("copy.filed");
            ledger.outbox_copied(item.number)?;
            point::reach("copy.noted");
        }
        imap.close();
        Ok(())
    });
    if let Err(e) = copied {
        // The reply is out; that its copy is late is no failure of sending.
        app.say(format!("the copy for {} will be filed by the next poll: {e}", safe::line(&server.sent)));
    }
    Ok(())
}
