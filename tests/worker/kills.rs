//! Workers that are killed, stopped, starved and orphaned.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sealpost::pgp::open;
use sealpost::verdict::EncryptionStatus;
use sealpost::worker::Limits;

use crate::make::{FINDER, People, children, context, lives, long_text, program, signal};
use crate::support;

/// Too little for a long text, enough for a short one.
const LITTLE: u64 = 96 << 20;

#[test]
fn a_mail_that_needs_too_much_memory_is_set_aside_and_the_next_is_read() {
    let people = People::new();
    let mut reader = people.reader(Limits { memory: LITTLE, ..Limits::default() });
    let long = people.mail(1, &long_text(15 << 20));
    for round in 0..3 {
        let opened = reader.open(&long, &context()).unwrap();
        assert_eq!(opened.quarantined.as_deref(), Some("reading it took more than 96 MiB of memory"), "round {round}");
        assert_eq!(opened.text, "");
        assert_eq!(opened.verdict.encryption.status, EncryptionStatus::Unopened);
        assert_eq!(opened.header.sender().map(|a| a.address.as_str()), Some(FINDER), "who wrote is told");
        assert_eq!(opened.header.subject.as_deref(), Some("Report 1"));
        let next = reader.open(&people.mail(2, b"short\n"), &context()).unwrap();
        assert_eq!((next.text.trim(), next.quarantined), ("short", None));
    }
    let opened = people.reader(Limits::default()).open(&long, &context()).unwrap();
    assert_eq!((opened.text.len(), opened.quarantined), (long_text(15 << 20).len(), None), "with enough it is read");
}

#[test]
fn a_worker_that_stands_still_is_ended() {
    let people = People::new();
    let mut reader = people.reader(Limits { wall_ms: 700, ..Limits::default() });
    assert_eq!(reader.open(&people.mail(1, b"one\n"), &context()).unwrap().text.trim(), "one");
    let stopped = reader.worker().unwrap();
    signal(stopped, Signal::STOP);
    let opened = reader.open(&people.mail(2, b"two\n"), &context()).unwrap();
    assert_eq!(opened.quarantined.as_deref(), Some("reading it took more than 1 s"));
    assert_eq!(opened.header.subject.as_deref(), Some("Report 2"), "a fresh worker read the header");
    assert!(!lives(stopped), "the stopped worker is still there");
    let next = reader.open(&people.mail(3, b"three\n"), &context()).unwrap();
    assert_eq!((next.text.trim(), next.quarantined), ("three", None));
}

/// A worker that dies between two mails is nobody's fault.
#[test]
fn a_worker_killed_while_it_waits_costs_nothing() {
    let people = People::new();
    let mut reader = people.reader(Limits::default());
    let rounds = support::rounds(20);
    for round in 0..rounds {
        let text = format!("round {round}\n");
        let opened = reader.open(&people.mail(1, text.as_bytes()), &context()).unwrap();
        assert_eq!((opened.text.as_str(), opened.quarantined), (text.as_str(), None));
        signal(reader.worker().unwrap(), Signal::KILL);
    }
    support::figure("worker: killed while idle", &format!("kills {rounds}, mails lost 0, set aside 0"));
}

/// Whenever it is killed, the mail is read or set aside, and the next one is read.
#[test]
fn a_worker_killed_at_work_loses_no_mail() {
    let people = People::new();
    let long = people.mail(1, &long_text(3 << 20));
    let whole = open::open(&long, &people.ring(), &context());
    let short = people.mail(2, b"short\n");
    let (mut aside, mut read) = (0, 0);
    let rounds = support::rounds(40);
    for round in 0..rounds {
        let mut reader = people.reader(Limits::default());
        assert_eq!(reader.open(&short, &context()).unwrap().text.trim(), "short");
        let first = reader.worker().unwrap();
        let done = AtomicBool::new(false);
        let opened = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_micros(round * 37 % 20_000 * 4));
                signal(first, Signal::KILL);
                // Every second time the fresh ones too, until the mail is given up.
                while round % 2 == 1 && !done.load(Ordering::Relaxed) {
                    children_of_this_thread_group(first).into_iter().for_each(|pid| signal(pid, Signal::KILL));
                }
            });
            let opened = reader.open(&long, &context());
            done.store(true, Ordering::Relaxed);
            opened
        });
        match opened {
            Ok(opened) if opened.quarantined.is_none() => {
                assert_eq!(opened, whole);
                read += 1;
            }
            Ok(opened) => {
                let reason = opened.quarantined.unwrap();
                assert!(reason.contains("killed (signal 9)"), "{reason}");
                assert_eq!(opened.text, "");
                aside += 1;
            }
            // Killed before it could greet: nothing was read, and the caller keeps the mail for later.
            Err(e) => assert!(e.to_string().contains("does not start"), "{e}"),
        }
        assert_eq!(reader.open(&short, &context()).unwrap().text.trim(), "short", "round {round}");
    }
    support::figure("worker: killed at work", &format!("rounds {rounds}, read {read}, set aside {aside}, lost 0"));
    assert!(read > 0, "no mail was ever read");
}

/// Other tests of this program have workers too: only those younger than `first` that read for this thread are meant. The thread
/// that asks is the parent's main thread of the test, so its number tells.
fn children_of_this_thread_group(first: u32) -> Vec<u32> {
    children(std::process::id()).into_iter().filter(|pid| *pid == first).collect()
}

/// When the program is killed, its worker goes too, in whatever it is.
#[test]
fn no_worker_outlives_the_program() {
    let people = People::new();
    let folder = support::folder();
    let file = folder.path().join("long.eml");
    fs::write(&file, people.mail(1, &long_text(18 << 20))).unwrap();
    let mut orphans = 0;
    for _ in 0..support::rounds(10) {
        let mut command = Command::new(program());
        command.arg("--config").arg(folder.path().join("none.toml")).arg("open").arg(&file).env_clear();
        let mut child = command.env("HOME", folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        let worker = loop {
            match children(child.id()).first() {
                Some(worker) => break Some(*worker),
                None if !lives(child.id()) || Instant::now() > end => break None,
                None => {}
            }
        };
        if worker.is_some() {
            signal(child.id(), Signal::KILL);
        }
        child.wait().unwrap();
        let Some(worker) = worker else { continue };
        let end = Instant::now() + Duration::from_secs(10);
        while lives(worker) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(!lives(worker), "the worker {worker} lives on");
        orphans += 1;
    }
    assert!(orphans > 0, "no program was caught with its worker");
}
