//! From every promise heard to one target each, with decisions and warnings.

use super::Decision;
use super::blocks::{self, Form};
use super::clause::Sentence;
use super::document::Document;
use super::duration::Duration;
use super::judge::{Claim, Promise, Scene};
use super::sense::{Meaning, Sense};
use super::text::Kind;
use crate::clock::policy::{ResponsePolicy, SeverityTargets, Target, Unit};
use std::collections::BTreeSet;
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
        for claim in claims {
            let mut target = target(duration, &claim);
            target.applies_to = applies_to.clone();
            // What narrows the promise further than its severity is told with it, as the one the policy makes.
            let narrowed = applies_to.is_some() && claim.promise == Promise::Disclosure;
            let graded = claim.promise.is_graded();
            if !graded && !severities.is_empty() && target.applies_to.is_none() {
                target.applies_to = Some(severities.join(", "));
            }
            let severities = if narrowed || !graded { Vec::new() } else { severities.clone() };
            self.candidates.push(Candidate {
                claim,
                target,
                severities,
                span: span.clone(),
                block,
                decision: self.decisions.len() - 1,
            });
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

    /// Severities named with the amount, else by what stands over it: the row, the column, the item, the heading.
    fn severities(&self, block: usize, sentence: &Sentence<'_>, index: usize) -> Vec<&'static str> {
        let document = self.document;
        let Some(b) = document.blocks.get(block) else { return Vec::new() };
        let own = sentence.severities(index, b.place.is_some() || sentence.labelled());
        if !own.is_empty() {
            return own;
        }
        let named = |other: Option<usize>, most: usize| -> Vec<&'static str> {
            let Some(words) = other.and_then(|o| document.words.get(o)) else { return Vec::new() };
            if words.tokens.len() > most {
                return Vec::new();
            }
            let mut names: Vec<_> = words.severities(&(0..words.tokens.len()), true).into_iter().map(|s| s.2).collect();
            names.dedup();
            names
        };
        let row = (1..8).map_while(|back| self.before_in_row(block, back));
        let place = [b.place.and_then(|p| p.first), b.place.and_then(|p| p.header)]
            .into_iter()
            .chain(row.map(Some))
            .chain([b.lead]);
        let lead = place.map(|o| named(o, 12)).find(|n| !n.is_empty());
        lead.unwrap_or_else(|| named(b.heading, 6).into_iter().take(2).collect())
    }

    /// The cell of the same row that stands `back` columns before.
    fn before_in_row(&self, block: usize, back: usize) -> Option<usize> {
        let place = self.document.blocks.get(block)?.place?;
        let other = block.checked_sub(back)?;
        let there = self.document.blocks.get(other)?.place?;
        (there.table == place.table && there.row == place.row).then_some(other)
    }

    /// A cell that is a bare number under a header that is a unit: "Days".
    fn bare_cell(&self, block: usize, sentence: &Sentence<'_>) -> Option<usize> {
        let place = self.document.blocks.get(block)?.place?;
        let tokens = sentence.words.tokens.get(sentence.range.clone())?;
        let numbers = tokens.iter().filter(|t| matches!(t.kind, Kind::Number(_))).count();
        let other = tokens.iter().any(|t| matches!(t.kind, Kind::Word | Kind::Figure));
        (sentence.durations.is_empty() && (1..=2).contains(&numbers) && !other).then_some(place.header).flatten()
    }

    fn cell(&mut self, block: usize, range: &Range<usize>, header: usize) {
        let Some(words) = self.document.words.get(block) else { return };
        let Some(head) = self.document.words.get(header) else { return };
        let unit = head.found.iter().find_map(|f| match f.meaning {
            Meaning::Unit(unit) => Some(unit),
            _ => None,
        });
        let Some(unit) = unit.filter(|_| head.tokens.len() <= 12) else { return };
        let numbers: Vec<u32> = words
            .tokens
            .get(range.clone())
            .unwrap_or_default()
            .iter()
            .filter_map(|t| if let Kind::Number(n) = t.kind { Some(n) } else { None })
            .collect();
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else { return };
        let min = (numbers.len() == 2 && first < last).then_some(first);
        let duration =
            Duration { tokens: range.clone(), amount: Some(last), min, unit, bound: None, every: false, approx: false };
        let mut sentence = Sentence::new(words, range.clone());
        (sentence.durations, sentence.anchors) = (vec![duration.clone()], vec![None]);
        let severities = self.severities(block, &sentence, 0);
        let scene = Scene { document: self.document, block, sentence: &sentence, index: 0, severe: true };
        let heard = scene.judge();
        let span = self.span(block, &sentence);
        let graded = !severities.is_empty();
        let claims = match heard {
            Ok(claims) => claims,
            // A table of days by severity, and nothing said of what: the time to the fix.
            Err(_) if graded => {
                vec![Claim {
                    promise: Promise::Fix,
                    strength: 2,
                    from: None,
                    receipt: false,
                    why: "a table of times by severity",
                }]
            }
            Err(_) => Vec::new(),
        };
        let taken_for = claims.first().map(|c| c.promise.name());
        let why = claims.first().map_or("a number in a table that promises nothing", |c| c.why).to_owned();
        self.decide(block, range, &span, told(&duration), taken_for, why);
        for claim in claims {
            let target = target(&duration, &claim);
            let decision = self.decisions.len() - 1;
            self.candidates.push(Candidate {
                claim,
                target,
                severities: severities.clone(),
                span: span.clone(),
                block,
                decision,
            });
        }
    }

    /// "If you do not, please follow up": after a promise of an answer, its time is the time to write again.
    fn implied(&mut self, block: usize, sentence: &Sentence<'_>) {
        let said = sentence.set(&sentence.range);
        let refers = refers_back(sentence);
        let again = said.any(&[Sense::FollowUp, Sense::Send]) || refers && said.any(&[Sense::Ack, Sense::Respond]);
        let asked = said.has(Sense::If) && said.has(Sense::Not) && again;
        let answer = |c: &&Candidate| c.claim.promise == Promise::FirstResponse;
        let last =
            if refers { self.candidates.iter().rev().find(answer) } else { self.candidates.last().filter(answer) };
        let Some(last) = last.filter(|_| asked) else { return };
        let near = refers || last.block == block || last.block + 1 == block;
        let not = sentence.senses_in(&sentence.range).find(|(_, s)| *s == Sense::Not).map_or(0, |(t, _)| t.end);
        let bare = sentence.words.tokens.get(not).is_some_and(|t| t.kind == Kind::Mark(','));
        if !near || !last.severities.is_empty() || !(bare || said.any(&[Sense::Receive, Sense::Respond, Sense::Ack])) {
            return;
        }
        let mut candidate = last.clone();
        candidate.claim = Claim {
            promise: Promise::FollowUp,
            strength: 2,
            from: None,
            receipt: false,
            why: "when the promised answer did not come",
        };
        candidate.target.implied = true;
        candidate.span = self.span(block, sentence);
        candidate.block = block;
        self.candidates.push(candidate);
    }

    /// "If no fix is out by then, you may publish": after a promise of a fix, its time is the deadline.
    fn otherwise(&mut self, block: usize, sentence: &Sentence<'_>) {
        let said = sentence.set(&sentence.range);
        let opens = sentence.set(&(sentence.range.start..sentence.range.start + 1)).has(Sense::If);
        let told = said.any(&[Sense::Fix, Sense::Release]) && said.has(Sense::Disclose) && said.has(Sense::You);
        if !(opens && said.has(Sense::Not) && told && refers_back(sentence)) {
            return;
        }
        let general = |c: &&Candidate| c.block == block && c.claim.promise == Promise::Fix && c.severities.is_empty();
        let Some(mut candidate) = self.candidates.iter().rev().find(general).cloned() else { return };
        candidate.claim.promise = Promise::Disclosure;
        candidate.claim.strength = 5;
        candidate.claim.why = "without a fix until then, details may be public";
        candidate.target.implied = true;
        candidate.span = self.span(block, sentence);
        self.candidates.push(candidate);
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

    fn choose(mut self) -> (ResponsePolicy, Vec<Decision>) {
        self.second_answers();
        self.outer_limits();
        let mut policy = ResponsePolicy {
            first_response: self.best(Promise::FirstResponse),
            assessment: self.best(Promise::Assessment),
            fix: self.best(Promise::Fix),
            update_every: self.best(Promise::Update),
            prenotice_before_release: self.best(Promise::Prenotice),
            disclosure_deadline: self.best(Promise::Disclosure),
            postmortem_after_release: self.best(Promise::Postmortem),
            reporter_follow_up_after: self.best(Promise::FollowUp),
            ..ResponsePolicy::default()
        };
        policy.by_severity = self.by_severity();
        if policy.first_response.is_none() && policy.by_severity.iter().any(|s| s.first_response.is_some()) {
            self.warnings.push(
                "first-response-by-severity: no first response is promised before the severity is known".to_owned(),
            );
        }
        self.warnings.truncate(MOST_WARNINGS);
        policy.warnings = self.warnings;
        (policy, self.decisions)
    }

    /// "Acknowledged within a day, answered within a week": the later answer is the assessment.
    fn second_answers(&mut self) {
        let first =
            self.candidates.iter().filter(|c| c.claim.promise == Promise::FirstResponse && c.severities.is_empty());
        let Some(receipt) = first.clone().find(|c| c.claim.receipt).map(|c| hours(&c.target)) else { return };
        for c in &mut self.candidates {
            let later = c.claim.promise == Promise::FirstResponse && !c.claim.receipt && hours(&c.target) > receipt;
            if later {
                (c.claim.promise, c.claim.strength) = (Promise::Assessment, 2);
                if let Some(decision) = self.decisions.get_mut(c.decision) {
                    decision.taken_for = Some(Promise::Assessment.name());
                    decision.why = "a further answer, after the acknowledgement".to_owned();
                }
            }
        }
    }

    /// "Details a week after the release" beside "90 days from the report at the latest": both are promised. The outer
    /// limit is the deadline; the other, where no write-up is promised, is what follows a release.
    fn outer_limits(&mut self) {
        let general = |c: &&Candidate| c.claim.promise == Promise::Disclosure && c.severities.is_empty();
        let outer = self.candidates.iter().filter(general).any(|c| c.claim.from.is_none());
        if !outer || self.candidates.iter().any(|c| c.claim.promise == Promise::Postmortem) {
            return;
        }
        for c in &mut self.candidates {
            let general = c.claim.promise == Promise::Disclosure && c.severities.is_empty();
            if general && c.claim.from == Some("release") {
                c.claim.promise = Promise::Postmortem;
                if let Some(decision) = self.decisions.get_mut(c.decision) {
                    decision.taken_for = Some(Promise::Postmortem.name());
                    decision.why = "details after a release; another sentence limits how long they may wait".to_owned();
                }
            }
        }
    }

    /// The surest general promise of a kind, and of equally sure ones the first.
    fn best(&mut self, promise: Promise) -> Option<Target> {
        let general: Vec<&Candidate> =
            self.candidates.iter().filter(|c| c.claim.promise == promise && c.severities.is_empty()).collect();
        // What holds for all reports comes before what holds for some.
        let narrowed = |c: &Candidate| !promise.is_graded() && c.target.applies_to.is_some();
        let sure = |c: &Candidate| {
            (c.claim.strength * 2).saturating_sub(u8::from(c.target.approx) + 3 * u8::from(narrowed(c)))
        };
        let most = general.iter().map(|c| sure(c)).max()?;
        let chosen = general.iter().find(|c| sure(c) == most)?;
        let rival = general.iter().find(|c| sure(c) + 2 >= most && hours(&c.target) != hours(&chosen.target));
        if let Some(rival) = rival {
            let (a, b) = (self.document.line(chosen.span.start), self.document.line(rival.span.start));
            let differs = format!(
                "contradictory: {} is {} on line {a} and {} on line {b}; line {a} counts",
                promise.name(),
                amount(&chosen.target),
                amount(&rival.target)
            );
            if !matches!(promise, Promise::Disclosure) || a != b {
                self.warnings.push(differs);
            }
        }
        let chosen = general.iter().find(|c| sure(c) == most)?;
        Some(self.quoted(chosen))
    }

    fn quoted(&self, candidate: &Candidate) -> Target {
        let mut target = candidate.target.clone();
        let quote = self.document.quote(&candidate.span);
        target.line = Some(self.document.line(candidate.span.start));
        target.quote = Some(quote);
        target
    }

    fn by_severity(&self) -> Vec<SeverityTargets> {
        let mut all: Vec<SeverityTargets> = Vec::new();
        for c in &self.candidates {
            for &severity in &c.severities {
                let at = all.iter().position(|s| s.severity == severity).unwrap_or_else(|| {
                    all.push(SeverityTargets { severity: severity.to_owned(), ..SeverityTargets::default() });
                    all.len() - 1
                });
                let Some(entry) = all.get_mut(at) else { continue };
                let slot = match c.claim.promise {
                    Promise::FirstResponse => &mut entry.first_response,
                    Promise::Assessment => &mut entry.assessment,
                    Promise::Fix => &mut entry.fix,
                    Promise::Update => &mut entry.update_every,
                    Promise::Disclosure => &mut entry.disclosure_deadline,
                    _ => continue,
                };
                if slot.is_none() {
                    *slot = Some(self.quoted(c));
                }
            }
        }
        self.without_number(&mut all);
        all
    }

    /// Severities that stand in the same table or list as the others, with no number: "low: best effort".
    fn without_number(&self, all: &mut Vec<SeverityTargets>) {
        let document = self.document;
        let blocks = || self.candidates.iter().filter(|c| !c.severities.is_empty()).map(|c| c.block);
        let tables: BTreeSet<usize> = blocks().filter_map(|b| document.blocks.get(b)?.place.map(|p| p.table)).collect();
        let leads: BTreeSet<usize> = blocks()
            .filter_map(|b| document.blocks.get(b).filter(|b| b.form == Form::Item && b.place.is_none())?.lead)
            .collect();
        for (words, block) in document.words.iter().zip(&document.blocks) {
            let row = block.place.is_some_and(|p| p.column == 0 && p.row > 0 && tables.contains(&p.table));
            let item = block.form == Form::Item && block.lead.is_some_and(|l| leads.contains(&l));
            if !row && !(item && block.place.is_none()) {
                continue;
            }
            let label = 0..words.tokens.len().min(if row { 6 } else { 3 });
            for (_, _, severity) in words.severities(&label, true) {
                if all.len() < 20 && !all.iter().any(|s| s.severity == severity) {
                    all.push(SeverityTargets { severity: severity.to_owned(), ..SeverityTargets::default() });
                }
            }
        }
    }
}

/// Words that narrow what a sentence is about.
const NARROWING: [&str; 9] =
    ["with", "that", "which", "where", "involving", "affecting", "requiring", "whose", "without"];

/// "In this time", "within the said time frame", "by then": an amount that another sentence gave.
fn refers_back(sentence: &Sentence<'_>) -> bool {
    const WHICH: [&str; 8] = ["this", "that", "said", "above", "stated", "promised", "specified", "given"];
    const TIME: [&str; 8] =
        ["period", "time", "window", "deadline", "timeframe", "timeframes", "timeline", "timelines"];
    let words = sentence.words.tokens.get(sentence.range.clone()).unwrap_or_default();
    words.windows(2).any(|w| {
        matches!(w, [a, b] if WHICH.contains(&a.norm.as_str()) && TIME.contains(&b.norm.as_str())
            || a.norm == "by" && b.norm == "then")
    })
}

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

/// For comparing amounts only; the clock itself never does this.
fn hours(target: &Target) -> u64 {
    let hours = match target.unit {
        Unit::Hour => 1,
        Unit::Day => 24,
        Unit::WorkingDay => 25,
        Unit::Week => 168,
        Unit::Month => 730,
    };
    u64::from(target.amount) * hours
}

fn amount(target: &Target) -> String {
    named(target.min, target.amount, target.unit)
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
