//! What GnuPG makes, sealpost opens: with every kind of key that both know, from a file and by the agent, in every cipher,
//! compression and hash.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open;
use sealpost::verdict::{EncryptionStatus, SignatureStatus};

use super::{Gnupg, TEXT, context, finder, report, root};

/// Kinds of keys: for signing, for encrypting, and whether the program can use the second from a file.
const KINDS: [(&str, &str, bool); 8] = [
    ("ed25519", "cv25519", true),
    ("rsa2048", "rsa2048", true),
    ("nistp256", "nistp256", true),
    ("nistp384", "nistp384", true),
    ("nistp521", "nistp521", true),
    ("brainpoolP256r1", "brainpoolP256r1", false),
    ("brainpoolP512r1", "brainpoolP512r1", false),
    ("secp256k1", "secp256k1", false),
];

#[test]
fn every_kind_of_key_opens_from_a_file_or_by_the_agent() {
    for (signing, encrypting, from_file) in KINDS {
        let gnupg = Gnupg::new();
        let own = gnupg.generate(signing, encrypting, "");
        let mail = report(&finder(&own), &[]);
        let ring = gnupg.ring(&own);
        let opened = open::open(&mail, &ring, &context(Timestamp::now()));
        let verdict = opened.verdict;
        assert_eq!(verdict.encryption.status, EncryptionStatus::Encrypted, "{encrypting}: {:?}", verdict.encryption);
        assert_eq!(verdict.signature.status, SignatureStatus::Good, "{encrypting}: {:?}", verdict.signature);
        assert_eq!(opened.text.trim(), TEXT);

        let file = gnupg.home.path().join("secret.pgp");
        std::fs::write(&file, gnupg.run(&["--export-secret-keys"])).unwrap();
        let ring = Keyring::load(&[file], &[root().join("keys/finder.pgp")]).unwrap();
        let encryption = open::open(&mail, &ring, &context(Timestamp::now())).verdict.encryption;
        // Another backend may have more curves.
        if from_file || encryption.status == EncryptionStatus::Encrypted {
            assert_eq!(encryption.status, EncryptionStatus::Encrypted, "{encrypting}: {encryption:?}");
        } else {
            assert_eq!(encryption.status, EncryptionStatus::Unopened, "{encrypting}: {encryption:?}");
            let reason = encryption.reason.unwrap();
            assert!(reason.contains("cannot use its curve"), "{encrypting}: {reason}");
        }
        println!("{encrypting}: agent yes, file {}", encryption.status == EncryptionStatus::Encrypted);
    }
}

#[test]
fn every_cipher_compression_and_hash_of_gnupg_is_opened() {
    let gnupg = Gnupg::new();
    let own = gnupg.import("team.pgp");
    let finder = finder(&own);
    let ring = gnupg.ring(&own);
    let mut weak = BTreeSet::new();
    let open = |options: &[&str]| open::open(&report(&finder, options), &ring, &context(Timestamp::now()));
    let ciphers = [
        "AES",
        "AES192",
        "AES256",
        "TWOFISH",
        "CAMELLIA128",
        "CAMELLIA192",
        "CAMELLIA256",
        "3DES",
        "CAST5",
        "BLOWFISH",
        "IDEA",
    ];
    for cipher in ciphers {
        let opened = open(&["--cipher-algo", cipher]);
        assert_eq!(opened.verdict.encryption.status, EncryptionStatus::Encrypted, "{cipher}");
        assert_eq!(opened.verdict.signature.status, SignatureStatus::Good, "{cipher}");
        assert_eq!(opened.text.trim(), TEXT, "{cipher}");
        if opened.warnings.iter().any(|warning| warning.starts_with("weak-cipher: ")) {
            weak.insert(cipher);
        }
    }
    assert_eq!(weak, BTreeSet::from(["3DES", "CAST5", "BLOWFISH", "IDEA"]));
    for compression in ["none", "zip", "zlib", "bzip2"] {
        let opened = open(&["--compress-algo", compression]);
        assert_eq!(opened.text.trim(), TEXT, "{compression}");
    }
    for hash in ["SHA256", "SHA384", "SHA512", "SHA224"] {
        let signature = open(&["--digest-algo", hash]).verdict.signature;
        assert_eq!((signature.status, signature.hash.as_deref()), (SignatureStatus::Good, Some(hash)), "{signature:?}");
    }
    let old = open(&["--digest-algo", "SHA1", "--allow-weak-digest-algos"]).verdict.signature;
    assert_ne!(old.status, SignatureStatus::Good, "{old:?}");
}
