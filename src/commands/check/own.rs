//! Our own keys: there, unlockable, able to decrypt and sign, not about to expire.

use jiff::Timestamp;

use crate::clock::words::exact;
use crate::commands::App;
use crate::commands::keys::{self, Unlock};
use crate::config::{Config, Standing};
use crate::output::health::Finding;
use crate::pgp::certs::own::{self, Concern};
use crate::pgp::certs::{self, Certificate, ExpiryWarning, Unusable};
use crate::pgp::keyring::Keyring;
use crate::safe;

/// Everything about our keys, for `check` and `key check`.
pub fn own_keys(app: &App, config: &Config) -> Vec<Finding> {
    let mut ring = match keys::load(config) {
        Ok(ring) => ring,
        Err(e) => return vec![Finding::fail("key", e.message).hint(e.hints.join("; "))],
    };
    let mut found: Vec<Finding> =
        if ring.agent().is_some() || !config.openpgp.agent { certificates(&ring) } else { Vec::new() };
    if ring.own().is_empty() {
        found.extend(agent(config, &ring));
        found.push(
            Finding::warn(
                "key",
                "there is no team key: encrypted reports are kept and clocked, but nobody can read them",
            )
            .hint("sealpost key generate FILE, then name FILE in secret_keys"),
        );
        return found;
    }
    found.extend(passphrase(app, config, &mut ring));
    found.extend(agent(config, &ring));
    for (place, cert) in ring.own().iter().enumerate() {
        found.extend(one(app, config, &ring, cert, place == 0));
    }
    found
}

/// The last sixteen digits, by which people know a key.
pub fn short(fingerprint: &str) -> &str {
    fingerprint.get(fingerprint.len().saturating_sub(16)..).unwrap_or(fingerprint)
}

/// Certificates that were left out when files were read.
fn certificates(ring: &Keyring) -> Vec<Finding> {
    let broken = ring.problems().iter().map(|problem| {
        Finding::warn("certs", format!("left out: {}", safe::short(problem, 200)))
            .hint("remove it, or get it anew from its owner")
    });
    broken.collect()
}

/// What is meant to stay as it is wants nobody every day.
fn standing(config: &Config, what: Standing, about: &'static str, is: &str, so: &str, hint: Option<&str>) -> Finding {
    if config.accepted.contains(&what) {
        return Finding::ok(about, format!("{is}; accepted in {}", config.file.display())).accepted();
    }
    let accept = format!("where it is meant so: accept = [{:?}] in a section [check]", what.name());
    let hint = hint.map_or(accept.clone(), |hint| format!("{hint}; {accept}"));
    Finding::warn(about, format!("{is}{so}")).hint(hint)
}

fn passphrase(app: &App, config: &Config, ring: &mut Keyring) -> Vec<Finding> {
    let locked = ring.is_locked();
    let in_files = ring.own().iter().any(certs::has_secret);
    match keys::unlock(app, config, ring, Unlock::IfPossible) {
        Err(e) => vec![Finding::fail("passphrase", e.message).hint(e.hints.join("; "))],
        Ok(()) if ring.is_locked() => vec![
            Finding::warn(
                "passphrase",
                "the team key is locked and a poll under cron cannot unlock it: reports wait to be opened by hand",
            )
            .hint("set passphrase_command in [openpgp]"),
        ],
        Ok(()) if locked => vec![Finding::ok("passphrase", "the passphrase command opens the team key")],
        Ok(()) if in_files => {
            let (is, so) = ("the team key has no passphrase", ": whoever reads the file can read the reports");
            vec![standing(config, Standing::KeyWithoutPassphrase, "passphrase", is, so, None)]
        }
        Ok(()) => Vec::new(),
    }
}

/// Whether the agent answers, and which of our keys it holds; also where other secrets lie in files.
fn agent(config: &Config, ring: &Keyring) -> Vec<Finding> {
    if !config.openpgp.agent {
        return Vec::new();
    }
    let Some(agent) = ring.agent() else {
        let words = ring.problems().last().map_or("gpg-agent is away", |p| p).to_owned();
        let hint = "reports are kept and clocked meanwhile; start gpg-agent, or name a file in secret_keys";
        // Where files hold a secret too, mail to that one is still opened.
        let elsewhere = ring.own().iter().any(certs::has_secret);
        return vec![if elsewhere { Finding::warn("agent", words) } else { Finding::fail("agent", words) }.hint(hint)];
    };
    let held: Vec<String> =
        ring.own().iter().filter(|c| agent.has_any(c)).map(|c| short(&certs::fingerprint(c)).to_owned()).collect();
    vec![if held.is_empty() {
        Finding::warn("agent", "gpg-agent answers and holds none of our secret keys")
            .hint("gpg --list-secret-keys shows what it holds; put the card in, or name the certificate in certs")
    } else {
        Finding::ok("agent", format!("gpg-agent keeps the secrets of {}; sealpost never sees them", held.join(", ")))
    }]
}

/// One key. The first one signs and is what reporters get; the others may be retired, and open old mail all the same.
fn one(app: &App, config: &Config, ring: &Keyring, cert: &Certificate, first: bool) -> Vec<Finding> {
    let fingerprint = certs::fingerprint(cert);
    let short = short(&fingerprint);
    let warning = certs::expiry_warning(cert, app.now);
    let local = |at: Timestamp| exact(at, &config.calendar.zone);
    let mut found = vec![encryption(short, warning.as_ref(), first, &local)];
    let retired = !first && matches!(warning, Some(ExpiryWarning::Over(_)));
    let signs = |concern: &Concern| matches!(concern, Concern::CannotSign | Concern::SigningEnds { .. });
    for concern in own::concerns(cert, ring.agent(), app.now) {
        let idle = !first && signs(&concern) || retired;
        if !idle && !own::is_told_by(&concern, warning.as_ref()) {
            found.push(told(short, &concern, &local));
        }
    }
    if certs::decrypts_with_rsa(cert) {
        let is = format!("{short} decrypts with RSA in this process");
        let so = ", whose timing is not constant (RUSTSEC-2023-0071)";
        let hint = "a Curve25519 key (sealpost key generate) has no such defect";
        found.push(standing(config, Standing::RsaDecryption, "key", &is, so, Some(hint)));
    }
    found
}

fn encryption(short: &str, warning: Option<&ExpiryWarning>, first: bool, local: Local<'_>) -> Finding {
    match warning {
        None => Finding::ok("key", format!("{short} can be encrypted to")),
        Some(ExpiryWarning::Soon { at, days_left, within_days }) => {
            let hint = match within_days {
                7 => {
                    "extend it now, publish it, and replace the copies that are out there: people need days to take a new one"
                }
                _ => "extend it, publish it, and replace the copies that are out there",
            };
            let words = format!("{short}: the encryption subkey expires in {days_left} days, {}", local(*at));
            Finding::warn("key", words).within(*within_days).hint(hint)
        }
        Some(ExpiryWarning::Over(_)) if !first => Finding::ok("key", format!("{short} is retired: it opens old mail")),
        Some(ExpiryWarning::Over(why)) => Finding::fail("key", format!("{short}: {}", over(why, local)))
            .hint("reporters cannot encrypt to it; extend or replace it, and publish the new one"),
    }
}

/// An instant as the team's wall shows it.
type Local<'a> = &'a dyn Fn(Timestamp) -> String;

fn over(why: &Unusable, local: Local<'_>) -> String {
    match why {
        Unusable::Expired(at) => format!("nobody can encrypt to it: it expired {}", local(*at)),
        Unusable::SubkeyExpired(at) => {
            format!("nobody can encrypt to it: its encryption subkey expired {}", local(*at))
        }
        other => safe::line(&format!("nobody can encrypt to it: {other}")),
    }
}

fn told(short: &str, concern: &Concern, local: Local<'_>) -> Finding {
    let words = match concern {
        Concern::SigningEnds { at, days_left, .. } => {
            format!("{short}: the signing key expires in {days_left} days, {}", local(*at))
        }
        other => format!("{short}: {other}"),
    };
    match concern {
        Concern::SecretAway { all: true, .. } => Finding::fail("key", words)
            .hint("mail to it cannot be opened; import the subkey's secret, or put the card in"),
        Concern::SecretAway { .. } => Finding::warn("key", words).hint("mail to that subkey alone cannot be opened"),
        Concern::CannotSign => {
            Finding::warn("signing", words).hint("answers cannot be signed; add a signing subkey, or extend it")
        }
        Concern::SigningEnds { within_days, .. } => Finding::warn("signing", words)
            .within(*within_days)
            .hint("extend it and publish it, so that answers verify"),
        Concern::Weak { .. } => Finding::warn("key", words)
            .hint("make a new key (sealpost key generate), publish it, and keep this one for old mail"),
    }
}
