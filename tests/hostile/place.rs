//! A folder with a configuration and a ledger, and the program run in it under observation.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use sealpost::ledger::{Ledger, LedgerKey, MessageId};
use serde_json::Value;

use crate::support::private;

/// The password that no server may hear before it has shown who it is.
pub const PASSWORD: &str = "hunter2-CANARY";
pub const USER: &str = "security@example.org";
/// What one run of the program may take, in KiB.
pub const MEMORY: u64 = 256 << 10;
/// Long after every deadline of a run whose `timeout` is 1: whoever still runs then hangs.
const HANGS: Duration = Duration::from_secs(90);

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    /// The most memory it had, in KiB.
    pub peak: u64,
    pub time: Duration,
}

impl Ran {
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.said()))
    }
}

/// One section `[imap]` or `[smtp]`.
#[derive(Clone)]
pub struct Link {
    pub host: &'static str,
    pub port: u16,
    pub tls: &'static str,
    pub ca_file: Option<PathBuf>,
    pub user: bool,
}

impl Link {
    pub fn plain(port: u16) -> Link {
        Link { host: "127.0.0.1", port, tls: "none", ca_file: None, user: true }
    }

    fn section(&self, name: &str, password: &Path) -> String {
        let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut text =
            format!("[{name}]\nhost = \"{}\"\nport = {}\ntls = \"{}\"\ntimeout = 1\n", self.host, self.port, self.tls);
        if self.user {
            text +=
                &format!("user = \"{USER}\"\npassword_command = [\"cat\", {}]\n", quote(password.to_str().unwrap()));
        }
        if let Some(file) = &self.ca_file {
            text += &format!("ca_file = {}\n", quote(file.to_str().unwrap()));
        }
        text
    }
}

pub struct Place {
    pub dir: tempfile::TempDir,
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Ready-made folders, so that a thousand runs do not each make a ledger.
struct Template(tempfile::TempDir);

impl Template {
    fn copy(&self) -> Place {
        let place = Place::bare();
        for entry in fs::read_dir(self.0.path()).unwrap().flatten() {
            if entry.path().is_file() {
                let to = place.path(&entry.file_name().to_string_lossy());
                fs::copy(entry.path(), &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        place
    }
}

impl Place {
    fn bare() -> Place {
        let dir = tempfile::Builder::new().prefix("sealpost-hostile-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Place { dir }
    }

    /// A place with an empty ledger.
    pub fn new() -> Place {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE
            .get_or_init(|| {
                let place = Place::bare();
                private(&place.path("password"), PASSWORD.as_bytes());
                private(&place.path("team.pgp"), &fs::read(project("keys/team.pgp")).unwrap());
                place.imap(&Link::plain(1));
                assert_eq!(place.run(&["list"]).status, 0);
                Template(place.dir)
            })
            .copy()
    }

    /// A place where one reply waits in the outbox.
    pub fn with_a_reply() -> Place {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE
            .get_or_init(|| {
                let place = Place::new();
                place.smtp(&Link::plain(1));
                private(&place.path("sealed.eml"), &fs::read(project("fixtures/cmd/sealed.eml")).unwrap());
                private(&place.path("answer.txt"), b"Thank you.\n.\nWe look into it.\n");
                let finder = "2989198E55D8F0CB241F7BE24B1236B934E04CBA";
                for args in [
                    &["import", "sealed.eml"][..],
                    &["key", "pin", "finder@example.net", finder],
                    &["reply", "1", "--message-file", "answer.txt", "--later"],
                ] {
                    let ran = place.run(args);
                    assert_eq!(ran.status, 0, "{args:?}: {}", ran.said());
                }
                Template(place.dir)
            })
            .copy()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Mail comes from this server, and none goes out.
    pub fn imap(&self, link: &Link) {
        self.configure(&link.section("imap", &self.path("password")), "");
    }

    /// Mail goes out by this server, and comes from nowhere.
    pub fn smtp(&self, link: &Link) {
        self.configure("[maildir]\npath = \"mail\"\n", &link.section("smtp", &self.path("password")));
    }

    pub fn configure(&self, source: &str, mailer: &str) {
        let text = format!(
            "address = \"{USER}\"\n{source}{mailer}[openpgp]\nsecret_keys = [\"team.pgp\"]\n[ledger]\npath = \"ledger.db\"\n"
        );
        private(&self.path("config.toml"), text.as_bytes());
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.arg("--config").arg(self.path("config.toml")).args(args).current_dir(self.dir.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path()).env("TZ", "UTC").env("USER", "alice");
        observed(command)
    }

    /// Every mail in the ledger, as it came.
    pub fn ledger(&self) -> Vec<Vec<u8>> {
        let key = LedgerKey::read(&self.path("ledger.key")).unwrap();
        let ledger = Ledger::open_read(&self.path("ledger.db"), &key).unwrap();
        let audit = ledger.audit().unwrap();
        assert!(audit.ok, "{:?}", audit.problems);
        (1..=audit.messages).map(|n| ledger.raw(MessageId(i64::try_from(n).unwrap())).unwrap()).collect()
    }

    /// State and reason of what is in the outbox and not done with.
    pub fn outbox(&self) -> Vec<(String, String)> {
        let ran = self.run(&["--json", "outbox", "list"]);
        assert_eq!(ran.status, 0, "{}", ran.said());
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        ran.json()["outbox"].as_array().unwrap().iter().map(|i| (text(i, "state"), text(i, "reason"))).collect()
    }
}

/// Runs a command to its end, with its peak of memory; one that hangs is stopped, and that is a failed test.
pub fn observed(mut command: Command) -> Ran {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let out = gather(child.stdout.take().unwrap());
    let err = gather(child.stderr.take().unwrap());
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(&child));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > HANGS {
            child.kill().unwrap();
            let _ = child.wait();
            panic!("{command:?} hangs: {}{}", out.join().unwrap(), err.join().unwrap());
        }
        std::thread::sleep(Duration::from_millis(4));
    };
    let time = begun.elapsed();
    Ran { status: status.code().unwrap_or(-1), stdout: out.join().unwrap(), stderr: err.join().unwrap(), peak, time }
}

fn gather(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The high-water mark of the process, or of a child of its own where that is higher.
fn memory(child: &Child) -> u64 {
    let of = |pid: &str| -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        // Until it has become the program, a child shows the memory of the tests.
        if !status.starts_with("Name:\tsealpost") {
            return 0;
        }
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let pid = child.id().to_string();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().map(of).chain([of(&pid)]).max().unwrap_or(0)
}

/// Byte strings and how often each is there.
pub fn counted<'a>(all: impl IntoIterator<Item = &'a Vec<u8>>) -> BTreeMap<&'a Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_insert(0) += 1;
    }
    counts
}

/// Works on all of them, several at a time: they mostly wait. The first that fails is told with its name.
pub fn each<T: Sync>(all: &[T], name: impl Fn(&T) -> String + Sync, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(one)));
                    if let Err(panic) = outcome {
                        let words = panic.downcast_ref::<String>().cloned();
                        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                        failed.lock().unwrap().push(format!("{}: {}", name(one), words.unwrap_or_default()));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), all.len(), failed.join("\n"));
}
