//! Every script in fixtures/wire, and those beside the project where there are any, each in several manners.
//!
//! After each: the program ended by itself, below its memory; nothing is stored that no server handed over in good order; what it
//! printed holds no control character and names server's words as such. Then an honest server shows the same mailbox: nothing
//! is missing and nothing is doubled. Of replies: sent, unsent or unknown as the server knows it, and never sent again by itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::place::{Link, MEMORY, PASSWORD, Place, Ran, counted, each};
use crate::support::script::{Manner, Protocol, Script, Server, Step};
use crate::support::tls::Ca;
use crate::support::{figure, rounds};

/// How one script is run once.
#[derive(Clone, Debug)]
struct Case<'a> {
    script: &'a Script,
    tls: &'static str,
    by_meaning: bool,
    goes_on: bool,
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{} (tls {}, by_meaning {}, goes_on {})", self.script.name, self.tls, self.by_meaning, self.goes_on)
    }
}

/// Every manner with SEALPOST_SOAK, the most telling ones without.
fn cases(scripts: &[Script]) -> Vec<Case<'_>> {
    let mut all = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        for tls in ["none", "implicit", "starttls"] {
            for by_meaning in [false, true] {
                for goes_on in [false, true] {
                    let telling = match tls {
                        "none" => by_meaning == goes_on,
                        "implicit" => number % 4 == 0 && by_meaning && !goes_on,
                        _ => number % 4 == 1 && !by_meaning && !goes_on,
                    };
                    let imap_only = script.protocol == Protocol::Smtp && (by_meaning || goes_on);
                    if (telling || rounds(1) > 1) && !imap_only {
                        all.push(Case { script, tls, by_meaning, goes_on });
                    }
                }
            }
        }
    }
    all
}

#[derive(Default)]
struct Figures {
    runs: AtomicU64,
    hungriest: Mutex<(u64, String)>,
    slowest_ms: AtomicU64,
    /// Scripts after which a mail was found with the first poll of the next day only.
    late: Mutex<BTreeSet<String>>,
    stored: AtomicU64,
}

impl Figures {
    fn note(&self, case: &Case<'_>, ran: &Ran) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut hungriest = self.hungriest.lock().unwrap();
        if ran.peak > hungriest.0 {
            *hungriest = (ran.peak, case.name());
        }
        drop(hungriest);
        self.slowest_ms.fetch_max(u64::try_from(ran.time.as_millis()).unwrap(), Ordering::Relaxed);
        assert!(ran.peak < MEMORY, "{}: {} KiB", case.name(), ran.peak);
        assert!(matches!(ran.status, 0 | 1 | 3), "exit status {}: {}", ran.status, ran.said());
        let said = ran.said();
        let raw = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!said.contains(raw), "control characters: {said:?}");
        assert!(!said.contains("panicked") && !said.contains(PASSWORD), "{said}");
        assert!(said.lines().all(|l| l.chars().count() < 600), "{said}");
    }
}

fn walk(name: &str, folder: &Path) {
    let scripts = Script::folder(folder);
    let ca = Ca::new();
    let certificate = crate::support::folder();
    let issued = ca.issue(&["localhost", "127.0.0.1"], certificate.path());
    let config = issued.server();
    let figures = Figures::default();
    let cases = cases(&scripts);
    each(&cases, Case::name, |case| {
        let manner = Manner {
            tls: Some(config.clone()),
            implicit: case.tls == "implicit",
            by_meaning: case.by_meaning,
            goes_on: case.goes_on,
        };
        let server = Server::start(case.script, manner);
        let link = Link { host: "localhost", tls: case.tls, ca_file: Some(ca.file()), ..Link::plain(server.port) };
        match case.script.protocol {
            Protocol::Imap => imap(case, &server, &link, &figures),
            Protocol::Smtp => smtp(case, &server, &link, &figures),
        }
        if case.tls == "starttls" && server.handshakes() == 0 {
            let heard = String::from_utf8_lossy(&server.heard()).to_ascii_uppercase();
            for word in ["LOGIN", "AUTH", "MAIL FROM", "EXAMINE", "CANARY"] {
                assert!(!heard.contains(word), "{word} in the clear: {heard}");
            }
        }
    });
    let late = figures.late.into_inner().unwrap().into_iter().collect::<Vec<_>>().join(", ");
    let late = if late.is_empty() { "none".to_owned() } else { late };
    let hungriest = figures.hungriest.into_inner().unwrap();
    let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
    figure(
        name,
        &format!(
            "{} scripts, {} cases, {} runs of the program; stored {}, forged 0, missed 0 (found the next day: {late}), doubled 0; peak {} MiB ({}), slowest {:.1} s",
            scripts.len(),
            cases.len(),
            get(&figures.runs),
            get(&figures.stored),
            hungriest.0 >> 10,
            hungriest.1,
            get(&figures.slowest_ms) as f64 / 1000.0
        ),
    );
}

fn imap(case: &Case<'_>, server: &Server, link: &Link, figures: &Figures) {
    let place = Place::new();
    place.imap(link);
    for section in 0..case.script.sections.len() {
        let ran = place.run(&["poll"]);
        figures.note(case, &ran);
        if case.tls == "none" {
            must(case, &ran, &case.script.must["polls"][section]);
        }
        server.next_section();
    }
    let heard = String::from_utf8_lossy(&server.heard()).to_ascii_uppercase();
    for word in case.script.must["hears_no"].as_array().into_iter().flatten() {
        assert!(!heard.contains(word.as_str().unwrap()), "{word} was heard: {heard}");
    }
    let stored = place.ledger();
    for mail in &stored {
        assert!(case.script.told.contains(mail), "forged: {:?}", String::from_utf8_lossy(mail));
    }
    if let Some(wanted) = case.script.must["stored"].as_array()
        && case.tls == "none"
        && case.by_meaning
    {
        let have: Vec<String> = stored.iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect();
        assert_eq!(&have, wanted, "what is stored");
    }
    // A sane server with the same mailbox under the same name; then the next day, when all is compared; then once more.
    let honest = Server::start(&honest(case.script), Manner::plain());
    place.imap(&Link { host: link.host, ..Link::plain(honest.port) });
    let tomorrow = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(25)).to_string();
    let polls: [&[&str]; 3] = [&["poll"], &["--now", &tomorrow, "poll"], &["--json", "--now", &tomorrow, "poll"]];
    for (number, args) in polls.into_iter().enumerate() {
        let ran = place.run(args);
        figures.note(case, &ran);
        assert_eq!(ran.status, 0, "a good poll: {}", ran.said());
        assert!(number < 2 || ran.json()["stored"] == 0, "once more: {}", ran.said());
        let stored = place.ledger();
        let missing = case.script.mailbox.messages.values().filter(|mail| !stored.contains(mail)).count();
        let is_late = number == 0 && missing > 0;
        if is_late {
            figures.late.lock().unwrap().insert(case.script.name.clone());
        }
        assert!(missing == 0 || is_late, "{missing} missed after good poll {number} of {}", stored.len());
        assert!(
            !is_late || case.script.must["next_day"] == true || case.script.must.is_null(),
            "missed by a good poll"
        );
    }
    let stored = place.ledger();
    figures.stored.fetch_add(stored.len() as u64, Ordering::Relaxed);
    let counts = counted(&stored);
    assert!(counts.values().all(|n| *n == 1), "doubled");
}

/// A server without a flaw, for the mailbox of this script.
pub fn honest(script: &Script) -> Script {
    let greeting = Step::Send("* OK [CAPABILITY IMAP4rev1] ready\r\n".into());
    let sections = vec![vec![greeting, Step::LoginOk, Step::Serve(None)]];
    Script { name: "honest".into(), sections, ..script.clone() }
}

/// What the file says about one run.
fn must(case: &Case<'_>, ran: &Ran, must: &Value) {
    if let Some(status) = must["status"].as_array() {
        assert!(status.contains(&ran.status.into()), "exit status {}: {}", ran.status, ran.said());
    }
    let manner = if case.by_meaning { "by_meaning" } else { "to_the_letter" };
    for words in [&must["says"], &must[manner]["says"]] {
        for word in words.as_array().into_iter().flatten() {
            assert!(ran.said().contains(word.as_str().unwrap()), "{word} is not said: {}", ran.said());
        }
    }
    for word in must["never_says"].as_array().into_iter().flatten() {
        assert!(!ran.said().contains(word.as_str().unwrap()), "{word} is said: {}", ran.said());
    }
    if let Some(hint) = must["hint"].as_str() {
        assert!(ran.stderr.lines().skip(1).any(|l| l.contains(hint)), "no hint {hint:?}: {}", ran.said());
    }
}

fn smtp(case: &Case<'_>, server: &Server, link: &Link, figures: &Figures) {
    let place = Place::with_a_reply();
    let offers_login = case.script.sections.iter().flatten().any(|s| matches!(s, Step::Send(t) if t.contains("AUTH")));
    place.smtp(&Link { user: offers_login || case.tls == "starttls", ..link.clone() });
    let ran = place.run(&["outbox", "send"]);
    figures.note(case, &ran);
    let outbox = place.outbox();
    let state = outbox.first().map_or("sent", |(state, _)| state);
    let heard = server.heard();
    let holds = |word: &[u8]| heard.windows(word.len()).any(|w| w == word);
    let got_all = holds(b"\r\n.\r\n");
    assert!(state != "sent" || (got_all && ran.status == 0), "called sent: {}", ran.said());
    assert!(matches!(state, "sent" | "unknown" | "failed" | "queued"), "{state}: {}", ran.said());
    let put_off = got_all && state == "queued";
    assert!(!put_off || ran.said().contains("server says: 4"), "queued after the final dot: {}", ran.said());
    assert!(state == "sent" || ran.status == 3, "exit status {} with {state}: {}", ran.status, ran.said());
    if case.tls == "none" {
        must(case, &ran, &case.script.must);
        if let Some(wanted) = case.script.must["outbox"].as_str() {
            assert_eq!(state, wanted, "{}", ran.said());
        }
        for word in case.script.must["hears_no"].as_array().into_iter().flatten() {
            assert!(!holds(word.as_str().unwrap().as_bytes()), "{word} was heard");
        }
    }
    // A server that takes everything gets, once, what certainly did not go out for a passing reason, and nothing else.
    let eager = Server::start(&eager(), Manner::plain());
    place.smtp(&Link::plain(eager.port));
    for command in [&["outbox", "send"][..], &["poll"]] {
        figures.note(case, &place.run(command));
    }
    let taken = eager.heard().windows(5).filter(|w| *w == b"\r\n.\r\n").count();
    if state == "queued" {
        assert_eq!((taken, place.outbox().len()), (1, 0), "what was put off goes out once");
        return;
    }
    assert!(eager.heard().is_empty(), "sent again by itself: {}", String::from_utf8_lossy(&eager.heard()));
    assert_eq!(place.outbox(), outbox);
    if state != "sent" {
        // A person decides; then it goes out, once.
        let ran = place.run(&["outbox", "send", "1"]);
        assert_eq!((ran.status, place.outbox().len()), (0, 0), "{}", ran.said());
        assert!(eager.heard().windows(5).any(|w| w == b"\r\n.\r\n"));
    }
}

/// An SMTP server that takes a mail.
pub fn eager() -> Script {
    let says = |text: &str| Step::Send(text.to_owned());
    let hears = |text: &str| Step::Expect(regex::bytes::Regex::new(&format!("(?i){text}")).unwrap());
    let section = vec![
        says("220 mx ESMTP\r\n"),
        hears("EHLO"),
        says("250-mx\r\n250 AUTH PLAIN\r\n"),
        hears("AUTH"),
        says("235 ok\r\n"),
        hears("MAIL FROM"),
        says("250 ok\r\n"),
        hears("RCPT TO"),
        says("250 ok\r\n"),
        hears("DATA"),
        says("354 go\r\n"),
        hears(r"\r\n\.\r\n"),
        says("250 queued\r\n"),
        hears("QUIT"),
        says("221 bye\r\n"),
    ];
    Script {
        name: "eager".into(),
        protocol: Protocol::Smtp,
        sections: vec![section],
        mailbox: crate::support::fake::Mailbox::default(),
        told: Vec::new(),
        must: Value::Null,
    }
}

#[test]
fn our_scripts() {
    walk("wire-scripts", &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire"));
}

#[test]
fn shared_scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/attacks/made/15-protocol");
    if folder.is_dir() {
        walk("wire-scripts-shared", &folder);
    } else {
        println!("no shared scripts here");
    }
}
