//! Folders and files that nobody else may enter.

use std::fs::{DirBuilder, File, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::{LedgerError, Result};

/// Makes `folder` and its missing parents with mode 0700 whatever the umask, durably, then checks it.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(LedgerError::io(folder))?;
    for made in missing.iter().rev() {
        sync_folder(folder_of(made))?;
    }
    check_folder(folder)
}

/// Refuses a folder that others may enter, that belongs to someone else, or that lies on a network file system.
pub(super) fn check_folder(folder: &Path) -> Result<()> {
    let found = std::fs::metadata(folder).map_err(LedgerError::io(folder))?;
    if !found.is_dir() {
        return Err(LedgerError::NotPlain { path: folder.into(), wanted: "folder" });
    }
    check_owner_and_mode(folder, &found, 0o700)?;
    check_local(folder)
}

/// Refuses a file that others may read or write, that belongs to someone else, or that is a link.
pub(super) fn check_file(path: &Path) -> Result<()> {
    let found = std::fs::symlink_metadata(path).map_err(LedgerError::io(path))?;
    if !found.is_file() {
        return Err(LedgerError::NotPlain { path: path.into(), wanted: "file" });
    }
    check_owner_and_mode(path, &found, 0o600)
}

/// Makes the names in `folder` durable (a file's own synchronisation does not).
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(LedgerError::io(folder))
}

/// The folder a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn check_owner_and_mode(path: &Path, found: &Metadata, wanted: u32) -> Result<()> {
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(LedgerError::Foreign { path: path.into(), uid: found.uid() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(LedgerError::Loose { path: path.into(), mode, wanted });
    }
    Ok(())
}

/// SQLite's locks and its write-ahead log need a file system of this machine.
#[cfg(target_os = "linux")]
fn check_local(folder: &Path) -> Result<()> {
    /// NFS, SMB, SMB2, CIFS, AFS, CODA, CEPH: the magic numbers of statfs(2).
    const REMOTE: [u32; 7] = [0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42, 0x5346_414F, 0x7375_7245, 0x00C3_6400];
    let found = rustix::fs::statfs(folder).map_err(|e| LedgerError::io(folder)(e.into()))?;
    let kind = (found.f_type as u64 & 0xFFFF_FFFF) as u32;
    if REMOTE.contains(&kind) { Err(LedgerError::Network { path: folder.into() }) } else { Ok(()) }
}

#[cfg(not(target_os = "linux"))]
fn check_local(_folder: &Path) -> Result<()> {
    Ok(())
}
