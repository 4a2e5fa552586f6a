//! Dovecot, as an IMAP server for one account.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::tls::Ca;

/// The account.
pub const USER: &str = "security@example.org";
/// Its password, with everything that quoting can get wrong.
pub const PASSWORD: &str = r#"pa ss"wo\rd ümlaut"#;

/// A running Dovecot; it ends when dropped.
pub struct Dovecot {
    dir: tempfile::TempDir,
    child: Child,
    ca: Ca,
    /// Implicit TLS.
    pub imaps_port: u16,
    /// Plain, with STARTTLS.
    pub imap_port: u16,
    count: AtomicU64,
}

/// What may differ from the usual.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Names in the certificate; `localhost` and `127.0.0.1` where empty.
    pub names: &'static [&'static str],
    /// The certificate has ended.
    pub expired: bool,
    /// The Sent mailbox is called this.
    pub sent: Option<&'static str>,
    /// There is a mailbox of this name, marked `\Junk`.
    pub junk: Option<&'static str>,
}

impl Dovecot {
    pub fn start() -> Dovecot {
        Dovecot::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Dovecot {
        let binary = super::program(&["dovecot"]);
        let dir = super::folder();
        let ca = Ca::new();
        let names = if options.names.is_empty() { &["localhost", "127.0.0.1"][..] } else { options.names };
        if options.expired {
            ca.issue_expired(names, dir.path())
        } else {
            ca.issue(names, dir.path())
        };
        let (imaps_port, imap_port) = (super::free_port(), super::free_port());
        for part in ["run", "mail", "home", "raw"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
            super::hand_over(&dir.path().join(part));
        }
        std::fs::write(dir.path().join("passwd"), format!("{USER}:{{PLAIN}}{PASSWORD}:::::\n")).unwrap();
        let conf = dir.path().join("dovecot.conf");
        let is_new = version(&binary) >= (2, 4);
        let mut text = config(dir.path(), imaps_port, imap_port, options.sent.unwrap_or("Sent"), is_new);
        if let Some(junk) = options.junk {
            let _ = write!(
                text,
                "namespace inbox {{\n  mailbox {junk} {{\n    auto = create\n    special_use = \\Junk\n  }}\n}}\n"
            );
        }
        std::fs::write(&conf, text).unwrap();
        let log = dir.path().join("stderr.log");
        let mut child = Command::new(&binary)
            .arg("-F")
            .arg("-c")
            .arg(&conf)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .stderr(File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        super::wait_for_port(imaps_port, &mut child, &log);
        Dovecot { dir, child, ca, imaps_port, imap_port, count: AtomicU64::new(0) }
    }

    pub fn user(&self) -> &'static str {
        USER
    }

    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The authority that issued its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.ca.file()
    }

    /// Puts a mail into a mailbox, as the delivery agent would; `date` becomes its INTERNALDATE.
    pub fn append(&self, mailbox: &str, raw: &[u8], date: SystemTime) {
        let folder = self.maildir(mailbox);
        for part in ["", "new", "cur", "tmp"] {
            let path = folder.join(part);
            if !path.is_dir() {
                std::fs::create_dir(&path).unwrap();
                super::hand_over(&path);
            }
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let seconds = 1_700_000_000 + number;
        let path = folder.join(format!("tmp/{seconds}.M{number:06}P1.test"));
        std::fs::write(&path, raw).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(date).unwrap();
        super::hand_over(&path);
        std::fs::rename(&path, folder.join("new").join(path.file_name().unwrap())).unwrap();
    }

    /// Where Dovecot keeps the mailbox.
    pub fn maildir(&self, mailbox: &str) -> PathBuf {
        let root = self.dir.path().join("mail").join(USER);
        if !root.is_dir() {
            std::fs::create_dir(&root).unwrap();
            super::hand_over(&root);
        }
        if mailbox == "INBOX" { root } else { root.join(format!(".{mailbox}")) }
    }

    /// Gives the mailbox a new UIDVALIDITY, as a restored server does: all UIDs begin anew.
    pub fn change_uidvalidity(&self, mailbox: &str) {
        std::thread::sleep(Duration::from_millis(1100));
        let folder = self.maildir(mailbox);
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("dovecot") && entry.path().is_file() {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Every line clients have sent after their login, in the order of their sessions.
    pub fn commands(&self) -> Vec<String> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(self.dir.path().join("raw")).unwrap().flatten().map(|e| e.path()).collect();
        paths.sort();
        let mut lines = Vec::new();
        for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "in")) {
            let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
            // Each line is preceded by the time it came.
            lines.extend(text.lines().map(|l| l.split_once(' ').map_or(l, |(_, rest)| rest).trim().to_owned()));
        }
        lines
    }

    /// What the server wrote about logins and errors.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("dovecot.log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        super::stop(&mut self.child);
    }
}

fn version(binary: &Path) -> (u32, u32) {
    let output = Command::new(binary).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut parts = text.split(['.', ' ']).map(|p| p.trim().parse().unwrap_or(0));
    (parts.next().unwrap_or(2), parts.next().unwrap_or(3))
}

fn config(dir: &Path, imaps: u16, imap: u16, sent: &str, is_new: bool) -> String {
    let d = dir.display();
    let (uid, gid) = super::server_ids();
    let mut text = String::new();
    if is_new {
        let _ = write!(
            text,
            "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nssl_server_cert_file = {d}/cert.pem\n\
             ssl_server_key_file = {d}/key.pem\nmail_driver = maildir\nmail_path = {d}/mail/%{{user}}\nmail_home = {d}/home\n\
             auth_allow_cleartext = yes\npassdb passwd-file {{\n  passwd_file_path = {d}/passwd\n}}\n\
             userdb static {{\n  fields {{\n    uid = {uid}\n    gid = {gid}\n    home = {d}/home\n  }}\n}}\n"
        );
    } else {
        let _ = write!(
            text,
            "ssl_cert = <{d}/cert.pem\nssl_key = <{d}/key.pem\nmail_location = maildir:{d}/mail/%u\n\
             disable_plaintext_auth = no\npassdb {{\n  driver = passwd-file\n  args = scheme=PLAIN {d}/passwd\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={d}/home\n}}\nstate_dir = {d}/run\n"
        );
    }
    let _ = write!(
        text,
        "base_dir = {d}/run\nlog_path = {d}/dovecot.log\nlisten = 127.0.0.1\nprotocols = imap\nssl = yes\nauth_mechanisms = plain login\n\
         first_valid_uid = 1\nmail_fsync = never\nprotocol imap {{\n  rawlog_dir = {d}/raw\n  mail_max_userip_connections = 100\n}}\n\
         service imap-login {{\n  inet_listener imap {{\n    port = {imap}\n  }}\n  inet_listener imaps {{\n    port = {imaps}\n    ssl = yes\n  }}\n}}\n\
         namespace inbox {{\n  inbox = yes\n  mailbox {sent} {{\n    auto = create\n    special_use = \\Sent\n  }}\n}}\n"
    );
    if rustix::process::geteuid().as_raw() != 0 {
        let me = String::from_utf8_lossy(&Command::new("id").arg("-un").output().unwrap().stdout).trim().to_owned();
        let group = String::from_utf8_lossy(&Command::new("id").arg("-gn").output().unwrap().stdout).trim().to_owned();
        let _ = write!(
            text,
            "default_internal_user = {me}\ndefault_internal_group = {group}\ndefault_login_user = {me}\n\
             service anvil {{\n  chroot =\n}}\nservice imap-login {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n"
        );
    }
    text
}
