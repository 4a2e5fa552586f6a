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
    /// `queued`, `sending`, `sent`, `failed`, `unknown`, `dropped`.
    pub state: String,
    /// Why, for failed ones.
    pub reason: Option<Foreign>,
    /// When it was put here.
    pub queued_at: Timestamp,
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
            if let Some(reason) = &item.reason {
                writeln!(out, "      {}", safe::short(reason, screen.width.saturating_sub(6)))?;
            }
            match item.state.as_str() {
                "unknown" => writeln!(
                    out,
                    "      {}",
                    styled(
                        FAINT,
                        format!(
                            "look into your Sent mailbox, then: sealpost outbox send {0}, or drop {0}",
                            item.number
                        )
                    )
                )?,
                "failed" => writeln!(
                    out,
                    "      {}",
                    styled(FAINT, format!("sealpost outbox send {0}, or drop {0}", item.number))
                )?,
                _ => {}
            }
        }
        Ok(())
    }
}
