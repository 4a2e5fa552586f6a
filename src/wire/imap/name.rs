//! Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), quoted.

use std::fmt::Write as _;

use data_encoding::{BASE64_NOPAD, Specification};

/// The name as servers without UTF8=ACCEPT want it.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut foreign: Vec<u8> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut foreign, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            foreign.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut foreign, &mut out);
    out
}

/// The name for people; where it is not valid, as it came.
pub fn decode(wire: &str) -> String {
    try_decode(wire).unwrap_or_else(|| wire.to_owned())
}

/// An IMAP quoted string. Line ends and NUL cannot stand in one and are left out.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn flush(foreign: &mut Vec<u8>, out: &mut String) {
    if !foreign.is_empty() {
        let _ = write!(out, "&{}-", BASE64_NOPAD.encode(foreign).replace('/', ","));
        foreign.clear();
    }
}

fn try_decode(wire: &str) -> Option<String> {
    // Lenient about the bits left over at the end, which some servers do not clear.
    let mut spec: Specification = BASE64_NOPAD.specification();
    spec.check_trailing_bits = false;
    let base64 = spec.encoding().ok()?;
    let mut out = String::new();
    let mut rest = wire;
    while let Some((plain, after)) = rest.split_once('&') {
        out.push_str(plain);
        let (code, after) = after.split_once('-')?;
        if code.is_empty() {
            out.push('&');
        } else {
            let bytes = base64.decode(code.replace(',', "/").as_bytes()).ok()?;
            let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            out.push_str(&String::from_utf16(&units).ok()?);
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_wire() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R&D", "R&-D"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("🦀", "&2D7dgA-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire), name);
        }
        assert_eq!(decode("broken &!!-"), "broken &!!-");
        assert_eq!(quote("a\"b\\c\r\nd"), "\"a\\\"b\\\\cd\"");
    }
}
