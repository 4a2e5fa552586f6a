//! Text as 7-bit lines (RFC 2045 section 6), and words in header fields (RFC 2047).

use data_encoding::BASE64;
use zeroize::Zeroizing;

/// The longest line of a text part.
const MAX_LINE: usize = 76;

/// How a text part is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    SevenBit,
    /// RFC 2045 section 6.7.
    QuotedPrintable,
}

impl Encoding {
    /// `7bit` where every line can stand as it is: ASCII, short, without trailing white space, and without a beginning
    /// that mail programs change on the way (RFC 3156 section 3).
    pub fn of(text: &str) -> Encoding {
        let plain = |line: &str| {
            line.len() <= MAX_LINE
                && line.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic())
                && !line.ends_with([' ', '\t'])
                && !line.starts_with("From ")
                && line != "."
        };
        if text.split('\n').all(plain) { Encoding::SevenBit } else { Encoding::QuotedPrintable }
    }

    /// For Content-Transfer-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::QuotedPrintable => "quoted-printable",
        }
    }

    /// Appends `text`, whose lines end in LF, with CRLF line ends.
    pub fn write(self, text: &str, out: &mut Vec<u8>) {
        for line in text.split_inclusive('\n') {
            let (line, ended) = match line.strip_suffix('\n') {
                Some(line) => (line, true),
                None => (line, false),
            };
            match self {
                Encoding::SevenBit => out.extend_from_slice(line.as_bytes()),
                Encoding::QuotedPrintable => quote_line(line.as_bytes(), out),
            }
            if ended {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

/// `text` as encoded words, each within the 75 bytes that RFC 2047 section 2 allows and each of whole characters.
/// Readers join them without the white space between them.
pub fn encoded_words(text: &str) -> Vec<Zeroizing<String>> {
    const BYTES_PER_WORD: usize = 45;
    let piece = || Zeroizing::new(String::with_capacity(BYTES_PER_WORD));
    let mut pieces = vec![piece()];
    for c in text.chars() {
        match pieces.last_mut() {
            Some(last) if last.len() + c.len_utf8() <= BYTES_PER_WORD => last.push(c),
            _ => {
                let mut next = piece();
                next.push(c);
                pieces.push(next);
            }
        }
    }
    let encode = |piece: &Zeroizing<String>| Zeroizing::new(BASE64.encode(piece.as_bytes()));
    pieces.iter().map(|piece| Zeroizing::new(format!("=?utf-8?B?{}?=", *encode(piece)))).collect()
}

fn quote_line(line: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    for (at, byte) in line.iter().enumerate() {
        let last = at + 1 == line.len();
        let quoted = must_quote(*byte, at, last, line);
        let width = if quoted { 3 } else { 1 };
        // Room for the "=" of a soft line break, except after the line's last character.
        let room = if last { MAX_LINE } else { MAX_LINE - 1 };
        if column + width > room {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if quoted {
            out.push(b'=');
            out.extend([byte >> 4, byte & 0xf].map(hex_digit));
        } else {
            out.push(*byte);
        }
        column += width;
    }
}

fn must_quote(byte: u8, at: usize, last: bool, line: &[u8]) -> bool {
    match byte {
        b'=' => true,
        b' ' | b'\t' => last,
        // At the beginning of a line only, where mbox files and SMTP give them a meaning.
        b'F' => at == 0 && line.starts_with(b"From "),
        b'.' => at == 0,
        _ => !byte.is_ascii_graphic(),
    }
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> (Encoding, String) {
        let encoding = Encoding::of(text);
        let mut out = Vec::new();
        encoding.write(text, &mut out);
        (encoding, String::from_utf8(out).unwrap())
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(encoded("Hello,\n\n\tthere\n"), (Encoding::SevenBit, "Hello,\r\n\r\n\tthere\r\n".into()));
    }

    #[test]
    fn what_changes_on_the_way_is_quoted() {
        for (text, quoted) in [
            ("a \nb", "a=20\r\nb"),
            ("From me", "=46rom me"),
            (".\n", "=2E\r\n"),
            ("Grüße = 1", "Gr=C3=BC=C3=9Fe =3D 1"),
        ] {
            assert_eq!(encoded(text), (Encoding::QuotedPrintable, quoted.into()), "{text:?}");
        }
    }

    #[test]
    fn long_lines_break_softly_at_76() {
        for length in 70..240 {
            for text in ["x".repeat(length), "ü".repeat(length), format!("{} ", "=".repeat(length))] {
                let (_, out) = encoded(&text);
                assert!(out.split("\r\n").all(|l| l.len() <= 76), "{length}: {out}");
            }
        }
        assert_eq!(encoded(&"x".repeat(77)).1, format!("{}=\r\nxx", "x".repeat(75)));
    }
}
