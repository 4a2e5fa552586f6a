//! `sealpost check`: everything that would stop the next poll, or make the next report unreadable.

use std::path::Path;

use super::books;
use super::desk;
use super::keys::{self, Unlock};
use super::{App, Done, files, sandbox, servers};
use crate::cli::check::Args;
use crate::config::{Config, Source};
use crate::output::health::{Finding, Health};
use crate::pgp::certs::{self, ExpiryWarning};
use crate::safe;

/// A poll that long ago is no poll.
const STALE_HOURS: i64 = 24;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let mut findings = vec![Finding::ok("config", config.file.display().to_string())];
    findings.extend(permissions(&config));
    findings.extend(own_keys(app, &config));
    findings.push(sandbox::look(app));
    findings.extend(policy(&config));
    findings.extend(ledger(app, &config));
    if !args.offline {
        findings.extend(connections(app, &config));
    }
    let health = Health::new(findings);
    let status = health.status();
    let mut done = Done::new(health).zone(&config.calendar.zone);
    done.status = status;
    Ok(done)
}

/// The configuration names commands that print secrets, and keys are secrets.
fn permissions(config: &Config) -> Vec<Finding> {
    let mut paths: Vec<&Path> = vec![&config.file];
    paths.extend(config.openpgp.secret_keys.iter().map(|p| p.as_path()));
    let mut found = Vec::new();
    for path in paths.into_iter().filter(|p| p.exists()) {
        if let Err(e) = files::refuse_loose(path) {
            let mut finding = Finding::fail("permission", e.message);
            finding.hint = e.hints.into_iter().next().map(Into::into);
            found.push(finding);
        }
    }
    if found.is_empty() {
        found.push(Finding::ok("permission", "configuration and keys are closed to others"));
    }
    found
}

/// Our keys: there, unlockable, not about to expire where a sender would encrypt.
pub fn own_keys(app: &App, config: &Config) -> Vec<Finding> {
    let mut ring = match keys::load(config) {
        Ok(ring) => ring,
        Err(e) => return vec![Finding::fail("key", e.message).hint(e.hints.join("; "))],
    };
    if ring.own().is_empty() {
        return vec![
            Finding::warn(
                "key",
                "there is no team key: encrypted reports are kept and clocked, but nobody can read them",
            )
            .hint("sealpost key generate FILE, then name FILE in secret_keys"),
        ];
    }
    let mut found = Vec::new();
    let locked = ring.is_locked();
    match keys::unlock(app, config, &mut ring, Unlock::IfPossible) {
        Err(e) => found.push(Finding::fail("passphrase", e.message)),
        Ok(()) if ring.is_locked() => found.push(
            Finding::warn(
                "passphrase",
                "the team key is locked and a poll under cron cannot unlock it: reports wait to be opened by hand",
            )
            .hint("set passphrase_command in [openpgp]"),
        ),
        Ok(()) if locked => found.push(Finding::ok("passphrase", "the passphrase command opens the team key")),
        Ok(()) if !ring.own().iter().any(certs::has_secret) => found.push(match ring.agent() {
            Some(_) => Finding::ok("passphrase", "gpg-agent keeps the secret key; sealpost never sees it"),
            None => Finding::fail("passphrase", ring.problems().last().map_or("gpg-agent is away", |p| p).to_owned())
                .hint("reports are kept and clocked meanwhile; start gpg-agent, or name a file in secret_keys"),
        }),
        Ok(()) => found.push(Finding::warn(
            "passphrase",
            "the team key has no passphrase: whoever reads the file can read the reports",
        )),
    }
    for cert in ring.own() {
        let info = certs::describe(cert, app.now);
        let short: String = info.fingerprint.chars().rev().take(16).collect::<Vec<_>>().into_iter().rev().collect();
        found.push(match certs::expiry_warning(cert, app.now) {
            None => Finding::ok("key", format!("{short} can be encrypted to")),
            Some(soon @ ExpiryWarning::Soon { .. }) => Finding::warn("key", format!("{short}: {soon}"))
                .hint("extend it, publish it, and replace the copies that are out there"),
            Some(over) => Finding::fail("key", format!("{short}: {}", safe::line(&over.to_string())))
                .hint("reporters cannot encrypt to it; extend or replace it, and publish the new one"),
        });
        if certs::decrypts_with_rsa(cert) {
            found.push(
                Finding::warn(
                    "key",
                    format!(
                        "{short} decrypts with RSA in this process, whose timing is not constant (RUSTSEC-2023-0071)"
                    ),
                )
                .hint("a Curve25519 key (sealpost key generate) has no such defect"),
            );
        }
    }
    found
}

fn policy(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    match desk::published_policy(config) {
        Ok(None) => found.push(
            Finding::warn("policy", "no policy is configured: as a stand-in, a first answer is due in 2 working days")
                .hint("set file in [policy] to your SECURITY.md"),
        ),
        Ok(Some((_, policy))) if policy.first_response.is_none() => {
            found.push(
                Finding::warn("policy", "it promises no time to a first answer")
                    .hint("sealpost policy check shows what it does promise"),
            );
        }
        Ok(Some(_)) => found.push(Finding::ok("policy", "it promises a time to a first answer")),
        Err(e) => found.push(Finding::fail("policy", e.message)),
    }
    match desk::calendar(config) {
        Ok(calendar) => found
            .push(Finding::ok("calendar", calendar.zone().iana_name().unwrap_or("the system's time zone").to_owned())),
        Err(e) => found.push(Finding::fail("calendar", e.message)),
    }
    found
}

fn ledger(app: &App, config: &Config) -> Vec<Finding> {
    let opened = match books::read(app, config) {
        Ok(ledger) => ledger,
        Err(e) => return vec![Finding::fail("ledger", e.message).hint(e.hints.join("; "))],
    };
    let mut found = vec![Finding::ok("ledger", opened.path().display().to_string())];
    if let crate::config::LedgerKeySource::File(key) = &config.ledger_key {
        found.push(Finding::ok("ledger-key", format!("{}: the ledger is as safe as this file", key.display())));
    }
    let overdue = desk::Desk::read(app, config, &opened).map(|d| d.overdue());
    match overdue {
        Ok(0) => found.push(Finding::ok("overdue", "nothing is overdue")),
        Ok(n) => found.push(Finding::warn("overdue", format!("{n} overdue")).hint("sealpost list --overdue")),
        Err(e) => found.push(Finding::fail("ledger", e.message)),
    }
    match opened.last_poll() {
        Ok(Some(at)) if app.now.duration_since(at).as_hours() >= STALE_HOURS => {
            found.push(
                Finding::warn("last-poll", format!("the last poll was at {at}"))
                    .hint("is the crontab line or the timer still there?"),
            );
        }
        Ok(Some(at)) => found.push(Finding::ok("last-poll", at.to_string())),
        _ => {}
    }
    let stuck = opened.outbox().map(|o| o.iter().filter(|i| matches!(i.state.name(), "failed" | "unknown")).count());
    if let Ok(n) = stuck
        && n > 0
    {
        found.push(Finding::warn("outbox", format!("{n} waiting for a person")).hint("sealpost outbox"));
    }
    found
}

fn connections(app: &App, config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    match &config.source {
        Source::Imap(server) => match servers::imap(app, server) {
            Ok(mut imap) => {
                if let Err(e) = imap.sent_mailbox() {
                    let e = servers::wire_error(&e);
                    found.push(
                        Finding::warn(
                            "sent",
                            format!("{}: answers written in other mail programs are not seen", e.message),
                        )
                        .hint(e.hints.join("; ")),
                    );
                }
                imap.close();
                found.push(Finding::ok(
                    "imap",
                    format!("{}: connected, certificate and login are good", safe::line(&server.host)),
                ));
            }
            Err(e) => found.push(Finding::fail("imap", e.message).hint(e.hints.join("; "))),
        },
        Source::Maildir { path, .. } if path.join("new").is_dir() || path.join("cur").is_dir() => {
            found.push(Finding::ok("maildir", path.display().to_string()));
        }
        Source::Maildir { path, .. } => {
            found.push(Finding::fail("maildir", format!("{} is not a Maildir", path.display())))
        }
    }
    match servers::mailer(app, config) {
        Ok(None) => {
            found.push(Finding::warn("mail-out", "no way to send mail is configured").hint("add [smtp] or [sendmail]"))
        }
        Ok(Some(mailer)) => match mailer.probe() {
            Ok(()) => found.push(Finding::ok("mail-out", "the way out is there")),
            Err(e) => {
                let e = servers::wire_error(&e);
                found.push(Finding::fail("mail-out", e.message).hint(e.hints.join("; ")));
            }
        },
        Err(e) => found.push(Finding::fail("mail-out", e.message).hint(e.hints.join("; "))),
    }
    found
}
