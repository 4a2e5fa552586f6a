//! What `backup` and `restore` print.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::{ALARM, NOTICE, Screen, View, WELL, document, styled};
use crate::safe::{self, Foreign};

/// A backup that was written.
#[derive(Serialize)]
pub struct Backup {
    /// The file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// When the copy was made.
    pub made_at: Timestamp,
    /// Events of this device in it.
    pub events: u64,
    /// Mails in it.
    pub messages: u64,
    /// Hash of the last event.
    pub head: String,
    /// Fingerprints of our certificates.
    pub encrypted_to: Vec<String>,
    /// Fingerprint of the certificate that signed it.
    pub signed_by: Option<String>,
    /// It was read back and restored, and the ledger in it holds together.
    pub verified: bool,
    /// Why it was not.
    pub unverified: Option<Foreign>,
    /// The history of the ledger says that it was made.
    pub recorded: bool,
    /// What is wrong with the ledger in it.
    pub problems: Vec<Foreign>,
}

impl View for Backup {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let (file, holds) = (safe::line(&self.file), holds(self.messages, self.events));
        if !self.problems.is_empty() {
            let words = "backup written, and the ledger in it does not hold together";
            writeln!(out, "{}: {file}", styled(ALARM, words))?;
            for problem in self.problems.iter().take(8) {
                writeln!(out, "  {}", safe::line(problem))?;
            }
            writeln!(out, "  it cannot be restored; keep older backups; sealpost audit says more")?;
        } else if self.verified {
            writeln!(out, "{}: {file}, {holds}", styled(WELL, "backup written, restored once and verified"))?;
        } else if let Some(why) = &self.unverified {
            writeln!(out, "{}: {file}, {holds}", styled(NOTICE, "backup written, not verified by restoring"))?;
            writeln!(out, "  the team key is not at hand: {}", safe::line(why))?;
        }
        if self.signed_by.is_none() {
            writeln!(out, "  it is not signed, so restoring it will want --unsigned")?;
        }
        if !self.recorded {
            writeln!(out, "  another run held the ledger, so its history does not name this backup")?;
        }
        Ok(())
    }
}

/// A ledger that came back.
#[derive(Serialize)]
pub struct Restored {
    /// The backup.
    pub file: String,
    /// The ledger.
    pub ledger: String,
    /// When the backup was made.
    pub made_at: Timestamp,
    /// Events of this device in it.
    pub events: u64,
    /// Mails in it.
    pub messages: u64,
    /// Hash of the last event in it.
    pub head: String,
    /// Fingerprint of the certificate that signed it.
    pub signed_by: Option<String>,
    /// Replies that wait for a person.
    pub held: u64,
    /// It is sealed with the key that was here, and the one in the backup is another.
    pub other_key: bool,
    /// Where the ledger that was here lies now.
    pub moved_aside: Option<String>,
}

impl View for Restored {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        let holds = holds(self.messages, self.events);
        writeln!(out, "{} as it was {}: {holds}", styled(WELL, "ledger restored"), screen.exact(self.made_at))?;
        if self.signed_by.is_none() {
            writeln!(
                out,
                "{}",
                styled(NOTICE, "it was not signed: look at its pins (sealpost key list) before you send")
            )?;
        }
        if let Some(folder) = &self.moved_aside {
            writeln!(out, "the ledger that was here is in {}", safe::line(folder))?;
        }
        if self.other_key {
            let line = "it is sealed with the key that was here, which is another than the one in the backup";
            writeln!(out, "{}", styled(NOTICE, line))?;
            writeln!(out, "  make a new backup now: the key in an older one does not open this ledger")?;
        }
        match self.held {
            0 => {}
            1 => writeln!(out, "{}: sealpost outbox", styled(NOTICE, "1 reply waited and may have gone out since"))?,
            n => {
                let line = format!("{n} replies waited and may have gone out since");
                writeln!(out, "{}: sealpost outbox", styled(NOTICE, line))?;
            }
        }
        writeln!(out, "next: sealpost poll fetches what came since; what was recorded here since is lost, such as")?;
        writeln!(out, "      notes, facts and closings")
    }
}

/// A key that came back.
#[derive(Serialize)]
pub struct KeyRestored {
    /// The file.
    pub key: String,
}

impl View for KeyRestored {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}; it opens the ledger", styled(WELL, "key restored"), safe::line(&self.key))
    }
}

fn holds(messages: u64, events: u64) -> String {
    let s = |n: u64| if n == 1 { "" } else { "s" };
    format!("{messages} message{}, {events} event{}", s(messages), s(events))
}
