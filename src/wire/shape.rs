//! How long a server's response may be beside its literals.
//!
//! A mail comes as a literal, which costs what it weighs. All else in a FETCH response becomes a list in memory with many
//! times the weight (`FLAGS (a a a …`), so that is capped while it is received, before anything parses it.

use super::status::Status;

/// Follows what an IMAP server sends, byte by byte, and knows which bytes are literals.
#[derive(Debug)]
pub struct Shape {
    limit: u64,
    counted: u64,
    state: State,
    status: Option<Status>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of a line, with so many bytes of `* 1` seen.
    Start(u8),
    /// In a line without literals.
    Plain,
    /// In a response that begins with a number; in a quoted string, after a backslash, the digits of a literal's length,
    /// and the whole of it after the brace.
    Item { quote: bool, escape: bool, digits: Option<u64>, length: Option<u64> },
    /// So many bytes of a literal are to come.
    Literal(u64),
}

const ITEM: State = State::Item { quote: false, escape: false, digits: None, length: None };

impl Shape {
    /// A connection at its start.
    pub fn new(limit: u64) -> Shape {
        Shape { limit, counted: 0, state: State::Start(0), status: None }
    }

    /// From now on a response may have this many bytes beside its literals.
    pub fn limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// From now on the words of status responses are masked; see [`Status`].
    pub fn mask_status(&mut self) {
        self.status = Some(Status::default());
    }

    /// The last status response to a command, in full.
    pub fn last_status(&self) -> Option<String> {
        self.status.as_ref().and_then(Status::last)
    }

    /// What the server said when it hung up, in full.
    pub fn bye(&self) -> Option<String> {
        self.status.as_ref().and_then(Status::bye)
    }

    /// Takes note of bytes that came; false where a response is longer than allowed or no IMAP at all.
    pub fn follow(&mut self, bytes: &mut [u8]) -> bool {
        let mut rest = bytes;
        loop {
            if let State::Literal(left) = self.state {
                let skip = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                rest = rest.get_mut(skip..).unwrap_or_default();
                let left = left - skip as u64;
                self.state = if left == 0 { ITEM } else { State::Literal(left) };
            }
            let Some((byte, tail)) = rest.split_first_mut() else { return true };
            rest = tail;
            self.counted += 1;
            let Some(next) = step(self.state, *byte) else { return false };
            if let Some(status) = self.status.as_mut()
                && !matches!(self.state, State::Item { .. })
            {
                *byte = status.mask(*byte);
            }
            if self.counted > self.limit {
                return false;
            }
            if matches!(next, State::Start(0)) {
                self.counted = 0;
            }
            self.state = next;
        }
    }
}

fn step(state: State, byte: u8) -> Option<State> {
    Some(match (state, byte) {
        (State::Start(_) | State::Plain, b'\n') => State::Start(0),
        (State::Start(0), b'*') => State::Start(1),
        (State::Start(1), b' ') => State::Start(2),
        (State::Start(2), b'0'..=b'9') => ITEM,
        (State::Start(_) | State::Plain | State::Literal(_), _) => State::Plain,
        (State::Item { quote: true, escape, .. }, _) => match byte {
            b'\r' | b'\n' => return None,
            b'"' if !escape => ITEM,
            _ => State::Item { quote: true, escape: byte == b'\\' && !escape, digits: None, length: None },
        },
        (State::Item { length: Some(length), .. }, b'\n') => State::Literal(length),
        (State::Item { .. }, b'\n') => State::Start(0),
        (State::Item { length, .. }, b'\r') => State::Item { quote: false, escape: false, digits: None, length },
        (State::Item { .. }, b'"') => State::Item { quote: true, escape: false, digits: None, length: None },
        (State::Item { .. }, b'{') => State::Item { quote: false, escape: false, digits: Some(0), length: None },
        (State::Item { digits: Some(n), .. }, b'0'..=b'9') => {
            let n = n.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            State::Item { quote: false, escape: false, digits: Some(n), length: None }
        }
        (State::Item { digits, .. }, b'}') => State::Item { quote: false, escape: false, digits: None, length: digits },
        (State::Item { .. }, _) => ITEM,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes in pieces of every size give the same verdict.
    fn passes(limit: u64, text: &str) -> bool {
        let verdicts: Vec<bool> = (1..=text.len())
            .map(|size| {
                let mut shape = Shape::new(limit);
                text.to_owned().into_bytes().chunks_mut(size).all(|chunk| shape.follow(chunk))
            })
            .collect();
        assert!(verdicts.iter().all(|v| *v == verdicts[0]), "{text}");
        verdicts[0]
    }

    #[test]
    fn literals_are_free_and_all_else_counts() {
        let mail = "x\r\n".repeat(50);
        assert!(passes(40, &format!("* 1 FETCH (UID 7 BODY[] {{150}}\r\n{mail})\r\na1 OK done\r\n")));
        assert!(passes(40, &format!("* 1 FETCH (BODY[] {{0}}\r\n)\r\n* 2 FETCH (BODY[] {{150}}\r\n{mail})\r\n")));
        assert!(!passes(40, &format!("* 1 FETCH (FLAGS ({}))\r\n", "a ".repeat(30))));
        assert!(!passes(40, &"A".repeat(50)));
        assert!(passes(40, &"* OK noise\r\n".repeat(50)));
    }

    #[test]
    fn nothing_only_looks_like_a_literal() {
        let many = "a ".repeat(60);
        for text in [
            format!("* OK {{150}}\r\n* 1 FETCH (FLAGS ({many}))\r\n"),
            format!("* 1 FETCH (INTERNALDATE \"{{150}}\" FLAGS ({many}))\r\n"),
            format!("* 1 FETCH (INTERNALDATE \"\\\"{{150}}\r\n\" FLAGS ({many}))\r\n"),
            format!("* 1 FETCH (X {{150}} FLAGS ({many}))\r\n"),
            format!("* 1 FETCH (X ({}))\r\n", "{0}\r\n ".repeat(30)),
        ] {
            assert!(!passes(60, &text), "{text}");
        }
        assert!(!passes(60, "* 1 FETCH (BODY[] {18446744073709551616}\r\n"));
    }
}
