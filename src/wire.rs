//! Mail in and mail out: the edges that touch mail servers and mail files.
//!
//! Everything a server or a file says is a stranger's word: what is received is capped, every wait ends, an answer that
//! was not asked for is dropped, and a connection that is out of step is closed rather than mended.

mod certificate;
pub mod files;
pub mod imap;
pub mod meter;
pub mod outbox;
pub mod received;
mod shape;
mod status;
pub mod tls;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::safe;
use crate::secret::Password;

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
    /// `Some(n)` where `raw` is only the beginning of a mail over [`Limits::message`]; `n` is its whole size in bytes as
    /// far as the source tells.
    pub truncated: Option<u64>,
}

/// A mail that is there and could not be had. It is not lost: the position stays before it until the sink says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is.
    pub sighting: Sighting,
    /// Which way.
    pub direction: Direction,
    /// Why, safe to print.
    pub reason: String,
}

/// What becomes of a [`Skipped`] mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterSkip {
    /// The next poll tries again: the position does not pass it.
    TryAgain,
    /// The sink has recorded it durably; the position may pass it.
    Pass,
}

/// How far an IMAP mailbox has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// UIDVALIDITY; when it changes, UIDs mean nothing and everything is listed again.
    pub uidvalidity: u32,
    /// Every UID below this one is stored.
    pub next_uid: u32,
    /// How many messages below `next_uid` were there. When the mailbox later holds more than these and the new ones, one
    /// was hidden before, and everything is listed again.
    pub below: u32,
}

/// An error of the sink.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Who takes the mail: the ledger, through the shell.
pub trait Sink {
    /// How far `mailbox` (as in [`Sighting::mailbox`]) has been read; `None` the first time.
    fn position(&mut self, mailbox: &str) -> Option<Position>;

    /// Whether this very sighting is stored already. If so it is not read again.
    fn has(&mut self, sighting: &Sighting) -> bool;

    /// The sizes of the mails that were stored under this sighting, as far as they are known: more than one where the
    /// server used a number twice.
    fn sizes(&mut self, _sighting: &Sighting) -> Vec<u64> {
        Vec::new()
    }

    /// Whether mailboxes are to be compared with what is stored even where nothing looks new: now and then, because a
    /// server can take one message away and bring a hidden one back without any count telling.
    fn wants_all(&mut self) -> bool {
        false
    }

    /// Takes a batch and makes it durable together with `next` before returning. An empty batch only moves the position.
    /// Files have no position.
    fn batch(&mut self, mailbox: &str, mail: Vec<Fetched>, next: Option<Position>) -> Result<(), SinkError>;

    /// Takes note of a mail that could not be had.
    fn skipped(&mut self, skipped: &Skipped) -> Result<AfterSkip, SinkError>;
}

/// How far a mailbox has come, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Messages handed to the sink.
    pub done: u64,
    /// Messages the mailbox offers as new.
    pub total: u64,
    /// Bytes handed to the sink.
    pub bytes: u64,
}

/// What reading one mailbox came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// [`Sighting::mailbox`] of the mailbox.
    pub mailbox: String,
    /// Messages handed to the sink.
    pub seen: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that were listed and gone when asked for: someone else moved or deleted them.
    pub vanished: u64,
    /// Messages that are stored, that the mailbox showed before and no longer shows.
    pub gone: u64,
    /// Messages that are there and could not be had.
    pub skipped: Vec<Skipped>,
    /// Lines for a person, safe to print.
    pub warnings: Vec<String>,
}

/// What is taken from a source at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one mail; of a larger one only the beginning is taken. 40 MiB, so that 25 MiB of attachments fit in base64.
    pub message: u64,
    /// Bytes taken of a mail over that limit (more when the header is longer, up to 1 MiB). 256 KiB.
    pub beginning: u64,
    /// Bytes of a batch. 8 MiB.
    pub batch_bytes: u64,
    /// Messages in a batch. 100.
    pub batch_count: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { message: 40 << 20, beginning: 256 << 10, batch_bytes: 8 << 20, batch_count: 100 }
    }
}

/// How long anything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve and connect to one address. 15 s.
    pub connect: Duration,
    /// Without a byte either way. 60 s.
    pub idle: Duration,
    /// For one command, however busily it drips. 5 min.
    pub command: Duration,
    /// For all work on one server in one run. 15 min.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let s = Duration::from_secs;
        Timeouts { connect: s(15), idle: s(60), command: s(300), whole: s(900) }
    }
}

/// How we prove to a server who we are.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A password, by PLAIN or LOGIN.
    Password(Password),
    /// An OAuth 2 access token, by XOAUTH2.
    OAuth2(Password),
}

impl Auth {
    /// The secret, where it is one line: a command that prints more (notes below the password, say) must not be half obeyed.
    pub(crate) fn line(&self) -> Result<&str, String> {
        let (Auth::Password(secret) | Auth::OAuth2(secret)) = self;
        match secret.expose() {
            "" => Err("the password is empty".to_owned()),
            text if text.contains(['\r', '\n', '\0']) => {
                Err("the password has several lines: have password_command print the password alone".to_owned())
            }
            text => Ok(text),
        }
    }
}

/// What may be wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFlaw {
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYetValid,
    /// It is for another host.
    OtherName,
    /// It was signed by itself, or by an authority that is not trusted here.
    UnknownIssuer,
    /// Anything else.
    Other,
}

/// Why mail could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No connection.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// The handshake failed: a certificate that does not fit, or no TLS at all.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// The server's certificate is not to be relied upon.
    #[error("the certificate of {host} is not accepted: {reason}")]
    Certificate {
        /// Host and port.
        host: String,
        /// What is wrong with it, in words.
        reason: String,
        /// The same, for whoever says what to do.
        flaw: CertificateFlaw,
    },
    /// The configuration asks for something that would not be safe.
    #[error("{0}")]
    Unsafe(String),
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that is not what it should be, at a place.
    #[error("{path}: {place}: {reason}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// A line, an offset or an entry.
        place: String,
        /// Why.
        reason: String,
    },
    /// The server turned us away at the login.
    #[error("{host} refuses the login of {user}: {reason}")]
    Login {
        /// Host and port.
        host: String,
        /// The user name.
        user: String,
        /// The server's words, made safe.
        reason: String,
    },
    /// There is no such mailbox.
    #[error("{host} has no mailbox {mailbox}: {reason}")]
    NoMailbox {
        /// Host and port.
        host: String,
        /// As configured.
        mailbox: String,
        /// The server's words, made safe.
        reason: String,
    },
    /// The server answered NO or BAD.
    #[error("{host} refuses {command}: {reason}")]
    Refused {
        /// Host and port.
        host: String,
        /// The command's name.
        command: &'static str,
        /// The server's words, made safe.
        reason: String,
    },
    /// The connection broke, timed out or went out of step, and trying again did not help.
    #[error("the connection to {host} failed at {command}: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// The command's name.
        command: &'static str,
        /// Why.
        reason: String,
    },
    /// The sink could not take what was read.
    #[error("cannot store mail: {0}")]
    Sink(SinkError),
}

/// A server's own words for a message of ours: safe, one line, short, and marked as theirs.
pub(crate) fn server_says(text: &str) -> String {
    format!("server says: {}", safe::short(text.trim(), 200))
}
