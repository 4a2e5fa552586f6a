//! A Maildir, as another program keeps it: read in place, nothing moved from `new` to `cur`, no flag touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Tray, bytes, header, modified, open, unreadable};
use crate::wire::WireError;

/// Reads what the sink does not have yet. Links and folders inside are left alone and mentioned.
pub fn read(path: &Path, tray: &mut Tray<'_>) -> Result<(), WireError> {
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    list(path, "new", &mut names, tray)?;
    // `cur` comes second: a mail that moves meanwhile is seen at least once.
    list(path, "cur", &mut names, tray)?;
    let mut wanted = Vec::new();
    for (key, file) in names {
        let sighting = tray.sighting(&key);
        if !tray.sink.has(&sighting) {
            wanted.push((key, file));
        }
    }
    tray.total = wanted.len() as u64;
    for (key, file) in wanted {
        one(path, key, &file, tray)?;
    }
    Ok(())
}

fn list(path: &Path, part: &str, names: &mut BTreeMap<String, PathBuf>, tray: &mut Tray<'_>) -> Result<(), WireError> {
    let folder = path.join(part);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(unreadable(&folder, &e)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(&folder, &e))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().is_ok_and(|t| t.is_file()) {
            names.insert(key(&name.to_string_lossy()), entry.path());
        } else {
            let shown = crate::safe::short(&entry.path().to_string_lossy(), 200);
            tray.summary.warnings.push(format!("{shown} is no plain file and was not read"));
        }
    }
    Ok(())
}

/// The unique name: the file's name without the flags a mail program adds.
fn key(name: &str) -> String {
    name.split_once(":2,").map_or(name, |(unique, _)| unique).to_owned()
}

fn one(path: &Path, name: String, file: &Path, tray: &mut Tray<'_>) -> Result<(), WireError> {
    let opened = match open(file) {
        Err(WireError::Unreadable { .. }) if !file.exists() => match moved(path, &name) {
            Some(elsewhere) => open(&elsewhere)?,
            None => {
                tray.summary.vanished += 1;
                return Ok(());
            }
        },
        other => other?,
    };
    let mut opened = opened;
    let time = opened.metadata().ok().and_then(|m| modified(&m));
    let (raw, truncated) = bytes(&mut opened, tray.limits).map_err(|e| unreadable(file, &e))?;
    let received_at = header::received(&raw).or(time);
    tray.put(name, raw, received_at, truncated)
}

/// A mail program renames a file when it changes a flag; the unique name stays.
fn moved(path: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(path.join("cur")).ok()?;
    entries.flatten().find(|e| key(&e.file_name().to_string_lossy()) == name).map(|e| e.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_not_part_of_the_name() {
        assert_eq!(key("1795400000.M1P2.host:2,FS"), "1795400000.M1P2.host");
        assert_eq!(key("1795400000.M1P2.host"), "1795400000.M1P2.host");
        assert_eq!(key("1795400000.M1P2,S=5:2,"), "1795400000.M1P2,S=5");
    }
}
