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
/// Of more anchors than this in one folder the first by name, which are the oldest, are passed over, and that is told.
const MOST: usize = 10_000;
/// Anchors that can be written to one folder within one second, about one state of the ledger.
const MOST_ALIKE: u32 = 1000;

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
        let stem = format!("anchor-{}-{}", app.now.strftime("%Y-%m-%dT%H%M%SZ"), anchor.events);
        write_into(to, &stem, &signed)?
    } else {
        files::write_new(to, &signed)?;
        to.to_owned()
    };
    Ok(Written::File(file.to_string_lossy().into_owned()))
}

/// Writes a file that nobody has written yet: two runs of one second would give it the same name.
fn write_into(folder: &Path, stem: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
    for number in 1..=MOST_ALIKE {
        let name = if number == 1 { format!("{stem}.asc") } else { format!("{stem}-{number}.asc") };
        let file = folder.join(name);
        if files::write_unless_taken(&file, bytes)? {
            return Ok(file);
        }
    }
    Err(files::exists(&folder.join(format!("{stem}.asc"))))
}

/// What came of holding the ledger against anchors.
pub struct Compared {
    /// One for each that was looked at.
    pub views: Vec<AnchorView>,
    /// Those that were too many to be looked at.
    pub passed_over: u64,
}

/// Holds the ledger against every anchor that was named.
pub fn compare(app: &App, config: &Config, ledger: &Ledger, named: &[PathBuf]) -> anyhow::Result<Compared> {
    let ring = keys::load(config)?;
    let (mut views, mut passed_over) = (Vec::new(), 0);
    for path in named {
        let (files, over) = anchors(path)?;
        passed_over += over;
        for file in files {
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
    Ok(Compared { views, passed_over })
}

/// The file itself, or what lies in the folder, and how many of those are passed over. A folder without one proves nothing,
/// which must not look like proof.
fn anchors(path: &Path) -> Result<(Vec<PathBuf>, u64), Error> {
    if !path.is_dir() {
        return Ok((vec![path.to_owned()], 0));
    }
    let cannot = |e: std::io::Error| files::cannot("read", path, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        if file.extension().is_some_and(|e| e == "asc") {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(Error::new(Kind::File, format!("there is no anchor (*.asc) in {}", path.display()))
            .hint(format!("sealpost audit --write-anchor {}", path.display())));
    }
    found.sort();
    let over = found.len().saturating_sub(MOST);
    found.drain(..over);
    Ok((found, over as u64))
}
