//! REPORT of `contract.md`, and its words.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{ALARM, FAINT, NOTICE, WELL, styled, wrap};
use crate::case::State;
use crate::clock::{Clock, Kind, Status, packs, words};
use crate::message::Address;
use crate::safe::{self, Foreign};
use crate::verdict::{EncryptionStatus, SignatureStatus};

/// A person, as the mail names them.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// The addr-spec.
    pub address: Foreign,
    /// The display name.
    pub name: Option<Foreign>,
}

impl From<&Address> for Person {
    fn from(from: &Address) -> Person {
        Person { address: (&from.address).into(), name: from.name.as_ref().map(Foreign::from) }
    }
}

impl Person {
    /// `A. Finder <finder@example.net>`, safe.
    pub fn line(&self) -> String {
        match &self.name {
            Some(name) if !name.is_empty() => format!("{} <{}>", safe::line(name), safe::line(&self.address)),
            _ => safe::line(&self.address),
        }
    }
}

/// A clock of a report.
#[derive(Clone, Debug, Serialize)]
pub struct ClockView {
    /// Which.
    #[serde(serialize_with = "kind_name")]
    pub kind: Kind,
    /// What it runs from.
    pub starts_at: Timestamp,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// When it was met.
    pub met_at: Option<Timestamp>,
    /// How it stands.
    #[serde(serialize_with = "status_name")]
    pub status: Status,
    /// Seconds until due while it runs; negative once past.
    pub remaining_s: Option<i64>,
    /// The sentence that promises it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Foreign>,
    /// Before this instant it must not happen (a bound "no less than").
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whose clock it is, where it comes from a pack and not from the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owed_by: Option<String>,
    /// The way from the start to the instant, one sentence a step; with `show --why-due` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Vec<String>>,
    /// How it stands, for people: `due in 5 h`.
    #[serde(skip)]
    pub words: String,
}

fn kind_name<S: Serializer>(kind: &Kind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.name())
}

fn status_name<S: Serializer>(status: &Status, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(status.name())
}

impl ClockView {
    /// As it stands now.
    pub fn new(clock: &Clock, now: Timestamp) -> ClockView {
        ClockView {
            kind: clock.kind,
            starts_at: clock.starts_at,
            due_at: clock.due_at,
            met_at: clock.met_at,
            status: clock.status,
            remaining_s: clock.remaining_s,
            quote: clock.target.quote.as_ref().map(Foreign::from),
            not_before: clock.not_before,
            owed_by: packs::of(clock.kind).map(|pack| pack.owed_by.clone()),
            why: None,
            words: words::due(clock, now),
        }
    }
}

/// An earlier report that looks like this one.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateView {
    /// Its number.
    pub report: i64,
    /// From 0 to 1.
    pub score: f64,
    /// A person should look.
    pub flagged: bool,
    /// The reasons.
    pub why: Vec<Foreign>,
}

/// One report.
#[derive(Clone, Debug, Serialize)]
pub struct ReportView {
    /// This ledger's number.
    pub id: i64,
    /// Its name on every workstation.
    pub uid: String,
    /// Where it stands.
    pub state: State,
    /// The subject to go by.
    pub subject: Foreign,
    /// Who told us.
    pub reporter: Person,
    /// The server's word.
    pub received_at: Timestamp,
    /// Of its first message.
    pub encryption: EncryptionStatus,
    /// Of its first message.
    pub signature: SignatureStatus,
    /// How many it has.
    pub messages: usize,
    /// Its own clocks and its case's.
    pub clocks: Vec<ClockView>,
    /// Number of the case's first report.
    pub case: i64,
    /// The same, where it is another report's.
    pub duplicate_of: Option<i64>,
    /// At most 10, best first.
    pub candidates: Vec<CandidateView>,
    /// The team's word for it.
    pub severity: Option<Foreign>,
    /// Who works on it.
    pub assignee: Option<Foreign>,
    /// The team's tags.
    pub tags: Vec<Foreign>,
    /// Mails of the reporter that nobody has answered.
    pub unanswered: usize,
    /// The reporter wrote after it was closed.
    pub news_since_closing: bool,
    /// The limit that was hit when its first message was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Foreign>,
}

impl ReportView {
    /// The clock that a person should look at first: the one past due for longest, else the next due.
    pub fn most_urgent(&self) -> Option<&ClockView> {
        self.live().filter(|c| c.due_at.is_some()).min_by_key(|c| c.due_at)
    }

    /// Something is past due. Of a closed report only what closing does not end counts.
    pub fn is_overdue(&self) -> bool {
        self.live().any(|c| c.status == Status::Overdue)
    }

    /// It is closed, and a duty that closing does not end is not done.
    pub fn owes_duty(&self) -> bool {
        self.state == State::Closed && self.live().next().is_some()
    }

    fn live(&self) -> impl Iterator<Item = &ClockView> {
        let open = self.state != State::Closed;
        // A case is named by its first report, and its duties are told there.
        let counts = move |c: &&ClockView| open || (c.owed_by.is_some() && self.case == self.id);
        self.clocks.iter().filter(|c| matches!(c.status, Status::Running | Status::Overdue)).filter(counts)
    }

    /// `answer due in 5 h`, coloured by urgency.
    pub fn urgency(&self) -> String {
        if self.state == State::Closed && !self.owes_duty() {
            return if self.news_since_closing { styled(NOTICE, "closed; new mail") } else { styled(FAINT, "closed") };
        }
        let Some(clock) = self.most_urgent() else {
            return if self.clocks.iter().any(|c| c.status == Status::Paused) {
                styled(FAINT, "waiting for the reporter")
            } else {
                styled(WELL, "nothing due")
            };
        };
        let style = match clock.status {
            Status::Overdue => ALARM,
            _ if clock.remaining_s.is_some_and(|s| s < 86_400) => NOTICE,
            _ => FAINT,
        };
        styled(style, format!("{} {}", noun(clock.kind), clock.words))
    }

    /// `sealed, signed`: what is proven of the first message, in two words.
    pub fn seal(&self) -> String {
        let seal = encryption_word(self.encryption);
        match self.signature {
            SignatureStatus::None => seal.to_owned(),
            other => format!("{seal}, {}", signature_word(other)),
        }
    }
}

/// The subject, safe; said where there is none.
pub fn subject(report: &ReportView) -> String {
    if report.subject.is_empty() { "(no subject)".into() } else { safe::line(&report.subject) }
}

/// What a clock waits for, as a noun.
pub fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::FirstResponse => "answer",
        Kind::Assessment => "assessment",
        Kind::Update => "update",
        Kind::Fix => "fix",
        Kind::Prenotice => "prenotice",
        Kind::Disclosure => "disclosure",
        Kind::Postmortem => "write-up",
        Kind::EarlyWarning => "warning",
        Kind::Notification => "notification",
        Kind::FinalReport => "final report",
        Kind::CvePublication => "CVE record",
    }
}

/// One word for a list.
pub fn encryption_word(status: EncryptionStatus) -> &'static str {
    match status {
        EncryptionStatus::Encrypted => "sealed",
        EncryptionStatus::Partial => "partly sealed",
        EncryptionStatus::None => "in the clear",
        EncryptionStatus::Unopened => "not opened",
        EncryptionStatus::Refused => "refused",
    }
}

/// One or two words for a list.
pub fn signature_word(status: SignatureStatus) -> &'static str {
    match status {
        SignatureStatus::Good => "signed",
        SignatureStatus::Mismatch => "signer not proven",
        SignatureStatus::UnknownKey => "unknown signer",
        SignatureStatus::Bad => "bad signature",
        SignatureStatus::Partial => "partly signed",
        SignatureStatus::None => "unsigned",
    }
}

/// Text of a stranger in a frame that it cannot leave: every line begins with a bar, and none is so long that the terminal
/// would go on at its left edge.
pub fn framed(text: &Foreign, width: usize, out: &mut dyn Write) -> io::Result<()> {
    for line in wrap::lines(text, width.saturating_sub(4)) {
        writeln!(out, "  {} {line}", styled(FAINT, "│"))?;
    }
    Ok(())
}
