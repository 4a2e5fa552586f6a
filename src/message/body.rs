//! Transfer encodings, and text as its sender meant it to be read.

use zeroize::Zeroizing;

use super::words;

/// A content transfer encoding (RFC 2045 section 6); what is unknown is taken as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, missing or unknown.
    #[default]
    Identity,
    /// base64.
    Base64,
    /// quoted-printable.
    QuotedPrintable,
    /// x-uuencode.
    Uuencode,
}

impl Encoding {
    /// Reads the field's value.
    pub fn named(value: &str) -> Encoding {
        match value.trim().trim_matches('"').to_ascii_lowercase().as_str() {
            "base64" => Encoding::Base64,
            "quoted-printable" => Encoding::QuotedPrintable,
            "x-uuencode" | "uuencode" | "x-uue" => Encoding::Uuencode,
            _ => Encoding::Identity,
        }
    }

    /// Decodes a body. The buffer is sized before it is filled, so that no copy of a secret is left by growing it.
    pub fn decode(self, raw: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Encoding::Identity => raw.to_vec(),
            Encoding::Base64 => base64(raw),
            Encoding::QuotedPrintable => quoted_printable(raw),
            Encoding::Uuencode => uuencode(raw).unwrap_or_else(|| raw.to_vec()),
        })
    }
}

/// Decodes base64, passing over everything that is not of its alphabet. Padding ends a run, not the text: some senders
/// encode in pieces. A line with other printable characters in it is a footer that a list server added; it is kept as text.
pub fn base64(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 4 * 3 + 64);
    let mut run = Run::default();
    let mut at = 0;
    for line in lines(raw) {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if run.held == 0 && text.len() % 4 == 0 && quads(text, &mut out) {
            at += line.len() + 1;
            continue;
        }
        if !out.is_empty() && is_footer(line) {
            let rest = raw.get(at..).unwrap_or_default();
            out.reserve_exact(rest.len() + 1);
            out.push(b'\n');
            out.extend_from_slice(rest);
            break;
        }
        for piece in line.split(|b| *b == b'=') {
            run.feed(piece, &mut out);
            if piece.len() < line.len() {
                run = Run::default();
            }
        }
        at += line.len() + 1;
    }
    out
}

/// The lines of a text, without their line feeds; what `split` gives, faster.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len()));
    ends.scan(0, |start, end| {
        let line = text.get(*start..end);
        *start = end + 1;
        line
    })
}

/// Decodes whole groups of four; false, and nothing done, where something in them is not of the alphabet.
fn quads(text: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + text.len() / 4 * 3, 0);
    let space = out.get_mut(start..).unwrap_or_default();
    let decoded = data_encoding::BASE64_NOPAD.decode_mut(text, space).is_ok();
    if !decoded {
        out.truncate(start);
    }
    decoded
}

/// A run of base64 that is still being read.
#[derive(Default)]
pub struct Run {
    bits: u32,
    held: u32,
}

impl Run {
    /// Decodes what is of the alphabet in a line and passes over the rest.
    pub fn feed(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (groups, rest) = line.split_at(line.len() / 4 * 4);
        let fast = self.held == 0 && quads(groups, out);
        for &byte in if fast { rest } else { line } {
            let Some(value) = sextet(byte) else { continue };
            self.bits = (self.bits << 6 | u32::from(value)) & 0xff_ffff;
            self.held += 6;
            if self.held >= 8 {
                self.held -= 8;
                out.push((self.bits >> self.held & 0xff) as u8);
            }
        }
    }
}

/// The values of the alphabet; 0xff for everything else.
const SEXTETS: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => 0xff,
        };
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    table
};

fn is_footer(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.iter().any(|b| b.is_ascii_graphic() && sextet(*b).is_none() && *b != b'=') || line.contains(&b' ')
}

/// The value of a base64 character.
pub fn sextet(byte: u8) -> Option<u8> {
    let value = SEXTETS[usize::from(byte)];
    (value < 64).then_some(value)
}

fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|b| *b == b'\n') {
        let (text, end): (&[u8], &[u8]) = match line {
            [text @ .., b'\r', b'\n'] => (text, b"\r\n"),
            [text @ .., b'\n'] => (text, b"\n"),
            text => (text, b""),
        };
        // White space at a line's end was added on the way (RFC 2045 section 6.7, rule 3).
        let text = text.trim_ascii_end();
        let (text, soft) = match text {
            [text @ .., b'='] => (text, true),
            text => (text, false),
        };
        quoted_line(text, &mut out);
        if !soft {
            out.extend_from_slice(end);
        }
    }
    out
}

fn quoted_line(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some((&first, tail)) = text.split_first() {
        text = tail;
        if let (b'=', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (words::hex(*high), words::hex(*low))
        {
            out.push(high << 4 | low);
            text = after;
            continue;
        }
        out.push(first);
    }
}

/// Decodes from the first `begin` line to `end`; `None` where there is none.
fn uuencode(raw: &[u8]) -> Option<Vec<u8>> {
    let mut lines = raw.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    lines.find(|line| line.starts_with(b"begin "))?;
    let mut out = Vec::with_capacity(raw.len());
    for line in lines {
        let Some((&count, text)) = line.split_first() else { continue };
        if line == b"end" {
            return Some(out);
        }
        let mut left = usize::from(count.wrapping_sub(32) & 63);
        for group in text.chunks(4) {
            let mut bits = 0_u32;
            for at in 0..4 {
                let value = group.get(at).map_or(0, |b| b.wrapping_sub(32) & 63);
                bits = bits << 6 | u32::from(value);
            }
            let bytes = bits.to_be_bytes();
            let take = left.min(3);
            out.extend(bytes.iter().skip(1).take(take));
            left -= take;
        }
    }
    Some(out)
}

/// Joins the lines of `format=flowed` text (RFC 3676): a line that ends in a space goes on in the next of the same quote
/// depth; `delsp` removes that space.
pub fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut flowing: Option<usize> = None;
    for line in text.lines() {
        let quote = line.bytes().take_while(|b| *b == b'>').count();
        let body = line.get(quote..).unwrap_or_default();
        let body = body.strip_prefix(' ').unwrap_or(body);
        if flowing != Some(quote) {
            if flowing.is_some() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n('>', quote));
            if quote > 0 && !body.is_empty() {
                out.push(' ');
            }
        }
        // The signature separator is never flowed (section 4.3).
        if body.ends_with(' ') && body != "-- " {
            out.push_str(if delsp { body.strip_suffix(' ').unwrap_or(body) } else { body });
            flowing = Some(quote);
        } else {
            out.push_str(body);
            out.push('\n');
            flowing = None;
        }
    }
    if flowing.is_some() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    /// The same by the rules, one character at a time.
    fn plain_base64(raw: &[u8]) -> Vec<u8> {
        let (mut out, mut bits, mut held, mut at) = (Vec::new(), 0_u32, 0, 0);
        for line in raw.split(|b| *b == b'\n') {
            if !out.is_empty() && is_footer(line) {
                out.push(b'\n');
                out.extend_from_slice(&raw[at..]);
                break;
            }
            for &byte in line {
                if byte == b'=' {
                    held = 0;
                }
                let Some(value) = sextet(byte) else { continue };
                bits = bits << 6 | u32::from(value);
                held += 6;
                if held >= 8 {
                    held -= 8;
                    out.push((bits >> held & 0xff) as u8);
                }
            }
            if line.contains(&b'=') {
                held = 0;
            }
            at += line.len() + 1;
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// The fast way gives what the slow one gives, whatever the lines look like.
        #[test]
        fn base64_is_the_same_fast_and_slow(raw in "([A-Za-z0-9+/]{0,9}|[A-Za-z0-9+/]{76}|=|\r?\n| |-|\u{a0}|_____){0,24}") {
            prop_assert_eq!(base64(raw.as_bytes()), plain_base64(raw.as_bytes()));
        }

        /// A run that goes on over lines, as in armor.
        #[test]
        fn runs_are_the_same_fast_and_slow(pieces in prop::collection::vec("([A-Za-z0-9+/]{0,9}|[A-Za-z0-9+/]{64}| |=|\u{a0}){0,4}", 0..6)) {
            let (mut run, mut out) = (Run::default(), Vec::new());
            for piece in &pieces {
                run.feed(piece.as_bytes(), &mut out);
            }
            let joined: String = pieces.concat().replace('=', "");
            prop_assert_eq!(out, plain_base64(joined.replace([' ', '\u{a0}'], "").as_bytes()));
        }
    }

    #[test]
    fn lines_are_what_split_gives() {
        for text in [&b""[..], b"\n", b"a", b"a\n", b"\na\r\n\nb"] {
            assert!(lines(text).eq(text.split(|b| *b == b'\n')), "{text:?}");
        }
    }

    #[test]
    fn transfer_encodings() {
        for (encoding, raw, want) in [
            (Encoding::Base64, &b"aGVs\r\nbG8="[..], &b"hello"[..]),
            (Encoding::Base64, b"aGVsbG8", b"hello"),
            (Encoding::Base64, b"aGk=aGk=", b"hihi"),
            (Encoding::Base64, b"aGVsbG8=\n_______\nlist footer\n", b"hello\n_______\nlist footer\n"),
            (Encoding::QuotedPrintable, b"a=20=\r\nb  \r\n=C3=BC=ZZ=", b"a b\r\n\xc3\xbc=ZZ"),
            (Encoding::Uuencode, b"begin 644 x\n%:&5L;&\\\n`\nend\n", b"hello"),
        ] {
            assert_eq!(encoding.decode(raw).as_slice(), want, "{encoding:?}");
        }
    }

    #[test]
    fn flowed_text_is_joined() {
        assert_eq!(unflow("a \nb\n> c \n> d\n-- \nsig\n", false), "a b\n> c d\n-- \nsig\n");
        assert_eq!(unflow("a \nb\n", true), "ab\n");
        assert_eq!(unflow(" >not quoted\n", false), ">not quoted\n");
    }
}
