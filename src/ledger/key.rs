//! The key that seals the file: 32 random bytes.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::private;
use super::{LedgerError, Result};

/// Bytes of a key.
const LENGTH: usize = 32;

/// The ledger's key. Wiped on drop; `{:?}` does not show it; it has no `Serialize`.
#[derive(Clone)]
pub struct LedgerKey(Zeroizing<[u8; LENGTH]>);

impl LedgerKey {
    /// A new key from the system's random generator.
    pub fn generate() -> Result<LedgerKey> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        getrandom::fill(bytes.as_mut_slice()).map_err(LedgerError::Random)?;
        Ok(LedgerKey(bytes))
    }

    /// Reads 64 hexadecimal digits, in either case, with white space around them, as a key file or `key_command` gives
    /// them. `source_name` is for the error; the text is not repeated there.
    pub fn from_hex(text: &[u8], source_name: &str) -> Result<LedgerKey> {
        let refuse = || LedgerError::NotAKey { source_name: source_name.into() };
        let digits = text.trim_ascii();
        let mut bytes = Zeroizing::new([0; LENGTH]);
        if digits.len() != 2 * LENGTH {
            return Err(refuse());
        }
        HEXLOWER_PERMISSIVE.decode_mut(digits, bytes.as_mut_slice()).map_err(|_| refuse())?;
        Ok(LedgerKey(bytes))
    }

    /// Reads a key file. It must be ours and closed to others (mode 0600).
    pub fn read(path: &Path) -> Result<LedgerKey> {
        private::check_file(path)?;
        let file = OpenOptions::new().read(true).custom_flags(nofollow()).open(path).map_err(LedgerError::io(path))?;
        let mut text = Zeroizing::new(Vec::with_capacity(4 * LENGTH));
        // One byte more than a key with its line end can need tells a larger file, without reading all of it.
        file.take(4 * LENGTH as u64).read_to_end(&mut text).map_err(LedgerError::io(path))?;
        LedgerKey::from_hex(&text, &path.display().to_string())
    }

    /// Writes the key as 64 hexadecimal digits to a new file of mode 0600, and to the disk. Never over an existing one.
    pub fn write_new(&self, path: &Path) -> Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).custom_flags(nofollow());
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => LedgerError::Exists { path: path.into() },
            _ => LedgerError::Io { path: path.into(), source: error },
        })?;
        let mut line = self.to_hex();
        line.push('\n');
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(LedgerError::io(path))
    }

    /// The key as 64 hexadecimal digits, for sealing it to the team's certificate or handing it to a key store.
    pub fn to_hex(&self) -> Zeroizing<String> {
        // Room for what the callers put around it, so that growing leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(4 * LENGTH));
        HEXLOWER.encode_append(self.0.as_slice(), &mut text);
        text
    }

    /// The key itself, for reading pages past SQLite.
    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey(…)")
    }
}

fn nofollow() -> i32 {
    OFlags::NOFOLLOW.bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.key");
        let key = LedgerKey::generate().unwrap();
        key.write_new(&path).unwrap();
        assert_eq!(LedgerKey::read(&path).unwrap().to_hex(), key.to_hex());
        assert!(matches!(key.write_new(&path), Err(LedgerError::Exists { .. })));
        assert!(!format!("{key:?} {key:#?}").contains(&key.to_hex()[..6]));
        assert_ne!(LedgerKey::generate().unwrap().to_hex(), key.to_hex());
    }

    #[test]
    fn only_64_digits_are_a_key() {
        let good = "0123456789abcdefABCDEF0123456789".repeat(2);
        assert!(LedgerKey::from_hex(format!(" {good}\r\n").as_bytes(), "x").is_ok());
        for bad in ["", "00", &good[1..], &format!("{good}0"), &good.replace('a', "g")] {
            let error = LedgerKey::from_hex(bad.as_bytes(), "the command").unwrap_err().to_string();
            assert!(error.starts_with("the command does not give"), "{error}");
            assert!(bad.is_empty() || bad == "00" || !error.contains(bad));
        }
    }
}
