//! Figures that must not slip. Generous bounds: the machine is shared; the figures are printed.

use std::time::{Duration, Instant};

use sealpost::ledger::*;

use crate::sample::*;

#[test]
fn two_thousand_mails_and_lists_of_many_reports() {
    let home = Home::new();
    let mut ledger = home.open();
    let begun = Instant::now();
    store(&mut ledger, 2000, 10 * 1024);
    let stored = begun.elapsed();
    println!("2,000 mails of 10 KiB stored in {stored:?}");
    assert!(stored < Duration::from_secs(6), "{stored:?}");

    let home = Home::new();
    let mut ledger = home.open();
    let begun = Instant::now();
    let ids = store(&mut ledger, 10_000, 1024);
    let text = "a heap overflow in the cookie parser that an attacker reaches ".repeat(20);
    for chunk in ids.chunks(200) {
        let done: Result<()> = ledger.batch(|ledger| {
            chunk.iter().try_for_each(|stored| {
                let number = stored.id.0 as usize;
                let events = opens_report(&stored.uid);
                let value = opened(number, &text);
                ledger
                    .record(&Record { message: stored.id, opened: &value, tried_with: "k", events: &events }, &stamp())
            })
        });
        done.unwrap();
    }
    println!("10,000 reports stored and filed in {:?}", begun.elapsed());
    drop(ledger);

    let begun = Instant::now();
    let ledger = home.open();
    println!("opened in {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(ledger.reports().unwrap().len(), 10_000);
    let rows = begun.elapsed();
    let begun = Instant::now();
    let events = ledger.events().unwrap().len();
    let history = begun.elapsed();
    println!("10,000 reports listed in {rows:?}, their {events} events in {history:?}");
    assert!(rows + history < Duration::from_millis(1500), "{rows:?} {history:?}");
    let begun = Instant::now();
    assert_eq!(ledger.search("heap 777").unwrap().len(), 11);
    assert_eq!(ledger.pending().unwrap().len() + ledger.retryable("x").unwrap().len(), 0);
    println!("searched, and asked what is pending, in {:?}", begun.elapsed());
    let begun = Instant::now();
    sound(&ledger);
    println!("audited in {:?}", begun.elapsed());
}

fn store(ledger: &mut Ledger, count: usize, size: usize) -> Vec<Stored> {
    let mut all = Vec::new();
    for first in (0..count).step_by(100) {
        let raws: Vec<(Vec<u8>, String)> = (first..first + 100).map(|n| (mail(n, size), n.to_string())).collect();
        let mails: Vec<Incoming<'_>> = raws.iter().map(|(raw, key)| incoming(raw, key)).collect();
        all.extend(ledger.store_many(&mails, None, &stamp()).unwrap());
    }
    all
}
