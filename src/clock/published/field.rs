//! What a report should hold, in the document's words.

use super::blocks::{Block, Form};
use super::document::{Document, Words};
use super::sense::{Meaning, Sense};
use super::text::{self, folded};
use std::ops::Range;

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
        // "What is not a vulnerability. This includes:"
        Some(_) if document.headings(index).next().is_some_and(|h| h.has(Sense::Not)) => false,
        Some(lead) => {
            let text = document.blocks.get(lead).map(|b| b.prose.text.trim_end()).unwrap_or_default();
            let asks =
                text.ends_with([':', '：', ')']) || text.to_lowercase().contains("following") || text.contains("below");
            asks && last_sentence_asks(document, lead) && of_reports(document, lead)
        }
        None => {
            let heading = document.headings(index).next().unwrap_or_default();
            // "Critical vulnerabilities include": a list of vulnerabilities.
            let of_holes = heading.has(Sense::Vulnerability) && !heading.any(&[Sense::Report, Sense::Send]);
            heading.has(Sense::Include) && !heading.has(Sense::Not) && !of_holes && directly_under(document, index)
        }
    }
}

fn last_sentence_asks(document: &Document<'_>, lead: usize) -> bool {
    let Some(words) = document.words.get(lead) else { return false };
    let Some(range) = words.sentences.last() else { return false };
    let said = words.said(range);
    // "The process, which includes:" tells what we do, "a good report includes:" what is asked for.
    let tells = words.tokens.get(range.clone()).unwrap_or_default().iter().any(|t| t.norm == "includes");
    // "Write to us with:"
    let ends = words.tokens.get(range.start..range.end).unwrap_or_default().iter().rev().take(2);
    let with = said.has(Sense::Send) && ends.map(|t| t.norm.as_str()).eq([":", "with"]);
    (said.has(Sense::Include) || with)
        && !said.any(&[Sense::Announce, Sense::Not, Sense::Disclose])
        && !(tells && !said.any(&[Sense::Report, Sense::Send]))
        && !given_by_us(words, range)
}

/// "We will provide:", "within 5 days, we provide": what the reporter gets, not what is asked for.
fn given_by_us(words: &Words, range: &Range<usize>) -> bool {
    let of = |sense: Sense| words.within(range).filter(move |f| f.meaning == Meaning::Sense(sense));
    let Some(asks) = of(Sense::Include).map(|f| f.tokens.start).min() else { return false };
    let us = of(Sense::Us).map(|f| f.tokens.start).filter(|&u| u < asks).max();
    let between = us.map(|u| words.said(&(u..asks)));
    between.is_some_and(|b| {
        !b.any(&[Sense::You, Sense::Please, Sense::Send, Sense::Report, Sense::Duty]) && !b.has(Sense::If)
    }) && us.is_some_and(|u| {
        let verbs = words.tokens.get(u..asks).unwrap_or_default();
        verbs.len() <= 4
            && !verbs.iter().any(|t| ["ask", "request", "need", "require", "want", "like"].contains(&t.norm.as_str()))
    })
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
    let dash = [" — ", " – ", " - "].iter().filter_map(|d| line.find(d)).min();
    let colon = line.find([':', '：']);
    let end = [dash, colon].into_iter().flatten().min().unwrap_or(line.len());
    let label = line.get(..end).unwrap_or(line);
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
    // What is said of a field is not its name.
    let said = [", including ", " that will help", " that could help", " that may help", " so that "];
    let end = said.iter().filter_map(|s| label.find(s)).min().unwrap_or(label.len());
    let label = label.get(..end).unwrap_or(label);
    let trimmed = folded(label);
    let trimmed = trimmed.trim_matches(|c: char| matches!(c, '.' | ';' | ',' | '-' | ' ' | '–' | '。' | '；' | '*'));
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
            let Some(from) = list_start(words, range) else { continue };
            if words.tokens.get(range.clone()).unwrap_or_default().iter().any(|t| t.norm == "upstream") {
                continue;
            }
            // "For details about the impact, see …"
            if words.tokens.get(range.start).is_some_and(|t| t.norm == "for") && !said.any(&[Sense::Please, Sense::You])
            {
                continue;
            }
            let to = words.tokens.get(range.end - 1).map_or(from, |t| t.range.end);
            let fields = enumerated(block.prose.text.get(from..to).unwrap_or_default());
            let whole = |f: &String| f.matches('(').count() == f.matches(')').count();
            if fields.len() >= 2 && fields.iter().all(whole) {
                return fields;
            }
        }
    }
    Vec::new()
}

/// Where what is asked for begins: after the last word for including before the first thing that reports are made of.
fn list_start(words: &Words, range: &Range<usize>) -> Option<usize> {
    let of = |sense: Sense| words.within(range).filter(move |f| f.meaning == Meaning::Sense(sense));
    let content = of(Sense::Content).map(|f| f.tokens.start).min()?;
    let asks = of(Sense::Include).filter(|f| f.tokens.start <= content).max_by_key(|f| f.tokens.start)?;
    let after = words.tokens.get(asks.tokens.end)?;
    // "With a description of the issue": the phrase that asks is itself the beginning of the first field.
    let last = words.tokens.get(asks.tokens.end - 1)?;
    let own = matches!(last.norm.as_str(), "description" | "details") && after.norm == "of";
    let article = asks.tokens.end.checked_sub(2).and_then(|i| words.tokens.get(i));
    let article = article.filter(|t| own && matches!(t.norm.as_str(), "a" | "an" | "the"));
    Some(if own { article.unwrap_or(last).range.start } else { after.range.start })
}

/// Words at which a list of fields has ended.
const ENDS: [&str; 14] = [
    " so that ",
    " so we ",
    " to help ",
    " to allow ",
    " in order to ",
    " to ensure ",
    " when reporting",
    " in your report",
    " in the report",
    " in your email",
    " in your message",
    " with your report",
    " because ",
    " as this ",
];

/// Words before a field that are none of it.
const OPENINGS: [&str; 27] = [
    "as possible ",
    "as you can ",
    "about ",
    "and ",
    "or ",
    "plus ",
    "as well as ",
    "und ",
    "et ",
    "y ",
    "e ",
    "ou ",
    "oder ",
    "if known ",
    "if possible ",
    "ideally ",
    "optionally ",
    "where possible ",
    "also ",
    "such as ",
    "in particular ",
    "for example ",
    "at least ",
    "the following ",
    "with ",
    "of ",
    "any of ",
];

/// Parts of a list that only qualify.
const ASIDES: [&str; 12] = [
    "if known",
    "if possible",
    "if any",
    "if applicable",
    "if available",
    "ideally",
    "optionally",
    "where possible",
    "where applicable",
    "etc",
    "for example",
    "such as",
];

/// The parts of "a, b, and c"; commas in brackets part nothing.
fn enumerated(list: &str) -> Vec<String> {
    let flat = folded(list.trim_start_matches([',', ' ']));
    let end = ENDS.iter().filter_map(|e| flat.find(e)).min().unwrap_or(flat.len());
    let mut flat = flat.get(..end).unwrap_or_default();
    // "… the following: a, b".
    if let Some(colon) = flat.find(": ").filter(|&c| flat.find(',').is_none_or(|comma| c < comma)) {
        flat = flat.get(colon + 2..).unwrap_or_default();
    }
    let mut parts = parted(flat);
    if let Some(last) = parts.pop() {
        let joined =
            [" and ", " und ", " et ", " & ", " y ", " 和 ", "および"].iter().find_map(|w| last.rsplit_once(w));
        match joined.filter(|(a, b)| parts.is_empty() || a.split_whitespace().count() < 8 && b.len() > 3) {
            Some((a, b)) => parts.extend([a, b]),
            None => parts.push(last),
        }
    }
    let fields = parts.into_iter().filter_map(|p| cleaned(p)).take(MOST);
    fields.collect()
}

/// Parts between commas and semicolons that stand in no brackets.
fn parted(text: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0_i32, 0);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '（' => depth += 1,
            ')' | ']' | '）' => depth -= 1,
            ',' | ';' | '、' | '，' if depth <= 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// A part without what only joins or qualifies it; nothing where that is all of it.
fn cleaned(part: &str) -> Option<String> {
    let mut part = part.trim();
    while let Some(rest) =
        OPENINGS.iter().find_map(|o| part.get(..o.len()).filter(|p| p.eq_ignore_ascii_case(o)).and(part.get(o.len()..)))
    {
        part = rest.trim_start();
    }
    let part = part.trim_end_matches(['.', '。', ':', '!']).trim();
    // German verbs leave their particle at the end.
    let part = [" bei", " an", " mit", " hinzu"].iter().find_map(|p| part.strip_suffix(p)).unwrap_or(part);
    let lower = part.to_lowercase();
    let good = part.len() > 3
        && text::tokens(part).len() <= 14
        && !ASIDES.contains(&lower.as_str())
        && !lower.starts_with("if ");
    good.then(|| part.to_owned())
}
