//! Mail in and mail out: the edges that touch mail servers and mail files.

pub mod files;
pub mod imap;
pub mod outbox;

use jiff::Timestamp;

/// Where a mail was seen. For IMAP the three together are its identity there (RFC 9051 section 2.3.1.1); the content hash
/// is its identity anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// `imap://user@host/MAILBOX`, `maildir:/path`, `file:/path`.
    pub mailbox: String,
    /// UIDVALIDITY; 0 for files.
    pub epoch: u32,
    /// The UID in decimal; for files the name or, in an mbox, the offset.
    pub key: String,
}

/// Which way the mail in a mailbox went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    In,
    /// From us: the Sent mailbox.
    Out,
}

/// A mail as a source hands it over: bytes, not yet looked at.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// As it came, to the byte.
    pub raw: Vec<u8>,
    /// When the server received it (INTERNALDATE; for files the topmost Received field, else the file's time).
    pub received_at: Option<Timestamp>,
    /// Where.
    pub sighting: Sighting,
    /// Which way.
    pub direction: Direction,
}
