//! Workers that are killed, stopped, starved and orphaned.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sealpost::pgp::open;
use sealpost::verdict::EncryptionStatus;
use sealpost::worker::Limits;

use crate::make::{FINDER, People, children, context, lives, long_text, program, signal};
use crate::support;

/// Too little for a long text, enough for a short one.
const LITTLE: u64 = 56 << 20;

#[test]
fn a_mail_that_needs_too_much_memory_is_set_aside_and_the_next_is_read() {
    let people = People::new();
    let mut reader = people.reader(Limits { memory: LITTLE, ..Limits::default() });
    let long = people.mail(1, &long_text(15 << 20));
    for round in 0..3 {
        let opened = reader.open(&long, &context()).unwrap();
        assert_eq!(opened.quarantined.as_deref(), Some("reading it took more than 56 MiB of memory"), "round {round}");
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

/// A worker that read other mail before and is killed over this one is replaced, and the mail read all the same.
#[test]
fn a_worker_killed_at_work_is_replaced() {
    let people = People::new();
    let long = people.mail(1, &long_text(3 << 20));
    let whole = open::open(&long, &people.ring(), &context());
    let mut reader = people.reader(Limits::default());
    let rounds = support::rounds(20);
    let mut replaced = 0;
    for round in 0..rounds {
        reader.open(&people.mail(2, b"short\n"), &context()).unwrap();
        let first = reader.worker().unwrap();
        let opened = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(round * 7 % 60));
                signal(first, Signal::KILL);
            });
            reader.open(&long, &context()).unwrap()
        });
        assert_eq!(opened, whole, "round {round}");
        replaced += usize::from(reader.worker() != Some(first));
    }
    support::figure(
        "worker: killed at work",
        &format!("kills {rounds}, replaced {replaced}, mails lost 0, set aside 0"),
    );
    assert!(replaced > 0, "no kill came while it worked");
}

/// However many are killed, the program says what it knows and ends by itself.
#[test]
fn a_program_whose_workers_are_all_killed_says_so() {
    let people = People::new();
    let folder = support::folder();
    let file = folder.path().join("long.eml");
    fs::write(&file, people.mail(1, &long_text(18 << 20))).unwrap();
    let (mut kills, mut aside, mut read, mut none) = (0, 0, 0, 0);
    let rounds = support::rounds(30);
    for round in 0..rounds * 10 {
        // On a loaded machine, a few more rounds until one killed a worker in the middle of a mail.
        if round >= rounds && aside > 0 {
            break;
        }
        let mut command = Command::new(program());
        command.arg("--json").arg("open").arg(&file).env_clear();
        command.env("HOME", folder.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let number = child.id();
        let output = std::thread::spawn(move || child.wait_with_output().unwrap());
        // The first worker, or the first two, or all of them, each some time after it was seen.
        let most = [1, 2, usize::MAX][usize::try_from(round % 3).unwrap()];
        let mut killed = Vec::new();
        while !output.is_finished() && killed.len() < most {
            for worker in children(number).into_iter().filter(|pid| !killed.contains(pid)).collect::<Vec<_>>() {
                std::thread::sleep(Duration::from_millis(round * 5 % if round < rounds { 40 } else { 300 }));
                signal(worker, Signal::KILL);
                killed.push(worker);
                kills += 1;
            }
        }
        let output = output.join().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it prints a document");
        match (output.status.code(), told["quarantined"].as_str()) {
            (Some(1), _) => {
                assert!(told["error"]["message"].as_str().unwrap().contains("does not start"), "{told}");
                none += 1;
            }
            (Some(3), Some(reason)) => {
                assert!(reason.contains("killed (signal 9)"), "{reason}");
                aside += 1;
            }
            (Some(0 | 3), None) => read += 1,
            _ => panic!("{:?}: {told}", output.status),
        }
    }
    let words =
        format!("rounds {rounds}, kills {kills}: read {read}, set aside {aside}, could not start {none}, other 0");
    support::figure("worker: killed under the program", &words);
    assert!(kills > 0 && aside > 0, "{words}");
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
        command.arg("open").arg(&file).env_clear();
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
