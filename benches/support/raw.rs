//! What the cryptography of one mail costs with nothing around it: the limit for any program on the same arithmetic.

use std::io::Read as _;
use std::time::SystemTime;

use openpgp::Packet;
use openpgp::armor::{Reader, ReaderMode};
use openpgp::crypto::symmetric::{BlockCipherMode, Decryptor, UnpaddingMode};
use openpgp::crypto::{KeyPair, SessionKey, Signer as _, mpi};
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::packet::{Key, PKESK};
use openpgp::parse::buffered_reader::{BufferedReader as _, Memory};
use openpgp::parse::{PacketParser, PacketParserResult, Parse as _};
use openpgp::policy::StandardPolicy;
use openpgp::serialize::MarshalInto as _;
use openpgp::types::{HashAlgorithm, SymmetricAlgorithm};
use sealpost::pgp::certs::Certificate;
use sequoia_openpgp as openpgp;

/// The operations that one mail needs.
pub struct Raw {
    session_key: PKESK,
    decrypts: KeyPair,
    signature: mpi::Signature,
    digest: Vec<u8>,
    verifies: Key<PublicParts, UnspecifiedRole>,
    cipher_key: SessionKey,
    sealed: Vec<u8>,
}

impl Raw {
    /// For `mail`, which is PGP/MIME, encrypted to `ours` and signed by `theirs`, both with their secret parts.
    pub fn of(mail: &[u8], ours: &Certificate, theirs: &Certificate) -> Raw {
        let message = dearmored(mail);
        let (session_key, sealed) = parts(&message, ours);
        let recipient = session_key.recipient().unwrap();
        let decrypts = ours.keys().unencrypted_secret().key_handle(recipient).next().unwrap();
        let policy = StandardPolicy::at(SystemTime::now());
        let signs = theirs.keys().unencrypted_secret().with_policy(&policy, None).for_signing().next().unwrap();
        let mut signs: KeyPair = signs.key().clone().into_keypair().unwrap();
        let digest = vec![7; HashAlgorithm::SHA512.digest_size().unwrap()];
        Raw {
            session_key,
            decrypts: decrypts.key().clone().into_keypair().unwrap(),
            signature: signs.sign(HashAlgorithm::SHA512, &digest).unwrap(),
            digest,
            verifies: signs.public().clone(),
            cipher_key: SessionKey::new(32).unwrap(),
            sealed: vec![42; sealed],
        }
    }

    /// Our secret key unwraps the session key.
    pub fn unwrap_session_key(&mut self) {
        assert!(self.session_key.decrypt(&mut self.decrypts, None).is_some(), "the session key does not unwrap");
    }

    /// The reporter's key verifies a signature. Below the library's cache of signatures that were verified before.
    pub fn verify(&self) {
        self.verifies.verify(&self.signature, HashAlgorithm::SHA512, &self.digest).unwrap();
    }

    /// AES-256 in cipher feedback mode, as SEIPDv1 has it (RFC 9580 section 5.13.1).
    pub fn decipher(&self) {
        let source = Memory::with_cookie(&self.sealed, Default::default());
        let (algo, mode) = (SymmetricAlgorithm::AES256, BlockCipherMode::CFB);
        let mut plain = Decryptor::new(algo, mode, UnpaddingMode::None, &self.cipher_key, None, source).unwrap();
        plain.drop_eof().unwrap();
    }

    /// SHA-1 for the integrity protection, SHA-512 for the signature.
    pub fn hash(&self) {
        for algo in [HashAlgorithm::SHA1, HashAlgorithm::SHA512] {
            let mut context = algo.context().unwrap().for_digest();
            context.update(&self.sealed);
            std::hint::black_box(context.into_digest().unwrap());
        }
    }
}

fn dearmored(mail: &[u8]) -> Vec<u8> {
    const BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";
    let start = mail.windows(BEGIN.len()).position(|window| window == BEGIN).unwrap();
    let mut binary = Vec::new();
    Reader::from_bytes(&mail[start..], ReaderMode::Tolerant(None)).read_to_end(&mut binary).unwrap();
    binary
}

/// The session key wrapped for `ours`, and how many bytes follow the wrapped ones.
fn parts(message: &[u8], ours: &Certificate) -> (PKESK, usize) {
    let mut found = None;
    let mut before = 0;
    let mut next = PacketParser::from_bytes(message).unwrap();
    while let PacketParserResult::Some(packet) = next {
        let (packet, rest) = packet.next().unwrap();
        if let Packet::PKESK(wrapped) = packet {
            before += wrapped.serialized_len();
            let is_ours = wrapped.recipient().is_some_and(|id| ours.keys().key_handle(id).next().is_some());
            found = found.or(is_ours.then_some(wrapped));
        }
        next = rest;
    }
    (found.unwrap(), message.len() - before)
}
