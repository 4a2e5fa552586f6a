//! Certificates and handshakes that must not be accepted: no credential reaches the server, the exit status is 1 (3 where a reply
//! stays behind), and the words say what is wrong and what mends it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;

use crate::place::{Link, PASSWORD, Place, Ran, USER};
use crate::scripts::{eager, honest};
use crate::support::fake::{Mailbox, serve};
use crate::support::figure;
use crate::support::script::{Manner, Protocol, Script, Server, Step};
use crate::support::tls::{Ca, self_signed};

/// What a server shows and what the program trusts.
struct Case {
    name: &'static str,
    shows: Arc<ServerConfig>,
    trusts: Option<PathBuf>,
    says: &'static str,
    hint: &'static str,
}

/// Greeting and capabilities in the clear, then TLS, then a server without a flaw.
fn over_starttls(script: &Script) -> Script {
    let begin = match script.protocol {
        Protocol::Imap => {
            vec![Step::Send("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n".into()), expect("STARTTLS")]
        }
        Protocol::Smtp => {
            vec![
                Step::Send("220 mx\r\n".into()),
                expect("EHLO"),
                Step::Send("250-mx\r\n250 STARTTLS\r\n".into()),
                expect("STARTTLS"),
            ]
        }
    };
    let ready = match script.protocol {
        Protocol::Imap => "{tag} OK go\r\n",
        Protocol::Smtp => "220 go\r\n",
    };
    let rest = script.sections[0].iter().skip(1).cloned();
    let steps = begin.into_iter().chain([Step::Send(ready.into()), Step::StartTls]).chain(rest).collect();
    Script { sections: vec![steps], ..script.clone() }
}

fn expect(text: &str) -> Step {
    Step::Expect(regex::bytes::Regex::new(&format!("(?i){text}")).unwrap())
}

fn base(protocol: Protocol) -> Script {
    match protocol {
        Protocol::Imap => {
            honest(&Script { protocol, mailbox: Mailbox::of(1, |_| b"Subject: one\r\n\r\n1\r\n".to_vec()), ..eager() })
        }
        Protocol::Smtp => eager(),
    }
}

/// One run over a server; what the program said, and what the server heard.
fn run(protocol: Protocol, tls: &'static str, shows: &Arc<ServerConfig>, trusts: Option<PathBuf>) -> (Ran, Server) {
    let script = base(protocol);
    let script = if tls == "starttls" { over_starttls(&script) } else { script };
    let manner = Manner { tls: Some(Arc::clone(shows)), implicit: tls == "implicit", ..Manner::plain() };
    let server = Server::start(&script, manner);
    let link = Link { host: "localhost", tls, ca_file: trusts, ..Link::plain(server.port) };
    (go(protocol, &link), server)
}

fn go(protocol: Protocol, link: &Link) -> Ran {
    match protocol {
        Protocol::Imap => {
            let place = Place::new();
            place.imap(link);
            place.run(&["poll"])
        }
        Protocol::Smtp => {
            let place = Place::with_a_reply();
            place.smtp(link);
            place.run(&["outbox", "send"])
        }
    }
}

/// Nothing that proves who we are, in any coding that a login uses.
fn assert_no_credentials(heard: &[u8], case: &str) {
    let base64 = data_encoding::BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes());
    for secret in [PASSWORD, base64.as_str(), USER, "AUTH", "LOGIN"] {
        assert!(!heard.windows(secret.len()).any(|w| w == secret.as_bytes()), "{case}: {secret} was heard");
    }
}

#[test]
fn a_certificate_that_does_not_hold_gets_no_password() {
    let (ca, other) = (Ca::new(), Ca::new());
    let folders: Vec<_> = (0..6).map(|_| crate::support::folder()).collect();
    let here = ["localhost", "127.0.0.1"];
    let good = ca.issue(&here, folders[0].path()).server();
    let cases = [
        Case {
            name: "expired",
            shows: ca.issue_expired(&here, folders[1].path()).server(),
            trusts: Some(ca.file()),
            says: "it expired on 2021-01-01",
            hint: "must renew it",
        },
        Case {
            name: "not yet valid",
            shows: ca.issue_between(&here, folders[2].path(), 2190, 2200).server(),
            trusts: Some(ca.file()),
            says: "it is not valid before 2190-01-01",
            hint: "clock may be wrong",
        },
        Case {
            name: "another name",
            shows: ca.issue(&["mail.example.org", "\u{1b}[2J.example.org"], folders[3].path()).server(),
            trusts: Some(ca.file()),
            says: "it is for mail.example.org",
            hint: "set host to a name",
        },
        Case {
            name: "self-signed",
            shows: self_signed(&here, folders[4].path()).server(),
            trusts: None,
            says: "is not accepted",
            hint: "ca_file",
        },
        Case {
            name: "unknown authority",
            shows: Arc::clone(&good),
            trusts: None,
            says: "nobody that this machine trusts",
            hint: "ca_file",
        },
        Case {
            name: "another authority in ca_file",
            shows: Arc::clone(&good),
            trusts: Some(other.file()),
            says: "was not signed by it",
            hint: "ca_file",
        },
    ];
    let mut count = 0;
    for protocol in [Protocol::Imap, Protocol::Smtp] {
        for tls in ["implicit", "starttls"] {
            for case in &cases {
                let name = format!("{protocol:?}, {tls}, {}", case.name);
                let (ran, server) = run(protocol, tls, &case.shows, case.trusts.clone());
                let said = ran.said();
                assert_eq!(ran.status, if protocol == Protocol::Imap { 1 } else { 3 }, "{name}: {said}");
                assert!(said.contains(case.says), "{name}: {said}");
                assert!(protocol == Protocol::Smtp || said.contains(case.hint), "{name}: {said}");
                assert!(!said.contains('\u{1b}'), "{name}: {said:?}");
                assert_no_credentials(&server.heard(), &name);
                count += 1;
            }
            // The same server with nothing wrong is fine, so the cases fail for their reasons.
            let (ran, server) = run(protocol, tls, &good, Some(ca.file()));
            assert_eq!(ran.status, 0, "{protocol:?}, {tls}: {}", ran.said());
            assert!(server.heard().windows(PASSWORD.len()).len() > 0 && server.handshakes() > 0);
        }
    }
    figure("wire-certificates", &format!("{count} handshakes with certificates that do not hold; credentials heard 0"));
}

#[test]
fn a_ca_file_that_is_none_is_told_before_anyone_is_called() {
    let folder = crate::support::folder();
    let not_pem = folder.path().join("not.pem");
    std::fs::write(&not_pem, "hello").unwrap();
    let called = Arc::new(Mutex::new(0));
    let calls = Arc::clone(&called);
    let port = serve(move |_, _| *calls.lock().unwrap() += 1);
    for (file, words) in [(not_pem, "holds no PEM certificate"), (folder.path().join("missing.pem"), "cannot read")] {
        let ran = go(Protocol::Imap, &Link { tls: "implicit", ca_file: Some(file), ..Link::plain(port) });
        assert_eq!(ran.status, 1, "{}", ran.said());
        assert!(ran.stderr.contains(words), "{}", ran.said());
    }
    assert_eq!(*called.lock().unwrap(), 0);
}

/// Servers that are no TLS servers, or none that is safe.
#[test]
fn what_is_no_safe_tls_gets_no_password() {
    let alert: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";
    // ServerHello of TLS 1.1: version, 32 random bytes, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    let hello = [&b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02"[..], &[7u8; 32], b"\x00\x00\x2f\x00"].concat();
    let ca = Ca::new();
    let mut count = 0;
    for protocol in [Protocol::Imap, Protocol::Smtp] {
        let greeting: &[u8] = if protocol == Protocol::Imap { b"* OK hi\r\n" } else { b"220 mx\r\n" };
        for (name, bytes, words) in [
            ("plain text on the TLS port", greeting, "does not speak TLS on this port"),
            ("TLS 1.1 only, by its alert", alert, "no TLS that is safe"),
            ("TLS 1.1 only, by its hello", hello.as_slice(), "no TLS that is safe"),
            ("garbage", b"\x16\x03\x03\xff\xffAAAAAAAAAAAAAAAA", "no secure connection"),
            ("nothing at all", b"", "nothing came in time"),
        ] {
            let bytes = bytes.to_vec();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&heard);
            let port = serve(move |_, mut conn| {
                conn.send(&bytes);
                let rest = conn.rest();
                log.lock().unwrap().extend(rest);
            });
            let ran = go(protocol, &Link { tls: "implicit", ca_file: Some(ca.file()), ..Link::plain(port) });
            assert_eq!(ran.status, if protocol == Protocol::Imap { 1 } else { 3 }, "{name}: {}", ran.said());
            assert!(ran.said().contains(words), "{protocol:?}, {name}: {}", ran.said());
            assert_no_credentials(&heard.lock().unwrap(), name);
            count += 1;
        }
    }
    figure("wire-no-tls", &format!("{count} servers without safe TLS; credentials heard 0"));
}

/// A meddler who adds words of his own behind the server's agreement to STARTTLS, in one segment and byte by byte.
#[test]
fn words_injected_before_the_handshake_are_not_believed() {
    let ca = Ca::new();
    let folder = crate::support::folder();
    let shows = ca.issue(&["localhost"], folder.path()).server();
    for protocol in [Protocol::Imap, Protocol::Smtp] {
        let injected = match protocol {
            Protocol::Imap => "{tag} OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\ns2 OK done\r\n",
            Protocol::Smtp => "220 go\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n",
        };
        for slow in [false, true] {
            let mut script = over_starttls(&base(protocol));
            let steps = &mut script.sections[0];
            let at = steps.iter().position(|s| matches!(s, Step::StartTls)).unwrap() - 1;
            let every = std::time::Duration::from_millis(1);
            steps[at] = match slow {
                false => Step::Send(injected.into()),
                true => Step::Drip { text: injected.into(), every },
            };
            let server = Server::start(&script, Manner { tls: Some(Arc::clone(&shows)), ..Manner::plain() });
            let link =
                Link { host: "localhost", tls: "starttls", ca_file: Some(ca.file()), ..Link::plain(server.port) };
            let ran = go(protocol, &link);
            assert_eq!(ran.status, if protocol == Protocol::Imap { 1 } else { 3 }, "{}", ran.said());
            assert!(ran.said().contains("someone meddles with the connection"), "{}", ran.said());
            assert_eq!(server.handshakes(), 0);
            assert_no_credentials(&server.heard(), "injection");
        }
    }
}
