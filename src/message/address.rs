//! Address lists (RFC 5322 section 3.4), read as leniently as mail programs do and never more trustingly.

use super::{Address, words};

/// How many addresses of one list are kept.
pub const MAX_ADDRESSES: usize = 1_000;

/// The longest encoded word that is looked for; RFC 2047 allows 75 characters, senders more.
const MAX_WORD: usize = 500;

/// Reads a list of mailboxes and groups from a raw field value. Encoded words are decoded after the list is cut, so that a
/// comma or bracket hidden in one makes no address of its own.
pub fn parse(value: &str) -> Vec<Address> {
    let mut list = Vec::new();
    let mut reader = Reader::default();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if list.len() >= MAX_ADDRESSES {
            break;
        }
        match c {
            '"' if !reader.in_angle => reader.quoted(&mut chars),
            '(' => reader.comment(&mut chars),
            '=' if !reader.in_angle && encoded_word(chars.as_str()).is_some() => {
                // Separators inside are text, though RFC 2047 section 5 forbids them there.
                let length = encoded_word(chars.as_str()).unwrap_or_default();
                reader.push(c);
                chars.by_ref().take(length).for_each(|inner| reader.push(inner));
            }
            '<' => reader.angle(),
            '>' if reader.in_angle => reader.in_angle = false,
            ',' | ';' if !reader.in_angle => reader.finish(&mut list),
            // A group's name: its members follow, the name itself is no address.
            ':' if !reader.in_angle && !reader.phrase.contains('@') => reader.reset(),
            other => reader.push(other),
        }
    }
    reader.finish(&mut list);
    list
}

/// How many characters of an encoded word (RFC 2047 section 2) follow its first `=`; `None` where none begins here.
fn encoded_word(rest: &str) -> Option<usize> {
    // Looking no further than the longest word keeps a long line of beginnings cheap.
    let near = rest.char_indices().nth(MAX_WORD).map_or(rest, |(end, _)| rest.get(..end).unwrap_or(rest));
    let inner = near.strip_prefix('?')?;
    let (charset, inner) = inner.split_once('?')?;
    let (encoding, inner) = inner.split_once('?')?;
    let (text, _) = inner.split_once("?=")?;
    let plain = |part: &str| !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_word = !charset.is_empty() && matches!(encoding, "Q" | "q" | "B" | "b") && plain(charset) && plain(text);
    is_word.then(|| charset.chars().count() + text.chars().count() + "?".len() * 4 + "Q=".len())
}

#[derive(Default)]
struct Reader {
    phrase: String,
    quoted_name: bool,
    angle: Option<String>,
    in_angle: bool,
    comment: String,
}

impl Reader {
    fn push(&mut self, c: char) {
        match &mut self.angle {
            Some(address) if self.in_angle => address.push(c),
            // Text after the brackets belongs to nothing.
            Some(_) => {}
            None => self.phrase.push(c),
        }
    }

    fn angle(&mut self) {
        if self.angle.is_none() {
            self.angle = Some(String::new());
        }
        self.in_angle = true;
    }

    fn quoted(&mut self, chars: &mut std::str::Chars<'_>) {
        let mut text = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => text.extend(chars.next()),
                other => text.push(other),
            }
        }
        // A quoted local part keeps its quotes: it is an address, not a name.
        if chars.as_str().starts_with('@') {
            self.phrase.push('"');
            self.phrase.push_str(&text);
            self.phrase.push('"');
        } else {
            self.quoted_name = true;
            self.phrase.push_str(&text);
        }
    }

    /// Comments nest (RFC 5322 section 3.2.2); a counter is enough, so depth costs nothing.
    fn comment(&mut self, chars: &mut std::str::Chars<'_>) {
        let mut depth = 1_usize;
        let mut text = String::new();
        while let Some(c) = chars.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => {
                    text.extend(chars.next());
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
            text.push(c);
        }
        if self.comment.is_empty() {
            self.comment = text;
        }
    }

    fn finish(&mut self, list: &mut Vec<Address>) {
        let done = std::mem::take(self);
        let phrase = done.phrase.trim();
        let (address, name) = match done.angle {
            Some(angle) => (clean(&angle), phrase),
            None if !done.quoted_name && phrase.contains('@') => (clean(phrase), done.comment.trim()),
            None if phrase.is_empty() => return,
            None => (if phrase.contains(char::is_whitespace) { String::new() } else { phrase.to_owned() }, phrase),
        };
        let name = words::decode(name.as_bytes());
        let name = name.trim().trim_matches(['"', '\'']).trim().to_owned();
        let name = (!name.is_empty() && name != address).then_some(name);
        if !address.is_empty() || name.is_some() {
            list.push(Address { address, name });
        }
    }

    fn reset(&mut self) {
        *self = Reader::default();
    }
}

/// The addr-spec without white space around it and without an obsolete source route (RFC 5322 section 4.4).
fn clean(text: &str) -> String {
    let text = text.trim();
    let routed = text.strip_prefix('@').and_then(|route| route.split_once(':')).map(|(_, address)| address);
    let text = routed.unwrap_or(text).trim();
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    text.chars().filter(|c| !c.is_whitespace() || text.contains('"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(value: &str) -> Vec<String> {
        parse(value).into_iter().map(|a| format!("{}|{}", a.address, a.name.unwrap_or_default())).collect()
    }

    #[test]
    fn lists_as_people_write_them() {
        for (raw, want) in [
            ("a@example.org", vec!["a@example.org|"]),
            ("\"Doe, J.\" <j@example.org>, b@example.net (Bee)", vec!["j@example.org|Doe, J.", "b@example.net|Bee"]),
            ("friends: a@example.org, B <b@example.org>;", vec!["a@example.org|", "b@example.org|B"]),
            ("undisclosed-recipients:;", vec![]),
            ("=?utf-8?Q?A=2C_B_=3Cc=40example.com=3E?= <d@example.org>", vec!["d@example.org|A, B <c@example.com>"]),
            (
                "=?utf-8?Q?M=C3=BCller;,=3C?= <e@example.org>, f@example.org",
                vec!["e@example.org|Müller;,<", "f@example.org|"],
            ),
            ("\"x@example.com\" <y@example.org>", vec!["y@example.org|x@example.com"]),
            ("\"a b\"@example.org", vec!["\"a b\"@example.org|"]),
            ("<@relay.example.net:a@example.org>", vec!["a@example.org|"]),
            ("<>", vec![]),
            ("Nobody <>", vec!["|Nobody"]),
            ("a@example.org <b@example.org>", vec!["b@example.org|a@example.org"]),
            ("(((((x) a@example.org", vec![]),
        ] {
            assert_eq!(show(raw), want, "{raw}");
        }
    }

    #[test]
    fn comments_of_any_depth_cost_no_stack() {
        let deep = format!("{}a@example.org", "(".repeat(500_000));
        assert!(parse(&deep).is_empty());
    }
}
