//! The program itself, as cron starts it, with its keys in gpg-agent: `poll` opens, `reply` signs and seals; what the agent
//! cannot open yet is kept and clocked, and opened once it can.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::private;
use super::{Gnupg, TEXT, finder, report, root};

/// A maintainer's folder: a Maildir that another program fills, and a program that takes what goes out.
pub struct Desk {
    dir: tempfile::TempDir,
    gnupg_home: PathBuf,
}

impl Desk {
    pub fn new(gnupg: &Gnupg, own: &Path) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        for folder in ["mail/cur", "mail/new", "mail/tmp"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let sender = dir.path().join("sendmail");
        fs::write(&sender, "cat > \"$(dirname \"$0\")/sent.eml\"\n").unwrap();
        let text = format!(
            "address = \"security@example.org\"\n[maildir]\npath = \"mail\"\n[sendmail]\ncommand = [\"sh\", {sender:?}]\n\
             [openpgp]\nagent = \"gnupg\"\ncerts = [{own:?}, {:?}]\n[ledger]\npath = \"ledger.db\"\n",
            root().join("keys/finder.pgp")
        );
        private(&dir.path().join("config.toml"), text.as_bytes());
        Desk { dir, gnupg_home: gnupg.home.path().to_owned() }
    }

    pub fn arrives(&self, name: &str, mail: &[u8]) {
        fs::write(self.dir.path().join("mail/new").join(name), mail).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs with no terminal and nobody there; the document and the exit code.
    pub fn run(&self, arguments: &[&str]) -> (Value, i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command
            .arg("--config")
            .arg(self.path("config.toml"))
            .arg("--json")
            .args(arguments)
            .current_dir(self.dir.path());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path())
            .env("TZ", "UTC");
        command.env("GNUPGHOME", &self.gnupg_home).stdin(Stdio::null());
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {told}"));
        (document, output.status.code().unwrap(), told)
    }

    pub fn good(&self, arguments: &[&str]) -> Value {
        let (document, status, told) = self.run(arguments);
        assert_eq!(status, 0, "{arguments:?}: {document:#} {told}");
        document
    }
}

const FINDER: &str = "2989198E55D8F0CB241F7BE24B1236B934E04CBA";

fn the_report_is_read(desk: &Desk, finder: &Gnupg) {
    desk.arrives("1", &report(finder, &[]));
    let polled = desk.good(&["poll"]);
    assert_eq!((&polled["reports_opened"], &polled["unopened"]), (&1.into(), &0.into()), "{polled:#}");
    let shown = desk.good(&["show", "1"]);
    assert_eq!((&shown["encryption"], &shown["signature"]), (&"encrypted".into(), &"good".into()), "{shown:#}");
    assert_eq!(shown["messages"][0]["text"].as_str().unwrap().trim(), TEXT);
}

/// From the report to the answer that the reporter reads.
pub fn the_whole_way(gnupg: &Gnupg, own: &Path) {
    let finder = finder(own);
    let desk = Desk::new(gnupg, own);
    the_report_is_read(&desk, &finder);
    desk.good(&["key", "pin", "finder@example.net", FINDER]);
    fs::write(desk.path("answer.txt"), "Thank you, it is fixed.\n").unwrap();
    let sent = desk.good(&["reply", "1", "--message-file", "answer.txt"]);
    assert_eq!((&sent["state"], &sent["encrypted"]), (&"sent".into(), &true.into()), "{sent:#}");
    let mail = fs::read_to_string(desk.path("sent.eml")).unwrap();
    assert!(!mail.contains("it is fixed"));
    let from = mail.find("-----BEGIN PGP MESSAGE-----").unwrap();
    let to = mail.find("-----END PGP MESSAGE-----").unwrap() + "-----END PGP MESSAGE-----\n".len();
    let read = finder.status(&["--status-fd", "2", "--decrypt"], mail[from..to].as_bytes());
    let status = String::from_utf8_lossy(&read.stderr);
    assert!(status.contains("GOODSIG") && status.contains("DECRYPTION_OKAY"), "{status}");
    assert!(String::from_utf8_lossy(&read.stdout).contains("it is fixed"));
    assert_eq!(desk.good(&["audit"])["ok"], true);
}

#[test]
fn poll_and_reply_with_keys_of_every_kind() {
    for (signing, encrypting) in [("ed25519", "cv25519"), ("rsa2048", "rsa2048"), ("nistp256", "nistp256")] {
        let gnupg = Gnupg::new();
        let own = gnupg.generate(signing, encrypting, "");
        the_whole_way(&gnupg, &own);
        println!("{signing}");
    }
}

#[test]
fn poll_with_an_elgamal_key() {
    let gnupg = Gnupg::new();
    let own = gnupg.import("team-elgamal.pgp");
    let desk = Desk::new(&gnupg, &own);
    the_report_is_read(&desk, &finder(&own));
    // It is never used to encrypt, our own copy included.
    desk.good(&["key", "pin", "finder@example.net", FINDER]);
    fs::write(desk.path("answer.txt"), "Thank you.\n").unwrap();
    let (refused, status, _) = desk.run(&["reply", "1", "--message-file", "answer.txt"]);
    assert_eq!(status, 1, "{refused:#}");
    assert!(!desk.path("sent.eml").exists());
}

/// Gives the agent the passphrase, as a maintainer's login script does.
fn preset(gnupg: &Gnupg, passphrase: &str) {
    let listed = String::from_utf8(gnupg.run(&["--with-colons", "--with-keygrip", "--list-keys"])).unwrap();
    let grips: Vec<&str> =
        listed.lines().filter(|line| line.starts_with("grp:")).map(|line| line.split(':').nth(9).unwrap()).collect();
    assert_eq!(grips.len(), 2);
    for grip in grips {
        // `PRESET_PASSPHRASE` as gpg-preset-passphrase sends it: the passphrase in hexadecimal, kept until the agent ends.
        let hex = data_encoding::HEXUPPER.encode(passphrase.as_bytes());
        let command = format!("PRESET_PASSPHRASE {grip} -1 {hex}");
        let output = Command::new("gpg-connect-agent")
            .arg("--homedir")
            .arg(gnupg.home.path())
            .args([&command, "/bye"])
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("OK"), "{output:?}");
    }
}

#[test]
fn what_a_locked_agent_cannot_open_is_kept_and_clocked_and_opened_once_it_can() {
    let gnupg = Gnupg::new();
    fs::write(gnupg.home.path().join("gpg-agent.conf"), "allow-preset-passphrase\n").unwrap();
    let own = gnupg.generate("ed25519", "cv25519", "correct horse");
    gnupg.forget();
    let desk = Desk::new(&gnupg, &own);
    desk.arrives("1", &report(&finder(&own), &[]));
    let (polled, status, told) = desk.run(&["poll"]);
    assert_eq!(status, 3, "a person is needed: {polled:#} {told}");
    assert_eq!((&polled["stored"], &polled["unopened"]), (&1.into(), &1.into()), "{polled:#}");
    let shown = desk.good(&["show", "1"]);
    assert_eq!(shown["encryption"], "unopened", "{shown:#}");
    let reason = shown["messages"][0]["encryption"]["reason"].as_str().unwrap();
    assert!(reason.contains("gpg-agent"), "{reason}");
    assert_eq!(shown["clocks"][0]["status"], "running", "{shown:#}");
    // Nothing changed, so nothing is tried, and the ledger does not grow.
    let events = desk.good(&["audit"])["events"].clone();
    desk.run(&["poll"]);
    assert_eq!(desk.good(&["audit"])["events"], events);

    preset(&gnupg, "correct horse");
    desk.run(&["poll"]);
    let shown = desk.good(&["show", "1"]);
    assert_eq!((&shown["encryption"], &shown["signature"]), (&"encrypted".into(), &"good".into()), "{shown:#}");
    assert_eq!(shown["messages"][0]["text"].as_str().unwrap().trim(), TEXT);
    the_reply_is_signed(&desk);
}

fn the_reply_is_signed(desk: &Desk) {
    desk.good(&["key", "pin", "finder@example.net", FINDER]);
    fs::write(desk.path("answer.txt"), "Thank you.\n").unwrap();
    assert_eq!(desk.good(&["reply", "1", "--message-file", "answer.txt"])["state"], "sent");
}
