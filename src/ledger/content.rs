//! The identity of a mail anywhere: SHA-256 of its bytes with line ends normalised.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// SHA-256 of raw mail in which CRLF and a lone CR count as LF, so that the same mail is the same whether a server
/// (CRLF) or a Maildir (LF) gave it. Shown in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub(super) [u8; 32]);

impl ContentHash {
    /// Hashes without copying the mail.
    pub fn of(raw: &[u8]) -> ContentHash {
        let mut hasher = Sha256::new();
        let mut runs = raw.split(|byte| *byte == b'\r');
        hasher.update(runs.next().unwrap_or_default());
        for run in runs {
            // The CR before this run ended a line; an LF after it belongs to the same line end.
            hasher.update(b"\n");
            hasher.update(run.strip_prefix(b"\n").unwrap_or(run));
        }
        ContentHash(hasher.finalize().into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &[u8], b: &[u8]) -> bool {
        ContentHash::of(a) == ContentHash::of(b)
    }

    #[test]
    fn line_ends_do_not_count_and_all_else_does() {
        assert!(same(b"a\r\nb\r\n", b"a\nb\n"));
        assert!(same(b"a\rb\r", b"a\nb\n"));
        assert!(same(b"\r\r\n", b"\n\n"));
        assert!(!same(b"a\n\nb", b"a\nb"));
        assert!(!same(b"a\r\n\r\nb", b"a\nb"));
        assert!(!same(b"a ", b"a"));
        assert_eq!(
            ContentHash::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(same(b"", b""));
    }
}
