//! GnuPG and sq read what we send, as a reporter's mail program would hand it to them; keys of both kinds.
//! `tests/run` installs both.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use sealpost::pgp::certs;
use sealpost::pgp::seal::{ClearConsent, Recipient, SigningKey, in_the_clear, seal};
use sealpost::reply::Draft;
use sealpost::secret::Password;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::Preferences as _;
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;
use tempfile::TempDir;

use super::help::*;

const TEXT: &str = "Hello,\n\nthank you: the parser is wrong in cookie.c. \nGrüße =3D\n.\nFrom here on, 日本語.\n";

/// A GnuPG of its own, with nothing of the user's.
struct Gnupg {
    home: TempDir,
}

impl Gnupg {
    fn new() -> Gnupg {
        // A short path: the agent's socket must fit into 108 bytes.
        let private = std::fs::Permissions::from_mode(0o700);
        let home = tempfile::Builder::new().prefix("sp").permissions(private).tempdir_in("/tmp").unwrap();
        let gnupg = Gnupg { home };
        // GnuPG 2.2 cannot import a revocation while there is no trust database.
        gnupg.good(&["--trust-model", "pgp", "--check-trustdb"], b"");
        gnupg
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new("gpg");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("LC_ALL", "C.UTF-8");
        command.arg("--homedir").arg(self.home.path());
        command.args([
            "--batch",
            "--no-tty",
            "--trust-model",
            "always",
            "--status-fd",
            "2",
            "--pinentry-mode",
            "loopback",
        ]);
        run(command.args(arguments), input)
    }

    fn good(&self, arguments: &[&str], input: &[u8]) -> Output {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Makes a key for the finder and gives its certificate.
    fn person(&self, parameters: &str) -> Cert {
        let request = format!(
            "%no-protection\n{parameters}\nName-Real: A. Finder\nName-Comment: INSECURE!\nName-Email: {FINDER}\n\
             Expire-Date: 0\n%commit\n"
        );
        self.good(&["--gen-key"], request.as_bytes());
        Cert::from_bytes(&self.good(&["--export"], b"").stdout).unwrap()
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The team's key as the program makes it, minutes old, so that other programs' clocks agree.
fn team_key(passphrase: Option<&Password>) -> certs::Generated {
    let now = Timestamp::now() - jiff::SignedDuration::from_mins(5);
    certs::generate(TEAM, Some("Team (INSECURE!)"), passphrase, None, now).unwrap()
}

fn letter() -> Draft {
    let mut given = fields(TEXT);
    given.date = Timestamp::now();
    given.attachments = vec![file("poc.py", b"print('poc')\n")];
    Draft::new(given).unwrap()
}

/// What the other program decrypted is the text that a person was shown, to the letter.
fn check_payload(payload: &[u8], sent: &Draft) {
    assert_eq!(sent.body(), TEXT);
    assert!(sent.shown().ends_with(&format!("\n\n{TEXT}")), "{}", *sent.shown());
    let shown = sent.shown();
    let (_, shown_text) = shown.split_once("\n\n").unwrap();
    // The line end before a delimiter belongs to the delimiter, the ones before it to the text.
    assert_eq!(text_of(payload), shown_text);
    assert_eq!(header(payload, "Subject"), [sent.subject()]);
    let parsed = mailparse::parse_mail(payload).unwrap();
    assert_eq!(parsed.ctype.params.get("hp").unwrap(), "cipher");
    assert_eq!(parsed.ctype.params.get("protected-headers").unwrap(), "v1");
    assert_eq!(parsed.subparts[1].get_body_raw().unwrap(), b"print('poc')\n");
}

fn gnupg_reads_us(parameters: &str) {
    let gnupg = Gnupg::new();
    let finder = gnupg.person(parameters);
    let team = team_key(None);
    gnupg.good(&["--import"], team.certificate.as_bytes());
    let own = Cert::from_bytes(team.tsk.expose()).unwrap();
    let now = Timestamp::now();
    let sent = letter();
    let sealed = seal_to(&sent, &finder, &own, now).unwrap();
    assert!(!String::from_utf8_lossy(sealed.bytes()).contains("Heap overflow"));
    assert_eq!(header(sealed.bytes(), "Subject"), ["[...]"]);

    let output = gnupg.good(&["--decrypt"], &armored(sealed.bytes()));
    let status = String::from_utf8_lossy(&output.stderr).into_owned();
    for word in ["DECRYPTION_OKAY", "GOODMDC", "GOODSIG"] {
        assert!(status.contains(word), "{word} is missing:\n{status}");
    }
    assert!(status.lines().any(|l| l.contains("VALIDSIG") && l.ends_with(&team.fingerprint)), "{status}");
    check_payload(&output.stdout, &sent);
}

#[test]
fn gnupg_with_a_curve25519_key_reads_us() {
    gnupg_reads_us("Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519");
}

#[test]
fn gnupg_with_an_rsa_key_reads_us() {
    gnupg_reads_us("Key-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\nSubkey-Length: 3072");
}

#[test]
fn gnupg_with_nist_keys_reads_us() {
    for curve in ["nistp256", "nistp384", "nistp521"] {
        gnupg_reads_us(&format!("Key-Type: ECDSA\nKey-Curve: {curve}\nSubkey-Type: ECDH\nSubkey-Curve: {curve}"));
    }
}

#[test]
fn gnupg_opens_our_own_copy_with_the_key_we_made() {
    let passphrase = Password::new("correct horse (INSECURE!)".into());
    let team = team_key(Some(&passphrase));
    let own = Cert::from_bytes(team.tsk.expose()).unwrap();
    let finder = Gnupg::new().person("Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519");
    let now = Timestamp::now();
    let sent = letter();
    let mut key = SigningKey::of(&own, Some(&passphrase), now).unwrap();
    let sealed = seal(&sent, &[Recipient::new(FINDER, &finder)], &mut key, now).unwrap();

    let gnupg = Gnupg::new();
    gnupg.good(&["--import"], team.tsk.expose());
    let opened = gnupg.good(&["--passphrase", passphrase.expose(), "--decrypt"], &armored(sealed.bytes()));
    check_payload(&opened.stdout, &sent);
    // And the revocation certificate that came with it revokes it.
    let listed = |gnupg: &Gnupg| String::from_utf8(gnupg.good(&["--with-colons", "-k"], b"").stdout).unwrap();
    assert!(!listed(&gnupg).contains("pub:r:"));
    gnupg.good(&["--import"], team.revocation.as_bytes());
    assert!(listed(&gnupg).contains("pub:r:"), "{}", listed(&gnupg));
}

#[test]
fn gnupg_writes_to_the_key_we_made_and_we_could_read_it() {
    let team = team_key(None);
    let own = Cert::from_bytes(team.tsk.expose()).unwrap();
    let gnupg = Gnupg::new();
    gnupg.good(&["--import"], team.certificate.as_bytes());
    let written = gnupg.good(&["--armor", "-r", TEAM, "--encrypt"], b"report").stdout;
    let policy = openpgp::policy::StandardPolicy::new();
    let mut pair = None;
    for key in own.keys().secret().with_policy(&policy, None).for_transport_encryption() {
        pair = Some(key.key().clone().into_keypair().unwrap());
    }
    let mut pair = pair.unwrap();
    let pile = openpgp::PacketPile::from_bytes(&written).unwrap();
    let opened = pile.children().filter_map(|packet| match packet {
        openpgp::Packet::PKESK(pkesk) => pkesk.decrypt(&mut pair, None),
        _ => None,
    });
    assert_eq!(opened.count(), 1);
}

#[test]
fn gnupg_verifies_what_goes_in_the_clear() {
    let team = team_key(None);
    let own = Cert::from_bytes(team.tsk.expose()).unwrap();
    let gnupg = Gnupg::new();
    gnupg.good(&["--import"], team.certificate.as_bytes());
    let sent = letter();
    let consent = ClearConsent::given(&ClearConsent::words(&sent), &sent).unwrap();
    let now = Timestamp::now();
    let mut key = SigningKey::of(&own, None, now).unwrap();
    let sealed = in_the_clear(&sent, &consent, Some(&mut key), now).unwrap();
    let parsed = mailparse::parse_mail(sealed.bytes()).unwrap();
    assert_eq!(parsed.ctype.params.get("micalg").unwrap(), "pgp-sha512");
    assert_eq!(parsed.subparts[1].ctype.mimetype, "application/pgp-signature");
    let folder = tempfile::tempdir().unwrap();
    let signature = folder.path().join("signature.asc");
    std::fs::write(&signature, parsed.subparts[1].get_body_raw().unwrap()).unwrap();
    let signed = parsed.subparts[0].raw_bytes;
    // What is signed ends before the line end that belongs to the delimiter (RFC 3156 section 5).
    let signed = signed.strip_suffix(b"\r\n").filter(|s| s.ends_with(b"\r\n")).unwrap_or(signed);
    let verify = ["--verify", signature.to_str().unwrap(), "-"];
    let status = String::from_utf8_lossy(&gnupg.good(&verify, signed).stderr).into_owned();
    assert!(status.contains("GOODSIG"), "{status}");
    let changed = String::from_utf8(signed.to_vec()).unwrap().replace("cookie.c", "cookie.d");
    assert!(!gnupg.run(&verify, changed.as_bytes()).status.success());
}

fn sq(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("sq");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder).current_dir(folder);
    let output = run(command.args(arguments), input);
    assert!(output.status.success(), "sq {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn sq_reads_us() {
    let folder = tempfile::tempdir().unwrap();
    for (name, suite) in [("curve.pgp", "cv25519"), ("rsa.pgp", "rsa3k")] {
        let user_id = format!("A. Finder (INSECURE!) <{FINDER}>");
        sq(folder.path(), &["key", "generate", "--userid", &user_id, "-c", suite, "--export", name], b"");
        let finder = Cert::from_file(folder.path().join(name)).unwrap().strip_secret_key_material();
        let team = team_key(None);
        std::fs::write(folder.path().join("team.pgp"), &team.certificate).unwrap();
        let own = Cert::from_bytes(team.tsk.expose()).unwrap();
        let sent = letter();
        let sealed = seal_to(&sent, &finder, &own, Timestamp::now()).unwrap();
        let decrypt = ["decrypt", "--recipient-key", name, "--signer-cert", "team.pgp"];
        check_payload(&sq(folder.path(), &decrypt, &armored(sealed.bytes())).stdout, &sent);
    }
}

#[test]
fn the_key_we_made_is_a_plain_version_4_key() {
    let team = team_key(None);
    let own = Cert::from_bytes(team.certificate.as_bytes()).unwrap();
    assert!(!own.is_tsk());
    assert_eq!(own.primary_key().key().version(), 4);
    let policy = openpgp::policy::StandardPolicy::new();
    let features = own.with_policy(&policy, None).unwrap().features().unwrap();
    assert!(features.supports_seipdv1() && !features.supports_seipdv2());
    assert!(!format!("{:?}", team.tsk).contains("BEGIN"));
    assert!(own.to_vec().unwrap().len() < 2000);
}
