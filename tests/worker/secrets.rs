//! The worker reads mail that was opened with a secret key, and has none.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use sealpost::worker::{Limits, Reader};
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::crypto::mpi::{PublicKey, SecretKeyMaterial as Numbers};
use openpgp::packet::key::SecretKeyMaterial;
use openpgp::parse::Parse;
use sealpost::pgp::keyring::Keyring;

use crate::make::{context, fixtures, program, root};

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

#[test]
fn no_secret_key_is_in_the_memory_of_the_worker() {
    let names = ["team.pgp", "team-elgamal.pgp", "rsa4096.pgp"];
    let files = names.map(|name| root().join("keys").join(name));
    let certs: Vec<Cert> = files.iter().map(|file| Cert::from_file(file).unwrap()).collect();
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
