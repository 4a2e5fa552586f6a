//! `sealpost backup FILE`

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, Unlock};
use super::{App, Done, books, files};
use crate::cli::backup::Args;
use crate::config::Config;
use crate::error::{Error, Kind, usage};
use crate::ledger::{LedgerError, Snapshot};
use crate::output::backup::Backup;
use crate::pgp::keyring::Keyring;
use crate::pgp::open::{FileError, Unwrapped, decrypt_file};
use crate::pgp::seal::{SealError, SigningKey, encrypt_file};

/// How long the record of a finished backup waits for another run to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let file = target(app, &args.file)?;
    let ledger = books::read(app, &config)?;
    let key = books::key(&config)?;
    let mut ring = keys::load(&config)?;
    let locked = keys::unlock(app, &config, &mut ring, Unlock::IfPossible).err();
    let snapshot = ledger.snapshot(&key, app.now)?;
    drop(ledger);
    let partial = Partial::new(&file)?;
    let (signed_by, encrypted_to) = write(app, &ring, &snapshot, &partial)?;
    let proof = prove(app, &ring, &snapshot, &partial)?;
    let bytes = partial.put_in_place()?;
    let mut view = Backup {
        file: file.to_string_lossy().into_owned(),
        bytes,
        made_at: snapshot.manifest().made_at,
        events: snapshot.manifest().events,
        messages: snapshot.manifest().messages,
        head: snapshot.manifest().head.clone(),
        encrypted_to,
        signed_by,
        verified: false,
        unverified: None,
        recorded: true,
        problems: snapshot.problems().iter().map(|problem| problem.clone().into()).collect(),
    };
    match proof {
        Proof::Whole => view.verified = view.problems.is_empty(),
        Proof::NoKey(reason) => view.unverified = Some(locked.map_or(reason, |e| e.message).into()),
    }
    view.recorded = record(app, &config, &snapshot, view.verified);
    let status = u8::from(!view.problems.is_empty());
    let mut done = Done::new(view).zone(&config.calendar.zone);
    done.status = status;
    Ok(done)
}

/// The file to write: in a folder, one named for the moment.
fn target(app: &App, path: &Path) -> Result<PathBuf, Error> {
    if path == Path::new("-") {
        return Err(usage("a backup is read back after it was written, so it needs a file")
            .hint("sealpost backup FILE, then copy it wherever you like"));
    }
    let file = if path.is_dir() {
        path.join(format!("sealpost-{}.pgp", app.now.strftime("%Y-%m-%dT%H%M%SZ")))
    } else {
        path.to_owned()
    };
    refuse_existing(&file)?;
    files::folder_exists(&file)?;
    std::path::absolute(&file).map_err(|e| files::cannot("write", &file, &e))
}

fn refuse_existing(file: &Path) -> Result<(), Error> {
    if std::fs::symlink_metadata(file).is_ok() { Err(files::exists(file)) } else { Ok(()) }
}

/// Encrypts the snapshot into the file, signed where a key can sign.
fn write(
    app: &App,
    ring: &Keyring,
    snapshot: &Snapshot,
    partial: &Partial,
) -> anyhow::Result<(Option<String>, Vec<String>)> {
    let mut signer = ring.own().iter().find_map(|own| SigningKey::of_ring(own, ring, app.now).ok());
    let signed_by = signer.as_ref().map(|s| crate::pgp::certs::fingerprint(s.cert()));
    let mut out = BufWriter::with_capacity(1 << 16, partial.file()?);
    let fill = |plain: &mut dyn std::io::Write| Ok(snapshot.write_to(plain)?);
    let ((), encrypted_to) = encrypt_file::<_, _, anyhow::Error>(ring.own(), signer.as_mut(), app.now, &mut out, fill)
        .map_err(|e| e.downcast::<SealError>().map_or_else(|e| e, |e| sealing(&e).into()))?;
    let file = out.into_inner().map_err(|e| partial.cannot("write", e.error()))?;
    file.sync_all().map_err(|e| partial.cannot("write", &e))?;
    Ok((signed_by, encrypted_to))
}

fn sealing(e: &SealError) -> Error {
    Error::new(Kind::Key, format!("no backup was written: {e}"))
        .hint("a backup is encrypted to our own key, named in secret_keys; sealpost key check looks at it")
}

enum Proof {
    Whole,
    NoKey(String),
}

/// Restores what was written, into a file that goes again.
fn prove(app: &App, ring: &Keyring, snapshot: &Snapshot, partial: &Partial) -> anyhow::Result<Proof> {
    let file = File::open(&partial.path).map_err(|e| partial.cannot("read", &e))?;
    let read = decrypt_file::<_, anyhow::Error>(file, ring, app.now, |plain| Ok(snapshot.read_back(plain)?));
    match read.map_err(|e| e.downcast::<FileError>()) {
        Ok(((), Unwrapped { .. })) => Ok(Proof::Whole),
        Err(Ok(FileError::NoKey(reason))) => Ok(Proof::NoKey(reason)),
        Err(Ok(e)) => {
            Err(Error::new(Kind::Failed, format!("the backup was not written right, and is gone: {e}")).into())
        }
        Err(Err(e)) => Err(e),
    }
}

/// The backup is done; that it cannot be recorded just now does not undo it.
fn record(app: &App, config: &Config, snapshot: &Snapshot, verified: bool) -> bool {
    let recorded = books::write_soon(app, config, PATIENCE).and_then(|mut ledger| {
        Ok::<(), LedgerError>(ledger.backed_up(snapshot.manifest(), verified, &books::stamp(app))?).map_err(Error::from)
    });
    recorded.is_ok()
}

/// The file under another name, until it is whole. Gone when dropped before that. Errors speak of the file that was asked for.
struct Partial {
    path: PathBuf,
    wanted: PathBuf,
}

impl Partial {
    fn new(file: &Path) -> Result<Partial, Error> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let partial =
            Partial { path: file.with_file_name(format!(".{name}.sealpost-partial")), wanted: file.to_owned() };
        // What a backup that was killed left behind; nobody else uses such a name.
        match std::fs::remove_file(&partial.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(partial.cannot("write", &e)),
            _ => Ok(partial),
        }
    }

    fn file(&self) -> Result<File, Error> {
        files::create_new_as(&self.path, &self.wanted)
    }

    fn cannot(&self, what: &str, e: &std::io::Error) -> Error {
        files::cannot(what, &self.wanted, e)
    }

    /// Gives it its name, durably, never over another file; gives its size.
    fn put_in_place(self) -> Result<u64, Error> {
        let size = std::fs::metadata(&self.path).map_err(|e| self.cannot("write", &e))?.len();
        refuse_existing(&self.wanted)?;
        files::give_name(&self.path, &self.wanted)?;
        Ok(size)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
