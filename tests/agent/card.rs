//! Keys on a smartcard: the real gpg-agent, with stubs for keys and, in place of scdaemon, `card.py`, which speaks for a card.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use sealpost::verdict::EncryptionStatus;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::crypto::mpi::{PublicKey, SecretKeyMaterial};
use openpgp::packet::key::SecretKeyMaterial as Secret;
use openpgp::parse::Parse as _;

use super::cron::the_whole_way;
use super::{Gnupg, context, root};
use sealpost::pgp::open;

const SERIAL: &str = "D276000124010304FFFE000000010000";

/// A GnuPG whose keys are on a card: RSA, one to sign and one to decrypt with.
struct Card {
    gnupg: Gnupg,
    own: std::path::PathBuf,
    numbers: String,
}

impl Card {
    fn new() -> Card {
        let maker = Gnupg::new();
        maker.generate("rsa2048", "rsa2048", "");
        let tsk = Cert::from_bytes(&maker.run(&["--export-secret-keys"])).unwrap();
        let gnupg = Gnupg::new();
        let home = gnupg.home.path();
        let daemon = home.join("card.py");
        // By another process: what this one has open for writing cannot be run by the agents of other tests' forks.
        let source = root().join("tests/agent/card.py");
        let status = Command::new("install").args(["-m", "700"]).args([&source, &daemon]).status().unwrap();
        assert!(status.success());
        fs::write(home.join("gpg-agent.conf"), format!("scdaemon-program {}\n", daemon.display())).unwrap();
        fs::write(home.join("public.pgp"), maker.run(&["--export"])).unwrap();
        gnupg.run(&["--import", home.join("public.pgp").to_str().unwrap()]);
        let mut numbers = serde_json::Map::new();
        for ((ka, grip), place) in tsk.keys().zip(grips(&gnupg)).zip(["OPENPGP.1", "OPENPGP.2"]) {
            let PublicKey::RSA { e, n } = ka.key().mpis() else { panic!("it is RSA") };
            let Ok(key) = ka.key().clone().parts_into_secret() else { panic!("it has a secret") };
            let Secret::Unencrypted(secret) = key.secret() else { panic!("it is open") };
            let d = secret.map(|secret| match secret {
                SecretKeyMaterial::RSA { d, .. } => data_encoding::HEXLOWER.encode(d.value()),
                _ => panic!("it is RSA"),
            });
            // An agent names a key on the card by its place or, since 2.2.28, by the name that it has for it itself.
            for name in [place, &grip] {
                let n = data_encoding::HEXLOWER.encode(n.value());
                numbers.insert(name.to_owned(), serde_json::json!({ "n": n, "d": d }));
            }
            let stub = stub(n.value(), e.value(), place);
            let folder = home.join("private-keys-v1.d");
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
            fs::write(folder.join(format!("{grip}.key")), stub).unwrap();
        }
        assert_eq!(numbers.len(), 4);
        let own = gnupg.certificate();
        let card = Card { gnupg, own, numbers: serde_json::Value::Object(numbers).to_string() };
        card.put_in();
        card
    }

    fn put_in(&self) {
        fs::write(self.gnupg.home.path().join("card.json"), &self.numbers).unwrap();
    }

    fn pull_out(&self) {
        fs::remove_file(self.gnupg.home.path().join("card.json")).unwrap();
    }

    /// What the agent asked of the card.
    fn log(&self) -> String {
        fs::read_to_string(self.gnupg.home.path().join("card.log")).unwrap_or_default()
    }
}

fn grips(gnupg: &Gnupg) -> Vec<String> {
    let listed = String::from_utf8(gnupg.run(&["--with-colons", "--with-keygrip", "--list-keys"])).unwrap();
    listed
        .lines()
        .filter(|line| line.starts_with("grp:"))
        .map(|line| line.split(':').nth(9).unwrap().to_owned())
        .collect()
}

/// What gpg-agent keeps of a key that is on a card: the public numbers, the card, the place on it.
fn stub(n: &[u8], e: &[u8], place: &str) -> Vec<u8> {
    let atom = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
    let n = [&[0][..usize::from(n[0] >> 7)], n].concat();
    let serial = data_encoding::HEXUPPER.decode(SERIAL.as_bytes()).unwrap();
    let parts: [&[u8]; 9] = [
        b"(20:shadowed-private-key(3:rsa(1:n",
        &atom(&n),
        b")(1:e",
        &atom(e),
        b")(8:shadowed5:t1-v1(",
        &atom(&serial),
        &atom(place.as_bytes()),
        b"))",
        b"))",
    ];
    parts.concat()
}

#[test]
fn a_key_on_a_card_opens_and_signs() {
    let card = Card::new();
    the_whole_way(&card.gnupg, &card.own);
    let log = card.log();
    assert!(log.contains("PKDECRYPT") && log.contains("PKSIGN"), "the card was not used: {log}");
}

#[test]
fn without_its_card_mail_is_kept_closed_and_says_why() {
    let card = Card::new();
    let finder = super::finder(&card.own);
    let mail = super::report(&finder, &[]);
    card.pull_out();
    let ring = card.gnupg.ring(&card.own);
    let encryption = open::open(&mail, &ring, &context(jiff::Timestamp::now())).verdict.encryption;
    assert_eq!(encryption.status, EncryptionStatus::Unopened, "{encryption:?}");
    assert!(encryption.reason.unwrap().contains("gpg-agent"));
    card.put_in();
    // Of 3DES the unpadded session key begins as padding does.
    for mail in [mail, super::report(&finder, &["--cipher-algo", "3DES"])] {
        let encryption = open::open(&mail, &ring, &context(jiff::Timestamp::now())).verdict.encryption;
        assert_eq!(encryption.status, EncryptionStatus::Encrypted, "{encryption:?}");
    }
}
