//! The published copies of our key against the one in use.

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Cert;

use super::{Unusable, crypto_policy, encryption_keys, last_expiry};
use crate::pgp::keyring::{CertLimits, parse_certs};

/// What is wrong with a published copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyFlaw {
    /// It is not only a certificate.
    #[error("it holds the secret key")]
    HoldsSecret,
    /// A reporter who takes it cannot use it, though the one in use can be.
    #[error("nobody can encrypt to it: {0}")]
    Unusable(Unusable),
    /// The subkey that is in use is not in it.
    #[error("it lacks the encryption subkey {0}, which is the one in use")]
    Lacks(String),
    /// It has a subkey that must not be used any more and does not say so.
    #[error("it still offers the encryption subkey {0}, which the key in use has revoked, or has no more")]
    Offers(String),
    /// It will be taken for expired too early.
    #[error("it says that it expires at {copy}, and the key in use says {}", ours.map_or_else(|| "never".to_owned(), |at| at.to_string()))]
    Older {
        /// What the copy says.
        copy: Timestamp,
        /// What the key in use says.
        ours: Option<Timestamp>,
    },
}

impl CopyFlaw {
    /// True where a report made with this copy could not be read, or not be made.
    pub fn is_grave(&self) -> bool {
        matches!(self, CopyFlaw::HoldsSecret | CopyFlaw::Unusable(_) | CopyFlaw::Offers(_))
    }
}

/// The certificates in a published file, armored or binary; text around the armor does not matter. What cannot be read is
/// in the second list, in words.
pub fn read_all(bytes: &[u8]) -> (Vec<Cert>, Vec<String>) {
    parse_certs(bytes, CertLimits::CONFIGURED)
}

/// Compares a copy with the key in use, which has the same fingerprint.
pub fn flaws(own: &Cert, copy: &Cert, now: Timestamp) -> Vec<CopyFlaw> {
    let policy = crypto_policy(now);
    let mut found = Vec::new();
    if copy.is_tsk() {
        found.push(CopyFlaw::HoldsSecret);
    }
    // What is wrong with our own key is told where our keys are looked at.
    let Ok(ours) = encryption_keys(own, &policy, now) else { return found };
    let theirs = match encryption_keys(copy, &policy, now) {
        Ok(keys) => keys,
        Err(reason) => {
            found.push(CopyFlaw::Unusable(reason));
            return found;
        }
    };
    let has = |keys: &[super::ValidKey<'_>], wanted: &openpgp::Fingerprint| {
        keys.iter().any(|key| key.key().fingerprint() == *wanted)
    };
    let newest = ours.iter().max_by_key(|key| key.key().creation_time()).map(|key| key.key());
    if let Some(newest) = newest.filter(|newest| !has(&theirs, &newest.fingerprint())) {
        found.push(CopyFlaw::Lacks(newest.keyid().to_hex()));
    }
    let offered = theirs.iter().filter(|key| !has(&ours, &key.key().fingerprint()));
    found.extend(offered.map(|key| CopyFlaw::Offers(key.key().keyid().to_hex())));
    if found.is_empty()
        && let Some(copy) = last_expiry(&theirs)
    {
        let ours = last_expiry(&ours);
        if ours.is_none_or(|ours| copy < ours) {
            found.push(CopyFlaw::Older { copy, ours });
        }
    }
    found
}

/// True where this is the fingerprint of the key or of one of its subkeys: documents name either.
pub fn is_named(cert: &Cert, fingerprint: &str) -> bool {
    cert.keys().any(|ka| ka.key().fingerprint().to_hex() == fingerprint)
}
