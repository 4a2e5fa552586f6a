//! Amounts of time in a row of tokens: "48 hours", "five (5) business days", "3–5 Werktage", "a week", "weekly".

use super::lexicon::Found;
use super::sense::{Meaning, Sense};
use super::text::{Kind, Token};
use crate::clock::policy::{Bound, Unit};
use std::ops::Range;

/// An amount of time, where it stands and how it is qualified.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Duration {
    /// Token indexes.
    pub(super) tokens: Range<usize>,
    /// The upper end; `None` for "a few days".
    pub(super) amount: Option<u32>,
    /// The lower end of a range.
    pub(super) min: Option<u32>,
    /// Of what.
    pub(super) unit: Unit,
    /// Which way it binds.
    pub(super) bound: Option<Bound>,
    /// "Every", "weekly".
    pub(super) every: bool,
    /// "Typically".
    pub(super) approx: bool,
}

/// The longest time a policy is believed to speak of: more is a typing error or a trap.
const MOST: u32 = 3_660;

/// Every duration among the tokens `from..to`.
pub(super) fn find(tokens: &[Token], found: &[Found], range: &Range<usize>) -> Vec<Duration> {
    let words = Words { tokens, found, end: range.end };
    let mut durations = Vec::new();
    let mut i = range.start;
    while i < range.end {
        match words.duration(i).or_else(|| words.elided(i, durations.last())) {
            Some(mut duration) => {
                words.qualify(
                    &mut duration,
                    range.start,
                    durations.last().map_or(range.start, |d: &Duration| d.tokens.end),
                );
                i = duration.tokens.end.max(i + 1);
                durations.push(duration);
            }
            None => i += 1,
        }
    }
    durations
}

struct Words<'a> {
    tokens: &'a [Token],
    found: &'a [Found],
    end: usize,
}

impl Words<'_> {
    /// The meanings found at token `i`.
    fn at(&self, i: usize) -> impl Iterator<Item = &Found> {
        let first = self.found.partition_point(|f| f.tokens.start < i);
        self.found.get(first..).unwrap_or_default().iter().take_while(move |f| f.tokens.start == i)
    }

    fn sense(&self, i: usize, sense: Sense) -> Option<usize> {
        self.at(i).find(|f| f.meaning == Meaning::Sense(sense)).map(|f| f.tokens.end)
    }

    fn mark(&self, i: usize, marks: &[char]) -> bool {
        i < self.end && matches!(self.tokens.get(i).map(|t| t.kind), Some(Kind::Mark(c)) if marks.contains(&c))
    }

    fn duration(&self, i: usize) -> Option<Duration> {
        if let Some((amount, unit, end)) = self.rhythm(i) {
            return Some(plain(i..end, Some(amount), None, unit, true));
        }
        if let Some(end) = self.sense(i, Sense::Vague)
            && let Some((unit, end)) = self.unit(self.skip_filler(end))
        {
            return Some(plain(i..end, None, None, unit, false));
        }
        if let Some(end) = self.sense(i, Sense::Every)
            && let Some((unit, end)) = self.unit(end)
            && !self.plural(end)
        {
            return Some(plain(i..end, Some(1), None, unit, true));
        }
        self.counted(i)
    }

    /// "Every" goes with the number that follows: seen here so that "every week" needs no number.
    /// "Within 30 days and others within 90.": the unit of the amount before.
    fn elided(&self, i: usize, before: Option<&Duration>) -> Option<Duration> {
        let before = before.filter(|d| d.amount.is_some() && !d.every && i <= d.tokens.end + 12)?;
        let within = i.checked_sub(1).and_then(|w| self.tokens.get(w)).is_some_and(|t| t.norm == "within");
        let (amount, after) = self.bare_number(i)?;
        let ends = after >= self.end || self.mark(after, &['.', ',', ';', ')']);
        let figure = matches!(self.tokens.get(i + 2).map(|t| t.kind), Some(Kind::Number(_)))
            && self.tokens.get(i + 2).is_some_and(|t| !t.spaced);
        (within && ends && !figure && amount > 0 && amount <= MOST)
            .then(|| plain(i..after, Some(amount), None, before.unit, false))
    }

    fn counted(&self, i: usize) -> Option<Duration> {
        let (first, after) = self.number(i)?;
        if i > 0
            && self.joined(i)
            && !self.mark(
                i - 1,
                &['<', '>', '~', '(', '/', '-', '+', '*', '≤', '≥', ':', ',', '"', '|', '[', '=', '.', '_'],
            )
        {
            return None;
        }
        let direct = self.unit_after(after);
        if let Some((second, end, between)) = self.upper_end(after)
            && let Some((unit, end)) = self.unit_after(end)
            && (second > first || between)
        {
            return (second <= MOST).then(|| plain(i..end, Some(second), Some(first), unit, false));
        }
        let (unit, mut end) = direct?;
        let word = !matches!(self.tokens.get(i)?.kind, Kind::Number(_));
        if first > MOST || first == 0 || (word && first == 1 && self.plural(end) && self.tokens.get(i)?.norm != "one") {
            return None;
        }
        // "A day or two"
        let or = self.sense(end, Sense::Or).filter(|_| word && first == 1);
        if let Some((second, end)) = or.and_then(|after| self.bare_number(after)).filter(|n| n.0 > 1)
            && self.unit(end).is_none()
        {
            return Some(plain(i..end, Some(second), Some(first), unit, false));
        }
        // "24 hours to 72 hours"
        let mut amount = (first, None);
        if let Some((second, after, _)) = self.upper_end(end)
            && let Some((same, after)) = self.unit_after(after)
            && same == unit
            && second > first
            && second <= MOST
        {
            amount = (second, Some(first));
            end = after;
        }
        Some(plain(i..end, Some(amount.0), amount.1, unit, false))
    }

    /// Whether token `i` is glued to the one before.
    fn joined(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| !t.spaced && t.kind != Kind::Word)
            && i.checked_sub(1)
                .and_then(|p| self.tokens.get(p))
                .is_some_and(|p| p.norm.chars().all(|c| !super::text::unspaced(c)))
    }

    /// A number, perhaps repeated in brackets: "five (5)", "7 (seven)".
    fn number(&self, i: usize) -> Option<(u32, usize)> {
        if i >= self.end {
            return None;
        }
        let (number, end) = self.bare_number(i)?;
        if self.mark(end, &['('])
            && let Some((again, close)) = self.bare_number(end + 1)
            && again == number
            && self.mark(close, &[')'])
        {
            return Some((number, close + 1));
        }
        Some((number, if self.mark(end, &['+']) { end + 1 } else { end }))
    }

    fn bare_number(&self, i: usize) -> Option<(u32, usize)> {
        match self.tokens.get(i)?.kind {
            Kind::Number(n) => Some((n, i + 1)),
            Kind::Word => self.at(i).find_map(|f| match f.meaning {
                Meaning::Number(n) => Some((n, f.tokens.end)),
                _ => None,
            }),
            _ => None,
        }
    }

    /// The upper end of a range: "–5", "to 5"; and whether only a dash or "to" stood between (for "5/3").
    fn upper_end(&self, i: usize) -> Option<(u32, usize, bool)> {
        let after = if self.mark(i, &['-', '/', '~']) { i + 1 } else { self.sense(i, Sense::To)? };
        let (number, end) = self.number(after)?;
        Some((number, end, false))
    }

    /// A unit, after a hyphen or fillers: "90-day", "5 full business days", "3 (business) days".
    fn unit_after(&self, i: usize) -> Option<(Unit, usize)> {
        let mut at = i;
        for _ in 0..4 {
            if let Some(found) = self.unit(at) {
                return Some(found);
            }
            let filler = self.mark(at, &['-', '(', ')', '*', '_'])
                || self.tokens.get(at).is_some_and(|t| FILLERS.contains(&t.norm.as_str()));
            if !filler {
                return None;
            }
            at += 1;
        }
        None
    }

    fn skip_filler(&self, i: usize) -> usize {
        let of = self.tokens.get(i).is_some_and(|t| FILLERS.contains(&t.norm.as_str()));
        if of { i + 1 } else { i }
    }

    fn unit(&self, i: usize) -> Option<(Unit, usize)> {
        if i >= self.end {
            return None;
        }
        let (unit, end) = self.at(i).find_map(|f| match f.meaning {
            Meaning::Unit(unit) => Some((unit, f.tokens.end)),
            _ => None,
        })?;
        let working = unit == Unit::Day && self.bracketed_working(end);
        Some(if working { (Unit::WorkingDay, end + 3) } else { (unit, end) })
    }

    /// "days (business)".
    fn bracketed_working(&self, i: usize) -> bool {
        self.mark(i, &['('])
            && self.mark(i + 2, &[')'])
            && self.tokens.get(i + 1).is_some_and(|t| matches!(t.norm.as_str(), "business" | "working"))
    }

    fn plural(&self, end: usize) -> bool {
        end.checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .is_some_and(|t| t.norm.len() > 2 && t.norm.ends_with('s') && t.norm.is_ascii())
    }

    fn rhythm(&self, i: usize) -> Option<(u32, Unit, usize)> {
        self.at(i).find_map(|f| match f.meaning {
            Meaning::Rhythm(amount, unit) => Some((amount, unit, f.tokens.end)),
            _ => None,
        })
    }

    /// The words around a duration: "within", "at least", "every", "or less".
    fn qualify(&self, duration: &mut Duration, sentence: usize, previous: usize) {
        let start = duration.tokens.start.saturating_sub(5).max(sentence).max(previous);
        let begins = duration.tokens.start;
        for i in start..begins {
            for f in self.at(i).filter(|f| f.tokens.end <= begins) {
                let gap = begins - f.tokens.end;
                match f.meaning {
                    Meaning::Sense(Sense::AtLeast) if gap <= 2 => duration.bound = Some(Bound::Min),
                    Meaning::Sense(Sense::AtMost) if gap <= 4 => duration.bound = Some(Bound::Max),
                    Meaning::Sense(Sense::Approx) => duration.approx = true,
                    Meaning::Sense(Sense::Every) if gap == 0 => {
                        duration.every = true;
                        duration.tokens.start = duration.tokens.start.min(i);
                    }
                    _ => {}
                }
            }
        }
        if self.mark(duration.tokens.start.wrapping_sub(1), &['≥', '>']) {
            duration.bound = Some(Bound::Min);
        }
        if duration.min.is_some() || duration.every {
            duration.bound = duration.bound.filter(|_| !duration.every);
        }
        let end = duration.tokens.end;
        let minimum = |i: usize| self.sense(i, Sense::AtLeast).is_some();
        if minimum(end) || (self.mark(end, &['(']) && minimum(end + 1)) {
            duration.bound = Some(Bound::Min);
        }
        if self.sense(end, Sense::AtMost).is_some() {
            duration.bound = Some(Bound::Max);
        }
        // "7日ごと"
        if self.sense(end, Sense::Every).is_some()
            && self.tokens.get(end).is_some_and(|t| t.norm.chars().all(super::text::unspaced))
        {
            duration.every = true;
        }
    }
}

/// Words that may stand between a number and its unit.
const FILLERS: [&str; 9] = ["full", "consecutive", "calendar", "of", "additional", "或", "个", "個", "short"];

fn plain(tokens: Range<usize>, amount: Option<u32>, min: Option<u32>, unit: Unit, every: bool) -> Duration {
    Duration { tokens, amount, min, unit, bound: None, every, approx: false }
}
