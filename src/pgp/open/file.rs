//! A large encrypted file as a stream: the way back of `seal::encrypt_file`.
//!
//! The stream gives out plaintext before the end of the file proved that nothing was changed. So whoever takes it may only
//! put it aside until [`decrypt_file`] has returned `Ok`.

use std::io::{self, Read};
use std::panic::AssertUnwindSafe;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp as openpgp;

use openpgp::parse::Parse;
use openpgp::parse::stream::DecryptorBuilder;
use openpgp::policy::StandardPolicy;

use super::decrypt::{Env, Helper, State};
use super::verify::{Proof, Sig};
use crate::pgp::certs;
use crate::pgp::keyring::Keyring;

/// What is read ahead; the library verifies signatures and integrity at the end of the file.
const BUFFER: usize = 1 << 20;

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No secret key here opens it, or it is locked.
    #[error("{0}")]
    NoKey(String),
    /// It is no encrypted OpenPGP message, was cut off, or was changed.
    #[error("it is not a whole and unchanged OpenPGP message ({0})")]
    Damaged(String),
}

/// What a file proved, once it was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwrapped {
    /// Fingerprint of our certificate that signed it, or why no signature of ours is on it.
    pub signed_by: Result<String, String>,
}

/// Decrypts `input` with our keys and hands the plaintext to `take`, which must read it to its end. What `take` gave is
/// handed on only if the whole message was intact.
pub fn decrypt_file<T, E: From<FileError>>(
    input: impl Read + Send + Sync,
    keys: &Keyring,
    now: Timestamp,
    take: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<(T, Unwrapped), E> {
    // The library is known to panic on some files that end too early.
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| stream(input, keys, now, take)));
    opened.unwrap_or_else(|_| Err(FileError::Damaged("the OpenPGP library failed on it".into()).into()))
}

fn stream<T, E: From<FileError>>(
    input: impl Read + Send + Sync,
    keys: &Keyring,
    now: Timestamp,
    take: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<(T, Unwrapped), E> {
    let now = SystemTime::from(now);
    let env = Env { keys, holder: keys, carried: &[], policy: StandardPolicy::at(now), now: now + super::SKEW };
    let mut state = State::default();
    let policy = env.reading_policy();
    let helper = Helper { env: &env, state: &mut state };
    let decryptor = DecryptorBuilder::from_reader(input)
        .map(|builder| builder.buffer_size(BUFFER))
        .and_then(|builder| builder.with_policy(&policy, env.now, helper))
        .map_err(|e| certs::in_short(&e));
    let read = decryptor.map(|mut decryptor| {
        let mut watched = Watched { inner: &mut decryptor, failed: None };
        let given = take(&mut watched);
        let rest = watched.read(&mut [0]);
        match (watched.failed, rest) {
            (Some(why), _) => Err(FileError::Damaged(why).into()),
            (None, Ok(1..)) if given.is_ok() => Err(FileError::Damaged("more follows after its end".into()).into()),
            _ => given,
        }
    });
    let given = match read {
        Ok(given) => given?,
        Err(why) if state.session_key || state.unwrapped_badly || !state.is_encrypted() => {
            return Err(FileError::Damaged(why).into());
        }
        Err(_) => return Err(FileError::NoKey(state.why_unopened()).into()),
    };
    if !state.session_key {
        return Err(FileError::Damaged("it is not encrypted".into()).into());
    }
    Ok((given, Unwrapped { signed_by: signed_by_us(&state.sigs, keys) }))
}

/// The fingerprint of our own certificate among good signatures, or why there is none.
pub(super) fn signed_by_us(sigs: &[Sig], keys: &Keyring) -> Result<String, String> {
    let own: Vec<String> = keys.own().iter().map(certs::fingerprint).collect();
    let good = |sig: &&Sig| sig.proof == Proof::Valid && !sig.carried && !sig.weakly_bound;
    let by = sigs.iter().filter(good).filter_map(|sig| sig.by.clone()).find(|by| own.contains(by));
    by.ok_or_else(|| match sigs.first() {
        None => "it is not signed".into(),
        Some(sig) => {
            let reason = sig.reason.clone().unwrap_or_else(|| "it is signed by another key".into());
            let by = sig.by.as_deref().map(|by| format!(" (signed by {by})")).unwrap_or_default();
            format!("{reason}{by}")
        }
    })
}

/// Remembers that reading failed, whatever the taker makes of it.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    failed: Option<String>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(why) = &self.failed {
            return Err(io::Error::other(why.clone()));
        }
        self.inner.read(buffer).inspect_err(|e| self.failed = Some(e.to_string()))
    }
}
