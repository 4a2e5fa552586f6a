//! The keyring as the configuration and the ledger make it: our keys, unlocked when they are needed, and certificates.

use super::{App, secrets};
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::pgp::agent::Agent;
use crate::pgp::keyring::{Keyring, KeyringError};

/// How hard to try for the passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlock {
    /// By the configured command, else by asking a person, else not at all: what stays locked opens nothing.
    IfPossible,
    /// As above, but without the secret key there is no going on.
    Must,
}

/// Reads the keys; they stay locked.
pub fn load(config: &Config) -> Result<Keyring, Error> {
    let (secret_keys, certs) = (&config.openpgp.secret_keys, &config.openpgp.certs);
    let ring = if config.openpgp.agent {
        Keyring::load_with_agent(secret_keys, certs, Agent::find(None))
    } else {
        Keyring::load(secret_keys, certs)
    };
    ring.map_err(|e| keyring_error(&e))
}

/// Unlocks the keys. Without passphrase and person they stay locked, which is an error only with [`Unlock::Must`].
pub fn unlock(app: &App, config: &Config, ring: &mut Keyring, how: Unlock) -> Result<(), Error> {
    ring.agent_may_ask(app.interactive);
    if !ring.is_locked() {
        return Ok(());
    }
    let passphrase = match &config.openpgp.passphrase_command {
        Some(command) => Some(secrets::from_command(command, "the passphrase of the team key")?),
        None => secrets::ask(app, "Passphrase of the team key"),
    };
    match passphrase {
        Some(passphrase) => ring.unlock(&passphrase).map_err(|e| keyring_error(&e)),
        None if how == Unlock::IfPossible => Ok(()),
        None => Err(Error::new(Kind::Key, "the team key is locked and nobody is there to be asked for the passphrase")
            .hint("set passphrase_command in [openpgp], or run this in a terminal")),
    }
}

/// True where a poll could get at the keys that are locked now: a command, or a person.
pub fn can_unlock(app: &App, config: &Config) -> bool {
    config.openpgp.passphrase_command.is_some() || app.interactive
}

pub(super) fn keyring_error(e: &KeyringError) -> Error {
    let error = Error::new(Kind::Key, e.to_string());
    match e {
        KeyringError::WrongPassphrase => error.hint("run the passphrase_command of [openpgp] by hand and compare"),
        _ => error.hint("sealpost check looks at all keys"),
    }
}
