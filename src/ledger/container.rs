//! What is inside a backup: a tar file (POSIX.1-1988 "ustar") of three members in this order, so that it can be taken apart
//! without sealpost (`gpg -d FILE | tar x`):
//!
//! - `backup.json` — [`Manifest`]: what is in here, made when, ending with which event;
//! - `ledger.key` — the ledger's key, 64 hexadecimal digits;
//! - `ledger.db` — the ledger, sealed with that key as it always is.
//!
//! Reading accepts exactly this and nothing else: no other names, no links, no member twice, nothing after the end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{LedgerError, LedgerKey, Result};

/// What [`Manifest::format`] says.
pub(super) const FORMAT: &str = "sealpost backup 1";

const BLOCK: usize = 512;
const MOST_MANIFEST: u64 = 64 * 1024;
const MOST_KEY: u64 = 256;
/// Eleven octal digits, less what rounding up needs.
const MOST_LEDGER: u64 = 0o77_777_777_000;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name and version of the format.
    pub format: String,
    /// When the copy was made.
    pub made_at: Timestamp,
    /// The ledger's own device.
    pub device: String,
    /// The ledger's schema.
    pub schema: i64,
    /// Events that the device had recorded.
    pub events: u64,
    /// Mails in the ledger.
    pub messages: u64,
    /// Hash of the device's last event, lower-case hexadecimal.
    pub head: String,
    /// Bytes of the ledger file.
    pub size: u64,
    /// SHA-256 of the ledger file, lower-case hexadecimal.
    pub sha256: String,
    /// What the audit of that file found wrong; `None` in backups from before this was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problems: Option<u64>,
}

/// Writes the three members; `ledger` is the sealed file, open at its beginning.
pub(super) fn write(out: &mut dyn Write, manifest: &Manifest, key: &LedgerKey, ledger: &mut dyn Read) -> Result<()> {
    if manifest.size > MOST_LEDGER {
        return Err(foreign("a ledger of more than 8 GiB does not fit into its format"));
    }
    let at = manifest.made_at.as_second().max(0).unsigned_abs();
    let text = serde_json::to_vec_pretty(manifest).map_err(LedgerError::Json)?;
    let mut hex = key.to_hex();
    hex.push('\n');
    member(out, "backup.json", at, text.len() as u64, &mut text.as_slice())?;
    member(out, "ledger.key", at, hex.len() as u64, &mut hex.as_bytes())?;
    member(out, "ledger.db", at, manifest.size, ledger)?;
    out.write_all(&[0; 2 * BLOCK]).map_err(cannot_write)
}

fn member(out: &mut dyn Write, name: &str, at: u64, size: u64, from: &mut dyn Read) -> Result<()> {
    out.write_all(&header(name, at, size)).map_err(cannot_write)?;
    let copied = copy(from, out, size)?;
    if copied != size {
        return Err(LedgerError::Backup { reason: format!("{name} has {copied} bytes, not {size}") });
    }
    out.write_all(&vec![0; padding(size)]).map_err(cannot_write)
}

/// Copies at most `size` bytes in pieces, and wipes the piece: the key passes through it.
fn copy(from: &mut dyn Read, to: &mut dyn Write, size: u64) -> Result<u64> {
    let mut piece = Zeroizing::new(vec![0_u8; 64 * 1024]);
    let mut left = size;
    while left > 0 {
        let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let room = piece.get_mut(..most).unwrap_or_default();
        let count = from.read(room).map_err(cannot_read)?;
        if count == 0 {
            break;
        }
        to.write_all(room.get(..count).unwrap_or_default()).map_err(cannot_write)?;
        left -= count as u64;
    }
    Ok(size - left)
}

fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    if over == 0 { 0 } else { BLOCK - over }
}

fn header(name: &str, at: u64, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, field: &[u8]| {
        if let Some(room) = block.get_mut(at..at + field.len()) {
            room.copy_from_slice(field);
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, format!("{at:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let text = format!("{sum:06o}\0 ");
    if let Some(room) = block.get_mut(148..156) {
        room.copy_from_slice(text.as_bytes());
    }
    block
}

/// Reads the three members. The ledger goes to the new file `to` (mode 0600) and to the disk; its length and digest must
/// be those of the manifest.
pub(super) fn read(from: &mut dyn Read, to: &Path) -> Result<(Manifest, LedgerKey)> {
    let text = small(from, "backup.json", MOST_MANIFEST)?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| foreign("its backup.json cannot be understood"))?;
    if manifest.format != FORMAT {
        return Err(foreign(&format!("its format is {:?}, this sealpost reads {FORMAT:?}", manifest.format)));
    }
    let hex = small(from, "ledger.key", MOST_KEY)?;
    let key = LedgerKey::from_hex(&hex, "the backup")?;
    let size = expect(from, "ledger.db")?;
    if size != manifest.size {
        return Err(foreign("its ledger has another length than it says"));
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut target = Hashing { file: made.map_err(LedgerError::io(to))?, hash: Sha256::new() };
    let copied = copy(from, &mut target, size)?;
    skip_padding(from, size)?;
    target.file.sync_all().map_err(LedgerError::io(to))?;
    if copied != size || data_encoding::HEXLOWER.encode(&target.hash.finalize()) != manifest.sha256 {
        return Err(foreign("its ledger is not the one that was put into it"));
    }
    end(from)?;
    Ok((manifest, key))
}

fn small(from: &mut dyn Read, name: &str, most: u64) -> Result<Zeroizing<Vec<u8>>> {
    let size = expect(from, name)?;
    if size > most {
        return Err(foreign(&format!("its {name} is too large")));
    }
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(size).unwrap_or_default()]);
    from.read_exact(&mut bytes).map_err(cannot_read)?;
    skip_padding(from, size)?;
    Ok(bytes)
}

/// Reads a header, which must be the one that [`header`] writes for this name, whatever its time and size.
fn expect(from: &mut dyn Read, name: &str) -> Result<u64> {
    let mut block = [0; BLOCK];
    from.read_exact(&mut block).map_err(cannot_read)?;
    let number = |range| block.get(range).and_then(octal).unwrap_or(u64::MAX);
    let (size, at) = (number(124..135), number(136..147));
    if size == u64::MAX || at == u64::MAX || header(name, at, size) != block {
        return Err(foreign(&format!("{name} is not where it should be")));
    }
    Ok(size)
}

fn octal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    u64::from_str_radix(text, 8).ok()
}

fn skip_padding(from: &mut dyn Read, size: u64) -> Result<()> {
    let mut rest = vec![0; padding(size)];
    from.read_exact(&mut rest).map_err(cannot_read)
}

/// Two empty blocks, then nothing.
fn end(from: &mut dyn Read) -> Result<()> {
    let mut blocks = [1; 2 * BLOCK];
    from.read_exact(&mut blocks).map_err(cannot_read)?;
    let more = from.read(&mut [0]).map_err(cannot_read)?;
    if more > 0 || blocks.iter().any(|byte| *byte != 0) {
        return Err(foreign("more follows after its end"));
    }
    Ok(())
}

struct Hashing {
    file: File,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn foreign(why: &str) -> LedgerError {
    LedgerError::Backup { reason: why.into() }
}

fn cannot_read(error: std::io::Error) -> LedgerError {
    let reason = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early".into(),
        _ => error.to_string(),
    };
    LedgerError::Backup { reason }
}

fn cannot_write(error: std::io::Error) -> LedgerError {
    LedgerError::BackupWrite { source: error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ledger: &[u8]) -> (Vec<u8>, Manifest) {
        let manifest = Manifest {
            format: FORMAT.into(),
            made_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            device: "d".into(),
            schema: 1,
            events: 3,
            messages: 2,
            head: "00".repeat(32),
            size: ledger.len() as u64,
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(ledger)),
            problems: Some(0),
        };
        let mut out = Vec::new();
        write(&mut out, &manifest, &LedgerKey::generate().unwrap(), &mut &*ledger).unwrap();
        (out, manifest)
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        for (number, size) in [0, 1, 511, 512, 513, 200_000].into_iter().enumerate() {
            let ledger = vec![7; size];
            let (bytes, manifest) = sample(&ledger);
            assert_eq!(bytes.len() % BLOCK, 0);
            let to = folder.path().join(number.to_string());
            assert_eq!(read(&mut bytes.as_slice(), &to).unwrap().0, manifest);
            assert_eq!(std::fs::read(&to).unwrap(), ledger);
        }
    }

    /// Every byte but those of the key itself is either checked or must be zero.
    #[test]
    fn no_byte_can_be_another() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, _) = sample(&[7; 700]);
        let key = bytes.windows(10).position(|w| w == b"ledger.key").unwrap() + BLOCK;
        let to = folder.path().join("x");
        let mut refused = 0;
        for at in (0..bytes.len()).filter(|at| !(key..key + 65).contains(at)) {
            let mut bad = bytes.clone();
            bad[at] ^= 0x01;
            let same = read(&mut bad.as_slice(), &to).is_ok_and(|(m, _)| m == sample(&[7; 700]).1);
            // Times in headers and zeros of the padding say nothing; whatever is read must be what was written.
            refused += usize::from(!same);
            let _ = std::fs::remove_file(&to);
        }
        assert!(refused > 700 + 3 * BLOCK, "{refused}");
        for length in 0..bytes.len() {
            assert!(read(&mut &bytes[..length], &to).is_err(), "{length} bytes are not a backup");
            let _ = std::fs::remove_file(&to);
        }
        let mut more = bytes;
        more.push(0);
        assert!(read(&mut more.as_slice(), &to).is_err());
    }
}
