//! Files that nobody else may read, and reading files that a person named.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind};
use crate::point;

/// Makes a folder of mode 0700 and what is missing above it.
pub fn private_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| cannot("make", path, &e))
}

/// Makes one new folder of mode 0700; false where something has that name.
pub fn new_private_folder(path: &Path) -> Result<bool, Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(cannot("make", path, &e)),
    }
}

/// Writes a new file of mode 0600, never over an existing one, and to the disk. It has its name only when all of it is
/// there: a full disk or a crash leaves no half of a key that would be in the way of the next try.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(exists(path));
    }
    let partial = &partial_of(path);
    // The remains of a run that died.
    let _ = std::fs::remove_file(partial);
    write_by_way_of(partial, path, bytes).map_err(|e| not_written(path, &e))
}

/// The same where another run may want this very name at this very moment: false where it is taken, or being taken.
pub fn write_unless_taken(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    match write_by_way_of(&partial_of(path), path, bytes) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(not_written(path, &e)),
    }
}

fn partial_of(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Writes the partial file, which must be new, and gives it its name. After an error nothing of it is left.
fn write_by_way_of(partial: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = new_file(partial)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
        point::reach("file.written");
        rename_new(partial, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(partial);
        return written;
    }
    point::reach("file.named");
    Ok(())
}

/// A new file of mode 0600; an existing one, or a link in its place, is an error.
pub fn create_new(path: &Path) -> Result<File, Error> {
    create_new_as(path, path)
}

/// The same for a file that is `wanted` under another name; errors speak of that one.
pub fn create_new_as(path: &Path, wanted: &Path) -> Result<File, Error> {
    new_file(path).map_err(|e| not_written(wanted, &e))
}

/// Gives a file that is whole and on the disk its name, durably and never over another file.
pub fn give_name(partial: &Path, path: &Path) -> Result<(), Error> {
    rename_new(partial, path).map_err(|e| not_written(path, &e))
}

fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Renames without replacing, durably. A file system that knows no such rename is asked for a plain one: that nothing has
/// the name was seen a moment ago.
fn rename_new(partial: &Path, path: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, partial, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => std::fs::rename(partial, path)?,
        other => other?,
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let durable = File::open(folder).and_then(|folder| folder.sync_all()).or_else(|e| match e.kind() {
        // A folder that cannot be synchronised at all, as on some network shares: nothing more can be done there.
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Unsupported => Ok(()),
        _ => Err(e),
    });
    if durable.is_err() {
        // It is told as not written, so it must not be there.
        let _ = std::fs::remove_file(path);
    }
    durable
}

fn not_written(path: &Path, e: &std::io::Error) -> Error {
    match e.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        // Of a new file only the folder can be missing.
        std::io::ErrorKind::NotFound => folder_exists(path).err().unwrap_or_else(|| cannot("write", path, e)),
        _ => cannot("write", path, e),
    }
}

/// Refuses a file that is to go into a folder that is not there.
pub fn folder_exists(path: &Path) -> Result<(), Error> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        None => Ok(()),
        Some(folder) => {
            let message = format!("cannot write {}: there is no folder {}", path.display(), folder.display());
            Err(Error::new(Kind::File, message).hint(format!("mkdir -p {}", folder.display())))
        }
    }
}

/// The words for a name that is taken.
pub fn exists(path: &Path) -> Error {
    Error::new(Kind::File, format!("{} exists already, and is not overwritten", path.display()))
        .hint("name another file")
}

/// Reads a file that a person named, up to `limit` bytes; `-` is standard input.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    if path == Path::new("-") {
        return capped(std::io::stdin().lock(), path, limit);
    }
    let file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(Error::new(Kind::File, format!("{} is a folder, a file was expected", path.display())));
    }
    capped(file, path, limit)
}

fn capped(from: impl Read, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes).map_err(|e| cannot("read", path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(Kind::File, format!("{} is larger than {} MiB", path.display(), limit >> 20)));
    }
    Ok(bytes)
}

/// The words for an I/O error.
pub fn cannot(what: &str, path: &Path, e: &std::io::Error) -> Error {
    let reason = match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => e.to_string(),
    };
    Error::new(Kind::File, format!("cannot {what} {}: {reason}", path.display()))
}

/// A file with secrets must be ours and closed to everybody else.
pub fn refuse_loose(path: &Path) -> Result<(), Error> {
    let meta = std::fs::metadata(path).map_err(|e| cannot("read", path, &e))?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::new(Kind::Config, format!("{} may be used by others (mode {mode:04o})", path.display()))
            .hint(format!("chmod 600 {}", path.display())));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::new(Kind::Config, format!("{} belongs to another user", path.display())));
    }
    Ok(())
}

/// A configuration names commands that are run: whoever can change it can have anything done in our name.
pub fn refuse_writable(path: &Path) -> Result<(), Error> {
    // What is not there is told by whoever needs it.
    let Ok(meta) = std::fs::metadata(path) else { return Ok(()) };
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(Error::new(Kind::Config, format!("{} may be changed by others (mode {mode:04o})", path.display()))
            .hint(format!("chmod 600 {}", path.display())));
    }
    refuse_foreign(path, &meta)
}

/// A secret key that lies open by a slip, as a plain copy leaves it, is not worked with. One that nobody may write, its owner
/// included, was put there so on purpose (a store of secrets that is mounted read-only): that is for `check` to tell.
pub fn refuse_slip(path: &Path) -> Result<(), Error> {
    let Ok(meta) = std::fs::metadata(path) else { return Ok(()) };
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 && mode & 0o222 != 0 {
        return refuse_loose(path);
    }
    refuse_foreign(path, &meta)
}

/// Ours, or the administrator's.
fn refuse_foreign(path: &Path, meta: &std::fs::Metadata) -> Result<(), Error> {
    if meta.uid() == 0 || meta.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::new(Kind::Config, format!("{} belongs to another user", path.display())))
}
