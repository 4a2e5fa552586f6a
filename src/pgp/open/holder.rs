//! Who holds our secret keys, and the one thing that is asked of him: the session key of one PKESK.
//!
//! A [`Keyring`] answers from files and from gpg-agent; a [`super::remote::Remote`] asks another process, so that a process that
//! reads strangers' mail needs no secret key.

use sequoia_openpgp as openpgp;

use openpgp::cert::Cert;
use openpgp::crypto::{SessionKey, mpi};
use openpgp::packet::key::{PublicParts, SecretParts, UnspecifiedRole};
use openpgp::packet::{Key, PKESK};
use openpgp::types::{PublicKeyAlgorithm, SymmetricAlgorithm};

use super::elgamal::ElGamal;
use crate::pgp::keyring::Keyring;

/// What the holder of a secret key says to a PKESK.
pub enum Answer {
    /// What it unwraps to: nonsense too, where the wrong key was used.
    Key(Option<SymmetricAlgorithm>, SessionKey),
    /// The secret was used and does not unwrap it.
    Nothing,
    /// The secret is locked.
    Locked,
    /// It is not here.
    Absent,
    /// It is on a curve that nothing here can compute with.
    Unsupported,
    /// It was not used, and why.
    Refused(String),
}

/// A holder of secret keys.
pub trait Holder {
    /// True where the secret of this key is here, locked or not.
    fn holds(&self, key: &Key<PublicParts, UnspecifiedRole>) -> bool;

    /// Unwraps the session key. `cipher` is what the container says, where the PKESK does not.
    fn unwrap(
        &self,
        key: &Key<PublicParts, UnspecifiedRole>,
        pkesk: &PKESK,
        cipher: Option<SymmetricAlgorithm>,
    ) -> Answer;
}

impl Holder for Keyring {
    fn holds(&self, key: &Key<PublicParts, UnspecifiedRole>) -> bool {
        secret(self.own(), key).is_some() || self.agent().is_some_and(|agent| agent.has(key))
    }

    fn unwrap(
        &self,
        key: &Key<PublicParts, UnspecifiedRole>,
        pkesk: &PKESK,
        cipher: Option<SymmetricAlgorithm>,
    ) -> Answer {
        let Some(secret) = secret(self.own(), key) else { return by_agent(self, key, pkesk, cipher) };
        if secret.secret().is_encrypted() {
            return Answer::Locked;
        }
        if !supports(secret.mpis()) {
            return Answer::Unsupported;
        }
        let unwrapped = if is_elgamal(secret.pk_algo()) {
            pkesk.decrypt(&mut ElGamal::new(secret), cipher)
        } else {
            secret.into_keypair().ok().and_then(|mut pair| pkesk.decrypt(&mut pair, cipher))
        };
        unwrapped.map_or(Answer::Nothing, |(algorithm, key)| Answer::Key(algorithm, key))
    }
}

fn by_agent(
    ring: &Keyring,
    key: &Key<PublicParts, UnspecifiedRole>,
    pkesk: &PKESK,
    cipher: Option<SymmetricAlgorithm>,
) -> Answer {
    let Some(mut key) = ring.agent().and_then(|agent| agent.key(key)) else { return Answer::Absent };
    let unwrapped = pkesk.decrypt(&mut key, cipher);
    match (key.error, unwrapped) {
        (Some(error), _) => Answer::Refused(error.to_string()),
        (None, Some((algorithm, key))) => Answer::Key(algorithm, key),
        (None, None) => Answer::Nothing,
    }
}

/// The secret of a key, from a file.
fn secret(own: &[Cert], key: &Key<PublicParts, UnspecifiedRole>) -> Option<Key<SecretParts, UnspecifiedRole>> {
    let fingerprint = key.fingerprint();
    let mut found = own.iter().flat_map(|cert| cert.keys().secret()).filter(|ka| ka.key().fingerprint() == fingerprint);
    found.next().map(|ka| ka.key().clone())
}

/// Whether the backend can work on the curve of a key.
fn supports(key: &mpi::PublicKey) -> bool {
    match key {
        mpi::PublicKey::ECDH { curve, .. } => curve.is_supported(),
        _ => true,
    }
}

/// True for both names of the algorithm.
#[allow(deprecated, reason = "old keys are what this is about")]
pub fn is_elgamal(algorithm: PublicKeyAlgorithm) -> bool {
    use PublicKeyAlgorithm::{ElGamalEncrypt, ElGamalEncryptSign};
    matches!(algorithm, ElGamalEncrypt | ElGamalEncryptSign)
}
