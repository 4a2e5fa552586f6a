//! What the worker gives is what opening in one's own process gives, and it can do nothing else.

use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open;
use sealpost::worker::{Landlock, Limits, Reader};

use crate::make::{People, context, fixtures, program, root};

fn keys() -> Keyring {
    let key = |name: &str| root().join("keys").join(name);
    let secret = ["team.pgp", "team-elgamal.pgp", "team-expired.pgp", "team-locked.pgp"].map(key);
    Keyring::load(&secret, &["finder.pgp", "rsa4096.pgp"].map(key)).unwrap()
}

#[test]
fn every_mail_reads_the_same_as_without_a_worker() {
    let ring = keys();
    let mut reader = Reader::new(program(), keys(), Limits::default());
    assert_eq!(reader.worker(), None, "a worker runs before there is anything to read");
    let (mut opened_ones, mut parts) = (0, 0);
    let mut first = None;
    for (name, raw) in fixtures() {
        let alone = open::open(&raw, &ring, &context());
        let opened = reader.open(&raw, &context()).unwrap();
        assert_eq!(opened, alone, "{name}");
        opened_ones += usize::from(opened.verdict.encryption.decrypted_with.is_some());
        for part in opened.parts.iter().take(4) {
            let alone = open::part(&raw, &ring, &context(), &part.path);
            assert_eq!(reader.part(&raw, &context(), &part.path).unwrap(), alone, "{name}, part {}", part.path);
            parts += usize::from(alone.is_some());
        }
        assert!(reader.part(&raw, &context(), "99.99").unwrap().is_none());
        assert_eq!(*first.get_or_insert(reader.worker()), reader.worker(), "{name} ended the worker");
    }
    assert!(opened_ones > 20 && parts > 20, "only {opened_ones} were opened, {parts} parts read");
}

/// GnuPG's keys and others are asked for by fingerprint; one that nobody has must not be answered.
#[test]
fn a_ring_without_secrets_opens_nothing() {
    let people = People::new();
    let mail = people.mail(1, b"hello\n");
    let public = Keyring::from_certs(vec![people.team.clone().strip_secret_key_material()], Vec::new());
    let opened = Reader::new(program(), public, Limits::default()).open(&mail, &context()).unwrap();
    assert_eq!(opened.text, "");
    assert!(opened.verdict.encryption.reason.unwrap().contains("secret is neither in a file"));
    let opened = people.reader(Limits::default()).open(&mail, &context()).unwrap();
    assert_eq!(opened.text.trim(), "hello");
}

#[test]
fn what_is_forbidden_is_refused() {
    let mut reader = People::new().reader(Limits::default());
    let probe = reader.probe().unwrap();
    let names: Vec<&str> = probe.trials.iter().map(|t| t.what.as_str()).collect();
    assert_eq!(names, ["files", "network", "programs", "signals"]);
    for trial in &probe.trials {
        assert!(trial.refused.is_some(), "{} was not refused; the cell: {:?}", trial.what, probe.sandbox);
    }
    assert!(probe.sandbox.limits);
    assert_eq!(probe.sandbox.seccomp, cfg!(any(target_arch = "x86_64", target_arch = "aarch64")));
    let status = std::fs::read_to_string(format!("/proc/{}/status", reader.worker().unwrap())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2") == probe.sandbox.seccomp, "{status}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", reader.worker().unwrap())).unwrap();
    for (name, most) in [("Max open files", "3"), ("Max file size", "0"), ("Max core file size", "0")] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line[name.len()..].split_whitespace().take(2).collect::<Vec<_>>(), [most, most], "{line}");
    }
    if probe.sandbox.landlock == Landlock::None {
        println!("this kernel has no Landlock");
    }
}

/// Descriptors that this process inherited without its doing are of no use in there; its own are closed on the way.
#[test]
fn the_worker_has_three_descriptors() {
    let _file = std::fs::File::open("/proc/self/status").unwrap();
    let _listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut reader = People::new().reader(Limits::default());
    reader.probe().unwrap();
    // Of a process that is not dumpable only root sees them.
    let Ok(list) = std::fs::read_dir(format!("/proc/{}/fd", reader.worker().unwrap())) else { return };
    let mut names: Vec<String> = list.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["0", "1", "2"]);
}
