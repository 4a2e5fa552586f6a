//! The symmetric ciphers: which are opened, how they are called, which are weak.

// Old mail is written in ciphers that the library calls deprecated; naming them is the point.
#![allow(deprecated)]

use sequoia_openpgp as openpgp;

use openpgp::types::SymmetricAlgorithm;

/// Ciphers that the policy would refuse today, yet old mail is written in: the integrity protection does not depend on them.
pub const OPENED: [SymmetricAlgorithm; 11] = [
    SymmetricAlgorithm::IDEA,
    SymmetricAlgorithm::TripleDES,
    SymmetricAlgorithm::CAST5,
    SymmetricAlgorithm::Blowfish,
    SymmetricAlgorithm::AES128,
    SymmetricAlgorithm::AES192,
    SymmetricAlgorithm::AES256,
    SymmetricAlgorithm::Twofish,
    SymmetricAlgorithm::Camellia128,
    SymmetricAlgorithm::Camellia192,
    SymmetricAlgorithm::Camellia256,
];

/// The name as `contract.md` writes it.
pub fn name(cipher: SymmetricAlgorithm) -> String {
    match cipher {
        SymmetricAlgorithm::AES128 => "AES128".into(),
        SymmetricAlgorithm::AES192 => "AES192".into(),
        SymmetricAlgorithm::AES256 => "AES256".into(),
        SymmetricAlgorithm::TripleDES => "3DES".into(),
        SymmetricAlgorithm::Camellia128 => "CAMELLIA128".into(),
        SymmetricAlgorithm::Camellia192 => "CAMELLIA192".into(),
        SymmetricAlgorithm::Camellia256 => "CAMELLIA256".into(),
        other => other.to_string().to_uppercase(),
    }
}

/// True for blocks of 64 bits and what is otherwise out of use.
pub fn is_weak(cipher: SymmetricAlgorithm) -> bool {
    use SymmetricAlgorithm::{Blowfish, CAST5, IDEA, TripleDES};
    matches!(cipher, IDEA | TripleDES | CAST5 | Blowfish)
}
