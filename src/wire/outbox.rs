//! Sends a finished mail, once, and says which of three things happened: it went out, it did not, or nobody can tell.
//!
//! The third exists because a server may take the mail and die before it says so (RFC 5321 section 6.1): sending again
//! would be sending twice, so a person decides.

mod command;
mod smtp;

use std::time::Duration;

use super::tls::Endpoint;
use super::{Auth, Timeouts, WireError};
use crate::pgp::Sealed;

/// A mail as it goes over the wire.
#[derive(Clone, Debug)]
struct OutgoingBytes {
    /// Header and body, exactly as sent and as filed in Sent.
    bytes: Vec<u8>,
    /// MAIL FROM: an address without angle brackets.
    envelope_from: String,
    /// RCPT TO: one or more.
    envelope_to: Vec<String>,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The server has taken responsibility; its words, made safe.
    Sent {
        /// For the history.
        reply: String,
    },
    /// Nothing went out, for sure.
    NotSent {
        /// Why, safe to print.
        reason: String,
        /// What may be expected of another try.
        hope: Hope,
    },
    /// All of it was handed over and no answer came: it may have gone out. Never to be repeated without a person.
    Unknown {
        /// Why, safe to print.
        reason: String,
    },
}

/// What may be expected of another try with a mail that did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// Nobody's mail would go out now: the server is not there, is not who it should be, lets nobody in, breaks off.
    Later,
    /// The server does not take this mail now (a 4xx answer to it); it may take another.
    ThisLater,
    /// The server does not take this mail (a 5xx answer to it), or it is not fit to be sent: trying again is no use.
    Never,
    /// A program failed and does not say what it was: a person looks before anything is tried again.
    Unclear,
}

impl Delivery {
    fn later(reason: impl Into<String>) -> Delivery {
        Delivery::NotSent { reason: reason.into(), hope: Hope::Later }
    }

    fn never(reason: impl Into<String>) -> Delivery {
        Delivery::NotSent { reason: reason.into(), hope: Hope::Never }
    }
}

/// The way out.
#[derive(Clone, Debug)]
pub enum Mailer {
    /// A mail server.
    Smtp(SmtpConfig),
    /// A program that takes the mail on standard input.
    Sendmail(SendmailConfig),
}

/// A mail server to submit to (RFC 6409).
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// Where.
    pub server: Endpoint,
    /// User name and secret; `None` for servers that ask for none.
    pub login: Option<(String, Auth)>,
    /// What we call ourselves in EHLO: our address's domain or an address literal, never this machine's name.
    pub hello: String,
    /// How long it may take; `idle` bounds every single wait.
    pub timeouts: Timeouts,
    /// How long the answer to the final dot may take (RFC 5321 section 4.5.3.2.6).
    pub after_dot: Duration,
}

impl SmtpConfig {
    /// The usual patience: 5 minutes a command, 10 after the final dot.
    pub fn new(server: Endpoint, login: Option<(String, Auth)>, address: &str) -> SmtpConfig {
        let ten_minutes = Duration::from_secs(600);
        let timeouts = Timeouts { idle: ten_minutes, whole: 3 * ten_minutes, ..Timeouts::default() };
        SmtpConfig { server, login, hello: hello(address), timeouts, after_dot: ten_minutes }
    }

    /// With less patience: no wait, that for the answer to the final dot included, is longer than `silence`.
    pub fn silence(mut self, silence: Option<Duration>) -> SmtpConfig {
        if let Some(silence) = silence {
            let usual = self.timeouts;
            self.timeouts = Timeouts {
                connect: usual.connect.min(silence),
                idle: silence,
                command: usual.command.min(silence),
                whole: silence * 3,
            };
            self.after_dot = silence;
        }
        self
    }
}

/// A `sendmail`-like program.
#[derive(Clone, Debug)]
pub struct SendmailConfig {
    /// Program and arguments. With `-t` among them it reads the recipients from the header; otherwise they follow after
    /// `--`.
    pub command: Vec<String>,
    /// How long it may take. 10 minutes is usual.
    pub timeout: Duration,
}

impl Mailer {
    /// Sends. Never panics, never waits for ever, never sends in the clear to another machine.
    pub fn send(&self, mail: &Sealed) -> Delivery {
        self.hand_over(&OutgoingBytes {
            bytes: mail.bytes().to_vec(),
            envelope_from: mail.envelope_from().to_owned(),
            envelope_to: mail.envelope_to().to_vec(),
        })
    }

    fn hand_over(&self, mail: &OutgoingBytes) -> Delivery {
        if let Err(flaw) = check(mail) {
            return Delivery::never(format!("the mail is not fit to be sent: {flaw}"));
        }
        match self {
            Mailer::Smtp(config) => smtp::send(config, mail),
            Mailer::Sendmail(config) => command::send(config, mail),
        }
    }

    /// Connects, logs in and leaves, without a mail: for a check of the configuration. Gives when the server's certificate
    /// ends, where there is one.
    pub fn probe(&self) -> Result<Option<jiff::Timestamp>, WireError> {
        match self {
            Mailer::Smtp(config) => smtp::probe(config),
            Mailer::Sendmail(config) => command::probe(config).map(|()| None),
        }
    }
}

/// Why bytes may not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// CR or LF alone: servers disagree on what it means, which is how mails are smuggled.
    #[error("line {0} does not end in CRLF")]
    BareLineEnd(usize),
    /// RFC 5322 section 2.1.1.
    #[error("line {0} is longer than 998 bytes")]
    LongLine(usize),
    /// NUL.
    #[error("line {0} holds a NUL")]
    Nul(usize),
    /// A byte over 127: signed text would be changed on its way (RFC 3156 section 3).
    #[error("line {0} is not 7-bit")]
    EightBit(usize),
    /// Not one line.
    #[error("it is empty or has no header")]
    Empty,
    /// An envelope address that is none.
    #[error("an envelope address is not valid")]
    Address,
}

/// The rules for outgoing bytes: CRLF only, lines of at most 998 bytes, 7-bit, no NUL; a header; an envelope of real
/// addresses.
fn check(mail: &OutgoingBytes) -> Result<(), Flaw> {
    check_bytes(&mail.bytes)?;
    let is_address = |a: &str| a.is_ascii() && !a.starts_with('-') && a.parse::<lettre::Address>().is_ok();
    let is_known = is_address(&mail.envelope_from) && mail.envelope_to.iter().all(|to| is_address(to));
    if is_known && !mail.envelope_to.is_empty() { Ok(()) } else { Err(Flaw::Address) }
}

fn check_bytes(bytes: &[u8]) -> Result<(), Flaw> {
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|b| *b == b'\n').ok_or(Flaw::BareLineEnd(number))?;
        let (line, next) = rest.split_at(end + 1);
        let text = line.strip_suffix(b"\r\n").ok_or(Flaw::BareLineEnd(number))?;
        if number == 1 && !text.contains(&b':') {
            return Err(Flaw::Empty);
        }
        if text.contains(&b'\r') {
            return Err(Flaw::BareLineEnd(number));
        }
        if text.contains(&0) {
            return Err(Flaw::Nul(number));
        }
        if !text.is_ascii() {
            return Err(Flaw::EightBit(number));
        }
        if text.len() > 998 {
            return Err(Flaw::LongLine(number));
        }
        rest = next;
    }
    if number == 0 { Err(Flaw::Empty) } else { Ok(()) }
}

/// The domain of our address, where it is one; else an address literal that names nobody.
fn hello(address: &str) -> String {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_label = |l: &str| {
        !l.is_empty()
            && l.len() < 64
            && !l.starts_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if domain.len() < 254 && domain.contains('.') && domain.split('.').all(is_label) {
        domain.to_ascii_lowercase()
    } else {
        "[127.0.0.1]".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mail(bytes: &[u8]) -> OutgoingBytes {
        let address = "finder@example.net".to_owned();
        OutgoingBytes {
            bytes: bytes.to_vec(),
            envelope_from: "security@example.org".into(),
            envelope_to: vec![address],
        }
    }

    #[test]
    fn only_plain_lines_go_out() {
        assert_eq!(check(&mail(b"A: b\r\n\r\n.\r\n")), Ok(()));
        let long = [b"A: b\r\n\r\n".as_slice(), &[b'x'; 999], b"\r\n"].concat();
        for (bytes, flaw) in [
            (&b"A: b\n\r\n"[..], Flaw::BareLineEnd(1)),
            (b"A: b\r\n\r\nx\ry\r\n", Flaw::BareLineEnd(3)),
            (b"A: b\r\n\r\nx", Flaw::BareLineEnd(3)),
            (b"A: b\r\n\r\n\n.\n", Flaw::BareLineEnd(3)),
            (b"A: b\r\n\r\r\n", Flaw::BareLineEnd(2)),
            (b"A: b\r\n\r\n\0\r\n", Flaw::Nul(3)),
            ("A: b\r\n\r\nä\r\n".as_bytes(), Flaw::EightBit(3)),
            (&long, Flaw::LongLine(3)),
            (b"", Flaw::Empty),
            (b"\r\n", Flaw::Empty),
        ] {
            assert_eq!(check(&mail(bytes)), Err(flaw), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_envelope_holds_addresses_only() {
        for to in ["", "a@b.example\r\nRCPT TO:<c@d.example>", "a", "<a@b.example>", "-t@b.example", "ü@b.example"] {
            let bad = OutgoingBytes { envelope_to: vec![to.into()], ..mail(b"A: b\r\n") };
            assert_eq!(check(&bad), Err(Flaw::Address), "{to:?}");
        }
        assert_eq!(check(&OutgoingBytes { envelope_to: vec![], ..mail(b"A: b\r\n") }), Err(Flaw::Address));
    }

    #[test]
    fn hello_names_no_machine() {
        assert_eq!(hello("security@Example.org"), "example.org");
        for odd in ["security", "security@localhost", "a@b..c", "a@[192.0.2.1]", "a@x y.example", ""] {
            assert_eq!(hello(odd), "[127.0.0.1]", "{odd}");
        }
    }

    proptest! {
        /// Whatever passes the check comes out of a strict reader of the wire as it went in.
        #[test]
        fn stuffing_is_undone_by_a_strict_reader(lines in prop::collection::vec("[.a\r\n]{0,6}", 0..8), end in prop::bool::ANY) {
            let mut bytes = b"A: b\r\n\r\n".to_vec();
            bytes.extend(lines.join(if end { "\r\n" } else { "\n" }).bytes());
            bytes.extend(b"\r\n");
            if check_bytes(&bytes).is_ok() {
                let wire = [smtp::stuffed(&bytes), b".\r\n".to_vec()].concat();
                let at = wire.windows(5).position(|w| w == b"\r\n.\r\n").unwrap();
                prop_assert_eq!(at + 5, wire.len(), "the dot ends the mail and nothing else does");
                let read: Vec<u8> = wire[..at + 2].split_inclusive(|b| *b == b'\n')
                    .flat_map(|line| line.strip_prefix(b".").unwrap_or(line).to_vec()).collect();
                prop_assert_eq!(read, bytes);
            }
        }
    }
}
