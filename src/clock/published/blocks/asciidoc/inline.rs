//! Inline markup of AsciiDoc: emphasis, links, attributes.

use super::super::build::Builder;
use super::super::lines::{Flow, Line, start_of};
use std::collections::HashMap;
use std::ops::Range;

/// The attributes a document sets: ":name: value".
pub(super) struct Attributes(HashMap<String, String>);

/// The most attributes kept, and the longest value.
const MOST: usize = 1_000;
const LONGEST: usize = 4_000;

impl Attributes {
    /// Those of a document.
    pub(super) fn of(lines: &[Line<'_>]) -> Attributes {
        let set = lines.iter().filter_map(|l| attribute(l.text)).filter(|(_, v)| v.len() <= LONGEST).take(MOST);
        let mut all: HashMap<String, String> = set.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
        for (name, value) in [("at", "@"), ("nbsp", " "), ("zwsp", ""), ("plus", "+"), ("apos", "'")] {
            all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        Attributes(all)
    }

    fn get(&self, name: &str) -> Option<&String> {
        self.0.get(&name.to_ascii_lowercase())
    }
}

/// ":name: value".
pub(super) fn attribute(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix(':')?.split_once(':')?;
    let bare = name.trim_matches('!');
    let good = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (good && (value.is_empty() || value.starts_with(' '))).then(|| (bare, value.trim()))
}

/// How far the end of a marked piece is sought.
const REACH: usize = 1_000;

/// Give running text to the builder, marks resolved.
pub(super) fn give(flow: &Flow, build: &mut Builder, attributes: &Attributes) {
    let text = flow.text.as_str();
    let (mut plain, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let Some((piece, length)) = piece(before, rest, attributes) else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        flow.give(plain..at, build);
        match piece {
            Piece::Link(words, target) => {
                build.link(target);
                flow.give(at + words.start..at + words.end, build);
                build.link_end();
            }
            Piece::Words(words) => flow.give(at + words.start..at + words.end, build),
            Piece::Value(value) => {
                let source = flow.source(at);
                build.words(&value, source..source + 1);
            }
            Piece::Nothing => {}
        }
        at += length;
        plain = at;
    }
    flow.give(plain..text.len(), build);
}

/// What a mark makes of the text after it.
enum Piece {
    /// These bytes lead somewhere.
    Link(Range<usize>, String),
    /// These are plain words.
    Words(Range<usize>),
    /// What an attribute stands for.
    Value(String),
    /// Only a mark.
    Nothing,
}

/// The marked piece that begins here, and its length.
fn piece(before: Option<char>, rest: &str, attributes: &Attributes) -> Option<(Piece, usize)> {
    let opens = before.is_none_or(|c| !c.is_alphanumeric());
    // Never further, or a row of marks that do not end would cost its length squared.
    let rest = start_of(rest, REACH);
    match rest.as_bytes().first()? {
        b'*' | b'_' | b'`' | b'#' | b'+' => mark(opens, rest),
        b'\\' => Some((Piece::Nothing, 1)),
        b'{' => {
            let end = start_of(rest, 80).find('}')?;
            let value = attributes.get(rest.get(1..end)?)?;
            match rest.get(end + 1..).filter(|r| r.starts_with('[')).and_then(|r| bracketed(r, 0)) {
                // "{link}[words]"
                Some((words, length)) => {
                    Some((Piece::Link(words.start + end + 1..words.end + end + 1, value.clone()), end + 1 + length))
                }
                None => Some((Piece::Value(value.clone()), end + 1)),
            }
        }
        b'<' if rest.starts_with("<<") => {
            let end = start_of(rest, 120).find(">>")?;
            let inner = rest.get(2..end)?;
            let words = inner.find(',').map_or(2, |c| c + 3);
            Some((Piece::Words(words..end), end + 2))
        }
        b'h' | b'm' | b'l' | b'x' | b'i' if opens => link(rest, attributes),
        _ => None,
    }
}

/// Marks of emphasis, single or double, that touch a word on one side only.
fn mark(opens: bool, rest: &str) -> Option<(Piece, usize)> {
    let first = rest.chars().next()?;
    let length = rest.len() - rest.trim_start_matches(first).len();
    let after = rest.get(length..)?.chars().next();
    let inside = !opens && after.is_some_and(char::is_alphanumeric);
    (length <= 2 && !(inside && length == 1)).then_some((Piece::Nothing, length))
}

/// "https://…[words]", "mailto:…[words]", "link:…[words]", "xref:…[words]".
fn link(rest: &str, attributes: &Attributes) -> Option<(Piece, usize)> {
    let schemes = ["https://", "http://", "mailto:", "link:", "xref:", "irc://"];
    let scheme = schemes.into_iter().find(|s| rest.starts_with(s))?;
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '<' | '>' | '"')).unwrap_or(rest.len());
    let stem = rest.get(..end).filter(|s| s.len() < REACH)?;
    let target = match scheme {
        "link:" | "xref:" => stem.get(5..)?.to_owned(),
        _ => stem.to_owned(),
    };
    let target = resolved(&target, attributes);
    let Some((words, length)) = rest.get(end..).filter(|r| r.starts_with('[')).and_then(|r| bracketed(r, end)) else {
        // A bare address is one word; "mailto:" says nothing itself.
        return (scheme == "mailto:").then(|| {
            let inner = stem.trim_end_matches(['.', ',', ';', ':', ')']);
            (Piece::Link(7..inner.len().max(7), inner.to_owned()), inner.len())
        });
    };
    let words = if words.is_empty() { scheme.len().min(end)..end } else { words };
    let words = if scheme.starts_with("http") && words.end == end { 0..end } else { words };
    Some((Piece::Link(words, target), end + length))
}

/// What stands in brackets at the beginning of a text, moved by `by`; and its length with the brackets.
fn bracketed(text: &str, by: usize) -> Option<(Range<usize>, usize)> {
    let close = text.find(']').filter(|&c| c < REACH)?;
    let inner = text.get(1..close)?;
    let words = inner.trim_end_matches('^').split(",role=").next().unwrap_or_default();
    Some((by + 1..by + 1 + words.len(), close + 1))
}

/// A target with the attributes in it, once.
fn resolved(target: &str, attributes: &Attributes) -> String {
    let Some((before, rest)) = target.split_once('{') else { return target.to_owned() };
    let Some((name, after)) = rest.split_once('}') else { return target.to_owned() };
    let value = attributes.get(name).map(String::as_str).unwrap_or_default();
    format!("{before}{value}{after}")
}
