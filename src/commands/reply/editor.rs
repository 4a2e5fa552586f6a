//! A draft in a person's editor: in a private folder in memory, wiped and removed afterwards, whatever happens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use crate::commands::App;
use crate::commands::files::cannot;
use crate::error::{Error, Kind};

/// The kernel's name for a file system that lives in memory (statfs(2)).
const TMPFS: u64 = 0x0102_1994;
/// The same, for ramfs.
const RAMFS: u64 = 0x8584_58f6;

/// Lets a person write; gives the text.
pub fn edit(app: &App, begin: &str) -> Result<String, Error> {
    let folder = Draft::new(app)?;
    let file = folder.path.join("answer.txt");
    let mut open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .map_err(|e| cannot("write", &file, &e))?;
    open.write_all(begin.as_bytes()).map_err(|e| cannot("write", &file, &e))?;
    drop(open);
    let (program, arguments) = editor();
    let status =
        Command::new(&program).args(&arguments).arg(&file).status().map_err(|e| {
            Error::new(Kind::Failed, format!("cannot start the editor {program}: {e}")).hint("set $EDITOR")
        })?;
    if !status.success() {
        return Err(Error::new(Kind::Failed, format!("the editor left with {status}; nothing was sent")));
    }
    let mut text = Zeroizing::new(String::new());
    fs::File::open(&file).and_then(|mut f| f.read_to_string(&mut text)).map_err(|e| cannot("read", &file, &e))?;
    Ok(text.as_str().to_owned())
}

/// `$VISUAL`, `$EDITOR`, or vi; words are separated by spaces.
fn editor() -> (String, Vec<String>) {
    let named = ["VISUAL", "EDITOR"].iter().find_map(|n| std::env::var(n).ok()).filter(|v| !v.trim().is_empty());
    let line = named.unwrap_or_else(|| "vi".into());
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap_or_else(|| "vi".into()), words.collect())
}

/// A folder of mode 0700 on a file system that lives in memory; everything in it is overwritten and removed on drop.
struct Draft {
    path: PathBuf,
    /// Locked for as long as we live, however we end: a folder that nobody holds is a dead run's.
    _held: File,
}

/// How the folders are named, before 16 random digits.
const PREFIX: &str = "sealpost-draft-";

/// Wipes and removes the drafts of runs that were killed.
pub fn sweep(app: &App) {
    let entries = places(app).filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
    let ours = entries.filter(|e| e.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)));
    for path in ours.map(|e| e.path()) {
        let mine =
            fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir() && m.uid() == rustix::process::geteuid().as_raw());
        if mine && hold(&path).is_some() {
            clear(&path);
        }
    }
}

/// Where memory has folders.
fn places(app: &App) -> impl Iterator<Item = PathBuf> {
    let named = app.around.runtime.iter().cloned();
    let all: Vec<PathBuf> = named.chain([PathBuf::from("/dev/shm"), PathBuf::from("/run")]).collect();
    all.into_iter().filter(|place| in_memory(place))
}

/// The lock of a folder; `None` where another run has it.
fn hold(folder: &Path) -> Option<File> {
    let opened = File::open(folder).ok()?;
    flock(&opened, FlockOperation::NonBlockingLockExclusive).ok()?;
    // A sweep may have taken it away just before.
    folder.is_dir().then_some(opened)
}

fn clear(folder: &Path) {
    // Editors leave backups and swap files beside the draft.
    for path in fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())) {
        let _ = wipe(&path);
        let _ = fs::remove_file(&path);
    }
    let _ = fs::remove_dir_all(folder);
}

impl Draft {
    fn new(app: &App) -> Result<Draft, Error> {
        sweep(app);
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|e| Error::new(Kind::Failed, format!("no random numbers: {e}")))?;
        let name = format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(&random));
        for place in places(app) {
            let path = place.join(&name);
            if DirBuilder::new().mode(0o700).create(&path).is_ok()
                && let Some(held) = hold(&path)
            {
                return Ok(Draft { path, _held: held });
            }
        }
        Err(Error::new(Kind::Failed, "there is no private folder in memory for the draft; nothing was sent")
            .hint("set $XDG_RUNTIME_DIR, or write the answer elsewhere and use --message-file -"))
    }
}

fn in_memory(place: &Path) -> bool {
    rustix::fs::statfs(place).is_ok_and(|s| matches!(u64::try_from(s.f_type), Ok(TMPFS | RAMFS)))
}

impl Drop for Draft {
    fn drop(&mut self) {
        clear(&self.path);
    }
}

fn wipe(path: &Path) -> std::io::Result<()> {
    // Never through a link that an editor, or somebody else, left there.
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let mut file = OpenOptions::new().write(true).custom_flags(nofollow).open(path)?;
    let mut left = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    let zeros = [0u8; 4096];
    while left > 0 {
        let n = left.min(zeros.len() as u64);
        file.write_all(zeros.get(..usize::try_from(n).unwrap_or(0)).unwrap_or_default())?;
        left -= n;
    }
    file.sync_all()
}
