//! A real gpg-agent holds the team's secret keys, and sealpost opens and signs without ever seeing one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod algorithms;
mod card;
mod cron;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use sealpost::pgp::agent::Agent;
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::{self, Context};
use sealpost::pgp::seal::{Recipient, SigningKey, seal};
use sealpost::report::Opened;
use sealpost::verdict::{EncryptionStatus, SignatureStatus};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A GnuPG home of its own; its agent ends with it.
struct Gnupg {
    home: tempfile::TempDir,
}

impl Gnupg {
    fn new() -> Gnupg {
        Gnupg { home: tempfile::Builder::new().prefix("agent").tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Vec<u8> {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.status(arguments, input);
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn status(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--quiet", "--no-tty"]);
        command.args(["--trust-model", "always", "--pinentry-mode", "loopback"]).args(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("gpg is installed");
        // What is written here is smaller than a pipe.
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// A key for the team: for signing, and a subkey to encrypt to. Leaves the certificate in a file.
    fn generate(&self, signing: &str, encrypting: &str, passphrase: &str) -> PathBuf {
        let user = "Team (INSECURE!) <security@example.org>";
        self.run(&["--passphrase", passphrase, "--quick-generate-key", user, signing, "sign,cert", "never"]);
        let fingerprint = ring_fingerprint(self);
        self.run(&["--passphrase", passphrase, "--quick-add-key", &fingerprint, encrypting, "encr", "never"]);
        self.certificate()
    }

    /// Ends the agent, and with it what it remembers.
    fn forget(&self) {
        let mut command = Command::new("gpgconf");
        assert!(command.arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status().unwrap().success());
    }

    /// Takes a secret key over, and leaves the certificate in a file.
    fn import(&self, key: &str) -> PathBuf {
        self.run(&["--import", root().join("keys").join(key).to_str().unwrap()]);
        self.certificate()
    }

    fn certificate(&self) -> PathBuf {
        let file = self.home.path().join("own.cert");
        std::fs::write(&file, self.run(&["--armor", "--export"])).unwrap();
        file
    }

    fn ring(&self, own: &Path) -> Keyring {
        let certs = [own.to_owned(), root().join("keys/finder.pgp")];
        let ring = Keyring::load_with_agent(&[], &certs, Agent::find(Some(self.home.path()))).unwrap();
        assert_eq!(ring.problems(), [] as [String; 0]);
        ring
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).output();
    }
}

fn context(now: Timestamp) -> Context {
    Context { now, received_at: None, own_addresses: vec!["security@example.org".into()] }
}

fn opened(fixture: &str, ring: &Keyring) -> Opened {
    let raw = std::fs::read(root().join("fixtures").join(fixture)).unwrap();
    open::open(&raw, ring, &context("2026-03-03T00:00:00Z".parse().unwrap()))
}

#[test]
fn reports_are_opened_by_the_agent() {
    let gnupg = Gnupg::new();
    let own = gnupg.import("team.pgp");
    let ring = gnupg.ring(&own);
    assert_eq!(ring.own().len(), 1);
    assert!(!ring.own()[0].is_tsk());
    assert!(!ring.digest().is_empty());
    for fixture in ["mail/pgp-mime-signed-and-encrypted.eml", "mail/pgp-mime-hidden-recipient.eml"] {
        let opened = opened(fixture, &ring);
        assert_eq!(opened.verdict.encryption.status, EncryptionStatus::Encrypted, "{fixture}");
        assert!(opened.text.contains("cookie parser"), "{fixture}");
    }
}

#[test]
fn a_key_that_needs_a_person_waits_for_one() {
    let gnupg = Gnupg::new();
    let own = gnupg.import("team-locked.pgp");
    let encryption = opened("locked/inline.eml", &gnupg.ring(&own)).verdict.encryption;
    assert_eq!(encryption.status, EncryptionStatus::Unopened);
    let reason = encryption.reason.unwrap();
    assert!(reason.contains("gpg-agent"), "{reason}");
}

#[test]
fn without_an_agent_mail_is_kept_closed() {
    let gnupg = Gnupg::new();
    let own = gnupg.import("team.pgp");
    let nowhere = gnupg.home.path().join("nowhere");
    let ring = Keyring::load_with_agent(std::slice::from_ref(&own), &[], Agent::find(Some(&nowhere))).unwrap();
    let encryption = opened("mail/pgp-mime-encrypted-only.eml", &ring).verdict.encryption;
    assert_eq!(encryption.status, EncryptionStatus::Unopened);
    let reason = encryption.reason.unwrap();
    assert!(reason.contains("gpg-agent"), "{reason}");
}

/// Signs and seals to ourselves with the agent's key, then opens it with the agent again.
fn round_trip(gnupg: &Gnupg, own: &Path) {
    let ring = gnupg.ring(own);
    let now = Timestamp::now();
    let draft = support::letter::thanks(now);
    let own = ring.own().first().expect("the agent holds a key of it");
    let mut signer = SigningKey::of_ring(own, &ring, now).unwrap();
    let to = Recipient::new("finder@example.net", &ring.certs()[0]);
    let sealed = seal(&draft, &[to], &mut signer, now).unwrap();
    let opened = open::open(sealed.bytes(), &ring, &context(now));
    assert_eq!(opened.verdict.encryption.status, EncryptionStatus::Encrypted);
    assert_eq!(opened.verdict.signature.status, SignatureStatus::Good, "{:?}", opened.verdict.signature);
    assert!(opened.text.contains("it is fixed"));
}

#[test]
fn replies_are_signed_by_the_agent_with_every_kind_of_key() {
    for key in ["team.pgp", "ed25519", "nistp256", "rsa2048"] {
        let gnupg = Gnupg::new();
        let own = if key.ends_with(".pgp") {
            gnupg.import(key)
        } else {
            gnupg.generate(key, if key == "ed25519" { "cv25519" } else { key }, "")
        };
        println!("{key}");
        round_trip(&gnupg, &own);
    }
}

fn ring_fingerprint(gnupg: &Gnupg) -> String {
    let listed = String::from_utf8(gnupg.run(&["--with-colons", "--list-keys"])).unwrap();
    let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
    line.split(':').nth(9).unwrap().to_owned()
}

/// A reporter with a GnuPG of their own, who knows the team's certificate.
fn finder(own: &Path) -> Gnupg {
    let gnupg = Gnupg::new();
    gnupg.run(&["--import", root().join("keys/finder.pgp").to_str().unwrap()]);
    gnupg.run(&["--import", own.to_str().unwrap()]);
    gnupg
}

const TEXT: &str = "Heap overflow in add_cookie (cookie.c:871).";

/// A PGP/MIME report to the team, signed and with the true header fields inside.
fn report(finder: &Gnupg, options: &[&str]) -> Vec<u8> {
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let fields = format!("From: finder@example.net\r\nTo: security@example.org\r\nDate: {date}\r\n");
    let inner = format!(
        "Content-Type: text/plain; charset=utf-8; hp=\"cipher\"\r\n{fields}Subject: Heap overflow\r\n\r\n{TEXT}\r\n"
    );
    let plain = ["--armor", "--sign", "--encrypt", "--local-user", "finder@example.net", "-r", "security@example.org"];
    let armored = finder.run_with(&[options, &plain].concat(), inner.as_bytes());
    let armored = String::from_utf8(armored).unwrap();
    format!(
        "{fields}Subject: [...]\r\nMessage-ID: <{}@example.net>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\n\
         Content-Type: application/octet-stream\r\n\r\n{armored}\r\n--b--\r\n",
        armored.len(),
    )
    .into_bytes()
}
