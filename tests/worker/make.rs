//! People, mail, readers.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::Context;
use sealpost::worker::{Limits, Reader};
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::prelude::*;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::stream::{Armorer, Compressor, Encryptor, LiteralWriter, Message, Signer};
use openpgp::types::CompressionAlgorithm;

pub const TEAM: &str = "security@example.org";
pub const FINDER: &str = "finder@example.net";

pub fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

pub fn context() -> Context {
    Context { now: now(), received_at: Some(now()), own_addresses: vec![TEAM.into()] }
}

pub fn person(address: &str) -> Cert {
    let (cert, _) = CertBuilder::general_purpose(Some(format!("Test (INSECURE!) <{address}>")))
        .set_creation_time(SystemTime::from(now()) - Duration::from_secs(100 * 86_400))
        .generate()
        .unwrap();
    cert
}

/// The team and a finder.
pub struct People {
    pub team: Cert,
    pub finder: Cert,
}

impl People {
    pub fn new() -> People {
        People { team: person(TEAM), finder: person(FINDER) }
    }

    pub fn ring(&self) -> Keyring {
        Keyring::from_certs(vec![self.team.clone()], vec![self.finder.clone().strip_secret_key_material()])
    }

    pub fn reader(&self, limits: Limits) -> Reader {
        Reader::new(program(), self.ring(), limits)
    }

    /// A signed and encrypted mail with this text, compressed inside.
    pub fn mail(&self, number: usize, text: &[u8]) -> Vec<u8> {
        let policy = StandardPolicy::new();
        let at = SystemTime::from(now());
        let signing = self.finder.keys().secret().with_policy(&policy, at).for_signing().next().unwrap();
        let pair = signing.key().clone().into_keypair().unwrap();
        let to = self.team.keys().with_policy(&policy, at).for_storage_encryption().for_transport_encryption();
        let mut armored = Vec::new();
        let sink = Armorer::new(Message::new(&mut armored)).build().unwrap();
        let sealed = Encryptor::for_recipients(sink, to).build().unwrap();
        let packed = Compressor::new(sealed).algo(CompressionAlgorithm::Zlib).build().unwrap();
        let signer = Signer::new(packed, pair).unwrap().creation_time(at).add_intended_recipient(&self.team);
        let mut literal = LiteralWriter::new(signer.build().unwrap()).build().unwrap();
        literal.write_all(b"Content-Type: text/plain\r\n\r\n").unwrap();
        literal.write_all(text).unwrap();
        literal.finalize().unwrap();
        let armored = String::from_utf8(armored).unwrap();
        let mail = format!(
            "From: A. Finder <{FINDER}>\nTo: {TEAM}\nSubject: Report {number}\nMessage-ID: <{number}@example.net>\n\
             Date: Mon, 02 Mar 2026 09:15:00 +0000\nMIME-Version: 1.0\n\
             Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n--b\n\
             Content-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\n\
             Content-Type: application/octet-stream\n\n{armored}\n--b--\n"
        );
        mail.into_bytes()
    }
}

/// As much text as this, which shrinks to a tenth: a small mail that needs much memory, and no bomb.
pub fn long_text(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 80);
    let mut line = 0;
    while text.len() < bytes {
        writeln!(text, "{line}: the parser takes the length from the packet and believes it").unwrap();
        line += 1;
    }
    text
}

pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sealpost"))
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every mail of the fixtures.
pub fn fixtures() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("fixtures/mail")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "eml") {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    assert!(found.len() > 50, "only {} mails found", found.len());
    found
}

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        if after.split_ascii_whitespace().nth(1) == Some(parent.to_string().as_str()) {
            found.push(pid);
        }
    }
    found
}

/// True while the process is there and no zombie.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}
