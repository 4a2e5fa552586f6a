//! SMTP submission (RFC 5321, RFC 6409), command by command.
//!
//! lettre renders the commands and reads the replies; the connection is ours. Its own tells no difference between a
//! connection lost before the final dot and one lost after it, keeps what came in the clear across STARTTLS, reads a line
//! of any length, and adds an empty line to what it sends.

use std::io::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, ServerInfo};
use lettre::transport::smtp::response::{Response, Severity};
use zeroize::Zeroizing;

use super::{Delivery, Hope, OutgoingBytes, SmtpConfig};
use crate::point;
use crate::wire::meter::Meter;
use crate::wire::tls::{Stream, Tls};
use crate::wire::{Auth, WireError, server_says};

/// Bytes of replies read to any one command.
const REPLY: u64 = 64 << 10;

/// Why the conversation ended before the mail was out.
enum Fault {
    /// A reply that says no.
    Refused(Response),
    /// No reply, or none that makes sense.
    Lost(String),
    /// The connection was never good.
    Wire(WireError),
}

pub(super) fn send(config: &SmtpConfig, mail: &OutgoingBytes) -> Delivery {
    let mut link = match Link::open(config) {
        Ok(link) => link,
        // What a server says before it has heard of the mail is not about the mail, a 5xx neither: a wrong password or
        // certificate is mended by a person, and the mail can wait.
        Err(fault) => return Delivery::later(words(config, fault)),
    };
    point::reach("smtp.connected");
    match link.envelope(mail) {
        Ok(()) => link.data(mail, config),
        Err(Fault::Refused(reply)) => {
            let delivery = refused(&reply);
            link.quit();
            delivery
        }
        Err(fault) => Delivery::later(words(config, fault)),
    }
}

pub fn probe(config: &SmtpConfig) -> Result<Option<jiff::Timestamp>, WireError> {
    match Link::open(config) {
        Ok(mut link) => {
            let ends = link.stream.certificate_ends();
            link.quit();
            Ok(ends)
        }
        Err(Fault::Wire(error)) => Err(error),
        Err(fault) => Err(WireError::Connect { host: config.server.label(), reason: words(config, fault) }),
    }
}

/// The body with dots doubled at line starts (RFC 5321 section 4.5.2), without the final dot.
pub fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 64);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}

struct Link {
    stream: Stream,
    meter: Arc<Meter>,
    server: ServerInfo,
    patience: Duration,
}

impl Link {
    /// Greeting, EHLO, STARTTLS where asked for, login.
    fn open(config: &SmtpConfig) -> Result<Link, Fault> {
        let meter = Meter::start(&config.timeouts);
        let stream = config.server.connect(&config.timeouts, &meter).map_err(Fault::Wire)?;
        let mut link = Link { stream, meter, server: ServerInfo::default(), patience: config.timeouts.command };
        link.meter.command(link.patience, REPLY);
        link.reply()?;
        link.hello(&config.hello)?;
        if config.server.tls == Tls::StartTls {
            if !link.server.supports_feature(Extension::StartTls) {
                let reason = "the server offers no STARTTLS: nothing is sent in the clear".to_owned();
                return Err(Fault::Wire(WireError::Tls { host: config.server.label(), reason }));
            }
            link.command(&Starttls.to_string())?;
            link.stream.secure(&config.server).map_err(Fault::Wire)?;
            // What was offered before the handshake counts for nothing.
            link.hello(&config.hello)?;
        }
        if let Some((user, auth)) = &config.login {
            link.login(user, auth).map_err(|fault| login_words(config, user, fault))?;
        }
        Ok(link)
    }

    fn hello(&mut self, name: &str) -> Result<(), Fault> {
        let id = match name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).map(str::parse) {
            Some(Ok(address)) => ClientId::Ipv4(address),
            _ => ClientId::Domain(name.to_owned()),
        };
        let reply = self.command(&Ehlo::new(id).to_string())?;
        self.server = ServerInfo::from_response(&reply).map_err(|_| senseless())?;
        Ok(())
    }

    fn login(&mut self, user: &str, auth: &Auth) -> Result<(), Fault> {
        let encode = |text: &str| Zeroizing::new(data_encoding::BASE64.encode(text.as_bytes()));
        let text = auth.line().map_err(Fault::Lost)?;
        let offers = |mechanism| self.server.supports_auth_mechanism(mechanism);
        match auth {
            Auth::OAuth2(_) => {
                let secret = Zeroizing::new(format!("user={user}\x01auth=Bearer {text}\x01\x01"));
                let reply = self.secret_line("AUTH XOAUTH2 ", &encode(&secret))?;
                // The server explains a refusal in a challenge that wants an empty answer.
                if reply.has_code(334) { self.command("\r\n").map(|_| ()) } else { Ok(()) }
            }
            Auth::Password(_) if offers(Mechanism::Plain) => {
                let secret = Zeroizing::new(format!("\0{user}\0{text}"));
                self.secret_line("AUTH PLAIN ", &encode(&secret)).map(|_| ())
            }
            Auth::Password(_) if offers(Mechanism::Login) => {
                self.command("AUTH LOGIN\r\n")?;
                self.secret_line("", &encode(user))?;
                self.secret_line("", &encode(text)).map(|_| ())
            }
            Auth::Password(_) => Err(Fault::Lost("the server offers no login with a password".to_owned())),
        }
    }

    fn secret_line(&mut self, command: &str, secret: &str) -> Result<Response, Fault> {
        let mut line = Zeroizing::new(String::with_capacity(command.len() + secret.len() + 2));
        for part in [command, secret, "\r\n"] {
            line.push_str(part);
        }
        self.command(&line)
    }

    /// MAIL, every RCPT, DATA. One recipient refused is all refused: nobody gets a mail that others miss unnoticed.
    fn envelope(&mut self, mail: &OutgoingBytes) -> Result<(), Fault> {
        let address = |text: &str| lettre::Address::from_str(text).map_err(|e| Fault::Lost(e.to_string()));
        self.command(&Mail::new(Some(address(&mail.envelope_from)?), Vec::new()).to_string())?;
        for to in &mail.envelope_to {
            self.command(&Rcpt::new(address(to)?, Vec::new()).to_string())?;
        }
        let reply = self.command(&Data.to_string())?;
        if reply.has_code(354) { Ok(()) } else { Err(senseless()) }
    }

    fn data(&mut self, mail: &OutgoingBytes, config: &SmtpConfig) -> Delivery {
        point::reach("smtp.enveloped");
        let body = stuffed(&mail.bytes);
        // Slow lines are given time: a second for every 16 KiB.
        self.meter.command(self.patience + Duration::from_secs(body.len() as u64 >> 14), REPLY);
        if let Err(e) = self.stream.write_all(&body).and_then(|()| self.stream.flush()) {
            // Without the final dot no server may deliver it.
            return Delivery::later(format!("the connection failed while sending: {}", short(&e)));
        }
        point::reach("smtp.body");
        self.meter.command(config.after_dot, REPLY);
        if let Err(e) = self.stream.write_all(b".\r\n").and_then(|()| self.stream.flush()) {
            return Delivery::Unknown {
                reason: format!("the connection failed at the end of the mail: {}", short(&e)),
            };
        }
        point::reach("smtp.dot");
        let reply = self.reply();
        point::reach("smtp.answered");
        let delivery = match reply {
            Ok(reply) if reply.code().severity == Severity::PositiveCompletion => {
                Delivery::Sent { reply: said(&reply) }
            }
            Ok(_) => Delivery::Unknown { reason: "the server's last reply makes no sense".to_owned() },
            Err(Fault::Refused(reply)) => refused(&reply),
            Err(fault) => return Delivery::Unknown { reason: words(config, fault) },
        };
        self.quit();
        delivery
    }

    /// Sends a line (with its end) and takes the reply.
    fn command(&mut self, line: &str) -> Result<Response, Fault> {
        self.meter.command(self.patience, REPLY);
        self.stream
            .write_all(line.as_bytes())
            .and_then(|()| self.stream.flush())
            .map_err(|e| Fault::Lost(short(&e)))?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Response, Fault> {
        let mut lines = String::new();
        for _ in 0..200 {
            let line = self.stream.line(2 << 10).map_err(|e| Fault::Lost(short(&e)))?;
            lines.push_str(&line);
            lines.push_str("\r\n");
            if line.as_bytes().get(3) != Some(&b'-') {
                // A bare code is a reply too (RFC 5321 section 4.2).
                if line.len() == 3 {
                    lines.insert(lines.len() - 2, ' ');
                }
                let reply = Response::from_str(&lines).map_err(|_| senseless())?;
                return if reply.is_positive() { Ok(reply) } else { Err(Fault::Refused(reply)) };
            }
        }
        Err(Fault::Lost("the server does not stop talking".to_owned()))
    }

    /// Politeness that may fail, and that nobody waits for long.
    fn quit(&mut self) {
        self.meter.command(Duration::from_secs(5), REPLY);
        if self.stream.write_all(Quit.to_string().as_bytes()).and_then(|()| self.stream.flush()).is_ok() {
            let _ = self.reply();
        }
    }
}

/// The answer is about this mail, but for 421, with which a server leaves (RFC 5321 section 3.8).
fn refused(reply: &Response) -> Delivery {
    let hope = match reply.code().severity {
        Severity::PermanentNegativeCompletion => Hope::Never,
        _ if reply.has_code(421) => Hope::Later,
        _ => Hope::ThisLater,
    };
    Delivery::NotSent { reason: said(reply), hope }
}

fn said(reply: &Response) -> String {
    server_says(&format!("{} {}", reply.code(), reply.message().collect::<Vec<_>>().join(" ")))
}

fn senseless() -> Fault {
    Fault::Lost("the server's reply makes no sense".to_owned())
}

fn short(e: &std::io::Error) -> String {
    crate::safe::short(&e.to_string(), 200)
}

fn login_words(config: &SmtpConfig, user: &str, fault: Fault) -> Fault {
    let (host, user) = (config.server.label(), crate::safe::short(user, 80));
    match fault {
        Fault::Refused(reply) => Fault::Wire(WireError::Login { host, user, reason: said(&reply) }),
        other => other,
    }
}

fn words(config: &SmtpConfig, fault: Fault) -> String {
    match fault {
        Fault::Refused(reply) => format!("{} refuses: {}", config.server.label(), said(&reply)),
        Fault::Lost(reason) => format!("the connection to {} failed: {reason}", config.server.label()),
        Fault::Wire(error) => error.to_string(),
    }
}
