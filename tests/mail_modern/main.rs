//! What RFC 9580 and the drafts after it brought: keys of version 6, SEIPDv2 in its modes, post-quantum algorithms, hidden
//! recipients. Keys and messages are made here by the library itself, and opened by sealpost; what sealpost makes for such keys
//! is opened again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod keys;
#[path = "../support/letter.rs"]
mod letter;
mod packets;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::{self, Context};
use sealpost::pgp::seal::{Recipient, SigningKey, seal};
use sealpost::verdict::{EncryptionStatus, SignatureStatus};
use sequoia_openpgp as openpgp;

use openpgp::cert::prelude::*;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Armorer, Encryptor, LiteralWriter, Message, Recipient as To, Signer};
use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use openpgp::{Cert, Profile};

const TEAM: &str = "security@example.org";
const FINDER: &str = "finder@example.net";

fn now() -> Timestamp {
    "2026-03-02T09:15:00Z".parse().unwrap()
}

fn context() -> Context {
    Context { now: now(), received_at: None, own_addresses: vec![TEAM.into()] }
}

/// `None` where the backend has not got the algorithms.
fn person(address: &str, suite: CipherSuite, profile: Profile) -> Option<Cert> {
    suite.is_supported().ok()?;
    let (cert, _) = CertBuilder::general_purpose(Some(format!("Test (INSECURE!) <{address}>")))
        .set_creation_time(SystemTime::from(now()) - Duration::from_secs(100 * 86_400))
        .set_profile(profile)
        .unwrap()
        .set_cipher_suite(suite)
        .generate()
        .unwrap();
    Some(cert)
}

/// PGP/MIME from the finder, as one of the programs that know the new things would make it.
fn mail(team: &Cert, finder: &Cert, aead: Option<AEADAlgorithm>, hidden: bool) -> Option<Vec<u8>> {
    let policy = StandardPolicy::new();
    let at = SystemTime::from(now());
    let signing = finder.keys().secret().with_policy(&policy, at).for_signing().next().unwrap();
    let pair = signing.key().clone().into_keypair().unwrap();
    let keys = team.keys().with_policy(&policy, at).for_storage_encryption().for_transport_encryption();
    let to = keys.map(|ka| {
        let to = To::from(ka);
        if hidden { to.set_key_handle(None).unwrap() } else { to }
    });
    let mut armored = Vec::new();
    let sink = Armorer::new(Message::new(&mut armored)).build().unwrap();
    let mut encryptor = Encryptor::for_recipients(sink, to).symmetric_algo(SymmetricAlgorithm::AES256);
    if let Some(aead) = aead {
        encryptor = encryptor.aead_algo(aead);
    }
    let signer = Signer::new(encryptor.build().ok()?, pair).unwrap().creation_time(at).add_intended_recipient(team);
    let mut literal = LiteralWriter::new(signer.build().unwrap()).build().unwrap();
    literal.write_all(b"Content-Type: text/plain\r\n\r\nwritten for tomorrow\r\n").unwrap();
    literal.finalize().unwrap();
    Some(pgp_mime(&String::from_utf8(armored).unwrap()))
}

fn pgp_mime(armored: &str) -> Vec<u8> {
    format!(
        "From: {FINDER}\nTo: {TEAM}\nSubject: ...\nDate: Mon, 02 Mar 2026 09:15:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n--b\n\
         Content-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n{armored}\n--b--\n"
    )
    .into_bytes()
}

fn check(team: &Cert, finder: &Cert, aead: Option<AEADAlgorithm>, hidden: bool, name: &str) -> bool {
    let Some(raw) = mail(team, finder, aead, hidden) else { return false };
    let ring = Keyring::from_certs(vec![team.clone()], vec![finder.clone().strip_secret_key_material()]);
    let opened = open::open(&raw, &ring, &context());
    let verdict = opened.verdict;
    assert_eq!(verdict.encryption.status, EncryptionStatus::Encrypted, "{name}: {:?}", verdict.encryption);
    assert_eq!(verdict.signature.status, SignatureStatus::Good, "{name}: {:?}", verdict.signature);
    assert_eq!(verdict.encryption.aead, aead.map(|aead| aead.to_string()), "{name}");
    assert_eq!(verdict.encryption.integrity.as_deref(), Some(if aead.is_some() { "seipd2" } else { "seipd1" }));
    assert_eq!(opened.text.trim(), "written for tomorrow", "{name}");
    let mut changed = raw.clone();
    let middle = raw.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    assert_eq!(open::open(&changed, &ring, &context()).text, "", "{name}: a changed one gave text");
    true
}

/// Every kind of key that the backend can make.
fn suites() -> Vec<(CipherSuite, Profile)> {
    let v6 = [
        CipherSuite::Cv25519,
        CipherSuite::Cv448,
        CipherSuite::P256,
        CipherSuite::P384,
        CipherSuite::MLDSA65_Ed25519,
        CipherSuite::MLDSA87_Ed448,
    ];
    let v4 = [CipherSuite::Cv25519, CipherSuite::P256, CipherSuite::P521];
    v6.map(|suite| (suite, Profile::RFC9580)).into_iter().chain(v4.map(|suite| (suite, Profile::RFC4880))).collect()
}

/// What the default backend can do: a combination that went away would be skipped in silence below.
const OPENED: [(&str, &str); 9] = [
    ("Cv25519 4", "EAX GCM OCB"),
    ("Cv25519 6", "EAX GCM OCB"),
    ("Cv448 6", "EAX GCM OCB"),
    ("MLDSA65_Ed25519 6", "EAX GCM OCB"),
    ("MLDSA87_Ed448 6", "EAX GCM OCB"),
    ("P256 4", "EAX GCM OCB"),
    ("P256 6", "EAX GCM OCB"),
    ("P384 6", "EAX GCM OCB"),
    ("P521 4", "EAX GCM OCB"),
];

#[test]
fn every_kind_of_key_and_mode_is_opened() {
    let mut opened: BTreeMap<String, String> = BTreeMap::new();
    for (suite, profile) in suites() {
        let (Some(team), Some(finder)) = (person(TEAM, suite, profile.clone()), person(FINDER, suite, profile.clone()))
        else {
            println!("{suite:?}: not in this backend");
            continue;
        };
        let kind = format!("{suite:?} {}", team.primary_key().key().version());
        for mode in [AEADAlgorithm::EAX, AEADAlgorithm::GCM, AEADAlgorithm::OCB] {
            let both = [false, true].map(|hidden| {
                let name = format!("{kind} {mode} hidden: {hidden}");
                check(&team, &finder, Some(mode), hidden, &name)
            });
            if both == [true, true] {
                let modes = opened.entry(kind.clone()).or_default();
                *modes = format!("{modes} {mode}").trim().to_owned();
            }
        }
    }
    let opened: Vec<(&str, &str)> = opened.iter().map(|(kind, modes)| (kind.as_str(), modes.as_str())).collect();
    println!("{opened:?}");
    if cfg!(feature = "crypto-rust") {
        assert_eq!(opened, OPENED);
    } else {
        assert!(opened.len() >= 4);
    }
}

#[test]
fn what_we_seal_for_such_keys_is_opened_by_them() {
    let mut sealed_for = 0;
    for (suite, profile) in suites() {
        let (Some(team), Some(finder)) = (person(TEAM, suite, profile.clone()), person(FINDER, suite, profile.clone()))
        else {
            continue;
        };
        let draft = letter::thanks(now());
        let mut signer = SigningKey::of(&team, None, now()).unwrap();
        let sealed = seal(&draft, &[Recipient::new(FINDER, &finder)], &mut signer, now()).unwrap();
        let theirs = Keyring::from_certs(vec![finder], vec![team.strip_secret_key_material()]);
        let theirs_context = Context { own_addresses: vec![FINDER.into()], ..context() };
        let opened = open::open(sealed.bytes(), &theirs, &theirs_context);
        assert_eq!(opened.verdict.encryption.status, EncryptionStatus::Encrypted, "{suite:?}");
        assert_eq!(opened.verdict.signature.status, SignatureStatus::Good, "{suite:?}: {:?}", opened.verdict.signature);
        assert_eq!(opened.header.subject.as_deref(), Some("Re: Overflow"));
        sealed_for += 1;
    }
    assert!(sealed_for >= 4, "only {sealed_for} kinds of keys were tried");
}
