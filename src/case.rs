//! Events in, case state out.
//!
//! The ledger only grows: what is known of a report is what its events add up to, ordered by (time, device, number), so
//! that ledgers from several workstations can be merged and agree. Events name things by `uid`, never by local number.

pub mod filing;
mod fold;
mod group;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use fold::fold;
pub use group::{CaseState, cases};

/// The name a message, report or case has on every workstation: the first hexadecimal digits of the content hash of the
/// mail that opened it (10, more where that would clash).
pub type Uid = String;

/// What a person can record about a report, with the time it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A person answered the reporter by another channel.
    Acknowledged,
    /// Triage: it is a vulnerability.
    Valid,
    /// Triage: it is not.
    Invalid,
    /// The fix is ready.
    Fixed,
    /// People were told that a release is coming.
    Prenotified,
    /// The fix is released.
    Released,
    /// Details are public.
    Disclosed,
    /// The write-up is public.
    WrittenUp,
    /// We know of active exploitation.
    Exploited,
    /// The early warning went to the authority.
    EarlyWarned,
    /// The notification went to the authority.
    Notified,
    /// The final report went to the authority.
    FinalReported,
    /// The CVE record is public.
    CvePublished,
}

/// How a message is filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It opened its report.
    Opening,
    /// The reporter wrote again.
    FollowUp,
    /// The reporter sent the same again.
    Resend,
    /// A program sent it.
    Automatic,
    /// We sent it.
    Outgoing,
}

/// What may pass by itself and kept a reply from going out. In each case nothing of it went out, for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passing {
    /// The way out: no other reply would have fared better.
    Server,
    /// The server does not take this one now; it may take another.
    Reply,
}

/// One thing that happened. The names are the ledger's format: add, never rename.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A mail was made durable, before anything parsed it.
    Received {
        /// SHA-256 of the raw bytes with line ends normalised.
        sha256: String,
        /// Size of the raw bytes.
        size: u64,
        /// When the server received it.
        received_at: Timestamp,
        /// Where it was seen: an IMAP mailbox, a Maildir, a file.
        source: String,
    },
    /// A stored mail was seen again, in another place or under another number. It starts and stops nothing.
    Sighted {
        /// When the server received it there.
        received_at: Timestamp,
        /// Where it was seen.
        source: String,
    },
    /// A stored mail was opened (again): the verdict in short.
    Judged {
        /// `encryption.status`.
        encryption: String,
        /// `signature.status`.
        signature: String,
    },
    /// A stored mail was filed.
    Filed {
        /// How.
        role: Role,
    },
    /// A report begins with this mail.
    ReportOpened {
        /// When the clock starts.
        received_at: Timestamp,
        /// The reporter's address, as far as it is known.
        reporter: String,
    },
    /// An answer of ours, written by a person, reached this report's reporter.
    Answered {
        /// When: the server's word for a mail found in Sent, the hand-over for one sent from here.
        answered_at: Timestamp,
        /// `sent`, `sent-mailbox`, `team-signed`.
        how: String,
    },
    /// An automatic receipt of ours went out. It meets no clock.
    Receipted {
        /// When.
        receipted_at: Timestamp,
    },
    /// A person recorded a fact.
    Marked {
        /// Which.
        fact: Fact,
        /// When it happened.
        happened_at: Timestamp,
        /// How or where, in words.
        note: Option<String>,
    },
    /// Severity set; `None` clears it.
    Severity {
        /// Lower case.
        severity: Option<String>,
    },
    /// Assignee set; `None` clears it.
    Assigned {
        /// Who.
        assignee: Option<String>,
    },
    /// A note for the team.
    Noted {
        /// The text.
        text: String,
    },
    /// A tag added.
    Tagged {
        /// The tag.
        tag: String,
    },
    /// A tag taken off.
    Untagged {
        /// The tag.
        tag: String,
    },
    /// This report is about the vulnerability of another report's case.
    Linked {
        /// The uid of the case's first report.
        case: Uid,
    },
    /// It is not, after all.
    Unlinked,
    /// Waiting for the reporter began.
    Paused,
    /// It ended.
    Resumed,
    /// Work on the report ended.
    Closed {
        /// Why.
        reason: Option<String>,
        /// What the one who closed it knew: for each other device, the highest event number in the ledger at that moment.
        /// A closing does not count against what it did not see. Absent means that it saw everything before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<BTreeMap<String, u64>>,
    },
    /// It did not.
    Reopened,
    /// A reply was put into the outbox.
    Queued {
        /// Number in the outbox.
        outbox: i64,
        /// Message-ID of the reply.
        message_id: String,
        /// SHA-256 of its bytes.
        sha256: String,
    },
    /// Handing over of a reply begins; recorded durably before the first byte goes out.
    Sending {
        /// Number in the outbox.
        outbox: i64,
    },
    /// The server took it.
    Sent {
        /// Number in the outbox.
        outbox: i64,
    },
    /// The server refused it or was not there; nothing went out.
    SendFailed {
        /// Number in the outbox.
        outbox: i64,
        /// Why.
        reason: String,
        /// It stays queued and is tried again; absent where it waits for a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passing: Option<Passing>,
    },
    /// Nobody knows whether it went out; never sent again by itself.
    SendUnknown {
        /// Number in the outbox.
        outbox: i64,
    },
    /// A person took it out of the outbox.
    Dropped {
        /// Number in the outbox.
        outbox: i64,
    },
    /// A person confirmed a certificate for an address.
    Pinned {
        /// The address.
        address: String,
        /// The certificate.
        fingerprint: String,
    },
    /// A published policy came into force.
    PolicyAdopted {
        /// SHA-256 of the file.
        sha256: String,
        /// File name, for people.
        file: String,
    },
    /// A mail may belong to another report; a person decides.
    Suggested {
        /// The other report.
        other: Uid,
        /// Why.
        why: String,
    },
    /// A backup of the ledger was written.
    BackedUp {
        /// When the copy was made.
        made_at: Timestamp,
        /// Events of the own device in it.
        events: u64,
        /// Hash of the last of them.
        head: String,
        /// It was read back and found whole.
        verified: bool,
        /// What the audit of that copy found wrong. With any, it cannot be restored.
        #[serde(default, skip_serializing_if = "is_zero")]
        problems: u64,
    },
    /// This ledger came out of a backup. What happened between the two is not in it.
    Restored {
        /// When the copy was made.
        made_at: Timestamp,
        /// Replies that may have gone out in between, so that a person decides about them.
        held: u64,
        /// The ledger is sealed with the key that was here, which is not the one in the backups made until then.
        #[serde(default, skip_serializing_if = "is_false")]
        other_key: bool,
    },
    /// The mailbox was renumbered, shows fewer messages, or otherwise made a person curious.
    Noticed {
        /// What.
        text: String,
    },
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// An event as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was recorded.
    pub at: Timestamp,
    /// The device that recorded it.
    pub device: String,
    /// Its number there, from 1 without gaps.
    pub number: u64,
    /// Who did it: the login name, or `poll`.
    pub who: String,
    /// The report it is about.
    pub report: Option<Uid>,
    /// The message it is about.
    pub message: Option<Uid>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// The state of a report, in the order of its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has answered.
    #[default]
    New,
    /// A person has.
    Acknowledged,
    /// Triage: it is a vulnerability.
    Valid,
    /// Triage: it is not.
    Invalid,
    /// The fix is ready.
    Fixed,
    /// The fix is out.
    Released,
    /// Details are public.
    Disclosed,
    /// Work has ended.
    Closed,
}

/// A fact with its time, and who recorded it with what note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When it happened.
    pub at: Timestamp,
    /// How or where.
    pub note: Option<String>,
}

/// Where an event stands among all others: its time, its device, its number there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When it was recorded.
    pub at: Timestamp,
    /// The device that recorded it.
    pub device: String,
    /// Its number there.
    pub number: u64,
}

/// The outcome of triage that holds: of several, the one that happened last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triage {
    /// `Fact::Valid` or `Fact::Invalid`.
    pub fact: Fact,
    /// When it happened.
    pub at: Timestamp,
    /// Where the event that recorded it stands; decides between two of the same time.
    pub place: Place,
}

/// What the events of one report add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportState {
    /// Its name.
    pub uid: Uid,
    /// The uid of the first report of its case; its own where it stands alone.
    pub case: Uid,
    /// When the server received the mail that opened it.
    pub received_at: Timestamp,
    /// The reporter's address.
    pub reporter: String,
    /// When the reporter wrote (the opening mail and follow-ups), oldest first.
    pub wrote_at: Vec<Timestamp>,
    /// When a person of ours answered, oldest first, `mark acknowledged` included.
    pub answered_at: Vec<Timestamp>,
    /// Facts, the earliest of each.
    pub facts: BTreeMap<Fact, Recorded>,
    /// The outcome of triage.
    pub triage: Option<Triage>,
    /// Severity, lower case.
    pub severity: Option<String>,
    /// Where the event that set or cleared the severity stands.
    pub severity_set: Option<Place>,
    /// Assignee.
    pub assignee: Option<String>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Waiting for the reporter: from, to (`None` while it lasts).
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// When it was closed, while it is.
    pub closed_at: Option<Timestamp>,
    /// Somebody closed it without having seen what others did at the same time, so it stays open: when.
    pub close_contested_at: Option<Timestamp>,
    /// When an automatic receipt of ours went out first. It counts for no clock.
    pub receipted_at: Option<Timestamp>,
    /// The policy in force when it arrived: SHA-256 of the file.
    pub policy: Option<String>,
}

impl ReportState {
    /// The state by this report's own events. [`CaseState::state_of`] takes the facts of its whole case into account.
    pub fn state(&self) -> State {
        let answered = self.first_answer().is_some();
        state_from(self.closed_at.is_some(), &self.facts, self.triage.as_ref(), answered)
    }

    /// The earliest answer by a person at or after receipt; an answer from before it answered something else.
    pub fn first_answer(&self) -> Option<Timestamp> {
        let start = self.first_written();
        self.answered_at.iter().copied().find(|at| *at >= start)
    }

    /// When the reporter first wrote: the receipt, or a follow-up that overtook it.
    pub fn first_written(&self) -> Timestamp {
        self.wrote_at.first().copied().unwrap_or(self.received_at).min(self.received_at)
    }
}

/// The furthest a report has come. A public write-up is public, so it counts as disclosure.
fn state_from(closed: bool, facts: &BTreeMap<Fact, Recorded>, triage: Option<&Triage>, answered: bool) -> State {
    let has = |fact| facts.contains_key(&fact);
    if closed {
        State::Closed
    } else if has(Fact::Disclosed) || has(Fact::WrittenUp) {
        State::Disclosed
    } else if has(Fact::Released) {
        State::Released
    } else if has(Fact::Fixed) {
        State::Fixed
    } else if let Some(triage) = triage {
        if triage.fact == Fact::Invalid { State::Invalid } else { State::Valid }
    } else if answered {
        State::Acknowledged
    } else {
        State::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ledgers hold from before there was `passing` is read as it was meant: a person decides. What is written now, older
    /// programs read so too, since they pass over the field.
    #[test]
    fn a_failure_from_before_tries_waits_for_a_person() {
        let old = r#"{"what":"send_failed","outbox":1,"reason":"no route"}"#;
        let failed = |passing| What::SendFailed { outbox: 1, reason: "no route".into(), passing };
        assert_eq!(serde_json::from_str::<What>(old).unwrap(), failed(None));
        assert_eq!(serde_json::to_string(&failed(None)).unwrap(), old);
        let new = r#"{"what":"send_failed","outbox":1,"reason":"no route","passing":"server"}"#;
        assert_eq!(serde_json::to_string(&failed(Some(Passing::Server))).unwrap(), new);
        assert_eq!(serde_json::from_str::<What>(new).unwrap(), failed(Some(Passing::Server)));
    }
}
