//! Pages of the sealed file, opened one by one without SQLite.
//!
//! SQLCipher 4 seals each page for itself (its design document, "Database Encryption and Decryption"): AES-256 in CBC mode, then
//! HMAC-SHA512 over the ciphertext, the initialisation vector and the number of the page. Both of these end the page. The key of the
//! HMAC is derived from the file's key and its salt, the first sixteen bytes. A page is what was written, or it is nothing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aes::Aes256;
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use hmac::{Hmac, Mac};
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::ledger::{LedgerError, LedgerKey, Result};

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;
/// Bytes of it that SQLite uses.
pub(super) const USABLE: usize = 4096 - IV - TAG;

const IV: usize = 16;
const TAG: usize = 64;
const SALT: usize = 16;
/// SQLCipher's `HMAC_SALT_MASK`: the salt of the second key is the file's with these bits turned.
const MASK: u8 = 0x3A;

/// The file.
pub(super) struct Pages {
    file: File,
    count: u32,
    opens: Zeroizing<[u8; 32]>,
    proves: Zeroizing<[u8; 32]>,
}

impl Pages {
    /// Opens the file, not yet a page of it.
    pub(super) fn of(path: &Path, key: &LedgerKey) -> Result<Pages> {
        let file = File::open(path).map_err(LedgerError::io(path))?;
        let size = file.metadata().map_err(LedgerError::io(path))?.len();
        let mut salt = [0; SALT];
        file.read_exact_at(&mut salt, 0).map_err(LedgerError::io(path))?;
        let proves = second_key(key.bytes(), salt.map(|byte| byte ^ MASK));
        let opens = Zeroizing::new(*key.bytes());
        Ok(Pages { file, count: u32::try_from(size / PAGE).unwrap_or(u32::MAX), opens, proves })
    }

    /// Their number.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// What SQLite wrote on a page, counted from 1; `None` where the page is not what was written, and for the first, which
    /// holds the schema and is sealed in another way.
    pub(super) fn page(&self, number: u32) -> Option<Zeroizing<Vec<u8>>> {
        let mut page = Zeroizing::new(vec![0; PAGE as usize]);
        let at = u64::from(number.checked_sub(1).filter(|before| *before > 0)?) * PAGE;
        self.file.read_exact_at(&mut page, at).ok()?;
        let (sealed, tag) = page.split_at_checked(USABLE + IV)?;
        let mut seal = Hmac::<Sha512>::new_from_slice(self.proves.as_slice()).ok()?;
        seal.update(sealed);
        seal.update(&number.to_le_bytes());
        seal.verify_slice(tag).ok()?;
        let iv = Zeroizing::new(sealed.get(USABLE..)?.to_vec());
        page.truncate(USABLE);
        let cipher = Decryptor::<Aes256>::new_from_slices(self.opens.as_slice(), &iv).ok()?;
        cipher.decrypt_padded_mut::<NoPadding>(&mut page).ok()?;
        Some(page)
    }
}

/// PBKDF2 (RFC 8018, section 5.2) with HMAC-SHA512, two rounds and one block of output, which is all that SQLCipher asks of it.
fn second_key(key: &[u8; 32], salt: [u8; SALT]) -> Zeroizing<[u8; 32]> {
    let mac = |parts: &[&[u8]]| {
        let mut mac = <Hmac<Sha512> as Mac>::new_from_slice(key).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
    };
    let mut derived = Zeroizing::new([0; 32]);
    // An HMAC takes a key of any length, so there always is one.
    if let Some(first) = mac(&[&salt, &1_u32.to_be_bytes()])
        && let Some(second) = mac(&[&first])
    {
        for (byte, (a, b)) in derived.iter_mut().zip(first.iter().zip(second.iter())) {
            *byte = a ^ b;
        }
    }
    derived
}
