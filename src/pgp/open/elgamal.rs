//! ElGamal decryption (RFC 9580 section 5.1.4), which the library's Rust backend leaves out and old keys still need.
//!
//! It is never used to encrypt. The arithmetic is not constant in time; like RSA in this backend that is bearable only
//! because a batch reader that never answers by itself gives the sender no clock.

use num_bigint_dig::BigUint;
use sequoia_openpgp as openpgp;

use openpgp::crypto::{Decryptor, SessionKey, mpi};
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, SecretKeyMaterial, SecretParts, UnspecifiedRole};
use zeroize::Zeroize;

/// A key pair that unwraps session keys.
pub struct ElGamal {
    public: Key<PublicParts, UnspecifiedRole>,
    secret: Key<SecretParts, UnspecifiedRole>,
}

impl ElGamal {
    /// Takes an unlocked key.
    pub fn new(key: Key<SecretParts, UnspecifiedRole>) -> ElGamal {
        ElGamal { public: key.clone().parts_into_public(), secret: key }
    }
}

impl Decryptor for ElGamal {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }

    fn decrypt(&mut self, ciphertext: &mpi::Ciphertext, _length: Option<usize>) -> openpgp::Result<SessionKey> {
        let malformed = || openpgp::Error::InvalidOperation("not an ElGamal ciphertext for this key".into());
        let mpi::PublicKey::ElGamal { p, .. } = self.public.mpis() else { return Err(malformed().into()) };
        let mpi::Ciphertext::ElGamal { e, c } = ciphertext else { return Err(malformed().into()) };
        let SecretKeyMaterial::Unencrypted(secret) = self.secret.secret() else { return Err(malformed().into()) };
        let number = |value: &mpi::MPI| BigUint::from_bytes_be(value.value());
        let (p, e, c) = (number(p), number(e), number(c));
        let bits = p.bits();
        if !(512..=8192).contains(&bits) || e >= p || c >= p {
            return Err(malformed().into());
        }
        let mut padded = secret.map(|secret| match secret {
            mpi::SecretKeyMaterial::ElGamal { x } => {
                let mut x = BigUint::from_bytes_be(x.value());
                // c / e^x = c * e^(p-1-x) (mod p)
                let exponent = if x < p { &p - BigUint::from(1_u8) - &x } else { BigUint::default() };
                x.zeroize();
                (c * e.modpow(&exponent, &p)) % &p
            }
            _ => BigUint::default(),
        });
        let mut bytes = padded.to_bytes_be();
        padded.zeroize();
        let key = unpad(&bytes).map(SessionKey::from);
        bytes.zeroize();
        key.ok_or_else(|| malformed().into())
    }
}

/// Removes the encoding of RFC 8017 section 7.2.2; the leading zero is lost in the number.
fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let padded = bytes.strip_prefix(&[2])?;
    let zero = padded.iter().position(|b| *b == 0).filter(|at| *at >= 8)?;
    padded.get(zero + 1..)
}
