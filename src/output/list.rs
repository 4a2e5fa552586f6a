//! What `list` prints.

use std::io::{self, Write};

use serde::Serialize;

use super::csv::{Cell, Table};
use super::report::{Person, ReportView, subject};
use super::{FAINT, HEAD, NOTICE, Screen, View, document, styled, wrap};
use crate::safe::{self, Foreign};

/// Reports, the most urgent first.
#[derive(Serialize)]
pub struct List {
    /// Them.
    pub reports: Vec<ReportView>,
    /// What a person should know before trusting the list: a stand-in policy, say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// What was asked for, for an empty answer.
    #[serde(skip)]
    pub asked: &'static str,
}

impl View for List {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        for notice in &self.notices {
            writeln!(out, "{}", styled(NOTICE, notice))?;
        }
        if self.reports.is_empty() {
            return writeln!(out, "{}", self.asked);
        }
        for report in &self.reports {
            row(report, screen, out)?;
        }
        let late = self.reports.iter().filter(|r| r.is_overdue()).count();
        let count = self.reports.len();
        let noun = if count == 1 { "report" } else { "reports" };
        writeln!(out, "{}", styled(FAINT, format!("{count} {noun}, {late} overdue; sealpost show NUMBER tells all")))
    }
}

impl List {
    /// The same for a spreadsheet.
    pub fn table(&self) -> Table {
        let rows = self.reports.iter().map(cells).collect();
        Table { head: &COLUMNS, rows, document: document(self) }
    }
}

const COLUMNS: [&str; 17] = [
    "id",
    "uid",
    "state",
    "subject",
    "reporter",
    "name",
    "received_at",
    "encryption",
    "signature",
    "messages",
    "next_clock",
    "next_due_at",
    "overdue",
    "severity",
    "assignee",
    "tags",
    "case",
];

fn cells(report: &ReportView) -> Vec<Cell> {
    let json = |value: serde_json::Value| Cell::words(value.as_str().unwrap_or_default());
    let next = report.most_urgent();
    let tags: Vec<String> = report.tags.iter().map(safe::line).collect();
    vec![
        Cell::number(report.id),
        Cell::words(&report.uid),
        json(document(&report.state)),
        Cell::words(&report.subject),
        Cell::words(&report.reporter.address),
        Cell::maybe(report.reporter.name.as_ref().map(Cell::words)),
        Cell::words(&report.received_at.to_string()),
        json(document(&report.encryption)),
        json(document(&report.signature)),
        Cell::number(report.messages as u64),
        Cell::maybe(next.map(|clock| Cell::words(clock.kind.name()))),
        Cell::maybe(next.and_then(|clock| clock.due_at).map(|at| Cell::words(&at.to_string()))),
        Cell::number(u8::from(report.is_overdue())),
        Cell::maybe(report.severity.as_ref().map(Cell::words)),
        Cell::maybe(report.assignee.as_ref().map(Cell::words)),
        Cell::words(&tags.join(" ")),
        Cell::number(report.case),
    ]
}

/// Two lines: what is due and the subject; then who, when and what is proven.
fn row(report: &ReportView, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let urgency = report.urgency();
    let plain = anstream::adapter::strip_str(&urgency).to_string().chars().count();
    let room = screen.width.saturating_sub(8 + plain + 2).max(20);
    let subject = subject(report);
    writeln!(
        out,
        "{}  {}  {urgency}",
        styled(HEAD, format!("{:>5}", report.id)),
        pad(&safe::short(&subject, room), room)
    )?;
    let mut facts = vec![word(report.state), report.seal()];
    facts.extend(report.severity.iter().map(|s| safe::short(s, 12)));
    facts.extend(report.assignee.iter().map(|a| format!("→ {}", safe::short(a, 16))));
    facts.extend(report.tags.iter().map(|t| format!("#{}", safe::short(t, 16))));
    if let Some(first) = report.duplicate_of {
        facts.push(format!("same as {first}"));
    }
    if let Some(like) = report.candidates.iter().find(|c| c.flagged) {
        facts.push(format!("may belong to {}", like.report));
    }
    let received = report.received_at.to_zoned(screen.zone.clone());
    let this_year = received.year() == screen.now.to_zoned(screen.zone.clone()).year();
    let date = received.strftime(if this_year { "%d %b" } else { "%d %b %Y" }).to_string();
    let line = format!("{date}  {}  {}", from(&report.reporter), facts.join(" · "));
    for part in wrap::few(&line, screen.width.saturating_sub(7), 3) {
        writeln!(out, "       {}", styled(FAINT, part))?;
    }
    Ok(())
}

fn from(person: &Person) -> String {
    if person.address.is_empty() { "(no sender)".into() } else { safe::short(&person.address, 32) }
}

fn word(state: crate::case::State) -> String {
    document(&state).as_str().unwrap_or_default().to_owned()
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// Mail that programs sent.
#[derive(Serialize)]
pub struct AutomaticList {
    /// The newest first.
    pub messages: Vec<AutomaticView>,
}

/// One of them.
#[derive(Serialize)]
pub struct AutomaticView {
    /// Number of the message.
    pub id: i64,
    /// Who, as far as it says.
    pub from: Person,
    /// Its subject.
    pub subject: Foreign,
    /// The server's word.
    pub received_at: jiff::Timestamp,
    /// `bounce`, `reply` or `receipt`.
    pub kind: crate::message::Automatic,
}

impl View for AutomaticList {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.messages.is_empty() {
            return writeln!(out, "no automatic mail");
        }
        for mail in &self.messages {
            let kind = document(&mail.kind);
            let head =
                format!("{:>5}  {}  {:8}", mail.id, screen.time(mail.received_at), kind.as_str().unwrap_or_default());
            let room = screen.width.saturating_sub(head.chars().count() + 4).max(20);
            let line = safe::short(&format!("{}  {}", from(&mail.from), safe::line(&mail.subject)), room);
            writeln!(out, "{head}  {line}")?;
        }
        Ok(())
    }
}
