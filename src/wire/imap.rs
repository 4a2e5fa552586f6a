//! Mail from an IMAP server, which is left exactly as it was found: EXAMINE and BODY.PEEK[] only (RFC 9051
//! sections 6.3.3 and 6.4.5); the one thing ever written is a copy of our own reply in the Sent mailbox.
//!
//! A mailbox is read from where the sink's [`Position`] stands, in batches bounded by bytes; the sink makes each durable
//! together with the new position before the next is asked for. So whatever happens, the next run goes on where this
//! one stopped.

mod bodies;
mod fetch;
pub mod name;
pub mod reply;
mod session;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::session::{Fault, Session};
use super::meter::Meter;
use super::tls::Endpoint;
use super::{Auth, Direction, Limits, Position, Progress, Sink, Summary, Timeouts, WireError};

/// A mailbox account.
#[derive(Clone, Debug)]
pub struct ImapConfig {
    /// Where.
    pub server: Endpoint,
    /// Login name.
    pub user: String,
    /// Password or token.
    pub auth: Auth,
    /// The mailbox reports come to.
    pub inbox: String,
    /// The mailbox our answers are kept in; found by its `\Sent` attribute (RFC 6154) where there is none of this name.
    pub sent: String,
    /// What is taken at most.
    pub limits: Limits,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// What became of a copy for the Sent mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filed {
    /// It was put there; UIDVALIDITY and UID where the server tells (RFC 4315).
    Now(Option<(u32, u32)>),
    /// A message with this Message-ID was there before.
    Before,
}

/// An account, connected when first needed and again when the connection breaks.
pub struct Imap {
    config: ImapConfig,
    meter: Arc<Meter>,
    session: Option<Session>,
    sent: Option<String>,
}

/// What one reply of a moderate kind may weigh.
const SMALL: u64 = 256 << 10;
/// How often in a row a command may fail before the run ends.
const PATIENCE: u32 = 4;

impl Imap {
    /// Connects and logs in.
    pub fn connect(config: ImapConfig) -> Result<Imap, WireError> {
        config.server.check()?;
        let meter = Meter::start(&config.timeouts);
        let mut imap = Imap { config, meter, session: None, sent: None };
        let outcome = imap.session().map(|_| ());
        outcome.map_err(|fault| imap.error("LOGIN", fault))?;
        Ok(imap)
    }

    /// Hands everything new in `mailbox` to `sink`. With nothing new this costs one EXAMINE and writes nothing.
    ///
    /// # Errors
    ///
    /// Whatever was handed over before the error is stored; calling again goes on from there.
    pub fn fetch_new(
        &mut self,
        mailbox: &str,
        direction: Direction,
        sink: &mut dyn Sink,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, WireError> {
        fetch::Run::new(self, mailbox, direction, sink, progress).go()
    }

    /// The same for the inbox.
    pub fn fetch_inbox(
        &mut self,
        sink: &mut dyn Sink,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, WireError> {
        let inbox = self.config.inbox.clone();
        self.fetch_new(&inbox, Direction::In, sink, progress)
    }

    /// The same for the Sent mailbox; `None` where the account has none, which is worth a warning and no more.
    pub fn fetch_sent(
        &mut self,
        sink: &mut dyn Sink,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Summary>, WireError> {
        let configured = self.sent.clone().unwrap_or_else(|| self.config.sent.clone());
        match self.fetch_new(&configured, Direction::Out, sink, progress) {
            Err(WireError::NoMailbox { .. }) => match self.discover_sent()? {
                // Also where it is the configured one after all: a server may stumble.
                Some(found) => {
                    let summary = self.fetch_new(&found, Direction::Out, sink, progress)?;
                    self.sent = Some(found);
                    Ok(Some(summary))
                }
                None => Ok(None),
            },
            other => other.map(Some),
        }
    }

    /// Puts a copy of a sent mail into the Sent mailbox, marked as read and dated `at`. Doing it twice files one copy: the
    /// Message-ID is searched for first.
    pub fn append_sent(&mut self, raw: &[u8], at: Timestamp) -> Result<Filed, WireError> {
        let mailbox = self.sent_mailbox()?;
        let id = super::files::header::field(raw, "message-id").unwrap_or_default();
        let wire = name::encode(&mailbox);
        let mut failures = 0;
        loop {
            match self.try_append(&wire, id.trim(), raw, at) {
                Ok(filed) => return Ok(filed),
                Err(fault) => self.recover("APPEND", fault, &mut failures)?,
            }
        }
    }

    /// Says goodbye.
    pub fn close(mut self) {
        if let Some(session) = self.session.take() {
            session.close(&self.config);
        }
    }

    /// How sightings in `mailbox` are named: `imap://user@host/MAILBOX`.
    pub fn label(&self, mailbox: &str) -> String {
        format!("imap://{}@{}/{}", self.config.user, self.config.server.host, mailbox)
    }

    /// The name of the Sent mailbox: the configured one, else the one the server marks `\Sent`.
    pub fn sent_mailbox(&mut self) -> Result<String, WireError> {
        if let Some(found) = &self.sent {
            return Ok(found.clone());
        }
        let configured = self.config.sent.clone();
        let found = match self.examine(&configured) {
            Ok(_) => configured,
            Err(missing @ WireError::NoMailbox { .. }) => self.discover_sent()?.ok_or(missing)?,
            Err(other) => return Err(other),
        };
        self.sent = Some(found.clone());
        Ok(found)
    }

    fn try_append(&mut self, wire: &str, id: &str, raw: &[u8], at: Timestamp) -> Result<Filed, Fault> {
        self.select(wire)?;
        if !id.is_empty() {
            let query = format!("UID SEARCH HEADER Message-ID {}", name::quote(id));
            if !reply::search(&self.run(&query, SMALL)?)?.is_empty() {
                return Ok(Filed::Before);
            }
        }
        let mut session = self.session.take().ok_or_else(gone)?;
        let filed = session.append(wire, raw, at, &self.config)?;
        self.session = Some(session);
        Ok(Filed::Now(filed))
    }

    fn discover_sent(&mut self) -> Result<Option<String>, WireError> {
        let mut failures = 0;
        loop {
            match self.run("LIST \"\" \"*\"", 4 << 20).and_then(|lines| Ok(reply::list(&lines)?)) {
                Ok(all) => return Ok(all.iter().find(|m| m.is_sent).map(|m| name::decode(&m.name))),
                Err(fault) => self.recover("LIST", fault, &mut failures)?,
            }
        }
    }

    /// EXAMINE, insisting. A refusal is tried once more, for servers that stumble.
    fn examine(&mut self, mailbox: &str) -> Result<reply::Status, WireError> {
        let wire = name::encode(mailbox);
        let mut failures = 0;
        let mut refusals = 0;
        loop {
            match self.select(&wire) {
                Ok(status) => return Ok(status),
                Err(Fault::Refused { text, later: false }) if refusals > 0 => {
                    let (host, mailbox) = (self.config.server.label(), crate::safe::short(mailbox, 80));
                    return Err(WireError::NoMailbox { host, mailbox, reason: text });
                }
                Err(Fault::Refused { later: false, .. }) => refusals += 1,
                Err(fault) => self.recover("EXAMINE", fault, &mut failures)?,
            }
        }
    }

    fn select(&mut self, wire: &str) -> Result<reply::Status, Fault> {
        let status = reply::status(&self.run(&format!("EXAMINE {}", name::quote(wire)), SMALL)?);
        match status {
            Ok(status) => {
                if let Some(session) = &mut self.session {
                    session.selected = Some((wire.to_owned(), status.uidvalidity));
                }
                Ok(status)
            }
            Err(e) => {
                self.session = None;
                Err(e.into())
            }
        }
    }

    fn session(&mut self) -> Result<&mut Session, Fault> {
        if self.session.is_none() {
            let mut failures = 0;
            loop {
                match Session::open(&self.config, &self.meter) {
                    Ok(session) => {
                        self.session = Some(session);
                        break;
                    }
                    Err(Fault::Broken(_)) if failures + 2 < PATIENCE && !self.meter.is_over() => {
                        failures += 1;
                        pause(failures);
                    }
                    Err(Fault::Broken(reason)) => {
                        return Err(Fault::Fatal(WireError::Connect { host: self.config.server.label(), reason }));
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        self.session.as_mut().ok_or_else(gone)
    }

    /// One command on the present connection, or on a new one. A connection that breaks is dropped, never mended.
    fn run(&mut self, line: &str, budget: u64) -> Result<Vec<u8>, Fault> {
        self.session()?;
        let mut session = self.session.take().ok_or_else(gone)?;
        let outcome = session.run(line, budget, &self.config);
        if !matches!(outcome, Err(Fault::Broken(_) | Fault::Fatal(_))) {
            self.session = Some(session);
        }
        outcome
    }

    /// Decides after a fault whether to go on; waits a little where that helps.
    fn recover(&mut self, command: &'static str, fault: Fault, failures: &mut u32) -> Result<(), WireError> {
        *failures += 1;
        if matches!(fault, Fault::Fatal(_)) || *failures >= PATIENCE || self.meter.is_over() {
            return Err(self.error(command, fault));
        }
        if !matches!(fault, Fault::Broken(_)) {
            pause(*failures);
        }
        Ok(())
    }

    fn error(&self, command: &'static str, fault: Fault) -> WireError {
        let host = self.config.server.label();
        match fault {
            Fault::Refused { text: reason, .. } => WireError::Refused { host, command, reason },
            Fault::Broken(reason) => WireError::Broken { host, command, reason },
            Fault::Fatal(error) => error,
        }
    }
}

fn gone() -> Fault {
    Fault::Broken("the connection is closed".to_owned())
}

/// 0.2 s, 0.8 s, 3.2 s, a little more or less, so that many clients do not come back in step.
fn pause(failures: u32) {
    let base = 200u64.saturating_mul(4u64.saturating_pow(failures.saturating_sub(1))).min(8_000);
    let jitter = getrandom::u32().map_or(0, |n| u64::from(n) % (base / 4 + 1));
    std::thread::sleep(Duration::from_millis(base + jitter));
}

/// What is to be listed, judged by the sink's position and what EXAMINE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    From(u32),
    /// All of it. `again`: the UIDs mean what they meant, so that what is stored can be left out.
    Everything {
        again: bool,
    },
}

fn plan(old: Option<Position>, now: &reply::Status) -> Plan {
    let Some(old) = old else { return Plan::Everything { again: false } };
    if now.uidvalidity == 0 || old.uidvalidity != now.uidvalidity {
        return Plan::Everything { again: false };
    }
    match now.uidnext {
        // RFC 9051 section 2.3.1.1 forbids it. The numbers may have been given out anew.
        Some(next) if next < old.next_uid => Plan::Everything { again: false },
        Some(next) if next == old.next_uid && now.exists <= old.below => Plan::Nothing,
        Some(next) if next == old.next_uid => Plan::Everything { again: true },
        _ => Plan::From(old.next_uid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_follows_from_the_position() {
        let at = |uidvalidity, next_uid, below| Some(Position { uidvalidity, next_uid, below });
        let now = |uidvalidity, uidnext, exists| reply::Status { uidvalidity, uidnext, exists };
        for (old, new, expected) in [
            (None, now(1, Some(1), 0), Plan::Everything { again: false }),
            (at(1, 5, 4), now(1, Some(5), 4), Plan::Nothing),
            (at(1, 5, 4), now(1, Some(5), 2), Plan::Nothing),
            (at(1, 5, 3), now(1, Some(5), 4), Plan::Everything { again: true }),
            (at(1, 5, 4), now(1, Some(9), 8), Plan::From(5)),
            (at(1, 5, 4), now(1, None, 8), Plan::From(5)),
            (at(1, 5, 4), now(2, Some(5), 4), Plan::Everything { again: false }),
            (at(1, 5, 4), now(1, Some(4), 3), Plan::Everything { again: false }),
            (at(0, 5, 4), now(0, Some(5), 4), Plan::Everything { again: false }),
        ] {
            assert_eq!(plan(old, &new), expected, "{old:?} {new:?}");
        }
    }
}
