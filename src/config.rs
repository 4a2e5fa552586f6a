//! `config.toml`: where the mail comes from, which keys open it, where the ledger is, what is promised.
//!
//! Unknown keys and impossible values are refused with the file, the line and what was expected. Relative paths are
//! relative to the configuration file; `~/` is the home folder.

mod raw;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::error::{Error, Kind};

/// A configuration that was read and found possible.
#[derive(Debug)]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// The mailbox's own address.
    pub address: String,
    /// More addresses of the same mailbox.
    pub aliases: Vec<String>,
    /// People whose replies are ours.
    pub team: Vec<String>,
    /// Where mail comes from.
    pub source: Source,
    /// How mail goes out, where it does.
    pub mailer: Option<MailerConfig>,
    /// Keys.
    pub openpgp: OpenPgp,
    /// The ledger file.
    pub ledger: PathBuf,
    /// Where the ledger's key is.
    pub ledger_key: LedgerKeySource,
    /// The published policy, where there is one.
    pub policy: Option<PathBuf>,
    /// Packs of clocks beside the policy's.
    pub packs: Vec<PackName>,
    /// iCalendar files of announced times without intake.
    pub away: Vec<PathBuf>,
    /// The calendar's parts.
    pub calendar: CalendarConfig,
    /// What `check` tells and reminds nobody of.
    pub accepted: Vec<Standing>,
}

/// A state that may be meant to last, and of which `check` would want a person every day until its owner accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A team key in a file that no passphrase protects.
    KeyWithoutPassphrase,
    /// A team key that decrypts with RSA in this process.
    RsaDecryption,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 2] = [Standing::KeyWithoutPassphrase, Standing::RsaDecryption];

    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Standing::KeyWithoutPassphrase => "key-without-passphrase",
            Standing::RsaDecryption => "rsa-decryption",
        }
    }
}

/// A pack of clocks, by its name; which there are, the clock knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackName {
    /// As written.
    pub name: String,
    /// The line of the file it stands on, from 1.
    pub line: usize,
}

/// Where mail comes from: one of the two.
#[derive(Debug)]
pub enum Source {
    /// An IMAP server.
    Imap(Server),
    /// A Maildir that another program fills.
    Maildir {
        /// The folder with `cur` and `new`.
        path: PathBuf,
        /// The same for sent mail.
        sent: Option<PathBuf>,
        /// The same for mail taken to be junk, which `check` watches.
        junk: Option<PathBuf>,
    },
}

/// How mail goes out.
#[derive(Debug)]
pub enum MailerConfig {
    /// An SMTP submission server.
    Smtp(Server),
    /// A command that takes the mail on standard input.
    Sendmail(Vec<String>),
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (RFC 8314).
    Implicit,
    /// After STARTTLS; refused where the server does not offer it.
    StartTls,
    /// Not at all: loopback hosts only.
    None,
}

/// A server and how to log in there.
#[derive(Debug)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// An extra trust root, PEM.
    pub ca_file: Option<PathBuf>,
    /// Login name; empty for an SMTP server that wants none.
    pub user: String,
    /// Where the secret comes from; `None` asks a person.
    pub secret: Option<SecretCommand>,
    /// The mailbox that reports arrive in (IMAP).
    pub inbox: String,
    /// The mailbox that keeps what we sent (IMAP).
    pub sent: String,
    /// The mailbox for mail taken to be junk, which `check` watches (IMAP); where it is not set, the server is asked.
    pub junk: Option<String>,
    /// How long the server may be silent; `None`: as long as is usual for its protocol.
    pub timeout: Option<Duration>,
}

/// A command that prints a secret on its standard output.
#[derive(Clone, Debug)]
pub enum SecretCommand {
    /// A password.
    Password(Vec<String>),
    /// An OAuth 2 access token.
    OAuth2(Vec<String>),
}

/// Keys.
#[derive(Debug, Default)]
pub struct OpenPgp {
    /// Files with TSKs.
    pub secret_keys: Vec<PathBuf>,
    /// Prints the passphrase.
    pub passphrase_command: Option<Vec<String>>,
    /// gpg-agent holds the secrets: of `secret_keys` and `certs` only the certificates are needed.
    pub agent: bool,
    /// Extra certificates: files or folders.
    pub certs: Vec<PathBuf>,
}

/// Where the 32 bytes that seal the ledger come from.
#[derive(Debug)]
pub enum LedgerKeySource {
    /// A file of mode 0600 beside the ledger.
    File(PathBuf),
    /// A command that prints them as 64 hexadecimal digits.
    Command(Vec<String>),
}

/// Time zone, weekend, holidays.
#[derive(Debug)]
pub struct CalendarConfig {
    /// Where the team works.
    pub zone: TimeZone,
    /// Days without work.
    pub weekend: Vec<Weekday>,
    /// iCalendar files.
    pub holidays: Vec<PathBuf>,
    /// Opening and closing of a working day; `None` where it lasts from midnight to midnight.
    pub hours: Option<(Time, Time)>,
}

impl CalendarConfig {
    /// The present on the team's wall.
    pub fn now(&self, now: Timestamp) -> Zoned {
        now.to_zoned(self.zone.clone())
    }

    /// Saturday and Sunday, no holidays, whole days.
    pub fn plain(zone: TimeZone) -> CalendarConfig {
        CalendarConfig { zone, weekend: vec![Weekday::Saturday, Weekday::Sunday], holidays: Vec::new(), hours: None }
    }
}

/// The folders and defaults that the environment gives; made once, in `main`.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The home folder.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME` or its default.
    pub config_home: PathBuf,
    /// `$XDG_DATA_HOME` or its default.
    pub data_home: PathBuf,
    /// `$XDG_RUNTIME_DIR`, where there is one: private, in memory.
    pub runtime: Option<PathBuf>,
    /// The system's time zone.
    pub zone: TimeZone,
}

impl Surroundings {
    /// Where the configuration is looked for when nobody says.
    pub fn default_config(&self) -> PathBuf {
        self.config_home.join("sealpost/config.toml")
    }

    /// Where data goes when nobody says.
    pub fn data_folder(&self) -> PathBuf {
        self.data_home.join("sealpost")
    }
}

/// Reads and checks a configuration file.
pub fn load(file: &Path, around: &Surroundings) -> Result<Config, Error> {
    let text = std::fs::read_to_string(file).map_err(|e| unreadable(file, &e))?;
    parse(&text, file, around)
}

fn unreadable(file: &Path, e: &std::io::Error) -> Error {
    let missing = e.kind() == std::io::ErrorKind::NotFound;
    let what = if missing { "there is no configuration at" } else { "cannot read the configuration" };
    let reason = if missing { String::new() } else { format!(": {e}") };
    let error = Error::new(Kind::Config, format!("{what} {}{reason}", file.display()));
    if missing {
        error.hint("`sealpost init` writes one; `--config FILE` names another; `sealpost demo` needs none")
    } else {
        error
    }
}

/// Checks the text of a configuration file.
pub fn parse(text: &str, file: &Path, around: &Surroundings) -> Result<Config, Error> {
    let raw: raw::File = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |s| raw::line_of(text, s.start));
        Error::new(
            Kind::Config,
            format!("{}:{line}: {}", file.display(), e.message().lines().collect::<Vec<_>>().join(", ")),
        )
        .hint("the README lists every key of the configuration")
    })?;
    raw::Check { text, file, around }.config(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Surroundings {
        Surroundings {
            home: "/home/a".into(),
            config_home: "/home/a/.config".into(),
            data_home: "/home/a/.local/share".into(),
            runtime: None,
            zone: TimeZone::UTC,
        }
    }

    fn read(text: &str) -> Result<Config, Error> {
        parse(text, Path::new("/etc/s/config.toml"), &around())
    }

    #[test]
    fn the_smallest_configuration() {
        let config = read("address = \"security@example.org\"\n[maildir]\npath = \"~/Mail\"\n").unwrap();
        assert!(matches!(config.source, Source::Maildir { path, .. } if path == Path::new("/home/a/Mail")));
        assert_eq!(config.ledger, Path::new("/home/a/.local/share/sealpost/ledger.db"));
        assert!(
            matches!(config.ledger_key, LedgerKeySource::File(p) if p == Path::new("/home/a/.local/share/sealpost/ledger.key"))
        );
        assert_eq!(config.calendar.weekend, [Weekday::Saturday, Weekday::Sunday]);
    }

    #[test]
    fn impossible_values_name_file_line_and_what_was_expected() {
        for (text, line, words) in [
            ("address = 3\n[maildir]\npath=\"m\"", 1, "string"),
            ("address = \"nobody\"\n[maildir]\npath=\"m\"", 1, "an address such as"),
            ("address = \"a@example.org\"\ncolour = 1\n[maildir]\npath=\"m\"", 2, "unknown field"),
            ("address = \"a@example.org\"\n", 1, "[imap] or [maildir]"),
            (
                "address = \"a@example.org\"\n[imap]\nhost=\"h\"\nuser=\"u\"\n[maildir]\npath=\"m\"",
                5,
                "one source of mail",
            ),
            ("address = \"a@example.org\"\n[imap]\nhost=\"h\"\nuser=\"u\"\nport=0", 5, "1 to 65535"),
            ("address = \"a@example.org\"\n[imap]\nhost=\"h\"\nuser=\"u\"\ntimeout=0", 5, "1 to 600 seconds"),
            ("address = \"a@example.org\"\n[imap]\nhost=\"h\"\nuser=\"u\"\ntimeout=601", 5, "1 to 600 seconds"),
            ("address = \"a@example.org\"\n[imap]\nhost=\"mail.example.org\"\nuser=\"u\"\ntls=\"none\"", 5, "loopback"),
            (
                "address = \"a@example.org\"\n[imap]\nhost=\"h\"\nuser=\"u\"\ntls=\"ssl\"",
                5,
                "\"implicit\", \"starttls\" or \"none\"",
            ),
            ("address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\ntimezone=\"Mars/Olympus\"", 5, "time zone"),
            (
                "address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\nweekend=[\"sonntag\"]",
                5,
                "day of the week",
            ),
            (
                "address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\nweekend=[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]",
                5,
                "at least one working day",
            ),
            (
                "address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\nworking_hours=\"17:00-09:00\"",
                5,
                "such as \"09:00-17:00\"",
            ),
            ("address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\nworking_hours=\"9 to 5\"", 5, "closing"),
            (
                "address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\nworking_hours=\"09:00-25:00\"",
                5,
                "closing",
            ),
            (
                "address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[check]\naccept=[\"everything\"]",
                5,
                "\"key-without-passphrase\" or \"rsa-decryption\"",
            ),
            (
                "address = \"a@example.org\"\n[imap]\nhost=\"h\"\nuser=\"u\"\npassword_command=[]",
                5,
                "a command and its arguments",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind, Kind::Config);
            assert!(error.message.starts_with(&format!("/etc/s/config.toml:{line}: ")), "{text:?}: {}", error.message);
            assert!(error.message.contains(words), "{text:?}: {}", error.message);
        }
    }

    #[test]
    fn working_hours_are_read() {
        let hours = |text: &str| {
            let text =
                format!("address = \"a@example.org\"\n[maildir]\npath=\"m\"\n[policy]\nworking_hours=\"{text}\"");
            read(&text).unwrap().calendar.hours.map(|(open, close)| format!("{open} {close}"))
        };
        for text in ["09:00-17:30", "9:00 - 17:30", "09:00–17:30"] {
            assert_eq!(hours(text).as_deref(), Some("09:00:00 17:30:00"), "{text}");
        }
    }

    #[test]
    fn loopback_may_go_without_tls() {
        for host in ["127.0.0.1", "::1", "localhost"] {
            let text = format!("address = \"a@example.org\"\n[imap]\nhost=\"{host}\"\nuser=\"u\"\ntls=\"none\"");
            assert!(read(&text).is_ok(), "{host}");
        }
    }
}
