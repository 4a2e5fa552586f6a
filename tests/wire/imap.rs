//! Mail from a real Dovecot.

use std::collections::HashSet;

use sealpost::secret::Password;
use sealpost::wire::imap::{Filed, Imap};
use sealpost::wire::tls::Tls;
use sealpost::wire::{Auth, Direction, Limits, WireError};

use super::support::dovecot::{self, Dovecot};
use super::support::fake::{Act, FakeImap, Mailbox};
use super::*;

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
            assert!(matches!(outcome, Err(WireError::Certificate { .. })), "{tls:?} {ca:?} {:?}", outcome.err());
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
