//! A ledger in a folder of its own, and mails to put into it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use sealpost::case::{Role, What};
use sealpost::ledger::*;
use sealpost::message::{Address, Header};
use sealpost::report::{Candidate, CertSource, Opened, PartInfo};
use sealpost::verdict::{EncryptionStatus, Verdict};

pub const INBOX: &str = "imap://security@mail.example.org/INBOX";

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn stamp() -> Stamp<'static> {
    Stamp { who: "poll", at: time("2026-03-02T10:00:00.123456789Z") }
}

pub fn later(seconds: i64) -> Stamp<'static> {
    Stamp { who: "poll", at: stamp().at + SignedDuration::from_secs(seconds) }
}

/// A folder of mode 0700 and the ledger in it.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Home { folder }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn places(&self) -> Places {
        Places { ledger: self.file("ledger.db"), key: self.file("ledger.key") }
    }

    pub fn open(&self) -> Ledger {
        self.patiently().unwrap()
    }

    /// Why it does not open.
    pub fn refusal(&self) -> LedgerError {
        self.patiently().err().unwrap()
    }

    /// A test beside this one may start a process just now, and until that has become another program it holds a copy of
    /// every lock of ours.
    fn patiently(&self) -> Result<Ledger> {
        for _ in 0..1000 {
            match self.try_open() {
                Err(error) if error.is_in_use() => std::thread::sleep(std::time::Duration::from_millis(5)),
                other => return other,
            }
        }
        self.try_open()
    }

    pub fn try_open(&self) -> Result<Ledger> {
        Ledger::open_or_create(&self.places(), &stamp())
    }

    pub fn key(&self) -> LedgerKey {
        LedgerKey::read(&self.places().key).unwrap()
    }

    pub fn read(&self) -> Ledger {
        Ledger::open_read(&self.places().ledger, &self.key()).unwrap()
    }

    /// Another home with a copy of this one's files. Nothing may have it open.
    pub fn copy(&self) -> Home {
        let other = Home::new();
        for name in ["ledger.db", "ledger.key"] {
            fs::copy(self.file(name), other.file(name)).unwrap();
        }
        other
    }

    /// A connection that knows the key and none of our rules.
    pub fn intruder(&self) -> rusqlite::Connection {
        let conn = rusqlite::Connection::open(self.places().ledger).unwrap();
        conn.execute_batch(&format!("PRAGMA key = \"x'{}'\"", self.key().to_hex().as_str())).unwrap();
        // An intruder is in a hurry.
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        conn
    }

    /// The names of the files in the folder.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

pub fn mail(number: usize, size: usize) -> Vec<u8> {
    let mut raw = format!("From: finder{number}@example.net\r\nSubject: report {number}\r\n\r\n").into_bytes();
    while raw.len() < size {
        raw.extend_from_slice(format!("line {} of report {number}, as long as lines are\r\n", raw.len()).as_bytes());
    }
    raw
}

pub fn incoming<'a>(raw: &'a [u8], key: &'a str) -> Incoming<'a> {
    let received_at = time("2026-03-02T09:15:00Z");
    Incoming { raw, received_at, mailbox: INBOX, epoch: 7, key, direction: Direction::In }
}

pub fn opened(number: usize, text: &str) -> Opened {
    let finder = Address { address: format!("Finder{number}@example.net"), name: Some("A. Finder".into()) };
    Opened {
        header: Header {
            message_id: Some(format!("<report-{number}@example.net>")),
            from: vec![finder],
            subject: Some(format!("Heap overflow {number}")),
            references: vec!["<first@example.net>".into()],
            in_reply_to: vec!["<last@example.net>".into()],
            ..Header::default()
        },
        outer_subject: Some("...".into()),
        verdict: Verdict::plain(),
        text: text.into(),
        text_from: Some("text/plain".into()),
        parts: vec![PartInfo {
            path: "1.2".into(),
            name: Some("poc.py".into()),
            media_type: "text/x-python".into(),
            size: 8,
            sha256: "00".repeat(32),
            encrypted: false,
            signed: false,
        }],
        payload_sha256: Some(format!("{number:064x}")),
        candidates: vec![Candidate {
            source: CertSource::Autocrypt,
            address: Some(format!("finder{number}@example.net")),
            fingerprint: format!("{number:040X}"),
            cert: vec![0x99, number as u8],
        }],
        warnings: vec![],
        quarantined: None,
    }
}

pub fn unopened() -> Opened {
    let mut sealed = opened(0, "");
    sealed.verdict.encryption.status = EncryptionStatus::Unopened;
    sealed
}

pub fn event(report: Option<&str>, message: Option<&str>, what: What) -> NewEvent {
    NewEvent { report: report.map(str::to_owned), message: message.map(str::to_owned), what }
}

/// The events that open a report with a mail.
pub fn opens_report(uid: &str) -> Vec<NewEvent> {
    let (received_at, reporter) = (time("2026-03-02T09:15:00Z"), "finder@example.net".to_owned());
    vec![
        event(Some(uid), Some(uid), What::ReportOpened { received_at, reporter }),
        event(Some(uid), Some(uid), What::Filed { role: Role::Opening }),
    ]
}

/// Stores a mail, opens it and opens a report with it.
pub fn file_report(ledger: &mut Ledger, number: usize, text: &str) -> Stored {
    let stored = ledger.store(&incoming(&mail(number, 200), &number.to_string()), &stamp()).unwrap();
    let events = opens_report(&stored.uid);
    let record = Record { message: stored.id, opened: &opened(number, text), tried_with: "keys-1", events: &events };
    ledger.record(&record, &stamp()).unwrap();
    stored
}

/// Puts a reply to a report into the outbox.
pub fn queue(ledger: &mut Ledger, report: &str, message_id: &str) -> Result<i64> {
    let recipients = vec!["finder@example.net".to_owned()];
    let sender = "security@example.org";
    ledger.queue(&Letter { report, message_id, sender, recipients: &recipients, sealed: b"sealed bytes" }, &stamp())
}

pub fn sound(ledger: &Ledger) -> Audit {
    let audit = ledger.audit().unwrap();
    assert!(audit.ok, "{:#?}", audit.problems);
    audit
}
