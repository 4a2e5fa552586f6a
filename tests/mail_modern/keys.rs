//! Keys of ours in every state of their lives: they open what was once encrypted to them, and the mail says so.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open;
use sealpost::report::Opened;
use sealpost::secret::Password;
use sealpost::verdict::EncryptionStatus;
use sequoia_openpgp as openpgp;

use openpgp::cert::prelude::*;
use openpgp::crypto::S2K;
use openpgp::packet::key::SecretKeyMaterial;
use openpgp::packet::{Key, key};
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message, Recipient};
use openpgp::types::{AEADAlgorithm, KeyFlags, ReasonForRevocation, SymmetricAlgorithm};
use openpgp::{Cert, Packet, Profile};

use super::{TEAM, context, now, person};

const DAY: u64 = 86_400;

fn before(days: u64) -> SystemTime {
    SystemTime::from(now()) - Duration::from_secs(days * DAY)
}

/// A message to the keys that were good so many days ago.
fn written(team: &Cert, days: u64) -> Vec<u8> {
    let policy = StandardPolicy::new();
    let keys = team.keys().with_policy(&policy, before(days)).alive().revoked(false).for_transport_encryption();
    let to: Vec<Recipient<'_>> = keys.map(Into::into).collect();
    assert_eq!(to.len(), 1);
    let mut out = Vec::new();
    let encryptor = Encryptor::for_recipients(Message::new(&mut out), to).build().unwrap();
    let mut literal = LiteralWriter::new(encryptor).build().unwrap();
    literal.write_all(b"written then").unwrap();
    literal.finalize().unwrap();
    out
}

fn opened(message: &[u8], ring: &Keyring) -> Opened {
    open::open(message, ring, &context())
}

fn opens_and_says(team: Cert, message: &[u8], slug: &str) {
    let found = opened(message, &Keyring::from_certs(vec![team], vec![]));
    assert_eq!(found.verdict.encryption.status, EncryptionStatus::Encrypted, "{slug}: {:?}", found.verdict.encryption);
    assert_eq!(found.text, "written then", "{slug}");
    let slugs: Vec<&str> = found.warnings.iter().filter_map(|warning| warning.split(':').next()).collect();
    assert_eq!(slugs, [slug].iter().copied().filter(|slug| !slug.is_empty()).collect::<Vec<_>>());
}

#[test]
fn a_rotated_key_opens_what_was_written_to_it() {
    let (team, _) = CertBuilder::new()
        .add_userid(format!("Team (INSECURE!) <{TEAM}>"))
        .set_creation_time(before(1000))
        .set_profile(Profile::RFC9580)
        .unwrap()
        .add_subkey(KeyFlags::empty().set_transport_encryption(), Duration::from_secs(365 * DAY), None)
        .generate()
        .unwrap();
    let primary = team.primary_key().key().clone().parts_into_secret().unwrap();
    let mut signer = primary.into_keypair().unwrap();
    // A year later comes the next one.
    let next: Key<key::SecretParts, key::SubordinateRole> = key::Key6::generate_x25519()
        .map(|mut key| {
            key.set_creation_time(before(635)).unwrap();
            key
        })
        .unwrap()
        .into();
    let binding = openpgp::packet::signature::SignatureBuilder::new(openpgp::types::SignatureType::SubkeyBinding)
        .set_signature_creation_time(before(635))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_transport_encryption())
        .unwrap();
    let binding = next.bind(&mut signer, &team, binding).unwrap();
    let (team, _) = team.insert_packets([Packet::from(next), binding.into()]).unwrap();
    opens_and_says(team.clone(), &written(&team, 900), "expired-key");
    opens_and_says(team.clone(), &written(&team, 10), "");
}

#[test]
fn a_revoked_key_opens_what_was_written_to_it() {
    let team = person(TEAM, CipherSuite::Cv25519, Profile::RFC4880).unwrap();
    let message = written(&team, 50);
    let mut signer = team.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let revocation = CertRevocationBuilder::new()
        .set_signature_creation_time(before(20))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyRetired, b"retired")
        .unwrap()
        .build(&mut signer, &team, None)
        .unwrap();
    let (team, _) = team.insert_packets([revocation]).unwrap();
    opens_and_says(team, &message, "revoked-key");
}

/// The same certificate with its secrets locked by Argon2 (RFC 9580 section 3.7.1.4).
fn locked(team: &Cert, aead: Option<AEADAlgorithm>, password: &str) -> Cert {
    let mut packets: Vec<Packet> = Vec::new();
    for ka in team.keys().secret() {
        let SecretKeyMaterial::Unencrypted(open) = ka.key().secret() else { panic!("it is locked already") };
        let s2k = S2K::Argon2 { salt: [9; 16], t: 1, p: 1, m: 10 };
        let cipher = SymmetricAlgorithm::AES256;
        let public = ka.key().clone().parts_into_public();
        if ka.primary() {
            let public = public.role_into_primary();
            let secret = open.encrypt_with(&public, s2k, cipher, aead, &password.into()).unwrap();
            packets.push(public.add_secret(secret.into()).0.into());
        } else {
            let public = public.role_into_subordinate();
            let secret = open.encrypt_with(&public, s2k, cipher, aead, &password.into()).unwrap();
            packets.push(public.add_secret(secret.into()).0.into());
        }
    }
    team.clone().insert_packets(packets).unwrap().0
}

#[test]
fn keys_locked_with_argon2_are_unlocked() {
    for (profile, aead) in [(Profile::RFC9580, Some(AEADAlgorithm::OCB)), (Profile::RFC4880, Some(AEADAlgorithm::OCB))]
    {
        let team = person(TEAM, CipherSuite::Cv25519, profile).unwrap();
        let message = written(&team, 50);
        let mut ring = Keyring::from_certs(vec![locked(&team, aead, "marmalade")], vec![]);
        assert!(ring.is_locked());
        assert_eq!(opened(&message, &ring).verdict.encryption.status, EncryptionStatus::Unopened);
        assert!(ring.unlock(&Password::new("jam".into())).is_err());
        ring.unlock(&Password::new("marmalade".into())).unwrap();
        assert_eq!(opened(&message, &ring).text, "written then");
    }
}
