//! Words and JSON: each command makes one value, shown to people or as a document. People see their own time zone and
//! relative times; scripts see RFC 3339 in UTC (`docs/json.md`).

use std::io::{self, Write};

pub mod backup;
pub mod csv;
pub mod demo;
pub mod health;
pub mod intake;
pub mod keys;
pub mod list;
pub mod message;
pub mod outbox;
pub mod page;
pub mod plan;
pub mod policy;
pub mod report;
pub mod show;
pub mod stats;
pub mod wrap;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::clock::words;

/// What a person looks at.
pub struct Screen {
    /// The present.
    pub now: Timestamp,
    /// The person's time zone.
    pub zone: TimeZone,
    /// Columns.
    pub width: usize,
}

impl Screen {
    /// An instant in the person's zone: `Mon 2026-03-02 10:15`.
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
    }

    /// The same to the minute, with the zone's name, for times that people agree on.
    pub fn exact(&self, at: Timestamp) -> String {
        words::exact(at, &self.zone)
    }
}

/// A value that a command gives: people and scripts see the same one.
pub trait View {
    /// True for bytes that must reach standard output as they are.
    fn is_raw(&self) -> bool {
        false
    }
    /// For people.
    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()>;
    /// For scripts.
    fn json(&self) -> serde_json::Value;
}

/// The JSON of a serialisable counterpart. Such structs hold only strings, numbers, lists and times, which always serialise.
pub fn document(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

/// Needs a person now.
pub const ALARM: Style = AnsiColor::Red.on_default().bold();
/// Deserves a look.
pub const NOTICE: Style = AnsiColor::Yellow.on_default();
/// Is well.
pub const WELL: Style = AnsiColor::Green.on_default();
/// Heads a section.
pub const HEAD: Style = Style::new().bold();
/// Stands back.
pub const FAINT: Style = Style::new().dimmed();

/// Every style there is: nothing else that commands a terminal gets there.
pub fn styles() -> Vec<String> {
    [ALARM, NOTICE, WELL, HEAD, FAINT]
        .iter()
        .flat_map(|s| [s.render().to_string(), s.render_reset().to_string()])
        .collect()
}

/// A text in a style; `main` takes the style out where the output is not a terminal.
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A line that a command leaves behind when it changed something: people read it, scripts get its fields.
pub struct Said {
    /// For people; already safe.
    pub line: String,
    /// For scripts.
    pub json: serde_json::Value,
}

impl View for Said {
    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.line)
    }

    fn json(&self) -> serde_json::Value {
        self.json.clone()
    }
}

/// Bytes of a mail as it came, for a file or a pipe; never for a terminal's eyes.
pub struct Raw {
    /// Them.
    pub bytes: Vec<u8>,
}

impl View for Raw {
    fn is_raw(&self) -> bool {
        true
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.bytes)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"base64": data_encoding::BASE64.encode(&self.bytes)})
    }
}
