//! A file of any size, encrypted to our own certificates and signed by us: what a backup is wrapped in.

use std::io::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::serialize::stream::{Encryptor, LiteralWriter, Message, Recipient, Signer};
use openpgp::types::{HashAlgorithm, SymmetricAlgorithm};

use super::{SealError, SigningKey, library, own_key};
use crate::pgp::certs;

/// Writes one binary OpenPGP message (RFC 9580 section 10.3) to `out`, encrypted to every certificate of `own` that can be
/// encrypted to now, and signed where there is a key to sign with. `fill` writes what is inside; nothing of it is kept in
/// memory. Gives what `fill` gave, and the fingerprints it is encrypted to.
///
/// # Errors
///
/// Where none of `own` can be encrypted to, before anything is written.
pub fn encrypt_file<W, T, E>(
    own: &[Cert],
    signer: Option<&mut SigningKey>,
    now: Timestamp,
    out: W,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<(T, Vec<String>), E>
where
    W: Write + Send + Sync,
    E: From<SealError>,
{
    let policy = certs::crypto_policy(now);
    let (mut keys, mut readers, mut unusable) = (Vec::new(), Vec::new(), None);
    for cert in own {
        match certs::encryption_keys(cert, &policy, now) {
            Ok(found) => {
                keys.extend(found.into_iter().map(Recipient::from));
                readers.push(cert);
            }
            Err(reason) => unusable = unusable.or(Some(own_key(cert, reason.to_string()))),
        }
    }
    if keys.is_empty() {
        return Err(unusable.unwrap_or_else(|| SealError::NoCertificate("ourselves".into())).into());
    }
    let failed = |e| E::from(library(e));
    let message = Encryptor::for_recipients(Message::new(out), keys).symmetric_algo(SymmetricAlgorithm::AES256);
    let mut message = message.build().map_err(failed)?;
    if let Some(signer) = signer {
        let signed = Signer::new(message, signer.borrowed()).and_then(|s| s.hash_algo(HashAlgorithm::SHA512));
        let mut signed = signed.map_err(failed)?.creation_time(SystemTime::from(now));
        for cert in &readers {
            signed = signed.add_intended_recipient(cert);
        }
        message = signed.build().map_err(failed)?;
    }
    let mut inside = LiteralWriter::new(message).build().map_err(failed)?;
    let given = fill(&mut inside)?;
    inside.finalize().map_err(failed)?;
    Ok((given, readers.into_iter().map(certs::fingerprint).collect()))
}
