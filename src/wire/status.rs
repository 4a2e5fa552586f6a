//! The words of an IMAP server's status responses (`* NO …`, `a1 OK …`), kept from a parser that takes ASCII only.
//!
//! RFC 9051 section 7.1 allows UTF-8 there and servers speak the language of their country; the parser behind the `imap` crate
//! calls that nonsense, and a mailbox would be out of reach because its server says "Speicher für Sie knapp".

/// A response longer than this is cut where it is kept for people.
const KEPT: usize = 1 << 10;

/// Follows lines byte by byte.
#[derive(Debug, Default)]
pub struct Status {
    /// The line so far, cut to [`KEPT`].
    line: Vec<u8>,
    blanks: u8,
    /// Whether this line is a status response, once its second word is known.
    is_status: bool,
    last: Vec<u8>,
    bye: Vec<u8>,
}

impl Status {
    /// The byte as a parser may see it: in the words of a status response nothing but printable ASCII.
    pub fn mask(&mut self, byte: u8) -> u8 {
        if byte == b'\n' {
            if self.is_status && !self.line.starts_with(b"* ") {
                self.last = std::mem::take(&mut self.line);
            } else if self.is_status && is_bye(&self.line) {
                self.bye = std::mem::take(&mut self.line);
            }
            self.line.clear();
            (self.blanks, self.is_status) = (0, false);
            return byte;
        }
        if byte == b' ' && self.blanks < 2 {
            self.blanks += 1;
            self.is_status = self.blanks == 2 && is_status(&self.line);
        }
        if self.line.len() < KEPT {
            self.line.push(byte);
        }
        if self.is_status && byte != b'\r' && !matches!(byte, b' '..=b'~') { b'?' } else { byte }
    }

    /// The last response to a command, without its tag.
    pub fn last(&self) -> Option<String> {
        words(&self.last)
    }

    /// What the server said when it hung up, where it did.
    pub fn bye(&self) -> Option<String> {
        words(&self.bye)
    }
}

fn words(line: &[u8]) -> Option<String> {
    String::from_utf8_lossy(line).split_once(' ').map(|(_, rest)| rest.trim_end().to_owned())
}

fn is_bye(line: &[u8]) -> bool {
    line.get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"* bye"))
}

/// `* OK`, `a7 NO`: nothing that begins with a digit, which is a reply of SMTP.
fn is_status(head: &[u8]) -> bool {
    let mut words = head.split(|b| *b == b' ');
    let tag = words.next().and_then(|w| w.first()).is_some_and(|b| *b == b'*' || b.is_ascii_alphabetic());
    let names: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
    tag && words.next().is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farewell_is_kept() {
        let mut status = Status::default();
        "* OK BYE\r\n* bye für heute\r\n".bytes().for_each(|b| assert_ne!(status.mask(b), 0));
        assert_eq!((status.bye().as_deref(), status.last()), (Some("bye für heute"), None));
    }

    fn masked(text: &str) -> (String, Option<String>) {
        let mut status = Status::default();
        let bytes = text.bytes().map(|b| status.mask(b)).collect();
        (String::from_utf8(bytes).unwrap(), status.last())
    }

    #[test]
    fn words_are_masked_and_kept_for_people() {
        let (seen, last) = masked("* OK [ALERT] für Sie\r\na7 NO [LIMIT] zu früh\u{1b}[2J\r\n* 3 EXISTS\r\n");
        assert_eq!(seen, "* OK [ALERT] f??r Sie\r\na7 NO [LIMIT] zu fr??h?[2J\r\n* 3 EXISTS\r\n");
        assert_eq!(last.as_deref(), Some("NO [LIMIT] zu früh\u{1b}[2J"));
    }

    #[test]
    fn nothing_else_is_touched() {
        for text in ["* LIST () \"/\" \"Gelöscht\"\r\n", "250 OK für\r\n", "* 1 FETCH (X \"ü\")\r\n", "+ für\r\n"] {
            assert_eq!(masked(text).0, text);
        }
    }
}
