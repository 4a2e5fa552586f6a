//! Blowfish in containers of version 1 (RFC 9580 section 5.13.1), for mail of the nineties.
//!
//! The library's Rust backend stretches the key in another way than everybody else. The integrity packet is checked before
//! anything is given out.

use blowfish::Blowfish;
use blowfish::cipher::generic_array::GenericArray;
use blowfish::cipher::{BlockEncrypt, KeyInit};
use sequoia_openpgp as openpgp;

use openpgp::crypto::SessionKey;
use openpgp::types::HashAlgorithm;
use zeroize::Zeroizing;

const BLOCK: usize = 8;
const PREFIX: usize = BLOCK + 2;
/// The integrity packet: its header and a SHA-1 digest.
const INTEGRITY: usize = 2 + 20;

/// Decrypts a packet's body, all of it or nothing; what it gives are the packets inside, without the integrity packet.
pub fn open(body: &[u8], key: &SessionKey) -> Option<Zeroizing<Vec<u8>>> {
    let (1, sealed) = body.split_first().map(|(version, rest)| (*version, rest))? else { return None };
    if key.len() != 16 || sealed.len() < PREFIX + INTEGRITY {
        return None;
    }
    let cipher: Blowfish = Blowfish::new_from_slice(key).ok()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut feedback = [0; BLOCK];
    for chunk in sealed.chunks(BLOCK) {
        let mut stream = GenericArray::from(feedback);
        cipher.encrypt_block(&mut stream);
        plain.extend(chunk.iter().zip(&stream).map(|(sealed, stream)| sealed ^ stream));
        feedback = chunk.try_into().unwrap_or_default();
    }
    let (content, digest) = plain.split_at_checked(plain.len() - 20)?;
    let mut hash = HashAlgorithm::SHA1.context().ok()?.for_digest();
    hash.update(content);
    let mut computed = [0; 20];
    hash.digest(&mut computed).ok()?;
    let framed = content.strip_suffix(&[0xd3, 0x14]).filter(|_| computed == digest)?;
    Some(Zeroizing::new(framed.get(PREFIX..)?.to_vec()))
}
