//! mbox files (RFC 4155 and its relatives), read as a stream.
//!
//! A mail begins at a line `From sender date` at the top or after an empty line. Quoting is undone as in mboxrd: one `>` is
//! taken from a line of `>`s before `From `; for the older mboxo, which cannot say whether a `>` was there before, that is
//! the more likely reading. The one empty line before the next `From ` line belongs to the file, not to the mail.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use jiff::Timestamp;

use super::{Tray, header, modified, unreadable};
use crate::wire::WireError;

/// Lines are looked at in pieces of this size, however long they are.
const PIECE: usize = 64 << 10;

pub fn read(file: File, path: &Path, tray: &mut Tray<'_>) -> Result<(), WireError> {
    let fallback = file.metadata().ok().and_then(|m| modified(&m));
    let mut input = BufReader::with_capacity(PIECE, file);
    let mut offset = 0u64;
    let mut mail: Option<Mail> = None;
    let mut after_empty = true;
    let mut at_line_start = true;
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let length = next_piece(&mut input, &mut piece).map_err(|e| unreadable(path, &e))?;
        if length == 0 {
            break;
        }
        let is_start = at_line_start && after_empty && is_from_line(&piece);
        if is_start {
            if let Some(done) = mail.take() {
                done.finish(fallback, tray)?;
            }
            mail = Some(Mail::new(offset, from_date(&piece)));
        } else if let Some(mail) = mail.as_mut() {
            mail.push(if at_line_start { unquoted(&piece) } else { &piece }, tray.limits.message);
        }
        after_empty = at_line_start && matches!(piece.as_slice(), b"\n" | b"\r\n");
        at_line_start = piece.last() == Some(&b'\n');
        offset += length as u64;
    }
    match mail {
        Some(last) => last.finish(fallback, tray),
        None => Err(super::malformed(path, "line 1", "it begins with \"From \" and yet is no mbox: no date there")),
    }
}

/// A line with its end, or the next part of one that is longer than [`PIECE`].
fn next_piece(input: &mut BufReader<File>, piece: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        let available = input.fill_buf()?;
        let room = PIECE - piece.len();
        let end = available.iter().take(room).position(|b| *b == b'\n').map(|i| i + 1);
        let take = end.unwrap_or(available.len().min(room));
        piece.extend_from_slice(available.get(..take).unwrap_or_default());
        input.consume(take);
        if end.is_some() || take == 0 || piece.len() >= PIECE {
            return Ok(piece.len());
        }
    }
}

struct Mail {
    offset: u64,
    date: Option<Timestamp>,
    raw: Vec<u8>,
    /// Bytes of the mail, those beyond the limit included.
    whole: u64,
}

impl Mail {
    fn new(offset: u64, date: Option<Timestamp>) -> Mail {
        Mail { offset, date, raw: Vec::new(), whole: 0 }
    }

    fn push(&mut self, bytes: &[u8], limit: u64) {
        self.whole += bytes.len() as u64;
        if self.raw.len() as u64 <= limit {
            self.raw.extend_from_slice(bytes);
        }
    }

    fn finish(mut self, fallback: Option<Timestamp>, tray: &mut Tray<'_>) -> Result<(), WireError> {
        let truncated = if self.whole > tray.limits.message.saturating_add(2) {
            header::keep_beginning(&mut self.raw, tray.limits);
            Some(self.whole)
        } else {
            // The file's own empty line.
            for end in [&b"\r\n\r\n"[..], b"\n\n"] {
                if self.raw.ends_with(end) {
                    self.raw.truncate(self.raw.len() - end.len() / 2);
                    break;
                }
            }
            None
        };
        let received_at = header::received(&self.raw).or(self.date).or(fallback);
        tray.put(self.offset.to_string(), self.raw, received_at, truncated)
    }
}

/// `From `, and later on something that looks like a time of day and a year. A line of prose after an empty line, left
/// unquoted by a careless program, is not taken for one; anything doubtful is, since a mail cut in two is still there
/// and two mails run together hide one.
fn is_from_line(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let time =
        rest.windows(5).any(|w| matches!(w, [a, b, b':', c, d] if [a, b, c, d].iter().all(|x| x.is_ascii_digit())));
    let year = rest.split(u8::is_ascii_whitespace).any(|w| w.len() == 4 && w.iter().all(u8::is_ascii_digit));
    time && year
}

/// `From a@b Fri Nov 20 10:00:00 2026`, with a zone before or after the year in some dialects; UTC without one.
fn from_date(line: &[u8]) -> Option<Timestamp> {
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split_whitespace().collect();
    for format in ["%a %b %d %H:%M:%S %Y %z", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M %Y"] {
        let count = format.split(' ').count();
        let Some(tail) = words.len().checked_sub(count).and_then(|i| words.get(i..)) else { continue };
        if let Ok(broken) = jiff::fmt::strtime::parse(format, tail.join(" ")) {
            if let Ok(instant) = broken.to_timestamp() {
                return Some(instant);
            }
            if let Ok(civil) = broken.to_datetime() {
                return civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp());
            }
        }
    }
    None
}

fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|b| **b == b'>').count();
    match line.get(quotes..) {
        Some(rest) if quotes > 0 && rest.starts_with(b"From ") => line.get(1..).unwrap_or(line),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_lines_and_prose_are_told_apart() {
        for line in [
            "From finder@example.org Fri Nov 20 10:00:00 2026\n",
            "From - Fri Nov 20 10:00:00 2026\r\n",
            "From 1781@xxx Fri Nov 20 10:00:00 +0000 2026\n",
        ] {
            assert!(is_from_line(line.as_bytes()), "{line}");
            assert_eq!(from_date(line.as_bytes()), Some("2026-11-20T10:00:00Z".parse().unwrap()), "{line}");
        }
        for line in [
            "From here it goes on\n",
            ">From a Fri Nov 20 10:00:00 2026\n",
            "From: a@example.org\n",
            "from a 10:00 2026\n",
        ] {
            assert!(!is_from_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn one_quote_is_undone() {
        assert_eq!(unquoted(b">From a\n"), b"From a\n");
        assert_eq!(unquoted(b">>From a\n"), b">From a\n");
        assert_eq!(unquoted(b"> From a\n"), b"> From a\n");
        assert_eq!(unquoted(b"From a\n"), b"From a\n");
    }
}
