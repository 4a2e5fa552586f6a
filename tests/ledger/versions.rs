//! Policies and schemas have versions.

use std::fs;

use sealpost::clock::policy::{ResponsePolicy, Target, Unit};
use sealpost::ledger::*;

use crate::sample::*;
use crate::support::private;

#[test]
fn a_policy_has_versions() {
    let home = Home::new();
    let mut ledger = home.open();
    assert_eq!(ledger.policy_in_force(stamp().at).unwrap(), None);
    let two = ResponsePolicy { first_response: Some(Target::new(2, Unit::WorkingDay)), ..Default::default() };
    let one = ResponsePolicy { first_response: Some(Target::new(1, Unit::WorkingDay)), ..Default::default() };
    assert!(ledger.adopt_policy("SECURITY.md", b"within 2 working days", &two, &stamp()).unwrap().is_some());
    assert!(!ledger.adopt_policy("SECURITY.md", b"within 2 working days", &two, &later(5)).unwrap().is_some());
    assert!(ledger.adopt_policy("SECURITY.md", b"within a working day", &one, &later(100)).unwrap().is_some());
    for (at, expected) in [(-1000, &two), (50, &two), (100, &one), (1000, &one)] {
        assert_eq!(&ledger.policy_in_force(later(at).at).unwrap().unwrap().policy, expected, "{at}");
    }
    assert_eq!(ledger.policies().unwrap().len(), 2);
    sound(&ledger);
}

/// A clock that was turned back, or `--now`, would otherwise put another policy under reports that are here already.
#[test]
fn a_version_is_never_dated_before_what_has_arrived() {
    let home = Home::new();
    let mut ledger = home.open();
    let policy = |days| ResponsePolicy { first_response: Some(Target::new(days, Unit::Day)), ..Default::default() };
    let adopt = |ledger: &mut Ledger, days, at: i64| {
        let text = format!("within {days} days");
        ledger.adopt_policy("SECURITY.md", text.as_bytes(), &policy(days), &later(at)).unwrap()
    };
    assert_eq!(adopt(&mut ledger, 2, 100), Some(later(100).at));
    // Before the first, which counts for all that came before it.
    let first = ledger.policies().unwrap()[0].adopted_at;
    assert_eq!(adopt(&mut ledger, 9, 50), Some(first));
    ledger.store(&incoming(b"Subject: x\n\nx\n", "1"), &later(500)).unwrap();
    let received = ledger.message(MessageId(1)).unwrap().received_at;
    let held = ledger.policy_in_force(received).unwrap();
    let since = adopt(&mut ledger, 5, 200).unwrap();
    assert!(since > received, "{since} is not after {received}");
    assert_eq!(ledger.policy_in_force(received).unwrap(), held);
    // What is in force now is not adopted again and again because a later one is dated in the future.
    assert_eq!(adopt(&mut ledger, 7, 900_000), Some(later(900_000).at));
    assert_eq!(adopt(&mut ledger, 5, 1_000), None);
    sound(&ledger);
}

#[test]
fn a_ledger_of_a_newer_sealpost_is_left_alone() {
    let home = Home::new();
    drop(home.open());
    home.intruder().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(home.places().ledger).unwrap();
    assert!(matches!(home.refusal(), LedgerError::Newer { found: 99, .. }));
    let reader = Ledger::open_read(&home.places().ledger, &home.key());
    assert!(matches!(reader.err(), Some(LedgerError::Newer { .. })));
    assert!(fs::read(home.places().ledger).unwrap() == before);
}

/// Every file that a past version wrote must open, and hold what it held. Each `vN.db` has its key beside it.
#[test]
fn every_stored_old_ledger_still_opens() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ledger");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let home = Home::new();
        let key = LedgerKey::from_hex(&fs::read(path.with_extension("key")).unwrap(), "fixture").unwrap();
        key.write_new(&home.places().key).unwrap();
        let bytes = fs::read(&path).unwrap();
        private(&home.places().ledger, &bytes);
        let ledger = home.open();
        let audit = sound(&ledger);
        assert_eq!(audit.messages, 3, "{path:?}");
        assert_eq!(ledger.reports().unwrap().len(), 2, "{path:?}");
        assert_eq!(ledger.search("cookie").unwrap().len(), 1, "{path:?}");
        assert_eq!(ledger.outbox().unwrap().len(), 1, "{path:?}");
        assert_eq!(ledger.policies().unwrap().len(), 1, "{path:?}");
        assert_eq!(ledger.pins().unwrap().len(), 1, "{path:?}");
        seen += 1;
    }
    assert!(seen > 0, "no stored ledger was found");
}

/// Writes the file that the test above opens, for the version of today. Run by hand when a version is about to end:
/// `cargo test --release --test ledger write_todays_fixture -- --ignored`, then copy it from the folder it names.
#[test]
#[ignore = "writes a new fixture"]
fn write_todays_fixture() {
    let home = Home::new();
    let mut ledger = home.open();
    let report = file_report(&mut ledger, 1, "overflow in the cookie parser").uid;
    file_report(&mut ledger, 2, "something else");
    ledger.store(&incoming(&mail(3, 100), "3"), &stamp()).unwrap();
    let cursor = Cursor { epoch: 7, next_uid: 4, below: 2, polled_at: stamp().at };
    ledger.set_cursor(INBOX, cursor).unwrap();
    queue(&mut ledger, &report, "<r1@example.org>").unwrap();
    ledger.adopt_policy("SECURITY.md", b"within 2 days", &ResponsePolicy::default(), &stamp()).unwrap();
    let pinned = sealpost::case::What::Pinned { address: "finder1@example.net".into(), fingerprint: "AA".into() };
    ledger.append(&[event(None, None, pinned)], &stamp()).unwrap();
    drop(ledger);
    let to = std::env::temp_dir().join("sealpost-fixture");
    fs::create_dir_all(&to).unwrap();
    fs::copy(home.places().ledger, to.join("today.db")).unwrap();
    fs::copy(home.places().key, to.join("today.key")).unwrap();
    println!("written to {}", to.display());
}
