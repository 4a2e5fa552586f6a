//! Anchors of the ledger: written, and held against it.

use std::path::{Path, PathBuf};

use super::keys::{self, Unlock};
use super::{App, files};
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::ledger::{Anchor, Ledger};
use crate::output::Raw;
use crate::output::health::AnchorView;
use crate::pgp::open::read_statement;
use crate::pgp::seal::{SigningKey, sign_statement};

/// More than any anchor.
const LARGEST: u64 = 64 * 1024;
/// More anchors than this in one folder are not looked at.
const MOST: usize = 10_000;

/// Where an anchor went.
pub enum Written {
    /// To this file.
    File(String),
    /// To standard output, in a moment.
    ToPrint(Raw),
}

/// Signs the end of the history as it is now.
pub fn write(app: &App, config: &Config, ledger: &Ledger, to: &Path) -> anyhow::Result<Written> {
    let mut ring = keys::load(config)?;
    keys::unlock(app, config, &mut ring, Unlock::Must)?;
    let signers = ring.own().iter().map(|own| SigningKey::of_ring(own, &ring, app.now));
    let mut signer = signers
        .reduce(|first, next| first.or(next))
        .ok_or_else(|| {
            Error::new(Kind::Key, "there is no key of ours to sign the anchor with").hint("name it in secret_keys")
        })?
        .map_err(|e| Error::new(Kind::Key, format!("no anchor was written: {e}")))?;
    let anchor = ledger.anchor(app.now)?;
    let signed = sign_statement(&anchor.text(), &mut signer, app.now)
        .map_err(|e| Error::new(Kind::Key, format!("no anchor was written: {e}")))?;
    if to == Path::new("-") {
        return Ok(Written::ToPrint(Raw { bytes: signed }));
    }
    let file = if to.is_dir() {
        to.join(format!("anchor-{}-{}.asc", app.now.strftime("%Y-%m-%dT%H%M%SZ"), anchor.events))
    } else {
        to.to_owned()
    };
    files::write_new(&file, &signed)?;
    Ok(Written::File(file.to_string_lossy().into_owned()))
}

/// Holds the ledger against every anchor that was named.
pub fn compare(app: &App, config: &Config, ledger: &Ledger, named: &[PathBuf]) -> anyhow::Result<Vec<AnchorView>> {
    let ring = keys::load(config)?;
    let mut views = Vec::new();
    for path in named {
        for file in anchors(path)? {
            let mut view = AnchorView { file: file.to_string_lossy().into_owned(), ..AnchorView::default() };
            let bytes = files::read(&file, LARGEST)?;
            match read_statement(&bytes, &ring, app.now) {
                Err(e) => view.problem = Some(e.to_string().into()),
                Ok(statement) => match Anchor::read(&statement.text) {
                    None => view.problem = Some("it is signed by us, and it is no anchor".into()),
                    Some(anchor) => {
                        (view.at, view.events) = (Some(anchor.at), Some(anchor.events));
                        view.signed_by = Some(statement.by);
                        view.problem = ledger.against(&anchor)?.map(Into::into);
                    }
                },
            }
            view.ok = view.problem.is_none();
            views.push(view);
        }
    }
    Ok(views)
}

/// The file itself, or what lies in the folder. A folder without one proves nothing, which must not look like proof.
fn anchors(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let cannot = |e: std::io::Error| files::cannot("read", path, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        if file.extension().is_some_and(|e| e == "asc") && found.len() < MOST {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(Error::new(Kind::File, format!("there is no anchor (*.asc) in {}", path.display()))
            .hint(format!("sealpost audit --write-anchor {}", path.display())));
    }
    found.sort();
    Ok(found)
}
