//! The disk fails at the k-th call, fills, may no longer be written; a write takes half; a connection breaks. What is told
//! is true, what is told is an error with words, and once the fault has gone everything is as if it had not been.

use crate::jobs::{Job, Ready};
use crate::support::fault::Fault;
use crate::support::{figure, rounds};
use crate::{each, spread};

const EIO: i32 = 5;
const EROFS: i32 = 30;
const ENOSPC: i32 = 28;
const ECONNRESET: i32 = 104;

/// What is done, with which error, to which calls, and how often in a short run.
const FAULTS: &[(&str, i32, &str, u64)] = &[
    ("fail", EIO, "w", 4),
    ("fail", EIO, "s", 4),
    ("fail", EIO, "r", 3),
    ("fail", ENOSPC, "w", 2),
    ("full", ENOSPC, "w", 5),
    ("dead", EIO, "wsr", 3),
    ("dead", EROFS, "w", 2),
    ("short", 0, "w", 3),
];

/// The same, less often: what differs is one step.
const FAULTS_LATER: &[(&str, i32, &str, u64)] =
    &[("fail", EIO, "w", 3), ("fail", EIO, "s", 3), ("full", ENOSPC, "w", 3), ("dead", EIO, "wsr", 3)];

fn at_every_call(job: Job, faults: &[(&str, i32, &str, u64)]) {
    let ready = Ready::new(job);
    let mut cases = Vec::new();
    for (mode, errno, classes, base) in faults {
        let all = ready.calls(classes).len() as u64;
        cases.extend(spread(all, rounds(*base)).into_iter().map(|at| (*mode, *errno, *classes, at)));
    }
    let (mut told, mut unknown) = (0, 0);
    each(&ready, &cases, |ready, (mode, errno, classes, at)| {
        let ran = ready.disturb(&Fault { mode, at: *at, errno: *errno, classes });
        assert!(ran.status.is_some(), "it was killed: {ran:?}");
        ready.is_true(&ran);
        if *mode == "short" {
            assert!(ran.done(), "a write that takes half is no error: {ran:?}");
        }
        told += u64::from(!ran.done());
        unknown += ready.mend().unknown;
    });
    let waiting = if unknown == 0 { String::new() } else { format!(", replies left to a person {unknown}") };
    figure(
        "crash",
        &format!("{}: faults {}, told {told}, false words 0, lost 0, doubled 0{waiting}", job.name(), cases.len()),
    );
}

#[test]
fn a_disk_that_fails_under_a_poll() {
    at_every_call(Job::Poll, FAULTS);
}

#[test]
fn a_disk_that_fails_under_an_import() {
    at_every_call(Job::Import, FAULTS);
}

#[test]
fn a_disk_that_fails_under_a_reply() {
    at_every_call(Job::Reply, FAULTS);
}

#[test]
fn a_disk_that_fails_under_an_outbox() {
    at_every_call(Job::Outbox, FAULTS);
}

#[test]
fn a_disk_that_fails_under_an_outbox_that_is_put_off() {
    at_every_call(Job::Later, FAULTS_LATER);
}

/// The log is carried over into the file, and in the middle of a page the process dies or the disk is full: the page is whole
/// in the log, so that an audit, which only reads, has nothing to complain of.
#[test]
fn a_page_half_carried_over_is_no_damage() {
    let ready = Ready::new(Job::Poll);
    let calls = ready.calls("w");
    let carried: Vec<u64> = (1..)
        .zip(&calls)
        .filter(|(_, (_, call, name))| call == "pwrite" && name == "ledger.db")
        .map(|(at, _)| at)
        .collect();
    assert!(carried.len() > 10, "{calls:?}");
    let picked: Vec<u64> = spread(carried.len() as u64, rounds(5)).iter().map(|i| carried[*i as usize - 1]).collect();
    let cases: Vec<(&str, u64)> = picked.iter().flat_map(|at| [("torn", *at), ("full", *at)]).collect();
    each(&ready, &cases, |ready, (mode, at)| {
        let ran = ready.disturb(&Fault { mode, at: *at, errno: ENOSPC, classes: "w" });
        assert!(ran.status.is_none() || *mode == "full", "{ran:?}");
        let audit = ready.bench.well(&["audit"]);
        assert_eq!(audit["ok"], true, "{audit}");
        ready.mend();
    });
    figure("crash", &format!("pages half carried over {}, taken for damage 0", cases.len()));
}

/// Cut on our side, at each call to a server.
#[test]
fn a_connection_that_breaks_under_replies() {
    at_every_call(Job::Outbox, &[("fail", ECONNRESET, "n", 12), ("dead", ECONNRESET, "n", 8)]);
}
