//! The file as it is written, and the checks that make a [`Config`] of it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::{
    CalendarConfig, Config, LedgerKeySource, MailerConfig, OpenPgp, PackName, SecretCommand, Server, Source, Standing,
    Surroundings, Tls,
};
use crate::error::{Error, Kind};

type Command = Spanned<Vec<String>>;

/// Seconds that a server may be silent. RFC 5321 section 4.5.3.2 knows no longer wait than ten minutes.
const LONGEST_WAIT: std::ops::RangeInclusive<u64> = 1..=600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    address: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    #[serde(default)]
    team: Vec<Spanned<String>>,
    imap: Option<Spanned<RawServer>>,
    maildir: Option<Spanned<RawMaildir>>,
    smtp: Option<Spanned<RawServer>>,
    sendmail: Option<Spanned<RawSendmail>>,
    #[serde(default)]
    openpgp: RawOpenPgp,
    #[serde(default)]
    ledger: RawLedger,
    #[serde(default)]
    policy: RawPolicy,
    #[serde(default)]
    check: RawCheck,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    host: Spanned<String>,
    port: Option<Spanned<i64>>,
    tls: Option<Spanned<String>>,
    ca_file: Option<PathBuf>,
    user: Option<String>,
    password_command: Option<Command>,
    oauth2_token_command: Option<Command>,
    inbox: Option<Spanned<String>>,
    sent: Option<Spanned<String>>,
    junk: Option<Spanned<String>>,
    timeout: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMaildir {
    path: PathBuf,
    sent: Option<PathBuf>,
    junk: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSendmail {
    command: Command,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpenPgp {
    #[serde(default)]
    secret_keys: Vec<PathBuf>,
    passphrase_command: Option<Command>,
    #[serde(default)]
    certs: Vec<PathBuf>,
    agent: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLedger {
    path: Option<PathBuf>,
    key_file: Option<Spanned<PathBuf>>,
    key_command: Option<Command>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    file: Option<PathBuf>,
    timezone: Option<Spanned<String>>,
    #[serde(default)]
    holidays: Vec<PathBuf>,
    weekend: Option<Spanned<Vec<String>>>,
    working_hours: Option<Spanned<String>>,
    #[serde(default)]
    away: Vec<PathBuf>,
    #[serde(default)]
    packs: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    #[serde(default)]
    accept: Vec<Spanned<String>>,
}

/// The line, from 1, on which a byte of the text stands.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

pub(super) struct Check<'a> {
    pub text: &'a str,
    pub file: &'a Path,
    pub around: &'a Surroundings,
}

impl Check<'_> {
    pub fn config(&self, raw: File) -> Result<Config, Error> {
        let data = self.around.data_folder();
        let ledger = raw.ledger.path.map_or_else(|| data.join("ledger.db"), |p| self.path(p));
        let ledger_key = match (raw.ledger.key_file, raw.ledger.key_command) {
            (Some(file), Some(_)) => return Err(self.wrong(file.span(), "key_file or key_command, not both")),
            (Some(file), None) => LedgerKeySource::File(self.path(file.into_inner())),
            (None, Some(command)) => LedgerKeySource::Command(self.command(command)?),
            (None, None) => LedgerKeySource::File(ledger.with_extension("key")),
        };
        Ok(Config {
            file: self.file.to_owned(),
            address: self.address(raw.address)?,
            aliases: self.addresses(raw.aliases)?,
            team: self.addresses(raw.team)?,
            source: self.source(raw.imap, raw.maildir)?,
            mailer: self.mailer(raw.smtp, raw.sendmail)?,
            openpgp: self.openpgp(raw.openpgp)?,
            ledger,
            ledger_key,
            policy: raw.policy.file.clone().map(|p| self.path(p)),
            packs: self.packs(raw.policy.packs.clone()),
            away: raw.policy.away.iter().map(|p| self.path(p.clone())).collect(),
            calendar: self.calendar(raw.policy)?,
            accepted: raw.check.accept.iter().map(|name| self.standing(name)).collect::<Result<_, _>>()?,
        })
    }

    fn source(&self, imap: Option<Spanned<RawServer>>, maildir: Option<Spanned<RawMaildir>>) -> Result<Source, Error> {
        match (imap, maildir) {
            (Some(imap), None) => Ok(Source::Imap(self.server(imap.into_inner(), [993, 143], true)?)),
            (None, Some(maildir)) => {
                let maildir = maildir.into_inner();
                Ok(Source::Maildir {
                    path: self.path(maildir.path),
                    sent: maildir.sent.map(|p| self.path(p)),
                    junk: maildir.junk.map(|p| self.path(p)),
                })
            }
            (Some(_), Some(maildir)) => {
                Err(self.wrong(maildir.span(), "one source of mail: [imap] or [maildir], not both"))
            }
            (None, None) => Err(self.wrong(0..0, "a source of mail: a section [imap] or [maildir]")),
        }
    }

    fn mailer(
        &self,
        smtp: Option<Spanned<RawServer>>,
        sendmail: Option<Spanned<RawSendmail>>,
    ) -> Result<Option<MailerConfig>, Error> {
        match (smtp, sendmail) {
            (Some(smtp), None) => Ok(Some(MailerConfig::Smtp(self.server(smtp.into_inner(), [465, 587], false)?))),
            (None, Some(sendmail)) => Ok(Some(MailerConfig::Sendmail(self.command(sendmail.into_inner().command)?))),
            (Some(_), Some(sendmail)) => {
                Err(self.wrong(sendmail.span(), "one way out: [smtp] or [sendmail], not both"))
            }
            (None, None) => Ok(None),
        }
    }

    /// `ports`: the defaults for implicit TLS and for the rest.
    fn server(&self, raw: RawServer, ports: [u16; 2], imap: bool) -> Result<Server, Error> {
        if !imap && let Some(misplaced) = raw.inbox.as_ref().or(raw.sent.as_ref()).or(raw.junk.as_ref()) {
            return Err(self.wrong(misplaced.span(), "inbox, sent and junk in [imap]; they mean nothing in [smtp]"));
        }
        let host_at = raw.host.span();
        let host = raw.host.into_inner();
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || c.is_control()) {
            return Err(self.wrong(host_at, "a host name or an address"));
        }
        let tls = self.tls(raw.tls, &host)?;
        let port = match raw.port {
            None => ports[usize::from(tls != Tls::Implicit)],
            Some(port) => u16::try_from(*port.as_ref())
                .ok()
                .filter(|p| *p > 0)
                .ok_or_else(|| self.wrong(port.span(), "a port from 1 to 65535"))?,
        };
        let seconds = |given: &Spanned<i64>| u64::try_from(*given.as_ref()).ok().filter(|n| LONGEST_WAIT.contains(n));
        let timeout = match &raw.timeout {
            None => None,
            Some(given) => Some(Duration::from_secs(
                seconds(given).ok_or_else(|| self.wrong(given.span(), "a timeout of 1 to 600 seconds"))?,
            )),
        };
        let user = raw.user.unwrap_or_default();
        if imap && user.is_empty() {
            return Err(self.wrong(host_at, "a user in this section"));
        }
        let secret = match (raw.password_command, raw.oauth2_token_command) {
            (Some(_), Some(token)) => {
                return Err(self.wrong(token.span(), "password_command or oauth2_token_command, not both"));
            }
            (Some(password), None) => Some(SecretCommand::Password(self.command(password)?)),
            (None, Some(token)) => Some(SecretCommand::OAuth2(self.command(token)?)),
            (None, None) => None,
        };
        let mailbox =
            |given: Option<Spanned<String>>, default: &str| given.map_or_else(|| default.into(), Spanned::into_inner);
        Ok(Server {
            host,
            port,
            tls,
            ca_file: raw.ca_file.map(|p| self.path(p)),
            user,
            secret,
            inbox: mailbox(raw.inbox, "INBOX"),
            sent: mailbox(raw.sent, "Sent"),
            junk: raw.junk.map(Spanned::into_inner),
            timeout,
        })
    }

    fn tls(&self, given: Option<Spanned<String>>, host: &str) -> Result<Tls, Error> {
        let Some(given) = given else { return Ok(Tls::Implicit) };
        match given.as_ref().as_str() {
            "implicit" => Ok(Tls::Implicit),
            "starttls" => Ok(Tls::StartTls),
            "none" if is_loopback(host) => Ok(Tls::None),
            "none" => Err(self.wrong(given.span(), "tls for this host: \"none\" is for loopback hosts only")),
            _ => Err(self.wrong(given.span(), "\"implicit\", \"starttls\" or \"none\"")),
        }
    }

    fn openpgp(&self, raw: RawOpenPgp) -> Result<OpenPgp, Error> {
        if let Some(agent) = raw.agent.as_ref().filter(|agent| agent.as_ref() != "gnupg") {
            return Err(self.wrong(agent.span(), "agent = \"gnupg\", or secret_keys alone"));
        }
        Ok(OpenPgp {
            agent: raw.agent.is_some(),
            secret_keys: raw.secret_keys.into_iter().map(|p| self.path(p)).collect(),
            passphrase_command: raw.passphrase_command.map(|c| self.command(c)).transpose()?,
            certs: raw.certs.into_iter().map(|p| self.path(p)).collect(),
        })
    }

    fn standing(&self, given: &Spanned<String>) -> Result<Standing, Error> {
        let known = Standing::ALL.into_iter().find(|standing| standing.name() == given.as_ref());
        known.ok_or_else(|| {
            let names = Standing::ALL.map(|standing| format!("{:?}", standing.name()));
            self.wrong(given.span(), &names.join(" or "))
        })
    }

    fn packs(&self, given: Vec<Spanned<String>>) -> Vec<PackName> {
        let line = |name: &Spanned<String>| line_of(self.text, name.span().start);
        given.into_iter().map(|name| PackName { line: line(&name), name: name.into_inner() }).collect()
    }

    fn calendar(&self, raw: RawPolicy) -> Result<CalendarConfig, Error> {
        let zone = match raw.timezone {
            None => self.around.zone.clone(),
            Some(name) => TimeZone::get(name.as_ref())
                .map_err(|_| self.wrong(name.span(), "a time zone such as \"Europe/Berlin\""))?,
        };
        let mut calendar = CalendarConfig::plain(zone);
        if let Some(days) = raw.weekend {
            let at = days.span();
            calendar.weekend = days
                .into_inner()
                .iter()
                .map(|d| weekday(d).ok_or_else(|| self.wrong(at.clone(), "a day of the week, such as \"saturday\"")))
                .collect::<Result<_, _>>()?;
            if (0..7).all(|n| calendar.weekend.contains(&Weekday::Monday.wrapping_add(n))) {
                return Err(self.wrong(at, "at least one working day"));
            }
        }
        if let Some(hours) = raw.working_hours {
            let wrong = || self.wrong(hours.span(), "opening and closing of a working day, such as \"09:00-17:00\"");
            calendar.hours = Some(working_hours(hours.as_ref()).ok_or_else(wrong)?);
        }
        calendar.holidays = raw.holidays.into_iter().map(|p| self.path(p)).collect();
        Ok(calendar)
    }

    fn addresses(&self, given: Vec<Spanned<String>>) -> Result<Vec<String>, Error> {
        given.into_iter().map(|a| self.address(a)).collect()
    }

    fn address(&self, given: Spanned<String>) -> Result<String, Error> {
        let plausible = given.as_ref().split_once('@').is_some_and(|(local, domain)| {
            let clean = |s: &str| {
                !s.is_empty() && !s.contains(|c: char| c.is_whitespace() || c.is_control() || "<>@,\"".contains(c))
            };
            clean(local) && clean(domain)
        });
        if plausible {
            Ok(given.into_inner())
        } else {
            Err(self.wrong(given.span(), "an address such as \"security@example.org\""))
        }
    }

    fn command(&self, given: Command) -> Result<Vec<String>, Error> {
        if given.as_ref().first().is_none_or(String::is_empty) {
            return Err(self.wrong(given.span(), "a command and its arguments, such as [\"pass\", \"show\", \"mail\"]"));
        }
        Ok(given.into_inner())
    }

    fn path(&self, given: PathBuf) -> PathBuf {
        match given.strip_prefix("~") {
            Ok(rest) => self.around.home.join(rest),
            Err(_) => self.file.parent().unwrap_or(Path::new(".")).join(given),
        }
    }

    fn wrong(&self, at: Range<usize>, expected: &str) -> Error {
        let line = line_of(self.text, at.start);
        Error::new(Kind::Config, format!("{}:{line}: expected {expected}", self.file.display()))
    }
}

/// `09:00-17:00`, on one day.
fn working_hours(text: &str) -> Option<(Time, Time)> {
    let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    let (open, close) = text.split_once(['-', '–'])?;
    let (open, close) = (time(open)?, time(close)?);
    (open < close).then_some((open, close))
}

fn weekday(name: &str) -> Option<Weekday> {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let n = days.iter().position(|d| d.eq_ignore_ascii_case(name))?;
    Weekday::from_monday_zero_offset(i8::try_from(n).ok()?).ok()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}
