//! What a report should hold, in the document's words.

use super::blocks::{Block, Form};
use super::document::Document;
use super::sense::{Sense, Senses};
use super::text::{self, folded};

/// The most fields a document is believed to ask for.
const MOST: usize = 30;

/// The fields: lists that a line asking to include something introduces, else the list inside such a sentence.
pub(super) fn required(document: &Document<'_>) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for (index, block) in document.blocks.iter().enumerate() {
        if block.form != Form::Item || !introduced(document, index, block) {
            continue;
        }
        let Some(field) = phrase(&block.prose.text) else { continue };
        if !fields.contains(&field) && fields.len() < MOST {
            fields.push(field);
        }
    }
    if fields.is_empty() { inline(document) } else { fields }
}

/// Whether the line over a list, or the heading right over it, asks for what a report should include.
fn introduced(document: &Document<'_>, index: usize, block: &Block) -> bool {
    let asks =
        |s: Senses| s.has(Sense::Include) && s.any(&[Sense::Report, Sense::Send, Sense::You, Sense::Vulnerability]);
    match block.lead {
        Some(lead) => {
            let text = document.blocks.get(lead).map(|b| b.prose.text.trim_end()).unwrap_or_default();
            let own = document.senses(Some(lead));
            let ends = text.ends_with([':', '：']) || text.to_lowercase().contains("following");
            ends && last_sentence_asks(document, lead)
                && (asks(own) || document.headings(index).next().is_some_and(asks))
        }
        None => {
            document.headings(index).next().is_some_and(|h| asks(h) && !h.has(Sense::Not))
                && directly_under(document, index)
        }
    }
}

fn last_sentence_asks(document: &Document<'_>, lead: usize) -> bool {
    let Some(words) = document.words.get(lead) else { return false };
    let Some(range) = words.sentences.last() else { return false };
    let said: Senses = words
        .within(range)
        .filter_map(|f| match f.meaning {
            super::sense::Meaning::Sense(s) => Some(s),
            _ => None,
        })
        .collect();
    said.has(Sense::Include) && !said.any(&[Sense::Announce, Sense::Us, Sense::Not])
}

/// Whether only items stand between a block and its heading.
fn directly_under(document: &Document<'_>, index: usize) -> bool {
    let Some(heading) = document.blocks.get(index).and_then(|b| b.heading) else { return false };
    let between = document.blocks.get(heading + 1..index).unwrap_or_default();
    between.len() < MOST && between.iter().all(|b| b.form == Form::Item)
}

/// The words of an item that name the field: its label, or all of it without examples.
fn phrase(item: &str) -> Option<String> {
    let line = item.lines().next().unwrap_or_default();
    let label = line.split([':', '：']).next().unwrap_or_default();
    let words = label.split_whitespace().count();
    let label = if label.len() < line.len() && (1..=6).contains(&words) { label } else { line };
    let label = match label.find(" (") {
        Some(at)
            if label.get(at..).is_some_and(|p| {
                p.contains("e.g") || p.contains("such as") || p.len() > 24 || p.contains("possible")
            }) =>
        {
            label.get(..at).unwrap_or(label)
        }
        _ => label,
    };
    let trimmed = folded(label);
    let trimmed = trimmed.trim_matches(|c: char| matches!(c, '.' | ';' | ',' | '-' | ' ' | '–'));
    (!trimmed.is_empty() && trimmed.len() < 200).then(|| trimmed.to_owned())
}

/// "Please include steps to reproduce, affected versions and a fix if you have one."
fn inline(document: &Document<'_>) -> Vec<String> {
    for words_of in document.words.iter().zip(&document.blocks) {
        let (words, block) = words_of;
        if block.form == Form::Heading {
            continue;
        }
        for range in &words.sentences {
            let start = words.within(range).find(|f| f.meaning == super::sense::Meaning::Sense(Sense::Include));
            let Some(start) = start else { continue };
            let said: Senses = words
                .within(range)
                .filter_map(|f| match f.meaning {
                    super::sense::Meaning::Sense(s) => Some(s),
                    _ => None,
                })
                .collect();
            if said.any(&[Sense::Announce, Sense::Not, Sense::If])
                || !said.any(&[Sense::Send, Sense::Report, Sense::Wait]) && !said.has(Sense::Vulnerability)
            {
                continue;
            }
            let from = words.tokens.get(start.tokens.end).map_or(0, |t| t.range.start);
            let to = words.tokens.get(range.end - 1).map_or(from, |t| t.range.end);
            let fields = enumerated(block.prose.text.get(from..to).unwrap_or_default());
            if fields.len() >= 2 {
                return fields;
            }
        }
    }
    Vec::new()
}

/// The parts of "a, b, and c".
fn enumerated(list: &str) -> Vec<String> {
    let flat = folded(list).replace(", and ", ", ").replace(" and ", ", ").replace(" und ", ", ").replace(" et ", ", ");
    let parts: Vec<String> = flat
        .split([',', '、', '，'])
        .map(|p| p.trim().trim_end_matches(['.', '。']).trim().to_owned())
        .filter(|p| !p.is_empty() && text::tokens(p).len() <= 14 && !p.starts_with("if ") && p.len() > 3)
        .collect();
    parts.into_iter().take(MOST).collect()
}
