//! `sealpost show ID` and `sealpost save ID PART`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::books;
use super::desk::{self, Desk};
use super::intake::Opener;
use super::keys::{self, Unlock};
use super::{App, Done, files};
use crate::case::{Event, Role, What};
use crate::cli::{save, show};
use crate::clock::explain;
use crate::error::{Error, Kind, not_found, usage};
use crate::ledger::Direction;
use crate::ledger::{Ledger, MessageRow, ReportRow};
use crate::output::message::{MessageView, Stored};
use crate::output::show::{Happening, Show};
use crate::output::{Raw, Said, document};
use crate::safe;

/// Runs `show`.
pub fn run(app: &App, args: &show::Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let row = desk::resolve(&ledger, &args.id)?;
    let messages = ledger.messages_of(&row.uid)?;
    if let Some(number) = args.raw {
        let message = messages.iter().find(|m| m.id.0 == number);
        let message = message.ok_or_else(|| no_message(&row, number, &messages))?;
        let bytes = ledger.raw(message.id)?;
        return Ok(Done::new(Raw { bytes }));
    }
    let desk = Desk::read(app, &config, &ledger)?;
    let state = desk
        .report(&row.uid)
        .ok_or_else(|| Error::new(Kind::Ledger, "the report has no events").hint("sealpost audit"))?;
    let mut report = desk.view(&row, state);
    if args.why_due {
        for (view, clock) in report.clocks.iter_mut().zip(desk.clocks(state)) {
            view.why = Some(explain::why(&clock, &config.calendar.zone));
        }
    }
    let pins = ledger.pins()?;
    let mut all = Vec::new();
    for message in &messages {
        if let Some(opened) = ledger.opened(message.id)? {
            let signer = opened.verdict.signature.by.as_ref();
            let from = opened.header.sender().map(|a| a.address.to_ascii_lowercase());
            let pinned = pins.iter().any(|(address, f)| Some(address) == from.as_ref() && Some(f) == signer);
            let stored = Stored {
                id: Some(message.id.0),
                outgoing: message.direction == Direction::Out || message.role == Some(Role::Outgoing),
                received_at: Some(message.received_at),
                pinned,
            };
            all.push(MessageView::new(&opened, stored));
        }
    }
    let history = history(&ledger, &row, &messages)?;
    Ok(Done::new(Show { report, all, history }).zone(&config.calendar.zone))
}

fn no_message(row: &ReportRow, number: i64, messages: &[MessageRow]) -> Error {
    let numbers: Vec<String> = messages.iter().map(|m| m.id.0.to_string()).collect();
    not_found(format!("report {} has no message {number}", row.id.0)).hint(format!("it has {}", numbers.join(", ")))
}

/// Events of the report and of its messages, once each, in order.
fn history(ledger: &Ledger, row: &ReportRow, messages: &[MessageRow]) -> Result<Vec<Happening>, Error> {
    let mut events = ledger.events_of(&row.uid)?;
    for message in messages {
        events.extend(ledger.events_about(&message.uid)?);
    }
    events.sort_by(|a, b| (a.at, &a.device, a.number).cmp(&(b.at, &b.device, b.number)));
    events.dedup_by(|a, b| a.device == b.device && a.number == b.number);
    let tries = tries_in_vain(&events);
    let number = |uid: &Option<String>| messages.iter().find(|m| Some(&m.uid) == uid.as_ref()).map(|m| m.id.0);
    Ok(events
        .iter()
        .enumerate()
        .map(|(at, event)| {
            let mut detail = document(&event.what);
            let what = detail.get("what").and_then(|w| w.as_str()).unwrap_or_default().to_owned();
            if let Some(fields) = detail.as_object_mut() {
                fields.remove("what");
            }
            Happening {
                at: event.at,
                who: (&event.who).into(),
                what,
                words: words(event).into(),
                times: tries.get(&at).copied().unwrap_or(1),
                happened_at: happened_at(event),
                message: number(&event.message),
                detail,
            }
        })
        .collect())
}

/// Tries of one reply in a row that were put off, by their place in the history: people are told of the last, with how many
/// there were, and not of the others (0) nor of what began them.
fn tries_in_vain(events: &[Event]) -> HashMap<usize, u32> {
    let mut times = HashMap::new();
    // By reply: where its last try began, and where it ended, if it was put off.
    let mut begun: HashMap<i64, usize> = HashMap::new();
    let mut put_off: HashMap<i64, (Option<usize>, usize)> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        match &event.what {
            What::Sending { outbox } => {
                begun.insert(*outbox, at);
            }
            What::SendFailed { outbox, passing: Some(_), .. } => {
                let before = put_off.insert(*outbox, (begun.remove(outbox), at));
                let count = before.and_then(|(_, end)| times.get(&end).copied()).unwrap_or(0);
                if let Some((began, ended)) = before {
                    times.extend(began.into_iter().chain([ended]).map(|hidden| (hidden, 0)));
                }
                times.insert(at, count + 1);
            }
            What::SendFailed { outbox, .. } | What::Sent { outbox } | What::SendUnknown { outbox } => {
                put_off.remove(outbox);
            }
            _ => {}
        }
    }
    times
}

/// When it happened, where that is not when it was recorded.
fn happened_at(event: &Event) -> Option<jiff::Timestamp> {
    match &event.what {
        What::Answered { answered_at, .. } => Some(*answered_at),
        What::Receipted { receipted_at } => Some(*receipted_at),
        What::Marked { happened_at, .. } => Some(*happened_at),
        _ => None,
    }
}

/// An event as a person would say it.
fn words(event: &Event) -> String {
    let name = |value: &dyn erased::Name| value.name();
    match &event.what {
        What::Received { size, source, .. } => format!("mail received ({size} bytes) from {source}"),
        What::Judged { encryption, signature } => {
            format!("mail opened: encryption {encryption}, signature {signature}")
        }
        What::Filed { role } => format!("mail filed as {}", name(role)),
        What::ReportOpened { reporter, .. } => format!("report opened by {reporter}"),
        What::Answered { how, .. } => format!("answered ({})", how.replace('-', " ")),
        What::Receipted { .. } => "automatic receipt sent; it meets no clock".into(),
        What::Marked { fact, note, .. } => {
            let note = note.as_ref().map_or_else(String::new, |n| format!(" ({n})"));
            format!("marked {}{note}", name(fact))
        }
        What::Severity { severity } => format!("severity {}", severity.as_deref().unwrap_or("taken off")),
        What::Assigned { assignee } => format!("assigned to {}", assignee.as_deref().unwrap_or("nobody")),
        What::Noted { text } => format!("note: {text}"),
        What::Tagged { tag } => format!("tagged #{tag}"),
        What::Untagged { tag } => format!("no longer tagged #{tag}"),
        What::Linked { case } => format!("linked to case {case}"),
        What::Unlinked => "no longer linked".into(),
        What::Paused => "waiting for the reporter".into(),
        What::Resumed => "no longer waiting".into(),
        What::Closed { reason, .. } => {
            format!("closed{}", reason.as_ref().map_or_else(String::new, |r| format!(": {r}")))
        }
        What::Reopened => "reopened".into(),
        What::Queued { outbox, .. } => format!("reply {outbox} sealed and put into the outbox"),
        What::Sending { outbox } => format!("reply {outbox} is being handed over"),
        What::Sent { outbox } => format!("reply {outbox} sent"),
        What::SendFailed { outbox, reason, passing } => {
            let kept = if passing.is_some() { " (it stays queued)" } else { "" };
            format!("reply {outbox} not sent{kept}: {reason}")
        }
        What::SendUnknown { outbox } => format!("reply {outbox}: nobody knows whether it went out"),
        What::Dropped { outbox } => format!("reply {outbox} taken out of the outbox"),
        What::Pinned { address, fingerprint } => format!("{fingerprint} pinned for {address}"),
        What::PolicyAdopted { file, .. } => format!("policy {file} in force"),
        What::Suggested { other, why } => format!("may belong to report {other}: {why}"),
        What::BackedUp { problems: 0, .. } => "backup written".into(),
        What::BackedUp { .. } => "backup written of a ledger that does not hold together".into(),
        What::Restored { made_at, .. } => format!("ledger restored from the backup of {made_at}"),
        What::Noticed { text } => text.clone(),
        other => document(other).to_string(),
    }
}

/// Names of core enums as JSON has them.
mod erased {
    pub trait Name {
        fn name(&self) -> String;
    }

    impl<T: serde::Serialize> Name for T {
        fn name(&self) -> String {
            crate::output::document(self).as_str().unwrap_or_default().replace('_', " ")
        }
    }
}

/// Runs `save`.
pub fn save(app: &App, args: &save::Args) -> anyhow::Result<Done> {
    if args.file.as_deref() == Some(Path::new("-")) {
        return Err(usage("an attachment goes into a file, not to standard output").hint("./- names a file").into());
    }
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let row = desk::resolve(&ledger, &args.id)?;
    let (message, path) = find_part(&ledger, &row, &args.part)?;
    let mut ring = keys::load(&config)?;
    keys::unlock(app, &config, &mut ring, Unlock::IfPossible)?;
    let mut opener = Opener::new(app, &config, &ledger, ring)?;
    let bytes = opener.part(&ledger, &message, &path)?;
    let bytes = bytes.ok_or_else(|| {
        Error::new(Kind::Key, format!("part {path} of message {} cannot be opened now", message.id.0))
            .hint("the secret key must be at hand; sealpost show tells which")
    })?;
    let opened = ledger.opened(message.id)?;
    let name =
        opened.and_then(|o| o.parts.into_iter().find(|p| p.path == path)).and_then(|p| p.name).unwrap_or_default();
    let fallback = format!("part-{}", path.replace('.', "-"));
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(safe::file_name(&name, &fallback)));
    files::write_new(&file, bytes.expose())?;
    let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes.expose()));
    let size = bytes.expose().len();
    let line = format!("wrote {} ({size} bytes), mode 0600; it comes from a stranger", file.display());
    Ok(Done::new(Said { line, json: json!({"file": file.to_string_lossy(), "size": size, "sha256": sha256}) }))
}

/// `2` in a report with one message that has such a part, or `31:2`.
fn find_part(ledger: &Ledger, row: &ReportRow, wanted: &str) -> Result<(MessageRow, String), Error> {
    let (number, path) = match wanted.split_once(':') {
        Some((number, path)) => {
            let number: i64 = number.parse().map_err(|_| usage(format!("{wanted} is not MESSAGE:PATH")))?;
            (Some(number), path)
        }
        None => (None, wanted),
    };
    let mut found = Vec::new();
    for message in ledger.messages_of(&row.uid)? {
        if number.is_some_and(|n| n != message.id.0) {
            continue;
        }
        let opened = ledger.opened(message.id)?;
        if opened.is_some_and(|o| o.parts.iter().any(|p| p.path == path)) {
            found.push(message);
        }
    }
    match found.len() {
        0 => Err(not_found(format!("report {} has no part {wanted}", row.id.0)).hint("sealpost show lists the parts")),
        1 => Ok((found.remove(0), path.to_owned())),
        _ => {
            let names: Vec<String> = found.iter().map(|m| format!("{}:{path}", m.id.0)).collect();
            Err(usage(format!("several messages have a part {path}")).hint(format!("name one: {}", names.join(", "))))
        }
    }
}
