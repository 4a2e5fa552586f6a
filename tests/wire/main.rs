//! Mail in and mail out, against real servers and against bad ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod hostile;
mod imap;
mod outbox;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sealpost::secret::Password;
use sealpost::wire::imap::{Imap, ImapConfig};
use sealpost::wire::tls::{Endpoint, Tls};
use sealpost::wire::{
    AfterSkip, Auth, Fetched, Limits, Position, Sighting, Sink, SinkError, Skipped, Summary, Timeouts, WireError,
};
use support::dovecot::{self, Dovecot};

/// A sink in memory that checks what every sink may rely on.
#[derive(Default)]
struct Store {
    mail: Vec<Fetched>,
    positions: HashMap<String, Position>,
    known: HashSet<Sighting>,
    batches: Vec<(usize, u64)>,
    skipped: Vec<Skipped>,
    pass: bool,
}

impl Sink for Store {
    fn position(&mut self, mailbox: &str) -> Option<Position> {
        self.positions.get(mailbox).copied()
    }

    fn has(&mut self, sighting: &Sighting) -> bool {
        self.known.contains(sighting)
    }

    fn batch(&mut self, mailbox: &str, mail: Vec<Fetched>, next: Option<Position>) -> Result<(), SinkError> {
        assert!(!mail.is_empty() || next.is_some(), "a batch with nothing in it");
        self.batches.push((mail.len(), mail.iter().map(|m| m.raw.len() as u64).sum()));
        for one in mail {
            assert_eq!(one.sighting.mailbox, mailbox);
            self.known.insert(one.sighting.clone());
            self.mail.push(one);
        }
        if let Some(next) = next {
            self.positions.insert(mailbox.to_owned(), next);
        }
        Ok(())
    }

    fn skipped(&mut self, skipped: &Skipped) -> Result<AfterSkip, SinkError> {
        self.skipped.push(skipped.clone());
        Ok(if self.pass { AfterSkip::Pass } else { AfterSkip::TryAgain })
    }
}

fn quick() -> Timeouts {
    let s = Duration::from_secs;
    Timeouts { connect: s(5), idle: s(20), command: s(60), whole: s(120) }
}

fn account(host: &str, port: u16, tls: Tls, ca_file: Option<PathBuf>) -> ImapConfig {
    ImapConfig {
        server: Endpoint { host: host.into(), port, tls, ca_file },
        user: dovecot::USER.into(),
        auth: Auth::Password(Password::new(dovecot::PASSWORD.into())),
        inbox: "INBOX".into(),
        sent: "Sent".into(),
        limits: Limits::default(),
        timeouts: quick(),
    }
}

fn real(server: &Dovecot) -> ImapConfig {
    account("localhost", server.imaps_port, Tls::Implicit, Some(server.ca_file()))
}

fn plain(port: u16) -> ImapConfig {
    ImapConfig {
        timeouts: Timeouts { idle: Duration::from_secs(3), ..quick() },
        ..account("127.0.0.1", port, Tls::None, None)
    }
}

fn poll(imap: &mut Imap, store: &mut Store) -> Result<Summary, WireError> {
    imap.fetch_inbox(store, &mut |_| ())
}

fn poll_fresh(config: &ImapConfig, store: &mut Store) -> Result<Summary, WireError> {
    let mut imap = Imap::connect(config.clone())?;
    let summary = poll(&mut imap, store);
    imap.close();
    summary
}

fn report(number: u32) -> Vec<u8> {
    format!(
        "From: finder{number}@example.net\r\nTo: security@example.org\r\nSubject: report {number}\r\n\
         Message-ID: <{number}@example.net>\r\n\r\nA heap overflow, number {number}.\r\n.\r\n* 1 FETCH (UID 9)\r\n"
    )
    .into_bytes()
}

fn date(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
}

fn error_of<T>(outcome: Result<T, WireError>) -> String {
    match outcome {
        Ok(_) => panic!("this must fail"),
        Err(error) => error.to_string(),
    }
}
