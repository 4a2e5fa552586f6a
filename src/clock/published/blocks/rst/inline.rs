//! Inline markup of reStructuredText: emphasis, literals, roles, links, substitutions.

use super::super::build::Builder;
use super::super::lines::{Flow, Line, start_of};
use std::collections::HashMap;

/// Where named links lead, and what substitutions stand for.
#[derive(Default)]
pub(super) struct Targets {
    links: HashMap<String, String>,
    words: HashMap<String, String>,
}

/// The most targets kept.
const MOST: usize = 2_000;

impl Targets {
    /// Those of a document: ".. _name: https://…", ".. |name| replace:: words".
    pub(super) fn of(lines: &[Line<'_>]) -> Targets {
        let mut targets = Targets::default();
        for (i, line) in lines.iter().enumerate() {
            let Some(rest) = line.text.trim_start().strip_prefix(".. ") else { continue };
            if targets.links.len() + targets.words.len() >= MOST {
                break;
            }
            if let Some((name, target)) = rest.strip_prefix('_').and_then(|r| r.split_once(": ")) {
                targets.links.insert(key(name), target.trim().to_owned());
            } else if let Some(name) = rest.strip_prefix('_').and_then(|r| r.strip_suffix(':')) {
                let next = lines.get(i + 1).map(|l| l.text.trim()).filter(|t| t.contains("://"));
                if let Some(next) = next {
                    targets.links.insert(key(name), next.to_owned());
                }
            } else if let Some((name, words)) = rest.strip_prefix('|').and_then(|r| r.split_once("| replace::")) {
                targets.words.insert(key(name), words.trim().to_owned());
            }
        }
        targets
    }
}

fn key(name: &str) -> String {
    name.trim().trim_matches('`').split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// How far the end of a marked piece is sought.
const REACH: usize = 1_000;

/// Give running text to the builder, marks resolved.
pub(super) fn give(flow: &Flow, build: &mut Builder, targets: &Targets) {
    let text = flow.text.as_str();
    let mut plain = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let piece = piece(text, at, rest);
        let Some((piece, length)) = piece else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        flow.give(plain..at, build);
        match piece {
            Piece::Words(range) => flow.give(at + range.start..at + range.end, build),
            Piece::Named(range) => {
                let words = at + range.start..at + range.end;
                let target = targets.links.get(&key(text.get(words.clone()).unwrap_or_default()));
                linked(flow, words, target.cloned(), build);
            }
            Piece::Link(range, target) => linked(flow, at + range.start..at + range.end, Some(target), build),
            Piece::Replaced(name) => {
                let words = targets.words.get(&key(&name)).cloned().unwrap_or(name);
                let source = flow.source(at);
                build.words(&words, source..source + 1);
            }
            Piece::Nothing => {}
        }
        at += length;
        plain = at;
    }
    flow.give(plain..text.len(), build);
}

fn linked(flow: &Flow, words: std::ops::Range<usize>, target: Option<String>, build: &mut Builder) {
    match target {
        Some(target) => {
            build.link(target);
            flow.give(words, build);
            build.link_end();
        }
        None => flow.give(words, build),
    }
}

/// What a mark makes of the text after it.
enum Piece {
    /// These bytes are plain words.
    Words(std::ops::Range<usize>),
    /// These name a target.
    Named(std::ops::Range<usize>),
    /// These lead somewhere.
    Link(std::ops::Range<usize>, String),
    /// A substitution.
    Replaced(String),
    /// Only a mark.
    Nothing,
}

/// The marked piece that begins here, and its length.
fn piece(text: &str, at: usize, rest: &str) -> Option<(Piece, usize)> {
    let near = start_of(rest, REACH);
    let before = text.get(..at).and_then(|t| t.chars().next_back());
    let opens = before.is_none_or(|c| !c.is_alphanumeric());
    match rest.as_bytes().first()? {
        b'\\' => Some((Piece::Nothing, 1)),
        b'`' if rest.starts_with("``") => {
            let end = near.get(2..)?.find("``")? + 2;
            Some((Piece::Words(2..end), end + 2))
        }
        b'`' => quoted(near),
        b':' if opens => {
            let role = start_of(near, 60).get(1..)?.find(":`").filter(|&r| r > 0 && r < 40)?;
            let name = near.get(1..1 + role)?;
            let word = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.'));
            let (piece, length) = quoted(near.get(role + 2..).filter(|_| word)?)?;
            let shift = |r: std::ops::Range<usize>| r.start + role + 2..r.end + role + 2;
            let piece = match piece {
                Piece::Named(r) | Piece::Words(r) => Piece::Words(shift(r)),
                Piece::Link(r, target) if target.contains("://") => Piece::Link(shift(r), target),
                Piece::Link(r, _) => Piece::Words(shift(r)),
                other => other,
            };
            Some((piece, length + role + 2))
        }
        b'*' => {
            let mark = rest.len() - rest.trim_start_matches('*').len();
            (mark <= 2
                && (opens || before == Some('*') || rest.get(mark..)?.starts_with(|c: char| !c.is_alphanumeric())))
            .then_some((Piece::Nothing, mark))
        }
        b'|' if opens => {
            let end = near.get(1..)?.find('|').filter(|&e| e > 0 && e < 60)? + 1;
            let name = near.get(1..end)?;
            (!name.starts_with(' ') && !name.ends_with(' ')).then(|| (Piece::Replaced(name.to_owned()), end + 1))
        }
        _ if opens => {
            // "GitHub_"
            let end = near.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.')))?;
            let after = near.get(end..)?;
            let closes = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@'));
            let ended = after.strip_prefix("__").or_else(|| after.strip_prefix('_'))?;
            let marks = after.len() - ended.len();
            (end > 0 && ended.chars().next().is_none_or(closes)).then_some((Piece::Named(0..end), end + marks))
        }
        _ => None,
    }
}

/// "`words <target>`_", "`words`_", "`words`".
fn quoted(near: &str) -> Option<(Piece, usize)> {
    let end = near.get(1..)?.find('`')? + 1;
    let inner = near.get(1..end)?;
    let after = near.get(end + 1..)?;
    let marks = if after.starts_with("__") { 2 } else { usize::from(after.starts_with('_')) };
    let length = end + 1 + marks;
    let target = inner.strip_suffix('>').and_then(|i| i.rsplit_once('<'));
    Some(match target {
        Some((words, target)) if words.trim().is_empty() => {
            (Piece::Link(1 + words.len() + 1..end - 1, target.to_owned()), length)
        }
        Some((words, target)) => (Piece::Link(1..1 + words.trim_end().len(), target.to_owned()), length),
        None if marks > 0 => (Piece::Named(1..end), length),
        None => (Piece::Words(1..end), length),
    })
}
