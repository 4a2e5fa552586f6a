//! Supported versions: tables and lists with a tick.

use super::blocks::{Block, Form};
use super::document::Document;
use super::sense::Sense;
use super::text::{Token, folded};

/// The versions marked as supported, as written, in document order.
pub(super) fn supported(document: &Document<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (index, block) in document.blocks.iter().enumerate() {
        let version = match (block.form, block.place) {
            (Form::Cell, Some(place)) if place.row > 0 && place.column > 0 => {
                let first = place.first.and_then(|f| document.blocks.get(f));
                let header = document.senses(place.header);
                let about = header.any(&[Sense::Support, Sense::Versions])
                    || document.headings(index).next().is_some_and(|h| h.has(Sense::Versions));
                let named = named_elsewhere(document, index).or(first);
                named.filter(|_| about && ticked(&block.prose.text)).map(|f| folded(&f.prose.text))
            }
            (Form::Item, _) => {
                let about = document.headings(index).next().is_some_and(|h| h.has(Sense::Versions));
                let told = document.senses(block.lead);
                // "Patches are made for these versions:", and nothing but versions.
                let named =
                    || version(block.prose.text.trim()).filter(|_| block.lead.is_some() && !told.has(Sense::Not));
                listed(&block.prose.text).or_else(named).filter(|_| about)
            }
            _ => None,
        };
        if let Some(version) = version.filter(|v| !v.is_empty() && v.len() < 80)
            && !all.contains(&version)
            && all.len() < 200
        {
            all.push(version);
        }
    }
    if all.is_empty() { in_prose(document) } else { all }
}

/// The cell of the same row under a header that says "Version", where that is not the first: "Product | Version | Supported".
fn named_elsewhere<'a>(document: &'a Document<'_>, index: usize) -> Option<&'a Block> {
    let place = document.blocks.get(index)?.place?;
    (1..place.column).rev().find_map(|column| {
        let cell = document.blocks.get(index - (place.column - column))?;
        let header =
            document.words.get(cell.place.filter(|p| (p.table, p.row) == (place.table, place.row))?.header?)?;
        header.tokens.iter().any(|t| matches!(t.norm.as_str(), "version" | "versions")).then_some(cell)
    })
}

/// Words that make a rule of a sentence ("the latest minor release"), or its opposite.
const RULES: [&str; 17] = [
    "latest", "newest", "recent", "current", "last", "previous", "end", "ended", "ends", "until", "eol", "older",
    "below", "before", "prior", "since", "unless",
];

/// "Versions 2.x and 3.1 are supported", under a heading on versions. A rule names no version.
fn in_prose(document: &Document<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for (index, block) in document.blocks.iter().enumerate() {
        let about = document.headings(index).next().is_some_and(|h| h.has(Sense::Versions));
        let Some(words) = document.words.get(index).filter(|_| about && block.form == Form::Paragraph) else {
            continue;
        };
        for range in &words.sentences {
            let tokens = words.tokens.get(range.clone()).unwrap_or_default();
            let has = |list: &[&str]| tokens.iter().any(|t| list.contains(&t.norm.as_str()));
            let supported = has(&["supported", "maintained", "support"]) && !words.said(range).has(Sense::Not);
            let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { continue };
            if supported {
                all.extend(branches(tokens));
            }
            if !supported || has(&RULES) {
                continue;
            }
            let text = block.prose.text.get(first.range.start..last.range.end).unwrap_or_default();
            all.extend(text.split(|c: char| c.is_whitespace() || c == ',').filter_map(version).take(20));
        }
    }
    all.dedup();
    all.truncate(200);
    all
}

/// "The `main` and `2.1` branches": what is named right before the word.
fn branches(tokens: &[Token]) -> Vec<String> {
    const NAMES: [&str; 7] = ["main", "master", "stable", "develop", "dev", "trunk", "lts"];
    let Some(at) = tokens.iter().position(|t| matches!(t.norm.as_str(), "branch" | "branches")) else {
        return Vec::new();
    };
    let joins = |t: &&Token| matches!(t.norm.as_str(), "and" | "," | "`" | "_" | "*" | "the");
    let named = |t: &Token| NAMES.contains(&t.norm.as_str()) || version(&t.norm).is_some();
    let before = tokens.get(..at).unwrap_or_default().iter().rev().take(12);
    let mut names: Vec<String> =
        before.take_while(|t| joins(t) || named(t)).filter(|t| named(t)).map(|t| t.norm.clone()).collect();
    names.reverse();
    names
}

/// "v2.x", "3.1.4"; not "2", which may count anything.
fn version(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let parts: Vec<&str> = word.strip_prefix(['v', 'V']).unwrap_or(word).split('.').collect();
    let number = |p: &&str| !p.is_empty() && p.len() <= 4 && p.bytes().all(|b| b.is_ascii_digit());
    let (last, lead) = parts.split_last()?;
    let good = !lead.is_empty() && lead.iter().all(|p| number(p)) && (number(last) || matches!(*last, "x" | "X"));
    good.then(|| word.to_owned())
}

/// Marks that say yes.
const YES: [&str; 12] = [
    "✔",
    "✅",
    "☑",
    "✓",
    "🟢",
    ":white_check_mark:",
    ":heavy_check_mark:",
    ":ballot_box_with_check:",
    "👍",
    "💚",
    ":+1:",
    "🟩",
];
/// Words that say yes, at the beginning of a cell.
const YES_WORDS: [&str; 16] = [
    "stable",
    "lts",
    "yes",
    "supported",
    "active",
    "true",
    "y",
    "current",
    "full",
    "ja",
    "oui",
    "sí",
    "sim",
    "是",
    "支持",
    "maintained",
];

fn ticked(cell: &str) -> bool {
    let lower = cell.trim().to_lowercase();
    let word = lower.split(|c: char| !c.is_alphanumeric()).find(|w| !w.is_empty()).unwrap_or_default();
    let no = ["❌", ":x:", "✗", "🔴", "no longer"].iter().any(|n| lower.contains(n));
    !no && (YES.iter().any(|y| lower.contains(y)) || YES_WORDS.contains(&word))
}

/// "1.2.x ✅" or "✅ 1.2.x".
fn listed(item: &str) -> Option<String> {
    let mark = YES.iter().find(|y| item.contains(*y))?;
    let version: String = item.replace(mark, " ");
    let version = folded(&version);
    let version = version.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '–' | '—' | '(' | ')'));
    let word = version.split(['(', ':']).next().unwrap_or_default().trim();
    word.chars().any(|c| c.is_ascii_digit()).then(|| word.to_owned())
}
