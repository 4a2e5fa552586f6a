//! What `check`, `key check` and `audit` print.

pub mod judge;

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{ALARM, FAINT, NOTICE, Screen, View, WELL, document, styled, wrap};
use crate::safe::{self, Foreign};

/// How a thing that was looked at stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is well.
    Ok,
    /// A person should see to it.
    Warn,
    /// The next poll would fail, or a report would be unreadable.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What: a stable slug.
    pub about: &'static str,
    /// How it stands.
    pub level: Level,
    /// In words.
    pub words: Foreign,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Foreign>,
    /// Of something that ends: the step that was passed, in days before the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_days: Option<i64>,
    /// It would want a person, and the configuration says that it is meant so.
    #[serde(skip_serializing_if = "is_false")]
    pub accepted: bool,
}

impl Finding {
    /// At this level.
    pub fn new(about: &'static str, level: Level, words: impl Into<Foreign>) -> Finding {
        Finding { about, level, words: words.into(), hint: None, within_days: None, accepted: false }
    }

    /// It is well.
    pub fn ok(about: &'static str, words: impl Into<Foreign>) -> Finding {
        Finding::new(about, Level::Ok, words)
    }

    /// A person should see to it.
    pub fn warn(about: &'static str, words: impl Into<Foreign>) -> Finding {
        Finding::new(about, Level::Warn, words)
    }

    /// It would stop the next poll.
    pub fn fail(about: &'static str, words: impl Into<Foreign>) -> Finding {
        Finding::new(about, Level::Fail, words)
    }

    /// The same with the step that was passed.
    pub fn within(mut self, days: i64) -> Finding {
        self.within_days = Some(days);
        self
    }

    /// The same where its owner accepted that it is so: it is told all the same, and wants nobody.
    pub fn accepted(self) -> Finding {
        Finding { level: Level::Ok, accepted: true, ..self }
    }

    /// The same with what to do.
    pub fn hint(mut self, hint: impl Into<Foreign>) -> Finding {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }
}

/// Everything that was looked at.
#[derive(Serialize)]
pub struct Health {
    /// Nothing fails.
    pub ok: bool,
    /// In the order looked at.
    pub findings: Vec<Finding>,
    /// People are shown only what wants them.
    #[serde(skip)]
    pub quiet: bool,
}

impl Health {
    /// Sums up.
    pub fn new(findings: Vec<Finding>) -> Health {
        Health { ok: findings.iter().all(|f| f.level != Level::Fail), findings, quiet: false }
    }

    /// The same, showing people only what wants them: under cron a day without news is a day without mail.
    pub fn quiet(mut self, quiet: bool) -> Health {
        self.quiet = quiet;
        self
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|f| f.level == level).count()
    }

    /// The worst of them.
    pub fn worst(&self) -> Level {
        self.findings.iter().map(|f| f.level).max().unwrap_or(Level::Ok)
    }

    /// The exit status that `check` promises: 1 where something fails, 3 where a person is needed.
    pub fn status(&self) -> u8 {
        match self.worst() {
            Level::Ok => 0,
            Level::Warn => 3,
            Level::Fail => 1,
        }
    }
}

impl View for Health {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    /// The worst first; within a level in the order looked at.
    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let levels: &[Level] =
            if self.quiet { &[Level::Fail, Level::Warn] } else { &[Level::Fail, Level::Warn, Level::Ok] };
        for level in levels {
            for finding in self.findings.iter().filter(|f| f.level == *level) {
                finding.show(screen, out)?;
            }
        }
        if self.quiet {
            return Ok(());
        }
        let counts = format!(
            "{} fail, {} to look at, {} ok",
            self.count(Level::Fail),
            self.count(Level::Warn),
            self.count(Level::Ok)
        );
        writeln!(out, "{}", styled(FAINT, counts))
    }
}

/// Columns before the words.
const MARGIN: usize = 20;

impl Finding {
    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let (style, mark) = match self.level {
            Level::Ok if self.accepted => (FAINT, "note"),
            Level::Ok => (WELL, "ok  "),
            Level::Warn => (NOTICE, "look"),
            Level::Fail => (ALARM, "FAIL"),
        };
        let mut head = format!("{}  {:13} ", styled(style, mark), self.about);
        for line in wrap::few(&self.words, screen.width.saturating_sub(MARGIN), 8) {
            writeln!(out, "{head}{line}")?;
            head = " ".repeat(MARGIN);
        }
        let Some(hint) = &self.hint else { return Ok(()) };
        let hint = safe::line(hint);
        // A command to paste is not cut into lines.
        let lines = match is_command(&hint) {
            true => vec![hint],
            false => wrap::whole_words(&hint, screen.width.saturating_sub(MARGIN)),
        };
        for line in lines {
            writeln!(out, "{}{line}", " ".repeat(MARGIN))?;
        }
        Ok(())
    }
}

/// Whether a hint is a command and nothing else: one of those that hints name, without a word after it on what it does.
fn is_command(hint: &str) -> bool {
    let first = hint.split(' ').next().unwrap_or_default();
    ["sealpost", "chmod", "ulimit"].contains(&first) && !hint.contains(['(', ';', ','])
}

/// What `audit` found.
#[derive(Serialize)]
pub struct AuditView {
    /// No problem.
    pub ok: bool,
    /// Events verified.
    pub events: u64,
    /// Messages verified.
    pub messages: u64,
    /// Hash of the last event of this device.
    pub head: String,
    /// What is wrong, and where.
    pub problems: Vec<Foreign>,
    /// The anchors it was held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchors: Option<Vec<AnchorView>>,
    /// Anchors that it was not held against, since the folder has too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub anchors_passed_over: u64,
    /// The anchor that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrote: Option<String>,
}

/// One anchor that the ledger was held against.
#[derive(Default, Serialize)]
pub struct AnchorView {
    /// The file.
    pub file: String,
    /// It is ours, and the ledger still holds what it names.
    pub ok: bool,
    /// When it was made.
    pub at: Option<Timestamp>,
    /// The event it names.
    pub events: Option<u64>,
    /// Fingerprint of our certificate that signed it.
    pub signed_by: Option<String>,
    /// What does not fit.
    pub problem: Option<Foreign>,
}

/// What a damaged ledger still held.
#[derive(Serialize)]
pub struct SalvageView {
    /// Where it lies now.
    pub folder: String,
    /// Mails that were read, to the byte.
    pub messages: u64,
    /// Mails that were not.
    pub messages_lost: u64,
    /// Of those read, how many are from the Sent mailbox.
    pub sent: u64,
    /// Replies of the outbox that were read.
    pub replies: u64,
    /// Those that were not.
    pub replies_lost: u64,
    /// Events that were read.
    pub events: u64,
    /// Those that were not.
    pub events_lost: u64,
    /// The pages of the schema were broken and were made anew.
    pub mended: bool,
}

impl View for SalvageView {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let lost = |n: u64| match n {
            0 => String::new(),
            n => format!(", {}", styled(ALARM, format!("{n} lost"))),
        };
        writeln!(out, "rescued into {}; the ledger was not changed", safe::line(&self.folder))?;
        writeln!(out, "  messages {:>7}{}", self.messages, lost(self.messages_lost))?;
        writeln!(out, "  replies  {:>7}{}", self.replies, lost(self.replies_lost))?;
        writeln!(out, "  events   {:>7}{}", self.events, lost(self.events_lost))?;
        if self.messages_lost > 0 {
            writeln!(out, "  salvage.json names each mail that is lost; the server may still have it")?;
        }
        writeln!(
            out,
            "Mails lie there as they came: encrypted ones encrypted, the others readable by whoever reads the folder."
        )?;
        writeln!(out, "A backup is better: sealpost restore --replace BACKUP")?;
        writeln!(out, "To begin a new ledger, move this one and its key away, then:")?;
        let folder = safe::line(&self.folder);
        if self.messages > self.sent {
            writeln!(out, "  sealpost import {folder}/received")?;
        }
        if self.sent > 0 {
            writeln!(out, "  sealpost import --sent {folder}/sent")?;
        }
        Ok(())
    }
}

impl View for AuditView {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(out, "{}", styled(ALARM, safe::line(problem)))?;
        }
        let verdict = if self.ok {
            styled(WELL, "the ledger holds together")
        } else {
            styled(ALARM, "the ledger does not hold together")
        };
        writeln!(out, "{verdict}: {}, {}", counted(self.events, "event"), counted(self.messages, "message"))?;
        writeln!(out, "head {}", self.head)?;
        if let Some(anchors) = &self.anchors {
            let well: Vec<&AnchorView> = anchors.iter().filter(|anchor| anchor.ok).collect();
            if let Some(last) = well.iter().filter_map(|anchor| anchor.at).max() {
                let until = screen.exact(last);
                let say = if well.len() == 1 { "says" } else { "say" };
                let anchors = counted(well.len() as u64, "anchor");
                writeln!(out, "it is still what {anchors} {say}, the last of {until}")?;
            }
            if self.anchors_passed_over > 0 {
                let over = counted(self.anchors_passed_over, "anchor");
                writeln!(
                    out,
                    "{}",
                    styled(NOTICE, format!("{over} more, the first by name, not looked at: too many"))
                )?;
                writeln!(out, "  move those elsewhere and look at them there: sealpost audit --anchor FOLDER")?;
            }
        }
        if let Some(file) = &self.wrote {
            writeln!(out, "anchor written to {}; keep it where this ledger's machine cannot write", safe::line(file))?;
        }
        Ok(())
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
