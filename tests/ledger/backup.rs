//! Backups restored, ledgers rescued: at the level of the library, without encryption.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::params;
use sealpost::case::What;
use sealpost::ledger::*;

use crate::sample::*;
use crate::support::{figure, rounds};

/// A ledger with reports, and replies in every state that waits.
fn busy_home() -> Home {
    let home = Home::new();
    let mut ledger = home.open();
    for number in 1..=6 {
        let stored = file_report(&mut ledger, number, "text of it");
        queue(&mut ledger, &stored.uid, &format!("<r{number}@example.org>")).unwrap();
    }
    let steps: [(i64, &[Step]); 5] = [
        (2, &[Step::Send, Step::Failed("refused".into())]),
        (3, &[Step::Send, Step::Sent]),
        (4, &[Step::Send, Step::Unknown]),
        (5, &[Step::Drop]),
        (6, &[Step::Send]),
    ];
    for (number, steps) in steps {
        steps.iter().for_each(|step| ledger.outbox_step(number, step, &stamp()).unwrap());
    }
    let closed = What::Closed { reason: None, seen: None };
    let first = ledger.reports().unwrap()[0].uid.clone();
    ledger.append(&[event(Some(&first), None, closed)], &stamp()).unwrap();
    home
}

fn backup_of(home: &Home) -> (Vec<u8>, Manifest) {
    let snapshot = home.read().snapshot(&home.key(), stamp().at).unwrap();
    let mut bytes = Vec::new();
    snapshot.write_to(&mut bytes).unwrap();
    (bytes, snapshot.manifest().clone())
}

fn restore_into(home: &Home, bytes: &[u8], replace: bool) -> Result<Restored> {
    let places = home.places();
    let mut receiving = Receiving::begin(&places.ledger, KeyHome::File(places.key), replace)?;
    receiving.take(&mut &*bytes)?;
    receiving.finish(&later(60))
}

#[test]
fn a_restored_ledger_is_as_it_was_and_sends_nothing_by_itself() {
    let home = busy_home();
    let before = home.read();
    let (bytes, manifest) = backup_of(&home);
    assert_eq!(
        home.names(),
        ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.copy.lock", "ledger.db.lock", "ledger.key"]
    );
    let other = Home::new();
    let restored = restore_into(&other, &bytes, false).unwrap();
    assert_eq!(restored, Restored { manifest: manifest.clone(), held: 4, other_key: false, aside: None });
    let ledger = other.read();
    sound(&ledger);
    assert_eq!(other.key().to_hex(), home.key().to_hex());
    assert_eq!(ledger.device(), before.device());
    let states: Vec<&str> = ledger.outbox().unwrap().iter().map(|item| item.state.name()).collect();
    assert_eq!(states, ["unknown", "unknown", "sent", "unknown", "dropped", "unknown"]);
    // Everything that was there is there as it was, and what came is the restore's own.
    let (old, new) = (before.events().unwrap(), ledger.events().unwrap());
    assert!(old.iter().all(|event| new.contains(event)), "nothing is gone");
    let added: Vec<&What> = new.iter().filter(|event| !old.contains(event)).map(|event| &event.what).collect();
    // The one that was being sent is settled by the first opening, the others are held.
    let unknown = |outbox| What::SendUnknown { outbox };
    assert!(added.contains(&&unknown(1)) && added.contains(&&unknown(2)) && added.contains(&&unknown(6)), "{added:?}");
    assert!(added.contains(&&What::Restored { made_at: manifest.made_at, held: 4, other_key: false }), "{added:?}");
    assert_eq!(added.len(), 4, "and no claim that anything was handed over: {added:?}");
    for report in before.reports().unwrap() {
        let same = ledger.report(&report.uid).unwrap().unwrap();
        assert_eq!((same.id, same.received_at, same.reporter), (report.id, report.received_at, report.reporter));
    }
    let (at, good) = (manifest.made_at, Some(manifest.made_at));
    let last = LastBackup { at, verified: true, good, ..LastBackup::default() };
    assert_eq!(ledger.last_backup().unwrap(), Some(last));
}

#[test]
fn nothing_is_ever_restored_over_a_ledger() {
    let home = busy_home();
    let (bytes, _) = backup_of(&home);
    let mut ledger = home.open();
    file_report(&mut ledger, 7, "since");
    let head = ledger.head().unwrap();
    let busy = restore_into(&home, &bytes, true).unwrap_err();
    assert!(busy.is_in_use(), "{busy}");
    drop(ledger);
    let refused = patiently(|| restore_into(&home, &bytes, false)).unwrap_err();
    assert!(matches!(refused, LedgerError::InTheWay { .. }), "{refused}");
    assert!(home.read().knows_head(&head).unwrap(), "it is untouched");
    let restored = patiently(|| restore_into(&home, &bytes, true)).unwrap();
    assert!(!home.read().knows_head(&head).unwrap());
    let aside = restored.aside.unwrap().join("ledger.db");
    let old = Ledger::open_read(&aside, &home.key()).unwrap();
    assert!(old.knows_head(&head).unwrap(), "what was here is whole, aside");
    sound(&old);
    sound(&home.open());
    // A second time finds another name.
    let again = patiently(|| restore_into(&home, &bytes, true)).unwrap();
    assert_ne!(again.aside.unwrap().join("ledger.db"), aside);
}

/// A test beside this one may start a process just now, which for a moment holds a copy of our locks.
fn patiently<T>(work: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..1000 {
        match work() {
            Err(error) if error.is_in_use() => std::thread::sleep(std::time::Duration::from_millis(5)),
            other => return other,
        }
    }
    work()
}

#[test]
fn a_ledger_whose_key_lies_elsewhere_is_sealed_with_that_key() {
    let home = busy_home();
    let (bytes, _) = backup_of(&home);
    let other = Home::new();
    let key = LedgerKey::generate().unwrap();
    let mut receiving = Receiving::begin(&other.places().ledger, KeyHome::Elsewhere(key.clone()), false).unwrap();
    receiving.take(&mut bytes.as_slice()).unwrap();
    receiving.finish(&later(1)).unwrap();
    assert!(!other.places().key.exists());
    sound(&Ledger::open_read(&other.places().ledger, &key).unwrap());
    assert!(Ledger::open_read(&other.places().ledger, &home.key()).is_err());
}

#[test]
fn a_tampered_or_broken_backup_changes_nothing() {
    let home = busy_home();
    let (bytes, _) = backup_of(&home);
    let refused = |bytes: &[u8], why: &str| {
        let other = Home::new();
        let error = restore_into(&other, bytes, false).unwrap_err();
        assert!(matches!(&error, LedgerError::Backup { .. } | LedgerError::NotAKey { .. }), "{why}: {error}");
        assert_eq!(other.names(), ["ledger.db.lock"], "{why}");
    };
    for length in [0, 1, 511, 512, 2000, bytes.len() / 2, bytes.len() - 1024, bytes.len() - 1] {
        refused(&bytes[..length], "cut off");
    }
    let step = bytes.len() / 40;
    for at in (0..bytes.len() - 1024).step_by(step) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x40;
        let other = Home::new();
        // What says nothing (padding, the time of a member) may be anything.
        if restore_into(&other, &bad, false).is_err() {
            assert_eq!(other.names(), ["ledger.db.lock"], "byte {at}");
        } else {
            assert!(at < 4096, "byte {at}");
        }
    }
    // The ledger in it was tampered with by one who holds the key, who made the rest fit.
    let tampered = home.copy();
    let conn = tampered.intruder();
    conn.execute_batch("DROP TRIGGER raw_keeps; UPDATE raw SET bytes = x'00' WHERE message = 1").unwrap();
    drop(conn);
    refused(&backup_of(&tampered).0, "tampered");
}

#[test]
fn a_lost_key_comes_back_and_only_the_right_one() {
    let home = busy_home();
    let (bytes, _) = backup_of(&home);
    let foreign = backup_of(&busy_home()).0;
    let good = home.key().to_hex().to_string();
    let places = home.places();
    std::fs::remove_file(&places.key).unwrap();
    let give = |bytes: &[u8]| {
        let unpacked = Unpacked::for_its_key(&mut &*bytes, &places.ledger)?;
        restore_key(&unpacked, &places.ledger, &places.key)
    };
    assert!(matches!(patiently(|| give(&foreign)), Err(LedgerError::Unreadable { .. })));
    assert!(!places.key.exists());
    patiently(|| give(&bytes)).unwrap();
    assert_eq!(*home.key().to_hex(), good);
    assert!(matches!(patiently(|| give(&bytes)), Err(LedgerError::Exists { .. })));
    sound(&home.open());
}

/// What a restore that was killed leaves behind keeps an empty ledger from being made in its place.
#[test]
fn where_a_restore_was_cut_off_no_empty_ledger_is_made() {
    let home = Home::new();
    std::fs::write(home.file("ledger.db.restoring"), b"half").unwrap();
    assert!(matches!(home.refusal(), LedgerError::RestoreCutOff { .. }));
    assert!(matches!(
        Ledger::create(&home.places().ledger, &LedgerKey::generate().unwrap(), &stamp()),
        Err(LedgerError::RestoreCutOff { .. })
    ));
    assert_eq!(home.names(), ["ledger.db.lock", "ledger.db.restoring"]);
    let (bytes, _) = backup_of(&busy_home());
    patiently(|| restore_into(&home, &bytes, false)).unwrap();
    sound(&home.open());
    assert_eq!(home.names().iter().filter(|name| name.contains("restoring")).count(), 0);
}

/// Collects what is found.
#[derive(Default)]
struct Basket {
    mails: HashMap<i64, Vec<u8>>,
    times: HashMap<i64, Option<Timestamp>>,
    replies: usize,
    events: usize,
    history: Vec<String>,
}

impl Salvage for Basket {
    fn mail(&mut self, found: &Saved, raw: &[u8]) -> std::io::Result<()> {
        self.times.insert(found.number, found.received_at);
        assert!(self.mails.insert(found.number, raw.to_vec()).is_none(), "message {} came twice", found.number);
        Ok(())
    }

    fn reply(&mut self, _: i64, sealed: &[u8]) -> std::io::Result<()> {
        assert_eq!(sealed, b"sealed bytes");
        self.replies += 1;
        Ok(())
    }

    fn event(&mut self, line: &str) -> std::io::Result<()> {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
        self.events += 1;
        self.history.push(line.to_owned());
        Ok(())
    }
}

fn rescue(home: &Home) -> (Basket, Result<Salvaged>) {
    let (mut basket, work) = (Basket::default(), Home::new());
    let before = std::fs::read(home.places().ledger).unwrap();
    let found = Salvaged::read(&home.places().ledger, &home.key(), work.places().ledger.parent().unwrap(), &mut basket);
    assert_eq!(std::fs::read(home.places().ledger).unwrap(), before, "the damaged file is not touched");
    assert!(work.names().is_empty(), "the copy is gone: {:?}", work.names());
    (basket, found)
}

/// Thirty mails of all sizes, and everything else.
fn large_home() -> (Home, Vec<Vec<u8>>) {
    let home = busy_home();
    let mut ledger = home.open();
    let mut mails: Vec<Vec<u8>> = (1..=6).map(|number| mail(number, 200)).collect();
    for number in 7..=30 {
        let raw = mail(number, number * number * 40);
        ledger.store(&incoming(&raw, &number.to_string()), &stamp()).unwrap();
        mails.push(raw);
    }
    drop(ledger);
    (home, mails)
}

/// The pages of the file that hold a mail's bytes, by the tool that knows: what happens when they break.
#[test]
fn what_does_not_lie_on_a_damaged_page_is_rescued_to_the_byte() {
    let (template, mails) = large_home();
    let good = std::fs::read(template.places().ledger).unwrap();
    let pages = good.len() / 4096;
    let (mut saved, mut lost, mut mended, mut nothing, mut roots) = (0, 0, 0, 0, 0);
    let count = rounds(24);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..count {
        let home = template.copy();
        let mut bad = good.clone();
        // The first sixteen bytes are the salt, without which no page can be opened.
        match round % 3 {
            0 => bad[16 + random(good.len() - 16)] ^= 1 << random(8),
            1 => {
                let page = random(pages).max(1);
                bad[page * 4096..(page + 1) * 4096].fill(0);
            }
            _ => bad.truncate(good.len() / 2 + random(good.len() / 2)),
        }
        std::fs::write(home.places().ledger, &bad).unwrap();
        let (basket, found) = rescue(&home);
        let Ok(found) = found else {
            nothing += 1;
            continue;
        };
        for (number, raw) in &basket.mails {
            assert_eq!(raw, &mails[usize::try_from(*number).unwrap() - 1], "round {round}: message {number}");
            assert_eq!(basket.times[number], Some(time("2026-03-02T09:15:00Z")), "round {round}: message {number}");
        }
        assert_eq!(basket.mails.len(), found.saved.len());
        assert_eq!(basket.events as u64, found.events);
        assert_eq!(basket.replies as u64, found.replies);
        assert_eq!(
            found.saved.len() + found.lost.len(),
            mails.len(),
            "round {round}: every mail is told: {:?}",
            found.lost
        );
        // One flipped bit costs the mails of one page, unless it is the page that leads to all others.
        if round % 3 == 0 && found.saved.len() < 5 {
            roots += 1;
        }
        saved += found.saved.len();
        lost += found.lost.len();
        mended += u64::from(found.mended);
    }
    assert_eq!(nothing, 0, "something is always found");
    assert_eq!(roots, 0, "of {count} damaged ledgers {roots} hide all their mails");
    assert!(mended > 0 && lost > 0 && saved > lost, "{mended} mended, {saved} saved, {lost} lost");
    figure(
        "salvage",
        &format!(
            "{count} damaged ledgers, {saved} mails rescued to the byte, {lost} told lost, {mended} with a mended schema, {roots} that hide all for one bad page, 0 wrong"
        ),
    );
}

/// One bad page costs what lies on it, whichever it is: also where it is the one from which all others are found.
#[test]
fn one_bad_page_hides_no_others() {
    let (template, mails) = large_home();
    let good = std::fs::read(template.places().ledger).unwrap();
    let (all, whole) = rescue(&template);
    let whole = whole.unwrap();
    let (mut saved, mut lost, mut events_lost, mut replies_lost, mut worst) = (0, 0, 0, 0, 0);
    let pages = good.len() / 4096;
    for page in 0..pages {
        let home = template.copy();
        let mut bad = good.clone();
        bad[page * 4096 + 2000] ^= 4;
        std::fs::write(home.places().ledger, &bad).unwrap();
        let (basket, found) = rescue(&home);
        let found = found.unwrap_or_else(|e| panic!("page {page}: {e}"));
        for (number, raw) in &basket.mails {
            assert_eq!(raw, &mails[usize::try_from(*number).unwrap() - 1], "page {page}: message {number}");
            assert_eq!(basket.times[number], Some(time("2026-03-02T09:15:00Z")), "page {page}: message {number}");
        }
        assert!(basket.history.iter().all(|line| all.history.contains(line)), "page {page}: an event that never was");
        let told = (found.saved.len() + found.lost.len(), found.replies + found.replies_lost);
        assert_eq!(told, (mails.len(), whole.replies), "page {page}: everything is told");
        worst = worst.max(found.lost.len());
        saved += found.saved.len();
        lost += found.lost.len();
        events_lost += found.events_lost;
        replies_lost += found.replies_lost;
    }
    figure(
        "salvage-pages",
        &format!(
            "{pages} pages broken in turn: {saved} mails rescued to the byte, {lost} lost, at most {worst} by one page; {events_lost} events and {replies_lost} replies lost, 0 wrong"
        ),
    );
    // The smallest mails share a page; no page holds half of all.
    assert!(worst < mails.len() / 3, "one page hides {worst} mails");
    assert!(replies_lost <= 2 * whole.replies, "{replies_lost} replies lost");
}

/// A run was killed, so the last mail stands in the log only; and the page is broken from which all mails are found.
#[test]
fn what_only_the_log_holds_is_rescued_past_a_bad_root() {
    let (template, mut mails) = large_home();
    let root: u32 = template
        .intruder()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'raw'", [], |row| row.get(0))
        .unwrap();
    let store = |ledger: &mut Ledger, number: usize| {
        let raw = mail(number, 300);
        ledger.store(&incoming(&raw, &number.to_string()), &stamp()).unwrap();
        raw
    };
    // The first begins a page, on which the second lies too, so that no page above it is written.
    mails.push(store(&mut template.open(), 31));
    let mut ledger = template.open();
    mails.push(store(&mut ledger, 32));
    let killed = Home::new();
    for name in ["ledger.db", "ledger.db-wal", "ledger.key"] {
        std::fs::copy(template.file(name), killed.file(name)).unwrap();
    }
    let log = std::fs::read(killed.file("ledger.db-wal")).unwrap();
    let in_log: Vec<u32> =
        log[32..].chunks(24 + 4096).map(|frame| u32::from_be_bytes(frame[..4].try_into().unwrap())).collect();
    assert!(!in_log.is_empty() && !in_log.contains(&root), "{root}: {in_log:?}");
    drop(ledger);
    let mut bytes = std::fs::read(killed.places().ledger).unwrap();
    bytes[(root as usize - 1) * 4096 + 200] ^= 1;
    std::fs::write(killed.places().ledger, &bytes).unwrap();
    let (basket, found) = rescue(&killed);
    let found = found.unwrap();
    assert_eq!((found.saved.len(), found.lost.len()), (32, 0), "{:?}", found.lost);
    assert!((1..).zip(&mails).all(|(number, raw)| basket.mails.get(&number) == Some(raw)));
}

#[test]
fn a_whole_ledger_is_rescued_whole_and_a_wrong_key_rescues_nothing() {
    let (home, mails) = large_home();
    let (basket, found) = rescue(&home);
    let found = found.unwrap();
    assert!(!found.mended && found.lost.is_empty() && found.events_lost == 0 && found.replies_lost == 0, "{found:?}");
    assert_eq!((basket.mails.len(), basket.replies), (mails.len(), 6));
    assert_eq!(found.saved[0].mailbox.as_deref(), Some(INBOX));
    let wrong = home.copy();
    std::fs::remove_file(wrong.places().key).unwrap();
    LedgerKey::generate().unwrap().write_new(&wrong.places().key).unwrap();
    let (basket, found) = rescue(&wrong);
    assert!(matches!(found, Err(LedgerError::Unreadable { .. })), "{found:?}");
    assert!(basket.mails.is_empty() && basket.events == 0);
}

/// One who holds the key cannot keep a rescue busy for ever, nor crash it.
#[test]
fn a_hostile_ledger_is_rescued_in_bounded_time() {
    for sql in [
        "UPDATE sqlite_sequence SET seq = 9223372036854775807",
        "UPDATE sqlite_sequence SET seq = -5",
        "UPDATE event SET what = 'x', at = 9223372036854775807",
        "UPDATE message SET received_at = -9223372036854775807, direction = 'out'",
    ] {
        let home = busy_home();
        let conn = home.intruder();
        conn.execute_batch(
            "DROP TRIGGER event_keeps; DROP TRIGGER message_keeps; PRAGMA ignore_check_constraints = ON",
        )
        .unwrap();
        conn.execute_batch(sql).unwrap();
        drop(conn);
        let (basket, found) = rescue(&home);
        assert_eq!(found.unwrap().saved.len(), 6, "{sql}");
        assert_eq!(basket.mails.len(), 6, "{sql}");
    }
}

#[test]
fn an_anchor_finds_what_the_file_alone_does_not_tell() {
    let home = busy_home();
    let before = home.copy();
    let early = home.read().anchor(stamp().at).unwrap();
    let mut ledger = home.open();
    file_report(&mut ledger, 9, "text");
    let late = ledger.anchor(later(30).at).unwrap();
    for anchor in [&early, &late] {
        assert_eq!(ledger.against(anchor).unwrap(), None);
    }
    drop(ledger);
    let said = |ledger: &Ledger, anchor: &Anchor| ledger.against(anchor).unwrap().unwrap_or_default();
    // Rolled back as a whole.
    let old = before.read();
    sound(&old);
    assert_eq!(old.against(&early).unwrap(), None);
    assert!(said(&old, &late).contains("it was set back"), "{}", said(&old, &late));
    // Another ledger in its place.
    let other = busy_home().read();
    assert!(said(&other, &early).contains("the ledger was replaced"));
    // Rolled back, and then grown past the anchor.
    drop(old);
    let mut grown = before.open();
    (10..14).for_each(|number| drop(file_report(&mut grown, number, "later")));
    sound(&grown);
    assert!(said(&grown, &late).contains("the history was rewritten"));
    // The history rebuilt by one who holds the key: cut off and chained again, so that the ledger alone is sound.
    let forged = home.copy();
    forge(&forged, late.events - 3);
    let forged = forged.read();
    let audit = forged.audit().unwrap();
    assert!(!audit.problems.iter().any(|p| p.contains("is not what was recorded")), "{:?}", audit.problems);
    assert!(said(&forged, &late).contains("the history was rewritten"), "{}", said(&forged, &late));
    // An honest restore sets the ledger back as well, and the words say so.
    let (bytes, _) = backup_of(&before);
    let restored = patiently(|| restore_into(&home, &bytes, true));
    restored.unwrap();
    let words = said(&home.read(), &late);
    assert!(words.contains("set back") || words.contains("rewritten"), "{words}");
    assert!(words.contains("it was restored at"), "{words}");
}

/// Changes the author of an event and chains everything after it again, as one who holds the key and knows `chain.rs` can.
fn forge(home: &Home, from: u64) {
    use sha2::{Digest, Sha256};
    let conn = home.intruder();
    conn.execute_batch("DROP TRIGGER event_keeps").unwrap();
    let device: String = conn.query_row("SELECT name FROM device", [], |row| row.get(0)).unwrap();
    conn.execute("UPDATE event SET who = 'mallory' WHERE number = ?1", [i64::try_from(from).unwrap()]).unwrap();
    let mut before: Vec<u8> = conn
        .query_row("SELECT hash FROM event WHERE number = ?1", [i64::try_from(from - 1).unwrap()], |row| row.get(0))
        .unwrap();
    type Row = (i64, i64, String, String, String, String, Vec<u8>);
    let rows: Vec<Row> = conn
        .prepare(
            "SELECT number, at, who, report, message, what, evidence FROM event WHERE number >= ?1 ORDER BY number",
        )
        .unwrap()
        .query_map([i64::try_from(from).unwrap()], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?))
        })
        .unwrap()
        .map(|row| row.unwrap())
        .collect();
    for (number, at, who, report, message, what, evidence) in rows {
        let mut hash = Sha256::new();
        for field in
            [b"sealpost event 1".as_slice(), &before, device.as_bytes(), &number.to_be_bytes(), &at.to_be_bytes()]
        {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        for field in [who.as_bytes(), report.as_bytes(), message.as_bytes(), what.as_bytes(), &evidence] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        before = hash.finalize().to_vec();
        conn.execute("UPDATE event SET hash = ?1 WHERE number = ?2", params![before, number]).unwrap();
    }
    conn.execute("UPDATE device SET head = ?1", [&before]).unwrap();
    let trigger = "CREATE TRIGGER event_keeps      BEFORE UPDATE ON event    BEGIN SELECT RAISE (ABORT, 'the ledger only grows: event'); END";
    conn.execute_batch(trigger).unwrap();
}

#[test]
fn a_copy_of_a_damaged_ledger_is_no_backup() {
    let (home, _) = large_home();
    let mut bytes = std::fs::read(home.places().ledger).unwrap();
    let at = bytes.len() - 2000;
    bytes[at] ^= 1;
    std::fs::write(home.places().ledger, bytes).unwrap();
    let error = home.read().snapshot(&home.key(), stamp().at).err().unwrap().to_string();
    assert!(error.contains("ledger.db is damaged") || error.contains("malformed"), "{error}");
    assert!(!Path::new(&home.file("ledger.db.copy")).exists());
}
