//! What was sealed, who signed, and what may be believed: plain data, one value for a whole message.
//!
//! A verdict never says more than the cryptography proves (`contract.md`, RFC 9787 section 4). "Encrypted" means that
//! all that is shown was encrypted; content met before or beside the encrypted part makes it partial.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The shape the OpenPGP data came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `multipart/encrypted` or `multipart/signed` as RFC 3156 has it.
    #[serde(rename = "pgp/mime")]
    PgpMime,
    /// Armor in the text of a body.
    Inline,
    /// The encrypted text came as a file.
    Attachment,
    /// PGP/MIME that a gateway mangled and that was mended.
    Mixed,
    /// S/MIME: recognised and kept, never opened.
    Smime,
    /// No cryptography at all.
    Plain,
    /// A bare OpenPGP message, not a mail.
    Openpgp,
}

/// How much of what is shown had been encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionStatus {
    /// All that is shown was.
    Encrypted,
    /// Some of what is shown was.
    Partial,
    /// Nothing was.
    None,
    /// It is encrypted and no key here opens it; `reason` says why.
    Unopened,
    /// It opens only in a way that must not be trusted; no text is shown.
    Refused,
}

/// The encryption of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// How much of what is shown was encrypted.
    pub status: EncryptionStatus,
    /// The symmetric cipher, such as `AES256`.
    pub cipher: Option<String>,
    /// The AEAD mode, such as `OCB`, for `seipd2`.
    pub aead: Option<String>,
    /// What protects the integrity: `seipd1`, `seipd2` or `ocb20` (GnuPG's tag 20).
    pub integrity: Option<String>,
    /// Key IDs or fingerprints named as recipients, upper-case hexadecimal; hidden ones are all zeros.
    pub recipients: Vec<String>,
    /// Fingerprint of the certificate of ours that opened it.
    pub decrypted_with: Option<String>,
    /// Why it is `unopened` or `refused`, in words that tell what to do.
    pub reason: Option<String>,
}

impl Encryption {
    /// Nothing was encrypted.
    pub fn none() -> Encryption {
        Encryption {
            status: EncryptionStatus::None,
            cipher: None,
            aead: None,
            integrity: None,
            recipients: Vec::new(),
            decrypted_with: None,
            reason: None,
        }
    }
}

/// What the signatures of a message prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureStatus {
    /// Valid, by a certificate that was configured or pinned and is bound to the From address.
    Good,
    /// It verifies, but does not prove the sender: another's certificate, another recipient, a replay, or arithmetic that
    /// can be forged today ([`Signature::weak`]).
    Mismatch,
    /// Made by a certificate we do not have, or only have from the mail itself.
    UnknownKey,
    /// It does not verify, or its key may not sign.
    Bad,
    /// It does not cover all that is shown.
    Partial,
    /// There is none.
    None,
}

/// The signature of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What it proves.
    pub status: SignatureStatus,
    /// Fingerprint of the signer's certificate, upper-case hexadecimal; for an unknown key the issuer it names.
    pub by: Option<String>,
    /// The address of the User ID that was matched or, on a mismatch, the certificate's first.
    pub address: Option<String>,
    /// The hash algorithm, such as `SHA512`.
    pub hash: Option<String>,
    /// When the signature says it was made.
    pub made_at: Option<Timestamp>,
    /// True where it verifies only by a certificate that this very mail carries: proof of possession, not of identity.
    pub carried: bool,
    /// True where it verifies only by what can be forged today, such as SHA-1 or a key of 1,024 bits.
    #[serde(default)]
    pub weak: bool,
    /// Why it is not good, in words.
    pub reason: Option<String>,
}

impl Signature {
    /// There is no signature.
    pub fn none() -> Signature {
        Signature {
            status: SignatureStatus::None,
            by: None,
            address: None,
            hash: None,
            made_at: None,
            carried: false,
            weak: false,
            reason: None,
        }
    }

    /// The fingerprint that demonstrably signed all that is shown, whoever owns it: for telling one signer from another. What
    /// can be forged demonstrates nothing.
    pub fn verified_signer(&self) -> Option<&str> {
        match self.status {
            _ if self.weak => None,
            SignatureStatus::Good | SignatureStatus::Mismatch => self.by.as_deref(),
            SignatureStatus::UnknownKey if self.carried => self.by.as_deref(),
            _ => None,
        }
    }
}

/// The one verdict on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The shape the OpenPGP data came in.
    pub format: Format,
    /// What was encrypted.
    pub encryption: Encryption,
    /// What was signed.
    pub signature: Signature,
}

impl Verdict {
    /// The verdict on a mail without any cryptography.
    pub fn plain() -> Verdict {
        Verdict { format: Format::Plain, encryption: Encryption::none(), signature: Signature::none() }
    }
}
