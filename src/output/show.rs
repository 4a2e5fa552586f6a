//! What `show` prints.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::message::MessageView;
use super::report::{ClockView, ReportView, framed, noun, signature_word, subject};
use super::{ALARM, FAINT, HEAD, NOTICE, Screen, View, WELL, document, styled, wrap};
use crate::clock::Status;
use crate::safe::{self, Foreign};
use crate::verdict::SignatureStatus;

impl View for MessageView {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.to_text(screen).as_bytes())
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
    pub who: Foreign,
    /// The name of the event.
    pub what: String,
    /// What it says, in words.
    pub words: Foreign,
    /// When it happened, where the words tell of another time than that of the record.
    #[serde(skip)]
    pub happened_at: Option<Timestamp>,
    /// How many like it this one stands for; people are not shown one that another stands for (0).
    #[serde(skip)]
    pub times: u32,
    /// The message it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<i64>,
    /// Everything the event holds.
    pub detail: serde_json::Value,
}

impl Happening {
    /// The words with their time in the person's zone; one that the line begins with is not said twice.
    fn told(&self, screen: &Screen) -> String {
        match self.happened_at {
            Some(at) if screen.time(at) != screen.time(self.at) => {
                format!("{}, on {}", safe::lines(&self.words), screen.exact(at))
            }
            _ if self.times > 1 => format!("{}; {} times in a row", safe::lines(&self.words), self.times),
            _ => safe::lines(&self.words),
        }
    }
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
        for event in self.history.iter().filter(|event| event.times > 0) {
            let who = safe::short(&event.who, 8);
            let head = format!("  {}  {who:8}  ", styled(FAINT, screen.time(event.at)));
            let words = event.told(screen);
            let mut lines = wrap::lines(&words, screen.width.saturating_sub(34));
            if lines.len() > 24 {
                lines.truncate(24);
                lines.push("…".into());
            }
            indented(&head, 34, &lines, out)?;
        }
        Ok(())
    }
}

fn head(report: &ReportView, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let subject = subject(report);
    let title = format!("Report {}  ", report.id);
    let room = screen.width.saturating_sub(title.len());
    let subject: Vec<String> = wrap::few(&subject, room, 4).iter().map(|l| styled(HEAD, l)).collect();
    indented(&styled(HEAD, &title), title.len(), &subject, out)?;
    let state = document(&report.state);
    let mut facts = vec![state.as_str().unwrap_or_default().to_owned(), report.urgency()];
    facts.extend(report.severity.iter().map(|s| format!("severity {}", safe::line(s))));
    facts.extend(report.assignee.iter().map(|a| format!("assigned to {}", safe::line(a))));
    facts.extend(report.tags.iter().map(|t| format!("#{}", safe::line(t))));
    writeln!(out, "  {}", facts.join(" · "))?;
    indented("  from      ", 12, &wrap::few(&report.reporter.line(), screen.width.saturating_sub(12), 3), out)?;
    writeln!(out, "  received  {}", screen.exact(report.received_at))?;
    writeln!(out, "  proven    {}", proven(report))?;
    writeln!(out, "  named     {} {}", report.uid, styled(FAINT, "on every workstation"))?;
    if let Some(first) = report.duplicate_of {
        writeln!(out, "  case      {first} {}", styled(FAINT, "(the same vulnerability)"))?;
    }
    for like in &report.candidates {
        let reasons: Vec<String> = like.why.iter().map(safe::line).collect();
        let why = format!("may belong to report {}: {}", like.report, reasons.join("; "));
        noted(&why, NOTICE, 2, screen, out)?;
        writeln!(out, "  {}", styled(FAINT, format!("decide: sealpost link {} {}", report.id, like.report)))?;
    }
    if let Some(limit) = &report.quarantined {
        noted(&format!("quarantined: {}", safe::line(limit)), ALARM, 2, screen, out)?;
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
        noted(&format!("“{}”", safe::line(quote)), FAINT, 15, screen, out)?;
    }
    if let Some(owner) = &clock.owed_by {
        noted(&format!("the clock of the {owner}, not a promise of the policy"), FAINT, 15, screen, out)?;
    }
    for step in clock.why.iter().flatten() {
        for (n, line) in wrap::lines(step, screen.width.saturating_sub(17)).iter().enumerate() {
            writeln!(out, "{:1$}{line}", "", if n == 0 { 15 } else { 17 })?;
        }
    }
    Ok(())
}

/// Lines of ours below a head of `indent` columns.
fn indented(head: &str, indent: usize, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    for (n, line) in lines.iter().enumerate() {
        if n == 0 {
            writeln!(out, "{head}{line}")?;
        } else {
            writeln!(out, "{:indent$}{line}", "")?;
        }
    }
    Ok(())
}

/// Words that may hold a stranger's, filled to the width behind `indent` blanks.
fn noted<T: safe::Text + ?Sized>(
    words: &T,
    style: anstyle::Style,
    indent: usize,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    for line in wrap::few(words, screen.width.saturating_sub(indent), 6) {
        writeln!(out, "{:indent$}{}", "", styled(style, line))?;
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
    // It verifies, by a certificate that only the mail itself vouched for until a person pinned it.
    let confirmed = message.signature.pinned && message.signature.carried;
    let signature = if confirmed { "signed" } else { signature_word(message.signature.status) };
    let by = message.signature.by.as_ref().map_or_else(String::new, |f| format!(" ({})", safe::line(f)));
    let pinned = match (message.signature.pinned, confirmed) {
        (true, true) => ", pinned since",
        (true, false) => ", pinned",
        _ => "",
    };
    writeln!(out, "      {}", styled(FAINT, format!("{encryption}; {signature}{by}{pinned}")))?;
    if let Some(reason) = message.signature.reason.as_ref().filter(|_| message.warnings.is_empty()) {
        noted(&format!("signature: {}", safe::line(reason)), FAINT, 6, screen, out)?;
    }
    for warning in message.warnings.iter().filter(|w| !(confirmed && w.starts_with("carried-key:"))) {
        noted(warning, NOTICE, 6, screen, out)?;
    }
    match &message.encryption.reason {
        Some(reason) => noted(reason, NOTICE, 6, screen, out)?,
        None if message.text.is_blank() => writeln!(out, "      {}", styled(FAINT, "(no text)"))?,
        None => {}
    }
    if !message.text.is_blank() {
        framed(&message.text, screen.width, out)?;
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
