//! Who is not written to, and why. Each refusal is held against a certificate that lacks exactly one thing.

use std::time::SystemTime;

use jiff::Timestamp;
use sealpost::pgp::certs::{Unusable, import};
use sealpost::pgp::seal::{Recipient, SealError, SigningKey, seal};
use sealpost::reply::Draft;
use sealpost::secret::Password;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::prelude::*;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, RevocationKey};

use super::help::*;

fn why(cert: &Cert) -> Unusable {
    match seal_to(&draft("Hello"), cert, &team(), now()) {
        Err(SealError::Unusable { reason, address, fingerprint }) => {
            assert_eq!(address, FINDER);
            assert_eq!(fingerprint, cert.fingerprint().to_hex());
            reason
        }
        other => panic!("not refused as unusable: {other:?}"),
    }
}

fn at(days_from_now: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(24 * days_from_now)
}

fn encryption_subkey(cert: &Cert) -> SubordinateKeyAmalgamation<'_, openpgp::packet::key::PublicParts> {
    cert.keys().subkeys().find(|k| k.key().pk_algo().for_encryption()).unwrap()
}

#[test]
fn a_good_certificate_is_not_refused() {
    let sealed = seal_to(&draft("Hello"), &finder(), &team(), now()).unwrap();
    assert!(sealed.is_encrypted());
    assert_eq!(sealed.envelope_to(), [FINDER]);
    assert_eq!(sealed.envelope_from(), TEAM);
    assert_eq!(sealed.message_id(), "<mzxw6ytboi@example.org>");
    assert_eq!(sealed.certificates().len(), 2);
    assert_eq!(sealed.encrypted_to().len(), 2);
}

#[test]
fn expired_certificate() {
    let cert = person(FINDER, |b| can_encrypt(b.set_validity_period(days(90))));
    assert_eq!(why(&cert), Unusable::Expired(at(-10)));
}

#[test]
fn certificate_from_the_future() {
    let cert = person(FINDER, |b| can_encrypt(b.set_creation_time(SystemTime::from(at(5)))));
    assert_eq!(why(&cert), Unusable::NotYetValid(at(5)));
}

#[test]
fn revoked_certificate_hard_and_soft() {
    for (reason, when, refused) in [
        (ReasonForRevocation::KeyCompromised, at(-5), true),
        // A hard revocation holds at once, even one dated after now.
        (ReasonForRevocation::KeyCompromised, at(5), true),
        (ReasonForRevocation::KeyRetired, at(-5), true),
        (ReasonForRevocation::KeyRetired, at(5), false),
    ] {
        let cert = finder();
        let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        let signature = CertRevocationBuilder::new()
            .set_signature_creation_time(SystemTime::from(when))
            .unwrap()
            .set_reason_for_revocation(reason, b"gone \x1b[2J")
            .unwrap()
            .build(&mut primary, &cert, None)
            .unwrap();
        let cert = cert.insert_packets(signature).unwrap().0;
        if refused {
            let Unusable::Revoked { reason } = why(&cert) else { panic!("not revoked") };
            assert!(reason.contains("gone") && !reason.contains('\x1b'), "{reason:?}");
        } else {
            seal_to(&draft("Hello"), &cert, &team(), now()).unwrap();
        }
    }
}

#[test]
fn revocation_with_a_weak_hash_counts_when_nothing_else_with_it_would() {
    let cert = finder();
    let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let signature = CertRevocationBuilder::new()
        .set_signature_creation_time(SystemTime::from(at(-5)))
        .unwrap()
        .build(&mut primary, &cert, HashAlgorithm::SHA1)
        .unwrap();
    let cert = cert.insert_packets(signature).unwrap().0;
    let years_later = at(10 * 365);
    let error = seal_to(&draft("Hello"), &cert, &team(), years_later).unwrap_err();
    assert!(matches!(error, SealError::Unusable { reason: Unusable::Revoked { .. }, .. }), "{error}");
}

#[test]
fn certificate_that_a_designated_revoker_revoked() {
    let revoker = person("revoker@example.com", |b| b);
    let key = revoker.primary_key().key().clone();
    let named = RevocationKey::new(key.pk_algo(), revoker.fingerprint(), false);
    let cert = person(FINDER, |b| can_encrypt(b.set_revocation_keys(vec![named])));
    let revoke = |signer: &Cert| {
        let mut pair = signer.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
        let signature = CertRevocationBuilder::new()
            .set_signature_creation_time(SystemTime::from(at(-5)))
            .unwrap()
            .build(&mut pair, &cert, None)
            .unwrap();
        let revoked = cert.clone().strip_secret_key_material().insert_packets(signature).unwrap().0;
        import(&revoked.to_vec().unwrap()).unwrap().certs.remove(0)
    };
    assert_eq!(why(&revoke(&revoker)), Unusable::MaybeRevoked);
    // Anybody else's word counts for nothing.
    seal_to(&draft("Hello"), &revoke(&person("eve@example.com", |b| b)), &team(), now()).unwrap();
}

#[test]
fn certificate_that_only_signs() {
    assert_eq!(why(&person(FINDER, |b| b.add_signing_subkey())), Unusable::NoEncryptionSubkey);
}

#[test]
fn subkey_expired_while_the_certificate_lives() {
    let transport = || KeyFlags::empty().set_transport_encryption();
    let cert = person(FINDER, |b| b.add_subkey(transport(), days(90), None).add_subkey(transport(), days(95), None));
    assert_eq!(why(&cert), Unusable::SubkeyExpired(at(-5)));
    // With one that lives, only that one is used.
    let cert = person(FINDER, |b| b.add_subkey(transport(), days(90), None).add_subkey(transport(), days(200), None));
    let sealed = seal_to(&draft("Hello"), &cert, &team(), now()).unwrap();
    let policy = openpgp::policy::StandardPolicy::new();
    let alive = cert.keys().subkeys().with_policy(&policy, SystemTime::from(now())).alive();
    let living: Vec<String> = alive.map(|k| k.key().keyid().to_hex()).collect();
    assert_eq!(living.len(), 1);
    assert_eq!(sealed.encrypted_to().len(), 2);
    assert_eq!(sealed.encrypted_to()[..1], living);
}

#[test]
fn revoked_subkey() {
    let cert = finder();
    let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let subkey = encryption_subkey(&cert).key().clone();
    let signature = SubkeyRevocationBuilder::new()
        .set_signature_creation_time(SystemTime::from(at(-1)))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .build(&mut primary, &cert, &subkey, None)
        .unwrap();
    let cert = cert.insert_packets(signature).unwrap().0;
    assert_eq!(why(&cert), Unusable::SubkeyRevoked);
}

#[test]
fn subkey_of_somebody_else_is_never_used() {
    // Eve's encryption subkey, with its binding by Eve, put into the finder's certificate.
    let victim = person(FINDER, |b| b.add_signing_subkey());
    let eve = person("eve@example.com", can_encrypt).strip_secret_key_material();
    let stolen = encryption_subkey(&eve);
    let mut packets: Vec<openpgp::Packet> = victim.clone().strip_secret_key_material().into_packets().collect();
    packets.push(stolen.key().clone().into());
    packets.extend(stolen.self_signatures().cloned().map(openpgp::Packet::from));
    let mixed = Cert::from_packets(packets.into_iter()).unwrap();
    assert!(matches!(why(&mixed), Unusable::SubkeyInvalid | Unusable::NoEncryptionSubkey));
}

#[test]
fn certificate_for_another_address() {
    let other = person("other@example.net", can_encrypt);
    let error = seal_to(&draft("Hello"), &other, &team(), now()).unwrap_err();
    let expected = SealError::OtherAddress { address: FINDER.into(), fingerprint: other.fingerprint().to_hex() };
    assert_eq!(error, expected);
    // A person may say that it is theirs all the same.
    let mut key = SigningKey::of(&team(), None, now()).unwrap();
    seal(&draft("Hello"), &[Recipient::pinned_by_hand(FINDER, &other)], &mut key, now()).unwrap();
}

#[test]
fn revoked_user_id_does_not_name_its_address() {
    let cert = person("other@example.net", |b| can_encrypt(b).add_userid(format!("<{FINDER}>")));
    seal_to(&draft("Hello"), &cert, &team(), now()).unwrap();
    let mut primary = cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap();
    let user_id = cert.userids().map(|u| u.userid().clone()).find(|u| u.email().unwrap() == Some(FINDER)).unwrap();
    let signature = UserIDRevocationBuilder::new()
        .set_signature_creation_time(SystemTime::from(at(-1)))
        .unwrap()
        .build(&mut primary, &cert, &user_id, None)
        .unwrap();
    let cert = cert.insert_packets(signature).unwrap().0;
    assert!(matches!(seal_to(&draft("Hello"), &cert, &team(), now()), Err(SealError::OtherAddress { .. })));
}

#[test]
fn everybody_needs_a_certificate_and_nobody_else_gets_the_mail() {
    let mut with_cc = fields("Hello");
    with_cc.cc = vec![address("third@example.com")];
    let with_cc = Draft::new(with_cc).unwrap();
    let (finder, third, eve) =
        (finder(), person("third@example.com", can_encrypt), person("eve@example.com", can_encrypt));
    let mut key = SigningKey::of(&team(), None, now()).unwrap();
    let to_finder = Recipient::new(FINDER, &finder);
    let to_third = Recipient::new("third@example.com", &third);
    let to_eve = Recipient::new("eve@example.com", &eve);
    let mut try_with = |recipients: &[Recipient<'_>]| seal(&with_cc, recipients, &mut key, now());
    assert_eq!(try_with(&[to_finder]).unwrap_err(), SealError::NoCertificate("third@example.com".into()));
    assert_eq!(try_with(&[to_finder, to_third, to_eve]).unwrap_err(), SealError::Stranger("eve@example.com".into()));
    let sealed = try_with(&[to_finder, to_third]).unwrap();
    assert_eq!(sealed.envelope_to(), [FINDER, "third@example.com"]);
    assert_eq!(sealed.encrypted_to().len(), 3);
}

#[test]
fn our_own_key_must_sign_and_read() {
    let text = draft("Hello");
    for (own, words) in [
        (person(TEAM, |b| can_encrypt(b.set_validity_period(days(90)))), "expired"),
        (person(TEAM, |b| b.add_signing_subkey()), "can only sign"),
        (person(TEAM, |b| b.add_transport_encryption_subkey()), "no secret key that may sign"),
        (team().strip_secret_key_material(), "no secret key that may sign"),
    ] {
        let error = seal_to(&text, &finder(), &own, now()).unwrap_err();
        assert!(matches!(error, SealError::OwnKey { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn locked_key_wants_its_passphrase() {
    let own = person(TEAM, |b| can_encrypt(b.set_password(Some("hunter2".into()))));
    let fingerprint = own.fingerprint().to_hex();
    let with = |p: Option<&str>| SigningKey::of(&own, p.map(|p| Password::new(p.into())).as_ref(), now());
    assert_eq!(with(None).unwrap_err(), SealError::Locked(fingerprint.clone()));
    assert_eq!(with(Some("wrong")).unwrap_err(), SealError::WrongPassphrase(fingerprint));
    let mut key = with(Some("hunter2")).unwrap();
    seal(&draft("Hello"), &[Recipient::new(FINDER, &finder())], &mut key, now()).unwrap();
    assert!(!format!("{key:?}").contains("hunter2"));
}
