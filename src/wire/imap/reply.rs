//! What an IMAP server answered, read strictly: anything out of shape means that we are out of step with it.

use std::borrow::Cow;

use jiff::Timestamp;

/// The answer does not have the shape of RFC 9051 section 7.
#[derive(Debug, PartialEq, Eq)]
pub struct OutOfStep;

/// What EXAMINE told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Messages in the mailbox.
    pub exists: u32,
    /// 0 where the server has none.
    pub uidvalidity: u32,
    /// The UID the next message will get, if the server says.
    pub uidnext: Option<u32>,
}

/// One FETCH response, with what we ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Item<'a> {
    /// UID.
    pub uid: Option<u32>,
    /// RFC822.SIZE, the server's word.
    pub size: Option<u64>,
    /// INTERNALDATE.
    pub date: Option<Timestamp>,
    /// The octet `body` begins at, where a part was asked for.
    pub origin: Option<u64>,
    /// BODY[]; `None` where it is absent or NIL.
    pub body: Option<Cow<'a, [u8]>>,
}

/// A mailbox from LIST.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed {
    /// As on the wire (modified UTF-7).
    pub name: String,
    /// It is the one for sent mail (RFC 6154).
    pub is_sent: bool,
    /// It is the one for mail taken to be junk (RFC 6154).
    pub is_junk: bool,
    /// It can be opened.
    pub is_open: bool,
    /// What parts the levels of its name.
    pub separator: Option<char>,
}

/// Reads the reply to EXAMINE.
pub fn status(reply: &[u8]) -> Result<Status, OutOfStep> {
    let mut status = Status::default();
    for line in Lines(reply) {
        let line = line?;
        match line.words.as_slice() {
            [Word::Atom(n), Word::Atom(name)] if name.eq_ignore_ascii_case(b"EXISTS") => {
                status.exists = number(n).ok_or(OutOfStep)?;
            }
            _ => {
                let text = String::from_utf8_lossy(line.text).to_ascii_uppercase();
                if let Some(n) = code(&text, "[UIDVALIDITY ") {
                    status.uidvalidity = n;
                }
                status.uidnext = code(&text, "[UIDNEXT ").or(status.uidnext);
            }
        }
    }
    Ok(status)
}

/// Reads the reply to UID SEARCH; the numbers as they came.
pub fn search(reply: &[u8]) -> Result<Vec<u32>, OutOfStep> {
    let mut found = Vec::new();
    let mut rest = reply;
    while !rest.is_empty() {
        // Read without `Lines`: this line may be megabytes of numbers.
        if rest.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"* SEARCH")) {
            let end = rest.iter().position(|b| *b == b'\n').ok_or(OutOfStep)?;
            let (line, next) = rest.split_at(end + 1);
            for word in line.get(8..).unwrap_or_default().split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty()) {
                found.push(number(word).ok_or(OutOfStep)?);
            }
            rest = next;
        } else {
            let (_, next) = line(rest)?;
            rest = next;
        }
    }
    Ok(found)
}

/// Reads the reply to UID FETCH; other untagged responses are passed over.
pub fn items(reply: &[u8]) -> Result<Vec<Item<'_>>, OutOfStep> {
    let mut items = Vec::new();
    for line in Lines(reply) {
        let line = line?;
        if let [Word::Atom(_), Word::Atom(name), Word::Open, inside @ .., Word::Close] = line.words.as_slice()
            && name.eq_ignore_ascii_case(b"FETCH")
        {
            items.push(item(inside)?);
        }
    }
    Ok(items)
}

/// Reads the reply to LIST.
pub fn list(reply: &[u8]) -> Result<Vec<Listed>, OutOfStep> {
    let mut all = Vec::new();
    for line in Lines(reply) {
        let line = line?;
        let [Word::Atom(name), Word::Open, attributes @ .., Word::Close, separator, mailbox] = line.words.as_slice()
        else {
            continue;
        };
        if !name.eq_ignore_ascii_case(b"LIST") {
            continue;
        }
        let has =
            |wanted: &[u8]| attributes.iter().any(|w| matches!(w, Word::Atom(a) if a.eq_ignore_ascii_case(wanted)));
        let is_open = !has(b"\\Noselect") && !has(b"\\NonExistent");
        let separator = separator.content().and_then(|s| s.first().map(|b| char::from(*b)));
        all.push(Listed {
            name: String::from_utf8_lossy(mailbox.bytes()).into_owned(),
            is_sent: is_open && has(b"\\Sent"),
            is_junk: is_open && has(b"\\Junk"),
            is_open,
            separator,
        });
    }
    Ok(all)
}

fn item<'a>(words: &[Word<'a>]) -> Result<Item<'a>, OutOfStep> {
    let mut item = Item::default();
    let mut rest = words;
    while let [Word::Atom(key), value, tail @ ..] = rest {
        rest = tail;
        if *value == Word::Open {
            rest = after_list(tail)?;
            continue;
        }
        let key = key.to_ascii_uppercase();
        match key.as_slice() {
            b"UID" => item.uid = Some(number(value.bytes()).filter(|n| *n > 0).ok_or(OutOfStep)?),
            b"RFC822.SIZE" => item.size = std::str::from_utf8(value.bytes()).ok().and_then(|n| n.parse().ok()),
            b"INTERNALDATE" => item.date = internal_date(value.bytes()),
            _ if key.starts_with(b"BODY[]") => {
                if item.body.is_some() {
                    return Err(OutOfStep);
                }
                item.origin = origin(&key)?;
                item.body = value.content();
            }
            _ => {}
        }
    }
    if rest.is_empty() { Ok(item) } else { Err(OutOfStep) }
}

/// `BODY[]` or `BODY[]<123>`.
fn origin(key: &[u8]) -> Result<Option<u64>, OutOfStep> {
    let text = std::str::from_utf8(key).map_err(|_| OutOfStep)?;
    match text.strip_prefix("BODY[]") {
        Some("") => Ok(None),
        Some(rest) => {
            let digits = rest.strip_prefix('<').and_then(|r| r.strip_suffix('>')).ok_or(OutOfStep)?;
            digits.parse().map(Some).map_err(|_| OutOfStep)
        }
        None => Err(OutOfStep),
    }
}

fn after_list<'w, 'a>(words: &'w [Word<'a>]) -> Result<&'w [Word<'a>], OutOfStep> {
    let mut depth = 1usize;
    for (i, word) in words.iter().enumerate() {
        match word {
            Word::Open => depth += 1,
            Word::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return words.get(i + 1..).ok_or(OutOfStep);
        }
    }
    Err(OutOfStep)
}

/// `20-Nov-2026 10:00:00 +0000`, the day padded with a space or not at all.
fn internal_date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim();
    jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text).ok()?.to_timestamp().ok()
}

fn number(word: &[u8]) -> Option<u32> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn code(line: &str, name: &str) -> Option<u32> {
    let (_, after) = line.split_once(name)?;
    after.split(']').next()?.trim().parse().ok()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word<'a> {
    Atom(&'a [u8]),
    Text(Cow<'a, [u8]>),
    Open,
    Close,
}

impl<'a> Word<'a> {
    fn bytes(&self) -> &[u8] {
        match self {
            Word::Atom(bytes) => bytes,
            Word::Text(bytes) => bytes,
            Word::Open | Word::Close => b"",
        }
    }

    /// A string's content; NIL and everything else is nothing.
    fn content(&self) -> Option<Cow<'a, [u8]>> {
        match self {
            Word::Text(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

struct Line<'a> {
    words: Vec<Word<'a>>,
    /// All of it, where it is a status response in words for people; else empty.
    text: &'a [u8],
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, OutOfStep>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        match line(self.0) {
            Ok((line, rest)) => {
                self.0 = rest;
                Some(Ok(line))
            }
            Err(e) => {
                self.0 = &[];
                Some(Err(e))
            }
        }
    }
}

/// One untagged response and what follows it.
fn line(input: &[u8]) -> Result<(Line<'_>, &[u8]), OutOfStep> {
    let body = input.strip_prefix(b"* ").ok_or(OutOfStep)?;
    let first = body.split(|b| matches!(b, b' ' | b'\r' | b'\n')).next().unwrap_or_default().to_ascii_uppercase();
    if matches!(first.as_slice(), b"OK" | b"NO" | b"BAD" | b"BYE" | b"PREAUTH") {
        let end = body.iter().position(|b| *b == b'\n').ok_or(OutOfStep)?;
        let (text, rest) = body.split_at(end + 1);
        return Ok((Line { words: Vec::new(), text }, rest));
    }
    let mut words = Vec::new();
    let mut rest = body;
    loop {
        rest = match rest {
            [b' ', tail @ ..] => tail,
            [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => return Ok((Line { words, text: &[] }, tail)),
            [b'(', tail @ ..] => push(&mut words, Word::Open, tail),
            [b')', tail @ ..] => push(&mut words, Word::Close, tail),
            [b'"', tail @ ..] => {
                let (text, tail) = quoted(tail)?;
                push(&mut words, Word::Text(text), tail)
            }
            [b'{', tail @ ..] => {
                let (text, tail) = literal(tail)?;
                push(&mut words, Word::Text(Cow::Borrowed(text)), tail)
            }
            [] => return Err(OutOfStep),
            _ => {
                let end = rest.iter().position(|b| matches!(b, b' ' | b'(' | b')' | b'"' | b'\r' | b'\n'));
                let (atom, tail) = rest.split_at(end.filter(|n| *n > 0).ok_or(OutOfStep)?);
                push(&mut words, Word::Atom(atom), tail)
            }
        };
    }
}

fn push<'a>(words: &mut Vec<Word<'a>>, word: Word<'a>, rest: &'a [u8]) -> &'a [u8] {
    words.push(word);
    rest
}

fn quoted(input: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), OutOfStep> {
    let mut text = Vec::new();
    let mut bytes = input.iter().enumerate();
    while let Some((i, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok((Cow::Owned(text), input.get(i + 1..).unwrap_or_default())),
            b'\r' | b'\n' => return Err(OutOfStep),
            b'\\' => text.push(*bytes.next().ok_or(OutOfStep)?.1),
            _ => text.push(*byte),
        }
    }
    Err(OutOfStep)
}

fn literal(input: &[u8]) -> Result<(&[u8], &[u8]), OutOfStep> {
    let end = input.iter().take(24).position(|b| *b == b'}').ok_or(OutOfStep)?;
    let (digits, rest) = input.split_at(end);
    let length = std::str::from_utf8(digits).ok().and_then(|d| d.parse::<usize>().ok()).ok_or(OutOfStep)?;
    let rest = rest.strip_prefix(b"}\r\n").ok_or(OutOfStep)?;
    rest.split_at_checked(length).ok_or(OutOfStep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examine_is_read_whatever_the_order() {
        let reply = b"* FLAGS (\\Answered \\Seen)\r\n* 172 EXISTS\r\n* 1 RECENT\r\n* OK [UNSEEN 12] \"odd (text\r\n\
            * NO [ALERT] disk almost full\r\n* OK [UIDNEXT 4392] next\r\n* ok [uidvalidity 3857529045] valid\r\n";
        assert_eq!(status(reply), Ok(Status { exists: 172, uidvalidity: 3857529045, uidnext: Some(4392) }));
        assert_eq!(status(b"* 1 EXISTS\r\n"), Ok(Status { exists: 1, uidvalidity: 0, uidnext: None }));
        assert_eq!(status(b"* -1 EXISTS\r\n"), Err(OutOfStep));
        assert_eq!(status(b"junk\r\n"), Err(OutOfStep));
    }

    #[test]
    fn fetch_gives_exact_bytes() {
        let whole = |length: u32| {
            format!("* 3 FETCH (FLAGS (\\Seen (x)) UID 7 BODY[] {{{length}}}\r\nA: b\r\n\r\n)\r\n* RFC822.SIZE 12)\r\n")
        };
        let items_of =
            |text: &str| items(text.as_bytes()).map(|all| all.first().map(|i| i.body.as_deref().map(<[u8]>::len)));
        assert_eq!(items_of(&whole(12)), Ok(Some(Some(12))));
        assert_eq!(items_of(&whole(11)), Err(OutOfStep), "a literal that ends too early");
        assert_eq!(items_of(&whole(40)), Err(OutOfStep), "and one that ends too late");
        let reply = b"* 9 EXPUNGE\r\n* 4 FETCH (UID 8 body[]<1048576> \"q\\\"x\" INTERNALDATE \" 1-Nov-2026 10:00:00 +0200\")\r\n";
        let items = items(reply).unwrap();
        assert_eq!(items.len(), 1);
        assert_eq!(
            (items[0].uid, items[0].origin, items[0].body.as_deref()),
            (Some(8), Some(1048576), Some(&b"q\"x"[..]))
        );
        assert_eq!(items[0].date, Some("2026-11-01T08:00:00Z".parse().unwrap()));
    }

    #[test]
    fn hostile_numbers_are_refused() {
        for reply in [
            &b"* 1 FETCH (UID 1 BODY[] {18446744073709551616}\r\nx)\r\n"[..],
            b"* 1 FETCH (UID 1 BODY[] {-1}\r\nx)\r\n",
            b"* 1 FETCH (UID 1 BODY[] {9}\r\nx)\r\n",
            b"* 1 FETCH (UID 0)\r\n",
            b"* 1 FETCH (UID 4294967296)\r\n",
            b"* 1 FETCH (UID 1 BODY[] \"a\" BODY[] \"b\")\r\n",
            b"* 1 FETCH (UID 1",
        ] {
            assert_eq!(items(reply), Err(OutOfStep), "{}", String::from_utf8_lossy(reply));
        }
    }

    #[test]
    fn search_and_list() {
        assert_eq!(search(b"* SEARCH 5 2 9 \r\n* OK hi\r\n* search\r\n"), Ok(vec![5, 2, 9]));
        assert_eq!(search(b"* SEARCH x\r\n"), Err(OutOfStep));
        let all =
            list(b"* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesendete &APY-\"\r\n* LIST () NIL INBOX\r\n").unwrap();
        let name = "Gesendete &APY-".into();
        let separator = Some('/');
        assert_eq!(all[0], Listed { name, is_sent: true, is_junk: false, is_open: true, separator });
        assert!(!all[1].is_sent && all[1].separator.is_none());
        let junk = list(b"* LIST (\\Junk) \".\" Spam\r\n* LIST (\\junk \\noselect) \".\" Old\r\n").unwrap();
        assert_eq!(junk.iter().map(|m| m.is_junk).collect::<Vec<_>>(), [true, false]);
    }
}
