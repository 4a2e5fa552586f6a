//! Polls: nothing twice, nothing lost, nobody bothered.

use crate::bench::Workplace;
use crate::reporters::{Gpg, entity, head, pgp_mime, plain};
use crate::support::exim::Mode;
use std::io::{BufRead, BufReader};

#[test]
fn a_poll_under_cron_says_nothing_and_changes_nothing() {
    let place = Workplace::new(Mode::Accept);
    for n in 0..5 {
        place.arrives(
            &plain(&head("finder@example.net", &format!("report {n}"), &format!("n{n}")), &format!("text {n}\n")),
            60,
        );
    }
    let first = place.run(&["poll", "--quiet"]).left_with(0);
    assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("", ""));
    let second = place.run(&["poll"]).left_with(0);
    assert_eq!((second.stdout.as_str(), second.stderr.as_str()), ("", ""), "no terminal, nothing new");
    let commands = place.dovecot.commands();
    for word in ["STORE", "EXPUNGE", "DELETE", "COPY", "MOVE", "SELECT"] {
        assert!(!commands.iter().any(|c| c.to_uppercase().split(' ').any(|w| w == word)), "{word} in {commands:?}");
    }
    assert_eq!(place.json(&["list"], 0)["reports"].as_array().unwrap().len(), 5);
}

#[test]
fn without_a_key_everything_is_filed_and_clocked_and_opened_later() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let place = Workplace::new(Mode::Accept);
    place.configure(false);
    place.arrives(&pgp_mime(&head(gpg.address, "[...]", "o"), &gpg.sign_and_encrypt(&entity("a secret\n"))), 60);
    let polled = place.json(&["poll"], 3);
    assert_eq!((&polled["unopened"], &polled["reports_opened"]), (&1.into(), &1.into()), "{polled:#}");
    let report = place.report("");
    assert_eq!(report["encryption"], "unopened");
    assert_eq!(Workplace::clock(&report, "first_response")["status"], "running");
    // The same again: nothing new, nobody bothered a second time.
    assert_eq!(place.json(&["poll"], 0)["opened_later"], 0);
    place.configure(true);
    let later = place.json(&["poll"], 0);
    assert_eq!((&later["opened_later"], &later["seen"]), (&1.into(), &0.into()), "{later:#}");
    assert_eq!(place.report("")["encryption"], "encrypted");
    assert!(place.json(&["show", "1"], 0)["messages"][0]["text"].as_str().unwrap().contains("a secret"));
}

#[test]
fn renumbering_the_mailbox_doubles_nothing() {
    let place = Workplace::new(Mode::Accept);
    for n in 0..20 {
        place.arrives(
            &plain(&head("finder@example.net", &format!("report {n}"), &format!("p{n}")), &format!("text {n}\n")),
            60,
        );
    }
    assert_eq!(place.json(&["poll"], 0)["stored"], 20);
    place.dovecot.change_uidvalidity("INBOX");
    place.arrives(&plain(&head("finder@example.net", "one more", "p21"), "text\n"), 10);
    let polled = place.json(&["poll"], 0);
    assert_eq!(
        (&polled["seen"], &polled["known"], &polled["stored"]),
        (&21.into(), &20.into(), &1.into()),
        "{polled:#}"
    );
    assert_eq!(place.json(&["list", "--all"], 0)["reports"].as_array().unwrap().len(), 21);
}

#[test]
fn an_overlapping_poll_leaves_with_4() {
    let place = Workplace::new(Mode::Accept);
    place.json(&["poll"], 0);
    // The first run waits for its password; meanwhile it holds the ledger.
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let fifo = place.path("fifo");
    std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    let slow = config.replacen(
        &format!("password_command = [\"cat\", \"{}\"]", place.path("imap.password").display()),
        &format!("password_command = [\"sh\", \"-c\", \"echo waiting >&2; cat {}\"]", fifo.display()),
        1,
    );
    assert_ne!(slow, config);
    crate::bench::private(&place.path("slow.toml"), slow.as_bytes());
    let mut first = place.command_with("slow.toml", &["poll"]);
    let mut first = first.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(first.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "waiting\n");
    let second = place.run(&["poll"]).left_with(4);
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    // Reading goes on meanwhile.
    place.json(&["list"], 0);
    std::fs::write(&fifo, place.dovecot.password()).unwrap();
    assert!(first.wait().unwrap().success());
    place.json(&["poll"], 0);
}

#[test]
fn follow_ups_and_re_sends_go_to_their_report() {
    let place = Workplace::new(Mode::Accept);
    place.arrives(&plain(&head("finder@example.net", "first", "q1"), "a report\n"), 500);
    let follow = format!("{}In-Reply-To: <q1@example.net>\n", head("finder@example.net", "Re: first", "q2"));
    place.arrives(&plain(&follow, "more of it\n"), 400);
    place.arrives(&plain(&head("finder@example.net", "first", "q3"), "a report\n"), 300);
    let stranger = format!("{}References: <q1@example.net>\n", head("eve@example.com", "Re: first", "q4"));
    place.arrives(&plain(&stranger, "please close this\n"), 200);
    let bounce = "From: <>\nReturn-Path: <>\nTo: security@example.org\nSubject: Undelivered\nMIME-Version: 1.0\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\nContent-Type: text/plain\n\nfailed\n--r\n\
        Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n--r--\n";
    place.arrives(bounce.as_bytes(), 100);
    let polled = place.json(&["poll"], 0);
    for (what, n) in [("reports_opened", 2), ("follow_ups", 1), ("resends", 1), ("automatic", 1)] {
        assert_eq!(polled[what], n, "{what}: {polled:#}");
    }
    assert_eq!(place.json(&["show", "1"], 0)["messages"].as_array().unwrap().len(), 3);
    let stranger = place.json(&["show", "2"], 0);
    assert_eq!(stranger["reporter"]["address"], "eve@example.com");
    assert_eq!(stranger["candidates"][0]["report"], 1, "{stranger:#}");
    assert!(place.run(&["list", "--automatic"]).left_with(0).stdout.contains("Undelivered"));
}

#[test]
fn a_server_that_is_away_loses_nothing() {
    let place = Workplace::new(Mode::Accept);
    place.arrives(&plain(&head("finder@example.net", "first", "s1"), "a report\n"), 60);
    place.json(&["poll"], 0);
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let away = config.replacen(&place.dovecot.imaps_port.to_string(), "1", 1);
    crate::bench::private(&place.path("away.toml"), away.as_bytes());
    let gone = place.run_with("away.toml", &["poll"]).left_with(1);
    assert!(gone.stderr.starts_with("sealpost: cannot connect to localhost:1"), "{}", gone.stderr);
    assert_eq!(place.json(&["list"], 0)["reports"].as_array().unwrap().len(), 1);
}
