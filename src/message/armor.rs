//! Armor in text (RFC 9580 section 6.2), found and read as leniently as mail needs.
//!
//! Programs on the way turn spaces into no-break spaces, eat blank lines, indent, wrap and append. None of that can harm:
//! what the armor holds carries its own integrity. The checksum is not looked at, as RFC 9580 section 6.1 advises.

use std::ops::Range;

use memchr::memmem;

use super::body;

/// How many blocks of one text are looked at.
pub const MAX_BLOCKS: usize = 32;

/// Every border line has them.
const DASHES: &[u8] = b"-----";

/// What an armor header line says is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PGP MESSAGE.
    Message,
    /// PGP SIGNED MESSAGE: readable text with a signature under it (RFC 9580 section 7).
    Cleartext,
    /// PGP SIGNATURE, alone.
    Signature,
    /// PGP PUBLIC KEY BLOCK.
    PublicKey,
    /// PGP PRIVATE KEY BLOCK.
    PrivateKey,
}

/// One block of a text.
#[derive(Clone, Debug)]
pub struct Block {
    /// What it says it is.
    pub kind: Kind,
    /// Where it stands, both border lines included.
    pub range: Range<usize>,
    /// The bytes it holds; of cleartext, those of the signature.
    pub data: Vec<u8>,
    /// Of cleartext: the text to read, and the form that the signature covers.
    pub cleartext: Option<(Vec<u8>, Vec<u8>)>,
    /// The `Charset` header line.
    pub charset: Option<String>,
    /// Of cleartext: a header line other than `Hash`, which RFC 9580 section 7.1 forbids because people would read it.
    pub odd_header: bool,
}

/// True where there may be armor: a cheap look before the thorough one.
pub fn is_likely(text: &[u8]) -> bool {
    memmem::find(text, b"-----BEGIN").is_some()
}

/// Finds the blocks of a text, in order. Quoted ones are the work of somebody else and are left alone.
pub fn find(text: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !is_likely(text) {
        return blocks;
    }
    let lines = Lines::new(text);
    let mut at = 0;
    while let Some(range) = lines.line_with(DASHES, at) {
        let Some(kind) = border(text.get(range.clone()).unwrap_or_default(), "BEGIN") else {
            at = range.end;
            continue;
        };
        let block = if kind == Kind::Cleartext { cleartext(&lines, range) } else { plain(&lines, kind, range) };
        at = block.range.end;
        blocks.push(block);
        if blocks.len() >= MAX_BLOCKS {
            break;
        }
    }
    blocks
}

struct Lines<'a> {
    text: &'a [u8],
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Lines<'a> {
        Lines { text }
    }

    /// The line that begins here, its end included.
    fn line(&self, at: usize) -> Option<Range<usize>> {
        let rest = self.text.get(at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |found| found + 1);
        Some(at..at + length)
    }

    /// The first line from here on that holds `needle`, which has no line feed in it. `at` is the beginning of a line.
    fn line_with(&self, needle: &[u8], at: usize) -> Option<Range<usize>> {
        let rest = self.text.get(at..)?;
        let found = memmem::find(rest, needle)?;
        let start = rest.get(..found).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |end| end + 1);
        self.line(at + start)
    }

    fn get(&self, range: &Range<usize>) -> &'a [u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

/// Armor without readable text. It ends at its END line, which some programs join to the last line of data, or before the next BEGIN line, or with the text.
fn plain(lines: &Lines<'_>, kind: Kind, begin: Range<usize>) -> Block {
    let (content, end) = extent(lines, begin.end);
    let (data, charset) = dearmor(lines.get(&(begin.end..content)));
    Block { kind, range: begin.start..end, data, cleartext: None, charset, odd_header: false }
}

/// Where the content of armor ends, and where the armor does.
fn extent(lines: &Lines<'_>, mut at: usize) -> (usize, usize) {
    while let Some(range) = lines.line_with(DASHES, at) {
        let line = lines.get(&range);
        if border(line, "BEGIN").is_some() {
            return (range.start, range.start);
        }
        if let Some(before) = memmem::find(line, b"-----END") {
            return (range.start + before, range.end);
        }
        at = range.end;
    }
    (lines.text.len(), lines.text.len())
}

fn cleartext(lines: &Lines<'_>, begin: Range<usize>) -> Block {
    let mut at = begin.end;
    let (mut charset, mut odd_header) = (None, false);
    while let Some(range) = lines.line(at) {
        let line = lines.get(&range).trim_ascii();
        if line.is_empty() {
            at = range.end;
            break;
        }
        match header_line(line) {
            Some((name, _)) if name.eq_ignore_ascii_case("hash") => {}
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => charset = Some(value),
            Some(_) => odd_header = true,
            // The blank line was lost: this is text already.
            None => break,
        }
        at = range.end;
    }
    let (mut shown, mut signed) = (Vec::new(), Vec::new());
    while let Some(range) = lines.line(at) {
        let line = lines.get(&range);
        match border(line, "BEGIN") {
            Some(Kind::Signature) => {
                let signature = plain(lines, Kind::Signature, range);
                let range = begin.start..signature.range.end;
                let cleartext = Some((shown, signed));
                return Block { kind: Kind::Cleartext, range, data: signature.data, cleartext, charset, odd_header };
            }
            Some(_) => break,
            None => add_cleartext_line(line, &mut shown, &mut signed),
        }
        at = range.end;
    }
    let (range, cleartext) = (begin.start..at, Some((shown, signed)));
    Block { kind: Kind::Cleartext, range, data: Vec::new(), cleartext, charset, odd_header }
}

/// Undoes dash-escaping; the signature covers lines without trailing white space, joined by CRLF, with no end to the last
/// (RFC 9580 section 7.2).
fn add_cleartext_line(line: &[u8], shown: &mut Vec<u8>, signed: &mut Vec<u8>) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"- ").unwrap_or(line);
    if !shown.is_empty() {
        signed.extend_from_slice(b"\r\n");
    }
    let kept = line.iter().rposition(|b| !matches!(b, b' ' | b'\t' | b'\r')).map_or(0, |last| last + 1);
    signed.extend_from_slice(line.get(..kept).unwrap_or_default());
    shown.extend_from_slice(line);
    shown.push(b'\n');
}

/// The kind a border line names: `-----BEGIN PGP MESSAGE-----`, perhaps indented or with no-break spaces.
fn border(line: &[u8], word: &str) -> Option<Kind> {
    let start = line.iter().position(|b| *b == b'-')?;
    if start > 64 || !line.get(..start)?.iter().all(|b| is_blank(*b)) || !line.get(start..)?.starts_with(b"-----") {
        return None;
    }
    let line: Vec<u8> = line.iter().skip(start).take(80).copied().collect();
    let text = String::from_utf8_lossy(&line).replace(['\u{a0}', '\u{fffd}'], " ");
    let label = text.strip_prefix("-----")?.trim_start().strip_prefix(word)?;
    let label = label.split("-----").next()?;
    let words: Vec<&str> = label.split_whitespace().collect();
    match words.as_slice() {
        ["PGP", "MESSAGE"] | ["PGP", "MESSAGE,", ..] => Some(Kind::Message),
        ["PGP", "SIGNED", "MESSAGE"] => Some(Kind::Cleartext),
        ["PGP", "SIGNATURE"] => Some(Kind::Signature),
        ["PGP", "PUBLIC", "KEY", "BLOCK"] => Some(Kind::PublicKey),
        ["PGP", "PRIVATE" | "SECRET", "KEY", "BLOCK"] => Some(Kind::PrivateKey),
        _ => None,
    }
}

fn is_blank(byte: u8) -> bool {
    // The bytes of a no-break space in UTF-8 and in Latin charsets, too.
    byte.is_ascii_whitespace() || byte == 0xa0 || byte == 0xc2
}

fn header_line(line: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(line);
    let (name, value) = text.split_once(':')?;
    let plausible = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plausible.then(|| (name.to_owned(), value.trim().to_owned()))
}

/// The data between the border lines.
fn dearmor(content: &[u8]) -> (Vec<u8>, Option<String>) {
    // Base64 has no equals sign before two hexadecimal digits, except where somebody encoded it once more; but the
    // checksum has one in every 4,096 (`=3DAb`, RFC 9580 section 6.1).
    let is_checksum = |line: &[u8]| line.len() == 5 && line.starts_with(b"=");
    let is_marked = |text: &[u8]| memmem::find(text, b"=3D").is_some();
    let is_encoded = |line: &[u8]| !is_checksum(line) && is_marked(line);
    let again = is_marked(content) && body::lines(content).any(|line| is_encoded(line.trim_ascii()));
    let undone = again.then(|| body::Encoding::QuotedPrintable.decode(content));
    let content = undone.as_ref().map_or(content, |bytes| bytes.as_slice());
    let mut out = Vec::with_capacity(content.len() / 4 * 3 + 3);
    let mut charset = None;
    let (mut run, mut begun) = (body::Run::default(), false);
    for line in body::lines(content) {
        let line = line.trim_ascii();
        if !begun && is_preamble(line, &mut charset) {
            continue;
        }
        begun = true;
        // Padding or the checksum is the end, also where lines were joined.
        let end = memchr::memchr(b'=', line);
        run.feed(line.get(..end.unwrap_or(line.len())).unwrap_or_default(), &mut out);
        if end.is_some() {
            break;
        }
    }
    (out, charset)
}

/// Blank lines and header lines, and what a program wrapped a long header line into.
fn is_preamble(line: &[u8], charset: &mut Option<String>) -> bool {
    if line.iter().all(|b| is_blank(*b)) {
        return true;
    }
    if let Some((name, value)) = header_line(line) {
        if name.eq_ignore_ascii_case("charset") {
            *charset = Some(value);
        }
        return true;
    }
    line.iter().any(|b| b.is_ascii_graphic() && body::sextet(*b).is_none() && *b != b'=') || line.contains(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const HELLO: &str = "aGVsbG8=";

    #[test]
    fn armor_in_every_dress() {
        for text in [
            format!("hi\n-----BEGIN PGP MESSAGE-----\nVersion: x\n\n{HELLO}\n=AbCd\n-----END PGP MESSAGE-----\nbye"),
            format!("-----BEGIN PGP MESSAGE-----\r\n\r\n{HELLO}\r\n=AbCd\r\n-----END PGP MESSAGE-----\r\n"),
            format!(
                "  -----BEGIN\u{a0}PGP\u{a0}MESSAGE-----\n\u{a0}\n  aGVs\n\u{a0}\n  bG8=\n-----END PGP MESSAGE-----"
            ),
            format!(
                "-----BEGIN PGP MESSAGE-----\nComment: a long\nwrapped comment\n\n{HELLO}\n-----END PGP MESSAGE-----"
            ),
            format!("-----BEGIN PGP MESSAGE-----\n{HELLO}3D\n=3DAbCd\n-----END PGP MESSAGE-----"),
            // A checksum that only looks encoded.
            format!("-----BEGIN PGP MESSAGE-----\r\n\r\n{HELLO}\r\n=3DW8\r\n-----END PGP MESSAGE-----\r\n"),
            format!("-----BEGIN PGP MESSAGE-----\n\n{HELLO}-----END PGP MESSAGE-----"),
            format!("-----BEGIN PGP MESSAGE-----\n\n{HELLO}=AbCd\n-----END PGP MESSAGE-----"),
            format!("-----BEGIN PGP MESSAGE-----\n\n{HELLO}"),
        ] {
            let blocks = find(text.as_bytes());
            assert_eq!(blocks.len(), 1, "{text}");
            assert_eq!(blocks[0].data, b"hello", "{text}");
        }
        assert!(find(format!("> -----BEGIN PGP MESSAGE-----\n> {HELLO}\n").as_bytes()).is_empty());
    }

    #[test]
    fn cleartext_is_unescaped_and_canonical() {
        let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nfirst \n- -- \n- -----BEGIN PGP MESSAGE-----\n\nlast\n\
                    -----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n-----END PGP SIGNATURE-----\nafter";
        let blocks = find(text.as_bytes());
        assert_eq!(blocks.len(), 1);
        let (shown, signed) = blocks[0].cleartext.clone().unwrap();
        assert_eq!(shown, b"first \n-- \n-----BEGIN PGP MESSAGE-----\n\nlast\n");
        assert_eq!(signed, b"first\r\n--\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nlast");
        assert_eq!(&text.as_bytes()[blocks[0].range.end..], b"after");
        assert_eq!(blocks[0].data, b"hello");
    }

    /// The same line by line.
    fn plain_extent(text: &[u8], from: usize) -> (usize, usize) {
        let mut at = from;
        for line in text[from..].split_inclusive(|b| *b == b'\n') {
            if border(line, "BEGIN").is_some() {
                return (at, at);
            }
            if let Some(before) = line.windows(8).position(|window| window == b"-----END") {
                return (at + before, at + line.len());
            }
            at += line.len();
        }
        (at, at)
    }

    proptest! {
        #[test]
        fn armor_ends_where_it_ends_line_by_line(
            text in "(\n|\r\n|a|-----| |-----BEGIN PGP MESSAGE-----|-----END|> |\u{a0}|PGP){0,16}"
        ) {
            let text = text.as_bytes();
            prop_assert_eq!(extent(&Lines::new(text), 0), plain_extent(text, 0));
        }
    }

    #[test]
    fn many_beginnings_cost_linear_time() {
        let text = "-----BEGIN PGP MESSAGE-----\n".repeat(200_000);
        assert_eq!(find(text.as_bytes()).len(), MAX_BLOCKS);
    }
}
