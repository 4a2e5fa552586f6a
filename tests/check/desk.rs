//! A folder with a configuration and keys, without servers; and a GnuPG that makes keys of every age.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bench::private;

/// When every key here is made, and what the program is told to be the present.
pub const NOW: &str = "2026-03-02T12:00:00Z";
const FAKED: &str = "20260302T120000!";
/// The next day: gpg makes no second signature in the same second.
pub const NEXT_DAY: &str = "20260303T120000!";

/// The folder of a maintainer.
pub struct Desk {
    pub dir: tempfile::TempDir,
}

impl Desk {
    /// With these lines under `[openpgp]`, and a policy.
    pub fn new(openpgp: &str) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk { dir };
        for part in ["mail/new", "mail/cur", "mail/tmp"] {
            fs::create_dir_all(desk.path(part)).unwrap();
        }
        desk.write("SECURITY.md", "# Security\n\nYou will receive a first answer within 2 working days.\n");
        desk.write(
            "config.toml",
            &format!(
                "address = \"security@example.org\"\n[maildir]\npath = \"mail\"\n[openpgp]\n{openpgp}\n\
                 [ledger]\npath = \"data/ledger.db\"\n[policy]\nfile = \"SECURITY.md\"\ntimezone = \"UTC\"\n\
                 [sendmail]\ncommand = [\"true\"]\n"
            ),
        );
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        private(&self.path(name), text.as_bytes());
    }

    pub fn command(&self, now: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.args(args).current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.dir.path());
        command.env("TZ", "UTC").env("SEALPOST_CONFIG", self.path("config.toml")).env("SEALPOST_NOW", now);
        command
    }

    /// `check` as JSON at this moment: its exit status and its findings.
    pub fn check_at(&self, now: &str) -> Checked {
        checked(self.command(now, &["--json", "check"]))
    }

    pub fn check(&self) -> Checked {
        self.check_at(NOW)
    }
}

/// What `check` came to.
pub struct Checked {
    pub status: i32,
    pub findings: Vec<Value>,
}

pub fn checked(mut command: Command) -> Checked {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let document: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let findings = document["findings"].as_array().unwrap_or_else(|| panic!("{document:#}")).clone();
    Checked { status: output.status.code().unwrap(), findings }
}

impl Checked {
    /// The findings about one thing.
    pub fn about(&self, about: &str) -> Vec<&Value> {
        self.findings.iter().filter(|f| f["about"] == about).collect()
    }

    /// The one finding with these words; there must be exactly one.
    pub fn one(&self, about: &str, words: &str) -> &Value {
        let found: Vec<&Value> =
            self.about(about).into_iter().filter(|f| f["words"].as_str().unwrap().contains(words)).collect();
        assert_eq!(found.len(), 1, "findings about {about} with {words:?} in {:#?}", self.findings);
        found[0]
    }

    /// Asserts one finding, its level, and that it says what to do unless all is well.
    pub fn has(&self, about: &str, level: &str, words: &str) -> &Value {
        let found = self.one(about, words);
        assert_eq!(found["level"], level, "{found:#}");
        assert!(level == "ok" || found["hint"].as_str().is_some_and(|h| !h.is_empty()), "no hint: {found:#}");
        found
    }

    /// Asserts that nothing about this is amiss.
    pub fn well(&self, about: &str) {
        assert!(self.about(about).iter().all(|f| f["level"] == "ok"), "{:#?}", self.about(about));
    }
}

/// A GnuPG home of its own, at [`NOW`]; its agent ends with it.
pub struct Gnupg {
    pub home: tempfile::TempDir,
}

impl Gnupg {
    pub fn new() -> Gnupg {
        // Short, so that the agent's socket fits.
        Gnupg { home: tempfile::Builder::new().prefix("gpg").tempdir().unwrap() }
    }

    /// A new key: what its primary key is for and when it ends, and the same of its subkeys.
    pub fn with(primary: (&str, &str), subkeys: &[(&str, &str)]) -> (Gnupg, String) {
        // GnuPG 2.2 now and then makes a Curve25519 key that its own agent does not hand out again ("Bad public key").
        for _ in 0..10 {
            let gpg = Gnupg::new();
            let key = gpg.key(primary.0, primary.1);
            for (usage, expires) in subkeys {
                let algorithm = if *usage == "encr" { "cv25519" } else { "ed25519" };
                gpg.run(&["--quick-add-key", &key, algorithm, usage, expires]);
            }
            if gpg.attempt(FAKED, &["--armor", "--export-secret-keys", &key]).is_ok() {
                return (gpg, key);
            }
        }
        panic!("gpg makes no key that it can export");
    }

    pub fn run(&self, arguments: &[&str]) -> Vec<u8> {
        self.run_at(FAKED, arguments)
    }

    pub fn run_at(&self, time: &str, arguments: &[&str]) -> Vec<u8> {
        self.attempt(time, arguments).unwrap_or_else(|e| panic!("gpg {arguments:?}: {e}"))
    }

    fn attempt(&self, time: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path()).args(["--batch", "--quiet", "--no-tty", "--yes"]);
        command.args(["--faked-system-time", time, "--pinentry-mode", "loopback", "--passphrase", ""]).args(arguments);
        let output = command.stdin(Stdio::null()).output().expect("gpg is installed");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && !words.contains("skipped") { Ok(output.stdout) } else { Err(words) }
    }

    /// A new primary key for these uses; its fingerprint.
    fn key(&self, uses: &str, expires: &str) -> String {
        self.run(&["--quick-gen-key", "Team (INSECURE!) <security@example.org>", "ed25519", uses, expires]);
        let listed = String::from_utf8(self.run(&["--with-colons", "--list-keys"])).unwrap();
        listed.lines().rfind(|l| l.starts_with("fpr:")).unwrap().split(':').nth(9).unwrap().to_owned()
    }

    pub fn secret_at(&self, time: &str, key: &str, to: &Path) {
        private(to, &self.run_at(time, &["--armor", "--export-secret-keys", key]));
    }

    pub fn secret(&self, key: &str, to: &Path) {
        self.secret_at(FAKED, key, to);
    }

    pub fn public(&self, key: &str) -> String {
        String::from_utf8(self.run(&["--armor", "--export", key])).unwrap()
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).output();
    }
}
