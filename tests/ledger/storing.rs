//! Mails are durable before they are opened, once, with every place they were seen in.

use sealpost::case::What;
use sealpost::ledger::*;

use crate::sample::*;

#[test]
fn a_mail_is_stored_once_and_every_sighting_of_it() {
    let home = Home::new();
    let mut ledger = home.open();
    let crlf = mail(1, 500);
    let lf: Vec<u8> = crlf.iter().copied().filter(|byte| *byte != b'\r').collect();
    let first = ledger.store(&incoming(&crlf, "1"), &stamp()).unwrap();
    assert!(!first.known && !first.sighted && !first.reused && first.uid.len() == 10);
    let events = sound(&ledger).events;

    let again = ledger.store(&incoming(&crlf, "1"), &later(60)).unwrap();
    assert!(again.known && again.sighted && again.id == first.id);
    assert_eq!(sound(&ledger).events, events, "a sighting that is known writes nothing");

    let moved = Incoming { mailbox: "maildir:/home/alice/Mail", epoch: 0, key: "17.host", ..incoming(&lf, "") };
    let moved = ledger.store(&moved, &later(60)).unwrap();
    assert!(moved.known && !moved.sighted && moved.id == first.id, "line ends do not make another mail");
    assert_eq!(ledger.raw(first.id).unwrap(), crlf, "the bytes as they first came");
    assert_eq!(ledger.sightings(first.id).unwrap().len(), 2);

    let other = ledger.store(&incoming(&mail(2, 500), "1"), &later(60)).unwrap();
    assert!(!other.known && other.reused, "a UID that is used twice loses nothing and is noticed");
    let audit = sound(&ledger);
    assert_eq!((audit.messages, audit.events), (2, events + 2));
    assert!(ledger.sighted(INBOX, 7).unwrap().contains("1"));
    assert!(ledger.sighted(INBOX, 8).unwrap().is_empty());
}

#[test]
fn a_batch_and_its_cursor_are_stored_together_or_not_at_all() {
    let home = Home::new();
    let mut ledger = home.open();
    let (a, b, c) = (mail(1, 100), mail(2, 100), mail(3, 100));
    let cursor = Cursor { epoch: 7, next_uid: 3, polled_at: time("2026-03-02T10:00:00Z") };
    let stored = ledger.store_many(&[incoming(&a, "1"), incoming(&b, "2")], Some((INBOX, cursor)), &stamp()).unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(ledger.cursor(INBOX).unwrap(), Some(cursor));
    assert_eq!(ledger.cursor("imap://elsewhere").unwrap(), None);

    let failed: Result<()> = ledger.batch(|ledger| {
        let next = Cursor { next_uid: 9, ..cursor };
        ledger.store_many(&[incoming(&c, "3")], Some((INBOX, next)), &stamp())?;
        ledger.append(&[event(Some("no-such-report"), None, What::Paused)], &stamp())
    });
    assert!(matches!(failed, Err(LedgerError::NotFound { .. })));
    assert_eq!(ledger.cursor(INBOX).unwrap(), Some(cursor));
    assert_eq!(sound(&ledger).messages, 2);
    // A step inside a batch that fails undoes itself alone.
    let kept: Result<Stored> = ledger.batch(|ledger| {
        assert!(ledger.append(&[event(Some("none"), None, What::Paused)], &stamp()).is_err());
        ledger.store(&incoming(&c, "3"), &stamp())
    });
    kept.unwrap();
    assert_eq!(sound(&ledger).messages, 3);
}

#[test]
fn what_a_killed_run_left_to_do_is_known() {
    let home = Home::new();
    let mut ledger = home.open();
    let stored = ledger.store(&incoming(&mail(1, 100), "1"), &stamp()).unwrap();
    drop(ledger);
    let mut ledger = home.open();
    assert_eq!(ledger.pending().unwrap(), [stored.id]);
    let events = opens_report(&stored.uid);
    let record = Record { message: stored.id, opened: &unopened(), tried_with: "keys-1", events: &events };
    ledger.record(&record, &stamp()).unwrap();
    assert!(ledger.pending().unwrap().is_empty());
    assert!(ledger.retryable("keys-1").unwrap().is_empty());
    assert_eq!(ledger.retryable("keys-2").unwrap(), [stored.id]);

    let value = opened(1, "now it opens");
    let again = Record { message: stored.id, opened: &value, tried_with: "keys-2", events: &[] };
    ledger.record(&again, &later(60)).unwrap();
    assert!(ledger.retryable("keys-3").unwrap().is_empty());
    assert_eq!(ledger.opened(stored.id).unwrap(), Some(value.clone()));
    assert_eq!(ledger.search("opens").unwrap(), [stored.uid.clone()]);
    let judged = ledger.events_of(&stored.uid).unwrap();
    assert_eq!(judged.iter().filter(|event| matches!(event.what, What::Judged { .. })).count(), 2);
    sound(&ledger);

    let mut limit = value;
    limit.quarantined = Some("decompression".into());
    ledger.record(&Record { message: stored.id, opened: &limit, tried_with: "k", events: &[] }, &later(90)).unwrap();
    assert_eq!(ledger.quarantined().unwrap(), [stored.id]);
    sound(&ledger);
}

#[test]
fn any_time_a_mail_names_can_be_stored() {
    let home = Home::new();
    let mut ledger = home.open();
    for (number, at) in
        ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-30T22:00:00.999999999Z"].iter().enumerate()
    {
        let raw = mail(number, 100);
        let stored = ledger.store(&Incoming { received_at: time(at), ..incoming(&raw, at) }, &stamp()).unwrap();
        let kept = ledger.message(stored.id).unwrap().received_at;
        assert!(kept.duration_until(time(at)).as_micros() == 0, "{at}");
    }
    sound(&ledger);
}

#[test]
fn a_uid_that_is_taken_gets_longer() {
    let home = Home::new();
    let mut ledger = home.open();
    let raw = mail(1, 100);
    let hash = ContentHash::of(&raw).to_string();
    // Forty bits are not made to clash in a test, so another mail is given the name by hand.
    let other = ledger.store(&incoming(&mail(2, 100), "2"), &stamp()).unwrap();
    drop(ledger);
    let conn = home.intruder();
    conn.execute_batch("DROP TRIGGER message_keeps").unwrap();
    conn.execute("UPDATE message SET uid = ?1 WHERE id = ?2", (&hash[..10], other.id.0)).unwrap();
    drop(conn);
    let mut ledger = home.open();
    assert_eq!(ledger.store(&incoming(&raw, "1"), &stamp()).unwrap().uid, hash[..11]);
    assert_eq!(ledger.resolve_message(&hash[..10]).unwrap().id, other.id, "the whole uid wins over a longer one");
    assert!(matches!(ledger.resolve_message(&hash[..6]), Err(LedgerError::Ambiguous { count: 2, .. })));
}
