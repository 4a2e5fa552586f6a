//! Mail to a real Exim, to scripted servers and to programs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealpost::pgp::Sealed;
use sealpost::wire::outbox::{Delivery, Hope, Mailer, SendmailConfig, SmtpConfig};

use super::support::exim::{self, Exim, Mode};
use super::support::{self, fake};
use super::*;

const BOUNDARY: &str = "in-the-clear-00112233445566778899aabbccddeeff";

fn answer_mail() -> Sealed {
    letter(b".one dot\r\n..two\r\n.\r\nlast\r\n")
}

/// A letter in the clear, in the only shape that may be sent so.
fn letter(body: &[u8]) -> Sealed {
    let head = format!(
        "From: security@example.org\r\nTo: finder@example.net\r\nSubject: ...\r\nMessage-ID: <1@example.org>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n--{BOUNDARY}\r\n\r\n"
    );
    let bytes = [head.as_bytes(), body, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    let to = ["finder@example.net".to_owned(), "second@example.net".to_owned()];
    Sealed::restore(bytes, "security@example.org", &to).unwrap()
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
        assert_eq!(String::from_utf8_lossy(&raw), String::from_utf8_lossy(answer_mail().bytes()));
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
    for (mode, expected) in
        [(Mode::Refuse, Hope::Never), (Mode::Defer, Hope::ThisLater), (Mode::RefuseData, Hope::Never)]
    {
        let server = Exim::start(mode);
        let mailer = Mailer::Smtp(submission("localhost", server.tls_port, Tls::Implicit, Some(server.ca_file())));
        match mailer.send(&answer_mail()) {
            Delivery::NotSent { reason, hope } => {
                assert_eq!(hope, expected, "{mode:?}: {reason}");
                assert!(reason.contains("server says: ") && !reason.contains('\x1b'), "{reason:?}");
            }
            other => panic!("{mode:?}: {other:?}"),
        }
        assert!(server.received().is_empty());
    }
    let nobody = Mailer::Smtp(submission("127.0.0.1", support::free_port(), Tls::Implicit, None));
    assert!(matches!(nobody.send(&answer_mail()), Delivery::NotSent { hope: Hope::Later, .. }));
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
            matches!(&delivery, Delivery::NotSent { hope: Hope::Later, reason } if !reason.contains("secret")),
            "{delivery:?}"
        );
    }
    assert!(server.received().is_empty());
}

/// A plain SMTP server that answers from a list and then does what `end` says; it returns what it heard.
fn smtp_script(answers: &'static [&'static str], end: fn(&mut fake::Conn)) -> (Delivery, String) {
    smtp_login_script(None, answers, end)
}

fn smtp_login_script(
    login: Option<(String, Auth)>,
    answers: &'static [&'static str],
    end: fn(&mut fake::Conn),
) -> (Delivery, String) {
    let heard = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&heard);
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
    config.login = login;
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
        assert!(matches!(delivery, Delivery::NotSent { hope: Hope::Later, .. }), "{length}: {delivery:?}");
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

/// What is said before the mail is known is about the server, also a 5xx; what is said of the mail is about the mail.
#[test]
fn answers_say_what_may_be_hoped_for() {
    const WELL: &[&str] = &["250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"];
    const AFTER: &[&str] = &["EHLO", "MAIL", "RCPT", "the second RCPT", "DATA", "the final dot"];
    for (at, place) in AFTER.iter().enumerate() {
        for (answer, of_the_mail) in [
            ("550 no\r\n", Hope::Never),
            ("451 later\r\n", Hope::ThisLater),
            ("452 full\r\n", Hope::ThisLater),
            ("421 closing\r\n", Hope::Later),
        ] {
            let expected = if at == 0 { Hope::Later } else { of_the_mail };
            let answers: Vec<&'static str> = WELL[..at].iter().copied().chain([answer]).collect();
            let (delivery, heard) = smtp_script(answers.leak(), |_| ());
            assert!(
                matches!(&delivery, Delivery::NotSent { hope, .. } if *hope == expected),
                "{answer:?} to {place}: {delivery:?}"
            );
            assert_eq!(heard.lines().filter(|l| *l == ".").count(), usize::from(at == 5), "{place}");
        }
    }
    for greeting in ["421 too busy\r\n", "554 go away\r\n"] {
        let port = fake::serve(move |_, mut conn| {
            conn.send(greeting);
        });
        let mut config = submission("127.0.0.1", port, Tls::None, None);
        config.login = None;
        let delivery = Mailer::Smtp(config).send(&answer_mail());
        assert!(matches!(&delivery, Delivery::NotSent { hope: Hope::Later, .. }), "{greeting:?}: {delivery:?}");
    }
}

#[test]
fn each_smtp_login_says_what_it_should() {
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let password = || Some(("me".to_owned(), Auth::Password(Password::new("pa ss".into()))));
    let token = || Some(("me".to_owned(), Auth::OAuth2(Password::new("t0ken".into()))));
    let oauth_line = format!("AUTH XOAUTH2 {}", base64("user=me\x01auth=Bearer t0ken\x01\x01"));
    for (login, answers, expected) in [
        (
            password(),
            &["250-mx\r\n250 AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 in\r\n"][..],
            vec!["AUTH LOGIN".to_owned(), base64("me"), base64("pa ss"), "MAIL FROM:<security@example.org>".to_owned()],
        ),
        (
            password(),
            &["250-mx\r\n250 AUTH LOGIN PLAIN\r\n", "235 in\r\n"],
            vec![format!("AUTH PLAIN {}", base64("\0me\0pa ss")), "MAIL FROM:<security@example.org>".to_owned()],
        ),
        (
            token(),
            &["250-mx\r\n250 AUTH XOAUTH2\r\n", "235 in\r\n"],
            vec![oauth_line.clone(), "MAIL FROM:<security@example.org>".to_owned()],
        ),
        (
            token(),
            &["250-mx\r\n250 AUTH XOAUTH2\r\n", "334 eyJzdGF0dXMiOiI0MDAifQ==\r\n", "535 no\r\n"],
            vec![oauth_line, String::new()],
        ),
        (password(), &["250 mx\r\n"], vec![]),
    ] {
        let (delivery, heard) = smtp_login_script(login, answers, |_| ());
        let heard: Vec<&str> = heard.lines().skip(1).collect();
        assert_eq!(heard, expected);
        assert!(matches!(&delivery, Delivery::NotSent { hope: Hope::Later, .. }), "{delivery:?}");
    }
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
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
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
    let expected = String::from_utf8(answer_mail().bytes().to_vec()).unwrap().replace("\r\n", "\n");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), expected);
    let arguments = || std::fs::read_to_string(dir.path().join("out.args")).unwrap();
    assert_eq!(arguments(), "-- finder@example.net second@example.net\n");
    assert!(matches!(shell(&save, &["-t"]).send(&answer_mail()), Delivery::Sent { .. }));
    assert_eq!(arguments(), "-t\n");
    for (script, expected) in [
        ("cat >/dev/null; printf '\\033[2Jno such user' >&2; exit 67", Hope::Never),
        ("exit 75", Hope::Later),
        ("exit 1", Hope::Unclear),
        ("exit 69", Hope::Unclear),
    ] {
        match shell(script, &["-t"]).send(&answer_mail()) {
            Delivery::NotSent { reason, hope } => {
                assert!(hope == expected && !reason.contains('\x1b'), "{script}: {hope:?} {reason}")
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
    assert!(matches!(nobody.send(&answer_mail()), Delivery::NotSent { hope: Hope::Later, .. }));
    assert!(nobody.probe().is_err());
    let big = letter(&b"0123456789\r\n".repeat(1 << 20));
    assert!(matches!(shell("exit 0", &["-t"]).send(&big), Delivery::Unknown { .. }), "it did not read the mail");
}
