//! A maintainer's folder with servers, and the real program in it, disturbed or not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sealpost::ledger::{ContentHash, Ledger, LedgerKey};
use serde_json::Value;

use crate::servers::{Mail, Servers};
use crate::support::fault::{Disk, Fault};
use crate::support::private;

/// The present, in every run.
const NOW: &str = "2026-03-03T00:00:00Z";

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; `None` where it was killed.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: &std::process::Output) -> Ran {
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Did what it was asked to.
    pub fn done(&self) -> bool {
        matches!(self.status, Some(0 | 3))
    }

    /// The words of its error.
    pub fn words(&self) -> String {
        serde_json::from_str::<Value>(&self.stdout).map(|v| v["error"].to_string()).unwrap_or_default()
    }
}

/// Files below `data` and what lies on the servers.
#[derive(Clone)]
pub struct State {
    files: Vec<(PathBuf, Vec<u8>)>,
    mail: Mail,
}

pub struct Bench {
    dir: tempfile::TempDir,
    /// Holds the team key.
    #[allow(dead_code, reason = "it lives as long as the bench")]
    keys: tempfile::TempDir,
    pub servers: Servers,
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Bench {
    /// A folder with a configuration for each way in and out, and no ledger.
    pub fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        // A checkout leaves keys readable for everybody, and such keys are not worked with. Outside the folder whose calls are
        // disturbed: without its key a run files mail otherwise, and is right to.
        let keys = tempfile::tempdir().unwrap();
        let team = keys.path().join("team.pgp");
        let bench = Bench { dir, keys, servers: Servers::start() };
        private(&team, &fs::read(project("keys/team.pgp")).unwrap());
        let head = "address = \"security@example.org\"\n";
        let imap = format!(
            "[imap]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"u\"\npassword_command = [\"echo\", \"secret\"]\n",
            bench.servers.imap
        );
        let smtp = format!("[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", bench.servers.smtp);
        let maildir = "[maildir]\npath = \"inbox\"\nsent = \"sent\"\n";
        let sendmail = "[sendmail]\ncommand = [\"sh\", \"sendmail.sh\"]\n";
        let quote = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
        let rest = format!(
            "[openpgp]\nsecret_keys = [{}]\ncerts = [{}]\n[ledger]\npath = \"data/ledger.db\"\n\
             [policy]\nfile = \"policy.toml\"\ntimezone = \"Europe/Berlin\"\n",
            quote(&team),
            quote(&project("keys/finder.pgp"))
        );
        bench.write("config.toml", format!("{head}{imap}{smtp}{rest}").as_bytes());
        bench.write("maildir.toml", format!("{head}{maildir}{smtp}{rest}").as_bytes());
        bench.write("sendmail.toml", format!("{head}{imap}{sendmail}{rest}").as_bytes());
        bench.write("policy.toml", b"first_response = \"2 working days\"\nassessment = \"10 working days\"\n");
        bench.write("answer.txt", b"Thank you.\nWe could reproduce it.\n");
        // Takes its time, as mail programs do, and says what it got in one write.
        bench.write("sendmail.sh", b"t=$(cat)\nprintf '%s\\n=====\\n' \"$t\" >> taken.txt\n");
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of mode 0600.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        private(&self.path(name), bytes);
    }

    /// Everything but the configuration as it is now.
    pub fn state(&self) -> State {
        let mut files = Vec::new();
        collect(&self.path("data"), &mut files);
        State { files, mail: self.servers.mail().clone() }
    }

    /// Sets everything back.
    pub fn set(&self, state: &State) {
        for name in ["data", "shadow", "taken.txt", "made", ".local"] {
            let path = self.path(name);
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        let root = self.dir.path();
        for (path, bytes) in &state.files {
            self.write(path.strip_prefix(root).unwrap_or(path).to_str().unwrap(), bytes);
        }
        *self.servers.mail() = state.mail.clone();
    }

    /// The program in this folder. `args` may begin with `--config FILE`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        if args.first() != Some(&"--config") {
            command.args(["--config", "config.toml"]);
        }
        command.args(args).args(["--json", "--now", NOW]).current_dir(self.dir.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path()).env("TZ", "UTC").env("USER", "alice");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it undisturbed.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// Runs it undisturbed; it must do what it is asked to.
    pub fn well(&self, args: &[&str]) -> Value {
        let ran = self.run(args);
        assert!(ran.done(), "{args:?}: {ran:?}");
        ran.json()
    }

    /// Runs it with a fault, and waits until the servers have heard all of it.
    pub fn disturbed(&self, args: &[&str], fault: &Fault<'_>) -> Ran {
        let mut command = self.command(args);
        fault.on(&mut command, self.dir.path());
        self.watched(command)
    }

    /// Runs it until it comes to a named place.
    pub fn until(&self, args: &[&str], place: &str) -> Ran {
        let mut command = self.command(args);
        command.env(sealpost::point::VARIABLE, place);
        self.watched(command)
    }

    /// Runs it with a fault and takes the power away with it: what was not synchronised is gone.
    pub fn power_cut(&self, args: &[&str], fault: &Fault<'_>) -> Ran {
        let (data, shadow) = (self.path("data"), self.path("shadow"));
        fs::create_dir(&shadow).unwrap();
        // The folder above is there for good; what is made in it is not.
        let root = fs::metadata(self.dir.path()).unwrap().ino();
        let mut disk = Disk::of(self.dir.path());
        let mut command = self.command(args);
        fault.on(&mut command, self.dir.path());
        command.env("SEALPOST_FAULT_SHADOW", &shadow);
        let ran = self.watched(command);
        disk.synchronised(&shadow);
        let restored = self.path("restored");
        disk.restore(root, &restored, &|name| {
            matches!(name, "data" | "inbox" | "sent" | "cur" | "new" | "tmp" | "shadow")
        });
        let _ = fs::remove_dir_all(&data);
        if restored.join("data").exists() {
            fs::rename(restored.join("data"), &data).unwrap();
        }
        fs::remove_dir_all(&restored).unwrap();
        ran
    }

    fn watched(&self, mut command: Command) -> Ran {
        let output = command.output().unwrap();
        let ran = Ran::of(&output);
        assert!(output.status.signal().is_none_or(|signal| signal == 9), "it ended by a signal: {ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
        self.servers.settle();
        ran
    }

    /// The ledger, to be looked at.
    pub fn ledger(&self) -> Ledger {
        let key = LedgerKey::read(&self.path("data/ledger.key")).unwrap();
        Ledger::open_read(&self.path("data/ledger.db"), &key).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The audit is content, and the ledger holds each of these mails once and nothing else.
    pub fn holds(&self, mails: &[Vec<u8>]) {
        let ledger = self.ledger();
        let audit = ledger.audit().unwrap();
        assert!(audit.ok, "{:?}", audit.problems);
        let mut hashes: Vec<String> = mails.iter().map(|raw| ContentHash::of(raw).to_string()).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(audit.messages, hashes.len() as u64, "messages in the ledger");
        for raw in mails {
            let row = ledger.by_content(&ContentHash::of(raw)).unwrap().expect("a mail is missing");
            assert!(row.role.is_some() && row.opened.is_some(), "a mail is not filed: {row:?}");
        }
    }

    /// Everything that lies in INBOX and Sent.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        let mail = self.servers.mail();
        mail.inbox.messages.values().chain(mail.sent.messages.values()).cloned().collect()
    }

    /// All reports with their clocks, without the numbers that depend on the order of arrival.
    pub fn reports(&self) -> Value {
        let list = self.well(&["list", "--all"]);
        let mut reports = list["reports"].as_array().unwrap().clone();
        let uid_of: std::collections::HashMap<i64, Value> =
            reports.iter().map(|r| (r["id"].as_i64().unwrap(), r["uid"].clone())).collect();
        for report in &mut reports {
            report["id"] = Value::Null;
            for field in ["case", "duplicate_of"] {
                if let Some(number) = report[field].as_i64() {
                    report[field] = uid_of[&number].clone();
                }
            }
            for candidate in report["candidates"].as_array_mut().into_iter().flatten() {
                candidate["report"] = uid_of[&candidate["report"].as_i64().unwrap()].clone();
            }
        }
        reports.sort_by_key(|r| r["uid"].to_string());
        Value::Array(reports)
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
}
