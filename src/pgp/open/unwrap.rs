//! The session key of a message, by one of our secret keys: a bounded number of tries.

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::amalgamation::key::ErasedKeyAmalgamation;
use openpgp::crypto::{SessionKey, mpi};
use openpgp::packet::PKESK;
use openpgp::packet::key::{PublicParts, SecretParts};
use openpgp::types::{PublicKeyAlgorithm, SymmetricAlgorithm};

use super::decrypt::Helper;
use super::elgamal::ElGamal;

/// The most recipients that are looked at.
pub const MAX_PKESKS: usize = 64;
const MAX_WILDCARDS: usize = 4;
const MAX_OWN_TRIED: usize = 64;

pub(super) type Try<'a> = dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool + 'a;

impl Helper<'_> {
    /// Tries the named keys, then every key on what hides its recipient: a bounded number of times, never by To or Cc, and
    /// without the crypto policy, because an expired key of ours still opens old mail.
    pub(super) fn try_keys(
        &mut self,
        pkesks: &[PKESK],
        cipher: Option<SymmetricAlgorithm>,
        decrypt: &mut Try<'_>,
    ) -> Option<Cert> {
        let env = self.env;
        for pkesk in pkesks.iter().take(MAX_PKESKS) {
            let Some(handle) = pkesk.recipient() else { continue };
            for cert in env.keys.own() {
                for ka in cert.keys().key_handle(handle.clone()) {
                    if self.try_key(cert, &ka, pkesk, cipher, decrypt) {
                        return Some(cert.clone());
                    }
                    let unlocked = ka.key().optional_secret().map(|secret| !secret.is_encrypted());
                    let asked = self.state.agent.is_none() && self.in_agent(&ka);
                    let tried = unlocked.unwrap_or(asked) && supports(ka.key().mpis());
                    self.state.unwrapped_badly |= tried && self.state.blowfish.is_none();
                }
            }
        }
        let hidden = pkesks.iter().filter(|pkesk| pkesk.recipient().is_none()).take(MAX_WILDCARDS);
        for pkesk in hidden {
            let keys = env.keys.own().iter().flat_map(|cert| cert.keys().map(move |ka| (cert, ka)));
            let fitting = keys.filter(|(_, ka)| same_algorithm(ka.key().pk_algo(), pkesk.pk_algo()));
            let ours = fitting.filter(|(_, ka)| ka.key().has_secret() || env.keys.agent().is_some());
            for (cert, ka) in ours.take(MAX_OWN_TRIED) {
                if self.try_key(cert, &ka, pkesk, cipher, decrypt) {
                    return Some(cert.clone());
                }
            }
        }
        None
    }

    fn in_agent(&self, ka: &ErasedKeyAmalgamation<'_, PublicParts>) -> bool {
        self.env.keys.agent().is_some_and(|agent| agent.has(ka.key().role_as_unspecified()))
    }

    fn try_key(
        &mut self,
        cert: &Cert,
        ka: &ErasedKeyAmalgamation<'_, PublicParts>,
        pkesk: &PKESK,
        cipher: Option<SymmetricAlgorithm>,
        decrypt: &mut Try<'_>,
    ) -> bool {
        let fingerprint = ka.key().fingerprint();
        let Some((algorithm, session_key)) = self.unwrap(ka, pkesk, cipher) else { return false };
        // A hidden recipient's key may unwrap to nonsense; the right key names the right cipher, and the container proves it.
        let ours = algorithm == Some(SymmetricAlgorithm::Blowfish) && cipher.is_none();
        if !ours && !decrypt(algorithm, &session_key) {
            return false;
        }
        self.state.sealing.with = Some(cert.fingerprint());
        self.state.sealing.with_key = Some(fingerprint);
        if ours {
            self.state.blowfish = Some(session_key);
            return false;
        }
        self.state.session_key = true;
        true
    }

    fn unwrap(
        &mut self,
        ka: &ErasedKeyAmalgamation<'_, PublicParts>,
        pkesk: &PKESK,
        cipher: Option<SymmetricAlgorithm>,
    ) -> Option<(Option<SymmetricAlgorithm>, SessionKey)> {
        let Ok(key) = ka.key().clone().parts_into_secret() else {
            let fingerprint = ka.key().fingerprint();
            let held = self.env.keys.agent().and_then(|agent| agent.key(ka.key().role_as_unspecified()));
            let Some(mut key) = held else {
                if pkesk.recipient().is_some() {
                    let reason =
                        "would open it, but its secret is neither in a file of ours nor in a gpg-agent that answers";
                    self.state.agent.get_or_insert_with(|| format!("our key {fingerprint:X} {reason}"));
                }
                return None;
            };
            let unwrapped = pkesk.decrypt(&mut key, cipher);
            if let Some(error) = key.error {
                self.state.agent =
                    Some(format!("its key {fingerprint:X} is kept by gpg-agent and was not used: {error}"));
            }
            return unwrapped;
        };
        if key.secret().is_encrypted() {
            self.state.locked.get_or_insert(key.fingerprint());
            return None;
        }
        let key: openpgp::packet::Key<SecretParts, _> = key;
        if !supports(key.mpis()) {
            let reason = format!(
                "our key {:X} would open it, but this program cannot use its curve; keep that key in gpg-agent, which can",
                key.fingerprint()
            );
            self.state.agent.get_or_insert(reason);
            return None;
        }
        if is_elgamal(key.pk_algo()) {
            return pkesk.decrypt(&mut ElGamal::new(key), cipher);
        }
        key.into_keypair().ok().and_then(|mut pair| pkesk.decrypt(&mut pair, cipher))
    }
}

/// Whether the backend can work on the curve of a key.
fn supports(key: &mpi::PublicKey) -> bool {
    match key {
        mpi::PublicKey::ECDH { curve, .. } => curve.is_supported(),
        _ => true,
    }
}

// Old keys are what this is about.
#[allow(deprecated)]
fn is_elgamal(algorithm: PublicKeyAlgorithm) -> bool {
    use PublicKeyAlgorithm::{ElGamalEncrypt, ElGamalEncryptSign};
    matches!(algorithm, ElGamalEncrypt | ElGamalEncryptSign)
}

#[allow(deprecated)]
fn same_algorithm(ours: PublicKeyAlgorithm, theirs: PublicKeyAlgorithm) -> bool {
    use PublicKeyAlgorithm::{RSAEncrypt, RSAEncryptSign};
    let rsa = |algorithm| matches!(algorithm, RSAEncrypt | RSAEncryptSign);
    ours == theirs || (rsa(ours) && rsa(theirs)) || (is_elgamal(ours) && is_elgamal(theirs))
}
