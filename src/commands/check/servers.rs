//! The mail servers: reachable, with certificates that last, taking the login, with the mailboxes that are expected.

use std::time::Duration;

use jiff::Zoned;

use super::junk;
use crate::commands::App;
use crate::commands::servers::{self, wire_error};
use crate::config::{Config, MailerConfig, Server, Source, Tls};
use crate::ledger::Ledger;
use crate::output::health::{Finding, judge};
use crate::safe;
use crate::wire::imap::Imap;
use crate::wire::outbox::Mailer;
use crate::wire::{Timeouts, WireError};

/// A server that is dead or drips is given up after about half a minute: this is a look and no poll.
fn patience() -> Timeouts {
    let s = Duration::from_secs;
    Timeouts { connect: s(5), idle: s(10), command: s(20), whole: s(25) }
}

/// Looks at where mail comes from and where it goes.
pub fn look(app: &App, config: &Config, ledger: Option<&Ledger>) -> Vec<Finding> {
    let mut found = match &config.source {
        Source::Imap(server) => imap(app, server, ledger, &config.calendar.now(app.now)),
        Source::Maildir { path, .. } => {
            let mut found = vec![if path.join("new").is_dir() || path.join("cur").is_dir() {
                Finding::ok("maildir", path.display().to_string())
            } else {
                Finding::fail("maildir", format!("{} is not a Maildir", path.display()))
                    .hint("set path in [maildir] to the folder that holds cur and new")
            }];
            found.extend(junk::maildir(config, ledger));
            found
        }
    };
    found.extend(way_out(app, config));
    found
}

fn imap(app: &App, server: &Server, ledger: Option<&Ledger>, now: &Zoned) -> Vec<Finding> {
    let mut imap = match servers::imap_within(app, server, patience()) {
        Ok(imap) => imap,
        Err(e) => return vec![Finding::fail("imap", e.message).hint(e.hints.join("; "))],
    };
    let host = safe::short(&server.host, 80);
    let mut found = vec![Finding::ok("imap", format!("{host}: {}", connected(server)))];
    found.extend(imap.certificate_ends().map(|ends| judge::certificate("imap-cert", &host, ends, now)));
    found.extend(mailboxes(&mut imap, server));
    found.extend(junk::imap(&mut imap, server, ledger));
    imap.close();
    found
}

fn connected(server: &Server) -> &'static str {
    match (server.tls, server.user.is_empty()) {
        (Tls::None, true) => "connected, on this machine and without TLS",
        (Tls::None, false) => "connected, on this machine and without TLS; login is good",
        (_, true) => "connected, certificate is good",
        (_, false) => "connected, certificate and login are good",
    }
}

fn mailboxes(imap: &mut Imap, server: &Server) -> Vec<Finding> {
    let told = |e: &WireError, fail: bool, meaning: &str| {
        let e = wire_error(e);
        let words = format!("{}{meaning}", e.message);
        let about = if fail { "inbox" } else { "sent" };
        if fail { Finding::fail(about, words) } else { Finding::warn(about, words) }.hint(e.hints.join("; "))
    };
    vec![
        match imap.look_for_inbox() {
            Ok(()) => Finding::ok("inbox", safe::short(&server.inbox, 80)),
            Err(e) => told(&e, true, ""),
        },
        match imap.sent_mailbox() {
            Ok(name) => Finding::ok("sent", safe::short(&name, 80)),
            Err(e) => told(&e, false, ": answers written in other mail programs are not seen"),
        },
    ]
}

fn way_out(app: &App, config: &Config) -> Vec<Finding> {
    let failed = |e: crate::error::Error| vec![Finding::fail("mail-out", e.message).hint(e.hints.join("; "))];
    let mut mailer = match servers::mailer(app, config) {
        Ok(Some(mailer)) => mailer,
        Ok(None) => {
            return vec![
                Finding::warn("mail-out", "no way to send mail is configured").hint("add [smtp] or [sendmail]"),
            ];
        }
        Err(e) => return failed(e),
    };
    if let Mailer::Smtp(smtp) = &mut mailer {
        smtp.timeouts = patience();
    }
    match mailer.probe() {
        Ok(ends) => {
            let words = match &config.mailer {
                Some(MailerConfig::Smtp(server)) => {
                    format!("{}: {}; nothing was sent", safe::short(&server.host, 80), connected(server))
                }
                _ => "the sendmail command is there".to_owned(),
            };
            let mut found = vec![Finding::ok("mail-out", words)];
            let here = config.calendar.now(app.now);
            if let (Some(ends), Some(MailerConfig::Smtp(server))) = (ends, &config.mailer) {
                found.push(judge::certificate("smtp-cert", &safe::short(&server.host, 80), ends, &here));
            }
            found
        }
        Err(e) => failed(wire_error(&e)),
    }
}
