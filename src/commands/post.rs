//! The outbox on its way: handed over at most once, the same bytes on every try, a copy in the Sent mailbox.

use jiff::Timestamp;

use super::books;
use super::{App, servers};
use crate::case::{Passing, What};
use crate::clock::words::span;
use crate::config::{Config, Source};
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, NewEvent, OutboxItem, OutboxState, Step};
use crate::output::intake::Standing;
use crate::pgp::seal::Sealed;
use crate::point;
use crate::reply::tries::{self, Next, Tries};
use crate::safe;
use crate::wire::outbox::{Delivery, Hope, Mailer};

/// Replies in a row that the server puts off before a run leaves it at that: each may have been a long wait.
const PUT_OFF: u32 = 3;

/// How many of the newest replies a poll looks at for one without its copy in Sent. The first of a day looks at all.
const RECENT: i64 = 200;

/// What a run of the outbox came to.
#[derive(Default)]
pub struct Posted {
    /// Replies that went out.
    pub sent: u64,
    /// What became of those that did not, a line each; safe.
    pub told: Vec<String>,
}

/// Sends what waits and is due, as a poll does; `daily` for the first of a day. What failed for good waits for a person.
pub fn send_due(
    app: &App,
    config: &Config,
    ledger: &mut Ledger,
    daily: bool,
    posted: &mut Posted,
) -> Result<(), Error> {
    let queued = queued(ledger)?;
    let last_sent = if queued.iter().any(|item| item.tries.failing()) { ledger.last_sent_at()? } else { None };
    // While the server rests, one more reply fares no better than those before it.
    let rests = tries::server_rests(queued.iter().map(|item| &item.tries), last_sent, app.now);
    let is_due = |item: &OutboxItem| !rests && item.tries.is_due(last_sent, app.now);
    let due: Vec<OutboxItem> = queued.into_iter().filter(is_due).collect();
    send_all(app, config, ledger, &due, posted)?;
    copy_to_sent(app, config, ledger, if daily { i64::MAX } else { RECENT })
}

/// Sends all that is queued, due or not: a person asks for it.
pub fn send_queued(app: &App, config: &Config, ledger: &mut Ledger, posted: &mut Posted) -> Result<(), Error> {
    let queued = queued(ledger)?;
    send_all(app, config, ledger, &queued, posted)?;
    copy_to_sent(app, config, ledger, i64::MAX)
}

/// Sends one that a person named: a queued or failed one again, an unknown one only because a person says so. With what is
/// to be told where it did not go out.
pub fn send_named(
    app: &App,
    config: &Config,
    ledger: &mut Ledger,
    number: i64,
) -> Result<(OutboxState, Option<Unsent>), Error> {
    let item = ledger.outbox_item(number)?;
    let step = if item.state == OutboxState::Unknown { Step::SendAgain } else { Step::Send };
    let mailer = way_out(app, config)?;
    let one = send_one(app, ledger, &mailer, &item, step)?;
    copy_to_sent(app, config, ledger, i64::MAX)?;
    Ok((one.state, one.unsent))
}

/// How the outbox stands for a poll's count.
pub fn standing(ledger: &Ledger) -> Result<Standing, Error> {
    let waiting = ledger.outbox_waiting()?;
    let count = |is: fn(&OutboxItem) -> bool| waiting.iter().filter(|item| is(item)).count() as u64;
    Ok(Standing {
        waiting: count(|item| item.state == OutboxState::Queued),
        delayed: count(|item| item.state == OutboxState::Queued && item.tries.failing()),
        undecided: count(|item| matches!(item.state, OutboxState::Failed | OutboxState::Unknown)),
    })
}

fn queued(ledger: &Ledger) -> Result<Vec<OutboxItem>, Error> {
    Ok(ledger.outbox_waiting()?.into_iter().filter(|item| item.state == OutboxState::Queued).collect())
}

fn send_all(
    app: &App,
    config: &Config,
    ledger: &mut Ledger,
    items: &[OutboxItem],
    posted: &mut Posted,
) -> Result<(), Error> {
    if items.is_empty() {
        return Ok(());
    }
    let mailer = way_out(app, config)?;
    let mut put_off = 0;
    for (at, item) in items.iter().enumerate() {
        let one = send_one(app, ledger, &mailer, item, Step::Send)?;
        let sent = one.state == OutboxState::Sent;
        posted.sent += u64::from(sent);
        put_off = if one.put_off { put_off + 1 } else { 0 };
        // A server that is away or silent is waited for once and not for every reply: the others stay queued.
        let stops = !one.goes_on || put_off >= PUT_OFF;
        let behind = if stops { items.len() - at - 1 } else { 0 };
        posted.told.extend(one.unsent.map(|unsent| format!("{}{}", unsent.line, waiting_behind(behind))));
        if stops {
            break;
        }
    }
    Ok(())
}

fn waiting_behind(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => "; 1 more waits behind it".into(),
        n => format!("; {n} more wait behind it"),
    }
}

fn way_out(app: &App, config: &Config) -> Result<Mailer, Error> {
    servers::mailer(app, config)?.ok_or_else(|| {
        Error::new(Kind::Config, "no way to send mail is configured; what waits stays in the outbox")
            .hint("add a section [smtp] or [sendmail] to the configuration")
    })
}

/// Why a reply did not go out.
pub struct Unsent {
    /// The server's or the system's words; safe.
    pub reason: String,
    /// What became of it and what comes next, in one line; safe.
    pub line: String,
}

/// What became of one reply.
struct One {
    state: OutboxState,
    unsent: Option<Unsent>,
    /// Another reply may fare better now.
    goes_on: bool,
    /// The server said "later".
    put_off: bool,
}

/// `sending` is on the disk before the first byte goes out. If we die in between, the next run finds it and calls it
/// unknown: it is never sent again by itself.
fn send_one(app: &App, ledger: &mut Ledger, mailer: &Mailer, item: &OutboxItem, step: Step) -> Result<One, Error> {
    let stamp = books::stamp(app);
    let bytes = ledger.sealed(item.number)?;
    let sealed = Sealed::restore(bytes, &item.sender, &item.recipients).map_err(|e| {
        Error::new(Kind::Ledger, format!("reply {} in the outbox is not what was put there: {e}", item.number))
    })?;
    point::reach("post.begun");
    ledger.outbox_step(item.number, &step, &stamp).map_err(|e| waiting(item.number, e.into()))?;
    point::reach("post.marked");
    let delivery = mailer.send(&sealed);
    let (step, one) = follows(item, &delivery, app.now);
    point::reach("post.handed");
    let recorded = ledger.batch(|ledger| {
        ledger.outbox_step(item.number, &step, &stamp)?;
        if one.state == OutboxState::Sent {
            let what = What::Answered { answered_at: app.now, how: "sent".into() };
            ledger.append(&[NewEvent { report: Some(item.report.clone()), message: None, what }], &stamp)?;
        }
        Ok::<(), Error>(())
    });
    recorded.map_err(|e| unrecorded(item.number, one.state, e))?;
    point::reach("post.recorded");
    Ok(one)
}

/// What is recorded of a delivery, and what is told of it.
fn follows(item: &OutboxItem, delivery: &Delivery, now: Timestamp) -> (Step, One) {
    let (reason, hope) = match delivery {
        Delivery::Sent { .. } => {
            return (Step::Sent, One { state: OutboxState::Sent, unsent: None, goes_on: true, put_off: false });
        }
        Delivery::Unknown { reason } => {
            let line = format!("reply {} may or may not have gone out, and waits for a person: {reason}", item.number);
            let unsent = Some(Unsent { reason: safe::line(reason), line: safe::line(&line) });
            return (Step::Unknown, One { state: OutboxState::Unknown, unsent, goes_on: false, put_off: false });
        }
        Delivery::NotSent { reason, hope } => (reason, *hope),
    };
    let passing = match hope {
        Hope::Later => Some(Passing::Server),
        Hope::ThisLater => Some(Passing::Reply),
        Hope::Never | Hope::Unclear => None,
    };
    let number = item.number;
    let (step, state, line) = match item.tries.after_failure(passing, now) {
        Next::Again(passing) => {
            let step = Step::Later(reason.clone(), passing);
            let mut tries = item.tries.clone();
            tries.take(now, &step.event(number));
            let again = again(&tries, now);
            (step, OutboxState::Queued, format!("reply {number} was not sent and stays queued ({again}): {reason}"))
        }
        Next::GivenUp(seconds) => {
            let reason = format!("given up after {}: {reason}", span(seconds));
            let line = format!("reply {number} was not sent and waits for a person; {reason}");
            (Step::Failed(reason), OutboxState::Failed, line)
        }
        Next::Person => {
            let line = format!("reply {number} was not sent and waits for a person: {reason}");
            (Step::Failed(reason.clone()), OutboxState::Failed, line)
        }
    };
    let (goes_on, put_off) = (matches!(hope, Hope::Never | Hope::ThisLater), hope == Hope::ThisLater);
    let unsent = Some(Unsent { reason: safe::line(reason), line: safe::line(&line) });
    (step, One { state, unsent, goes_on, put_off })
}

/// `the next poll tries again`, `tried again in 15 min`.
fn again(tries: &Tries, now: Timestamp) -> String {
    match tries.again_at().map_or(0, |at| at.duration_since(now).as_secs()) {
        ..=0 => "the next poll tries again".into(),
        seconds => format!("tried again in {}", span(seconds)),
    }
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
        OutboxState::Failed | OutboxState::Queued => "did not go out",
        _ => "may or may not have gone out",
    };
    let words = format!("reply {number} {what}, and that could not be recorded: {}", cause.message);
    let error =
        Error::new(cause.kind, words).hint("the outbox will call it unknown: sealpost outbox tells what can be done");
    cause.hints.into_iter().fold(error, Error::hint)
}

/// The copy in Sent is made after the fact and may be made later; it is looked for first, so there is never a second one.
fn copy_to_sent(app: &App, config: &Config, ledger: &mut Ledger, newest: i64) -> Result<(), Error> {
    let Source::Imap(server) = &config.source else { return Ok(()) };
    let missing = ledger.outbox_uncopied(newest)?;
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
