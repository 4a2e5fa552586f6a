//! What the reporter told us, and under which verdict: the value that opening gives, and where it is filed.

use serde::{Deserialize, Serialize};

use crate::message::Header;
use crate::verdict::{EncryptionStatus, Verdict};

/// A part of a mail that is not shown as text, or one that is and can be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Position in the tree of the opened mail, such as `1.2`.
    pub path: String,
    /// The sender's file name, decoded, not made safe.
    pub name: Option<String>,
    /// Lower-case media type.
    pub media_type: String,
    /// Decoded size in bytes.
    pub size: u64,
    /// SHA-256 of the decoded bytes, lower-case hexadecimal.
    pub sha256: String,
    /// It was inside the encryption.
    pub encrypted: bool,
    /// A good signature covers it.
    pub signed: bool,
}

/// Where a certificate candidate was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertSource {
    /// The Autocrypt header field.
    Autocrypt,
    /// A part of the mail.
    Attached,
    /// An Autocrypt-Gossip field: about somebody else.
    Gossip,
}

/// A certificate that came with a mail: a candidate, believed for nothing until a person pins it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where it was.
    pub source: CertSource,
    /// The address it is offered for.
    pub address: Option<String>,
    /// Upper-case hexadecimal.
    pub fingerprint: String,
    /// The certificate, binary, stripped to what is about `address`; base64 in storage.
    #[serde(with = "base64")]
    pub cert: Vec<u8>,
}

/// All that opening one mail gave. This is also the form it is stored in and the form the worker process speaks, so it is
/// serialisable, versioned by the ledger's schema; what people script against is `output::message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The fields to go by: protected ones where the seal covers them, else the outer ones.
    pub header: Header,
    /// The Subject that everybody on the way could read.
    pub outer_subject: Option<String>,
    /// The one verdict.
    pub verdict: Verdict,
    /// What a person should read.
    pub text: String,
    /// Media type the text was made from.
    pub text_from: Option<String>,
    /// The parts, in order.
    pub parts: Vec<PartInfo>,
    /// SHA-256 of the bytes the decryption gave, lower-case hexadecimal.
    pub payload_sha256: Option<String>,
    /// Certificates found on the way.
    pub candidates: Vec<Candidate>,
    /// A stable slug, a colon, then words.
    pub warnings: Vec<String>,
    /// The limit that was hit, where one was: the mail is kept and clocked all the same.
    pub quarantined: Option<String>,
}

impl Opened {
    /// A mail of which nothing is known, and why: neither that it is encrypted nor that it is not.
    pub fn unread(reason: &str) -> Opened {
        let mut verdict = Verdict::plain();
        verdict.encryption.status = EncryptionStatus::Unopened;
        verdict.encryption.reason = Some(format!("it was not read ({reason}), so what it holds is not known"));
        Opened {
            header: Header::default(),
            outer_subject: None,
            verdict,
            text: String::new(),
            text_from: None,
            parts: Vec::new(),
            payload_sha256: None,
            candidates: Vec::new(),
            warnings: Vec::new(),
            quarantined: Some(reason.to_owned()),
        }
    }
}

mod base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(from)?.as_bytes()).map_err(D::Error::custom)
    }
}
