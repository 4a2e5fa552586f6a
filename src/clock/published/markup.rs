//! HTML inside Markdown, read only as far as a policy needs: words, breaks, links.

use std::ops::Range;

/// A piece of an HTML block.
pub(super) enum Piece {
    /// Words, and where they stand.
    Text(Range<usize>, String),
    /// An element that parts blocks: its name in lower case, and whether it ends.
    Tag(&'static str, bool),
    /// A cell of a table ended, at this byte.
    CellEnd(usize),
    /// A link begins.
    Link(String),
    /// It ends.
    LinkEnd,
}

/// Elements that part one block from the next.
const BLOCKS: [&str; 28] = [
    "td",
    "th",
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "br",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "details",
    "summary",
    "section",
    "article",
    "blockquote",
    "tbody",
    "thead",
    "dt",
    "dd",
    "dl",
    "pre",
    "hr",
];

/// Cut HTML into pieces. Comments, scripts and styles are left out; a tag that never ends is words.
pub(super) fn pieces(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = html.get(at..).filter(|r| !r.is_empty()) {
        let next = rest.find('<').unwrap_or(rest.len());
        if next > 0 {
            // Line ends are blanks in HTML.
            let words = unescaped(rest.get(..next).unwrap_or_default()).replace('\n', " ");
            pieces.push(Piece::Text(at..at + next, words));
            at += next;
            continue;
        }
        let (end, piece) = tag(rest);
        pieces.extend(piece.map(|p| match p {
            Piece::Text(range, text) => Piece::Text(at + range.start..at + range.end, text),
            Piece::CellEnd(end) => Piece::CellEnd(at + end),
            other => other,
        }));
        at += end.max(1);
    }
    pieces
}

/// The length of the tag or comment that begins here, and what it means.
fn tag(rest: &str) -> (usize, Option<Piece>) {
    if rest.starts_with("<!--") {
        return (rest.find("-->").map_or(rest.len(), |e| e + 3), None);
    }
    // Looked at before the end is sought, or a row of lone "<" would cost its length squared.
    if !rest.get(1..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')))
    {
        return (1, Some(Piece::Text(0..1, "<".to_owned())));
    }
    let Some(end) = rest.find('>') else { return (rest.len(), None) };
    let inner = rest.get(1..end).unwrap_or_default();
    let closing = inner.starts_with('/');
    let name: String = inner.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let after = end + 1;
    match name.as_str() {
        "script" | "style" if !closing => {
            let close = format!("</{name}");
            (rest.find(&close).unwrap_or(rest.len()), None)
        }
        "a" if closing => (after, Some(Piece::LinkEnd)),
        "a" => (after, attribute(inner, "href").map(Piece::Link)),
        "td" | "th" if closing => (after, Some(Piece::CellEnd(after - 1))),
        n => (after, BLOCKS.iter().find(|b| **b == n).map(|b| Piece::Tag(b, closing))),
    }
}

/// Where a tag links to.
pub(super) fn link(tag: &str) -> Option<String> {
    attribute(tag, "href")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.to_ascii_lowercase().find(&format!("{name}="))?;
    let value = tag.get(at + name.len() + 1..)?;
    let quote = value.chars().next()?;
    let value = match quote {
        '"' | '\'' => value.get(1..)?.split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    Some(unescaped(value))
}

/// The character references that mail addresses hide behind.
pub(super) fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|e| Some((e, reference(rest.get(1..e)?)?))) {
            Some((end, c)) => {
                out.push(c);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "nbsp" => Some(' '),
        "commat" => Some('@'),
        "period" => Some('.'),
        "apos" => Some('\''),
        _ => None,
    }
}
