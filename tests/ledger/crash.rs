//! Killed at any moment: what was reported stored is there, and all of it holds together.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sealpost::ledger::*;

use crate::sample::*;

const ROUNDS: u64 = 40;

/// Runs one of the ignored tests below in a process of its own, on this home.
fn child(home: &Home, test: &str, from: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("LEDGER_TEST_FOLDER", home.places().ledger.parent().unwrap())
        .env("LEDGER_TEST_FROM", from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn child_places() -> Places {
    let folder = PathBuf::from(std::env::var_os("LEDGER_TEST_FOLDER").unwrap());
    Places { ledger: folder.join("ledger.db"), key: folder.join("ledger.key") }
}

#[test]
fn killed_forty_times_it_loses_nothing() {
    let home = Home::new();
    let (mut told, mut from, mut replies, mut with_reports) = (Vec::<(usize, String)>::new(), 0, 0, 0);
    for round in 0..ROUNDS {
        let mut child = child(&home, "crash::a_child_stores_until_killed", from);
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::result::Result::ok);
        // Every fourth is killed at its birth; the others once they got to work, however slow the machine is.
        let first = if round % 4 == 0 { None } else { said.find(|line| line.starts_with("stored")) };
        // Pauses up to 60 ms without any pattern that matters.
        std::thread::sleep(Duration::from_micros(round * round * 2_654_435_761 % 60_000));
        child.kill().unwrap();
        for line in first.into_iter().chain(said) {
            let mut words = line.split(' ');
            // A last line that was cut off says nothing.
            if let (Some("stored"), Some(number), Some(uid), Some(".")) =
                (words.next(), words.next(), words.next(), words.next())
            {
                told.push((number.parse().unwrap(), uid.to_owned()));
            }
        }
        child.wait().unwrap();
        let ledger = home.open();
        let audit = sound(&ledger);
        for (number, uid) in &told {
            let found = ledger.by_content(&ContentHash::of(&mail(*number, 3000))).unwrap();
            assert_eq!(found.map(|row| row.uid).as_ref(), Some(uid), "round {round}");
        }
        for pending in ledger.pending().unwrap() {
            assert!(!ledger.raw(pending).unwrap().is_empty(), "what is not yet opened can be");
        }
        let waiting = ledger.outbox().unwrap();
        assert!(waiting.iter().all(|item| item.state != OutboxState::Sending));
        replies = waiting.len();
        with_reports = ledger.reports().unwrap().len();
        from = audit.messages as usize + 10;
    }
    println!("{ROUNDS} kills, {} told and kept, {with_reports} reports, {replies} replies", told.len());
    assert!(told.len() > 30 && with_reports > 0 && replies > 0, "the child got to work");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_child_stores_until_killed() {
    let mut ledger = Ledger::open_or_create(&child_places(), &stamp()).unwrap();
    let from: usize = std::env::var("LEDGER_TEST_FROM").unwrap().parse().unwrap();
    let mut out = std::io::stdout();
    for batch in (from..).step_by(5) {
        let raws: Vec<(usize, Vec<u8>, String)> =
            (batch..batch + 5).map(|number| (number, mail(number, 3000), number.to_string())).collect();
        let mails: Vec<Incoming<'_>> = raws.iter().map(|(_, raw, key)| incoming(raw, key)).collect();
        let cursor = Cursor { epoch: 7, next_uid: batch as u32 + 5, below: 2, polled_at: stamp().at };
        let stored = ledger.store_many(&mails, Some((INBOX, cursor)), &stamp()).unwrap();
        for ((number, _, _), stored) in raws.iter().zip(&stored) {
            writeln!(out, "stored {number} {} .", stored.uid).unwrap();
        }
        out.flush().unwrap();
        for ((number, _, _), stored) in raws.iter().zip(&stored) {
            let events = opens_report(&stored.uid);
            let value = opened(*number, "text of the report");
            ledger
                .record(&Record { message: stored.id, opened: &value, tried_with: "k", events: &events }, &stamp())
                .unwrap();
        }
        let number = queue(&mut ledger, &stored[0].uid, &format!("<r{batch}@example.org>")).unwrap();
        ledger.outbox_step(number, &Step::Send, &stamp()).unwrap();
        ledger.outbox_step(number, &Step::Sent, &stamp()).unwrap();
    }
}

#[test]
fn of_many_at_once_one_works_and_the_others_say_so() {
    let (mut worked, mut left) = (0, 0);
    for round in 0..10 {
        let home = Home::new();
        let start = std::sync::Barrier::new(16);
        let one = |number: usize| -> Result<()> {
            start.wait();
            let mut ledger = home.try_open()?;
            let raw = mail(number, 3000);
            ledger.store(&incoming(&raw, &number.to_string()), &stamp())?;
            home.read().audit().map(|audit| assert!(audit.ok, "{:?}", audit.problems))
        };
        let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..16)
                .map(|number| {
                    let one = &one;
                    scope.spawn(move || one(number))
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert!(matches!(&error, LedgerError::InUse { path } if *path == home.places().ledger), "{round}: {error}");
            left += 1;
        }
        assert_eq!(sound(&home.open()).messages as usize, stored);
        worked += stored;
    }
    println!("{worked} worked, {left} left");
    assert!(worked >= 10 && left > 0);
}

#[test]
fn a_second_writer_leaves_at_once_until_the_first_is_gone() {
    let home = Home::new();
    drop(home.open());
    let mut child = child(&home, "crash::a_child_holds_the_ledger", 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::result::Result::ok);
    assert!(lines.any(|line| line.contains("holding")), "the child holds the ledger");
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        let error = home.try_open().err().unwrap();
        assert!(error.is_in_use(), "{error}");
        let error = Ledger::open(&home.places().ledger, &home.key(), &stamp()).err().unwrap();
        assert!(error.is_in_use(), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits: {:?}", begun.elapsed());
    assert_eq!(home.read().pending().unwrap().len(), 1, "readers read meanwhile");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(home.read().pending().unwrap().len(), 1, "a reader needs no writer to have cleared up");
    assert_eq!(sound(&home.open()).messages, 1);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_child_holds_the_ledger() {
    let mut ledger = Ledger::open_or_create(&child_places(), &stamp()).unwrap();
    ledger.store(&incoming(&mail(1, 100), "1"), &stamp()).unwrap();
    println!("holding");
    std::thread::sleep(Duration::from_secs(60));
    drop(ledger);
}
