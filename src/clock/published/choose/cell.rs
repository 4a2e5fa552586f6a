//! Tables by severity: whom an amount is for, and cells that are bare numbers.

use super::super::clause::Sentence;
use super::super::duration::Duration;
use super::super::judge::{Claim, Promise, Scene};
use super::super::sense::{Meaning, Sense};
use super::super::text::Kind;
use super::{Reader, told};
use std::ops::Range;

impl Reader<'_> {
    /// Severities named with the amount, else by what stands over it: the row, the column, the item, the heading.
    pub(super) fn severities(&self, block: usize, sentence: &Sentence<'_>, index: usize) -> Vec<&'static str> {
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
    pub(super) fn bare_cell(&self, block: usize, sentence: &Sentence<'_>) -> Option<usize> {
        let place = self.document.blocks.get(block)?.place?;
        let tokens = sentence.words.tokens.get(sentence.range.clone())?;
        let numbers = tokens.iter().filter(|t| matches!(t.kind, Kind::Number(_))).count();
        let other = tokens.iter().any(|t| matches!(t.kind, Kind::Word | Kind::Figure));
        (sentence.durations.is_empty() && (1..=2).contains(&numbers) && !other).then_some(place.header).flatten()
    }

    pub(super) fn cell(&mut self, block: usize, range: &Range<usize>, header: usize) {
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
        // A header that says of what leaves nothing to guess.
        let told_of =
            head.said(&(0..head.tokens.len())).any(&[Sense::Notify, Sense::Partner, Sense::Before, Sense::Support]);
        let graded = !severities.is_empty() && !told_of;
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
        self.keep(claims, &duration, &severities, None, (block, &span));
    }
}
