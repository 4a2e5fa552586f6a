//! A holder of secret keys in another process: questions and answers as bytes. Whatever carries them bounds their size and
//! their number.
//!
//! A question is two bytes for the cipher (0 and 0, or 1 and its number), the fingerprint's length, the fingerprint, the
//! PKESK packet. An answer begins with a byte that says which of [`Answer`] it is.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use sequoia_openpgp as openpgp;

use openpgp::crypto::SessionKey;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::packet::{Key, PKESK};
use openpgp::parse::Parse;
use openpgp::serialize::SerializeInto;
use openpgp::types::SymmetricAlgorithm;
use openpgp::{Cert, Packet};
use zeroize::Zeroizing;

use super::holder::{Answer, Holder};
use crate::pgp::keyring::{CertLimits, Keyring, parse_certs};

/// The longest question: an RSA key of 16,384 bits needs a quarter of it.
pub const MAX_QUESTION: usize = 8 << 10;
/// The longest answer: a session key, or a sentence.
pub const MAX_ANSWER: usize = 1 << 10;

const KEY: u8 = 0;
const NOTHING: u8 = 1;
const LOCKED: u8 = 2;
const ABSENT: u8 = 3;
const REFUSED: u8 = 4;
const UNSUPPORTED: u8 = 5;

/// Asks by way of `ask`, which gives an empty answer where there is none.
pub struct Remote<'a> {
    held: &'a HashSet<String>,
    ask: &'a dyn Fn(&[u8]) -> Zeroizing<Vec<u8>>,
}

impl<'a> Remote<'a> {
    /// `held` are the fingerprints that the other side said it holds ([`Keyring::held`]).
    pub fn new(held: &'a HashSet<String>, ask: &'a dyn Fn(&[u8]) -> Zeroizing<Vec<u8>>) -> Remote<'a> {
        Remote { held, ask }
    }
}

impl Holder for Remote<'_> {
    fn holds(&self, key: &Key<PublicParts, UnspecifiedRole>) -> bool {
        self.held.contains(&key.fingerprint().to_hex())
    }

    fn unwrap(
        &self,
        key: &Key<PublicParts, UnspecifiedRole>,
        pkesk: &PKESK,
        cipher: Option<SymmetricAlgorithm>,
    ) -> Answer {
        if !self.holds(key) {
            return Answer::Absent;
        }
        let fingerprint = key.fingerprint();
        let Ok(packet) = Packet::from(pkesk.clone()).to_vec() else { return Answer::Nothing };
        let mut question = vec![u8::from(cipher.is_some()), cipher.map_or(0, u8::from)];
        question.push(u8::try_from(fingerprint.as_bytes().len()).unwrap_or_default());
        question.extend_from_slice(fingerprint.as_bytes());
        question.extend_from_slice(&packet);
        if question.len() > MAX_QUESTION {
            return Answer::Nothing;
        }
        read_answer(&(self.ask)(&question))
    }
}

fn read_answer(bytes: &[u8]) -> Answer {
    match bytes {
        [KEY, named, cipher, key @ ..] => {
            Answer::Key((*named == 1).then(|| SymmetricAlgorithm::from(*cipher)), SessionKey::from(key))
        }
        [LOCKED] => Answer::Locked,
        [ABSENT] => Answer::Absent,
        [UNSUPPORTED] => Answer::Unsupported,
        [REFUSED, words @ ..] => Answer::Refused(String::from_utf8_lossy(words).into_owned()),
        _ => Answer::Nothing,
    }
}

fn write_answer(answer: &Answer) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    match answer {
        Answer::Key(cipher, key) => {
            bytes.extend_from_slice(&[KEY, u8::from(cipher.is_some()), cipher.map_or(0, u8::from)]);
            bytes.extend_from_slice(key.get(..MAX_ANSWER - 3).unwrap_or(key));
        }
        Answer::Nothing => bytes.push(NOTHING),
        Answer::Locked => bytes.push(LOCKED),
        Answer::Absent => bytes.push(ABSENT),
        Answer::Unsupported => bytes.push(UNSUPPORTED),
        Answer::Refused(words) => {
            bytes.push(REFUSED);
            bytes.extend(words.bytes().take(MAX_ANSWER - 1));
        }
    }
    bytes
}

impl Keyring {
    /// Answers a question of a [`Remote`]. It comes from a process that reads strangers' mail: whatever it says, the worst
    /// that can happen is an answer that says nothing, or the session key of a message that somebody encrypted to us.
    pub fn answer(&self, question: &[u8]) -> Zeroizing<Vec<u8>> {
        let answered = std::panic::catch_unwind(AssertUnwindSafe(|| self.answer_to(question)));
        write_answer(&answered.ok().flatten().unwrap_or(Answer::Nothing))
    }

    fn answer_to(&self, question: &[u8]) -> Option<Answer> {
        let [named, cipher, length, rest @ ..] = question else { return None };
        if question.len() > MAX_QUESTION {
            return None;
        }
        let (fingerprint, packet) = rest.split_at_checked(usize::from(*length))?;
        let cipher = (*named == 1).then(|| SymmetricAlgorithm::from(*cipher));
        let mut keys = self.own().iter().flat_map(Cert::keys);
        let key = keys.find(|ka| ka.key().fingerprint().as_bytes() == fingerprint)?;
        let Ok(Packet::PKESK(pkesk)) = Packet::from_bytes(packet) else { return None };
        Some(self.unwrap(key.key().role_as_unspecified(), &pkesk, cipher))
    }

    /// The fingerprints of the keys whose secrets are at hand, locked or not.
    pub fn held(&self) -> HashSet<String> {
        let keys = self.own().iter().flat_map(Cert::keys);
        keys.filter(|ka| self.holds(ka.key().role_as_unspecified())).map(|ka| ka.key().fingerprint().to_hex()).collect()
    }

    /// The public parts of our keys, and the certificates of others, for [`Keyring::from_public`].
    pub fn public(&self) -> openpgp::Result<(Vec<u8>, Vec<u8>)> {
        let all = |certs: &[Cert]| -> openpgp::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            for cert in certs {
                bytes.extend(cert.clone().strip_secret_key_material().to_vec()?);
            }
            Ok(bytes)
        };
        Ok((all(self.own())?, all(self.certs())?))
    }

    /// The ring as a process without secrets has it.
    pub fn from_public(own: &[u8], certs: &[u8]) -> Keyring {
        let read = |bytes| parse_certs(bytes, CertLimits::CONFIGURED).0;
        Keyring::from_certs(read(own), read(certs))
    }
}
