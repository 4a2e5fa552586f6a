//! Encoded words (RFC 2047), charsets, and bytes that should have been text.

use encoding_rs::{Encoding, WINDOWS_1252};

/// Bytes of a header to text: UTF-8 where they are, else Windows-1252, which has a character for nearly every byte.
pub fn bytes_to_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Text in a named charset. Unknown names and lies are answered with a guess: UTF-8 if valid, else Windows-1252.
pub fn decode_charset(bytes: &[u8], charset: Option<&str>) -> String {
    let Some(encoding) = charset.and_then(find_charset) else { return bytes_to_text(strip_bom(bytes)) };
    if encoding == encoding_rs::UTF_8 {
        return bytes_to_text(strip_bom(bytes));
    }
    // What says us-ascii or a Latin charset and is valid UTF-8 beyond ASCII was mislabelled far more often than not.
    if encoding == WINDOWS_1252 && !bytes.is_ascii() && charset.is_some_and(is_ascii_label) {
        return bytes_to_text(bytes);
    }
    encoding.decode(bytes).0.into_owned()
}

fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn is_ascii_label(label: &str) -> bool {
    let label = label.trim();
    label.eq_ignore_ascii_case("us-ascii") || label.eq_ignore_ascii_case("ascii") || label.starts_with("ansi_x3")
}

/// Names that mail uses and the web's list lacks.
fn find_charset(name: &str) -> Option<&'static Encoding> {
    let name = name.trim().trim_matches(['"', '\'']);
    // RFC 2231 section 5 lets a language follow an asterisk.
    let name = name.split('*').next().unwrap_or(name);
    if let Some(found) = Encoding::for_label_no_replacement(name.as_bytes()) {
        return Some(found);
    }
    let folded: String = name.to_ascii_lowercase().replace(['_', ' '], "-");
    let digits = |prefix: &str| folded.strip_prefix(prefix).map(|rest| rest.trim_start_matches('-').to_owned());
    if let Some(number) = digits("cp").or_else(|| digits("windows")).or_else(|| digits("ms")) {
        let label = match number.as_str() {
            "932" => "shift_jis".to_owned(),
            "936" => "gbk".to_owned(),
            "949" => "euc-kr".to_owned(),
            "950" => "big5".to_owned(),
            "65001" => "utf-8".to_owned(),
            other => format!("windows-{other}"),
        };
        return Encoding::for_label_no_replacement(label.as_bytes());
    }
    if let Some(number) = digits("iso8859").or_else(|| digits("latin")) {
        return Encoding::for_label_no_replacement(format!("iso-8859-{number}").as_bytes());
    }
    match folded.as_str() {
        "utf8mb4" | "utf-8n" | "unicode-1-1-utf-8" => Some(encoding_rs::UTF_8),
        "iso-2022-jp-ms" | "iso-2022-jp-1" | "iso-2022-jp-2" => Some(encoding_rs::ISO_2022_JP),
        "ks-c-5601" | "euckr" | "iso-2022-kr" => Some(encoding_rs::EUC_KR),
        "gb-2312" | "hz-gb-2312" => Some(encoding_rs::GB18030),
        "eucjp" => Some(encoding_rs::EUC_JP),
        _ => None,
    }
}

/// Decodes a field's value: encoded words become text, white space between two of them goes, all else stays.
///
/// Neighbours in one charset are joined before they are decoded, because senders cut characters in two.
pub fn decode(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut gap = String::new();
    for piece in Pieces(value) {
        match piece {
            Piece::Word(charset, bytes) => {
                gap.clear();
                match &mut open {
                    Some((current, joined)) if current.eq_ignore_ascii_case(&charset) => joined.extend(bytes),
                    _ => {
                        flush(&mut out, open.take());
                        open = Some((charset, bytes));
                    }
                }
            }
            Piece::Plain(bytes) => {
                let text = bytes_to_text(bytes);
                if open.is_some() && text.bytes().all(|b| b.is_ascii_whitespace()) {
                    gap.push_str(&text);
                    continue;
                }
                flush(&mut out, open.take());
                out.push_str(&std::mem::take(&mut gap));
                out.push_str(&text);
            }
        }
    }
    flush(&mut out, open);
    out.push_str(&gap);
    out.retain(|c| c != '\r' && c != '\n');
    out
}

fn flush(out: &mut String, word: Option<(String, Vec<u8>)>) {
    if let Some((charset, bytes)) = word {
        out.push_str(&decode_charset(&bytes, Some(&charset)));
    }
}

enum Piece<'a> {
    Word(String, Vec<u8>),
    Plain(&'a [u8]),
}

/// Cuts a value at its encoded words. Each byte is looked at once, so a field of nothing but `=?` costs no more.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        if let Some((charset, bytes, used)) = word(self.0) {
            self.0 = self.0.get(used..).unwrap_or_default();
            return Some(Piece::Word(charset, bytes));
        }
        let next = self.0.windows(2).skip(1).position(|pair| pair == b"=?").map_or(self.0.len(), |at| at + 1);
        let (plain, rest) = self.0.split_at_checked(next).unwrap_or((self.0, &[]));
        self.0 = rest;
        Some(Piece::Plain(plain))
    }
}

/// An encoded word at the start: charset, decoded bytes, length. The charset and the encoding are short by nature, and a
/// word of more than 4 KiB is none, which bounds the search.
fn word(input: &[u8]) -> Option<(String, Vec<u8>, usize)> {
    let rest = input.strip_prefix(b"=?")?;
    let charset_end = rest.iter().take(64).position(|b| *b == b'?')?;
    let charset = std::str::from_utf8(rest.get(..charset_end)?).ok()?;
    let encoding = *rest.get(charset_end + 1)?;
    if *rest.get(charset_end + 2)? != b'?' || charset.contains(char::is_whitespace) {
        return None;
    }
    let text = rest.get(charset_end + 3..)?;
    let window = text.get(..4096).unwrap_or(text);
    let end = window.windows(2).position(|pair| pair == b"?=")?;
    let text = text.get(..end)?;
    let bytes = match encoding {
        b'q' | b'Q' => q_decode(text),
        b'b' | b'B' => super::body::base64(text),
        _ => return None,
    };
    Some((charset.to_owned(), bytes, 2 + charset_end + 3 + end + 2))
}

fn q_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'_', _) => out.push(b' '),
            (b'=', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'='),
            },
            (other, _) => out.push(other),
        }
    }
    out
}

/// The value of a hexadecimal digit.
pub fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words() {
        for (raw, text) in [
            (&b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= to =?ISO-8859-1?q?all=21?="[..], "Grüße to all!"),
            (b"=?UTF-8?B?R3I=?= =?utf-8?B?w7zDn2U=?=", "Grüße"),
            (b"=?utf-8?Q?=E2=82?=  =?utf-8?Q?=AC_5?=", "€ 5"),
            (b"=?utf-8*de?Q?a?=b", "ab"),
            (b"=?broken ?= x =?", "=?broken ?= x =?"),
            (b"caf\xe9", "café"),
            (b"=?x-nowhere?Q?=FC?=", "ü"),
            (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ] {
            assert_eq!(decode(raw), text, "{:?}", bytes_to_text(raw));
        }
    }

    #[test]
    fn charsets_that_lie_or_are_unknown() {
        assert_eq!(decode_charset("ü".as_bytes(), Some("us-ascii")), "ü");
        assert_eq!(decode_charset(b"\xfc", Some("cp-850")), "ü");
        assert_eq!(decode_charset(b"\xe9\xe0", Some("cp1251")), "йа");
        assert_eq!(decode_charset(b"\xef\xbb\xbfa", Some("utf8")), "a");
    }
}
