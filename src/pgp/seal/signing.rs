//! The key that signs, ready to be used.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::crypto::{self, KeyPair, mpi};
use openpgp::packet::Key;
use openpgp::packet::key::{SecretParts, UnspecifiedRole};
use openpgp::types::HashAlgorithm;

use super::{SealError, own_key};
use crate::pgp::certs;
use crate::pgp::keyring::Keyring;
use crate::secret::Password;

/// One of our signing keys, unlocked. The secret lives as long as this value.
pub struct SigningKey {
    cert: Cert,
    signer: Box<dyn crypto::Signer + Send + Sync>,
}

impl SigningKey {
    /// The newest key of `own` that may sign now, unlocked with `passphrase` where it is locked. Obeys the crypto policy:
    /// a revoked or expired key does not sign.
    pub fn of(own: &Cert, passphrase: Option<&Password>, now: Timestamp) -> Result<SigningKey, SealError> {
        let key = newest_signing_key(own, now)?;
        let fingerprint = || certs::fingerprint(own);
        let key = match (key.secret().is_encrypted(), passphrase) {
            (false, _) => key,
            (true, None) => return Err(SealError::Locked(fingerprint())),
            (true, Some(passphrase)) => key
                .decrypt_secret(&crypto::Password::from(passphrase.expose()))
                .map_err(|_| SealError::WrongPassphrase(fingerprint()))?,
        };
        let pair: KeyPair = key.into_keypair().map_err(|e| own_key(own, certs::in_short(&e)))?;
        Ok(SigningKey::elsewhere(own, Box::new(pair)))
    }

    /// The newest key of `own` that may sign now, wherever its secret is: in the ring, unlocked, or in gpg-agent.
    pub fn of_ring(own: &Cert, ring: &Keyring, now: Timestamp) -> Result<SigningKey, SealError> {
        let Some(agent) = ring.agent().filter(|_| !own.is_tsk()) else {
            return SigningKey::of(own, None, now);
        };
        let policy = certs::crypto_policy(now);
        certs::valid_cert(own, &policy, now).map_err(|reason| own_key(own, reason.to_string()))?;
        let keys = own.keys().with_policy(&policy, SystemTime::from(now)).supported();
        let held = keys.alive().revoked(false).for_signing().filter(|ka| agent.has(ka.key().role_as_unspecified()));
        held.max_by_key(|ka| ka.key().creation_time())
            .and_then(|ka| agent.key(ka.key().role_as_unspecified()))
            .map(|key| SigningKey::elsewhere(own, Box::new(key)))
            .ok_or_else(|| own_key(own, "gpg-agent holds no key of it that may sign now".into()))
    }

    /// A key whose secret is kept elsewhere, such as in gpg-agent or on a card.
    fn elsewhere(own: &Cert, signer: Box<dyn crypto::Signer + Send + Sync>) -> SigningKey {
        SigningKey { cert: own.clone().strip_secret_key_material(), signer }
    }

    /// Our certificate, without secrets.
    pub fn cert(&self) -> &Cert {
        &self.cert
    }

    pub(super) fn borrowed(&mut self) -> Borrowed<'_> {
        Borrowed(self.signer.as_mut())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.cert.fingerprint())
    }
}

/// Lends the signer to the library, which wants to own one.
pub(super) struct Borrowed<'a>(&'a mut (dyn crypto::Signer + Send + Sync));

impl crypto::Signer for Borrowed<'_> {
    fn public(&self) -> &Key<openpgp::packet::key::PublicParts, UnspecifiedRole> {
        self.0.public()
    }

    fn acceptable_hashes(&self) -> &[HashAlgorithm] {
        self.0.acceptable_hashes()
    }

    fn sign(&mut self, hash: HashAlgorithm, digest: &[u8]) -> openpgp::Result<mpi::Signature> {
        self.0.sign(hash, digest)
    }
}

fn newest_signing_key(own: &Cert, now: Timestamp) -> Result<Key<SecretParts, UnspecifiedRole>, SealError> {
    let policy = certs::crypto_policy(now);
    certs::valid_cert(own, &policy, now).map_err(|reason| own_key(own, reason.to_string()))?;
    let keys = own.keys().secret().with_policy(&policy, SystemTime::from(now));
    keys.supported()
        .alive()
        .revoked(false)
        .for_signing()
        .max_by_key(|k| k.key().creation_time())
        .map(|k| k.key().clone())
        .ok_or_else(|| own_key(own, "it has no secret key that may sign now".into()))
}
