//! `sealpost key …`

use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::json;

use super::books;
use super::{App, Done, check, files, init, keys, secrets};
use crate::case::What;
use crate::cli::key::{Action, Args};
use crate::error::{Error, Kind, not_found, usage};
use crate::ledger::{Ledger, NewEvent, StoredCert};
use crate::message::same_address;
use crate::output::keys::{KeyList, KeyView, grouped};
use crate::output::{Raw, Said, document};
use crate::pgp::certs::{self, CertInfo};
use crate::pgp::keyring::Keyring;
use crate::safe;
use crate::secret::Password;

/// More than any certificate.
const FILE_LIMIT: u64 = 4 << 20;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    match &args.action {
        Action::List => list(app),
        Action::Generate { file, name, passphrase_command, no_passphrase, years } => {
            generate(app, file, name.as_deref(), passphrase_command.as_deref(), *no_passphrase, *years)
        }
        Action::Import { file } => import(app, file),
        Action::Export { which } => export(app, which.as_deref()),
        Action::Pin { address, fingerprint } => pin(app, address, fingerprint),
        Action::Check => {
            let config = app.config()?;
            Ok(check::done(app, check::own_keys(app, &config)).zone(&config.calendar.zone))
        }
    }
}

fn list(app: &App) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ring = keys::load(&config)?;
    let ledger = books::read(app, &config)?;
    let pins = ledger.pins()?;
    let view = |info: &CertInfo, source: &str, address: Option<&str>| key_view(info, source, address, &pins);
    let own = ring.own().iter().map(|c| view(&certs::describe(c, app.now), "own", None)).collect();
    let mut certificates: Vec<KeyView> =
        ring.certs().iter().map(|c| view(&certs::describe(c, app.now), "configured", None)).collect();
    for stored in newest_versions(ledger.certs()?) {
        if certificates.iter().any(|c| c.fingerprint == stored.fingerprint) {
            continue;
        }
        let Ok(found) = certs::import(&stored.bytes) else { continue };
        let source = stored.source.map_or("imported".into(), |s| document(&s).as_str().unwrap_or_default().to_owned());
        let address = Some(stored.address.as_str()).filter(|a| !a.is_empty());
        certificates.extend(found.certs.first().map(|c| view(&certs::describe(c, app.now), &source, address)));
    }
    Ok(Done::new(KeyList { own, certificates }).zone(&config.calendar.zone))
}

fn key_view(info: &CertInfo, source: &str, address: Option<&str>, pins: &[(String, String)]) -> KeyView {
    KeyView {
        fingerprint: info.fingerprint.clone(),
        user_ids: info.user_ids.iter().map(|u| (&u.text).into()).collect(),
        address: address.map(Into::into),
        source: source.into(),
        pinned_for: pins.iter().filter(|(_, f)| *f == info.fingerprint).map(|(a, _)| a.into()).collect(),
        expires: info.expires,
        encryption_expires: info.encryption_expires,
        unusable: info.usable.as_ref().err().map(|reason| format!("nothing can be encrypted to it: {reason}").into()),
    }
}

/// The last version of each certificate.
fn newest_versions(all: Vec<StoredCert>) -> Vec<StoredCert> {
    let mut kept: Vec<StoredCert> = Vec::new();
    for stored in all {
        match kept.iter_mut().find(|k| k.fingerprint == stored.fingerprint) {
            Some(older) => *older = stored,
            None => kept.push(stored),
        }
    }
    kept
}

fn generate(
    app: &App,
    file: &Path,
    name: Option<&str>,
    passphrase_command: Option<&str>,
    no_passphrase: bool,
    years: u8,
) -> anyhow::Result<Done> {
    let config = app.config()?;
    let purpose = "the passphrase of the new key";
    let passphrase = match (passphrase_command, &config.openpgp.passphrase_command) {
        _ if no_passphrase => None,
        (Some(command), _) => Some(secrets::from_command(&init::shell_words(command), purpose)?),
        (None, Some(command)) => Some(secrets::from_command(command, purpose)?),
        (None, None) => Some(ask_twice(app)?),
    };
    let fingerprint = generate_to(file, &config.address, name, passphrase.as_ref(), years, app.now)?;
    let revocation = revocation_path(file);
    let line = format!(
        "team key {}\nwrote {} (keep it private) and {} (keep it elsewhere: it revokes the key)\nnext: name {} in secret_keys of {}",
        grouped(&fingerprint),
        file.display(),
        revocation.display(),
        file.display(),
        config.file.display()
    );
    Ok(Done::new(Said {
        line,
        json: json!({"fingerprint": fingerprint, "file": file.to_string_lossy(), "revocation": revocation.to_string_lossy()}),
    }))
}

fn ask_twice(app: &App) -> Result<Password, Error> {
    let nobody = || {
        usage("the new key wants a passphrase, and nobody is there to be asked")
            .hint("add --passphrase-command COMMAND, or --no-passphrase")
    };
    let first = secrets::ask(app, "Passphrase for the new key").ok_or_else(nobody)?;
    let second = secrets::ask(app, "Once more").ok_or_else(nobody)?;
    if first.expose() != second.expose() {
        return Err(usage("the two passphrases differ; nothing was made"));
    }
    Ok(first)
}

fn revocation_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".rev");
    PathBuf::from(name)
}

/// Makes a team key in a new file, its revocation certificate beside it; gives the fingerprint.
pub fn generate_to(
    file: &Path,
    address: &str,
    name: Option<&str>,
    passphrase: Option<&Password>,
    years: u8,
    now: Timestamp,
) -> anyhow::Result<String> {
    let revocation = revocation_path(file);
    if std::fs::symlink_metadata(file).is_ok() {
        return Err(files::exists(file).into());
    }
    if revocation.exists() {
        let words = format!("{} is here, the key that it revokes is not", revocation.display());
        return Err(Error::new(Kind::File, words)
            .hint("move it away if that key was never used or lies elsewhere, then run again")
            .into());
    }
    let until = now.to_zoned(TimeZone::UTC).checked_add(i64::from(years).years())?.timestamp();
    let made = certs::generate(address, name, passphrase, Some(until), now)
        .map_err(|e| Error::new(Kind::Key, e.to_string()))?;
    // The key last: there is never one without the certificate that revokes it.
    files::write_new(&revocation, made.revocation.as_bytes())?;
    if let Err(e) = files::write_new(file, made.tsk.expose()) {
        let _ = std::fs::remove_file(&revocation);
        return Err(e.into());
    }
    Ok(made.fingerprint)
}

fn import(app: &App, file: &Path) -> anyhow::Result<Done> {
    let bytes = files::read(file, FILE_LIMIT)?;
    let found = certs::import(&bytes).map_err(|e| Error::new(Kind::Key, format!("{}: {e}", file.display())))?;
    let config = app.config()?;
    let mut ledger = books::write(&config, &books::stamp(app))?;
    let mut lines = Vec::new();
    let mut kept = Vec::new();
    for cert in &found.certs {
        let info = certs::describe(cert, app.now);
        let bytes = certs::to_bytes(cert).map_err(|e| Error::new(Kind::Key, e.to_string()))?;
        let addresses: Vec<&str> = info.user_ids.iter().filter_map(|u| u.address.as_deref()).collect();
        let address = addresses.first().copied().unwrap_or_default();
        ledger.import_cert(&info.fingerprint, address, &bytes, &books::stamp(app))?;
        lines.push(format!("kept {}  {}", grouped(&info.fingerprint), safe::line(&addresses.join(", "))));
        lines.push(format!(
            "  compare it with its owner, then: sealpost key pin {} {}",
            safe::word(address),
            info.fingerprint
        ));
        kept.push(json!({"fingerprint": info.fingerprint, "addresses": addresses}));
    }
    lines.extend(found.refused.iter().map(|e| format!("not taken: {}", safe::line(&e.to_string()))));
    let refused: Vec<String> = found.refused.iter().map(ToString::to_string).collect();
    Ok(Done::new(Said { line: lines.join("\n"), json: json!({"imported": kept, "refused": refused}) }))
}

fn export(app: &App, which: Option<&str>) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ring = keys::load(&config)?;
    let armored = match which {
        None => {
            let own = ring
                .own()
                .first()
                .ok_or_else(|| Error::new(Kind::Key, "there is no team key").hint("sealpost key generate makes one"))?;
            certs::export(own)
        }
        Some(which) => {
            let wanted = which.replace(' ', "").to_ascii_uppercase();
            let matches = |info: &CertInfo| {
                info.fingerprint == wanted
                    || info.user_ids.iter().any(|u| u.address.as_deref().is_some_and(|a| same_address(a, which)))
            };
            let in_ring = ring.own().iter().chain(ring.certs()).find(|c| matches(&certs::describe(c, app.now)));
            match in_ring {
                Some(cert) => certs::export(cert),
                None => {
                    let ledger = books::read(app, &config)?;
                    let stored = ledger.certs()?;
                    let cert = newest_versions(stored)
                        .into_iter()
                        .filter_map(|s| certs::import(&s.bytes).ok()?.certs.into_iter().next())
                        .find(|c| matches(&certs::describe(c, app.now)));
                    let cert = cert.ok_or_else(|| {
                        not_found(format!("there is no certificate {}", safe::line(which)))
                            .hint("sealpost key list shows all")
                    })?;
                    certs::export(&cert)
                }
            }
        }
    };
    let armored = armored.map_err(|e| Error::new(Kind::Key, e.to_string()))?;
    if app.json {
        return Ok(Done::new(Said { line: armored.clone(), json: json!({"certificate": armored}) }));
    }
    Ok(Done::new(Raw { bytes: armored.into_bytes() }))
}

fn pin(app: &App, address: &str, fingerprint: &str) -> anyhow::Result<Done> {
    let fingerprint = fingerprint.replace([' ', ':'], "").to_ascii_uppercase();
    let whole = matches!(fingerprint.len(), 40 | 64) && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    if !whole {
        return Err(usage("a fingerprint has 40 or 64 hexadecimal digits; give all of them").into());
    }
    if !address.contains('@') {
        return Err(usage(format!("{} is not an address", safe::line(address))).into());
    }
    let config = app.config()?;
    let mut ledger = books::write(&config, &books::stamp(app))?;
    let ring = keys::load(&config)?;
    if pinned_cert(&ledger, &ring, &fingerprint)?.is_none() {
        return Err(not_found(format!("no certificate {fingerprint} is kept"))
            .hint("sealpost key import FILE first; sealpost key list shows what there is")
            .into());
    }
    let before = ledger.pin(address)?;
    let what = What::Pinned { address: address.to_ascii_lowercase(), fingerprint: fingerprint.clone() };
    ledger.append(&[NewEvent { report: None, message: None, what }], &books::stamp(app))?;
    let instead = match before {
        Some(old) if old != fingerprint => format!(", instead of {}", grouped(&old)),
        _ => String::new(),
    };
    let line = format!("{} is pinned for {}{instead}", grouped(&fingerprint), safe::line(address));
    Ok(Done::new(Said { line, json: json!({"address": address, "fingerprint": fingerprint}) }))
}

/// The certificate of a fingerprint, all its known versions merged, so that no revocation is lost.
pub fn pinned_cert(ledger: &Ledger, ring: &Keyring, fingerprint: &str) -> Result<Option<certs::Certificate>, Error> {
    let mut merged: Option<certs::Certificate> =
        ring.certs().iter().find(|c| certs::fingerprint(c) == fingerprint).cloned();
    for stored in ledger.certs_called(fingerprint)? {
        let Ok(found) = certs::import(&stored.bytes) else { continue };
        for update in found.certs.into_iter().filter(|c| certs::fingerprint(c) == fingerprint) {
            merged = Some(match merged {
                None => update,
                Some(known) => certs::merge(&known, update).map_err(|e| Error::new(Kind::Key, e.to_string()))?,
            });
        }
    }
    Ok(merged)
}

/// Puts the certificates that a person pinned into the keyring: their signatures count.
pub fn add_pinned(ledger: &Ledger, ring: &mut Keyring) -> Result<(), Error> {
    for (_, fingerprint) in ledger.pins()? {
        if let Some(cert) = pinned_cert(ledger, ring, &fingerprint)? {
            ring.add_cert(cert);
        }
    }
    Ok(())
}

/// Certificates that are offered for an address and not pinned, newest last.
pub fn candidates(ledger: &Ledger, ring: &Keyring, address: &str, now: Timestamp) -> Result<Vec<CertInfo>, Error> {
    let mut found: Vec<CertInfo> = ring
        .certs()
        .iter()
        .filter(|c| certs::is_for_address(c, address, now))
        .map(|c| certs::describe(c, now))
        .collect();
    for stored in newest_versions(ledger.certs_for(address)?) {
        let gossip = stored.source == Some(crate::report::CertSource::Gossip);
        if gossip || found.iter().any(|c| c.fingerprint == stored.fingerprint) {
            continue;
        }
        let Ok(imported) = certs::import(&stored.bytes) else { continue };
        found.extend(imported.certs.iter().map(|c| certs::describe(c, now)));
    }
    Ok(found)
}
