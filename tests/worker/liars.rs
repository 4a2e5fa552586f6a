//! Programs that take the worker's place and say what no worker says: whatever a worker that was taken over could do.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use sealpost::pgp::keyring::Keyring;
use sealpost::report::Opened;
use sealpost::worker::{Limits, Reader, StartError};

use crate::make::{People, context, long_text, root};
use crate::support;

/// The lie, and the words in the reason.
const LIES: [(&str, &str); 27] = [
    ("status", "ended with status 7"),
    ("killed", "killed (signal 9)"),
    ("segv", "ended by signal 11"),
    ("memory", "more than 1024 MiB of memory"),
    ("stack", "more than the stack holds"),
    ("zeros", "makes no sense"),
    ("endless", "makes no sense"),
    ("too-long", "makes no sense"),
    ("promise", "more than 1 s"),
    ("half", "ended with status 0"),
    ("no-fields", "makes no sense"),
    ("fields", "makes no sense"),
    ("empty", "makes no sense"),
    ("deep", "makes no sense"),
    ("not-json", "makes no sense"),
    ("content", "makes no sense"),
    ("greets", "makes no sense"),
    ("flood", "more than 50 session keys"),
    ("questions", "more than 50 session keys"),
    ("long-ask", "makes no sense"),
    ("defect", "at src/2Jmail.rs:1forgedline"),
    ("closed", "makes no sense"),
    ("slow", "more than 1 s"),
    ("drip", "more than 1 s"),
    ("early", "makes no sense"),
    ("deaf", "more than 1 s"),
    ("spin", "more than 1 s of computing"),
];

pub fn liar(name: &str, ring: Keyring, limits: Limits) -> (tempfile::TempDir, Reader) {
    let folder = support::folder();
    let program = folder.path().join(name);
    symlink(root().join("tests/worker/liar.pl"), &program).unwrap();
    let reader = Reader::new(program, ring, limits);
    (folder, reader)
}

#[test]
fn every_lie_is_seen_through() {
    let people = People::new();
    let mail = people.mail(1, b"hello\n");
    // More than the pipes hold, for the one that does not listen.
    let long = people.mail(2, &long_text(24 << 20));
    for (lie, words) in LIES {
        // The one that spins is to be ended by its own limit.
        let wall_ms = if lie == "spin" { 60_000 } else { 1_000 };
        let limits = Limits { wall_ms, cpu_s: 1, questions: 50, ..Limits::default() };
        let (_folder, mut reader) = liar(lie, people.ring(), limits);
        let begun = Instant::now();
        let opened = reader.open(if lie == "deaf" { &long } else { &mail }, &context()).unwrap();
        let reason = opened.quarantined.clone().unwrap_or_else(|| panic!("{lie} was believed"));
        assert!(reason.contains(words), "{lie}: {reason}");
        assert_eq!(opened, Opened::unread(&reason), "{lie} told something");
        assert!(begun.elapsed() < Duration::from_secs(40), "{lie} took {:?}", begun.elapsed());
    }
    support::figure("worker: liars", &format!("lies {}, believed 0", LIES.len()));
}

/// Without a worker there is an error, and no mail is blamed.
#[test]
fn what_does_not_greet_is_no_worker() {
    let people = People::new();
    for name in ["rude", "gone", "liar"] {
        let (_folder, mut reader) = liar(name, people.ring(), Limits::default());
        let failed = reader.open(&people.mail(1, b"hello\n"), &context());
        assert!(matches!(failed, Err(StartError::Greeting(_))), "{name}: {failed:?}");
    }
    let mut reader = Reader::new("/nowhere/sealpost".into(), people.ring(), Limits::default());
    assert!(matches!(reader.open(b"Subject: x\n\nx\n", &context()), Err(StartError::Spawn(_))));
    let mut reader = Reader::new("/bin/true".into(), people.ring(), Limits::default());
    assert!(matches!(reader.open(b"Subject: x\n\nx\n", &context()), Err(StartError::Greeting(_))));
}
