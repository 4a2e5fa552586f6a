//! The last thing before a terminal.

use std::io::{self, Write};

/// Lets through what people read and the styles named here, and shows everything else as an escape: what was forgotten on
/// the way here does no harm. Bytes that are no UTF-8 are shown too.
pub struct Wall<W: Write> {
    to: W,
    /// Sequences that change the style, as the program writes them.
    styles: Vec<String>,
    /// The beginning of a character or of a sequence, whose rest comes with the next write.
    held: Vec<u8>,
}

impl<W: Write> Wall<W> {
    /// Only the sequences that these styles are made of pass.
    pub fn new(to: W, styles: &[String]) -> Wall<W> {
        let sequences = styles.iter().flat_map(|style| style.split('\x1b').skip(1).map(|s| format!("\x1b{s}")));
        Wall { to, styles: sequences.collect(), held: Vec::new() }
    }

    /// Writes out what is whole; keeps the rest, unless this is the `end`.
    fn pass(&mut self, end: bool) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.held);
        let mut out = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            if rest.starts_with(b"\x1b") {
                let style = self.styles.iter().find(|s| rest.starts_with(s.as_bytes()));
                if let Some(style) = style {
                    out.push_str(style);
                    rest = rest.get(style.len()..).unwrap_or_default();
                    continue;
                }
                if !end && self.styles.iter().any(|s| s.as_bytes().starts_with(rest)) {
                    break;
                }
                out.push_str("\\x1b");
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let until = rest.iter().position(|b| *b == 0x1b).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(until);
            let read = match std::str::from_utf8(plain) {
                Ok(text) => {
                    show(text, &mut out);
                    plain.len()
                }
                Err(e) => {
                    let (good, bad) = plain.split_at(e.valid_up_to());
                    show(std::str::from_utf8(good).unwrap_or_default(), &mut out);
                    match e.error_len() {
                        None if !end && after.is_empty() => {
                            rest = bad;
                            break;
                        }
                        length => {
                            let length = length.unwrap_or(bad.len());
                            bad.iter().take(length).for_each(|b| out.push_str(&format!("\\x{b:02x}")));
                            good.len() + length
                        }
                    }
                }
            };
            rest = rest.get(read..).unwrap_or_default();
        }
        self.held = rest.to_vec();
        self.to.write_all(out.as_bytes())
    }
}

fn show(text: &str, out: &mut String) {
    out.push_str(&super::escape(text, |c| c == '\n' || c == '\t'));
}

impl<W: Write> Write for Wall<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        self.pass(false)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(true)?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut wall = Wall::new(&mut out, &["\x1b[1m\x1b[35m".into(), "\x1b[0m".into()]);
        for piece in pieces {
            wall.write_all(piece).unwrap();
        }
        wall.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn our_styles_pass_and_nothing_else() {
        let text = "\x1b[1mbold\x1b[0m ü\n\x1b[31mred\x1b]0;t\x07\u{9b}x\u{202e}\r";
        let safe = "\x1b[1mbold\x1b[0m ü\n\\x1b[31mred\\x1b]0;t\\x07\\x9bx\\u{202e}\\x0d";
        assert_eq!(through(&[text.as_bytes()]), safe);
        // Wherever the writes are cut.
        for at in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            assert_eq!(through(&[first, second]), safe, "cut at {at}");
        }
        assert_eq!(through(&text.bytes().collect::<Vec<u8>>().chunks(1).collect::<Vec<_>>()), safe);
        assert_eq!(through(&[b"a\xff\xc3"]), "a\\xff\\xc3");
        assert_eq!(through(&[b"\x1b["]), "\\x1b[");
    }

    #[test]
    fn long_lines_cost_no_more_than_their_length() {
        let long = vec![b'x'; 8 << 20];
        assert_eq!(through(&[&long]).len(), long.len());
    }
}
