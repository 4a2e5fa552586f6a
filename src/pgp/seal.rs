//! Draft + certificates → [`Sealed`]: the only thing that can be sent, made only here.
//!
//! A reply is signed inside its encryption, as one OpenPGP message (RFC 9580 section 10.3), and travels as PGP/MIME
//! (RFC 3156 section 4). The Subject and the other fields a person reads are inside too, in the form of RFC 9788, which
//! programs that only know the older `protected-headers="v1"` read as well.
//!
//! There is no way from a refused seal to a mail in the clear: [`in_the_clear`] is a different call, and it wants a
//! [`ClearConsent`].

mod consent;
mod file;
mod mime;
mod shape;
mod signing;
mod statement;
mod text;

use std::fmt;
use std::io::Write as _;
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::serialize::stream::{Armorer, Encryptor, LiteralWriter, Message, Recipient as KeyRecipient, Signer};
use openpgp::types::{HashAlgorithm, SymmetricAlgorithm};

use super::certs::{self, Unusable};
use crate::message::same_address;
use crate::reply::Draft;
use crate::safe;

pub use consent::ClearConsent;
pub use file::encrypt_file;
pub use shape::NotSealed;
pub use signing::SigningKey;
pub use statement::sign_statement;

/// What everybody on the way reads instead of the Subject (the baseline policy of RFC 9788).
pub const OUTER_SUBJECT: &str = "[...]";

/// Why a reply was not sealed. Nothing was sent, and nothing will be in another form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No certificate was given for somebody it goes to.
    #[error("there is no certificate for {0}")]
    NoCertificate(String),
    /// A certificate was given for somebody it does not go to.
    #[error("{0} is not among those the reply goes to")]
    Stranger(String),
    /// The certificate names other people only.
    #[error("certificate {fingerprint} has no valid User ID for {address}")]
    OtherAddress {
        /// Who was to read it.
        address: String,
        /// Whose certificate it is not.
        fingerprint: String,
    },
    /// Mail must not be encrypted to this certificate.
    #[error("cannot encrypt to {address} with certificate {fingerprint}: {reason}")]
    Unusable {
        /// Who was to read it.
        address: String,
        /// The certificate.
        fingerprint: String,
        /// Why.
        reason: Unusable,
    },
    /// Our own key cannot sign, or cannot encrypt the copy we keep.
    #[error("our own key {fingerprint} cannot be used: {reason}")]
    OwnKey {
        /// Our certificate.
        fingerprint: String,
        /// Why.
        reason: String,
    },
    /// The secret key that signs is locked.
    #[error("our own key {0} is locked: its passphrase is needed")]
    Locked(String),
    /// The passphrase does not open it.
    #[error("the passphrase does not open our own key {0}")]
    WrongPassphrase(String),
    /// The consent was given for other addresses.
    #[error("the consent to send in the clear is not for the addresses this reply goes to")]
    Consent,
    /// The OpenPGP library failed.
    #[error("the reply could not be signed and encrypted: {0}")]
    Library(String),
    /// What was made is not fit to be sent.
    #[error("the sealed reply failed its own check: {0}")]
    Check(NotSealed),
}

/// Somebody a reply goes to, with the certificate pinned for them.
#[derive(Clone, Copy)]
pub struct Recipient<'a> {
    address: &'a str,
    cert: &'a Cert,
    by_hand: bool,
}

impl<'a> Recipient<'a> {
    /// The certificate must have a valid User ID with this address.
    pub fn new(address: &'a str, cert: &'a Cert) -> Recipient<'a> {
        Recipient { address, cert, by_hand: false }
    }

    /// A person pinned exactly this certificate for the address, though its User IDs do not name it.
    pub fn pinned_by_hand(address: &'a str, cert: &'a Cert) -> Recipient<'a> {
        Recipient { address, cert, by_hand: true }
    }
}

/// A mail that may be sent: encrypted, or in the clear with a person's express consent. `{:?}` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    bytes: Vec<u8>,
    envelope_from: String,
    envelope_to: Vec<String>,
    message_id: String,
    encrypted: bool,
    encrypted_to: Vec<String>,
    certificates: Vec<String>,
}

impl Sealed {
    /// What the outbox stored, taken up again. Checked to the byte: it has the shape that [`seal`] or [`in_the_clear`]
    /// gives and nothing else, so text that is not sealed does not pass.
    pub fn restore(bytes: Vec<u8>, envelope_from: &str, envelope_to: &[String]) -> Result<Sealed, NotSealed> {
        let shape = shape::check(&bytes)?;
        if envelope_to.is_empty() {
            return Err(NotSealed::Envelope);
        }
        for address in envelope_to.iter().map(String::as_str).chain([envelope_from]) {
            crate::reply::address::check_addr_spec(address).map_err(|_| NotSealed::Envelope)?;
        }
        Ok(Sealed {
            message_id: shape.message_id,
            encrypted: shape.encrypted,
            encrypted_to: shape.encrypted_to,
            envelope_from: envelope_from.to_owned(),
            envelope_to: envelope_to.to_vec(),
            certificates: Vec::new(),
            bytes,
        })
    }

    /// The mail: CRLF line ends, 7 bit, no line over 998 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// For MAIL FROM.
    pub fn envelope_from(&self) -> &str {
        &self.envelope_from
    }

    /// For RCPT TO.
    pub fn envelope_to(&self) -> &[String] {
        &self.envelope_to
    }

    /// With its angle brackets.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// False for a reply in the clear.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Key IDs or fingerprints of the subkeys it is encrypted to, upper-case hexadecimal, as the mail names them.
    pub fn encrypted_to(&self) -> &[String] {
        &self.encrypted_to
    }

    /// Fingerprints of the certificates it was encrypted to, ours last. Empty after [`Sealed::restore`]: the mail names
    /// subkeys only.
    pub fn certificates(&self) -> &[String] {
        &self.certificates
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.encrypted { "encrypted" } else { "in the clear" };
        write!(f, "Sealed({}, {} bytes, {how})", self.message_id, self.bytes.len())
    }
}

/// Signs `draft`, encrypts it to every recipient and to ourselves, and wraps it. Each address in To and Cc needs exactly
/// one recipient. The integrity protection is SEIPDv1 unless every certificate, ours too, advertises SEIPDv2; the cipher
/// is AES-256; the signature names the certificates it is meant for.
pub fn seal(
    draft: &Draft,
    recipients: &[Recipient<'_>],
    signer: &mut SigningKey,
    now: Timestamp,
) -> Result<Sealed, SealError> {
    let policy = certs::crypto_policy(now);
    check_recipients(draft, recipients, now)?;
    let own = signer.cert().clone();
    let mut keys = Vec::new();
    for recipient in recipients {
        keys.extend(usable_keys(recipient, &policy, now)?);
    }
    keys.extend(certs::encryption_keys(&own, &policy, now).map_err(|reason| own_key(&own, reason.to_string()))?);
    let certificates: Vec<&Cert> = recipients.iter().map(|r| r.cert).chain([&own]).collect();

    let outer = mime::fields(draft, OUTER_SUBJECT);
    let payload = mime::payload(draft, mime::Protection::Cipher(&outer), &random_name("part")?);
    let keys = keys.into_iter().map(KeyRecipient::from).collect();
    let armored = sign_and_encrypt(&payload, keys, &certificates, signer, now).map_err(library)?;
    let bytes = mime::encrypted(&outer, &random_name(shape::SEALED)?, &armored);
    let mut sealed = finish(draft, bytes)?;
    sealed.certificates = certificates.iter().map(|c| c.fingerprint().to_hex()).collect();
    Ok(sealed)
}

/// Makes a mail that everybody on the way can read: signed (RFC 3156 section 5) where there is a key to sign with. Its
/// Subject is the draft's `clear_subject`, which never holds text that came encrypted.
pub fn in_the_clear(
    draft: &Draft,
    consent: &ClearConsent,
    signer: Option<&mut SigningKey>,
    now: Timestamp,
) -> Result<Sealed, SealError> {
    if !consent.covers(draft) {
        return Err(SealError::Consent);
    }
    let outer = mime::fields(draft, draft.clear_subject());
    let payload = mime::payload(draft, mime::Protection::Clear, &random_name("part")?);
    let boundary = random_name(shape::IN_THE_CLEAR)?;
    let bytes = match signer {
        Some(signer) => {
            let signature = sign(&payload, signer, now).map_err(library)?;
            mime::signed(&outer, &boundary, &payload, &signature)
        }
        None => mime::unsigned(&outer, &boundary, &payload),
    };
    finish(draft, bytes)
}

/// The same check that [`Sealed::restore`] makes: what we make is held to what we accept.
fn finish(draft: &Draft, bytes: Vec<u8>) -> Result<Sealed, SealError> {
    let to: Vec<String> = draft.recipients().map(|a| a.address.clone()).collect();
    Sealed::restore(bytes, &draft.from().address, &to).map_err(SealError::Check)
}

fn check_recipients(draft: &Draft, recipients: &[Recipient<'_>], now: Timestamp) -> Result<(), SealError> {
    for address in draft.recipients() {
        if !recipients.iter().any(|r| same_address(r.address, &address.address)) {
            return Err(SealError::NoCertificate(safe::line(&address.address)));
        }
    }
    for recipient in recipients {
        let address = safe::line(recipient.address);
        if !draft.recipients().any(|a| same_address(&a.address, recipient.address)) {
            return Err(SealError::Stranger(address));
        }
        // Whether the certificate is any good comes first: an expired one has no valid User ID either.
        usable_keys(recipient, &certs::crypto_policy(now), now)?;
        if !recipient.by_hand && !certs::is_for_address(recipient.cert, recipient.address, now) {
            return Err(SealError::OtherAddress { address, fingerprint: certs::fingerprint(recipient.cert) });
        }
    }
    Ok(())
}

fn usable_keys<'a>(
    recipient: &Recipient<'a>,
    policy: &'a openpgp::policy::StandardPolicy<'a>,
    now: Timestamp,
) -> Result<Vec<certs::ValidKey<'a>>, SealError> {
    certs::encryption_keys(recipient.cert, policy, now).map_err(|reason| SealError::Unusable {
        address: safe::line(recipient.address),
        fingerprint: certs::fingerprint(recipient.cert),
        reason,
    })
}

fn sign_and_encrypt(
    payload: &[u8],
    keys: Vec<KeyRecipient<'_>>,
    certificates: &[&Cert],
    signer: &mut SigningKey,
    now: Timestamp,
) -> openpgp::Result<Vec<u8>> {
    let mut armored = Vec::new();
    let message = Message::new(&mut armored);
    let message = Armorer::new(message).build()?;
    let message = Encryptor::for_recipients(message, keys).symmetric_algo(SymmetricAlgorithm::AES256).build()?;
    let mut signed =
        Signer::new(message, signer.borrowed())?.hash_algo(HashAlgorithm::SHA512)?.creation_time(SystemTime::from(now));
    for cert in certificates {
        signed = signed.add_intended_recipient(cert);
    }
    let mut literal = LiteralWriter::new(signed.build()?).build()?;
    literal.write_all(payload)?;
    literal.finalize()?;
    Ok(armored)
}

fn sign(payload: &[u8], signer: &mut SigningKey, now: Timestamp) -> openpgp::Result<Vec<u8>> {
    let mut armored = Vec::new();
    let message = Message::new(&mut armored);
    let message = Armorer::new(message).kind(openpgp::armor::Kind::Signature).build()?;
    let mut signed = Signer::new(message, signer.borrowed())?
        .detached()
        .hash_algo(HashAlgorithm::SHA512)?
        .creation_time(SystemTime::from(now))
        .build()?;
    signed.write_all(payload)?;
    signed.finalize()?;
    Ok(armored)
}

/// A boundary that no text can hold by accident, and that says nothing of machine or time.
fn random_name(kind: &str) -> Result<String, SealError> {
    let mut random = [0; 16];
    openpgp::crypto::random(&mut random).map_err(library)?;
    Ok(format!("{kind}-{}", HEXLOWER.encode(&random)))
}

fn own_key(own: &Cert, reason: String) -> SealError {
    SealError::OwnKey { fingerprint: certs::fingerprint(own), reason }
}

fn library(error: openpgp::anyhow::Error) -> SealError {
    SealError::Library(certs::in_short(&error))
}
