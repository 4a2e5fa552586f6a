//! Messages put together packet by packet, for what no program here writes: GnuPG's own OCB packets, and passwords with Argon2.

use std::io::Write as _;

use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open;
use sealpost::report::Opened;
use sealpost::secret::Password;
use sealpost::verdict::EncryptionStatus;
use sequoia_openpgp as openpgp;

use openpgp::cert::CipherSuite;
use openpgp::crypto::{S2K, SessionKey};
use openpgp::packet::PKESK;
use openpgp::packet::pkesk::PKESK3;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto as _;
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message};
use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use openpgp::{Cert, Packet, Profile};

use super::{TEAM, context, now, person};

const TEXT: &[u8] =
    b"sealed as GnuPG 2.3 does it, in more chunks than one, so that there is something to be swapped and cut\n";

fn literal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut literal = LiteralWriter::new(Message::new(&mut out)).build().unwrap();
    literal.write_all(text).unwrap();
    literal.finalize().unwrap();
    out
}

fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, 0xff][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// An OCB packet (tag 20) of draft-ietf-openpgp-rfc4880bis, with chunks of 64 bytes: what stands before the chunks, the chunks
/// with their tags, and the closing tag.
fn chunks(key: &SessionKey, plain: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>, Vec<u8>) {
    let header = [1, u8::from(SymmetricAlgorithm::AES256), u8::from(AEADAlgorithm::OCB), 0];
    let nonce = [0x5a; 15];
    let seal = |index: u64, more: &[u8], plain: &[u8]| {
        let mut nonce = nonce;
        for (byte, count) in nonce[7..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= count;
        }
        let associated = [&[0xd4][..], &header, &index.to_be_bytes(), more].concat();
        let context = AEADAlgorithm::OCB.context(SymmetricAlgorithm::AES256, key, &associated, &nonce).unwrap();
        let mut out = vec![0; plain.len() + 16];
        context.for_encryption().unwrap().encrypt_seal(&mut out, plain).unwrap();
        out
    };
    let sealed: Vec<Vec<u8>> = plain.chunks(64).zip(0..).map(|(chunk, index)| seal(index, &[], chunk)).collect();
    let closing = seal(sealed.len() as u64, &(plain.len() as u64).to_be_bytes(), &[]);
    ([&header[..], &nonce].concat(), sealed, closing)
}

/// With the packet that wraps the session key for the team.
fn message(team: &Cert, key: &SessionKey, body: &[u8]) -> Vec<u8> {
    let policy = StandardPolicy::new();
    let keys = team.keys().with_policy(&policy, std::time::SystemTime::from(now()));
    let ka = keys.for_transport_encryption().next().unwrap();
    let wrapped = PKESK::from(PKESK3::for_recipient(SymmetricAlgorithm::AES256, key, ka.key()).unwrap());
    [Packet::from(wrapped).to_vec().unwrap(), packet(20, body)].concat()
}

fn opened(message: &[u8], ring: &Keyring) -> Opened {
    open::open(message, ring, &context())
}

#[test]
fn gnupg_ocb_is_opened_whole_or_not_at_all() {
    let team = person(TEAM, CipherSuite::Cv25519, Profile::RFC4880).unwrap();
    let ring = Keyring::from_certs(vec![team.clone()], vec![]);
    let key = SessionKey::new(32).unwrap();
    let (head, sealed, closing) = chunks(&key, &literal(TEXT));
    assert_eq!(sealed.len(), 2);
    let build =
        |sealed: &[Vec<u8>], closing: &[u8]| message(&team, &key, &[&head, &sealed.concat()[..], closing].concat());
    let good = build(&sealed, &closing);
    let whole = opened(&good, &ring);
    assert_eq!(whole.verdict.encryption.status, EncryptionStatus::Encrypted, "{:?}", whole.verdict.encryption);
    assert_eq!(whole.verdict.encryption.integrity.as_deref(), Some("ocb20"));
    assert_eq!(whole.verdict.encryption.aead.as_deref(), Some("OCB"));
    assert_eq!(whole.text.as_bytes(), TEXT);

    let swapped = [sealed[1].clone(), sealed[0].clone()];
    let mut hostile = vec![
        ("without the last chunk", build(&sealed[..1], &closing)),
        ("with a chunk for the closing tag", build(&sealed[..1], &sealed[1])),
        ("without the closing tag", build(&sealed, &[])),
        ("with the chunks in another order", build(&swapped, &closing)),
        ("with a chunk twice", build(&[&sealed[..], &sealed[..1]].concat(), &closing)),
        ("with clear text after it", [&good[..], &literal(b"clear")].concat()),
    ];
    let start = good.len() - head.len() - sealed.concat().len() - closing.len();
    for at in start..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        hostile.push(("with a bit changed", changed));
    }
    for (how, message) in hostile {
        let refused = opened(&message, &ring);
        assert_eq!(refused.verdict.encryption.status, EncryptionStatus::Refused, "{how}");
        assert_eq!(refused.text, "", "{how}");
    }
}

fn with_password(password: &str, aead: Option<AEADAlgorithm>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encryptor = Encryptor::with_passwords(Message::new(&mut out), [password]);
    if let Some(aead) = aead {
        encryptor = encryptor.aead_algo(aead);
    }
    let mut literal = LiteralWriter::new(encryptor.build().unwrap()).build().unwrap();
    literal.write_all(TEXT).unwrap();
    literal.finalize().unwrap();
    out
}

fn ring_with(password: &str) -> Keyring {
    let mut ring = Keyring::default();
    ring.set_message_password(Password::new(password.into()));
    ring
}

#[test]
fn a_password_opens_only_where_it_was_given() {
    for aead in [None, Some(AEADAlgorithm::OCB)] {
        let message = with_password("marmalade", aead);
        let found = opened(&message, &ring_with("marmalade"));
        assert_eq!(found.verdict.encryption.status, EncryptionStatus::Encrypted, "{:?}", found.verdict.encryption);
        assert_eq!((found.text.as_bytes(), found.verdict.encryption.decrypted_with), (TEXT, None));
        assert!(
            found.warnings.iter().any(|warning| warning.starts_with("password-encrypted: ")),
            "{:?}",
            found.warnings
        );
        for ring in [ring_with("jam"), Keyring::default()] {
            let closed = opened(&message, &ring);
            assert_eq!((closed.verdict.encryption.status, closed.text.as_str()), (EncryptionStatus::Unopened, ""));
            let reason = closed.verdict.encryption.reason.unwrap();
            assert!(reason.contains("with a password"), "{reason}");
        }
        let mut changed = message.clone();
        let last = changed.len() - 30;
        changed[last] ^= 1;
        let refused = opened(&changed, &ring_with("marmalade"));
        assert_eq!((refused.verdict.encryption.status, refused.text.as_str()), (EncryptionStatus::Refused, ""));
    }
}

/// A message whose key comes from a password by Argon2 (RFC 9580 section 3.7.1.4), two to the `m` KiB of memory.
fn with_argon2(password: &str, m: u8, affordable: bool) -> Vec<u8> {
    let salt = [7; 16];
    let s2k = S2K::Argon2 { salt, t: 1, p: 1, m: if affordable { m } else { 3 } };
    let key = s2k.derive_key(&password.into(), 32).unwrap();
    let mut sealed = Vec::new();
    let encryptor = Encryptor::with_session_key(Message::new(&mut sealed), SymmetricAlgorithm::AES256, key).unwrap();
    let mut literal = LiteralWriter::new(encryptor.build().unwrap()).build().unwrap();
    literal.write_all(TEXT).unwrap();
    literal.finalize().unwrap();
    let skesk = [&[4, u8::from(SymmetricAlgorithm::AES256), 4][..], &salt, &[1, 1, m]].concat();
    [packet(3, &skesk), sealed].concat()
}

#[test]
fn argon2_may_take_so_much_memory_and_no_more() {
    let found = opened(&with_argon2("marmalade", 10, true), &ring_with("marmalade"));
    assert_eq!((found.verdict.encryption.status, found.text.as_bytes()), (EncryptionStatus::Encrypted, TEXT));
    for m in [17, 21, 31, 255] {
        let closed = opened(&with_argon2("marmalade", m, false), &ring_with("marmalade"));
        assert_eq!((closed.verdict.encryption.status, closed.text.as_str()), (EncryptionStatus::Unopened, ""));
        let reason = closed.verdict.encryption.reason.unwrap();
        assert!(reason.contains("more memory"), "{m}: {reason}");
    }
}
