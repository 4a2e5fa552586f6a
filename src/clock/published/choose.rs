//! From every promise heard to one target each, with decisions and warnings.

mod back;
mod cell;
mod pick;

use super::Decision;
use super::blocks;
use super::clause::Sentence;
use super::document::Document;
use super::duration::Duration;
use super::judge::{Claim, Promise, Scene};
use super::sense::Sense;
use super::text::Kind;
use crate::clock::policy::{ResponsePolicy, Target, Unit};
use std::ops::Range;

/// A promise with its amount and place.
#[derive(Clone, Debug)]
struct Candidate {
    claim: Claim,
    target: Target,
    severities: Vec<&'static str>,
    span: Range<usize>,
    block: usize,
    decision: usize,
}

/// The most warnings a reading gives.
const MOST_WARNINGS: usize = 20;

/// All that a document commits to, and what was made of each number.
pub(super) fn commitments(document: &Document<'_>) -> (ResponsePolicy, Vec<Decision>) {
    let mut reader = Reader { document, candidates: Vec::new(), decisions: Vec::new(), warnings: Vec::new() };
    for (block, words) in document.words.iter().enumerate() {
        for range in &words.sentences {
            reader.sentence(block, range);
        }
    }
    if let Some(last) = document.blocks.get(blocks::MOST_BLOCKS.saturating_sub(1)) {
        let line = document.line(last.prose.source(0));
        reader.warnings.push(format!("too-long: nothing after line {line} was read; a policy has fewer paragraphs"));
    }
    reader.choose()
}

struct Reader<'a> {
    document: &'a Document<'a>,
    candidates: Vec<Candidate>,
    decisions: Vec<Decision>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn sentence(&mut self, block: usize, range: &Range<usize>) {
        let Some(words) = self.document.words.get(block) else { return };
        let sentence = Sentence::new(words, range.clone());
        self.numbers(block, &sentence);
        for index in 0..sentence.durations.len() {
            self.amount(block, &sentence, index);
        }
        if let Some(header) = self.bare_cell(block, &sentence) {
            self.cell(block, range, header);
        }
        if sentence.durations.is_empty() {
            self.implied(block, &sentence);
            self.otherwise(block, &sentence);
            self.vague(block, &sentence);
        }
    }

    fn amount(&mut self, block: usize, sentence: &Sentence<'_>, index: usize) {
        let Some(duration) = sentence.durations.get(index) else { return };
        let severities = self.severities(block, sentence, index);
        let scene = Scene { document: self.document, block, sentence, index, severe: !severities.is_empty() };
        let heard = scene.judge();
        let (taken_for, why) = match &heard {
            Ok(claims) => (claims.first().map(|c| c.promise.name()), claims.first().map_or("", |c| c.why).to_owned()),
            Err(why) => (None, (*why).to_owned()),
        };
        let span = self.span(block, sentence);
        self.decide(block, &duration.tokens, &span, told(duration), taken_for, why);
        let claims = heard.unwrap_or_default();
        if !claims.is_empty() && business_hours(sentence, duration) && self.warnings.len() < MOST_WARNINGS {
            let line = self.document.line(span.start);
            let amount = duration.amount.unwrap_or_default();
            self.warnings.push(format!(
                "business-hours: line {line} counts {amount} business hours; the clock takes plain hours, which is stricter"
            ));
        }
        let applies_to = self.applies_to(block, sentence, index);
        self.keep(claims, duration, &severities, applies_to.as_deref(), (block, &span));
    }

    /// Keep what was heard of the amount decided on last, with whom it holds for.
    fn keep(
        &mut self,
        claims: Vec<Claim>,
        duration: &Duration,
        severities: &[&'static str],
        applies_to: Option<&str>,
        (block, span): (usize, &Range<usize>),
    ) {
        for claim in claims {
            let mut target = target(duration, &claim);
            target.applies_to = applies_to.map(str::to_owned);
            // What narrows the promise further than its severity is told with it, as the one the policy makes.
            let narrowed = applies_to.is_some() && claim.promise == Promise::Disclosure;
            let graded = claim.promise.is_graded();
            if !graded && !severities.is_empty() && target.applies_to.is_none() {
                target.applies_to = Some(severities.join(", "));
            }
            let severities = if narrowed || !graded { Vec::new() } else { severities.to_vec() };
            let decision = self.decisions.len() - 1;
            self.candidates.push(Candidate { claim, target, severities, span: span.clone(), block, decision });
        }
    }

    /// What alone the sentence is about: "For a vulnerability *with a straightforward mitigation*, …". Severities are
    /// kept apart.
    fn applies_to(&self, block: usize, sentence: &Sentence<'_>, index: usize) -> Option<String> {
        let tokens = &sentence.words.tokens;
        let duration = sentence.durations.get(index)?;
        let first = tokens.get(sentence.range.start).filter(|t| t.norm == "for" || t.norm == "in")?;
        let end = (sentence.range.start..duration.tokens.start)
            .find(|&i| tokens.get(i).is_some_and(|t| t.kind == Kind::Mark(',')))?;
        let opening = sentence.range.start..end;
        let named = sentence.set(&opening).any(&[Sense::Vulnerability, Sense::Graded, Sense::Report]);
        if !named || first.norm == "in" && !sentence.set(&opening).has(Sense::Vulnerability) || opening.len() > 16 {
            return None;
        }
        let narrows = |i: &usize| tokens.get(*i).is_some_and(|t| NARROWING.contains(&t.norm.as_str()));
        let from = opening.clone().find(narrows)?;
        let skip = |i: usize| tokens.get(i).is_some_and(|t| matches!(t.norm.as_str(), "with" | "a" | "an" | "the"));
        let from = (from..end).find(|&i| !skip(i))?;
        Some(cut(&self.document.quote(&self.document.span(block, &(from..end)))))
    }

    /// The sentence in the source; for a cell its row up to there, and for a row's first cell the next one as well.
    fn span(&self, block: usize, sentence: &Sentence<'_>) -> Range<usize> {
        let mut span = self.document.span(block, &sentence.range);
        if let Some((beside, words)) = self.document.beside(block).and_then(|b| Some((b, self.document.words.get(b)?)))
        {
            span.end = span.end.max(self.document.span(beside, &(0..words.tokens.len())).end);
        }
        let first = self.document.blocks.get(block).and_then(|b| b.place).and_then(|p| p.first);
        let start = first.and_then(|f| self.document.blocks.get(f)).map(|b| b.prose.source(0));
        self.document.emphasised(start.filter(|&s| s < span.start).unwrap_or(span.start)..span.end)
    }

    /// Promises without a time are told as such.
    fn vague(&mut self, block: usize, sentence: &Sentence<'_>) {
        let said = sentence.set(&sentence.range);
        let act = said.any(&[Sense::Ack, Sense::Respond, Sense::Assess, Sense::Fix, Sense::Disclose]);
        let asked = said.any(&[Sense::If, Sense::Include, Sense::Send]);
        if said.has(Sense::Soon) && act && said.has(Sense::Us) && !asked && self.warnings.len() < MOST_WARNINGS {
            let span = self.span(block, sentence);
            let line = self.document.line(span.start);
            self.warnings.push(format!("vague: line {line} sets no clock: {}", cut(&self.document.quote(&span))));
        }
    }

    /// Numbers that count no time.
    fn numbers(&mut self, block: usize, sentence: &Sentence<'_>) {
        for i in sentence.range.clone() {
            let Some(token) = sentence.words.tokens.get(i) else { continue };
            let figure = matches!(token.kind, Kind::Number(_) | Kind::Figure);
            if figure && !sentence.durations.iter().any(|d| d.tokens.contains(&i)) {
                let around = i.saturating_sub(4).max(sentence.range.start)..(i + 5).min(sentence.range.end);
                let span = self.document.span(block, &around);
                self.decide(
                    block,
                    &(i..i + 1),
                    &span,
                    token.norm.clone(),
                    None,
                    "a number that counts no time".to_owned(),
                );
            }
        }
    }

    fn decide(
        &mut self,
        block: usize,
        tokens: &Range<usize>,
        span: &Range<usize>,
        number: String,
        taken_for: Option<&'static str>,
        why: String,
    ) {
        let line = self.document.line(self.document.span(block, tokens).start);
        let end = span.end.min(span.start + 400);
        let quote = cut(&self.document.quote(&(span.start..end)));
        self.decisions.push(Decision { line, quote, number, taken_for, why });
    }
}

/// Words that narrow what a sentence is about.
const NARROWING: [&str; 9] =
    ["with", "that", "which", "where", "involving", "affecting", "requiring", "whose", "without"];

/// "16 business hours": no unit of ours.
fn business_hours(sentence: &Sentence<'_>, duration: &Duration) -> bool {
    let words = sentence.words.tokens.get(duration.tokens.clone()).unwrap_or_default();
    duration.unit == Unit::Hour && words.iter().any(|t| matches!(t.norm.as_str(), "business" | "working" | "office"))
}

fn target(duration: &Duration, claim: &Claim) -> Target {
    let mut target = Target::new(duration.amount.unwrap_or_default(), duration.unit);
    target.min = duration.min;
    target.bound = duration.bound;
    target.approx = duration.approx;
    target.from = claim.from.map(str::to_owned);
    target
}

fn told(duration: &Duration) -> String {
    match duration.amount {
        Some(amount) => named(duration.min, amount, duration.unit),
        None => format!("a few {}", duration.unit.word(2)),
    }
}

fn named(min: Option<u32>, amount: u32, unit: Unit) -> String {
    let low = min.map(|m| format!("{m} to ")).unwrap_or_default();
    format!("{low}{amount} {}", unit.word(amount))
}

/// The first words of a long quote.
fn cut(quote: &str) -> String {
    const WIDTH: usize = 140;
    if quote.chars().count() <= WIDTH {
        return quote.to_owned();
    }
    quote.chars().take(WIDTH - 1).chain(['…']).collect()
}
