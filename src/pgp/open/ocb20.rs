//! GnuPG's OCB packets (tag 20): encrypted data as an early draft of RFC 9580 had it, which GnuPG still writes to its own keys.
//!
//! The library dropped them, so they are opened here with the library's AEAD. Nothing is given out before the tag of every
//! chunk and the closing one hold; what is inside is then read like any signed message.

use sequoia_openpgp as openpgp;

use openpgp::crypto::SessionKey;
use openpgp::types::{AEADAlgorithm, SymmetricAlgorithm};
use zeroize::Zeroizing;

/// The fixed fields before the data.
pub struct Start {
    /// The cipher.
    pub cipher: SymmetricAlgorithm,
    /// The mode: EAX or OCB.
    pub aead: AEADAlgorithm,
    header: [u8; 5],
    chunk: usize,
    nonce: Vec<u8>,
    data: usize,
}

const TAG: usize = 16;

impl Start {
    /// Reads a packet's body; `None` where it is of another version or of an unknown mode.
    pub fn read(body: &[u8]) -> Option<Start> {
        let &[version @ 1, cipher, aead, chunk, ..] = body else { return None };
        // GnuPG writes 16 (4 MiB) at most; the draft allows 56, which nobody could hold.
        if chunk > 22 {
            return None;
        }
        let mode = AEADAlgorithm::from(aead);
        let size = mode.nonce_size().ok()?;
        let nonce = body.get(4..4 + size)?.to_vec();
        let header = [0xc0 | super::packets::tag::OCB, version, cipher, aead, chunk];
        let cipher = SymmetricAlgorithm::from(cipher);
        Some(Start { cipher, aead: mode, header, chunk: 1 << (usize::from(chunk) + 6), nonce, data: 4 + size })
    }

    /// Decrypts all of a packet's body, or nothing.
    pub fn open(&self, body: &[u8], key: &SessionKey) -> Option<Zeroizing<Vec<u8>>> {
        let data = body.get(self.data..)?;
        let (chunks, closing) = data.split_at_checked(data.len().checked_sub(TAG)?)?;
        let mut out = Zeroizing::new(vec![0; chunks.len()]);
        let (mut written, mut index) = (0_usize, 0_u64);
        for chunk in chunks.chunks(self.chunk + TAG) {
            let length = chunk.len().checked_sub(TAG)?;
            let mut associated = self.header.to_vec();
            associated.extend(index.to_be_bytes());
            let target = out.get_mut(written..written + length)?;
            self.check(key, index, &associated, target, chunk)?;
            written += length;
            index += 1;
        }
        let mut associated = self.header.to_vec();
        associated.extend(index.to_be_bytes());
        associated.extend(u64::try_from(written).ok()?.to_be_bytes());
        self.check(key, index, &associated, &mut [], closing)?;
        out.truncate(written);
        Some(out)
    }

    fn check(&self, key: &SessionKey, index: u64, associated: &[u8], out: &mut [u8], chunk: &[u8]) -> Option<()> {
        let mut nonce = self.nonce.clone();
        let start = nonce.len().checked_sub(8)?;
        for (byte, count) in nonce.get_mut(start..)?.iter_mut().zip(index.to_be_bytes()) {
            *byte ^= count;
        }
        let context = self.aead.context(self.cipher, key, associated, &nonce).ok()?;
        context.for_decryption().ok()?.decrypt_verify(out, chunk).ok()
    }
}
