//! Mail from files: single mails, mbox files, Maildir folders, standard input. Nothing is ever written to them.
//!
//! Memory is bounded by [`Limits`], whatever the size of a file or the length of its lines.

pub(crate) mod header;
mod maildir;
mod mbox;

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;

use super::{Direction, Fetched, Limits, Progress, Sighting, Sink, Summary, WireError};

/// What a path holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One mail (or anything else that is to be opened as one).
    Single,
    /// An mbox file: it begins with a `From ` line.
    Mbox,
    /// A folder with `cur` and `new`.
    Maildir,
    /// A folder of `.eml` and `.mbox` files.
    Folder,
}

/// Says what `path` is. Symbolic links, pipes and devices are refused: a mail source is a plain file or folder.
pub fn kind(path: &Path) -> Result<Kind, WireError> {
    let metadata = std::fs::symlink_metadata(path).map_err(|e| unreadable(path, &e))?;
    if metadata.is_dir() {
        let is_folder = |name: &str| std::fs::symlink_metadata(path.join(name)).is_ok_and(|m| m.is_dir());
        return Ok(if is_folder("cur") || is_folder("new") { Kind::Maildir } else { Kind::Folder });
    }
    let mut file = open(path)?;
    let mut start = Vec::new();
    file.by_ref().take(5).read_to_end(&mut start).map_err(|e| unreadable(path, &e))?;
    match start.as_slice() {
        [] => Err(malformed(path, "line 1", "the file is empty")),
        b"From " => Ok(Kind::Mbox),
        _ => Ok(Kind::Single),
    }
}

/// Reads every mail in `path`, whichever kind it is, into `sink`.
///
/// # Errors
///
/// Whatever was handed over before the error stays with the sink; reading again hands it over again.
pub fn read(
    path: &Path,
    direction: Direction,
    limits: &Limits,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, WireError> {
    let absolute = std::path::absolute(path).map_err(|e| unreadable(path, &e))?;
    let kind = kind(&absolute)?;
    let scheme = if kind == Kind::Maildir { "maildir" } else { "file" };
    let label = format!("{scheme}:{}", absolute.display());
    let mut tray = Tray::new(label, direction, limits, sink, progress);
    match kind {
        Kind::Single => single(&absolute, None, &mut tray)?,
        Kind::Mbox => mbox::read(open(&absolute)?, &absolute, &mut tray)?,
        Kind::Maildir => maildir::read(&absolute, &mut tray)?,
        Kind::Folder => folder(&absolute, &mut tray)?,
    }
    tray.finish()
}

/// Reads one mail from an open stream, such as standard input; `now` stands for the file's time.
pub fn read_stream(
    input: &mut dyn Read,
    now: Timestamp,
    direction: Direction,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<Summary, WireError> {
    let path = Path::new("-");
    let (raw, truncated) = bytes(input, limits).map_err(|e| unreadable(path, &e))?;
    if raw.is_empty() {
        return Err(malformed(path, "line 1", "there is nothing to read"));
    }
    let mut ignore = |_| ();
    let mut tray = Tray::new("stdin:".to_owned(), direction, limits, sink, &mut ignore);
    let received_at = header::received(&raw).or(Some(now));
    tray.put("-".to_owned(), raw, received_at, truncated)?;
    tray.finish()
}

/// A folder of mails may have a file of this name: lines of a file name, a tab and an instant (RFC 3339). It says better
/// than a mail itself when the mail was received. A rescue of a damaged ledger writes it.
pub const RECEIVED_AT: &str = "received-at.tsv";

/// More than this of such a file is not read.
const LARGEST_LIST: u64 = 64 << 20;

/// The times that a folder's list gives, by file name. A broken line gives none.
fn listed_times(folder: &Path) -> Result<HashMap<String, Timestamp>, WireError> {
    let path = folder.join(RECEIVED_AT);
    if std::fs::symlink_metadata(&path).is_err() {
        return Ok(HashMap::new());
    }
    let mut text = String::new();
    open(&path)?.take(LARGEST_LIST).read_to_string(&mut text).map_err(|e| unreadable(&path, &e))?;
    let pair = |line: &str| line.split_once('\t').and_then(|(name, at)| Some((name.to_owned(), at.parse().ok()?)));
    Ok(text.lines().filter_map(pair).collect())
}

fn single(path: &Path, listed: Option<Timestamp>, tray: &mut Tray<'_>) -> Result<(), WireError> {
    let mut file = open(path)?;
    let metadata = file.metadata().map_err(|e| unreadable(path, &e))?;
    let (raw, truncated) = bytes(&mut file, tray.limits).map_err(|e| unreadable(path, &e))?;
    let received_at = listed.or_else(|| header::received(&raw)).or_else(|| modified(&metadata));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    tray.put(name, raw, received_at, truncated)
}

fn folder(path: &Path, tray: &mut Tray<'_>) -> Result<(), WireError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| unreadable(path, &e))? {
        let entry = entry.map_err(|e| unreadable(path, &e))?.path();
        if entry.extension().is_some_and(|e| e.eq_ignore_ascii_case("eml") || e.eq_ignore_ascii_case("mbox")) {
            paths.push(entry);
        }
    }
    if paths.is_empty() {
        return Err(malformed(path, "folder", "no Maildir (no cur and new in it), and no .eml or .mbox files"));
    }
    paths.sort();
    let times = listed_times(path)?;
    for path in paths {
        match kind(&path)? {
            Kind::Mbox => tray.within(&path, |tray| mbox::read(open(&path)?, &path, tray))?,
            Kind::Single => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                single(&path, times.get(&*name).copied(), tray)?;
            }
            Kind::Maildir | Kind::Folder => {}
        }
    }
    Ok(())
}

/// Opens a plain file and nothing else; a link, or a pipe put in its place meanwhile, is refused without waiting.
fn open(path: &Path) -> Result<File, WireError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|e| match e.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            malformed(path, "file", "a symbolic link: name the file it points to")
        }
        _ => unreadable(path, &e),
    })?;
    if file.metadata().is_ok_and(|m| m.is_file()) {
        Ok(file)
    } else {
        Err(malformed(path, "file", "neither a plain file nor a folder"))
    }
}

/// All bytes, or the beginning and the whole size where there are more than the limit allows.
fn bytes(input: &mut dyn Read, limits: &Limits) -> std::io::Result<(Vec<u8>, Option<u64>)> {
    let mut raw = Vec::new();
    input.take(limits.message.saturating_add(1)).read_to_end(&mut raw)?;
    if raw.len() as u64 <= limits.message {
        return Ok((raw, None));
    }
    let rest = std::io::copy(input, &mut std::io::sink())?;
    let whole = (raw.len() as u64).saturating_add(rest);
    header::keep_beginning(&mut raw, limits);
    Ok((raw, Some(whole)))
}

fn modified(metadata: &Metadata) -> Option<Timestamp> {
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

fn unreadable(path: &Path, e: &std::io::Error) -> WireError {
    let reason = match e.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => e.to_string(),
    };
    WireError::Unreadable { path: path.to_owned(), reason }
}

fn malformed(path: &Path, place: &str, reason: &str) -> WireError {
    WireError::Malformed { path: path.to_owned(), place: place.to_owned(), reason: reason.to_owned() }
}

/// Collects mail until a batch is full.
struct Tray<'a> {
    label: String,
    direction: Direction,
    limits: &'a Limits,
    sink: &'a mut dyn Sink,
    progress: &'a mut dyn FnMut(Progress),
    mail: Vec<Fetched>,
    bytes: u64,
    total: u64,
    summary: Summary,
}

impl<'a> Tray<'a> {
    fn new(
        label: String,
        direction: Direction,
        limits: &'a Limits,
        sink: &'a mut dyn Sink,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Tray<'a> {
        let summary = Summary { mailbox: label.clone(), ..Summary::default() };
        Tray { label, direction, limits, sink, progress, mail: Vec::new(), bytes: 0, total: 0, summary }
    }

    /// Works under another name for a while: a file of its own inside a folder.
    fn within(&mut self, path: &Path, work: impl FnOnce(&mut Self) -> Result<(), WireError>) -> Result<(), WireError> {
        self.hand_over()?;
        let before = std::mem::replace(&mut self.label, format!("file:{}", path.display()));
        work(self)?;
        self.hand_over()?;
        self.label = before;
        Ok(())
    }

    fn sighting(&self, key: &str) -> Sighting {
        Sighting { mailbox: self.label.clone(), epoch: 0, key: key.to_owned() }
    }

    fn put(
        &mut self,
        key: String,
        raw: Vec<u8>,
        received_at: Option<Timestamp>,
        truncated: Option<u64>,
    ) -> Result<(), WireError> {
        let size = raw.len() as u64;
        let is_full = self.mail.len() >= self.limits.batch_count || self.bytes + size > self.limits.batch_bytes;
        if is_full {
            self.hand_over()?;
        }
        self.bytes += size;
        let sighting = self.sighting(&key);
        self.mail.push(Fetched { raw, received_at, sighting, direction: self.direction, truncated });
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), WireError> {
        let mail = std::mem::take(&mut self.mail);
        let bytes = std::mem::take(&mut self.bytes);
        if mail.is_empty() {
            return Ok(());
        }
        self.summary.seen += mail.len() as u64;
        self.summary.bytes += bytes;
        self.sink.batch(&self.label, mail, None).map_err(WireError::Sink)?;
        let (done, bytes) = (self.summary.seen, self.summary.bytes);
        (self.progress)(Progress { done, total: self.total.max(done), bytes });
        Ok(())
    }

    fn finish(mut self) -> Result<Summary, WireError> {
        self.hand_over()?;
        Ok(self.summary)
    }
}
