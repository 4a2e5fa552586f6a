//! What one signature proves, and for whom.

use std::panic::AssertUnwindSafe;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::cert::amalgamation::ValidAmalgamation;
use openpgp::packet::{Signature, UserID};
use openpgp::parse::Parse;
use openpgp::parse::stream::{
    DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationError, VerificationHelper, VerificationResult,
};
use openpgp::policy::{HashAlgoSecurity, Policy, StandardPolicy};
use openpgp::types::{HashAlgorithm, RevocationStatus};
use openpgp::{Cert, Fingerprint, KeyHandle, KeyID};

use super::decrypt::{Env, MAX_SIGNATURES};
use super::packets::{Packets, tag};
use super::weak;

/// What the arithmetic and the crypto policy say of one signature, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// It does not verify, or its key may not sign.
    Bad,
    /// There is no certificate to verify it with.
    Unknown,
    /// It verifies, but by something that can be forged today.
    Weak,
    /// It verifies.
    Valid,
}

/// One checked signature.
#[derive(Clone, Debug)]
pub struct Sig {
    /// What it proves.
    pub proof: Proof,
    /// The signer's certificate, or the issuer that it names.
    pub by: Option<String>,
    /// The addresses that the certificate binds to itself, each the single addr-spec of a User ID.
    pub addresses: Vec<String>,
    /// The certificate only came with this mail.
    pub carried: bool,
    /// The hash algorithm.
    pub hash: Option<String>,
    /// When it says it was made.
    pub made_at: Option<Timestamp>,
    /// Whom it says it is for.
    pub intended: Vec<Fingerprint>,
    /// Issuers, for finding a certificate that the mail carries.
    pub issuers: Vec<KeyHandle>,
    /// It was made over another text: the first octets of the digest that it carries (RFC 9580 section 5.2.3) differ from those
    /// of this text, so that no certificate could make it good.
    pub misfit: bool,
    /// It verifies, but what binds the certificate to its key and addresses would not pass the crypto policy.
    pub weakly_bound: bool,
    /// Why it is not valid.
    pub reason: Option<String>,
    /// A stable slug and words, for what must be named.
    pub warnings: Vec<String>,
}

/// The certificates that may have made a signature: configured ones first, so that a carried copy never stands for them.
pub fn certs_for(env: &Env<'_>, ids: &[KeyHandle]) -> Vec<Cert> {
    let mut found: Vec<Cert> = Vec::new();
    for id in ids.iter().take(MAX_SIGNATURES) {
        let carried = env.carried.iter().filter(|cert| cert.keys().key_handle(id.clone()).next().is_some());
        for cert in env.keys.with_key(id).chain(carried) {
            if !found.iter().any(|other| other.fingerprint() == cert.fingerprint()) {
                found.push(cert.clone());
            }
        }
    }
    found
}

/// Turns the library's result into ours.
pub fn judge(result: VerificationResult<'_>, env: &Env<'_>) -> Sig {
    match result {
        Ok(good) if good.sig.version() == 3 => {
            let cert = good.ka.cert();
            let error = openpgp::Error::BadSignature("it is of version 3".into()).into();
            weak::judge(good.sig, cert, env).unwrap_or_else(|| bad(good.sig, Some(cert), &error, env))
        }
        Ok(good) => {
            let mut sig = describe(good.sig);
            sig.proof = Proof::Valid;
            know(&mut sig, good.ka.cert(), env);
            sig
        }
        Err(VerificationError::MissingKey { sig }) => {
            let mut sig = describe(sig);
            if sig.misfit {
                sig.proof = Proof::Bad;
                sig.reason = Some("it was made over another text than this one".into());
            } else {
                sig.proof = Proof::Unknown;
                sig.reason = Some("there is no certificate to check it with".into());
            }
            sig
        }
        Err(VerificationError::UnboundKey { sig, cert, error }) => {
            let known = weakly_bound(sig, cert, env).or_else(|| weak::judge(sig, cert, env));
            known.unwrap_or_else(|| bad(sig, Some(cert), &error, env))
        }
        Err(VerificationError::BadKey { sig, ka, error } | VerificationError::BadSignature { sig, ka, error }) => {
            weak::judge(sig, ka.cert(), env).unwrap_or_else(|| bad(sig, Some(ka.cert()), &error, env))
        }
        Err(VerificationError::MalformedSignature { sig, error }) => bad(sig, None, &error, env),
        Err(VerificationError::UnknownSignature { sig }) => unknown_kind(sig.body(), env),
        Err(_) => Sig { proof: Proof::Bad, reason: Some("it is of a kind that cannot be read".into()), ..Sig::blank() },
    }
}

/// Checks a signature whose own arithmetic is sound although its certificate is held together by SHA-1. Such a certificate is
/// never bound to an address in our eyes; but that its key made the signature is true, and worth saying.
fn weakly_bound(sig: &Signature, cert: &Cert, env: &Env<'_>) -> Option<Sig> {
    let mut lenient = env.policy.clone();
    lenient.accept_hash(HashAlgorithm::SHA1);
    let made_at = sig.signature_creation_time()?;
    let valid = cert.with_policy(&lenient, made_at).ok()?;
    let issuers = sig.get_issuers();
    let keys = valid.keys().key_handles(issuers.iter()).alive().revoked(false).for_signing();
    let alive = valid.alive().is_ok() && !matches!(valid.revocation_status(), RevocationStatus::Revoked(_));
    env.policy.signature(sig, HashAlgoSecurity::default()).ok()?;
    sig.signature_alive(env.now, None).ok()?;
    let mut keys = keys.filter(|ka| alive && sig.verify_document(ka.key()).is_ok());
    keys.next()?;
    let mut out = describe(sig);
    out.proof = Proof::Valid;
    know(&mut out, cert, env);
    out.weakly_bound = true;
    out.addresses = addresses_by(cert, &lenient, env.now);
    Some(out)
}

/// Signatures of version 3 are named by hand, because the library does not read them (RFC 9580 section 5.2.2).
fn unknown_kind(body: &[u8], env: &Env<'_>) -> Sig {
    let &[3, 5, _kind, _, _, _, _, a, b, c, d, e, f, g, h, _algorithm, hash, ..] = body else {
        return Sig { proof: Proof::Bad, reason: Some("it is of a kind that cannot be read".into()), ..Sig::blank() };
    };
    let issuer = KeyHandle::from(KeyID::from_bytes(&[a, b, c, d, e, f, g, h]));
    let known = env.keys.with_key(&issuer).next().is_some();
    Sig {
        proof: if known { Proof::Bad } else { Proof::Unknown },
        by: Some(format!("{issuer:X}")),
        hash: Some(hash_name(HashAlgorithm::from(hash))),
        reason: Some("it is of version 3, which is too old to be checked".into()),
        warnings: vec!["v3-signature: the signature has a format that was given up in 1998".into()],
        ..Sig::blank()
    }
}

impl Sig {
    /// Nothing known.
    pub fn blank() -> Sig {
        Sig {
            proof: Proof::Bad,
            by: None,
            addresses: Vec::new(),
            carried: false,
            hash: None,
            made_at: None,
            intended: Vec::new(),
            issuers: Vec::new(),
            misfit: false,
            weakly_bound: false,
            reason: None,
            warnings: Vec::new(),
        }
    }
}

fn bad(sig: &Signature, cert: Option<&Cert>, error: &openpgp::anyhow::Error, env: &Env<'_>) -> Sig {
    let mut out = describe(sig);
    out.proof = Proof::Bad;
    out.reason = Some(words(error));
    if let Some(cert) = cert {
        know(&mut out, cert, env);
    }
    out
}

/// The library's words, one line and bounded: they may quote a stranger.
fn words(error: &openpgp::anyhow::Error) -> String {
    let text: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) fn describe(sig: &Signature) -> Sig {
    let issuers = sig.get_issuers();
    let by = issuers.iter().find(|id| matches!(id, KeyHandle::Fingerprint(_))).or_else(|| issuers.first());
    Sig {
        proof: Proof::Unknown,
        by: by.map(|id| format!("{id:X}")),
        hash: Some(hash_name(sig.hash_algo())),
        made_at: sig.signature_creation_time().and_then(|time| Timestamp::try_from(time).ok()),
        intended: sig.intended_recipients().take(MAX_SIGNATURES).cloned().collect(),
        issuers,
        misfit: sig
            .computed_digest()
            .is_some_and(|digest| !digest.is_empty() && !digest.starts_with(sig.digest_prefix())),
        ..Sig::blank()
    }
}

pub(super) fn know(sig: &mut Sig, cert: &Cert, env: &Env<'_>) {
    let fingerprint = cert.fingerprint();
    sig.by = Some(format!("{fingerprint:X}"));
    sig.carried = !env.keys.own().iter().chain(env.keys.certs()).any(|known| known.fingerprint() == fingerprint);
    sig.addresses = bound_addresses(cert, env);
}

/// The addresses of valid, unrevoked, self-bound User IDs. A User ID that holds more or other than one addr-spec gives none.
pub fn bound_addresses(cert: &Cert, env: &Env<'_>) -> Vec<String> {
    addresses_by(cert, &env.policy, env.now)
}

pub(super) fn addresses_by(cert: &Cert, policy: &StandardPolicy<'_>, at: SystemTime) -> Vec<String> {
    let Ok(valid) = cert.with_policy(policy, at) else { return Vec::new() };
    let bound = valid.userids().filter(|uid| !matches!(uid.revocation_status(), RevocationStatus::Revoked(_)));
    bound.filter_map(|uid| single_address(uid.userid())).collect()
}

/// The one addr-spec of a User ID.
pub fn single_address(uid: &UserID) -> Option<String> {
    let address = uid.email().ok().flatten()?;
    let whole = std::str::from_utf8(uid.value()).ok()?;
    let clean = !whole.chars().any(char::is_control) && whole.matches('@').count() == 1 && address.contains('@');
    clean.then(|| address.to_owned())
}

/// The name as `contract.md` writes it.
pub(super) fn hash_name(hash: HashAlgorithm) -> String {
    match hash {
        HashAlgorithm::SHA1 => "SHA1".into(),
        HashAlgorithm::MD5 => "MD5".into(),
        HashAlgorithm::RipeMD => "RIPEMD160".into(),
        HashAlgorithm::SHA256 => "SHA256".into(),
        HashAlgorithm::SHA384 => "SHA384".into(),
        HashAlgorithm::SHA512 => "SHA512".into(),
        HashAlgorithm::SHA224 => "SHA224".into(),
        other => other.to_string(),
    }
}

/// Makes a valid signature bad when it names recipients and we are not among them. (The library does this for what it
/// decrypts itself.)
pub fn check_intended(sigs: &mut [Sig], ours: Option<&Fingerprint>) {
    let Some(ours) = ours else { return };
    for sig in sigs.iter_mut().filter(|sig| sig.proof == Proof::Valid && !sig.intended.is_empty()) {
        if !sig.intended.contains(ours) {
            sig.proof = Proof::Bad;
            sig.reason = Some("not an intended recipient".into());
        }
    }
}

/// Checks a detached signature against the forms that its content may have had before a program on the way touched it;
/// the first form that verifies counts. `Err` names the limit that was hit.
pub fn detached(signature: &[u8], forms: &[&[u8]], env: &Env<'_>) -> Result<Vec<Sig>, &'static str> {
    let mut count = 0_usize;
    for head in Packets::new(signature) {
        count += usize::from(head.tag == tag::SIGNATURE);
    }
    if count > MAX_SIGNATURES {
        return Err("more than 32 signatures");
    }
    let proven = |sigs: &[Sig]| sigs.iter().map(|sig| sig.proof).max();
    let mut best: Vec<Sig> = Vec::new();
    for form in forms {
        let checked = std::panic::catch_unwind(AssertUnwindSafe(|| verify(signature, form, env)));
        let sigs = checked.map_err(|_| "the OpenPGP library failed on it")?;
        if best.is_empty() || proven(&sigs) > proven(&best) {
            best = sigs;
        }
        // Without a certificate no other form will do better than one that fits.
        if proven(&best) == Some(Proof::Valid) || best.iter().all(|sig| sig.proof == Proof::Unknown) {
            break;
        }
    }
    Ok(best)
}

fn verify(signature: &[u8], data: &[u8], env: &Env<'_>) -> Vec<Sig> {
    let mut sigs = Vec::new();
    let helper = Collector { env, sigs: &mut sigs };
    let policy = env.reading_policy();
    let verified = DetachedVerifierBuilder::from_bytes(signature)
        .and_then(|builder| builder.with_policy(&policy, env.now, helper))
        .and_then(|mut verifier| verifier.verify_bytes(data));
    if verified.is_err() && sigs.is_empty() {
        // The library gives up at the first packet that it cannot read.
        let found = Packets::new(signature).filter(|head| head.tag == tag::SIGNATURE);
        sigs.extend(found.map(|head| unknown_kind(signature.get(head.body).unwrap_or_default(), env)));
    }
    sigs
}

struct Collector<'a> {
    env: &'a Env<'a>,
    sigs: &'a mut Vec<Sig>,
}

impl VerificationHelper for Collector<'_> {
    fn get_certs(&mut self, ids: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(certs_for(self.env, ids))
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> openpgp::Result<()> {
        for layer in structure {
            if let MessageLayer::SignatureGroup { results } = layer {
                self.sigs.extend(results.into_iter().map(|result| judge(result, self.env)));
            }
        }
        Ok(())
    }
}
