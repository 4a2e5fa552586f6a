//! What is disturbed: each job with the state it begins from, how it is finished afterwards, and what must hold then.

use std::collections::BTreeMap;
use std::fs;

use sealpost::ledger::{OutboxItem, OutboxState};
use sealpost::pgp::{certs, keyring::Keyring};
use serde_json::Value;

use crate::bench::{Bench, Ran, State, project};
use crate::servers::Mood;
use crate::support::fault::{Call, Fault, count};

/// The jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// The first poll of all: the ledger is born, a mailbox of forty mails is read over IMAP.
    Poll,
    /// The same from Maildir.
    Maildir,
    /// The same from an mbox file.
    Import,
    /// One answer, sent over SMTP and copied to Sent.
    Reply,
    /// The same, handed to a program.
    Sendmail,
    /// Two answers that wait, sent by a poll.
    Outbox,
    /// Two answers that wait, both put off by the server when a poll first tries.
    Later,
    /// Two answers that wait, one of them put off before: that one goes out, the other is put off.
    Again,
}

/// A job on a bench of its own, ready to be done again and again.
pub struct Ready {
    pub job: Job,
    pub bench: Bench,
    begin: State,
    /// The reports when nothing was answered, and when all was.
    before: Value,
    after: Value,
}

/// How a disturbed job ended, for the figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Replies that were sent, once.
    pub sent: usize,
    /// Replies that wait for a person.
    pub unknown: usize,
}

const ANSWER: [&str; 2] = ["--message-file", "answer.txt"];

impl Job {
    pub const ALL: [Job; 8] =
        [Job::Poll, Job::Maildir, Job::Import, Job::Reply, Job::Sendmail, Job::Outbox, Job::Later, Job::Again];

    pub fn name(self) -> &'static str {
        match self {
            Job::Poll => "poll",
            Job::Maildir => "maildir",
            Job::Import => "import",
            Job::Reply => "reply",
            Job::Sendmail => "sendmail",
            Job::Outbox => "outbox",
            Job::Later => "outbox put off",
            Job::Again => "outbox tried again",
        }
    }

    /// The command that is disturbed.
    pub fn args(self) -> Vec<&'static str> {
        match self {
            Job::Poll | Job::Outbox | Job::Later | Job::Again => vec!["poll"],
            Job::Maildir => vec!["--config", "maildir.toml", "poll"],
            Job::Import => vec!["import", "mails.mbox"],
            Job::Reply => [&["reply", "1"][..], &ANSWER].concat(),
            Job::Sendmail => [&["--config", "sendmail.toml", "reply", "1"][..], &ANSWER].concat(),
        }
    }

    /// The command that goes on afterwards, as cron would.
    fn again(self) -> Vec<&'static str> {
        match self {
            Job::Reply => vec!["poll"],
            Job::Sendmail => vec!["--config", "sendmail.toml", "poll"],
            other => other.args(),
        }
    }

    fn answers(self) -> bool {
        matches!(self, Job::Reply | Job::Sendmail) || self.sends_two()
    }

    /// A poll that finds two answers in the outbox.
    fn sends_two(self) -> bool {
        matches!(self, Job::Outbox | Job::Later | Job::Again)
    }
}

impl Ready {
    pub fn new(job: Job) -> Ready {
        let bench = Bench::new();
        let mails = mails();
        {
            let mut mail = bench.servers.mail();
            for raw in &mails {
                mail.inbox.add(raw.clone());
            }
            mail.sent.add(own_answer());
        }
        match job {
            Job::Import => bench.write("mails.mbox", &mbox(&mails)),
            Job::Maildir => {
                for folder in ["inbox", "sent"].iter().flat_map(|f| ["cur", "new", "tmp"].map(|s| format!("{f}/{s}/x")))
                {
                    bench.write(&folder, b"");
                    fs::remove_file(bench.path(&folder)).unwrap();
                }
                for (number, raw) in mails.iter().enumerate() {
                    bench.write(&format!("inbox/new/{}.{number}.host", 1_772_442_000 + number * 60), raw);
                }
                bench.write("sent/cur/1772450000.1.host:2,S", &own_answer());
            }
            _ => {}
        }
        if job.answers() {
            bench.well(&["poll"]);
            let finder = Keyring::load(&[project("keys/finder.pgp")], &[]).unwrap();
            let fingerprint = certs::fingerprint(&finder.own()[0]);
            bench.well(&["key", "pin", "finder@example.net", &fingerprint]);
        }
        let before = if job.answers() { bench.reports() } else { Value::Null };
        if job.sends_two() {
            let queue = |report| bench.well(&[&["reply", report, "--later"][..], &ANSWER].concat());
            queue("1");
            if job == Job::Again {
                bench.servers.mail().moods = [Mood::PutsOffAfterDot].into();
                assert_eq!(bench.well(&["poll"])["outbox"]["delayed"], 1);
            }
            queue("2");
        }
        bench.servers.mail().moods = match job {
            Job::Later => [Mood::PutsOffAfterDot, Mood::PutsOff].into(),
            Job::Again => [Mood::Well, Mood::PutsOff].into(),
            _ => [].into(),
        };
        let begin = bench.state();
        let mut ready = Ready { job, bench, begin, before, after: Value::Null };
        ready.bench.well(&ready.job.args());
        ready.go_on();
        ready.after = ready.bench.reports();
        assert_ne!(ready.before, ready.after);
        if job.answers() {
            let outcome = ready.letters(&ready.bench.ledger().outbox().unwrap(), true);
            assert!(outcome.sent > 0 && outcome.unknown == 0, "{outcome:?}");
        }
        ready.holds_all();
        ready
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        self.bench.set(&self.begin);
    }

    /// Every call of the undisturbed job.
    pub fn calls(&self, classes: &str) -> Vec<Call> {
        self.reset();
        let calls = count(&mut self.bench.command(&self.job.args()), self.bench.path("").as_path(), classes);
        self.bench.servers.settle();
        calls
    }

    /// From the beginning, with a fault.
    pub fn disturb(&self, fault: &Fault<'_>) -> Ran {
        self.reset();
        self.bench.disturbed(&self.job.args(), fault)
    }

    /// What must hold right after a run that ended by itself, before anything is mended: nothing it told is false.
    pub fn is_true(&self, ran: &Ran) {
        if !ran.done() {
            let words = ran.words();
            assert!(words.len() > 20, "an error without words: {ran:?}");
            let advised = ran.json()["error"]["hints"].as_array().is_some_and(|hints| !hints.is_empty());
            assert!(advised || ran.json()["error"]["kind"] != "ledger", "an error without advice: {ran:?}");
            for bad in ["database is locked", "panicked"] {
                assert!(!words.contains(bad) && !ran.stderr.contains(bad), "{ran:?}");
            }
            if self.job.answers() && self.bench.path("data/ledger.db").exists() && !self.job.sends_two() {
                // Whoever wrote a reply must not be told that it was not kept when it was.
                let kept = self.bench.ledger().outbox().unwrap().len();
                let told = ["reply 1 ", "may or may not be stored"].iter().any(|words_| words.contains(words_));
                assert!(kept == 0 || told, "a reply is in the outbox, and nobody was told: {words}");
            }
            return;
        }
        match self.job {
            Job::Poll | Job::Maildir | Job::Import => {
                self.holds_all();
                same("it was told that all is done", &self.bench.reports(), &self.after);
            }
            Job::Reply | Job::Sendmail => assert_eq!(ran.json()["state"], "sent", "{ran:?}"),
            Job::Outbox | Job::Later | Job::Again => {
                let told = &ran.json()["outbox"];
                let stuck = told["delayed"] != 0 || told["undecided"] != 0;
                assert!(stuck || told["waiting"] == 0, "{ran:?}");
                assert_eq!(ran.status == Some(3), stuck, "{ran:?}");
            }
        }
    }

    /// The machine is well again: the job is done to its end, and everything is as if nothing had happened, but for replies
    /// of which nobody can know.
    pub fn mend(&self) -> Outcome {
        self.handed_over();
        self.bench.servers.mail().moods.clear();
        self.go_on();
        if !self.job.answers() {
            same("the reports and their clocks", &self.bench.reports(), &self.after);
            self.holds_all();
            return Outcome::default();
        }
        let items = self.bench.ledger().outbox().unwrap();
        let outcome = self.letters(&items, false);
        if items.is_empty() {
            // It never got as far as the outbox: whoever wrote it was not told that it did, and sends it again.
            same("no answer was given", &self.bench.reports(), &self.before);
            self.bench.well(&self.job.args());
            self.go_on();
            self.letters(&self.bench.ledger().outbox().unwrap(), true);
        }
        let reports = self.bench.reports();
        match outcome.unknown {
            0 => same("the clocks after the answer", &reports, &self.after),
            _ if items.len() == outcome.unknown => same("an unknown answer meets no clock", &reports, &self.before),
            _ => {}
        }
        self.holds_all();
        // And a poll more changes nothing.
        self.bench.well(&self.job.again());
        same("a poll more", &self.bench.reports(), &reports);
        outcome
    }

    /// The next two polls: what the first copies to Sent, the second reads there.
    fn go_on(&self) {
        self.bench.well(&self.job.again());
        if self.job.answers() {
            self.bench.well(&self.job.again());
        }
    }

    fn holds_all(&self) {
        match self.job {
            Job::Maildir => self.bench.holds(&[mails(), vec![own_answer()]].concat()),
            Job::Import => self.bench.holds(&mails()),
            _ => self.bench.holds(&self.bench.mails()),
        }
    }

    /// Right after the disturbed run: what the server has is never a reply that still waits.
    fn handed_over(&self) {
        if !self.job.answers() {
            return;
        }
        let dots = self.dots();
        for item in self.bench.ledger().outbox().unwrap() {
            let taken = dots.get(&item.message_id).map_or(0, Vec::len);
            let may_be_out = matches!(item.state, OutboxState::Sending | OutboxState::Sent | OutboxState::Unknown);
            assert!(taken == 0 || may_be_out, "reply {} is out and says {}", item.number, item.state.name());
            assert!(taken == 1 || item.state != OutboxState::Sent, "reply {} is not out and says sent", item.number);
        }
    }

    /// Each reply is out at most once, as the bytes that were queued; those that say sent are, with one copy in Sent; the
    /// others wait for a person.
    fn letters(&self, items: &[OutboxItem], all_sent: bool) -> Outcome {
        let dots = self.dots();
        let mut outcome = Outcome::default();
        for item in items {
            let taken = dots.get(&item.message_id).map(Vec::as_slice).unwrap_or_default();
            let sealed = self.bench.ledger().sealed(item.number).unwrap();
            assert!(taken.len() <= 1, "reply {} went out {} times", item.number, taken.len());
            assert!(taken.iter().all(|bytes| same_mail(bytes, &sealed)), "other bytes went out");
            let copies = self.bench.servers.mail().sent.messages.values().filter(|raw| same_mail(raw, &sealed)).count();
            match item.state {
                OutboxState::Sent => {
                    assert_eq!((taken.len(), copies, item.copied), (1, 1, true), "reply {}", item.number);
                    outcome.sent += 1;
                }
                // A program that fails does not say why; a server does.
                OutboxState::Unknown if !all_sent => {
                    assert_eq!(copies, 0);
                    outcome.unknown += 1;
                }
                OutboxState::Failed if !all_sent && self.job == Job::Sendmail => outcome.unknown += 1,
                other => panic!("reply {} is {}", item.number, other.name()),
            }
        }
        assert!(dots.len() <= items.len(), "a mail went out that is in no outbox");
        outcome
    }

    /// What the server took, by Message-ID.
    fn dots(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut taken = self.bench.servers.mail().dots.clone();
        if self.job == Job::Sendmail {
            let text = fs::read_to_string(self.bench.path("taken.txt")).unwrap_or_default();
            taken.extend(text.split("\n=====\n").filter(|mail| !mail.is_empty()).map(|mail| mail.as_bytes().to_vec()));
        }
        let mut found: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for raw in taken {
            let text = String::from_utf8_lossy(&raw);
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().trim().to_owned();
            found.entry(id).or_default().push(raw);
        }
        found
    }
}

/// Fails with what differs, and no more.
fn same(matter: &str, is: &Value, should: &Value) {
    let empty = Vec::new();
    let (is, should) = (is.as_array().unwrap_or(&empty), should.as_array().unwrap_or(&empty));
    assert_eq!(is.len(), should.len(), "{matter}: the number of reports");
    for (one, other) in is.iter().zip(should).filter(|(one, other)| one != other) {
        for (field, value) in one.as_object().unwrap() {
            assert_eq!(value, &other[field], "{matter}: {field} of {}", one["subject"]);
        }
    }
}

/// Whatever the line ends are, and the last one.
fn same_mail(one: &[u8], other: &[u8]) -> bool {
    let plain = |raw: &[u8]| String::from_utf8_lossy(raw).replace('\r', "").trim_end().to_owned();
    plain(one) == plain(other)
}

/// Forty mails: two that are answered, and what else there is in `fixtures/mail`, of every kind.
pub fn mails() -> Vec<Vec<u8>> {
    let report = |name: &str| {
        format!(
            "From: finder@example.net\r\nTo: security@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.net>\r\n\
             Date: Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\nA heap overflow: {name}.\r\n"
        )
        .into_bytes()
    };
    let mut found = vec![report("first"), report("second")];
    let mut paths: Vec<_> = fs::read_dir(project("fixtures/mail")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "eml") && path.metadata().unwrap().len() < 20_000);
    paths.sort();
    found.extend(paths.iter().step_by(2).take(38).map(|path| fs::read(path).unwrap()));
    assert_eq!(found.len(), 40);
    // As an mbox file gives them back.
    found.into_iter().map(|raw| [raw.trim_ascii_end(), b"\n"].concat()).collect()
}

/// What somebody answered in another mail program.
fn own_answer() -> Vec<u8> {
    b"From: security@example.org\r\nTo: finder@example.net\r\nSubject: Re: other\r\nMessage-ID: <o@example.org>\r\n\
      Date: Mon, 02 Mar 2026 20:00:00 +0000\r\n\r\nThank you.\r\n"
        .to_vec()
}

fn mbox(mails: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for raw in mails {
        all.extend_from_slice(b"From x Mon Mar  2 09:00:00 2026\n");
        for line in raw.split_inclusive(|b| *b == b'\n') {
            let quoted = line.iter().position(|b| *b != b'>').is_some_and(|at| line[at..].starts_with(b"From "));
            all.extend_from_slice(if quoted { b">" } else { b"" });
            all.extend_from_slice(line);
        }
        all.extend_from_slice(if raw.ends_with(b"\n") { b"\n" } else { b"\n\n" });
    }
    all
}
