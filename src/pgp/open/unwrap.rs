//! The session key of a message, by one of our secret keys: a bounded number of tries.

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::amalgamation::key::ErasedKeyAmalgamation;
use openpgp::crypto::SessionKey;
use openpgp::packet::PKESK;
use openpgp::packet::key::PublicParts;
use openpgp::types::{PublicKeyAlgorithm, SymmetricAlgorithm};

use super::decrypt::Helper;
use super::holder::{Answer, is_elgamal};

/// The most recipients that are looked at.
pub const MAX_PKESKS: usize = 64;
/// The most hidden recipients that are tried.
pub const MAX_WILDCARDS: usize = 4;
/// The most keys of ours that are tried on a hidden recipient.
pub const MAX_OWN_TRIED: usize = 64;

pub(super) type Try<'a> = dyn FnMut(Option<SymmetricAlgorithm>, &SessionKey) -> bool + 'a;

/// What came of one key and one PKESK.
#[derive(PartialEq, Eq)]
enum Tried {
    /// It opens the message.
    Fits,
    /// The secret was used, and what it gave opens nothing.
    Misfit,
    /// The secret was not used.
    Not,
}

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
                    match self.try_key(cert, &ka, pkesk, cipher, decrypt) {
                        Tried::Fits => return Some(cert.clone()),
                        Tried::Misfit => self.state.unwrapped_badly |= self.state.blowfish.is_none(),
                        Tried::Not => {}
                    }
                }
            }
        }
        let hidden = pkesks.iter().filter(|pkesk| pkesk.recipient().is_none()).take(MAX_WILDCARDS);
        for pkesk in hidden {
            let keys = env.keys.own().iter().flat_map(|cert| cert.keys().map(move |ka| (cert, ka)));
            let fitting = keys.filter(|(_, ka)| same_algorithm(ka.key().pk_algo(), pkesk.pk_algo()));
            let ours = fitting.filter(|(_, ka)| env.holder.holds(ka.key().role_as_unspecified()));
            for (cert, ka) in ours.take(MAX_OWN_TRIED) {
                if self.try_key(cert, &ka, pkesk, cipher, decrypt) == Tried::Fits {
                    return Some(cert.clone());
                }
            }
        }
        None
    }

    fn try_key(
        &mut self,
        cert: &Cert,
        ka: &ErasedKeyAmalgamation<'_, PublicParts>,
        pkesk: &PKESK,
        cipher: Option<SymmetricAlgorithm>,
        decrypt: &mut Try<'_>,
    ) -> Tried {
        let fingerprint = ka.key().fingerprint();
        let (algorithm, session_key) = match self.env.holder.unwrap(ka.key().role_as_unspecified(), pkesk, cipher) {
            Answer::Key(algorithm, session_key) => (algorithm, session_key),
            Answer::Nothing => return Tried::Misfit,
            other => {
                self.explain(&other, ka, pkesk);
                return Tried::Not;
            }
        };
        // A hidden recipient's key may unwrap to nonsense; the right key names the right cipher, and the container proves it.
        let ours = algorithm == Some(SymmetricAlgorithm::Blowfish) && cipher.is_none();
        if !ours && !decrypt(algorithm, &session_key) {
            return Tried::Misfit;
        }
        self.state.sealing.with = Some(cert.fingerprint());
        self.state.sealing.with_key = Some(fingerprint);
        if ours {
            self.state.blowfish = Some(session_key);
            return Tried::Misfit;
        }
        self.state.session_key = true;
        Tried::Fits
    }

    /// Keeps why a secret was not used, to be told where no other opens the message.
    fn explain(&mut self, answer: &Answer, ka: &ErasedKeyAmalgamation<'_, PublicParts>, pkesk: &PKESK) {
        let fingerprint = ka.key().fingerprint();
        match answer {
            Answer::Locked => {
                self.state.locked.get_or_insert(fingerprint);
            }
            Answer::Absent if pkesk.recipient().is_some() => {
                let reason =
                    "would open it, but its secret is neither in a file of ours nor in a gpg-agent that answers";
                self.state.agent.get_or_insert_with(|| format!("our key {fingerprint:X} {reason}"));
            }
            Answer::Unsupported => {
                let reason =
                    "would open it, but this program cannot use its curve; keep that key in gpg-agent, which can";
                self.state.agent.get_or_insert_with(|| format!("our key {fingerprint:X} {reason}"));
            }
            Answer::Refused(error) => {
                self.state.agent =
                    Some(format!("its key {fingerprint:X} is kept by gpg-agent and was not used: {error}"));
            }
            _ => {}
        }
    }
}

#[allow(deprecated)]
fn same_algorithm(ours: PublicKeyAlgorithm, theirs: PublicKeyAlgorithm) -> bool {
    use PublicKeyAlgorithm::{RSAEncrypt, RSAEncryptSign};
    let rsa = |algorithm| matches!(algorithm, RSAEncrypt | RSAEncryptSign);
    ours == theirs || (rsa(ours) && rsa(theirs)) || (is_elgamal(ours) && is_elgamal(theirs))
}
