//! What can go wrong with our own keys, beside the expiry of the encryption subkey ([`super::expiry_warning`]).

use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::types::PublicKeyAlgorithm;

use super::{ExpiryWarning, ValidKey, crypto_policy, encryption_keys, last_expiry, step, valid_cert};
use crate::pgp::agent::Agent;

/// Fewer bits of RSA, DSA or ElGamal can be broken by those who have the means, or soon will be.
const FEWEST_BITS: usize = 2048;

/// What a person should see to about a key of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Concern {
    /// Senders encrypt to this subkey, and its secret is nowhere at hand.
    #[error("the secret of its encryption subkey {subkey} is neither in the file nor with gpg-agent")]
    SecretAway {
        /// Key ID.
        subkey: String,
        /// Whether another encryption subkey's secret is here.
        all: bool,
    },
    /// Answers cannot be signed.
    #[error("it has no signing key that may be used now and whose secret is at hand")]
    CannotSign,
    /// Its signing key is about to expire.
    #[error("the signing key expires in {days_left} days, at {at}")]
    SigningEnds {
        /// Until when.
        at: Timestamp,
        /// Whole days left.
        days_left: i64,
        /// The warning's step: 60, 30 or 7 days.
        within_days: i64,
    },
    /// One of its keys is of a kind that is given up.
    #[error("its key {subkey} is weak: {algorithm}")]
    Weak {
        /// Key ID.
        subkey: String,
        /// The algorithm, with its length.
        algorithm: String,
    },
}

/// Looks at a key of ours: are the secrets here, can it sign and until when, is it strong. `None` for `agent` where
/// secrets lie in files only.
pub fn concerns(cert: &Cert, agent: Option<&Agent>, now: Timestamp) -> Vec<Concern> {
    let policy = crypto_policy(now);
    let mut found = Vec::new();
    let at_hand =
        |key: &ValidKey<'_>| key.key().has_secret() || agent.is_some_and(|a| a.has(key.key().role_as_unspecified()));
    if let Ok(keys) = encryption_keys(cert, &policy, now) {
        let away: Vec<&ValidKey<'_>> = keys.iter().filter(|key| !at_hand(key)).collect();
        let all = away.len() == keys.len();
        found.extend(away.iter().map(|key| Concern::SecretAway { subkey: key.key().keyid().to_hex(), all }));
    }
    // Where the whole certificate is not valid, the warning about its expiry or revocation says so.
    if valid_cert(cert, &policy, now).is_ok() {
        let signing = cert.keys().with_policy(&policy, SystemTime::from(now)).supported();
        let signing: Vec<ValidKey<'_>> = signing.alive().revoked(false).for_signing().filter(at_hand).collect();
        if signing.is_empty() {
            found.push(Concern::CannotSign);
        } else if let Some(at) = last_expiry(&signing)
            && let Some((days_left, within_days)) = step(at, now)
        {
            found.push(Concern::SigningEnds { at, days_left, within_days });
        }
    }
    found.extend(weak(cert));
    found
}

/// The signing key ends with the encryption subkey as a rule: then one warning is enough.
pub fn is_told_by(concern: &Concern, warning: Option<&ExpiryWarning>) -> bool {
    match (concern, warning) {
        (Concern::SigningEnds { at, .. }, Some(ExpiryWarning::Soon { at: other, .. })) => at == other,
        (Concern::SigningEnds { .. }, Some(ExpiryWarning::Over(_))) => true,
        _ => false,
    }
}

fn weak(cert: &Cert) -> Vec<Concern> {
    let mut found = Vec::new();
    for ka in cert.keys() {
        let key = ka.key();
        let bits = key.mpis().bits().unwrap_or(0);
        #[expect(deprecated, reason = "old keys still have it")]
        let given_up = match key.pk_algo() {
            PublicKeyAlgorithm::DSA | PublicKeyAlgorithm::ElGamalEncrypt | PublicKeyAlgorithm::ElGamalEncryptSign => {
                true
            }
            PublicKeyAlgorithm::RSAEncryptSign | PublicKeyAlgorithm::RSAEncrypt | PublicKeyAlgorithm::RSASign => {
                // A number of 2048 bits may begin with a zero or two.
                bits + 8 < FEWEST_BITS
            }
            _ => false,
        };
        if given_up {
            let algorithm = format!("{} of {bits} bits", key.pk_algo());
            found.push(Concern::Weak { subkey: key.keyid().to_hex(), algorithm });
        }
    }
    found
}
