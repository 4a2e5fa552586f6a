//! Servers as the configuration names them, with their secrets fetched when they are needed.

use std::time::Duration;

use super::{App, secrets};
use crate::config::{Config, MailerConfig, SecretCommand, Server, Tls};
use crate::error::{Error, Kind};
use crate::wire::imap::{Imap, ImapConfig};
use crate::wire::outbox::{Mailer, SendmailConfig, SmtpConfig};
use crate::wire::tls::{self, Endpoint};
use crate::wire::{Auth, CertificateFlaw, Limits, Timeouts, WireError};

/// How long a sendmail command may take.
const SENDMAIL_TIMEOUT: Duration = Duration::from_secs(600);

/// Connects to the mailbox and logs in.
pub fn imap(app: &App, server: &Server) -> Result<Imap, Error> {
    imap_within(app, server, imap_timeouts(server))
}

/// The same with another patience.
pub fn imap_within(app: &App, server: &Server, timeouts: Timeouts) -> Result<Imap, Error> {
    let config = ImapConfig {
        server: endpoint(server),
        user: server.user.clone(),
        auth: auth(app, server)?,
        inbox: server.inbox.clone(),
        sent: server.sent.clone(),
        limits: Limits::default(),
        timeouts,
    };
    Imap::connect(config).map_err(|e| wire_error(&e))
}

/// The way out, ready to be used; `None` where none is configured.
pub fn mailer(app: &App, config: &Config) -> Result<Option<Mailer>, Error> {
    Ok(match &config.mailer {
        None => None,
        Some(MailerConfig::Sendmail(command)) => {
            Some(Mailer::Sendmail(SendmailConfig { command: command.clone(), timeout: SENDMAIL_TIMEOUT }))
        }
        Some(MailerConfig::Smtp(server)) => {
            let login = if server.user.is_empty() { None } else { Some((server.user.clone(), auth(app, server)?)) };
            Some(Mailer::Smtp(SmtpConfig::new(endpoint(server), login, &config.address).silence(server.timeout)))
        }
    })
}

/// The configured silence, and the rest in the proportions of [`Timeouts::default`].
fn imap_timeouts(server: &Server) -> Timeouts {
    let usual = Timeouts::default();
    server.timeout.map_or(usual, |idle| Timeouts {
        connect: usual.connect.min(idle),
        idle,
        command: idle * 5,
        whole: idle * 15,
    })
}

fn endpoint(server: &Server) -> Endpoint {
    let tls = match server.tls {
        Tls::Implicit => tls::Tls::Implicit,
        Tls::StartTls => tls::Tls::StartTls,
        Tls::None => tls::Tls::None,
    };
    Endpoint { host: server.host.clone(), port: server.port, tls, ca_file: server.ca_file.clone() }
}

fn auth(app: &App, server: &Server) -> Result<Auth, Error> {
    match &server.secret {
        Some(SecretCommand::Password(command)) => {
            Ok(Auth::Password(secrets::from_command(command, "the mail password")?))
        }
        Some(SecretCommand::OAuth2(command)) => Ok(Auth::OAuth2(secrets::from_command(command, "the OAuth 2 token")?)),
        None => secrets::ask(app, &format!("Password of {} at {}", server.user, server.host))
            .map(Auth::Password)
            .ok_or_else(|| {
                Error::new(
                    Kind::Config,
                    format!("no password_command for {} is configured, and nobody is there to be asked", server.host),
                )
                .hint("add password_command = [\"pass\", \"show\", \"mail/security\"] to the configuration")
            }),
    }
}

/// What went wrong between us and a server or a mail file, and what to do.
pub fn wire_error(e: &WireError) -> Error {
    let kind = match e {
        WireError::Unsafe(_) => Kind::Config,
        WireError::Unreadable { .. } | WireError::Malformed { .. } => Kind::File,
        WireError::Sink(_) => Kind::Ledger,
        _ => Kind::Network,
    };
    if let WireError::Sink(inner) = e
        && let Some(own) = inner.downcast_ref::<Error>()
    {
        return own.clone();
    }
    let error = Error::new(kind, e.to_string());
    match e {
        WireError::Connect { .. } | WireError::Broken { .. } | WireError::Refused { .. } => {
            error.hint("what is stored is safe; the next poll goes on from there")
        }
        WireError::Tls { .. } => error.hint("nothing of ours was sent: neither the password nor mail"),
        WireError::Certificate { flaw, .. } => error.hint(certificate_hint(*flaw)),
        WireError::Login { .. } => error.hint("run the password_command by hand and compare"),
        WireError::NoMailbox { .. } => error.hint("set inbox or sent in [imap] to a name that the server has"),
        _ => error,
    }
}

/// Certificates are never waved through, so the hint says what mends them.
fn certificate_hint(flaw: CertificateFlaw) -> &'static str {
    match flaw {
        CertificateFlaw::Expired => {
            "no password was sent; whoever runs the server must renew it (or this machine's clock is wrong)"
        }
        CertificateFlaw::NotYetValid => "no password was sent; this machine's clock may be wrong",
        CertificateFlaw::OtherName => {
            "no password was sent; set host to a name that the certificate is for, if that is the right server"
        }
        CertificateFlaw::UnknownIssuer => {
            "no password was sent; if the server's authority is your own, name its root certificate in ca_file"
        }
        CertificateFlaw::Other => "no password was sent; whoever runs the server must mend its certificate",
    }
}
