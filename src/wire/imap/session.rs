//! One logged-in connection: greeting, STARTTLS, login, commands. The `imap` crate keeps tags and literals; what it
//! cannot be trusted with (waiting, size, passwords, servers that break the grammar) stays on this side.

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::name::quote;
use super::{ImapConfig, reply};
use crate::wire::meter::{LINE, Meter};
use crate::wire::tls::{Stream, Tls};
use crate::wire::{Auth, WireError, server_says};

/// Why a command gave nothing.
#[derive(Debug)]
pub enum Fault {
    /// NO or BAD: the connection is still in step.
    Refused {
        /// The server's words, made safe.
        text: String,
        /// It says that it may work later (LIMIT, UNAVAILABLE, INUSE).
        later: bool,
    },
    /// The connection is lost or out of step.
    Broken(String),
    /// Trying again is no use.
    Fatal(WireError),
}

impl From<reply::OutOfStep> for Fault {
    fn from(_: reply::OutOfStep) -> Fault {
        Fault::Broken("the server's answer makes no sense".to_owned())
    }
}

/// A logged-in connection.
pub struct Session {
    inner: imap::Session<Stream>,
    meter: Arc<Meter>,
    /// The mailbox under EXAMINE, as on the wire, with its UIDVALIDITY.
    pub selected: Option<(String, u32)>,
    /// When the server's certificate ends.
    pub certificate_ends: Option<jiff::Timestamp>,
}

impl Session {
    /// Connects and logs in.
    pub fn open(config: &ImapConfig, meter: &Arc<Meter>) -> Result<Session, Fault> {
        let mut stream = config.server.connect(&config.timeouts, meter).map_err(|e| match e {
            WireError::Connect { reason, .. } => Fault::Broken(reason),
            other => Fault::Fatal(other),
        })?;
        meter.command(config.timeouts.command, 64 << 10);
        let capabilities = prelude(&mut stream, config)?;
        let certificate_ends = stream.certificate_ends();
        let inner = login(stream, config, meter, &capabilities)?;
        Ok(Session { inner, meter: Arc::clone(meter), selected: None, certificate_ends })
    }

    /// Runs one command and returns its untagged responses; at most `budget` bytes of them are read.
    pub fn run(&mut self, line: &str, budget: u64, config: &ImapConfig) -> Result<Vec<u8>, Fault> {
        self.meter.command(config.timeouts.command, budget);
        self.meter.line(if line.starts_with("UID SEARCH") { budget } else { LINE });
        guarded(&self.meter, || self.inner.run_command_and_read_response(line))
    }

    /// APPEND with `\Seen` and a date.
    pub fn append(
        &mut self,
        mailbox: &str,
        raw: &[u8],
        at: jiff::Timestamp,
        config: &ImapConfig,
    ) -> Result<Option<(u32, u32)>, Fault> {
        let date = chrono::DateTime::from_timestamp(at.as_second(), 0).map(|utc| utc.fixed_offset());
        // The crate puts the name between quotes as it is.
        let quoted = quote(mailbox);
        let name = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        self.meter.command(config.timeouts.command, 64 << 10);
        let appended = guarded(&self.meter, || {
            let mut command = self.inner.append(name, raw);
            command.flag(imap::types::Flag::Seen);
            if let Some(date) = date {
                command.internal_date(date);
            }
            command.finish()
        })?;
        Ok(appended.uid_validity.zip(appended.uids.as_deref().and_then(first_uid)))
    }

    /// Says goodbye; whether the server hears it does not matter.
    pub fn close(mut self, config: &ImapConfig) {
        self.meter.command(config.timeouts.connect, 4 << 10);
        let _ = guarded(&self.meter, || self.inner.logout());
    }
}

fn first_uid(uids: &[imap_proto::UidSetMember]) -> Option<u32> {
    match uids.first()? {
        imap_proto::UidSetMember::Uid(uid) => Some(*uid),
        imap_proto::UidSetMember::UidRange(range) => Some(*range.start()),
    }
}

/// Runs a call into the crate. Its parser asserts on a few hostile replies (an untagged NO in EXAMINE, odd METADATA): such a
/// panic is a broken connection like any other.
fn guarded<T>(meter: &Meter, call: impl FnOnce() -> imap::Result<T>) -> Result<T, Fault> {
    // In full, and not as the parser was allowed to see it.
    let in_full = |text: String| meter.last_status().unwrap_or(text);
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(imap::Error::No(no))) => Err(refused(&in_full(no.information))),
        Ok(Err(imap::Error::Bad(bad))) => Err(refused(&in_full(bad.information))),
        Ok(Err(imap::Error::Io(_) | imap::Error::ConnectionLost | imap::Error::Bye(_))) if meter.bye().is_some() => {
            Err(Fault::Broken(server_says(&meter.bye().unwrap_or_default())))
        }
        Ok(Err(imap::Error::Io(e))) => Err(Fault::Broken(crate::safe::short(&e.to_string(), 200))),
        Ok(Err(imap::Error::ConnectionLost)) => Err(Fault::Broken("the server closed the connection".to_owned())),
        // Not the crate's own words: its parse errors quote what was received.
        Ok(Err(_)) | Err(_) => Err(Fault::from(reply::OutOfStep)),
    }
}

fn refused(text: &str) -> Fault {
    let upper = text.to_ascii_uppercase();
    let later = ["[LIMIT]", "[UNAVAILABLE]", "[INUSE]"].iter().any(|code| upper.contains(code));
    Fault::Refused { text: server_says(text), later }
}

fn broken(e: std::io::Error) -> Fault {
    Fault::Broken(crate::safe::short(&e.to_string(), 200))
}

/// Greeting, STARTTLS where asked for, capabilities: read line by line so that not one byte that came before the
/// handshake is believed after it (RFC 9051 section 6.2.1).
fn prelude(stream: &mut Stream, config: &ImapConfig) -> Result<String, Fault> {
    let label = config.server.label();
    let greeting = stream.line(8 << 10).map_err(broken)?;
    let upper = greeting.to_ascii_uppercase();
    if upper.starts_with("* PREAUTH") {
        // A meddler uses it to skip STARTTLS; and nobody else logs us in unasked.
        let reason = "the server claims that we are logged in already (PREAUTH)".to_owned();
        return Err(Fault::Fatal(WireError::Tls { host: label, reason }));
    }
    if upper.starts_with("* BYE") {
        return Err(Fault::Broken(server_says(greeting.get(5..).unwrap_or_default())));
    }
    if !upper.starts_with("* OK") {
        return Err(Fault::Fatal(WireError::Connect { host: label, reason: "this is not an IMAP server".to_owned() }));
    }
    if config.server.tls == Tls::StartTls {
        if let Err(Fault::Refused { text, .. }) = say(stream, "s1", "STARTTLS") {
            let reason = format!("the server offers no STARTTLS; {text}");
            return Err(Fault::Fatal(WireError::Tls { host: label, reason }));
        }
        stream.secure(&config.server).map_err(Fault::Fatal)?;
    } else if let Some((_, list)) = upper.split_once("[CAPABILITY ") {
        return Ok(list.split(']').next().unwrap_or_default().to_owned());
    }
    say(stream, "s2", "CAPABILITY").map(|lines| lines.to_ascii_uppercase())
}

fn say(stream: &mut Stream, tag: &str, command: &str) -> Result<String, Fault> {
    stream.write_all(format!("{tag} {command}\r\n").as_bytes()).and_then(|()| stream.flush()).map_err(broken)?;
    let mut lines = String::new();
    for _ in 0..100 {
        let line = stream.line(8 << 10).map_err(broken)?;
        if let Some(answer) = line.strip_prefix(tag).and_then(|l| l.strip_prefix(' ')) {
            return match answer.get(..2) {
                Some(ok) if ok.eq_ignore_ascii_case("OK") => Ok(lines),
                _ => Err(refused(answer)),
            };
        }
        lines.push_str(&line);
        lines.push(' ');
    }
    Err(Fault::Broken("the server does not stop talking".to_owned()))
}

/// What the crate believes to be the secret; [`Meter::hide`] writes the real one in its place.
const STAND_IN: &str = "sealpost puts the secret here!";
/// The same in base64.
const STAND_IN_BASE64: &str = "c2VhbHBvc3QgcHV0cyB0aGUgc2VjcmV0IGhlcmUh";

struct Sasl {
    told: Cell<bool>,
}

impl imap::Authenticator for Sasl {
    type Response = &'static str;

    fn process(&self, _: &[u8]) -> &'static str {
        // A second challenge is XOAUTH2's way to say no; it wants an empty answer.
        if self.told.replace(true) { "" } else { STAND_IN }
    }
}

fn login(
    stream: Stream,
    config: &ImapConfig,
    meter: &Arc<Meter>,
    capabilities: &str,
) -> Result<imap::Session<Stream>, Fault> {
    let has = |name: &str| capabilities.split_whitespace().any(|c| c == name);
    let failed = |reason: &str| {
        let (host, user) = (config.server.label(), crate::safe::short(&config.user, 80));
        Fault::Fatal(WireError::Login { host, user, reason: reason.to_owned() })
    };
    let text = config.auth.line().map_err(|e| failed(&e))?;
    let secret = Zeroizing::new(match &config.auth {
        Auth::Password(_) => format!("\0{}\0{text}", config.user),
        Auth::OAuth2(_) => format!("user={}\x01auth=Bearer {text}\x01\x01", config.user),
    });
    meter.for_a_parser();
    let client = imap::Client::new(stream);
    let sasl = Sasl { told: Cell::new(false) };
    let hidden = || Zeroizing::new(data_encoding::BASE64.encode(secret.as_bytes()).into_bytes());
    let outcome = match &config.auth {
        Auth::OAuth2(_) => {
            meter.hide(STAND_IN_BASE64, hidden());
            guarded(meter, || client.authenticate("XOAUTH2", &sasl).map_err(|(e, _)| e))
        }
        Auth::Password(_) if has("AUTH=PLAIN") => {
            meter.hide(STAND_IN_BASE64, hidden());
            guarded(meter, || client.authenticate("PLAIN", &sasl).map_err(|(e, _)| e))
        }
        Auth::Password(_) if has("LOGINDISABLED") => return Err(failed("the server allows no password here")),
        Auth::Password(_) => {
            let quoted = Zeroizing::new(quote(text));
            let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            meter.hide(STAND_IN, Zeroizing::new(inside.as_bytes().to_vec()));
            guarded(meter, || client.login(&config.user, STAND_IN).map_err(|(e, _)| e))
        }
    };
    outcome.map_err(|fault| match fault {
        Fault::Refused { text, later: false } => failed(&text),
        other => other,
    })
}
