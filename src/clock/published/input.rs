//! Bytes → text.

use thiserror::Error;

/// The largest policy that is read, in bytes. Real ones have a few thousand.
pub const LARGEST: usize = 1 << 20;

/// Why bytes are no policy.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InputError {
    /// More than [`LARGEST`].
    #[error("it is larger than {} KiB, which no security policy is; name the policy itself", LARGEST / 1024)]
    TooLarge,
    /// Nothing but white space.
    #[error("it is empty; name the policy itself")]
    Empty,
    /// Not text.
    #[error("it is not text (byte {0} cannot stand in any); name a Markdown or plain text file")]
    Binary(usize),
}

/// The text in some bytes: a byte order mark decides, then UTF-8, then Latin-1 as Windows writes it.
pub(super) fn text(bytes: &[u8]) -> Result<String, InputError> {
    if bytes.len() > LARGEST {
        return Err(InputError::TooLarge);
    }
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let body = bytes.get(mark..).unwrap_or_default();
        return checked(encoding.decode_without_bom_handling(body).0.into_owned());
    }
    if let Some(encoding) = unmarked_utf16(bytes) {
        return checked(encoding.decode_without_bom_handling(bytes).0.into_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => checked(text.to_owned()),
        Err(_) => checked(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()),
    }
}

/// UTF-16 without its mark: every other byte is zero at the beginning.
fn unmarked_utf16(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let zeros = |odd: usize| {
        bytes.chunks_exact(2).take(64).all(|pair| pair.get(odd) == Some(&0) && pair.get(1 - odd) != Some(&0))
    };
    if bytes.len() < 8 {
        None
    } else if zeros(1) {
        Some(encoding_rs::UTF_16LE)
    } else if zeros(0) {
        Some(encoding_rs::UTF_16BE)
    } else {
        None
    }
}

/// Text has no control characters but white space; a few strays are forgiven, a NUL is not.
fn checked(text: String) -> Result<String, InputError> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{80}'..='\u{9f}');
    let strays = text.chars().filter(|&c| control(c)).count();
    match text.char_indices().find(|&(_, c)| control(c)) {
        Some((at, first)) if first == '\0' || text.contains('\0') || strays * 100 > text.len() => {
            Err(InputError::Binary(at))
        }
        _ if text.trim().is_empty() => Err(InputError::Empty),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        let words = "We answer within 2 days — grüße";
        let utf16: Vec<u8> = words.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16.iter().copied()).collect();
        let utf8_marked: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(words.bytes()).collect();
        assert_eq!(text(words.as_bytes()).as_deref(), Ok(words));
        assert_eq!(text(&marked).as_deref(), Ok(words));
        assert_eq!(text(&utf8_marked).as_deref(), Ok(words));
        assert_eq!(text(b"gr\xfc\xdfe").as_deref(), Ok("grüße"));
        let plain: Vec<u8> = "within 48 hours".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&plain).as_deref(), Ok("within 48 hours"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(text(b"\x7fELF\x02\x01\x01\0\0\0\0"), Err(InputError::Binary(0)));
        assert_eq!(text(&vec![b'a'; LARGEST + 1]), Err(InputError::TooLarge));
        assert_eq!(text(b""), Err(InputError::Empty));
        assert_eq!(text(b" \n\t\r\n"), Err(InputError::Empty));
    }
}
