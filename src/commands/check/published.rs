//! The published copies of our key against the one in use: the files that SECURITY.md and security.txt name, and `keys/`
//! beside them. Addresses on the network are named and not fetched: this program speaks to the mail servers alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::clock::published::whereabouts::{self, Expires, Named, Place};
use crate::commands::{App, desk, files, keys};
use crate::config::Config;
use crate::message::same_address;
use crate::output::health::{Finding, judge};
use crate::pgp::certs::published::{self, CopyFlaw};
use crate::pgp::certs::{self, Certificate};
use crate::safe;

use super::own::short;

/// More than any certificate, and than any policy.
const LIMIT: u64 = 4 << 20;
/// Files of `keys/` that are looked at.
const MOST_FILES: usize = 64;
/// Addresses that are named.
const NAMED: usize = 3;

/// Looks at every copy that can be found from the policy.
pub fn look(app: &App, config: &Config) -> Vec<Finding> {
    // What is wrong with the keys themselves, or with the policy, is told where those are looked at.
    let (Some(policy), Ok(ring)) = (&config.policy, keys::load(config)) else { return Vec::new() };
    if ring.own().is_empty() {
        return Vec::new();
    }
    let mut watch = Watch {
        app,
        config,
        own: ring.own(),
        roots: roots(policy),
        seen: BTreeSet::new(),
        urls: Vec::new(),
        found: Vec::new(),
    };
    if let Ok(bytes) = files::read(policy, LIMIT) {
        watch.document(policy, &String::from_utf8_lossy(&bytes));
    }
    watch.security_txt();
    watch.folders();
    watch.finish()
}

/// Where a document's paths may start: its own folder, and the repository where that is a folder for such documents.
fn roots(policy: &Path) -> Vec<PathBuf> {
    let folder = policy.parent().unwrap_or(Path::new(".")).to_owned();
    let above = folder.file_name().filter(|n| [".github", ".gitlab", "docs"].iter().any(|d| n == d));
    let parent = above.and_then(|_| folder.parent()).map(Path::to_owned);
    std::iter::once(folder).chain(parent).collect()
}

struct Watch<'a> {
    app: &'a App,
    config: &'a Config,
    own: &'a [Certificate],
    roots: Vec<PathBuf>,
    /// Files that were compared, so that each is told once.
    seen: BTreeSet<PathBuf>,
    urls: Vec<String>,
    found: Vec<Finding>,
}

impl Watch<'_> {
    /// A SECURITY.md: the fingerprints in its text, the files that it names.
    fn document(&mut self, path: &Path, text: &str) {
        let name = file_name(path);
        let mut fingerprints = match desk::published_policy(self.config) {
            Ok(Some((_, policy))) => policy.pgp_fingerprints,
            _ => Vec::new(),
        };
        let named = whereabouts::named(text);
        fingerprints.extend(named.iter().filter_map(|n| match &n.place {
            Place::Fingerprint(fingerprint) => Some(fingerprint.clone()),
            _ => None,
        }));
        self.fingerprints(&name, &fingerprints);
        let roots = self.roots.clone();
        named.iter().for_each(|n| self.place(&name, n, &roots));
    }

    fn fingerprints(&mut self, document: &str, named: &[String]) {
        if named.is_empty() {
            return;
        }
        let of_ours = |f: &String| self.own.iter().find(|cert| published::is_named(cert, f));
        let strangers: Vec<&str> = named.iter().filter(|f| of_ours(f).is_none()).map(|f| short(f)).collect();
        let ours: Vec<&Certificate> = named.iter().filter_map(of_ours).collect();
        let usable = ours.iter().any(|cert| certs::describe(cert, self.app.now).usable.is_ok());
        let publish = format!("publish {}", self.own.first().map(certs::fingerprint).unwrap_or_default());
        let finding = if ours.is_empty() {
            let words = format!(
                "{document} names the key {}, which is none of ours: reports sealed to it cannot be read here",
                strangers.join(", ")
            );
            Finding::fail("published", words).hint(publish)
        } else if !usable {
            Finding::fail("published", format!("{document} names a key of ours that nobody can encrypt to any more"))
                .hint(publish)
        } else if !strangers.is_empty() {
            let words = format!(
                "{document} names our key and also {}: reports sealed to that alone cannot be read here",
                strangers.join(", ")
            );
            Finding::warn("published", words).hint("add its secret to secret_keys, or take it out of the document")
        } else {
            Finding::ok("published", format!("{document} names the fingerprint of the key in use"))
        };
        self.found.push(finding);
    }

    /// One place that a document names. A path is tried from each root.
    fn place(&mut self, document: &str, named: &Named, roots: &[PathBuf]) {
        let at = |path: &str| {
            // A path from the root is one from the root of the site or of the repository.
            roots.iter().map(|root| root.join(path.trim_start_matches('/'))).find(|p| p.is_file())
        };
        match &named.place {
            Place::Fingerprint(_) => {}
            Place::File(path) => match at(path) {
                Some(file) => self.compare(&file, true),
                // A word that only looks like a file may be an example: `gpg --encrypt report.asc`.
                None if named.linked => {
                    let words = format!("{document}, line {}: {} is not there", named.line, safe::short(path, 80));
                    self.found.push(
                        Finding::warn("published", words).hint("sealpost key export > FILE writes the certificate"),
                    );
                }
                None => {}
            },
            Place::Url(url) => match whereabouts::path_of(url).and_then(at) {
                // What lies beside the document is what will be at the address.
                Some(file) => self.compare(&file, true),
                None => self.urls.push(safe::short(url, 80)),
            },
        }
    }

    fn security_txt(&mut self) {
        for root in self.roots.clone() {
            for name in [".well-known/security.txt", "security.txt"] {
                let path = root.join(name);
                let Ok(bytes) = files::read(&path, LIMIT) else { continue };
                let read = whereabouts::security_txt(&String::from_utf8_lossy(&bytes));
                let shown = path.display().to_string();
                self.found.push(match read.expires {
                    Expires::At(at) => judge::security_txt(&shown, at, &self.config.calendar.now(self.app.now)),
                    Expires::Missing => {
                        Finding::warn("security.txt", format!("{shown}: it has no Expires, which RFC 9116 demands"))
                            .hint("Expires: a date within a year")
                    }
                    Expires::Unreadable(text) => Finding::warn(
                        "security.txt",
                        format!("{shown}: Expires is no time of RFC 3339: {}", safe::short(&text, 40)),
                    )
                    .hint("Expires: 2027-01-01T00:00:00Z"),
                });
                let fingerprints: Vec<String> = read
                    .encryption
                    .iter()
                    .filter_map(|n| match &n.place {
                        Place::Fingerprint(f) => Some(f.clone()),
                        _ => None,
                    })
                    .collect();
                self.fingerprints(&shown, &fingerprints);
                // The server's root is above `.well-known`.
                let folder = path.parent().map(Path::to_owned);
                let roots: Vec<PathBuf> = std::iter::once(root.clone()).chain(folder).collect();
                read.encryption.iter().for_each(|n| self.place(&shown, n, &roots));
            }
        }
    }

    /// `keys/` beside the policy: copies of ours in it, and keys for our address that are not ours. What else lies there is
    /// nobody's business here.
    fn folders(&mut self) {
        for root in self.roots.clone() {
            let entries = std::fs::read_dir(root.join("keys")).into_iter().flatten().flatten();
            let mut all: Vec<PathBuf> =
                entries.map(|e| e.path()).filter(|p| p.is_file() && is_key_file(p)).take(MOST_FILES).collect();
            all.sort();
            all.iter().for_each(|file| self.compare(file, false));
        }
    }

    /// One file with a copy. `published`: a document sends reporters to it.
    fn compare(&mut self, file: &Path, published: bool) {
        let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let configured = self.config.openpgp.secret_keys.iter().any(|p| p.canonicalize().is_ok_and(|p| p == real));
        if !self.seen.insert(real) || configured && !published {
            return;
        }
        let shown = file.display().to_string();
        let (certs, problems) = match files::read(file, LIMIT) {
            Ok(bytes) => published::read_all(&bytes),
            Err(e) => (Vec::new(), vec![e.message]),
        };
        if certs.is_empty() {
            if published {
                let why = problems.first().map_or("there is no key in it", String::as_str);
                self.found.push(
                    Finding::warn("published", format!("{shown}: {}", safe::short(why, 120)))
                        .hint("sealpost key export > FILE writes the certificate"),
                );
            }
            return;
        }
        let before = self.found.len();
        for copy in &certs {
            match self.own.iter().find(|own| certs::fingerprint(own) == certs::fingerprint(copy)) {
                Some(own) => self.copy(&shown, own, copy),
                None if !published => self.another(&shown, copy),
                None => {}
            }
        }
        if published && self.found.len() == before {
            let theirs: Vec<String> =
                certs.iter().take(NAMED).map(|c| short(&certs::fingerprint(c)).to_owned()).collect();
            let words = format!(
                "{shown} is the key {}, which is none of ours: reports sealed to it cannot be read here",
                theirs.join(", ")
            );
            self.found.push(Finding::fail("published", words).hint("replace it: sealpost key export > FILE"));
        }
    }

    fn copy(&mut self, shown: &str, own: &Certificate, copy: &Certificate) {
        let flaws = published::flaws(own, copy, self.app.now);
        if flaws.is_empty() {
            self.found.push(Finding::ok("published", format!("{shown} is the key in use, as it is")));
        }
        for flaw in flaws {
            let words = format!("{shown}: {}", safe::line(&flaw.to_string()));
            let hint = match flaw {
                CopyFlaw::HoldsSecret => "take it away; if anybody can have seen it, revoke the key and make a new one",
                _ => "replace it: sealpost key export > FILE, and publish that",
            };
            let finding =
                if flaw.is_grave() { Finding::fail("published", words) } else { Finding::warn("published", words) };
            self.found.push(finding.hint(hint));
        }
    }

    fn another(&mut self, shown: &str, cert: &Certificate) {
        let addresses = certs::addresses(cert);
        let ours = std::iter::once(&self.config.address).chain(&self.config.aliases);
        for address in ours.filter(|ours| addresses.iter().any(|a| same_address(a, ours))) {
            let fingerprint = certs::fingerprint(cert);
            let words = format!(
                "{shown} is the key {} for {}, which is none of ours",
                short(&fingerprint),
                safe::short(address, 60)
            );
            self.found.push(
                Finding::warn("published", words)
                    .hint("a reporter may take it: remove it, or add its secret to secret_keys"),
            );
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.urls.sort();
        self.urls.dedup();
        if !self.urls.is_empty() {
            let more = self.urls.len().saturating_sub(NAMED);
            let mut shown: Vec<String> = self.urls.iter().take(NAMED).cloned().collect();
            if more > 0 {
                shown.push(format!("{more} more"));
            }
            let words = format!("not looked at, since nothing is fetched here: {}", shown.join(", "));
            self.found.push(Finding::ok("published", words));
        }
        self.found
    }
}

fn is_key_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["asc", "pgp", "gpg", "key", "pub"].iter().any(|k| e.eq_ignore_ascii_case(k)))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| safe::short(&n.to_string_lossy(), 80)).unwrap_or_default()
}
