//! Prose with a way back to the source, and its tokens.

use std::ops::Range;

/// Text as a person reads it, each byte of which knows where in the file it came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Prose {
    /// The text.
    pub(super) text: String,
    /// (offset in the text, offset in the source), ascending: from there on both run together.
    runs: Vec<(usize, usize)>,
    /// Where the last piece ended in the source.
    end: usize,
}

impl Prose {
    /// Append `text`, which stands in the source at `source`.
    pub(super) fn push(&mut self, text: &str, source: Range<usize>) {
        if text.is_empty() {
            return;
        }
        self.runs.push((self.text.len(), source.start));
        self.text.push_str(text);
        self.end = self.end.max(source.end);
    }

    /// Where in the source the byte at `offset` of the text came from.
    pub(super) fn source(&self, offset: usize) -> usize {
        if offset >= self.text.len() {
            return self.end;
        }
        let next = self.runs.partition_point(|&(text, _)| text <= offset);
        let Some(&(text, source)) = next.checked_sub(1).and_then(|i| self.runs.get(i)) else { return 0 };
        let limit = self.runs.get(next).map_or(self.end, |r| r.1.max(source));
        (source + (offset - text)).min(limit)
    }

    /// The range of the source that a range of the text came from.
    pub(super) fn span(&self, text: &Range<usize>) -> Range<usize> {
        let start = self.source(text.start);
        let end = match text.end.checked_sub(1) {
            Some(last) if text.end > text.start => {
                let width = self.text.get(last..).is_some_and(|t| !t.is_empty());
                self.source(last) + usize::from(width)
            }
            _ => start,
        };
        start..end.max(start)
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters (with apostrophes inside), or one character of a script that writes no spaces.
    Word,
    /// Digits.
    Number(u32),
    /// A number that cannot count anything: a version, a date, too long.
    Figure,
    /// Anything else but white space.
    Mark(char),
}

/// One token of a prose.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where in the prose.
    pub(super) range: Range<usize>,
    /// Lower case, with plain apostrophes and digits.
    pub(super) norm: String,
    /// Whether white space (or the beginning) stands before it.
    pub(super) spaced: bool,
}

/// Cut a text into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut chars = text.char_indices().peekable();
    let mut spaced = true;
    while let Some(&(start, c)) = chars.peek() {
        if c.is_whitespace() || c == '\u{200b}' || c == '\u{feff}' {
            chars.next();
            spaced = true;
            continue;
        }
        let token = if digit(c).is_some() {
            figure(text, &mut chars, start)
        } else if c.is_alphabetic() && !unspaced(c) {
            let quoted = !spaced && tokens.last().is_some_and(|t| t.kind == Kind::Mark('\''));
            word(&mut chars, start, quoted)
        } else {
            chars.next();
            let kind = if c.is_alphabetic() { Kind::Word } else { Kind::Mark(plain(c)) };
            Token { kind, range: start..start + c.len_utf8(), norm: plain(c).to_lowercase().collect(), spaced: false }
        };
        tokens.push(Token { spaced, ..token });
        spaced = false;
    }
    tokens
}

type Chars<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

/// A word; `inside` quotation marks an apostrophe at its end closes them, elsewhere it may be a possessive.
fn word(chars: &mut Chars<'_>, start: usize, inside: bool) -> Token {
    let (mut norm, mut end) = (String::new(), start);
    while let Some(&(at, c)) = chars.peek() {
        let apostrophe = matches!(plain(c), '\'') && !norm.is_empty();
        if !(c.is_alphanumeric() && !unspaced(c) || apostrophe || is_combining(c)) {
            break;
        }
        norm.extend(plain(c).to_lowercase());
        end = at + c.len_utf8();
        chars.next();
    }
    let quoted = norm.len() - norm.trim_end_matches('\'').len();
    if quoted > 0 && (inside || !norm.ends_with("s'")) {
        norm.truncate(norm.len() - quoted);
    }
    Token { kind: Kind::Word, range: start..end, norm, spaced: false }
}

/// Digits; "1.2" and "1.2.x" are one figure, "48h" ends before the letter.
fn figure(text: &str, chars: &mut Chars<'_>, start: usize) -> Token {
    let (mut norm, mut end, mut dotted) = (String::new(), start, false);
    while let Some(&(at, c)) = chars.peek() {
        if let Some(d) = digit(c) {
            norm.push(d);
        } else if (c == '.' || c == ',')
            && text
                .get(at + 1..)
                .and_then(|t| t.chars().next())
                .is_some_and(|n| digit(n).is_some() || (dotted && n == 'x'))
        {
            dotted = true;
            norm.push(c);
        } else {
            break;
        }
        end = at + c.len_utf8();
        chars.next();
    }
    // "208D" in a fingerprint is no 208 days.
    let run: &str = text.get(start..).unwrap_or_default();
    let run = run.get(..run.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(run.len())).unwrap_or_default();
    let hexadecimal = run.len() == 4 && run.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'A'..=b'F'));
    let kind = match norm.parse::<u32>() {
        Ok(_) if hexadecimal && run.len() > norm.len() => Kind::Figure,
        Ok(n) if !dotted && norm.len() <= 5 => Kind::Number(n),
        _ => Kind::Figure,
    };
    Token { kind, range: start..end, norm, spaced: false }
}

/// A decimal digit, full-width ones too.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10),
        _ => None,
    }
}

fn plain(c: char) -> char {
    match c {
        '\u{2019}' | '\u{2018}' | '\u{02bc}' | '`' | '´' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '～' | '〜' | '∼' => '-',
        '，' | '、' => ',',
        '；' => ';',
        '：' => ':',
        '（' => '(',
        '）' => ')',
        '。' => '.',
        '＋' => '+',
        c => c,
    }
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Scripts whose words are not parted by spaces (Hangul parts them, but glues endings on).
pub(super) fn unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// The most tokens one sentence may have: longer ones are cut, so that work on a sentence stays bounded.
const LONGEST: usize = 300;

/// Cut tokens into sentences: ranges of token indexes, never empty.
pub(super) fn sentences(text: &str, tokens: &[Token]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1);
        let gap = next.and_then(|n| text.get(token.range.end..n.range.start)).unwrap_or_default();
        if ends_sentence(tokens, i, text) || gap.contains('\n') || i + 1 - start >= LONGEST || next.is_none() {
            found.push(start..i + 1);
            start = i + 1;
        }
    }
    found
}

fn ends_sentence(tokens: &[Token], i: usize, text: &str) -> bool {
    let (Some(token), Some(next)) = (tokens.get(i), tokens.get(i + 1)) else { return true };
    let wide = text.get(token.range.clone()).is_some_and(|t| matches!(t, "。" | "！" | "？" | "；"));
    if wide {
        return true;
    }
    if !matches!(token.kind, Kind::Mark('.' | '!' | '?')) || !next.spaced {
        return false;
    }
    let previous = i.checked_sub(1).and_then(|p| tokens.get(p));
    let abbreviated = previous.is_some_and(|p| {
        matches!(
            p.norm.as_str(),
            "e" | "g" | "i" | "eg" | "ie" | "vs" | "approx" | "ca" | "bzw" | "inc" | "z" | "b" | "ex" | "resp"
        )
    });
    let first = text.get(next.range.clone()).and_then(|t| t.chars().next());
    let lower = first.is_some_and(char::is_lowercase);
    !(abbreviated || lower)
}

/// White space folded to single blanks.
pub(super) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
