//! Certificates: what is taken, what is kept, what is said about them, and when our own runs out.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use sealpost::pgp::certs::{
    CertError, ExpiryWarning, Unusable, describe, expiry_warning, export, for_address, generate, import,
    is_for_address, merge, to_bytes, write_key_file,
};
use sealpost::secret::Password;
use sequoia_openpgp as openpgp;

use openpgp::Packet;
use openpgp::cert::prelude::*;
use openpgp::packet::UserID;
use openpgp::parse::Parse as _;
use openpgp::serialize::{Serialize as _, SerializeInto as _};
use openpgp::types::{KeyFlags, ReasonForRevocation, SignatureType};
use openpgp::{Cert, packet::signature::SignatureBuilder};

use super::help::*;

fn public(cert: &Cert) -> Vec<u8> {
    cert.clone().strip_secret_key_material().to_vec().unwrap()
}

fn refusal(bytes: &[u8]) -> CertError {
    let begin = Instant::now();
    let error = import(bytes).expect_err("it was taken");
    assert!(begin.elapsed().as_secs_f32() < 2.0, "{error} took {:?}", begin.elapsed());
    error
}

fn primary_signer(cert: &Cert) -> openpgp::crypto::KeyPair {
    cert.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap()
}

fn revocation(cert: &Cert) -> openpgp::packet::Signature {
    CertRevocationBuilder::new()
        .set_signature_creation_time(SystemTime::from(now()) - days(1))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"lost")
        .unwrap()
        .build(&mut primary_signer(cert), cert, None)
        .unwrap()
}

/// `cert` with packets of the test's making at its end.
fn with_packets(cert: &Cert, more: impl IntoIterator<Item = Packet>) -> Vec<u8> {
    let mut bytes = public(cert);
    for packet in more {
        packet.serialize(&mut bytes).unwrap();
    }
    bytes
}

#[test]
fn armored_binary_and_several_at_once() {
    let (one, two) = (finder(), team());
    let text = |c: &Cert| String::from_utf8(c.clone().strip_secret_key_material().armored().to_vec().unwrap()).unwrap();
    let both_armored = format!("Here they are:\r\n\r\n{}\n\nand\n{}", text(&one), text(&two));
    let both_binary = [public(&one), public(&two)].concat();
    for bytes in [both_armored.as_bytes(), both_binary.as_slice()] {
        let found = import(bytes).unwrap();
        assert!(found.refused.is_empty(), "{:?}", found.refused);
        let names: Vec<_> = found.certs.iter().map(Cert::fingerprint).collect();
        assert_eq!(names, [one.fingerprint(), two.fingerprint()]);
        assert_eq!(to_bytes(&found.certs[0]).unwrap(), public(&one));
    }
}

#[test]
fn secret_keys_are_never_imported() {
    let secret = finder().as_tsk().to_vec().unwrap();
    assert_eq!(refusal(&secret), CertError::Secret);
    // A good one beside it is taken all the same, and the other one is told of.
    let found = import(&[secret, public(&team())].concat()).unwrap();
    assert_eq!((found.certs.len(), found.refused), (1, vec![CertError::Secret]));
    assert!(!found.certs[0].is_tsk());
}

#[test]
fn what_is_no_certificate() {
    for bytes in [&b""[..], b"\0\0\0", b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n", &[0x99, 0xff, 0xff]]
    {
        assert!(matches!(refusal(bytes), CertError::Malformed(_) | CertError::None), "{bytes:?}");
    }
    let message = "-----BEGIN PGP MESSAGE-----\n\nywhiAAAAAABoaQ==\n-----END PGP MESSAGE-----\n";
    assert_eq!(refusal(message.as_bytes()), CertError::None);
    assert!(matches!(refusal(&vec![b'x'; 5 << 20]), CertError::TooMuch { .. }));
}

#[test]
fn messages_are_not_unpacked_in_search_of_certificates() {
    let mut flood = Vec::new();
    for _ in 0..30_000 {
        let packet = openpgp::packet::one_pass_sig::OnePassSig3::new(SignatureType::Binary);
        Packet::from(openpgp::packet::OnePassSig::from(packet)).serialize(&mut flood).unwrap();
    }
    assert_eq!(refusal(&flood), CertError::None);
}

#[test]
fn limits_hold_before_the_library_sorts() {
    let cert = finder();
    let user_ids = |n: usize| (0..n).map(|i| Packet::from(UserID::from(format!("x{i} <x{i}@example.net>"))));
    assert_eq!(refusal(&with_packets(&cert, user_ids(64))), CertError::TooMuch { limit: 64, what: "User IDs" });
    assert_eq!(refusal(&with_packets(&cert, user_ids(5000))), CertError::TooMuch { limit: 64, what: "User IDs" });
    let subkey = Packet::from(cert.keys().subkeys().next().unwrap().key().clone());
    let error = refusal(&with_packets(&cert, std::iter::repeat_n(subkey, 100)));
    assert_eq!(error, CertError::TooMuch { limit: 64, what: "subkeys" });
    let own = Packet::from(cert.userids().next().unwrap().self_signatures().next().unwrap().clone());
    let error = refusal(&with_packets(&cert, std::iter::repeat_n(own, 600)));
    assert_eq!(error, CertError::TooMuch { limit: 512, what: "packets" });
    let error = refusal(&with_packets(&cert, [Packet::from(UserID::from("x".repeat(3000)))]));
    assert_eq!(error, CertError::TooMuch { limit: 2048, what: "bytes in one User ID" });
}

#[test]
fn worst_case_within_the_limits_stays_bounded() {
    let cert = finder();
    let own = Packet::from(cert.userids().next().unwrap().self_signatures().next().unwrap().clone());
    let mut more: Vec<Packet> = Vec::new();
    for i in 0..63 {
        more.push(UserID::from(format!("{i}{}", "x".repeat(1900))).into());
        more.extend(std::iter::repeat_n(own.clone(), 6));
    }
    let begin = Instant::now();
    let _ = import(&with_packets(&cert, more));
    assert!(begin.elapsed().as_secs_f32() < 2.0, "{:?}", begin.elapsed());
}

#[test]
fn third_parties_signatures_are_dropped_and_do_not_count() {
    let cert = finder();
    let user_id = cert.userids().next().unwrap().userid().clone();
    let stranger = person("eve@example.com", |b| b);
    let foreign = SignatureBuilder::new(SignatureType::GenericCertification)
        .set_signature_creation_time(SystemTime::from(now()) - days(3))
        .unwrap()
        .sign_userid_binding(&mut primary_signer(&stranger), Some(cert.primary_key().key()), &user_id)
        .unwrap();
    let bytes = with_packets(&cert, std::iter::repeat_n(Packet::from(foreign), 10_000));
    let begin = Instant::now();
    let found = import(&bytes).unwrap();
    assert!(begin.elapsed().as_secs_f32() < 2.0, "{:?}", begin.elapsed());
    assert_eq!(found.certs[0].userids().next().unwrap().certifications().count(), 0);
    assert_eq!(describe(&found.certs[0], now()).usable, Ok(()));
}

#[test]
fn only_what_names_the_address_is_kept() {
    let cert = person(FINDER, |b| can_encrypt(b.add_userid("<boss@example.com>").add_userid("no address")));
    let kept = for_address(cert.clone(), "Finder@EXAMPLE.net").unwrap();
    let names: Vec<_> = kept.userids().map(|u| u.userid().email().unwrap().unwrap().to_owned()).collect();
    assert_eq!(names, [FINDER]);
    assert!(!kept.is_tsk());
    assert_eq!(kept.keys().subkeys().count(), 2);
    seal_to(&draft("Hello"), &kept, &team(), now()).unwrap();
    assert!(for_address(cert, "eve@example.com").is_none());
}

#[test]
fn revocations_survive_stripping_and_merging() {
    let cert = finder();
    let known = import(&public(&cert)).unwrap().certs.remove(0);
    assert_eq!(describe(&known, now()).usable, Ok(()));
    // An update that was stripped to the bare minimum: the primary key and its revocation.
    let mut bare = Vec::new();
    Packet::from(cert.primary_key().key().clone()).serialize(&mut bare).unwrap();
    Packet::from(revocation(&cert)).serialize(&mut bare).unwrap();
    let update = import(&bare).unwrap().certs.remove(0);
    let merged = merge(&known, update).unwrap();
    assert!(matches!(describe(&merged, now()).usable, Err(Unusable::Revoked { .. })));
    // A later copy without it does not take it back.
    let again = merge(&merged, known.clone()).unwrap();
    let kept = for_address(import(&public(&again)).unwrap().certs.remove(0), FINDER).unwrap();
    assert!(matches!(describe(&kept, now()).usable, Err(Unusable::Revoked { .. })));
    assert_eq!(merge(&known, team()).unwrap_err(), CertError::Another);
}

#[test]
fn a_merge_over_the_limits_still_takes_the_revocation() {
    let known = finder();
    let many = |from: usize, to: usize| {
        let mut grown = known.clone();
        for i in from..to {
            let user_id = UserID::from(format!("<x{i}@example.net>"));
            let builder = SignatureBuilder::new(SignatureType::PositiveCertification)
                .set_signature_creation_time(SystemTime::from(now()) - days(2))
                .unwrap();
            let binding = user_id.bind(&mut primary_signer(&known), &known, builder).unwrap();
            grown = grown.insert_packets([Packet::from(user_id), binding.into()]).unwrap().0;
        }
        grown
    };
    let first = many(0, 40);
    let update = many(40, 80).insert_packets(revocation(&known)).unwrap().0;
    let merged = merge(&first, update).unwrap();
    assert_eq!(merged.userids().count(), 41);
    assert!(matches!(describe(&merged, now()).usable, Err(Unusable::Revoked { .. })));
}

#[test]
fn description() {
    let cert = person(FINDER, |b| {
        let transport = KeyFlags::empty().set_transport_encryption();
        b.set_validity_period(days(400)).add_subkey(transport, days(130), None)
    });
    let info = describe(&cert, now());
    assert_eq!(info.fingerprint, cert.fingerprint().to_hex());
    assert_eq!(info.user_ids.len(), 1);
    assert_eq!(info.user_ids[0].address.as_deref(), Some(FINDER));
    assert!(info.user_ids[0].valid && !info.user_ids[0].revoked);
    assert_eq!(info.created, Some(now() - SignedDuration::from_hours(2400)));
    assert_eq!(info.expires, Some(now() + SignedDuration::from_hours(24 * 300)));
    assert_eq!(info.encryption_expires, Some(now() + SignedDuration::from_hours(24 * 30)));
    assert_eq!(info.usable, Ok(()));
    assert!(info.is_secret);
    assert!(!describe(&cert.strip_secret_key_material(), now()).is_secret);
}

#[test]
fn our_encryption_subkey_is_warned_of_and_not_the_primary() {
    let transport = || KeyFlags::empty().set_transport_encryption();
    // Made a hundred days ago; the primary never expires, the subkey does in `left` days.
    for (left, within) in
        [(61, None), (59, Some(60)), (30, Some(60)), (29, Some(30)), (7, Some(30)), (6, Some(7)), (0, Some(7))]
    {
        let cert = person(TEAM, |b| b.add_subkey(transport(), days(100 + left), None));
        let soon = now() - SignedDuration::from_hours(1);
        match (expiry_warning(&cert, soon), within) {
            (None, None) => {}
            (Some(ExpiryWarning::Soon { days_left, within_days, at }), Some(within)) => {
                assert_eq!((days_left, within_days), (left as i64, within));
                assert_eq!(at, now() + SignedDuration::from_hours(24 * left as i64));
            }
            other => panic!("{left} days left: {other:?}"),
        }
    }
    let over = person(TEAM, |b| b.add_subkey(transport(), days(99), None));
    assert!(matches!(expiry_warning(&over, now()), Some(ExpiryWarning::Over(Unusable::SubkeyExpired(_)))));
    // A newer one that lives longer is what a sender would take.
    let two = person(TEAM, |b| b.add_subkey(transport(), days(110), None).add_subkey(transport(), days(900), None));
    assert_eq!(expiry_warning(&two, now()), None);
    let primary = person(TEAM, |b| b.set_validity_period(days(105)).add_subkey(transport(), days(900), None));
    assert!(matches!(expiry_warning(&primary, now()), Some(ExpiryWarning::Soon { days_left: 5, .. })));
}

#[test]
fn exported_certificate_holds_no_secret() {
    let text = export(&team()).unwrap();
    assert!(text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    let again = import(text.as_bytes()).unwrap().certs.remove(0);
    assert!(!again.is_tsk());
    assert!(is_for_address(&again, TEAM, now()));
    assert!(!is_for_address(&again, FINDER, now()));
}

#[test]
fn generated_key_expires_when_asked_and_is_locked() {
    let expires: Timestamp = now() + SignedDuration::from_hours(24 * 365);
    let passphrase = Password::new("correct horse".into());
    let made = generate(TEAM, Some("Team (INSECURE!)"), Some(&passphrase), Some(expires), now()).unwrap();
    let key = Cert::from_bytes(made.tsk.expose()).unwrap();
    assert_eq!(made.fingerprint, key.fingerprint().to_hex());
    assert!(key.keys().all(|k| k.key().has_secret() && !k.key().has_unencrypted_secret()));
    let info = describe(&key, now());
    assert_eq!((info.expires, info.encryption_expires), (Some(expires), Some(expires)));
    assert_eq!(info.user_ids[0].text, format!("Team (INSECURE!) <{TEAM}>"));
    let revoked = key.insert_packets(Packet::from_bytes(made.revocation.as_bytes()).unwrap()).unwrap().0;
    assert!(matches!(describe(&revoked, now()).usable, Err(Unusable::Revoked { .. })));
    for (address, name, expires) in [
        ("security", None, None),
        ("a@b>\n<c@d", None, None),
        (TEAM, Some("Team <x@y>"), None),
        (TEAM, Some("Te\nam"), None),
        (TEAM, None, Some(now())),
    ] {
        assert!(generate(address, name, None, expires, now()).is_err(), "{address} {name:?} {expires:?}");
    }
}

#[test]
fn key_files_are_for_their_owner_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("team.pgp");
    write_key_file(&path, b"one").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(write_key_file(&path, b"two").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    let link = folder.path().join("link.pgp");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
    assert!(write_key_file(&link, b"two").is_err());
}
