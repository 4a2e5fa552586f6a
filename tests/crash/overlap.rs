//! Many at once: one works, the others say so and leave.

use std::process::Child;

use crate::bench::Ran;
use crate::jobs::{Job, Ready};
use crate::support::fault::Fault;
use crate::support::{figure, rounds};
use crate::{each, spread};

const AT_ONCE: usize = 50;

/// As many as cron could ever start.
#[test]
fn fifty_polls_at_once() {
    let ready = Ready::new(Job::Poll);
    let cases: Vec<u64> = (1..=rounds(2)).collect();
    let (mut worked, mut left) = (0, 0);
    each(&ready, &cases, |ready, _| {
        ready.reset();
        let children: Vec<Child> =
            (0..AT_ONCE).map(|_| ready.bench.command(&ready.job.args()).spawn().unwrap()).collect();
        let before = worked;
        for child in children {
            let ran = Ran::of(&child.wait_with_output().unwrap());
            match ran.status {
                Some(0 | 3) => worked += 1,
                Some(4) => left += 1,
                _ => panic!("{ran:?}"),
            }
            speaks_plainly(&ran);
        }
        assert!(worked > before, "nobody did the work");
        ready.bench.servers.settle();
        ready.mend();
    });
    figure(
        "crash",
        &format!("{} rounds of {AT_ONCE} polls: worked {worked}, left with 4 {left}, lost 0, doubled 0", cases.len()),
    );
}

/// Replies wait, the server puts them off once each, and many polls come at once, as after a machine was asleep: each reply
/// is taken once.
#[test]
fn many_polls_at_once_send_a_reply_once() {
    let (mut sent, mut polls) = (0, 0);
    for job in [Job::Outbox, Job::Later, Job::Again] {
        let ready = Ready::new(job);
        let cases: Vec<u64> = (1..=rounds(2)).collect();
        each(&ready, &cases, |ready, _| {
            ready.reset();
            let children: Vec<Child> =
                (0..AT_ONCE / 3).map(|_| ready.bench.command(&ready.job.args()).spawn().unwrap()).collect();
            for child in children {
                let ran = Ran::of(&child.wait_with_output().unwrap());
                assert!(matches!(ran.status, Some(0 | 3 | 4)), "{ran:?}");
                speaks_plainly(&ran);
                polls += 1;
            }
            ready.bench.servers.settle();
            let outcome = ready.mend();
            assert_eq!((outcome.sent, outcome.unknown), (2, 0));
            sent += outcome.sent;
        });
    }
    figure("crash", &format!("{polls} polls at once on waiting replies: sent {sent}, doubled 0"));
}

fn speaks_plainly(ran: &Ran) {
    for word in ["locked", "busy", "database", "panicked"] {
        assert!(!ran.stdout.contains(word) && !ran.stderr.contains(word), "{ran:?}");
    }
    if ran.status == Some(4) {
        assert_eq!(ran.json()["error"]["kind"], "in_use");
        assert!(ran.stderr.lines().count() <= 1, "{ran:?}");
    }
}

/// A poll that stands still holding the ledger: others that write leave with 4, those that read, read.
#[test]
fn a_poll_that_stands_still_keeps_nobody() {
    let ready = Ready::new(Job::Outbox);
    let calls = ready.calls("ws");
    // Before its first look at the ledger it may not have the lock.
    let first = calls.iter().position(|(_, _, name)| name == "ledger.db").unwrap() as u64 + 2;
    let cases: Vec<u64> = spread(calls.len() as u64 - first, rounds(4)).into_iter().map(|at| first + at).collect();
    let (mut read, mut refused) = (0, 0);
    each(&ready, &cases, |ready, at| {
        ready.reset();
        let mut command = ready.bench.command(&ready.job.args());
        Fault { mode: "stop", at: *at, errno: 0, classes: "ws" }.on(&mut command, &ready.bench.path(""));
        let child = command.spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        if stands_still(pid) {
            let polls = ready.bench.run(&["poll"]);
            assert_eq!(polls.status, Some(4), "{polls:?}");
            speaks_plainly(&polls);
            for args in [&["list", "--all"][..], &["show", "1"], &["audit"], &["outbox"]] {
                let ran = ready.bench.run(args);
                assert!(matches!(ran.status, Some(0 | 4)), "{args:?}: {ran:?}");
                speaks_plainly(&ran);
                *if ran.done() { &mut read } else { &mut refused } += 1;
            }
            let marks = ready.bench.run(&["mark", "1", "valid"]);
            assert_eq!(marks.status, Some(4), "{marks:?}");
            speaks_plainly(&marks);
            rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        }
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert!(ran.done(), "{ran:?}");
        ready.bench.servers.settle();
        assert_eq!(ready.mend().sent, 2);
    });
    assert!(read > refused, "{read} of {}", read + refused);
    figure(
        "crash",
        &format!("a poll that stands still, {} times: readers read {read}, left with 4 {refused}", cases.len()),
    );
}

/// Waits until the process is stopped; false where it has ended.
fn stands_still(pid: rustix::process::Pid) -> bool {
    loop {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        match text.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()) {
            Some('T') => return true,
            Some('Z') | None => return false,
            _ => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
}

/// A reply that is written while a poll is at work waits for it and goes out.
#[test]
fn a_reply_waits_for_a_poll() {
    let ready = Ready::new(Job::Reply);
    ready.reset();
    let mut command = ready.bench.command(&["poll"]);
    Fault { mode: "stop", at: 1, errno: 0, classes: "n" }.on(&mut command, &ready.bench.path(""));
    let poll = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&poll);
    assert!(stands_still(pid), "the poll did not stop");
    let mut reply = ready.bench.command(&ready.job.args()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(reply.try_wait().unwrap().is_none(), "it did not wait");
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(Ran::of(&poll.wait_with_output().unwrap()).done());
    let ran = Ran::of(&reply.wait_with_output().unwrap());
    assert!(ran.done(), "{ran:?}");
    ready.bench.servers.settle();
    assert_eq!(ready.mend().sent, 1);
}
