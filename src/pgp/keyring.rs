//! Our transferable secret keys (TSKs) and other people's certificates.

mod parse;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sequoia_openpgp as openpgp;

use openpgp::cert::amalgamation::key::PrimaryKey;
use openpgp::packet::Key;
use openpgp::{Cert, KeyHandle, KeyID, Packet};

use super::agent::{Agent, AgentError};
use super::locked;
use crate::secret::Password;

pub use parse::{CertLimits, parse_certs};

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
    by_key_id: HashMap<KeyID, Vec<Found>>,
    problems: Vec<String>,
    agent: Option<Agent>,
    message_password: Option<Password>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Own(usize),
    Other(usize),
}

impl Keyring {
    /// Reads TSKs from `secret_keys` and certificates from `certs` (files, or folders of them). A broken certificate among
    /// good ones is left out and named by [`Keyring::problems`].
    pub fn load(secret_keys: &[PathBuf], certs: &[PathBuf]) -> Result<Keyring, KeyringError> {
        Keyring::read_all(secret_keys, certs, true)
    }

    /// The same where gpg-agent holds secrets: in `secret_keys` a certificate suffices, and a certificate of either kind
    /// whose key the agent has is ours. Without the agent the ring is as good as it can be, and [`Keyring::problems`] says so.
    pub fn load_with_agent(
        secret_keys: &[PathBuf],
        certs: &[PathBuf],
        agent: Result<Agent, AgentError>,
    ) -> Result<Keyring, KeyringError> {
        let mut ring = Keyring::read_all(secret_keys, certs, false)?;
        match agent {
            Ok(agent) => {
                let (held, others) = std::mem::take(&mut ring.certs).into_iter().partition(|cert| agent.has_any(cert));
                ring.own.extend::<Vec<Cert>>(held);
                ring.certs = others;
                ring.agent = Some(agent);
                ring.index();
            }
            Err(error) => ring.problems.push(error.to_string()),
        }
        Ok(ring)
    }

    fn read_all(secret_keys: &[PathBuf], certs: &[PathBuf], with_secret: bool) -> Result<Keyring, KeyringError> {
        let mut ring = Keyring::default();
        for path in secret_keys {
            let found = ring.read(path)?;
            if !with_secret {
                ring.own.extend(found);
                continue;
            }
            if !found.iter().any(Cert::is_tsk) {
                return Err(KeyringError::NoSecret { path: path.clone() });
            }
            ring.own.extend(found.into_iter().filter(Cert::is_tsk));
        }
        for path in certs {
            for file in files(path)? {
                match ring.read(&file) {
                    Ok(found) => ring.certs.extend(found.into_iter().map(Cert::strip_secret_key_material)),
                    Err(error @ KeyringError::Unreadable { .. }) => return Err(error),
                    Err(error) => ring.problems.push(error.to_string()),
                }
            }
        }
        ring.index();
        Ok(ring)
    }

    /// Puts a ring together from keys that are already in memory.
    pub fn from_certs(own: Vec<Cert>, certs: Vec<Cert>) -> Keyring {
        let mut ring = Keyring { own, certs, ..Keyring::default() };
        ring.index();
        ring
    }

    /// Our own TSKs, in the order configured; the first one signs.
    pub fn own(&self) -> &[Cert] {
        &self.own
    }

    /// Configured certificates (and pinned ones, once the shell added them).
    pub fn certs(&self) -> &[Cert] {
        &self.certs
    }

    /// Adds a certificate that a person vouched for.
    pub fn add_cert(&mut self, cert: Cert) {
        self.certs.push(cert.strip_secret_key_material());
        self.index();
    }

    /// What was left out when the files were read, in words.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Every certificate, ours too, with a key of this handle.
    pub fn with_key<'a>(&'a self, handle: &KeyHandle) -> impl Iterator<Item = &'a Cert> {
        let found = self.by_key_id.get(&KeyID::from(handle)).map(Vec::as_slice).unwrap_or_default();
        found.iter().filter_map(|found| match found {
            Found::Own(index) => self.own.get(*index),
            Found::Other(index) => self.certs.get(*index),
        })
    }

    /// gpg-agent, where it holds our secrets.
    pub fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// Whether gpg-agent may ask a person for a passphrase or PIN.
    pub fn agent_may_ask(&mut self, may_ask: bool) {
        if let Some(agent) = &mut self.agent {
            agent.may_ask(may_ask);
        }
    }

    /// A password to try on mail that is encrypted with one. Nothing that runs by itself sets it.
    pub fn set_message_password(&mut self, password: Password) {
        self.message_password = Some(password);
    }

    /// The password to try on mail that is encrypted with one.
    pub fn message_password(&self) -> Option<&Password> {
        self.message_password.as_ref()
    }

    /// True where some secret key is still locked.
    pub fn is_locked(&self) -> bool {
        self.own.iter().any(|cert| cert.keys().secret().any(|ka| ka.key().secret().is_encrypted()))
    }

    /// Unlocks what `passphrase` opens.
    pub fn unlock(&mut self, passphrase: &Password) -> Result<(), KeyringError> {
        if !self.is_locked() {
            return Ok(());
        }
        let password = openpgp::crypto::Password::from(passphrase.expose());
        let mut opened = 0_usize;
        for cert in &mut self.own {
            let keys: Vec<Packet> = unlocked(cert, &password);
            opened += keys.len();
            if !keys.is_empty()
                && let Ok((merged, _)) = cert.clone().insert_packets(keys)
            {
                *cert = merged;
            }
        }
        if opened == 0 { Err(KeyringError::WrongPassphrase) } else { Ok(()) }
    }

    /// Names the secret keys that are at hand now, those in gpg-agent as far as it may use them: mail that none of them opens need not be tried again with the same ones.
    pub fn digest(&self) -> String {
        self.digest_of(|locked| !locked)
    }

    /// What [`Keyring::digest`] would be if every key were unlocked.
    pub fn digest_unlocked(&self) -> String {
        self.digest_of(|_| true)
    }

    fn digest_of(&self, counts: impl Fn(bool) -> bool) -> String {
        let mut names: Vec<String> = self
            .own
            .iter()
            .flat_map(|cert| cert.keys().secret())
            .filter(|ka| counts(ka.key().secret().is_encrypted()))
            .map(|ka| ka.key().fingerprint().to_hex())
            .collect();
        if let Some(agent) = &self.agent {
            names.extend(self.own.iter().flat_map(|cert| agent.usable(cert)).map(|fingerprint| fingerprint.to_hex()));
        }
        names.sort_unstable();
        names.dedup();
        names.join(" ")
    }

    fn read(&mut self, path: &Path) -> Result<Vec<Cert>, KeyringError> {
        let bytes = std::fs::read(path).map_err(|source| KeyringError::Unreadable { path: path.into(), source })?;
        let (certs, problems) = parse_certs(&bytes, CertLimits::CONFIGURED);
        if certs.is_empty() {
            let reason = problems.into_iter().next().unwrap_or_else(|| "there is no key in it".into());
            return Err(KeyringError::Malformed { path: path.into(), reason });
        }
        self.problems.extend(problems.into_iter().map(|problem| format!("{}: {problem}", path.display())));
        Ok(certs)
    }

    fn index(&mut self) {
        self.by_key_id.clear();
        let own = self.own.iter().enumerate().map(|(at, cert)| (Found::Own(at), cert));
        let others = self.certs.iter().enumerate().map(|(at, cert)| (Found::Other(at), cert));
        for (found, cert) in own.chain(others) {
            for ka in cert.keys() {
                let list = self.by_key_id.entry(ka.key().keyid()).or_default();
                if !list.contains(&found) {
                    list.push(found);
                }
            }
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} own, {} others)", self.own.len(), self.certs.len())
    }
}

fn unlocked(cert: &Cert, password: &openpgp::crypto::Password) -> Vec<Packet> {
    let mut keys = Vec::new();
    for ka in cert.keys().secret().filter(|ka| ka.key().secret().is_encrypted()) {
        let decrypted = ka.key().clone().decrypt_secret(password).ok();
        let Some(key) = decrypted.or_else(|| locked::unlock(ka.key(), password)) else { continue };
        keys.push(if ka.primary() {
            let key: Key<_, openpgp::packet::key::PrimaryRole> = key.role_into_primary();
            key.into()
        } else {
            let key: Key<_, openpgp::packet::key::SubordinateRole> = key.role_into_subordinate();
            key.into()
        });
    }
    keys
}

/// The files of a path: itself, or what a folder holds, sorted, one level deep.
fn files(path: &Path) -> Result<Vec<PathBuf>, KeyringError> {
    let unreadable = |source| KeyringError::Unreadable { path: path.into(), source };
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}
