//! Who else may read or change what the configuration names.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::commands::files;
use crate::config::{Config, MailerConfig, Source};
use crate::output::health::Finding;

/// The configuration names commands that print secrets, and keys are secrets; of the ledger, its folder and its key the
/// ledger itself refuses what is open to others.
pub fn look(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let secret = std::iter::once(&config.file).chain(&config.openpgp.secret_keys);
    for path in secret.filter(|p| p.exists()) {
        if let Err(e) = files::refuse_loose(path) {
            found.push(Finding::fail("permission", e.message).hint(e.hints.join("; ")));
        }
    }
    for path in trusted(config) {
        found.extend(writable(&path));
    }
    if found.is_empty() {
        found.push(Finding::ok("permission", "configuration and keys are closed to others"));
    }
    for path in authorities(config).filter(|p| !p.is_file()) {
        found.push(
            Finding::fail("files", format!("ca_file {} is not there", path.display()))
                .hint("name the PEM file of your authority"),
        );
    }
    found
}

/// Public things that decide whom we believe: whoever can change them can add a certificate of his own.
fn trusted(config: &Config) -> Vec<PathBuf> {
    config.openpgp.certs.iter().cloned().chain(authorities(config).cloned()).collect()
}

fn authorities(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let imap = match &config.source {
        Source::Imap(server) => server.ca_file.as_ref(),
        Source::Maildir { .. } => None,
    };
    let smtp = match &config.mailer {
        Some(MailerConfig::Smtp(server)) => server.ca_file.as_ref(),
        _ => None,
    };
    let same = imap == smtp;
    imap.into_iter().chain(smtp.filter(move |_| !same))
}

fn writable(path: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o022 != 0).then(|| {
        Finding::warn(
            "permission",
            format!("{} decides whom we believe and may be changed by others (mode {mode:04o})", path.display()),
        )
        .hint(format!("chmod go-w {}", path.display()))
    })
}
