//! What filing, lists and people ask, and the events that answer.

use sealpost::case::{Role, What};
use sealpost::ledger::*;
use sealpost::report::{Candidate, CertSource};

use crate::sample::*;

#[test]
fn mails_are_found_by_what_they_say_of_themselves() {
    let home = Home::new();
    let mut ledger = home.open();
    let stored = file_report(&mut ledger, 5, "text");
    let uid = Some(stored.uid.clone());
    for found in [
        ledger.by_message_id(" <report-5@example.net> ").unwrap(),
        ledger.mentioning("<first@example.net>").unwrap(),
        ledger.mentioning("<last@example.net>").unwrap(),
        ledger.by_payload(&format!("{:064x}", 5)).unwrap(),
        ledger.by_content(&ContentHash::of(&mail(5, 200))).unwrap().into_iter().collect(),
        ledger.messages_of(&stored.uid).unwrap(),
    ] {
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id, &found[0].report, found[0].role), (stored.id, &uid, Some(Role::Opening)));
    }
    for nothing in ["", "<report-6@example.net>"] {
        assert!(ledger.by_message_id(nothing).unwrap().is_empty());
        assert!(ledger.by_payload(nothing).unwrap().is_empty());
    }
    let short = ledger.message(stored.id).unwrap().opened.unwrap();
    assert_eq!(short.address.as_deref(), Some("finder5@example.net"));
    assert_eq!(short.subject.as_deref(), Some("Heap overflow 5"));
    assert_eq!(ledger.certs_for("FINDER5@example.net").unwrap()[0].source, Some(CertSource::Autocrypt));
}

#[test]
fn automatic_mail_lies_with_no_report() {
    let home = Home::new();
    let mut ledger = home.open();
    let bounce = ledger.store(&incoming(&mail(6, 200), "6"), &stamp()).unwrap();
    let filed = |role| [event(None, Some(&bounce.uid), What::Filed { role })];
    let mut record = |role| {
        let events = filed(role);
        let record = Record { message: bounce.id, opened: &opened(6, ""), tried_with: "k", events: &events };
        ledger.record(&record, &stamp())
    };
    assert!(record(Role::FollowUp).is_err(), "what a person wrote lies with a report");
    record(Role::Automatic).unwrap();
    assert_eq!(ledger.messages_of_no_report().unwrap().len(), 1);
    assert!(ledger.reports().unwrap().is_empty() && ledger.pending().unwrap().is_empty());
    sound(&ledger);
}

#[test]
fn a_thread_of_ten_thousand_names_stays_small() {
    let home = Home::new();
    let mut ledger = home.open();
    let stored = ledger.store(&incoming(&mail(1, 100), "1"), &stamp()).unwrap();
    let mut value = opened(1, "");
    value.header.references = (0..10_000).map(|n| format!("<{n}@example.net>")).collect();
    value.header.message_id = Some(format!("<{}é@example.net>", "x".repeat(996)));
    let events = opens_report(&stored.uid);
    ledger.record(&Record { message: stored.id, opened: &value, tried_with: "k", events: &events }, &stamp()).unwrap();
    for (name, known) in
        [("<0@example.net>", 1), ("<9999@example.net>", 1), ("<last@example.net>", 1), ("<5@example.net>", 0)]
    {
        assert_eq!(ledger.mentioning(name).unwrap().len(), known, "{name}");
    }
    assert_eq!(ledger.by_message_id(value.header.message_id.as_deref().unwrap()).unwrap().len(), 1);
    sound(&ledger);
}

#[test]
fn a_text_of_twenty_mebibytes_is_kept_whole_and_indexed_in_part() {
    let home = Home::new();
    let mut ledger = home.open();
    let stored = ledger.store(&incoming(&mail(1, 100), "1"), &stamp()).unwrap();
    let mut value = opened(1, "first ");
    (0..1_700_000).for_each(|word: u32| value.text.push_str(&format!("w{:x}é ", word.wrapping_mul(2_654_435_761))));
    value.text.push_str("last");
    value.candidates = (0..1000).map(|n| Candidate { cert: vec![n as u8, 1], ..value.candidates[0].clone() }).collect();
    let events = opens_report(&stored.uid);
    let begun = std::time::Instant::now();
    ledger.record(&Record { message: stored.id, opened: &value, tried_with: "k", events: &events }, &stamp()).unwrap();
    println!("{} bytes of text recorded in {:?}", value.text.len(), begun.elapsed());
    assert_eq!(ledger.opened(stored.id).unwrap(), Some(value));
    assert_eq!((ledger.search("first").unwrap().len(), ledger.search("last").unwrap().len()), (1, 0));
    assert_eq!(ledger.certs().unwrap().len(), 32);
    sound(&ledger);
}

#[test]
fn people_name_things_by_number_or_by_the_beginning_of_a_uid() {
    let home = Home::new();
    let mut ledger = home.open();
    let stored: Vec<Stored> = (1..=3).map(|number| file_report(&mut ledger, number, "text")).collect();
    let uid = &stored[1].uid;
    for name in ["2", "#2", uid, &uid[..6], &uid.to_uppercase()] {
        assert_eq!(&ledger.resolve_report(name).unwrap().uid, uid, "{name}");
        assert_eq!(&ledger.resolve_message(name).unwrap().uid, uid, "{name}");
    }
    for name in ["4", "0", "-1", "", "zzzz", "b%", "é", "'; DROP TABLE event; --"] {
        assert!(matches!(ledger.resolve_report(name), Err(LedgerError::NotFound { .. })), "{name}");
    }
}

#[test]
fn search_takes_anything_and_finds_words_of_every_script() {
    let home = Home::new();
    let mut ledger = home.open();
    let text = "Überlauf in Curl_cookie_add, 堆溢出漏洞, переполнение";
    let stored = file_report(&mut ledger, 1, text);
    for hit in
        ["überlauf", "uberlauf", "curl_cookie", "cookie add", "溢出", "Переполн", "heap", "poc.py", "finder1", "Finder"]
    {
        assert_eq!(ledger.search(hit).unwrap(), [stored.uid.clone()], "{hit}");
    }
    for miss in ["nowhere", "漏出", "heap nowhere", "", "  ", "***", "\"", "a\0b", "NEAR(", "subject:", "^x", "{a}:b"]
    {
        assert!(ledger.search(miss).unwrap().is_empty(), "{miss}");
    }
    for odd in ["heap OR", "\"heap\"", "heap*", "(heap)", "-heap", "heap\0", "'; DROP TABLE event; --"] {
        ledger.search(odd).unwrap();
    }
    sound(&ledger);
}

#[test]
fn events_come_back_in_order_with_all_they_said() {
    let home = Home::new();
    let mut ledger = home.open();
    let stored = file_report(&mut ledger, 1, "text");
    let noted = What::Noted { text: "\u{1b}[31m \u{202e} \"quoted\" \0".into() };
    ledger.append(&[event(Some(&stored.uid), None, noted.clone())], &Stamp { who: "alice", ..later(-3600) }).unwrap();
    let events = ledger.events_of(&stored.uid).unwrap();
    assert_eq!(events[0].what, noted, "ordered by time, not by arrival");
    assert_eq!((events[0].who.as_str(), events[0].number), ("alice", 6));
    assert!(events.iter().any(|event| matches!(event.what, What::Received { .. })), "a report's mails are its history");
    assert_eq!(ledger.events().unwrap().len(), 6);
    assert_eq!(ledger.events_about(&stored.uid).unwrap().len(), 4);
    assert!(events.iter().all(|event| event.device == ledger.device()));
    for refused in [
        What::Sent { outbox: 1 },
        What::Judged { encryption: "encrypted".into(), signature: "good".into() },
        What::PolicyAdopted { sha256: String::new(), file: String::new() },
    ] {
        let refused = ledger.append(&[event(None, None, refused)], &stamp());
        assert!(matches!(refused, Err(LedgerError::NeedsItsRow)));
    }
    sound(&ledger);
}

#[test]
fn the_latest_filing_and_the_latest_pin_count() {
    let home = Home::new();
    let mut ledger = home.open();
    let (a, b) = (file_report(&mut ledger, 1, "a"), file_report(&mut ledger, 2, "b"));
    let pin = |fingerprint: &str| {
        let what = What::Pinned { address: " Finder@Example.net".into(), fingerprint: fingerprint.into() };
        [event(None, None, what)]
    };
    ledger.append(&pin("AA"), &later(10)).unwrap();
    ledger.append(&pin("BB"), &later(5)).unwrap();
    assert_eq!(ledger.pin("finder@example.net").unwrap().as_deref(), Some("AA"));
    ledger.append(&pin("CC"), &later(20)).unwrap();
    assert_eq!(ledger.pins().unwrap(), [("finder@example.net".to_owned(), "CC".to_owned())]);
    let refile = event(Some(&a.uid), Some(&b.uid), What::Filed { role: Role::FollowUp });
    ledger.append(&[refile], &later(30)).unwrap();
    assert_eq!(ledger.messages_of(&a.uid).unwrap().len(), 2);
    assert_eq!(ledger.report(&a.uid).unwrap().unwrap().messages, 2);
    sound(&ledger);
}

#[test]
fn imported_certificates_keep_every_version() {
    let home = Home::new();
    let mut ledger = home.open();
    for bytes in [b"v1", b"v2", b"v1"] {
        ledger.import_cert("AA", "Bob@example.org", bytes, &stamp()).unwrap();
    }
    let kept: Vec<Vec<u8>> = ledger.certs_called("AA").unwrap().into_iter().map(|cert| cert.bytes).collect();
    assert_eq!(kept, [b"v1", b"v2"]);
    assert_eq!(ledger.certs_for("bob@example.org").unwrap()[0].source, None);
    sound(&ledger);
}
