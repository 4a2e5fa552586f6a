//! Supported versions: tables and lists with a tick.

use super::blocks::Form;
use super::document::Document;
use super::sense::Sense;
use super::text::folded;

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
                first.filter(|_| about && ticked(&block.prose.text)).map(|f| folded(&f.prose.text))
            }
            (Form::Item, _) => {
                let about = document.headings(index).next().is_some_and(|h| h.has(Sense::Versions));
                listed(&block.prose.text).filter(|_| about)
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
    all
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
const YES_WORDS: [&str; 14] = [
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
