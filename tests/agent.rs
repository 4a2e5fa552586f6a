//! A real gpg-agent holds the team's secret keys, and sealpost opens and signs without ever seeing one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use sealpost::message::Address;
use sealpost::pgp::agent::Agent;
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::{self, Context};
use sealpost::pgp::seal::{Recipient, SigningKey, seal};
use sealpost::reply::{Draft, Fields};
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
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--quiet", "--no-tty"]).args(arguments);
        let output = command.stdin(Stdio::null()).output().expect("gpg is installed");
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
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
    let address = |address: &str| Address { address: address.into(), name: None };
    let draft = Draft::new(Fields {
        from: address("security@example.org"),
        to: address("finder@example.net"),
        cc: Vec::new(),
        subject: "Re: Overflow".into(),
        clear_subject: None,
        body: "Thank you, it is fixed.".into(),
        attachments: Vec::new(),
        in_reply_to: None,
        references: Vec::new(),
        message_id: "<agent@example.org>".into(),
        date: now,
    })
    .unwrap();
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
            let user = "Team (INSECURE!) <security@example.org>";
            let plain = ["--passphrase", "", "--quick-generate-key", user];
            gnupg.run(&[&plain[..], &[key, "sign,cert", "never"]].concat());
            let fingerprint = ring_fingerprint(&gnupg);
            let second = if key == "ed25519" { "cv25519" } else { key };
            gnupg.run(&["--passphrase", "", "--quick-add-key", &fingerprint, second, "encr", "never"]);
            gnupg.certificate()
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
