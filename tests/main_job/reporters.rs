//! Reporters and their programs: GnuPG and sq, as people use them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::bench::project;
use crate::support;

/// GnuPG with a home of its own, a reporter's key, and our certificate.
pub struct Gpg {
    home: tempfile::TempDir,
    /// Whose key it is.
    pub address: &'static str,
}

impl Gpg {
    /// `key` is a file below keys/.
    pub fn with(key: &str, address: &'static str) -> Gpg {
        let home = support::folder();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let gpg = Gpg { home, address };
        gpg.call(&["--import", project(key).to_str().unwrap()], b"");
        let team = gpg.call(&["--import", project("keys/team.pgp").to_str().unwrap()], b"");
        assert!(team.status.success());
        // A reporter has our certificate, not our key.
        let keys = gpg.call(&["--list-secret-keys", "--with-colons", "security@example.org"], b"");
        for line in String::from_utf8_lossy(&keys.stdout).lines().filter(|l| l.starts_with("grp:")) {
            let grip = line.split(':').nth(9).unwrap();
            fs::remove_file(gpg.home.path().join(format!("private-keys-v1.d/{grip}.key"))).unwrap();
        }
        gpg
    }

    pub fn call(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", self.home.path()).args(["--batch", "--quiet", "--no-tty", "--trust-model", "always"]);
        command.args(["--pinentry-mode", "loopback", "--passphrase", ""]).args(args);
        pipe(command, input)
    }

    /// The reporter's certificate, armored.
    pub fn certificate(&self) -> String {
        String::from_utf8(self.call(&["--armor", "--export", self.address], b"").stdout).unwrap()
    }

    pub fn sign_and_encrypt(&self, bytes: &[u8]) -> String {
        self.made(&["--armor", "--sign", "--encrypt", "-u", self.address, "-r", "security@example.org"], bytes)
    }

    pub fn encrypt(&self, bytes: &[u8]) -> String {
        self.made(&["--armor", "--encrypt", "-r", "security@example.org"], bytes)
    }

    pub fn detached(&self, bytes: &[u8]) -> String {
        self.made(&["--armor", "--detach-sign", "--digest-algo", "SHA512", "-u", self.address], bytes)
    }

    pub fn clearsign(&self, bytes: &[u8]) -> String {
        self.made(&["--armor", "--clearsign", "-u", self.address], bytes)
    }

    fn made(&self, args: &[&str], bytes: &[u8]) -> String {
        let output = self.call(args, bytes);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Decrypts and verifies: the plaintext and what GnuPG says on its status channel.
    pub fn reads(&self, armored: &[u8]) -> (Vec<u8>, String) {
        let output = self.call(&["--status-fd", "2", "--decrypt"], armored);
        let status = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{status}");
        (output.stdout, status)
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).output();
    }
}

/// sq: signs with the reporter's key and encrypts to our certificate.
pub fn sq_sign_and_encrypt(key: &Path, bytes: &[u8]) -> String {
    let mut command = Command::new("sq");
    command.arg("encrypt").arg("--signer-key").arg(key).arg("--recipient-cert").arg(project("keys/team.pgp"));
    let output = pipe(command, bytes);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn pipe(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The header of a mail from a reporter.
pub fn head(from: &str, subject: &str, id: &str) -> String {
    format!(
        "From: A. Finder <{from}>\nTo: security@example.org\nSubject: {subject}\nMessage-ID: <{id}@example.net>\n\
         Date: Mon, 16 Nov 2026 09:59:00 +0000\nMIME-Version: 1.0\n"
    )
}

/// A text as the inner part of a PGP/MIME mail.
pub fn entity(text: &str) -> Vec<u8> {
    format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", text.replace('\n', "\r\n")).into_bytes()
}

/// RFC 3156 section 4.
pub fn pgp_mime(head: &str, armored: &str) -> Vec<u8> {
    format!(
        "{head}Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"b\"\n\n--b\n\
         Content-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n{armored}\n--b--\n"
    )
    .into_bytes()
}

/// RFC 3156 section 5.
pub fn pgp_mime_signed(head: &str, entity: &[u8], signature: &str) -> Vec<u8> {
    let mut mail = format!(
        "{head}Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha512; boundary=\"b\"\n\n--b\n"
    )
    .into_bytes();
    mail.extend_from_slice(&String::from_utf8(entity.to_vec()).unwrap().replace("\r\n", "\n").into_bytes());
    mail.extend_from_slice(
        format!("\n--b\nContent-Type: application/pgp-signature; name=signature.asc\n\n{signature}\n--b--\n")
            .as_bytes(),
    );
    mail
}

/// A plain text body.
pub fn plain(head: &str, text: &str) -> Vec<u8> {
    format!("{head}Content-Type: text/plain; charset=utf-8\n\n{text}").into_bytes()
}

/// A text and a file.
pub fn with_file(head: &str, text: &str, name: &str, file: &str) -> Vec<u8> {
    format!(
        "{head}Content-Type: multipart/mixed; boundary=\"m\"\n\n--m\nContent-Type: text/plain\n\n{text}\n--m\n\
         Content-Type: application/octet-stream; name=\"{name}\"\nContent-Disposition: attachment; filename=\"{name}\"\n\n{file}\n--m--\n"
    )
    .into_bytes()
}
