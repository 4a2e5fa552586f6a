//! When the work is done, nothing of it is left: the program's whole memory at its end, searched for the mail's words, the answer, passphrases,
//! passwords, the ledger's key, session keys and the numbers of secret keys. The real program, on every way it can take.

use std::collections::BTreeMap;
use std::fs;

use openpgp::crypto::mpi::SecretKeyMaterial;
use openpgp::packet::Packet;
use openpgp::packet::key::SecretKeyMaterial as Stored;
use openpgp::parse::Parse;
use openpgp::{Cert, PacketPile};
use sequoia_openpgp as openpgp;
use sha2::{Digest, Sha512};

use crate::bench::{Workplace, private};
use crate::reporters::{Gpg, head, pgp_mime};
use crate::support::exim::Mode;
use crate::support::image::{Images, Needles};

const TEXT: &str = "CANARY-1f0d-sealed-text";
const ATTACHED: &str = "CANARY-52aa-in-the-attachment";
const ANSWER: &str = "CANARY-9be3-in-the-answer";
const PASSPHRASE: &str = "CANARY-77d0-the-passphrase";
const WRONG: &str = "CANARY-08c5-a-wrong-passphrase";

/// A workplace with a locked team key, a mail that only it opens, and everything that may not be left behind.
struct Watched {
    place: Workplace,
    images: Images,
    needles: Needles,
    left: BTreeMap<String, BTreeMap<String, usize>>,
    runs: u64,
    bytes: u64,
}

impl Watched {
    fn run(&mut self, args: &[&str], statuses: &[i32]) -> String {
        let mut command = self.place.command_with("config.toml", args);
        self.images.ask(&mut command);
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(statuses.contains(&output.status.code().unwrap_or(-1)), "{args:?}: {:?} {said}", output.status);
        for image in self.images.taken() {
            self.runs += 1;
            self.bytes += image.len() as u64;
            let found = self.needles.found_in(&image);
            if !found.is_empty() {
                self.left.entry(args.join(" ")).or_default().extend(found);
            }
        }
        said
    }
}

/// The secret numbers of a key file.
fn secret_numbers(needles: &mut Needles, bytes: &[u8], passphrase: &str) {
    let cert = Cert::from_bytes(bytes).unwrap();
    for key in cert.keys().secret() {
        let secret = key.key().clone();
        let secret =
            if secret.secret().is_encrypted() { secret.decrypt_secret(&passphrase.into()).unwrap() } else { secret };
        let name = format!("the secret of {}", key.key().keyid());
        let Stored::Unencrypted(plain) = secret.secret() else { panic!("{name} is locked") };
        plain.map(|numbers| match numbers {
            SecretKeyMaterial::ECDH { scalar } => needles.number(&name, scalar.value()),
            SecretKeyMaterial::EdDSA { scalar } => {
                needles.number(&name, scalar.value());
                // What signing computes from it, and could sign with as well.
                let wide = Sha512::digest(scalar.value());
                needles.number(&format!("{name}, spread"), &wide[..32]);
            }
            SecretKeyMaterial::X25519 { x } => needles.number(&name, x),
            SecretKeyMaterial::Ed25519 { x } => needles.number(&name, x),
            other => panic!("a kind of key that this test does not know: {:?}", other.algo()),
        });
    }
}

/// The key that one message is sealed with.
fn session_key(needles: &mut Needles, armored: &[u8], key_file: &[u8], passphrase: &str) {
    let cert = Cert::from_bytes(key_file).unwrap();
    let pile = PacketPile::from_bytes(armored).unwrap();
    for packet in pile.descendants() {
        let Packet::PKESK(pkesk) = packet else { continue };
        for key in cert.keys().secret() {
            let key = key.key().clone();
            let key = if key.secret().is_encrypted() { key.decrypt_secret(&passphrase.into()).unwrap() } else { key };
            let Ok(mut pair) = key.into_keypair() else { continue };
            if let Some((_, session_key)) = pkesk.decrypt(&mut pair, None) {
                needles.number("the session key", &session_key);
                return;
            }
        }
    }
    panic!("no session key");
}

fn watched(gpg: &Gpg) -> Watched {
    let place = Workplace::new(Mode::Accept);
    private(&place.path("passphrase"), PASSPHRASE.as_bytes());
    private(&place.path("wrong"), WRONG.as_bytes());
    let cat = format!("cat {}", place.path("passphrase").display());
    let made = place.json(&["key", "generate", "locked.pgp", "--passphrase-command", &cat], 0);
    let config = fs::read_to_string(place.path("config.toml")).unwrap();
    let quoted = |path: std::path::PathBuf| toml::Value::String(path.display().to_string()).to_string();
    let key = "secret_keys = [\"team.pgp\"]".to_owned();
    let locked =
        format!("secret_keys = [\"locked.pgp\"]\npassphrase_command = [\"cat\", {}]", quoted(place.path("passphrase")));
    assert!(config.contains(&key), "{config}");
    private(&place.path("config.toml"), config.replace(&key, &locked).as_bytes());
    let ours = place.run(&["key", "export"]).left_with(0).stdout;
    assert!(gpg.call(&["--import"], ours.as_bytes()).status.success());

    let text = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n\
         --b\r\nContent-Type: text/plain; name=poc.txt\r\nContent-Disposition: attachment; filename=poc.txt\r\n\r\n{}\r\n--b--\r\n",
        format!("{TEXT} and more words around it\r\n").repeat(40),
        format!("{ATTACHED}\r\n").repeat(40),
    );
    let fingerprint = made["fingerprint"].as_str().unwrap();
    let seal = ["--armor", "--sign", "--encrypt", "-u", gpg.address, "-r", fingerprint];
    let sealed = String::from_utf8(gpg.call(&seal, text.as_bytes()).stdout).unwrap();
    let mail = pgp_mime(&head(gpg.address, "[...]", "t"), &sealed);
    place.arrives(&mail, 60);
    private(&place.path("mail.eml"), &mail);
    // The same, changed on the way.
    let middle = sealed.len() / 2;
    let turned = if sealed.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let spoilt = format!("{}{turned}{}", &sealed[..middle], &sealed[middle + 1..]);
    private(&place.path("spoilt.eml"), &pgp_mime(&head(gpg.address, "[...]", "s"), &spoilt));
    private(&place.path("finder.asc"), gpg.certificate().as_bytes());
    private(&place.path("answer.txt"), format!("Thank you. {ANSWER}\n").repeat(20).as_bytes());

    let mut needles = Needles::default();
    for (name, text) in [
        ("the mail's text", TEXT),
        ("the attachment", ATTACHED),
        ("the answer", ANSWER),
        ("the passphrase", PASSPHRASE),
        ("the wrong passphrase", WRONG),
        ("the IMAP password", place.dovecot.password()),
        ("the SMTP password", place.exim.password()),
    ] {
        needles.text(name, text);
    }
    let file = fs::read(place.path("locked.pgp")).unwrap();
    secret_numbers(&mut needles, &file, PASSPHRASE);
    session_key(&mut needles, sealed.as_bytes(), &file, PASSPHRASE);
    // The first command that needs the ledger makes it.
    place.run(&["list"]).left_with(0);
    let ledger_key = fs::read_to_string(place.path("ledger.key")).unwrap();
    needles.number("the ledger's key", &data_encoding::HEXLOWER.decode(ledger_key.trim().as_bytes()).unwrap());
    Watched { place, images: Images::new(), needles, left: BTreeMap::new(), runs: 0, bytes: 0 }
}

#[test]
fn nothing_is_left_in_memory_when_the_work_is_done() {
    let gpg = Gpg::with("keys/finder.pgp", "finder@example.net");
    let mut watched = watched(&gpg);
    let w = &mut watched;
    assert!(w.run(&["open", "mail.eml"], &[0]).contains(TEXT));
    assert!(!w.run(&["open", "spoilt.eml"], &[3]).contains(TEXT));
    w.run(&["-v", "poll"], &[0]);
    w.run(&["poll"], &[0]);
    w.run(&["list"], &[0]);
    w.run(&["list", "--search", "more"], &[0]);
    assert!(w.run(&["show", "1"], &[0]).contains(TEXT));
    assert!(w.run(&["--json", "show", "1"], &[0]).contains(TEXT));
    w.run(&["show", "1", "--raw", "1"], &[0]);
    w.run(&["save", "1", "2", "saved.txt"], &[0]);
    assert!(fs::read_to_string(w.place.path("saved.txt")).unwrap().contains(ATTACHED));
    w.run(&["save", "1", "2", "saved.txt"], &[1]);
    let imported = w.run(&["--json", "key", "import", "finder.asc"], &[0]);
    let imported: serde_json::Value = serde_json::from_str(&imported).unwrap();
    w.run(&["reply", "1", "--message-file", "answer.txt"], &[2]);
    w.run(&["key", "pin", gpg.address, imported["imported"][0]["fingerprint"].as_str().unwrap()], &[0]);
    assert!(w.run(&["reply", "1", "--message-file", "answer.txt", "--dry-run"], &[0]).contains(ANSWER));
    w.run(&["reply", "1", "--message-file", "answer.txt"], &[0]);
    w.run(&["--json", "stats"], &[0]);
    w.run(&["audit"], &[0]);
    w.run(&["check"], &[0, 1, 3]);
    w.run(&["key", "list"], &[0]);
    let config = fs::read_to_string(w.place.path("config.toml")).unwrap();
    private(&w.place.path("config.toml"), config.replace("/passphrase\"", "/wrong\"").as_bytes());
    w.run(&["open", "mail.eml"], &[3]);
    w.run(&["reply", "1", "--message-file", "answer.txt"], &[1]);
    w.run(&["save", "1", "2", "again.txt"], &[1]);

    // The search finds what is there: arguments are in the image, and are a person's own doing.
    let found = std::mem::take(&mut w.left);
    w.run(&["note", "1", TEXT], &[0]);
    assert!(!w.left.is_empty(), "an argument is not found: the search is blind");
    let mib = watched.bytes >> 20;
    let words =
        format!("{} ends of the program, {mib} MiB of memory searched, {} left secrets", watched.runs, found.len());
    crate::support::figure("nothing-left-in-memory", &words);
    assert!(found.is_empty(), "{found:#?}");
}
