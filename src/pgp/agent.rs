//! Secret keys that GnuPG keeps: gpg-agent signs and decrypts, in its own process or on a smartcard, and we never see a secret.
//!
//! The agent knows keys by names of its own (keygrips). Which of its keys is which of ours is found by comparing the public
//! numbers, so neither GnuPG's keyring nor the words of a `gpg` process are ever read.

mod assuan;
mod sexp;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sequoia_openpgp as openpgp;

use openpgp::crypto::mem::Protected;
use openpgp::crypto::{self, SessionKey, mpi};
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::types::HashAlgorithm;
use openpgp::{Cert, Fingerprint};

use self::assuan::Connection;

/// How many keys of the agent are looked at.
const MAX_KEYS: usize = 1_000;

/// Why the agent did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// `gpgconf`, which knows where the socket is, is not there or failed.
    #[error("cannot ask gpgconf where gpg-agent listens; is GnuPG installed?")]
    NoGnupg,
    /// The socket cannot be used.
    #[error("cannot talk to gpg-agent: {0}")]
    Socket(#[from] std::io::Error),
    /// It said something that is not in the protocol.
    #[error("gpg-agent gave an answer that makes no sense")]
    Protocol,
    /// It refused, in its own words.
    #[error("gpg-agent says: {0}")]
    Said(String),
}

impl AgentError {
    /// `67108949 No pinentry <GPG Agent>`: a number, then words.
    fn said(rest: &[u8]) -> AgentError {
        let text = String::from_utf8_lossy(rest);
        let words = text.split_once(' ').map_or(text.as_ref(), |(_, words)| words);
        AgentError::Said(words.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

/// The agent, and which of our keys it holds.
pub struct Agent {
    socket: PathBuf,
    may_ask: bool,
    /// By the public number that tells a key from all others.
    grips: HashMap<Vec<u8>, String>,
    /// The keys that it uses without asking anybody: those without a passphrase, and those whose passphrase it remembers.
    ready: HashSet<String>,
}

impl Agent {
    /// Finds the agent, starting it where it does not run, and lists its keys. `home` stands for the GNUPGHOME of the
    /// environment. Until [`Agent::may_ask`] allows it, nobody is asked for a passphrase or PIN.
    pub fn find(home: Option<&Path>) -> Result<Agent, AgentError> {
        // Starting it is a favour: where it already runs behind a forwarded socket this fails and nothing is lost.
        let _ = gpgconf(home, &["--launch", "gpg-agent"]);
        let told = gpgconf(home, &["--list-dirs", "agent-socket"])?;
        let socket = PathBuf::from(String::from_utf8_lossy(&told).trim_end());
        let mut agent = Agent { socket, may_ask: false, grips: HashMap::new(), ready: HashSet::new() };
        agent.list()?;
        Ok(agent)
    }

    /// Whether a person may be asked for a passphrase or PIN, by the agent's own dialogue.
    pub fn may_ask(&mut self, may_ask: bool) {
        self.may_ask = may_ask;
    }

    /// True where it holds this key.
    pub fn has(&self, key: &Key<PublicParts, UnspecifiedRole>) -> bool {
        number(key.mpis()).is_some_and(|number| self.grips.contains_key(number))
    }

    /// True where it holds one of the certificate's keys.
    pub fn has_any(&self, cert: &Cert) -> bool {
        cert.keys().any(|ka| self.has(ka.key().role_as_unspecified()))
    }

    /// The fingerprints of the certificate's keys that it can be expected to use: all that it holds where it may ask a person,
    /// else those that need none. What a smartcard holds always needs one, as far as can be seen without trying.
    pub fn usable<'a>(&'a self, cert: &'a Cert) -> impl Iterator<Item = Fingerprint> + 'a {
        let grip = |key: &Key<PublicParts, UnspecifiedRole>| self.grips.get(number(key.mpis())?);
        let usable = move |key| grip(key).is_some_and(|grip| self.may_ask || self.ready.contains(grip));
        cert.keys().filter(move |ka| usable(ka.key().role_as_unspecified())).map(|ka| ka.key().fingerprint())
    }

    /// The key, ready to be used; `None` where the agent does not hold it.
    pub fn key(&self, key: &Key<PublicParts, UnspecifiedRole>) -> Option<AgentKey> {
        let grip = self.grips.get(number(key.mpis())?)?;
        let (socket, grip) = (self.socket.clone(), grip.clone());
        Some(AgentKey { socket, may_ask: self.may_ask, grip, public: key.clone(), error: None })
    }

    fn list(&mut self) -> Result<(), AgentError> {
        let mut connection = Connection::open(&self.socket, Duration::from_secs(10))?;
        let listed = match connection.command("KEYINFO --list", None) {
            Ok(reply) => reply.status,
            // An agent without keys says that there are none.
            Err(AgentError::Said(_)) => Vec::new(),
            Err(e) => return Err(e),
        };
        for line in listed.iter().take(MAX_KEYS) {
            let mut words = line.split(' ');
            let (Some("KEYINFO"), Some(grip)) = (words.next(), words.next()) else { continue };
            if !grip.bytes().all(|b| b.is_ascii_hexdigit()) {
                continue;
            }
            // Then come the type, the card's number and its key, whether the passphrase is remembered, and whether there is one.
            let state: Vec<&str> = words.take(5).collect();
            if matches!(state.as_slice(), ["D", _, _, "1", _] | ["D", _, _, _, "C"]) {
                self.ready.insert(grip.to_owned());
            }
            let Ok(key) = connection.command(&format!("READKEY {grip}"), None) else { continue };
            let told = [&b"n"[..], b"q", b"y"].into_iter().find_map(|name| {
                // In a DSA key `q` is a parameter that many keys share; `y` is its own.
                let shared = name == b"q" && sexp::value(&key.data, b"y").is_some();
                sexp::value(&key.data, name).filter(|_| !shared)
            });
            if let Some(told) = told {
                self.grips.insert(plain(told).to_vec(), grip.to_owned());
            }
        }
        Ok(())
    }
}

fn gpgconf(home: Option<&Path>, arguments: &[&str]) -> Result<Vec<u8>, AgentError> {
    let mut command = Command::new("gpgconf");
    if let Some(home) = home {
        command.arg("--homedir").arg(home);
    }
    let output = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.map_err(|_| AgentError::NoGnupg)?;
    if output.status.success() { Ok(output.stdout) } else { Err(AgentError::NoGnupg) }
}

/// The public number that tells a key from all others.
fn number(key: &mpi::PublicKey) -> Option<&[u8]> {
    match key {
        mpi::PublicKey::RSA { n, .. } => Some(n.value()),
        mpi::PublicKey::DSA { y, .. } | mpi::PublicKey::ElGamal { y, .. } => Some(y.value()),
        mpi::PublicKey::EdDSA { q, .. } | mpi::PublicKey::ECDSA { q, .. } | mpi::PublicKey::ECDH { q, .. } => {
            Some(q.value())
        }
        _ => None,
    }
}

/// Without the zeros that keep a number from being negative.
fn plain(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// One key that the agent holds.
pub struct AgentKey {
    socket: PathBuf,
    may_ask: bool,
    grip: String,
    public: Key<PublicParts, UnspecifiedRole>,
    /// Why the last operation failed, where the agent would not do it.
    pub error: Option<AgentError>,
}

impl AgentKey {
    fn connect(&self) -> Result<Connection, AgentError> {
        let patience = Duration::from_secs(if self.may_ask { 300 } else { 30 });
        let mut connection = Connection::open(&self.socket, patience)?;
        if self.may_ask {
            for (option, variable) in [("ttyname", "GPG_TTY"), ("ttytype", "TERM"), ("display", "DISPLAY")] {
                let Ok(value) = std::env::var(variable) else { continue };
                if value.len() < 200 && !value.is_empty() && !value.contains(char::is_control) {
                    // An option that it does not know changes nothing.
                    let _ = connection.command(&format!("OPTION {option}={value}"), None);
                }
            }
        } else {
            connection.command("OPTION pinentry-mode=error", None)?;
        }
        Ok(connection)
    }

    fn signature(&self, hash: HashAlgorithm, digest: &[u8]) -> Result<mpi::Signature, AgentError> {
        let mut connection = self.connect()?;
        connection.command(&format!("SIGKEY {}", self.grip), None)?;
        let digest = data_encoding::HEXUPPER.encode(digest);
        connection.command(&format!("SETHASH {} {digest}", u8::from(hash)), None)?;
        let reply = connection.command("PKSIGN", None)?;
        let number =
            |name: &[u8]| sexp::value(&reply.data, name).map(|value| mpi::MPI::new(value)).ok_or(AgentError::Protocol);
        match self.public.mpis() {
            mpi::PublicKey::RSA { .. } => Ok(mpi::Signature::RSA { s: number(b"s")? }),
            mpi::PublicKey::DSA { .. } => Ok(mpi::Signature::DSA { r: number(b"r")?, s: number(b"s")? }),
            mpi::PublicKey::ECDSA { .. } => Ok(mpi::Signature::ECDSA { r: number(b"r")?, s: number(b"s")? }),
            mpi::PublicKey::EdDSA { .. } => Ok(mpi::Signature::EdDSA { r: number(b"r")?, s: number(b"s")? }),
            _ => Err(AgentError::Protocol),
        }
    }

    /// What the private operation gives: padded (RSA, ElGamal), unless the second value says that a smartcard took that off,
    /// or the shared point (ECDH).
    fn unwrap(&self, ciphertext: &mpi::Ciphertext) -> Result<(Protected, bool), AgentError> {
        let asked = match ciphertext {
            mpi::Ciphertext::RSA { c } => sexp::ciphertext("rsa", &[("a", c.value())]),
            mpi::Ciphertext::ElGamal { e, c } => sexp::ciphertext("elg", &[("a", e.value()), ("b", c.value())]),
            mpi::Ciphertext::ECDH { e, key } => sexp::ciphertext("ecdh", &[("s", key), ("e", e.value())]),
            _ => return Err(AgentError::Protocol),
        };
        let mut connection = self.connect()?;
        connection.command(&format!("SETKEY {}", self.grip), None)?;
        let reply = connection.command("PKDECRYPT", Some(&asked))?;
        let bare = reply.status.iter().any(|line| line == "PADDING 0");
        sexp::value(&reply.data, b"value").map(|value| (Protected::from(value), bare)).ok_or(AgentError::Protocol)
    }
}

impl crypto::Signer for AgentKey {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }

    fn sign(&mut self, hash: HashAlgorithm, digest: &[u8]) -> openpgp::Result<mpi::Signature> {
        Ok(self.signature(hash, digest)?)
    }
}

impl crypto::Decryptor for AgentKey {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }

    fn decrypt(&mut self, ciphertext: &mpi::Ciphertext, length: Option<usize>) -> openpgp::Result<SessionKey> {
        let (value, bare) = match self.unwrap(ciphertext) {
            Ok(value) => value,
            Err(error) => {
                let told = error.to_string();
                self.error = Some(error);
                return Err(openpgp::Error::InvalidOperation(told).into());
            }
        };
        let mpi::PublicKey::ECDH { .. } = self.public.mpis() else {
            let key = if bare { Some(&*value) } else { unpad(&value) }.map(SessionKey::from);
            return key.ok_or_else(|| openpgp::Error::InvalidOperation("no session key in it".into()).into());
        };
        crypto::ecdh::decrypt_unwrap(&self.public, &shared(&value), ciphertext, length)
    }
}

/// Removes the encoding of RFC 8017 section 7.2.2, unless a smartcard already did.
fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = plain(bytes);
    let Some(padded) = bytes.strip_prefix(&[2]) else { return Some(bytes) };
    let zero = padded.iter().position(|b| *b == 0).filter(|at| *at >= 8)?;
    padded.get(zero + 1..)
}

/// The shared secret from the shared point: all of it on Curve25519, the first coordinate on the other curves.
fn shared(point: &[u8]) -> Protected {
    let secret = match point.split_first() {
        Some((0x40, native)) if native.len() % 2 == 0 => native,
        Some((0x04, both)) if both.len() % 2 == 0 => both.get(..both.len() / 2).unwrap_or_default(),
        _ => point,
    };
    Protected::from(secret)
}
