//! Exim, as a submission server that keeps what it gets in a folder.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::tls::Ca;

/// The account.
pub const USER: &str = "security@example.org";
/// Its password.
pub const PASSWORD: &str = "smtp secret";

/// What it does with mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Takes it.
    Accept,
    /// Answers 550 to every recipient.
    Refuse,
    /// Answers 451 to every recipient.
    Defer,
    /// Answers 550 after the final dot.
    RefuseData,
}

/// A running Exim; it ends when dropped.
pub struct Exim {
    dir: tempfile::TempDir,
    child: Child,
    ca: Ca,
    /// Plain, with STARTTLS.
    pub port: u16,
    /// Implicit TLS.
    pub tls_port: u16,
}

impl Exim {
    pub fn start(mode: Mode) -> Exim {
        let binary = super::program(&["exim4", "exim"]);
        let dir = super::folder();
        let ca = Ca::new();
        let issued = ca.issue(&["localhost", "127.0.0.1"], dir.path());
        for part in ["spool", "log", "mail"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
            super::hand_over(&dir.path().join(part));
        }
        super::hand_over(&issued.cert);
        super::hand_over(&issued.key);
        let (port, tls_port) = (super::free_port(), super::free_port());
        let conf = dir.path().join("exim.conf");
        std::fs::write(&conf, config(dir.path(), port, tls_port, mode)).unwrap();
        let log = dir.path().join("stderr.log");
        let mut child = Command::new(&binary)
            .arg("-C")
            .arg(&conf)
            .arg("-bdf")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .stderr(File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        super::wait_for_port(tls_port, &mut child, &log);
        Exim { dir, child, ca, port, tls_port }
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

    /// Every mail it has delivered, with CRLF and as it came.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join("mail/new")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.sort();
        paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
    }

    /// Waits for so many mails, since delivery follows acceptance.
    pub fn wait_for(&self, count: usize) -> Vec<Vec<u8>> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let all = self.received();
            if all.len() >= count {
                return all;
            }
            assert!(Instant::now() < end, "{} of {count} mails arrived; the log:\n{}", all.len(), self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.dir.path().join("log").join(name)).unwrap_or_default();
        ["main", "reject", "panic"].map(|part| read(&format!("{part}log"))).join("")
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        super::stop(&mut self.child);
    }
}

fn config(dir: &Path, port: u16, tls_port: u16, mode: Mode) -> String {
    let d = dir.display();
    let (uid, gid) = super::server_ids();
    let rcpt = match mode {
        Mode::Accept | Mode::RefuseData => "  require authenticated = *\n  accept",
        Mode::Refuse => "  deny message = no such user \\033[2J here",
        Mode::Defer => "  defer message = try again later",
    };
    let data = if mode == Mode::RefuseData { "  deny message = content refused" } else { "  accept" };
    format!(
        "exim_user = {uid}\nexim_group = {gid}\ndeliver_drop_privilege = true\nspool_directory = {d}/spool\nlog_file_path = {d}/log/%slog\n\
         primary_hostname = mx.example.net\nlocal_interfaces = 127.0.0.1\ndaemon_smtp_ports = {port} : {tls_port}\n\
         tls_on_connect_ports = {tls_port}\ntls_advertise_hosts = *\ntls_certificate = {d}/cert.pem\ntls_privatekey = {d}/key.pem\n\
         auth_advertise_hosts = *\nreceived_header_text =\nkeep_environment =\nadd_environment = <; PATH=/bin:/usr/bin\n\
         rfc1413_query_timeout = 0s\nhost_lookup =\nsmtp_accept_max = 50\nacl_smtp_rcpt = rcpt\nacl_smtp_data = data\n\
         pid_file_path = {d}/exim.pid\n\
         begin acl\nrcpt:\n{rcpt}\ndata:\n{data}\n\
         begin routers\nall:\n  driver = accept\n  transport = folder\n\
         begin transports\nfolder:\n  driver = appendfile\n  directory = {d}/mail\n  maildir_format\n  create_directory\n  use_crlf\n  \
         user = {uid}\n  group = {gid}\n\
         begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n  \
         server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}\n  server_set_id = $auth2\n\
         login:\n  driver = plaintext\n  public_name = LOGIN\n  server_prompts = Username:: : Password::\n  \
         server_condition = ${{if and{{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}\n  server_set_id = $auth1\n"
    )
}
