//! What `outbox` prints.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{ALARM, FAINT, NOTICE, Screen, View, WELL, document, styled};
use crate::safe::{self, Foreign};

/// What waits, and what went wrong.
#[derive(Serialize)]
pub struct Outbox {
    /// Oldest first.
    pub outbox: Vec<Item>,
}

/// A sealed reply.
#[derive(Serialize)]
pub struct Item {
    /// Its number.
    pub number: i64,
    /// The report it answers.
    pub report: Option<i64>,
    /// Who gets it.
    pub to: Vec<Foreign>,
    /// `queued`, `sending`, `failed`, `unknown`.
    pub state: String,
    /// Why the last try failed.
    pub reason: Option<Foreign>,
    /// When it was put here.
    pub queued_at: Timestamp,
    /// How often handing it over began.
    pub tries: u32,
    /// When it last did.
    pub tried_at: Option<Timestamp>,
    /// From when on a poll tries again, where a try failed for a reason that may pass.
    pub again_at: Option<Timestamp>,
    /// Size in bytes.
    pub size: usize,
}

impl View for Outbox {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.outbox.is_empty() {
            return writeln!(out, "the outbox is empty");
        }
        for item in &self.outbox {
            let style = match item.state.as_str() {
                "sent" => WELL,
                "failed" | "unknown" => ALARM,
                "queued" => NOTICE,
                _ => FAINT,
            };
            let report = item.report.map_or_else(String::new, |r| format!(" for report {r}"));
            let to = safe::short(&item.to.iter().map(safe::line).collect::<Vec<_>>().join(", "), 40);
            writeln!(
                out,
                "{:>4}  {}  to {to}{report}, {}",
                item.number,
                styled(style, &item.state),
                screen.time(item.queued_at)
            )?;
            let mut below = |line: String| writeln!(out, "      {line}");
            if let Some(reason) = &item.reason {
                below(safe::short(reason, screen.width.saturating_sub(6)))?;
            }
            if let Some(tried) = item.tried(screen) {
                below(tried)?;
            }
            if let Some(todo) = item.todo() {
                below(styled(FAINT, todo))?;
            }
        }
        Ok(())
    }
}

impl Item {
    /// `tried 3 times, last Mon 2026-03-02 12:06, again from 12:21 on`.
    fn tried(&self, screen: &Screen) -> Option<String> {
        let last = screen.time(self.tried_at?);
        let mut words = match self.tries {
            1 => format!("tried once, {last}"),
            n => format!("tried {n} times, last {last}"),
        };
        if let Some(again) = self.again_at {
            if again <= screen.now {
                words.push_str("; the next poll tries again");
            } else {
                words.push_str(&format!("; again with the first poll after {}", screen.time(again)));
            }
        }
        Some(words)
    }

    /// What a person can do.
    fn todo(&self) -> Option<String> {
        let commands = format!("sealpost outbox send {0}, or drop {0}", self.number);
        match self.state.as_str() {
            "unknown" => Some(format!("look into your Sent mailbox, then: {commands}")),
            "failed" => Some(commands),
            "queued" if self.again_at.is_some() => Some(format!("at once: {commands}")),
            _ => None,
        }
    }
}
