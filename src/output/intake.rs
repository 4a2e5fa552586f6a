//! What `poll` and `import` print.

use std::io::{self, Write};

use serde::Serialize;

use super::{ALARM, FAINT, NOTICE, Screen, View, WELL, document, styled};
use crate::safe;

/// How the outbox stands after a poll.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Standing {
    /// Replies that are queued.
    pub waiting: u64,
    /// Of those, the ones that were tried and did not get out; a later poll tries again.
    pub delayed: u64,
    /// Replies that failed, or of which nobody knows whether they went out: they wait for a person.
    pub undecided: u64,
}

/// What a poll or an import came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Intake {
    /// Where the mail came from.
    pub source: String,
    /// What the source offered as new.
    pub seen: u64,
    /// Of those, new to the ledger.
    pub stored: u64,
    /// Of those, in the ledger already.
    pub known: u64,
    /// Stored messages that opened a report.
    pub reports_opened: u64,
    /// Stored messages that continue one.
    pub follow_ups: u64,
    /// Stored messages that repeat one.
    pub resends: u64,
    /// Stored messages that programs sent.
    pub automatic: u64,
    /// Stored messages that we sent.
    pub outgoing: u64,
    /// Stored messages that are encrypted and could not be decrypted.
    pub unopened: u64,
    /// Stored messages on which a limit was hit.
    pub quarantined: u64,
    /// Messages stored earlier that a key opens now.
    pub opened_later: u64,
    /// Replies that went out.
    pub sent: u64,
    /// What did not go out; an import sends nothing and does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox: Option<Standing>,
    /// Stored messages that the mailbox showed before and no longer shows.
    pub gone: u64,
    /// Open reports with a clock past due.
    pub overdue: u64,
    /// Wall-clock seconds.
    pub elapsed_s: f64,
    /// What a person should know; safe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Say it all, or only what needs a person.
    #[serde(skip)]
    pub terse: bool,
    /// The warnings say what became of replies, or nobody needs to be told again.
    #[serde(skip)]
    pub outbox_told: bool,
}

impl Intake {
    /// Mail came that could not be opened or was quarantined, or a reply was tried and is not out.
    pub fn needs_person(&self) -> bool {
        self.unopened > 0 || self.quarantined > 0 || self.outbox.is_some_and(|o| o.delayed + o.undecided > 0)
    }
}

impl View for Intake {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        for warning in &self.warnings {
            writeln!(out, "{}", styled(NOTICE, safe::line(warning)))?;
        }
        if self.unopened > 0 {
            let line = format!("{} could not be opened: sealpost list tells why", mails(self.unopened));
            writeln!(out, "{}", styled(ALARM, line))?;
        }
        if self.quarantined > 0 {
            writeln!(
                out,
                "{}",
                styled(ALARM, format!("{} quarantined: sealpost list tells why", mails(self.quarantined)))
            )?;
        }
        if !self.outbox_told
            && let Some(line) = self.outbox.and_then(stuck)
        {
            writeln!(out, "{}", styled(NOTICE, line))?;
        }
        if self.terse {
            return Ok(());
        }
        if self.stored == 0 && self.opened_later == 0 && self.sent == 0 {
            writeln!(out, "nothing new {}", styled(FAINT, format!("in {}", safe::line(&self.source))))?;
        } else {
            writeln!(out, "{}", self.sentence())?;
        }
        if self.gone > 0 {
            let line = format!("{} no longer in the mailbox; the ledger keeps what it has", mails(self.gone));
            writeln!(out, "{}", styled(FAINT, line))?;
        }
        if self.overdue > 0 {
            writeln!(out, "{}", styled(ALARM, format!("{} overdue: sealpost list --overdue", reports(self.overdue))))?;
        }
        Ok(())
    }
}

impl Intake {
    fn sentence(&self) -> String {
        let mut parts = Vec::new();
        let mut part = |n: u64, words: &str| {
            if n > 0 {
                parts.push(format!("{n} {words}"));
            }
        };
        part(self.reports_opened, if self.reports_opened == 1 { "new report" } else { "new reports" });
        part(self.follow_ups, if self.follow_ups == 1 { "follow-up" } else { "follow-ups" });
        part(self.resends, "sent again");
        part(self.automatic, "automatic");
        part(self.outgoing, "of ours");
        part(self.known, "known already");
        part(self.opened_later, "opened with a key that was missing before");
        part(self.sent, if self.sent == 1 { "reply sent" } else { "replies sent" });
        format!("{}: {}", styled(WELL, format!("{} stored", mails(self.stored))), parts.join(", "))
    }
}

/// `1 reply waits to be tried again, 2 wait for a person: sealpost outbox`; `None` where nothing is stuck.
fn stuck(standing: Standing) -> Option<String> {
    let one = |n: u64, words: &str| match n {
        0 => None,
        1 => Some(format!("1 reply waits {words}")),
        n => Some(format!("{n} replies wait {words}")),
    };
    let parts = [one(standing.delayed, "to be tried again"), one(standing.undecided, "for a person")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{}: sealpost outbox", parts.join(", ")))
}

fn mails(n: u64) -> String {
    if n == 1 { "1 mail".into() } else { format!("{n} mails") }
}

fn reports(n: u64) -> String {
    if n == 1 { "1 report".into() } else { format!("{n} reports") }
}
