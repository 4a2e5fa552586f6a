//! The commands that append one event to a report: `mark`, `assign`, `severity`, `note`, `tag`, `link`, `unlink`, `wait`,
//! `resume`, `close`, `reopen`.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::books;
use super::desk::{self, Desk};
use super::{App, Done, files};
use crate::case::{self, Fact, What};
use crate::cli::{change, mark};
use crate::clock::packs;
use crate::clock::plan::{Release, release};
use crate::clock::words;
use crate::config::Config;
use crate::error::{Error, usage};
use crate::ledger::{Ledger, NewEvent, ReportRow};
use crate::output::{Said, document};
use crate::safe;

/// So far ahead of ours a server's clock may be (`wire::received` believes it so far).
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// How long a person's word waits for a poll to end.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest note, tag or name that is kept.
const LONGEST: usize = 64 * 1024;

/// `mark ID FACT`
pub fn mark(app: &App, args: &mark::Args) -> anyhow::Result<Done> {
    let fact = Fact::from(args.fact);
    let config = app.config()?;
    let local = |at| words::exact(at, &config.calendar.zone);
    if let Some(at) = args.at.filter(|at| *at > app.now) {
        let future = usage(format!("{} is in the future; a fact has happened", local(at)));
        return Err(future.hint("leave --at out for now").into());
    }
    let mut ledger = books::write_soon(app, &config, PATIENCE)?;
    let report = desk::resolve(&ledger, &args.id)?;
    // What happens now happens after the report that it is about, also where the server's clock is ahead of ours.
    let ahead = report.received_at.duration_since(app.now) <= AHEAD;
    let now = if ahead { app.now.max(report.received_at) } else { app.now };
    let happened_at = args.at.unwrap_or(now);
    if happened_at < report.received_at {
        let (received, asked) = (local(report.received_at), local(happened_at));
        return Err(usage(format!("report {} was received {received}, after {asked}", report.id.0)).into());
    }
    // A fact is recorded also where no clock can be worked out just now.
    let notices = notices(app, &config, &ledger, &report, (fact, happened_at)).unwrap_or_else(|e| vec![e.message]);
    notices.iter().for_each(|notice| app.say(notice));
    let name = document(&fact).as_str().unwrap_or_default().to_owned();
    append(app, &mut ledger, &report, What::Marked { fact, happened_at, note: args.note.clone() })?;
    let line = format!("report {}: {}, {}", report.id.0, name.replace('_', " "), local(happened_at));
    let mut json = json!({"report": report.id.0, "uid": report.uid,
        "recorded": {"what": "marked", "fact": name, "at": happened_at, "note": args.note}});
    if !notices.is_empty() {
        json["notices"] = json!(notices);
    }
    Ok(Done::new(Said { line, json }))
}

/// What a person should know when this is recorded: a promise that it breaks, a fact that counts already.
fn notices(
    app: &App,
    config: &Config,
    ledger: &Ledger,
    report: &ReportRow,
    (fact, happened_at): (Fact, Timestamp),
) -> Result<Vec<String>, Error> {
    let desk = Desk::read(app, config, ledger)?;
    let local = |at| words::exact(at, &config.calendar.zone);
    let mut told = Vec::new();
    let Some((state, case)) = desk.report(&report.uid).and_then(|state| Some((state, desk.case(state)?))) else {
        return Ok(told);
    };
    if fact == Fact::Released {
        match release(case, desk.notice(state), &desk.calendar, happened_at) {
            Some(Release { if_told_now: true, .. }) => told.push(format!(
                "the policy promises notice before a release, and none is recorded; if there was: \
                 sealpost mark {} prenotified --at TIME",
                report.id.0
            )),
            Some(Release { at, .. }) if happened_at < at => {
                told.push(format!("the policy promises notice: by it, the release may not be before {}", local(at)));
            }
            _ => {}
        }
    }
    if fact == Fact::Exploited && !config.packs.iter().any(|pack| pack.name == "cra") {
        told.push("no clock starts with this: packs = [\"cra\"] in [policy] would start a manufacturer's".to_owned());
    }
    // Of several triages the last one counts, and every answer is one.
    let repeats = matches!(fact, Fact::Acknowledged | Fact::Valid | Fact::Invalid);
    if let Some(known) = case.at(fact).filter(|known| !repeats && *known <= happened_at) {
        told.push(format!("it was recorded before, and the earliest counts: {}", local(known)));
    }
    Ok(told)
}

/// `assign ID WHO`
pub fn assign(app: &App, args: &change::Assign) -> anyhow::Result<Done> {
    let words = args.who.as_ref().map_or("nobody".into(), |w| safe::line(w));
    one(app, &args.id, What::Assigned { assignee: args.who.clone() }, format!("assigned to {words}"))
}

/// `severity ID WORD`
pub fn severity(app: &App, args: &change::Severity) -> anyhow::Result<Done> {
    let severity = args.severity.as_ref().map(|s| s.trim().to_lowercase());
    let words = severity.as_ref().map_or("none".into(), |s| safe::line(s));
    one(app, &args.id, What::Severity { severity }, format!("severity {words}"))
}

/// `note ID [TEXT]`
pub fn note(app: &App, args: &change::Note) -> anyhow::Result<Done> {
    let text = match &args.text {
        Some(text) => text.clone(),
        None => String::from_utf8(files::read(Path::new("-"), LONGEST as u64)?)
            .map_err(|_| usage("the note is not UTF-8"))?
            .trim_end()
            .to_owned(),
    };
    if text.trim().is_empty() {
        return Err(usage("the note is empty").into());
    }
    one(app, &args.id, What::Noted { text }, "note kept".into())
}

/// `tag ID TAG`
pub fn tag(app: &App, args: &change::Tag) -> anyhow::Result<Done> {
    let tag = args.tag.trim_start_matches('#').to_owned();
    if tag.is_empty() || tag.contains(char::is_whitespace) {
        return Err(usage("a tag is one word").into());
    }
    let words = format!("{} {}", if args.remove { "no longer tagged" } else { "tagged" }, safe::line(&tag));
    one(app, &args.id, if args.remove { What::Untagged { tag } } else { What::Tagged { tag } }, words)
}

/// `link ID CASE`
pub fn link(app: &App, args: &change::Link) -> anyhow::Result<Done> {
    let (_, mut ledger) = open(app)?;
    let report = desk::resolve(&ledger, &args.id)?;
    let case = desk::resolve(&ledger, &args.case)?;
    if report.uid == case.uid {
        return Err(usage("a report cannot be linked to itself").into());
    }
    append(app, &mut ledger, &report, What::Linked { case: case.uid.clone() })?;
    let line = format!("report {} is about the same vulnerability as report {}", report.id.0, case.id.0);
    Ok(said(&report, line, json!({"what": "linked", "case": case.id.0})))
}

/// `unlink ID`
pub fn unlink(app: &App, args: &change::Unlink) -> anyhow::Result<Done> {
    one(app, &args.id, What::Unlinked, "is a case of its own".into())
}

/// `wait ID`
pub fn wait(app: &App, args: &change::Wait) -> anyhow::Result<Done> {
    let words = "waiting for the reporter; the first response still runs";
    told_of_waiting(app, &args.id, true)?;
    one(app, &args.id, What::Paused, words.into())
}

/// `resume ID`
pub fn resume(app: &App, args: &change::Resume) -> anyhow::Result<Done> {
    told_of_waiting(app, &args.id, false)?;
    one(app, &args.id, What::Resumed, "no longer waiting".into())
}

/// Says where waiting began before, or never did: then what is recorded now moves no clock.
fn told_of_waiting(app: &App, id: &str, begins: bool) -> anyhow::Result<()> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let report = desk::resolve(&ledger, id)?;
    let reports = case::fold(&ledger.events()?);
    let last = reports.get(&report.uid).and_then(|state| state.pauses.last().copied());
    match last.filter(|(_, to)| to.is_none()) {
        Some((since, _)) if begins => {
            let since = words::exact(since, &config.calendar.zone);
            app.say(format!("report {} is waiting since {since}: that counts", report.id.0));
        }
        None if !begins => app.say(format!("report {} was not waiting", report.id.0)),
        _ => {}
    }
    Ok(())
}

/// `close ID`
pub fn close(app: &App, args: &change::Close) -> anyhow::Result<Done> {
    let done = one(app, &args.id, What::Closed { reason: args.reason.clone(), seen: None }, "closed".into())?;
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let report = desk::resolve(&ledger, &args.id)?;
    let clocks = match Desk::read(app, &config, &ledger) {
        Ok(desk) => desk.report(&report.uid).map(|state| desk.clocks(state)).unwrap_or_default(),
        Err(e) => {
            app.say(e.message);
            Vec::new()
        }
    };
    for clock in clocks.iter().filter(|clock| clock.is_unfinished()) {
        if let (Some(pack), Some(due)) = (packs::of(clock.kind), clock.due_at) {
            let (kind, due) = (clock.kind.name().replace('_', " "), words::exact(due, &config.calendar.zone));
            app.say(format!("closing does not end the clock of the {}: {kind} is due {due}", pack.owed_by));
        }
    }
    Ok(done)
}

/// `reopen ID`
pub fn reopen(app: &App, args: &change::Reopen) -> anyhow::Result<Done> {
    one(app, &args.id, What::Reopened, "open again".into())
}

fn one(app: &App, id: &str, what: What, words: String) -> anyhow::Result<Done> {
    let (_, mut ledger) = open(app)?;
    let report = desk::resolve(&ledger, id)?;
    let detail = document(&what);
    append(app, &mut ledger, &report, what)?;
    Ok(said(&report, format!("report {}: {words}", report.id.0), detail))
}

fn open(app: &App) -> anyhow::Result<(Config, Ledger)> {
    let config = app.config()?;
    let ledger = books::write_soon(app, &config, PATIENCE)?;
    Ok((config, ledger))
}

fn append(app: &App, ledger: &mut Ledger, report: &ReportRow, what: What) -> anyhow::Result<()> {
    let too_long = serde_json::to_string(&what).is_ok_and(|text| text.len() > LONGEST);
    if too_long {
        return Err(usage("the text is longer than 64 KiB").into());
    }
    let event = NewEvent { report: Some(report.uid.clone()), message: None, what };
    Ok(ledger.append(&[event], &books::stamp(app))?)
}

fn said(report: &ReportRow, line: String, detail: serde_json::Value) -> Done {
    Done::new(Said { line, json: json!({"report": report.id.0, "uid": report.uid, "recorded": detail}) })
}
