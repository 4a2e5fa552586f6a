//! SIGKILL: before every call, in the middle of every write, at every named place, and at any moment.

use std::collections::BTreeSet;
use std::time::Duration;

use sealpost::point;

use crate::bench::{Bench, project};
use crate::jobs::{Job, Ready};
use crate::support::fault::{Fault, count};
use crate::support::{figure, rounds};
use crate::{each, random, seed, spread};

/// Before each call, or in the middle of it.
fn at_every_call(job: Job, base: u64) {
    let ready = Ready::new(job);
    let calls = ready.calls("wsn");
    let all = calls.len() as u64;
    let cases: Vec<(&str, u64)> = spread(all, rounds(base))
        .into_iter()
        .map(|at| ("die", at))
        .chain(spread(all, rounds(base)).into_iter().map(|at| ("torn", all + 1 - at)))
        .collect();
    let (mut sent, mut unknown, mut kills) = (0, 0, 0);
    each(&ready, &cases, |ready, (mode, at)| {
        let ran = ready.disturb(&Fault { mode, at: *at, errno: 0, classes: "wsn" });
        // The number of calls differs by a few from run to run: what servers say comes in pieces.
        assert!(ran.status.is_none() || at + 20 > all, "it was not killed: {ran:?}");
        kills += u64::from(ran.status.is_none());
        let outcome = ready.mend();
        sent += outcome.sent;
        unknown += outcome.unknown;
    });
    let replies = if sent + unknown == 0 { String::new() } else { format!(", replies sent {sent}, unknown {unknown}") };
    figure("crash", &format!("{}: calls {all}, kills {kills}, lost 0, doubled 0{replies}", job.name()));
}

#[test]
fn a_poll_killed_at_any_call() {
    at_every_call(Job::Poll, 12);
}

#[test]
fn a_poll_of_a_maildir_killed_at_any_call() {
    at_every_call(Job::Maildir, 6);
}

#[test]
fn an_import_killed_at_any_call() {
    at_every_call(Job::Import, 6);
}

#[test]
fn a_reply_killed_at_any_call() {
    at_every_call(Job::Reply, 14);
}

#[test]
fn a_reply_by_a_program_killed_at_any_call() {
    at_every_call(Job::Sendmail, 6);
}

#[test]
fn an_outbox_killed_at_any_call() {
    at_every_call(Job::Outbox, 14);
}

#[test]
fn an_outbox_killed_while_it_is_put_off() {
    at_every_call(Job::Later, 10);
}

#[test]
fn an_outbox_killed_while_it_is_tried_again() {
    at_every_call(Job::Again, 10);
}

/// Every place of the table is come to, and killed at, by one job at least; places that a job comes to several times,
/// each time. (A migration has tests beside its code, since there may be no older schema; private files have one below.)
#[test]
fn killed_at_every_named_place() {
    let ready = [Job::Outbox, Job::Reply, Job::Poll, Job::Import, Job::Sendmail, Job::Later].map(Ready::new);
    let mut reached: BTreeSet<&str> = ["migrate.kept", "migrate.statement", "migrate.step", "migrate.done"].into();
    reached.extend(KEY_PLACES);
    let mut kills = 0;
    for (name, _) in point::ALL {
        for ready in ready.iter().filter(|ready| may_reach(ready.job, name)) {
            for time in 1..=rounds(1) {
                ready.reset();
                let ran = ready.bench.until(&ready.job.args(), &format!("{name}:{time}"));
                if ran.status.is_some() {
                    break;
                }
                kills += 1;
                reached.insert(name);
                each(ready, &[(name, time)], |ready, _| {
                    ready.mend();
                });
            }
        }
    }
    let missed: Vec<_> = point::ALL.iter().filter(|(name, _)| !reached.contains(name)).collect();
    assert!(missed.is_empty(), "no job comes to {missed:?}");
    figure("crash", &format!("named places {}, kills {kills}, lost 0, doubled 0", point::ALL.len()));
}

/// Jobs that never come to a place need not be run to show it.
fn may_reach(job: Job, place: &str) -> bool {
    match place.split('.').next().unwrap() {
        "birth" | "intake" => matches!(job, Job::Poll | Job::Import),
        "batch" => matches!(job, Job::Poll | Job::Reply),
        "poll" => matches!(job, Job::Poll | Job::Outbox),
        "post" if job == Job::Later => true,
        "import" => job == Job::Import,
        "reply" => job == Job::Reply,
        "post" | "copy" | "smtp" => matches!(job, Job::Reply | Job::Outbox),
        "command" => job == Job::Sendmail,
        "file" | "migrate" => false,
        _ => true,
    }
}

const KEY_PLACES: [&str; 2] = ["file.written", "file.named"];
const NEW_KEY: [&str; 4] = ["key", "generate", "made/new.pgp", "--no-passphrase"];

/// Killed or out of room while a team key is made: there is a whole key with its revocation beside it, or no key.
#[test]
fn a_key_is_made_whole_or_not_at_all() {
    let ready = Ready::new(Job::Outbox);
    let (key, revocation) = (ready.bench.path("made/new.pgp"), ready.bench.path("made/new.pgp.rev"));
    let fresh = || {
        ready.reset();
        ready.bench.write("made/keep", b"");
    };
    let sound = |ran: &dyn std::fmt::Debug| {
        assert!(!key.exists() || revocation.exists(), "{ran:?}");
        for path in [&key, &revocation].into_iter().filter(|path| path.exists()) {
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.trim_end().ends_with("-----"), "{path:?} is not whole: {ran:?}");
        }
    };
    for name in KEY_PLACES {
        for time in 1..=2 {
            fresh();
            let ran = ready.bench.until(&NEW_KEY, &format!("{name}:{time}"));
            assert_eq!(ran.status, None, "it does not come to {name} {time} times: {ran:?}");
            sound(&ran);
            // What is left lies in nobody's way: the same again, or where a name was given, another one.
            let again = ready.bench.run(&NEW_KEY);
            assert_eq!(again.done(), name == "file.written" && time == 1, "{again:?}");
            ready.bench.well(&["key", "generate", "made/other.pgp", "--no-passphrase"]);
        }
    }
    fresh();
    let all = count(&mut ready.bench.command(&NEW_KEY), &ready.bench.path(""), "ws").len() as u64;
    let mut told = 0;
    for (mode, errno) in [("full", 28), ("fail", 5), ("dead", 5)] {
        for at in 1..=all {
            fresh();
            let ran = ready.bench.disturbed(&NEW_KEY, &Fault { mode, at, errno, classes: "ws" });
            sound(&ran);
            assert!(ran.done() == key.exists() || mode != "full", "{ran:?}");
            if !ran.done() {
                told += 1;
                assert!(ran.words().contains("new.pgp"), "{ran:?}");
            }
        }
    }
    figure("crash", &format!("key generate: faults {}, told {told}, half a key 0", 3 * all));
}

/// Killed while it sets up: what it made is used or named by the next try, which ends with a ledger that takes mail.
#[test]
fn a_set_up_killed_anywhere_is_done_again() {
    let ready = Ready::new(Job::Maildir);
    let bench = &ready.bench;
    let inbox = bench.path("inbox").display().to_string();
    let init = |key: &[&'static str]| -> Vec<String> {
        let head = ["--config", "made/config.toml", "init", "--address", "security@example.org", "--maildir", &inbox];
        head.iter().chain(key).map(|word| (*word).to_owned()).collect()
    };
    let (mut kills, poll) = (0, ["--config", "made/config.toml", "poll"]);
    for place in
        KEY_PLACES.into_iter().chain(point::ALL.iter().map(|(name, _)| *name).filter(|n| n.starts_with("birth")))
    {
        for time in 1..=if place.starts_with("file") { 3 } else { 1 } {
            ready.reset();
            let args = init(&["--new-key"]);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let ran = bench.until(&args, &format!("{place}:{time}"));
            assert_eq!(ran.status, None, "{place}:{time}: {ran:?}");
            kills += 1;
            if !bench.path("made/config.toml").exists() {
                let refused = bench.run(&args);
                assert!(refused.done() || refused.words().contains("made/team.pgp"), "{refused:?}");
                if !refused.done() {
                    let key = bench.path("made/team.pgp").exists();
                    if !key {
                        // As the error says.
                        let _ = std::fs::remove_file(bench.path("made/team.pgp.rev"));
                    }
                    let again = init(if key { &["--key", "made/team.pgp"] } else { &["--new-key"] });
                    bench.well(&again.iter().map(String::as_str).collect::<Vec<_>>());
                }
            }
            let polled = bench.well(&poll);
            assert_eq!(polled["stored"], 40, "{place}:{time}: {polled}");
        }
    }
    figure("crash", &format!("init: kills {kills}, stuck 0"));
}

/// At a moment of its own choosing, and again while it goes on, until it is let be.
#[test]
fn killed_at_any_moment() {
    let mut numbers = seed();
    for job in [Job::Poll, Job::Outbox] {
        let ready = Ready::new(job);
        let cases: Vec<u64> = (0..rounds(6)).map(|_| random(&mut numbers)).collect();
        let (mut kills, mut ended) = (0, 0);
        each(&ready, &cases, |ready, number| {
            ready.reset();
            let mut moment = *number;
            for _ in 0..3 {
                let mut child = ready.bench.command(&job.args()).spawn().unwrap();
                // From before main to past the end of a run on a busy machine.
                std::thread::sleep(Duration::from_micros(random(&mut moment) % 150_000));
                child.kill().unwrap();
                let status = child.wait().unwrap();
                *if status.code().is_none() { &mut kills } else { &mut ended } += 1;
                ready.bench.servers.settle();
            }
            ready.mend();
        });
        figure(
            "crash",
            &format!("{}: kills at random moments {kills}, too late for {ended}, lost 0, doubled 0", job.name()),
        );
    }
}

/// A ledger of each older version, killed while it is brought up to date: what it holds is there, once, in the new one.
#[test]
fn an_old_ledger_killed_at_any_call() {
    let bench = Bench::new();
    let mut kills = 0;
    let folder = project("fixtures/ledger");
    let fixtures = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let fixtures: Vec<_> = fixtures.filter(|path| path.extension().is_some_and(|e| e == "db")).collect();
    assert!(!fixtures.is_empty());
    for old in fixtures {
        let args = ["poll", "--no-send"];
        let nothing = bench.state();
        bench.set(&nothing);
        bench.write("data/ledger.db", &std::fs::read(&old).unwrap());
        bench.write("data/ledger.key", &std::fs::read(old.with_extension("key")).unwrap());
        let begin = bench.state();
        bench.well(&args);
        let should = (bench.reports(), bench.ledger().audit().unwrap().messages, bench.ledger().outbox().unwrap());
        bench.set(&begin);
        let all = count(&mut bench.command(&args), &bench.path(""), "ws").len() as u64;
        for at in spread(all, rounds(8)) {
            bench.set(&begin);
            let ran = bench.disturbed(&args, &Fault { mode: "torn", at, errno: 0, classes: "ws" });
            kills += u64::from(ran.status.is_none());
            bench.well(&args);
            let audit = bench.ledger().audit().unwrap();
            assert!(audit.ok, "{old:?}, call {at}: {:?}", audit.problems);
            assert_eq!(
                (bench.reports(), audit.messages, bench.ledger().outbox().unwrap()),
                should,
                "{old:?}, call {at}"
            );
        }
        bench.set(&nothing);
    }
    figure("crash", &format!("old ledgers: kills {kills}, lost 0, doubled 0"));
}
