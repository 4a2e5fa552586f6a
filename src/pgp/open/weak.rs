//! Signatures that verify, yet only by arithmetic that can be forged today.
//!
//! Nothing was changed on the way, as far as anybody can tell, so they are not bad; they prove nothing, so they are not good.
//! The crypto policy is loosened here for the sole purpose of telling the two apart.

// Naming what was given up is the point.
#![allow(deprecated)]

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::ValidCert;
use openpgp::crypto::mpi::PublicKey;
use openpgp::packet::{Signature, Tag};
use openpgp::policy::{AsymmetricAlgorithm, HashAlgoSecurity, Policy, StandardPolicy};
use openpgp::types::{HashAlgorithm, KeyFlags, RevocationStatus};

use super::decrypt::Env;
use super::verify::{self, Proof, Sig};

/// Hash algorithms with which a forger can work.
const WEAK_HASHES: [HashAlgorithm; 3] = [HashAlgorithm::MD5, HashAlgorithm::SHA1, HashAlgorithm::RipeMD];

/// Checks a signature that the crypto policy refused, by one that knows no age. `None` where it does not verify at all, where
/// its key was expired or revoked, or where nothing about it is weak, so that it was refused for another reason.
pub fn judge(sig: &Signature, cert: &Cert, env: &Env<'_>) -> Option<Sig> {
    let policy = policy(env);
    let made_at = sig.signature_creation_time()?;
    let valid = cert.with_policy(&policy, made_at).ok()?;
    if valid.alive().is_err() || matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        return None;
    }
    policy.signature(sig, HashAlgoSecurity::default()).ok()?;
    sig.signature_alive(env.now, None).ok()?;
    let issuers = sig.get_issuers();
    // Keys of the nineties say nothing of what they are for.
    let signs = |flags: Option<KeyFlags>| flags.is_none_or(|flags| flags.is_empty() || flags.for_signing());
    let mut keys = valid.keys().key_handles(issuers.iter()).alive().revoked(false);
    let bits = keys
        .find(|ka| signs(ka.key_flags()) && sig.verify_document(ka.key()).is_ok())
        .map(|ka| small_key(ka.key().mpis()))?;
    let flaws = flaws(sig, bits, &valid);
    let (_, reason) = flaws.first()?;
    let mut out = verify::describe(sig);
    out.proof = Proof::Weak;
    out.reason = Some(reason.clone());
    verify::know(&mut out, cert, env);
    out.addresses = verify::addresses_by(cert, &policy, env.now);
    out.warnings = flaws.into_iter().map(|(slug, words)| format!("{slug}: {words}")).collect();
    Some(out)
}

/// The policy for this purpose.
pub fn policy(env: &Env<'_>) -> StandardPolicy<'static> {
    let mut policy = env.policy.clone();
    for hash in WEAK_HASHES {
        policy.accept_hash(hash);
    }
    for algorithm in [AsymmetricAlgorithm::RSA1024, AsymmetricAlgorithm::DSA1024, AsymmetricAlgorithm::DSA2048] {
        policy.accept_asymmetric_algo(algorithm);
    }
    for algorithm in [AsymmetricAlgorithm::ElGamal1024, AsymmetricAlgorithm::ElGamal2048] {
        policy.accept_asymmetric_algo(algorithm);
    }
    policy.accept_packet_tag_version(Tag::Signature, 3);
    policy
}

/// What is weak about it: slugs and words.
fn flaws(sig: &Signature, bits: Option<usize>, cert: &ValidCert<'_>) -> Vec<(String, String)> {
    let mut flaws = Vec::new();
    if WEAK_HASHES.contains(&sig.hash_algo()) {
        let hash = verify::hash_name(sig.hash_algo());
        let words = format!("it verifies, but {hash} can be forged, so it proves nothing today");
        flaws.push((format!("{}-signature", hash.to_ascii_lowercase()), words));
    }
    if sig.version() == 3 {
        let words = "it verifies, but its format was given up in 1998";
        flaws.push(("v3-signature".to_owned(), words.to_owned()));
    }
    if let Some(bits) = bits {
        let words = format!("it verifies, but a key of {bits} bits made it, which is too small to prove much today");
        flaws.push(("weak-key".to_owned(), words));
    } else if let Some(bits) = small_key(cert.primary_key().key().mpis()) {
        let words = format!("it verifies, but a key of {bits} bits vouches for its key, which is too small today");
        flaws.push(("weak-key".to_owned(), words));
    }
    flaws
}

/// The size of an RSA or DSA key that the crypto policy gave up.
fn small_key(key: &PublicKey) -> Option<usize> {
    let bits = match key {
        PublicKey::RSA { n, .. } => n.bits(),
        PublicKey::DSA { p, .. } => p.bits(),
        _ => return None,
    };
    (bits < 2048).then_some(bits)
}
