//! Making the team's key, and the file that holds it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::Profile;
use openpgp::cert::prelude::*;
use openpgp::packet::UserID;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::{Features, KeyFlags};

use crate::reply::address::{check_addr_spec, check_name};
use crate::safe;
use crate::secret::{Password, Plaintext};

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The address cannot be in a User ID.
    #[error("no key can be made for {0}: it is not an address of the form name@domain")]
    Address(String),
    /// The name cannot be in a User ID.
    #[error("the name cannot stand in a User ID: it holds brackets or control characters, or is too long")]
    Name,
    /// The expiry lies in the past.
    #[error("the expiry {0} is not in the future")]
    Expiry(Timestamp),
    /// The OpenPGP library failed.
    #[error("the key could not be made: {0}")]
    Library(String),
}

/// A new key.
pub struct Generated {
    /// Upper-case hexadecimal.
    pub fingerprint: String,
    /// The transferable secret key, armored; locked where a passphrase was given.
    pub tsk: Plaintext,
    /// The certificate, armored, for publishing.
    pub certificate: String,
    /// The revocation certificate, armored: to be kept apart from the key.
    pub revocation: String,
}

/// Makes a key for `address`: Curve25519, a primary key that certifies, one subkey that signs and one that decrypts.
///
/// Version 4, and SEIPDv1 is the only feature it advertises, so that every reporter's program can use it, GnuPG 2.2
/// included: other programs would else send packets that such programs of ours and theirs cannot read.
pub fn generate(
    address: &str,
    name: Option<&str>,
    passphrase: Option<&Password>,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<Generated, GenerateError> {
    check_addr_spec(address).map_err(|_| GenerateError::Address(safe::short(address, 80)))?;
    if name.is_some_and(|n| check_name(n).is_err() || n.contains(['<', '>'])) {
        return Err(GenerateError::Name);
    }
    let user_id = match name {
        Some(name) => format!("{} <{address}>", name.trim()),
        None => format!("<{address}>"),
    };
    let validity = expires.map(|at| lifetime(now, at)).transpose()?;
    let failed = |e: openpgp::anyhow::Error| GenerateError::Library(super::in_short(&e));
    let (cert, revocation) = build(user_id, passphrase, validity, now).map_err(failed)?;
    let armored = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_default();
    let revoked = revocation_certificate(&cert, revocation).map_err(failed)?;
    Ok(Generated {
        fingerprint: cert.fingerprint().to_hex(),
        tsk: Plaintext::new(cert.as_tsk().armored().to_vec().map_err(failed)?),
        certificate: armored(cert.armored().to_vec().map_err(failed)?),
        revocation: armored(revoked),
    })
}

/// Writes a new file that only its owner can read, and makes it durable. An existing file is never touched.
pub fn write_key_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn lifetime(now: Timestamp, expires: Timestamp) -> Result<Duration, GenerateError> {
    Duration::try_from(expires.duration_since(now))
        .ok()
        .filter(|d| d.as_secs() > 0)
        .ok_or(GenerateError::Expiry(expires))
}

fn build(
    user_id: String,
    passphrase: Option<&Password>,
    validity: Option<Duration>,
    now: Timestamp,
) -> openpgp::Result<(openpgp::Cert, openpgp::packet::Signature)> {
    CertBuilder::new()
        .set_profile(Profile::RFC4880)?
        .set_features(Features::empty().set_seipdv1())?
        .set_cipher_suite(CipherSuite::Cv25519)
        .set_creation_time(SystemTime::from(now))
        .set_primary_key_flags(KeyFlags::empty().set_certification())
        .set_validity_period(validity)
        .add_userid(UserID::from(user_id))
        .add_signing_subkey()
        .add_subkey(KeyFlags::empty().set_transport_encryption().set_storage_encryption(), validity, None)
        .set_password(passphrase.map(|p| openpgp::crypto::Password::from(p.expose())))
        .generate()
}

/// The revocation alone, as GnuPG writes and reads it: a signature in the armor of a public key.
fn revocation_certificate(cert: &openpgp::Cert, revocation: openpgp::packet::Signature) -> openpgp::Result<Vec<u8>> {
    let comment = format!("Revocation certificate for {}", cert.fingerprint());
    let mut writer = openpgp::armor::Writer::with_headers(
        Vec::new(),
        openpgp::armor::Kind::PublicKey,
        [("Comment", comment.as_str())],
    )?;
    let packet = openpgp::Packet::from(revocation);
    openpgp::serialize::Serialize::serialize(&packet, &mut writer)?;
    writer.finalize().map_err(Into::into)
}
