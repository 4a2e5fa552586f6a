//! A text that we signed in the clear, read back: what is not covered by our own good signature is not given out.

use std::time::SystemTime;

use jiff::Timestamp;

use openpgp::policy::StandardPolicy;
use sequoia_openpgp as openpgp;

use super::decrypt::{Env, read_signed};
use super::file::signed_by_us;
use crate::pgp::keyring::Keyring;

/// What a signed text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Exactly what the signature covers.
    pub text: String,
    /// Fingerprint of our certificate.
    pub by: String,
}

/// Why a text is not ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// There is no signed text in it.
    #[error("it is not a signed text")]
    NotSigned,
    /// What it is signed by is not ours, or the signature does not verify.
    #[error("it has no good signature by our key: {0}")]
    NotOurs(String),
}

/// Reads a text signed in the cleartext signature framework (RFC 9580 section 7) by one of our own certificates.
pub fn read_statement(data: &[u8], keys: &Keyring, now: Timestamp) -> Result<Statement, StatementError> {
    let now = SystemTime::from(now);
    let env = Env { keys, holder: keys, carried: &[], policy: StandardPolicy::at(now), now: now + super::SKEW };
    let reading = read_signed(data, &env, None).map_err(|_| StatementError::NotSigned)?;
    let by = signed_by_us(&reading.sigs, keys).map_err(StatementError::NotOurs)?;
    let text = String::from_utf8(reading.payload.expose().to_vec()).map_err(|_| StatementError::NotSigned)?;
    Ok(Statement { text, by })
}
