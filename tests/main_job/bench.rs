//! A workplace: a Dovecot, an Exim, a configuration, and the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::dovecot::Dovecot;
use crate::support::exim::{Exim, Mode};
pub use crate::support::private;

/// What a run of the program came to.
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {}{}", self.stdout, self.stderr))
    }

    /// Fails unless it left with `status`.
    pub fn left_with(self, status: i32) -> Ran {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        self
    }
}

/// The folder of a maintainer, with servers to talk to.
pub struct Workplace {
    pub dir: tempfile::TempDir,
    pub dovecot: Dovecot,
    pub exim: Exim,
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Workplace {
    pub fn new(mode: Mode) -> Workplace {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let place = Workplace { dir, dovecot: Dovecot::start(), exim: Exim::start(mode) };
        place.configure(true);
        private(&place.path("policy.toml"), b"first_response = \"2 working days\"\nassessment = \"10 working days\"\n");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the configuration, with or without the secret key.
    pub fn configure(&self, with_key: bool) {
        let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
        private(&self.path("imap.password"), self.dovecot.password().as_bytes());
        private(&self.path("smtp.password"), self.exim.password().as_bytes());
        // A checkout leaves keys readable for everybody, and such keys are not worked with.
        private(&self.path("team.pgp"), &fs::read(project("keys/team.pgp")).unwrap());
        let keys = if with_key { quote("team.pgp") } else { String::new() };
        let text = format!(
            "address = \"security@example.org\"\nteam = [\"alice@example.org\"]\n\
             [imap]\nhost = \"localhost\"\nport = {}\nca_file = {}\nuser = {}\npassword_command = [\"cat\", {}]\n\
             [smtp]\nhost = \"localhost\"\nport = {}\nca_file = {}\nuser = {}\npassword_command = [\"cat\", {}]\n\
             [openpgp]\nsecret_keys = [{keys}]\n[ledger]\npath = \"ledger.db\"\n\
             [policy]\nfile = \"policy.toml\"\ntimezone = \"Europe/Berlin\"\n",
            self.dovecot.imaps_port,
            quote(self.dovecot.ca_file().to_str().unwrap()),
            quote(self.dovecot.user()),
            quote(self.path("imap.password").to_str().unwrap()),
            self.exim.tls_port,
            quote(self.exim.ca_file().to_str().unwrap()),
            quote(self.exim.user()),
            quote(self.path("smtp.password").to_str().unwrap()),
        );
        private(&self.path("config.toml"), text.as_bytes());
    }

    /// With another configuration of this folder.
    pub fn command_with(&self, config: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.arg("--config").arg(self.path(config)).args(args).current_dir(self.dir.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path()).env("TZ", "UTC").env("USER", "alice");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with("config.toml", args)
    }

    pub fn run_with(&self, config: &str, args: &[&str]) -> Ran {
        let output = self.command_with(config, args).output().unwrap();
        Ran {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs with `--json`; the document.
    pub fn json(&self, args: &[&str], status: i32) -> Value {
        let all: Vec<&str> = std::iter::once("--json").chain(args.iter().copied()).collect();
        self.run(&all).left_with(status).json()
    }

    /// Puts a mail into the inbox, received so many seconds ago.
    pub fn arrives(&self, raw: &[u8], seconds_ago: u64) {
        self.dovecot.append("INBOX", raw, SystemTime::now() - Duration::from_secs(seconds_ago));
    }

    /// The one report whose subject holds `words`.
    pub fn report(&self, words: &str) -> Value {
        let list = self.json(&["list", "--all"], 0);
        let found: Vec<&Value> = list["reports"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|r| r["subject"].as_str().is_some_and(|s| s.contains(words)))
            .collect();
        assert_eq!(found.len(), 1, "reports with {words:?}: {list:#}");
        found[0].clone()
    }

    /// The clock of this kind.
    pub fn clock(report: &Value, kind: &str) -> Value {
        let clocks = report["clocks"].as_array().unwrap();
        clocks.iter().find(|c| c["kind"] == kind).cloned().unwrap_or_else(|| panic!("no clock {kind}: {report:#}"))
    }
}
