//! Certificates of people, ours included: what they say, whether mail can be encrypted to them, and what to keep of them.
//!
//! Everything here obeys the crypto policy at the time given. (Opening old mail with our own keys does not; that is
//! `pgp::open`'s affair.)

pub mod generate;
pub mod import;
pub mod own;
pub mod published;

use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::cert::prelude::*;
use openpgp::crypto::mpi;
use openpgp::packet::key::PublicParts;
use openpgp::packet::{Signature, UserID};
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{HashAlgorithm, RevocationStatus};
use openpgp::{Cert, KeyHandle};

use crate::message::same_address;
use crate::safe;

pub use generate::{GenerateError, Generated, generate, write_key_file};
pub use import::{CertError, Imported, import};

/// A key of a certificate that the policy accepts.
pub(super) type ValidKey<'a> = ValidErasedKeyAmalgamation<'a, PublicParts>;

/// Why no mail can be encrypted to a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Its owner revoked it.
    #[error("it is revoked{}", because(reason))]
    Revoked {
        /// The reason given, made safe; empty where none was.
        reason: String,
    },
    /// Somebody whom its owner allowed to revoke it may have done so, and we cannot check it.
    #[error("it may be revoked: a designated revoker says so, and that cannot be checked here")]
    MaybeRevoked,
    /// It was made later than now.
    #[error("it is not valid before {0}; is the clock right?")]
    NotYetValid(Timestamp),
    /// It has expired.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// The crypto policy does not accept its self-signatures.
    #[error("it is not valid: {0}")]
    Invalid(String),
    /// It was made for signing only.
    #[error("it can only sign: it has no encryption subkey")]
    NoEncryptionSubkey,
    /// It has encryption subkeys, and each is revoked.
    #[error("its encryption subkey is revoked")]
    SubkeyRevoked,
    /// It has encryption subkeys, and the last of them to expire did so at this time.
    #[error("its encryption subkey expired at {0}")]
    SubkeyExpired(Timestamp),
    /// It has encryption subkeys, and none is bound to it in a way that the policy accepts.
    #[error("its encryption subkey is not validly bound to it, or is too weak")]
    SubkeyInvalid,
    /// It has a valid encryption subkey of a kind that this program cannot use.
    #[error("its encryption subkey is of a kind that is not supported here")]
    SubkeyUnsupported,
}

/// One User ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIdInfo {
    /// As it stands there: a stranger's text, to be printed through `safe`.
    pub text: String,
    /// The one address in it, where it has one.
    pub address: Option<String>,
    /// Its owner revoked it.
    pub revoked: bool,
    /// Its owner's own signature on it holds.
    pub valid: bool,
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertInfo {
    /// Upper-case hexadecimal.
    pub fingerprint: String,
    /// Every User ID, valid or not.
    pub user_ids: Vec<UserIdInfo>,
    /// When the primary key was made.
    pub created: Option<Timestamp>,
    /// When the certificate expires or expired; `None` for never, or where that cannot be known.
    pub expires: Option<Timestamp>,
    /// Until when mail can be encrypted to it; `None` for ever, or where it cannot be.
    pub encryption_expires: Option<Timestamp>,
    /// Whether mail can be encrypted to it now.
    pub usable: Result<(), Unusable>,
    /// It holds secret keys.
    pub is_secret: bool,
}

/// Our own encryption subkey is about to expire, or cannot be used any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpiryWarning {
    /// Mail can be encrypted to it for this long only.
    Soon {
        /// Until when.
        at: Timestamp,
        /// Whole days left.
        days_left: i64,
        /// The warning's step: 60, 30 or 7 days.
        within_days: i64,
    },
    /// Nobody can encrypt to it now.
    Over(Unusable),
}

/// The crypto policy as it stands at `now`.
pub(super) fn crypto_policy(now: Timestamp) -> StandardPolicy<'static> {
    StandardPolicy::at(SystemTime::from(now))
}

/// A certificate, for code that only passes it on.
pub type Certificate = Cert;

/// Reads the one certificate or key in some bytes, with its secret parts: for keys of our own making.
pub fn read_one(bytes: &[u8]) -> Result<Certificate, CertError> {
    use sequoia_openpgp::parse::Parse as _;
    Cert::from_bytes(bytes).map_err(CertError::library)
}

/// Every address in its User IDs, whether they hold or not.
pub fn addresses(cert: &Cert) -> Vec<String> {
    cert.userids().filter_map(|ua| ua.userid().email().ok().flatten().map(str::to_owned)).collect()
}

/// True where a file of ours holds secret keys of it.
pub fn has_secret(cert: &Cert) -> bool {
    cert.is_tsk()
}

/// True where mail to it is decrypted by RSA with a secret key that lies in a file of ours.
pub fn decrypts_with_rsa(cert: &Cert) -> bool {
    use sequoia_openpgp::types::PublicKeyAlgorithm as Algorithm;
    #[expect(deprecated, reason = "old keys still have it")]
    let rsa = |algorithm| matches!(algorithm, Algorithm::RSAEncryptSign | Algorithm::RSAEncrypt);
    cert.is_tsk() && cert.keys().subkeys().any(|ka| rsa(ka.key().pk_algo()))
}

/// Says what `cert` is, as of `now`.
pub fn describe(cert: &Cert, now: Timestamp) -> CertInfo {
    let policy = crypto_policy(now);
    let usable = encryption_keys(cert, &policy, now);
    let valid = cert.with_policy(&policy, SystemTime::from(now)).ok();
    CertInfo {
        fingerprint: cert.fingerprint().to_hex(),
        user_ids: cert.userids().map(|uid| describe_user_id(&uid, &policy, now)).collect(),
        created: timestamp(cert.primary_key().key().creation_time()),
        expires: valid.and_then(|v| v.primary_key().key_expiration_time()).and_then(timestamp),
        encryption_expires: usable.as_ref().ok().and_then(|keys| last_expiry(keys)),
        usable: usable.map(|_| ()),
        is_secret: cert.is_tsk(),
    }
}

/// Upper-case hexadecimal fingerprint of `cert`.
pub fn fingerprint(cert: &Cert) -> String {
    cert.fingerprint().to_hex()
}

/// True where a valid, unrevoked User ID of `cert` names exactly `address`.
pub fn is_for_address(cert: &Cert, address: &str, now: Timestamp) -> bool {
    let policy = crypto_policy(now);
    cert.userids().any(|uid| {
        let info = describe_user_id(&uid, &policy, now);
        info.valid && !info.revoked && info.address.is_some_and(|a| same_address(&a, address))
    })
}

/// What to keep of a certificate that is offered for `address`: the User IDs that name it, the keys, and every
/// revocation. `None` where no User ID names it.
pub fn for_address(cert: Cert, address: &str) -> Option<Cert> {
    let names = |uid: &UserID| uid.email().ok().flatten().is_some_and(|a| same_address(a, address));
    let kept =
        cert.strip_secret_key_material().retain_userids(|uid| names(uid.userid())).retain_user_attributes(|_| false);
    (kept.userids().next().is_some()).then_some(kept)
}

/// Merges what is new of a certificate we know. No revocation is ever lost, of either side: where the result would grow
/// over the limits of [`import`], the update's revocations are taken and the rest of it is left.
pub fn merge(known: &Cert, update: Cert) -> Result<Cert, CertError> {
    if known.fingerprint() != update.fingerprint() {
        return Err(CertError::Another);
    }
    let update = update.strip_secret_key_material();
    let revocations = self_revocations(&update);
    let merged = known.clone().merge_public(update).map_err(CertError::library)?;
    if import::within_limits(&merged) {
        return Ok(merged);
    }
    Ok(known.clone().insert_packets(revocations).map_err(CertError::library)?.0)
}

/// The binary form, without secret keys: what is stored and sent.
pub fn to_bytes(cert: &Cert) -> Result<Vec<u8>, CertError> {
    cert.to_vec().map_err(CertError::library)
}

/// The armored form without secret keys, for publishing. Signatures marked as not for export stay out.
pub fn export(cert: &Cert) -> Result<String, CertError> {
    let public = cert.clone().strip_secret_key_material();
    let bytes = public.armored().export_to_vec().map_err(CertError::library)?;
    String::from_utf8(bytes).map_err(|e| CertError::Library(e.to_string()))
}

/// Warns of our own key 60, 30 and 7 days before a sender could no longer encrypt to it. What counts is the encryption
/// subkey that a sender would choose, not the primary key.
pub fn expiry_warning(cert: &Cert, now: Timestamp) -> Option<ExpiryWarning> {
    let policy = crypto_policy(now);
    let at = match encryption_keys(cert, &policy, now) {
        Err(reason) => return Some(ExpiryWarning::Over(reason)),
        Ok(keys) => last_expiry(&keys)?,
    };
    let (days_left, within_days) = step(at, now)?;
    Some(ExpiryWarning::Soon { at, days_left, within_days })
}

/// Whole days left, and which of the three steps (60, 30 and 7 days) that is; `None` where it is far away.
fn step(at: Timestamp, now: Timestamp) -> Option<(i64, i64)> {
    let days_left = at.duration_since(now).as_hours() / 24;
    Some((days_left, [7, 30, 60].into_iter().find(|step| days_left < *step)?))
}

/// The keys to encrypt mail to: every subkey for transport encryption that is bound, valid, unexpired and unrevoked now.
/// All of them and not only the newest, since the owner may have one for each device.
pub(super) fn encryption_keys<'a>(
    cert: &'a Cert,
    policy: &'a StandardPolicy<'a>,
    now: Timestamp,
) -> Result<Vec<ValidKey<'a>>, Unusable> {
    let valid = valid_cert(cert, policy, now)?;
    let candidates: Vec<ValidKey<'a>> = valid.keys().for_transport_encryption().collect();
    let mut usable = Vec::new();
    let mut worst = None;
    for key in candidates {
        match key_state(&key) {
            Ok(()) => usable.push(key),
            Err(reason) => worst = Some(milder(worst, reason)),
        }
    }
    if !usable.is_empty() {
        return Ok(usable);
    }
    let has_subkey = || cert.keys().subkeys().any(|k| k.key().pk_algo().for_encryption());
    Err(worst.unwrap_or_else(|| if has_subkey() { Unusable::SubkeyInvalid } else { Unusable::NoEncryptionSubkey }))
}

/// The certificate under the policy: neither revoked nor expired, and with self-signatures that hold.
pub(super) fn valid_cert<'a>(
    cert: &'a Cert,
    policy: &'a StandardPolicy<'a>,
    now: Timestamp,
) -> Result<ValidCert<'a>, Unusable> {
    let primary = cert.primary_key();
    if let Some(created) = timestamp(primary.key().creation_time())
        && created > now
    {
        return Err(Unusable::NotYetValid(created));
    }
    check_revocation(cert, policy, now)?;
    let valid = cert.with_policy(policy, SystemTime::from(now)).map_err(|e| Unusable::Invalid(in_short(&e)))?;
    if let Some(expires) = valid.primary_key().key_expiration_time().and_then(timestamp)
        && expires <= now
    {
        return Err(Unusable::Expired(expires));
    }
    valid.alive().map_err(|e| Unusable::Invalid(in_short(&e)))?;
    Ok(valid)
}

/// One line of the library's reason, which may quote a stranger.
pub(super) fn in_short(error: &openpgp::anyhow::Error) -> String {
    let root = error.chain().last().map_or_else(|| error.to_string(), ToString::to_string);
    safe::short(&root, 160)
}

/// A revocation counts even where its hash is too weak for anything else: who forged one gains only our silence.
fn check_revocation(cert: &Cert, policy: &StandardPolicy<'_>, now: Timestamp) -> Result<(), Unusable> {
    let mut lenient = policy.clone();
    lenient.accept_hash(HashAlgorithm::SHA1);
    for policy in [policy, &lenient] {
        match cert.revocation_status(policy, SystemTime::from(now)) {
            RevocationStatus::Revoked(signatures) => {
                let words = signatures.iter().find_map(|s| s.reason_for_revocation());
                let reason = words.map(|(code, text)| (code.to_string(), String::from_utf8_lossy(text).into_owned()));
                let reason = reason.map(|(code, text)| if text.is_empty() { code } else { format!("{code}: {text}") });
                return Err(Unusable::Revoked { reason: safe::short(&reason.unwrap_or_default(), 120) });
            }
            RevocationStatus::CouldBe(signatures) if by_designated_revoker(cert, policy, &signatures) => {
                return Err(Unusable::MaybeRevoked);
            }
            RevocationStatus::CouldBe(_) | RevocationStatus::NotAsFarAsWeKnow => {}
        }
    }
    Ok(())
}

/// The library reports anybody's claim that a certificate is revoked; only those whom its owner named are listened to.
fn by_designated_revoker(cert: &Cert, policy: &StandardPolicy<'_>, signatures: &[&Signature]) -> bool {
    let named: Vec<KeyHandle> = cert.revocation_keys(policy).map(|key| key.revoker().1.into()).collect();
    signatures.iter().flat_map(|s| s.get_issuers()).any(|issuer| named.iter().any(|n| n.aliases(&issuer)))
}

fn key_state(key: &ValidKey<'_>) -> Result<(), Unusable> {
    if matches!(key.revocation_status(), RevocationStatus::Revoked(_)) {
        return Err(Unusable::SubkeyRevoked);
    }
    if key.alive().is_err() {
        let expired = key.key_expiration_time().and_then(timestamp);
        return Err(expired.map_or(Unusable::SubkeyInvalid, Unusable::SubkeyExpired));
    }
    if is_supported(key) { Ok(()) } else { Err(Unusable::SubkeyUnsupported) }
}

/// The algorithm, and for ECDH the curve as well.
fn is_supported(key: &ValidKey<'_>) -> bool {
    let curve = match key.key().mpis() {
        mpi::PublicKey::ECDH { curve, .. } => curve.is_supported(),
        _ => true,
    };
    curve && key.key().pk_algo().is_supported()
}

/// Of two reasons the one that says more about what to do: the later expiry, then revocation, then the rest.
fn milder(old: Option<Unusable>, new: Unusable) -> Unusable {
    match (old, new) {
        (Some(Unusable::SubkeyExpired(a)), Unusable::SubkeyExpired(b)) => Unusable::SubkeyExpired(a.max(b)),
        (Some(Unusable::SubkeyUnsupported), _) => Unusable::SubkeyUnsupported,
        (Some(expired @ Unusable::SubkeyExpired(_)), Unusable::SubkeyRevoked | Unusable::SubkeyInvalid) => expired,
        (_, new) => new,
    }
}

/// Until when the last of `keys` can be encrypted to; `None` for ever. A subkey ends with its certificate.
fn last_expiry(keys: &[ValidKey<'_>]) -> Option<Timestamp> {
    let each = keys.iter().map(|key| {
        let own = key.key_expiration_time().and_then(timestamp);
        let primary = key.valid_cert().primary_key().key_expiration_time().and_then(timestamp);
        own.into_iter().chain(primary).min()
    });
    let ends: Option<Vec<Timestamp>> = each.collect();
    ends?.into_iter().max()
}

fn describe_user_id(uid: &UserIDAmalgamation<'_>, policy: &StandardPolicy<'_>, now: Timestamp) -> UserIdInfo {
    let at = SystemTime::from(now);
    UserIdInfo {
        text: String::from_utf8_lossy(uid.userid().value()).into_owned(),
        address: uid.userid().email().ok().flatten().map(str::to_owned),
        revoked: matches!(uid.revocation_status(policy, at), RevocationStatus::Revoked(_)),
        valid: uid.binding_signature(policy, at).is_ok(),
    }
}

fn self_revocations(cert: &Cert) -> Vec<Signature> {
    let keys = cert.keys().flat_map(|k| k.self_revocations().cloned().collect::<Vec<_>>());
    let user_ids = cert.userids().flat_map(|u| u.self_revocations().cloned().collect::<Vec<_>>());
    keys.chain(user_ids).collect()
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}
