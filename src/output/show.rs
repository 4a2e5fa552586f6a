//! What `show` prints.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::message::MessageView;
use super::report::{ClockView, ReportView, framed, noun, signature_word};
use super::{ALARM, FAINT, HEAD, NOTICE, Screen, View, WELL, document, styled};
use crate::clock::Status;
use crate::safe;
use crate::verdict::SignatureStatus;

impl View for MessageView {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.to_text().as_bytes())
    }
}

/// A report with its messages and history.
#[derive(Serialize)]
pub struct Show {
    /// The fields of REPORT, but for `messages`, which lists them here.
    #[serde(flatten)]
    pub report: ReportView,
    /// Oldest first.
    #[serde(rename = "messages")]
    pub all: Vec<MessageView>,
    /// Oldest first.
    pub history: Vec<Happening>,
}

/// One thing that happened.
#[derive(Serialize)]
pub struct Happening {
    /// When it was recorded.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// The name of the event.
    pub what: String,
    /// What it says, in words.
    pub words: String,
    /// The message it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<i64>,
    /// Everything the event holds.
    pub detail: serde_json::Value,
}

impl View for Show {
    fn json(&self) -> serde_json::Value {
        let mut value = document(self);
        // The flattened report counts its messages under the same name; the list stands in its place.
        if let Some(object) = value.as_object_mut() {
            object.insert("messages".into(), document(&self.all));
        }
        value
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        head(&self.report, screen, out)?;
        if !self.report.clocks.is_empty() {
            writeln!(out, "\n{}", styled(HEAD, "Clocks"))?;
            for clock in &self.report.clocks {
                clock_line(clock, screen, out)?;
            }
        }
        writeln!(out, "\n{}", styled(HEAD, "Messages"))?;
        for message in &self.all {
            message_lines(message, screen, out)?;
        }
        writeln!(out, "\n{}", styled(HEAD, "History"))?;
        for event in &self.history {
            let room = screen.width.saturating_sub(32).max(30);
            let who = safe::short(&event.who, 8);
            writeln!(out, "  {}  {who:8}  {}", styled(FAINT, screen.time(event.at)), safe::short(&event.words, room))?;
        }
        Ok(())
    }
}

fn head(report: &ReportView, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let subject = if report.subject.is_empty() { "(no subject)" } else { &report.subject };
    writeln!(out, "{}  {}", styled(HEAD, format!("Report {}", report.id)), styled(HEAD, safe::line(subject)))?;
    let state = document(&report.state);
    let mut facts = vec![state.as_str().unwrap_or_default().to_owned(), report.urgency()];
    facts.extend(report.severity.iter().map(|s| format!("severity {}", safe::line(s))));
    facts.extend(report.assignee.iter().map(|a| format!("assigned to {}", safe::line(a))));
    facts.extend(report.tags.iter().map(|t| format!("#{}", safe::line(t))));
    writeln!(out, "  {}", facts.join(" · "))?;
    writeln!(out, "  from      {}", report.reporter.line())?;
    writeln!(out, "  received  {}", screen.exact(report.received_at))?;
    writeln!(out, "  proven    {}", proven(report))?;
    writeln!(out, "  named     {} {}", report.uid, styled(FAINT, "on every workstation"))?;
    if let Some(first) = report.duplicate_of {
        writeln!(out, "  case      {first} {}", styled(FAINT, "(the same vulnerability)"))?;
    }
    for like in &report.candidates {
        let why = safe::line(&like.why.join("; "));
        writeln!(out, "  {}", styled(NOTICE, format!("may belong to report {}: {why}", like.report)))?;
        writeln!(out, "  {}", styled(FAINT, format!("decide: sealpost link {} {}", report.id, like.report)))?;
    }
    if let Some(limit) = &report.quarantined {
        writeln!(out, "  {}", styled(ALARM, format!("quarantined: {}", safe::line(limit))))?;
    }
    Ok(())
}

fn proven(report: &ReportView) -> String {
    let style = match report.signature {
        SignatureStatus::Good => WELL,
        SignatureStatus::None => FAINT,
        SignatureStatus::Bad | SignatureStatus::Mismatch => ALARM,
        _ => NOTICE,
    };
    format!(
        "{}, {}",
        super::report::encryption_word(report.encryption),
        styled(style, signature_word(report.signature))
    )
}

fn clock_line(clock: &ClockView, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let style = match clock.status {
        Status::Running if clock.remaining_s.is_some_and(|s| s < 86_400) => NOTICE,
        Status::Overdue | Status::Late => ALARM,
        Status::Met => WELL,
        _ => FAINT,
    };
    let due = clock.due_at.map(|at| screen.time(at)).unwrap_or_default();
    let when = match (clock.met_at, clock.not_before) {
        (Some(met), _) if due.is_empty() => format!("done {}", screen.time(met)),
        (Some(met), _) => format!("done {}, was due {due}", screen.time(met)),
        (None, Some(earliest)) => format!("not before {}", screen.time(earliest)),
        (None, None) => due,
    };
    writeln!(out, "  {:12} {when}  {}", noun(clock.kind), styled(style, &clock.words))?;
    if let Some(quote) = &clock.quote {
        let room = screen.width.saturating_sub(17);
        writeln!(out, "               {}", styled(FAINT, format!("“{}”", safe::short(quote, room.saturating_sub(2)))))?;
    }
    Ok(())
}

/// One message of a report: a line of facts, what a person should know, the text behind a bar, the parts.
fn message_lines(message: &MessageView, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let number = message.id.map_or_else(String::new, |id| id.to_string());
    let who = message.from.as_ref().map(|a| safe::short(&a.address, 40)).unwrap_or_default();
    let when = message.received_at.map(|at| screen.time(at)).unwrap_or_default();
    let arrow = if message.direction == "out" { "→ from us" } else { "←" };
    writeln!(out, "  {}  {arrow} {who}  {when}", styled(HEAD, number))?;
    let encryption = super::report::encryption_word(message.encryption.status);
    let signature = signature_word(message.signature.status);
    let by = message.signature.by.as_ref().map_or_else(String::new, |f| format!(" ({})", safe::line(f)));
    let pinned = if message.signature.pinned { ", pinned" } else { "" };
    writeln!(out, "      {}", styled(FAINT, format!("{encryption}; {signature}{by}{pinned}")))?;
    if let Some(reason) = &message.signature.reason {
        writeln!(out, "      {}", styled(FAINT, format!("signature: {}", safe::line(reason))))?;
    }
    for warning in &message.warnings {
        writeln!(out, "      {}", styled(NOTICE, safe::short(warning, screen.width.saturating_sub(6))))?;
    }
    match &message.encryption.reason {
        Some(reason) => writeln!(out, "      {}", styled(NOTICE, safe::line(reason)))?,
        None if message.text.trim().is_empty() => writeln!(out, "      {}", styled(FAINT, "(no text)"))?,
        None => {}
    }
    if !message.text.trim().is_empty() {
        framed(&message.text, out)?;
    }
    for part in &message.parts {
        let name = part.name.as_ref().map_or_else(|| "(no name)".into(), |n| safe::short(n, 40));
        writeln!(
            out,
            "      {}",
            styled(FAINT, format!("part {}  {name}  {}, {} bytes", part.path, safe::line(&part.media_type), part.size))
        )?;
    }
    Ok(())
}
