//! Locked secret keys whose numbers are written with zeros in front, as GnuPG 2.1 did (its first releases, 2014 and 2015).
//!
//! RFC 9580 section 3.2 wants numbers without them, and the library takes such a key for one that the passphrase does not open.
//! The passphrase is proven by the digest that the key carries before a number of it is believed.

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use sequoia_openpgp as openpgp;

use openpgp::crypto::{Password, SessionKey, mpi};
use openpgp::packet::Key;
use openpgp::packet::key::{self, KeyRole, SecretKeyMaterial, SecretParts};
use openpgp::types::{HashAlgorithm, SymmetricAlgorithm};
use zeroize::Zeroizing;

const BLOCK: usize = 16;
const DIGEST: usize = 20;

/// Unlocks a key of version 4 that AES and SHA-1 protect (RFC 9580 section 5.5.3); `None` where that is not what it is, and where
/// the passphrase does not open it.
pub fn unlock<R: KeyRole>(key: &Key<SecretParts, R>, password: &Password) -> Option<Key<SecretParts, R>> {
    let SecretKeyMaterial::Encrypted(locked) = key.secret() else { return None };
    let protected = locked.checksum() == Some(mpi::SecretKeyChecksum::SHA1) && locked.aead_algo().is_none();
    if key.version() != 4 || !protected {
        return None;
    }
    let secret = decrypt(locked, password)?;
    let (numbers, digest) = secret.split_at_checked(secret.len().checked_sub(DIGEST)?)?;
    let mut hash = HashAlgorithm::SHA1.context().ok()?.for_digest();
    hash.update(numbers);
    let mut computed = Zeroizing::new([0; DIGEST]);
    hash.digest(computed.as_mut()).ok()?;
    if computed.as_slice() != digest {
        return None;
    }
    let numbers = canonical(numbers)?;
    let secret = mpi::SecretKeyMaterial::from_bytes(key.pk_algo(), &numbers).ok()?;
    let unlocked = SecretKeyMaterial::Unencrypted(key::Unencrypted::from(secret));
    Some(key.clone().parts_into_public().add_secret(unlocked).0)
}

fn decrypt(locked: &key::Encrypted, password: &Password) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Cipher::new(locked.algo(), &locked.s2k().derive_key(password, locked.algo().key_size().ok()?).ok()?)?;
    let (start, sealed) = locked.ciphertext().ok()?.split_at_checked(BLOCK)?;
    let mut feedback = <[u8; BLOCK]>::try_from(start).ok()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    for chunk in sealed.chunks(BLOCK) {
        cipher.encrypt(&mut feedback);
        plain.extend(chunk.iter().zip(&feedback).map(|(sealed, stream)| sealed ^ stream));
        feedback = chunk.try_into().unwrap_or_default();
    }
    Some(plain)
}

enum Cipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl Cipher {
    fn new(algorithm: SymmetricAlgorithm, key: &SessionKey) -> Option<Cipher> {
        Some(match algorithm {
            SymmetricAlgorithm::AES128 => Cipher::Aes128(Aes128::new_from_slice(key).ok()?),
            SymmetricAlgorithm::AES192 => Cipher::Aes192(Aes192::new_from_slice(key).ok()?),
            SymmetricAlgorithm::AES256 => Cipher::Aes256(Aes256::new_from_slice(key).ok()?),
            _ => return None,
        })
    }

    fn encrypt(&self, block: &mut [u8; BLOCK]) {
        let block = GenericArray::from_mut_slice(block);
        match self {
            Cipher::Aes128(cipher) => cipher.encrypt_block(block),
            Cipher::Aes192(cipher) => cipher.encrypt_block(block),
            Cipher::Aes256(cipher) => cipher.encrypt_block(block),
        }
    }
}

/// The same numbers, each with its length in bits and no zeros in front; `None` where they do not end where they should.
fn canonical(mut numbers: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(numbers.len()));
    while let [high, low, rest @ ..] = numbers {
        let bits = usize::from(u16::from_be_bytes([*high, *low]));
        let (number, after) = rest.split_at_checked(bits.div_ceil(8))?;
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = number.get(zeros..)?;
        let unused = number.first().map_or(0, |first| first.leading_zeros());
        let bits = u16::try_from(number.len() * 8).ok()?.checked_sub(u16::try_from(unused).ok()?)?;
        out.extend_from_slice(&bits.to_be_bytes());
        out.extend_from_slice(number);
        numbers = after;
    }
    numbers.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    use openpgp::crypto::S2K;
    use openpgp::packet::key::{Encrypted, Key4, SubordinateRole};
    use openpgp::types::Curve;

    /// A key locked as GnuPG 2.1 did it: the scalar has a zero octet in front and counts it.
    fn zero_in_front(key: &Key<SecretParts, SubordinateRole>, password: &Password) -> Encrypted {
        let SecretKeyMaterial::Unencrypted(open) = key.secret() else { panic!("it is locked already") };
        let scalar = open.map(|secret| match secret {
            mpi::SecretKeyMaterial::ECDH { scalar } => scalar.value().to_vec(),
            _ => panic!("another kind of key"),
        });
        let mut secret = u16::try_from(scalar.len() * 8 + 8).unwrap().to_be_bytes().to_vec();
        secret.push(0);
        secret.extend(scalar);
        let mut hash = HashAlgorithm::SHA1.context().unwrap().for_digest();
        hash.update(&secret);
        secret.extend(hash.into_digest().unwrap());
        let s2k = S2K::new_iterated(HashAlgorithm::SHA1, 65_536).unwrap();
        let cipher = SymmetricAlgorithm::AES128;
        let aes = Cipher::new(cipher, &s2k.derive_key(password, cipher.key_size().unwrap()).unwrap()).unwrap();
        let mut sealed = vec![7; BLOCK];
        for chunk in secret.chunks(BLOCK) {
            let mut feedback: [u8; BLOCK] = sealed[sealed.len() - BLOCK..].try_into().unwrap();
            aes.encrypt(&mut feedback);
            sealed.extend(chunk.iter().zip(feedback).map(|(plain, stream)| plain ^ stream));
        }
        Encrypted::new(s2k, cipher, Some(mpi::SecretKeyChecksum::SHA1), sealed.into())
    }

    #[test]
    fn a_number_with_zeros_in_front_is_read_once_the_passphrase_is_proven() {
        let key: Key<SecretParts, SubordinateRole> = Key4::generate_ecc(false, Curve::NistP256).unwrap().into();
        let (right, wrong) = (Password::from("marmalade"), Password::from("jam"));
        let locked = SecretKeyMaterial::Encrypted(zero_in_front(&key, &right));
        let locked = key.clone().parts_into_public().add_secret(locked).0;
        assert!(locked.clone().decrypt_secret(&right).is_err(), "the library reads it now: this file can go");
        assert!(unlock(&locked, &wrong).is_none());
        let SecretKeyMaterial::Encrypted(sealed) = locked.secret() else { panic!("it is locked") };
        let mut changed = sealed.ciphertext().unwrap().to_vec();
        changed[BLOCK + 5] ^= 1;
        let protection = (sealed.s2k().clone(), sealed.algo(), sealed.checksum());
        let changed = Encrypted::new(protection.0, protection.1, protection.2, changed.into());
        let changed = key.clone().parts_into_public().add_secret(SecretKeyMaterial::Encrypted(changed)).0;
        assert!(unlock(&changed, &right).is_none(), "a key that was changed was unlocked");
        let unlocked = unlock(&locked, &right).expect("the passphrase opens it");
        assert_eq!(unlocked.secret(), key.secret());
        assert!(unlock(&unlocked, &right).is_none(), "it is open already");
    }

    #[test]
    fn numbers_that_do_not_end_where_they_should_are_none() {
        assert_eq!(canonical(&[0, 16, 0, 5]).unwrap().as_slice(), [0, 3, 5]);
        assert_eq!(canonical(&[0, 8, 0]).unwrap().as_slice(), [0, 0]);
        assert!(canonical(&[0, 17, 1, 2]).is_none());
        assert!(canonical(&[0, 8, 1, 9]).is_none());
    }
}
