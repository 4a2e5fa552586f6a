//! The worker reads mail that was opened with a secret key, and has none.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open;
use sealpost::pgp::open::remote::{MAX_ANSWER, Remote};
use sealpost::verdict::EncryptionStatus;
use sealpost::worker::{Limits, Reader};
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::crypto::mpi::{PublicKey, SecretKeyMaterial as Numbers};
use openpgp::packet::key::SecretKeyMaterial;
use openpgp::parse::Parse;

use crate::liars::liar;
use crate::make::{People, context, fixtures, program, root};
use crate::support;

/// The secret numbers of a certificate, also turned round, as Curve25519 has them, and as native bytes.
fn secrets(cert: &Cert) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    for ka in cert.keys().secret() {
        let SecretKeyMaterial::Unencrypted(secret) = ka.key().secret() else { panic!("it is locked") };
        secret.map(|numbers| match numbers {
            Numbers::RSA { d, p, q, .. } => found.extend([d, p, q].map(|n| n.value().to_vec())),
            Numbers::ElGamal { x } => found.push(x.value().to_vec()),
            Numbers::DSA { x } => found.push(x.value().to_vec()),
            Numbers::EdDSA { scalar } | Numbers::ECDSA { scalar } | Numbers::ECDH { scalar } => {
                found.push(scalar.value().to_vec());
            }
            Numbers::X25519 { x } | Numbers::Ed25519 { x } => found.push(x.to_vec()),
            _ => {}
        });
    }
    let turned: Vec<Vec<u8>> = found.iter().map(|n| n.iter().rev().copied().collect()).collect();
    found.extend(turned);
    found
}

/// A number that a certificate shows to everybody.
fn public(cert: &Cert) -> Vec<u8> {
    match cert.primary_key().key().mpis() {
        PublicKey::RSA { n, .. } => n.value().to_vec(),
        PublicKey::EdDSA { q, .. } => q.value().to_vec(),
        PublicKey::DSA { y, .. } => y.value().to_vec(),
        other => panic!("{other:?}"),
    }
}

/// All memory of a process that can be read; `None` where we may not.
fn memory(pid: u32) -> Option<Vec<Vec<u8>>> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ')?;
        if !rest.starts_with('r') {
            continue;
        }
        let (start, end) = range.split_once('-')?;
        let number = |hex| u64::from_str_radix(hex, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(number(end) - number(start)).unwrap()];
        if memory.read_exact_at(&mut bytes, number(start)).is_ok() {
            found.push(bytes);
        }
    }
    Some(found)
}

fn holds(memory: &[Vec<u8>], needle: &[u8]) -> bool {
    // By the first bytes, which are rare, then by all.
    let first = &needle[..4];
    memory.iter().any(|map| map.windows(4).enumerate().any(|(at, some)| some == first && map[at..].starts_with(needle)))
}

/// Whatever a worker asks, the parent answers something short and stays well; and a question that was changed opens nothing else.
#[test]
fn no_question_hurts_the_parent() {
    let people = People::new();
    let (ring, mail) = (people.ring(), people.mail(1, b"hello\n"));
    let (own, certs) = ring.public().unwrap();
    let (public, held) = (Keyring::from_public(&own, &certs), ring.held());
    assert_eq!(public.held().len(), 0, "the public ring holds secrets");
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let asked = RefCell::new(Vec::new());
    let (mut opened_ones, mut closed) = (0, 0);
    for round in 0..support::rounds(400) {
        let (at, how, byte) = (random(4096), random(5), u8::try_from(random(256)).unwrap());
        let ask = |question: &[u8]| {
            asked.borrow_mut().push(question.to_vec());
            let mut question = question.to_vec();
            let at = at % question.len();
            match how {
                _ if round == 0 => {}
                0 => question[at] = byte,
                1 => question.truncate(at),
                2 => question.insert(at, byte),
                3 => question.splice(at..at, vec![byte; 9000]).for_each(drop),
                _ => question.rotate_left(at),
            }
            let answer = ring.answer(&question);
            assert!(!answer.is_empty() && answer.len() <= MAX_ANSWER);
            answer
        };
        let opened = open::open_with(&mail, &public, &Remote::new(&held, &ask), &context());
        match opened.verdict.encryption.status {
            EncryptionStatus::Encrypted => {
                assert_eq!(opened.text.trim(), "hello");
                opened_ones += 1;
            }
            _ => {
                assert_eq!(opened.text, "");
                closed += 1;
            }
        }
    }
    assert!(!asked.borrow().is_empty() && opened_ones > 0 && closed > 0, "{opened_ones} opened, {closed} not");
}

fn keys() -> (Vec<PathBuf>, Vec<Cert>) {
    let names = ["team.pgp", "team-elgamal.pgp", "rsa4096.pgp"];
    let files = names.map(|name| root().join("keys").join(name)).to_vec();
    let certs = files.iter().map(|file| Cert::from_file(file).unwrap()).collect();
    (files, certs)
}

/// A worker has no environment, no files and three pipes: what it is told is all that it can know.
#[test]
fn no_secret_key_is_told_to_the_worker() {
    let (files, certs) = keys();
    let (folder, mut reader) = liar("recorder", Keyring::load(&files, &[]).unwrap(), Limits::default());
    let (_, raw) = fixtures().swap_remove(0);
    let opened = reader.open(&raw, &context()).unwrap();
    assert_eq!(opened.quarantined.as_deref(), Some("a defect in sealpost met it, at recorded"));
    drop(reader);
    let told = [fs::read(folder.path().join("recorder.record")).unwrap()];
    for cert in &certs {
        assert!(holds(&told, &public(cert)), "the search finds nothing, not even {}", cert.fingerprint());
        for secret in secrets(cert).iter().filter(|secret| secret.len() >= 16) {
            assert!(!holds(&told, secret), "a secret of {} is told", cert.fingerprint());
        }
    }
}

/// The library keeps secret keys scrambled in memory, so this finds copies that got away, not the key where it belongs.
#[test]
fn no_secret_key_is_in_the_memory_of_the_worker() {
    let (files, certs) = keys();
    let mut reader = Reader::new(program(), Keyring::load(&files, &[]).unwrap(), Limits::default());
    let all = fixtures();
    let opened = all.iter().map(|(_, raw)| reader.open(raw, &context()).unwrap());
    let opened = opened.filter(|opened| opened.verdict.encryption.decrypted_with.is_some()).count();
    assert!(opened > 20, "too few mails were opened");
    let worker = reader.worker().unwrap();
    let Some(image) = memory(worker) else {
        // A process that is not dumpable shows itself to root alone, which is what holds for everybody else.
        assert!(!rustix::process::geteuid().is_root());
        return;
    };
    assert!(image.iter().map(Vec::len).sum::<usize>() > 1 << 20);
    let mut looked_for = 0;
    for cert in &certs {
        assert!(holds(&image, &public(cert)), "the search finds nothing, not even {}", cert.fingerprint());
        for secret in secrets(cert).iter().filter(|secret| secret.len() >= 16) {
            looked_for += 1;
            assert!(!holds(&image, secret), "a secret of {} is in the worker's memory", cert.fingerprint());
        }
    }
    assert!(looked_for > 10, "only {looked_for} numbers looked for");
}
