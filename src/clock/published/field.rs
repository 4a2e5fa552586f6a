//! What a report should hold, in the document's words.

use super::blocks::{Block, Form};
use super::document::Document;
use super::sense::{Meaning, Sense};
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
    match block.lead {
        Some(lead) => {
            let text = document.blocks.get(lead).map(|b| b.prose.text.trim_end()).unwrap_or_default();
            let asks =
                text.ends_with([':', '：', ')']) || text.to_lowercase().contains("following") || text.contains("below");
            asks && last_sentence_asks(document, lead) && of_reports(document, lead)
        }
        None => {
            let heading = document.headings(index).next().unwrap_or_default();
            heading.has(Sense::Include) && !heading.has(Sense::Not) && directly_under(document, index)
        }
    }
}

fn last_sentence_asks(document: &Document<'_>, lead: usize) -> bool {
    let Some(words) = document.words.get(lead) else { return false };
    let Some(range) = words.sentences.last() else { return false };
    let said = words.said(range);
    said.has(Sense::Include) && !said.any(&[Sense::Announce, Sense::Not, Sense::Disclose])
}

/// Whether one of the items a line introduces speaks of what reports are made of.
fn of_reports(document: &Document<'_>, lead: usize) -> bool {
    let after = document.blocks.iter().enumerate().skip(lead + 1).take(12);
    after.filter(|(_, b)| b.lead == Some(lead)).any(|(i, _)| document.senses(Some(i)).has(Sense::Content))
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
    for (words, block) in document.words.iter().zip(&document.blocks).filter(|(_, b)| b.form != Form::Heading) {
        for range in &words.sentences {
            let said = words.said(range);
            if !said.has(Sense::Content) || said.any(&[Sense::Announce, Sense::Not, Sense::Disclose]) {
                continue;
            }
            let asks =
                words.within(range).filter(|f| f.meaning == Meaning::Sense(Sense::Include)).map(|f| f.tokens.end);
            let Some(from) = asks.min().and_then(|end| words.tokens.get(end)).map(|t| t.range.start) else { continue };
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
        .map(|p| {
            p.trim()
                .trim_start_matches("and ")
                .trim_start_matches("of ")
                .trim_end_matches(['.', '。'])
                .trim()
                .to_owned()
        })
        .filter(|p| !p.is_empty() && text::tokens(p).len() <= 14 && !p.starts_with("if ") && p.len() > 3)
        .collect();
    parts.into_iter().take(MOST).collect()
}
