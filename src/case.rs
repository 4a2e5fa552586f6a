//! Events in, case state out.
//!
//! The ledger only grows: what is known of a report is what its events add up to, ordered by (time, device, number), so
//! that ledgers from several workstations can be merged and agree. Events name things by `uid`, never by local number.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// The mailbox was renumbered, shows fewer messages, or otherwise made a person curious.
    Noticed {
        /// What.
        text: String,
    },
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
    /// Severity, lower case.
    pub severity: Option<String>,
    /// Assignee.
    pub assignee: Option<String>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Waiting for the reporter: from, to (`None` while it lasts).
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// When it was closed, while it is.
    pub closed_at: Option<Timestamp>,
    /// The policy in force when it arrived: SHA-256 of the file.
    pub policy: Option<String>,
}
