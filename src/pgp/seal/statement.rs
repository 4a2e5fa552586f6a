//! A few lines of text that we vouch for, readable by people and checked with `gpg --verify`.

use std::io::Write as _;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::serialize::stream::{Message, Signer};
use openpgp::types::HashAlgorithm;

use super::{SealError, SigningKey, library};

/// Signs `text` in the cleartext signature framework (RFC 9580 section 7).
pub fn sign_statement(text: &str, signer: &mut SigningKey, now: Timestamp) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::new();
    let mut sign = |out: &mut Vec<u8>| -> openpgp::Result<()> {
        let signed = Signer::new(Message::new(out), signer.borrowed())?.cleartext();
        let signed = signed.hash_algo(HashAlgorithm::SHA512)?.creation_time(SystemTime::from(now));
        let mut message = signed.build()?;
        message.write_all(text.as_bytes())?;
        message.finalize()
    };
    sign(&mut out).map_err(library)?;
    Ok(out)
}
