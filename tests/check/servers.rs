//! The servers and the Junk mailbox, on a real Dovecot and a real Exim.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::bench::{Workplace, private};
use crate::desk::{Checked, checked};
use crate::support::dovecot::{Dovecot, Options};
use crate::support::exim::{Exim, Mode};

fn place(options: Options) -> Workplace {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let place = Workplace { dir, dovecot: Dovecot::start_with(options), exim: Exim::start(Mode::Accept) };
    place.configure(true);
    private(&place.path("policy.toml"), b"first_response = \"2 working days\"\n");
    place
}

fn check(place: &Workplace, args: &[&str]) -> Checked {
    checked(place.command_with("config.toml", &[&["--json"], args, &["check"]].concat()))
}

fn reconfigure(place: &Workplace, from: &str, to: &str) {
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    assert!(config.contains(from), "{config}");
    private(&place.path("config.toml"), config.replacen(from, to, 1).as_bytes());
}

fn junk(place: &Workplace, mailbox: &str, head: &str, body: &str) {
    let mail = format!("{head}\nMessage-ID: <{}@example.net>\n\n{body}\n", head.len()).replace('\n', "\r\n");
    place.dovecot.append(mailbox, mail.as_bytes(), SystemTime::now());
}

#[test]
fn a_report_in_junk_is_told_and_nothing_there_is_changed() {
    let place = place(Options { junk: Some("Unrat"), ..Options::default() });
    let clean = check(&place, &[]);
    clean.has("junk", "ok", "Unrat: 0 mails");
    for about in ["imap", "inbox", "sent", "imap-cert", "mail-out", "smtp-cert"] {
        assert_eq!(clean.about(about).len(), 1, "{about}: {:#?}", clean.findings);
        clean.well(about);
    }
    junk(&place, "Unrat", "From: a@example.net\nSubject: Cheap watches", "buy");
    junk(&place, "Unrat", "From: b@example.net\nSubject: Security alert: verify your account", "click");
    check(&place, &[]).has("junk", "ok", "Unrat: 2 mails, none looks like a report");
    junk(&place, "Unrat", "From: finder@example.net\nSubject: Heap overflow \u{1b}[31min the parser", "details");
    junk(
        &place,
        "Unrat",
        "From: seeker@example.net\nSubject: ...\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b",
        "--b",
    );
    junk(&place, "Unrat", "From: third@example.net\nSubject: hello", "-----BEGIN PGP MESSAGE-----");
    let found = check(&place, &[]);
    let words = found.has("junk", "warn", "Unrat: 5 mails, 3 look like reports")["words"].as_str().unwrap().to_owned();
    assert_eq!(found.status, 3);
    for part in ["finder@example.net", "seeker@example.net (OpenPGP)", "third@example.net (OpenPGP)"] {
        assert!(words.contains(part), "{words}");
    }
    assert!(!words.contains('\u{1b}') && !words.contains("watches"), "{words}");
    // The newest first.
    assert!(words.find("third@").unwrap() < words.find("finder@").unwrap(), "{words}");
    let commands = place.dovecot.commands().join("\n").to_ascii_uppercase();
    assert!(commands.contains("EXAMINE \"UNRAT\"") && commands.contains("BODY.PEEK[]<0."), "{commands}");
    for never in ["SELECT", "STORE", "EXPUNGE", " BODY[", "COPY", "MOVE", "CREATE", "APPEND"] {
        assert!(!commands.contains(never), "{never}:\n{commands}");
    }
    let names: Vec<String> = std::fs::read_dir(place.dovecot.maildir("Unrat").join("new"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 5, "no flag was set and nothing was moved: {names:?}");
    let quiet = place.run(&["-q", "check"]).left_with(3);
    assert!(quiet.stdout.contains("look  junk") && !quiet.stdout.contains("\nok  "), "{}", quiet.stdout);
}

#[test]
fn junk_is_found_by_its_name_and_by_the_configuration_and_answers_are_known() {
    let place = place(Options::default());
    check(&place, &[]).has("junk", "ok", "no Junk mailbox was found");
    let ours = "Received: by mail.example.org; Mon, 02 Mar 2026 10:00:00 +0000\nFrom: B. Seeker <seeker@example.com>\nSubject: Crash\nMessage-ID: <first@example.com>\n\nIt crashes.\n";
    private(&place.path("first.eml"), ours.as_bytes());
    place.run(&["import", "first.eml"]).left_with(0);
    junk(
        &place,
        "Spam",
        "From: seeker@example.com\nSubject: Re: my mail\nIn-Reply-To: <first@example.com>",
        "Any news?",
    );
    junk(&place, "Spam", "From: x@example.com\nSubject: Re: my mail\nIn-Reply-To: <other@example.com>", "Any news?");
    check(&place, &[]).has(
        "junk",
        "warn",
        "Spam: 2 mails, 1 looks like a report: “Re: my mail” from seeker@example.com (it answers us)",
    );
    junk(&place, "Elsewhere", "From: a@example.net\nSubject: Vulnerability", "x");
    reconfigure(&place, "[smtp]", "junk = \"Elsewhere\"\n[smtp]");
    check(&place, &[]).has("junk", "warn", "Elsewhere: 1 mail, 1 looks like a report: “Vulnerability”");
    reconfigure(&place, "\"Elsewhere\"", "\"Nowhere\"");
    check(&place, &[]).has("junk", "warn", "has no mailbox Nowhere");
}

#[test]
fn a_large_junk_is_bounded() {
    let place = place(Options { junk: Some("Junk"), ..Options::default() });
    junk(&place, "Junk", "From: old@example.net\nSubject: Vulnerability", "the oldest");
    for n in 0..250 {
        junk(
            &place,
            "Junk",
            &format!("From: a@example.net\nSubject: watches {n}\nX-Long: {}", "x".repeat(900)),
            &"y\n".repeat(20_000),
        );
    }
    check(&place, &[]).has("junk", "ok", "the newest 200 of 251 mails, none looks like a report");
    let fetched = place.dovecot.commands().iter().filter(|c| c.contains(" FETCH ")).count();
    assert_eq!(fetched, 8, "25 at once");
}

#[test]
fn certificates_that_end_soon_are_told_and_one_that_ended_fails() {
    let place = place(Options::default());
    // Both were issued until 2040 begins.
    for (now, step) in [
        ("2039-11-01T00:00:00Z", None),
        ("2039-12-03T00:00:00Z", Some(30)),
        ("2039-12-20T00:00:00Z", Some(14)),
        ("2039-12-28T00:00:00Z", Some(7)),
    ] {
        let found = check(&place, &["--now", now]);
        for about in ["imap-cert", "smtp-cert"] {
            let one = found.one(about, "the certificate of localhost");
            assert_eq!(one["within_days"], step.map_or(Value::Null, Value::from), "{now}: {one:#}");
            assert_eq!(one["level"], if step.is_some() { "warn" } else { "ok" });
        }
    }
    let ended = Dovecot::start_with(Options { expired: true, ..Options::default() });
    reconfigure(&place, &format!("port = {}", place.dovecot.imaps_port), &format!("port = {}", ended.imaps_port));
    reconfigure(&place, place.dovecot.ca_file().to_str().unwrap(), ended.ca_file().to_str().unwrap());
    let found = check(&place, &[]);
    found.has("imap", "fail", "it expired");
    // The rest is looked at all the same.
    found.well("mail-out");
    found.well("smtp-cert");
    assert_eq!(found.status, 1);
}

#[test]
fn what_is_missing_on_the_servers_is_told() {
    let place = place(Options::default());
    reconfigure(&place, "[smtp]", "inbox = \"Reports\"\nsent = \"Nowhere\"\n[smtp]");
    let found = check(&place, &[]);
    found.has("inbox", "fail", "has no mailbox Reports");
    // There is no such mailbox; the one that the server marks is found instead.
    found.has("sent", "ok", "Sent");
    private(&place.path("smtp.password"), b"wrong");
    let found = check(&place, &[]);
    found.has("mail-out", "fail", "refuses the login");
    assert_eq!(place.exim.received().len(), 0, "nothing is ever sent");
    std::fs::remove_file(place.path("imap.password")).unwrap();
    let found = check(&place, &[]);
    found.has("imap", "fail", "the command for the mail password failed");
    assert_eq!(found.about("disk").len(), 1);
}

#[test]
fn a_dead_server_costs_a_bounded_time_and_nothing_else() {
    let place = place(Options::default());
    // It takes connections and never says a word.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = dead.local_addr().unwrap().port();
    let (imap, smtp) = (place.dovecot.imaps_port, place.exim.tls_port);
    reconfigure(&place, &format!("port = {imap}"), &format!("port = {port}"));
    reconfigure(&place, &format!("port = {smtp}"), &format!("port = {port}"));
    let began = Instant::now();
    let found = check(&place, &[]);
    found.has("imap", "fail", "nothing came in time");
    found.has("mail-out", "fail", "nothing came in time");
    for about in ["key", "ledger", "disk", "policy"] {
        assert!(!found.about(about).is_empty(), "{about}");
    }
    // Nothing here is timed to the second: it must end, and long before a poll's patience of fifteen minutes.
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
    let offline = check_offline(&place);
    assert!(offline.about("imap").is_empty() && offline.about("mail-out").is_empty());
}

fn check_offline(place: &Workplace) -> Checked {
    checked(place.command_with("config.toml", &["--json", "check", "--offline"]))
}
