//! A sentence as clauses, and what is done in each: who acts is told from the words around the act.

use super::document::Words;
use super::duration::{self, Duration};
use super::lexicon::Found;
use super::sense::{Meaning, Sense, Senses};
use super::text::Kind;
use std::ops::Range;

/// What a project can do that a clock can run for.
pub(super) const ACTS: [Sense; 10] = [
    Sense::Ack,
    Sense::Respond,
    Sense::Assess,
    Sense::Investigate,
    Sense::Fix,
    Sense::Release,
    Sense::Update,
    Sense::Notify,
    Sense::Disclose,
    Sense::Postmortem,
];

/// Words that are only the start of the clock: "within 5 days *of disclosure*".
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    /// Token indexes.
    pub(super) tokens: Range<usize>,
    /// What the clock runs from, when that is not the report.
    pub(super) from: Option<&'static str>,
    /// What the anchor speaks of.
    pub(super) senses: Senses,
}

/// A sentence of a block.
pub(super) struct Sentence<'a> {
    /// The block's words.
    pub(super) words: &'a Words,
    /// Its tokens.
    pub(super) range: Range<usize>,
    /// Its amounts of time.
    pub(super) durations: Vec<Duration>,
    /// For each amount, what it runs from.
    pub(super) anchors: Vec<Option<Anchor>>,
    clauses: Vec<Range<usize>>,
}

impl<'a> Sentence<'a> {
    /// Read one.
    pub(super) fn new(words: &'a Words, range: Range<usize>) -> Sentence<'a> {
        let durations = duration::find(&words.tokens, &words.found, &range);
        let mut sentence = Sentence { words, range, durations, anchors: Vec::new(), clauses: Vec::new() };
        sentence.hedge();
        sentence.anchors = (0..sentence.durations.len()).map(|d| sentence.anchor(d)).collect();
        sentence.clauses = sentence.cut();
        sentence
    }

    /// "Normally, …": hedges before an amount hold for it, wherever they stand.
    fn hedge(&mut self) {
        let mut start = self.range.start;
        let hedged: Vec<bool> = self
            .durations
            .iter()
            .map(|d| {
                let before = start..d.tokens.start;
                start = d.tokens.end;
                self.set(&before).has(Sense::Approx)
            })
            .collect();
        for (duration, hedged) in self.durations.iter_mut().zip(hedged) {
            duration.approx |= hedged;
        }
    }

    /// Clauses end at commas, brackets, semicolons and conjunctions that are not inside an amount of time.
    fn cut(&self) -> Vec<Range<usize>> {
        let inside = |i: usize| self.durations.iter().any(|d| d.tokens.start < i && i < d.tokens.end);
        let mut clauses = Vec::new();
        let mut start = self.range.start;
        let full = self.full_stops();
        for i in self.range.clone() {
            let mark =
                self.words.tokens.get(i).is_some_and(|t| matches!(t.kind, Kind::Mark(',' | ';' | '(' | ')' | '|')));
            if !inside(i) && (mark || full.contains(&i) || self.is(i, Sense::And) || self.is(i, Sense::Or)) {
                clauses.push(start..i);
                start = i;
            }
        }
        clauses.push(start..self.range.end);
        clauses.retain(|c| c.start < c.end);
        clauses
    }

    /// Where an amount ends what is said before it, though no mark does: "we respond within 2 days we patch within 14".
    fn full_stops(&self) -> Vec<usize> {
        let acts = |range: Range<usize>| self.senses_in(&range).any(|(_, s)| ACTS.contains(&s));
        let mut stops = Vec::new();
        let mut start = self.range.start;
        for (i, pair) in self.durations.windows(2).enumerate() {
            let [first, second] = pair else { continue };
            let end = self.anchors.get(i).and_then(Option::as_ref).map_or(first.tokens.end, |a| a.tokens.end);
            if acts(start..first.tokens.start) && acts(end..second.tokens.start) {
                stops.push(end);
            }
            start = end;
        }
        stops
    }

    fn is(&self, i: usize, sense: Sense) -> bool {
        self.words.within(&(i..i + 1)).any(|f| f.meaning == Meaning::Sense(sense))
    }

    /// What follows an amount: "of the report", "after a fix is released", "following this notification".
    fn anchor(&self, index: usize) -> Option<Anchor> {
        let duration = self.durations.get(index)?;
        let mut start = duration.tokens.end;
        while self.words.tokens.get(start).is_some_and(|t| matches!(t.kind, Kind::Mark('*' | '_' | '"'))) {
            start += 1;
        }
        start = self.past_bracket(start);
        if start >= self.range.end || !self.is(start, Sense::After) {
            return None;
        }
        let mut end = start + 1;
        while end < self.range.end && end < start + 12 && !self.ends_anchor(end) {
            end += 1;
        }
        let senses: Senses = self.senses_in(&(start..end)).map(|f| f.1).collect();
        Some(Anchor { tokens: start..end, from: starting_point(senses), senses })
    }

    /// Past "(or less)" right after an amount.
    fn past_bracket(&self, start: usize) -> usize {
        let mark = |i: usize, c: char| self.words.tokens.get(i).is_some_and(|t| t.kind == Kind::Mark(c));
        let close = (start + 1..(start + 5).min(self.range.end)).find(|&i| mark(i, ')'));
        close.filter(|_| mark(start, '(')).map_or(start, |c| c + 1)
    }

    fn ends_anchor(&self, i: usize) -> bool {
        let mark = self
            .words
            .tokens
            .get(i)
            .is_some_and(|t| matches!(t.kind, Kind::Mark(c) if c != '-' && c != '\'' && c != '*' && c != '_'));
        mark || self.is(i, Sense::And)
            || self.is(i, Sense::Before)
            || self.durations.iter().any(|d| d.tokens.start == i)
    }

    /// The senses among some tokens, with their places.
    pub(super) fn senses_in(&self, range: &Range<usize>) -> impl Iterator<Item = (Range<usize>, Sense)> {
        self.words.within(range).filter_map(|f: &Found| match f.meaning {
            Meaning::Sense(Sense::Noise) => None,
            Meaning::Sense(sense) => Some((f.tokens.clone(), sense)),
            _ => None,
        })
    }

    /// The clause a duration stands in.
    pub(super) fn clause(&self, duration: usize) -> Range<usize> {
        let at = self.durations.get(duration).map_or(self.range.start, |d| d.tokens.start);
        self.clauses.iter().find(|c| c.contains(&at)).cloned().unwrap_or_else(|| self.range.clone())
    }

    /// The clauses before a place, the nearest first, down to the nearest other amount of time.
    pub(super) fn clauses_before(&self, at: usize) -> Vec<Range<usize>> {
        let barrier =
            self.durations.iter().map(|d| d.tokens.end).filter(|&e| e <= at).max().unwrap_or(self.range.start);
        self.clauses.iter().rev().filter(|c| c.end <= at && c.start >= barrier).cloned().collect()
    }

    /// The clauses after a place, the nearest first, up to the clause of the next amount of time.
    pub(super) fn clauses_after(&self, at: usize) -> Vec<Range<usize>> {
        let barrier =
            self.durations.iter().map(|d| d.tokens.start).filter(|&s| s >= at).min().unwrap_or(self.range.end);
        self.clauses.iter().filter(|c| c.start >= at && c.end <= barrier).cloned().collect()
    }

    /// The acts among some tokens, in order, without those that only say where a clock starts.
    pub(super) fn acts(&self, range: &Range<usize>) -> Vec<(usize, Sense)> {
        let anchored = |at: usize| self.anchors.iter().flatten().any(|a| a.tokens.contains(&at));
        let mut acts: Vec<(usize, Sense)> = self
            .senses_in(range)
            .filter(|(tokens, sense)| {
                ACTS.contains(sense) && !anchored(tokens.start) && !self.duty_to_report(tokens.start, *sense)
            })
            .map(|(tokens, sense)| (tokens.start, sense))
            .collect();
        // "We follow up within 5 days" is an answer of ours.
        let follows = self.senses_in(range).filter(|f| f.1 == Sense::FollowUp && self.is_ours(f.0.start));
        acts.extend(follows.map(|f| (f.0.start, Sense::Respond)));
        acts.sort_by_key(|a| a.0);
        // To publish a fix is to release it.
        if acts.iter().any(|a| a.1 == Sense::Fix) {
            let published: Vec<usize> =
                self.senses_in(range).filter(|f| f.1 == Sense::Publish).map(|f| f.0.start).collect();
            acts.retain(|a| a.1 != Sense::Disclose || !published.contains(&a.0));
        }
        // "Confirm … receipt", "receipt … confirmed".
        let receipt = self
            .senses_in(range)
            .find(|(t, s)| *s == Sense::Receipt && !anchored(t.start) && !self.after_preposition(t.start));
        if let Some((tokens, _)) = receipt
            && acts.iter().any(|a| matches!(a.1, Sense::Investigate | Sense::Ack | Sense::Notify)) | acts.is_empty()
        {
            acts.retain(|a| a.1 != Sense::Investigate);
            acts.push((tokens.start, Sense::Ack));
        }
        acts
    }

    /// Whether the one who acts there is the project: of all who are named before, the nearest.
    pub(super) fn is_ours(&self, at: usize) -> bool {
        let before = self.range.start..at;
        let who = self.senses_in(&before).filter(|f| matches!(f.1, Sense::Us | Sense::You | Sense::Please));
        who.last().is_some_and(|f| f.1 == Sense::Us)
    }

    /// "Disclosing a vulnerability *to us*" is reporting it.
    fn duty_to_report(&self, at: usize, sense: Sense) -> bool {
        let words: Vec<&str> = self.words.tokens.iter().skip(at + 1).take(8).map(|t| t.norm.as_str()).collect();
        sense == Sense::Disclose
            && words.windows(2).any(|w| matches!(w, ["to", "us"] | ["to", "our"] | ["via", "email"]))
    }

    fn after_preposition(&self, at: usize) -> bool {
        let near = at.saturating_sub(2)..at;
        self.senses_in(&near).any(|(_, s)| s == Sense::After)
    }

    /// The acts of a clause that are not under a condition the duration stands outside of: "after 30 days *if there
    /// is no response*".
    pub(super) fn own_acts(&self, clause: &Range<usize>, duration: &Duration) -> Vec<(usize, Sense)> {
        let condition =
            self.senses_in(clause).find(|f| f.1 == Sense::If && !self.unspaced(f.0.start)).map(|f| f.0.start);
        let mut acts = self.acts(clause);
        if let Some(condition) = condition.filter(|&c| duration.tokens.end <= c) {
            acts.retain(|a| a.0 < condition);
        }
        acts
    }

    /// Whether a token is of a script without spaces, where conditions come last.
    pub(super) fn unspaced(&self, i: usize) -> bool {
        self.words.tokens.get(i).is_some_and(|t| t.norm.chars().all(super::text::unspaced))
    }

    /// The label that opens the sentence, "Disclosure:", when it is short.
    pub(super) fn label(&self) -> Option<Range<usize>> {
        let first = self.range.start..self.range.end.min(self.range.start + 8);
        let end =
            first.clone().find(|&i| self.words.tokens.get(i).is_some_and(|t| matches!(t.kind, Kind::Mark(':'))))?;
        (end > first.start).then_some(first.start..end)
    }

    /// The set of senses among some tokens.
    pub(super) fn set(&self, range: &Range<usize>) -> Senses {
        self.senses_in(range).map(|f| f.1).collect()
    }

    /// The severities a duration is for: those named in its clause before it, in the label that opens the sentence,
    /// or right after it ("14 days for critical issues").
    pub(super) fn severities(&self, index: usize, graded: bool) -> Vec<&'static str> {
        let Some(duration) = self.durations.get(index) else { return Vec::new() };
        let all = self.words.severities(&self.range, graded);
        let next = self.durations.get(index + 1).map_or(self.range.end, |d| d.tokens.start);
        let previous =
            index.checked_sub(1).and_then(|p| self.durations.get(p)).map_or(self.range.start, |d| d.tokens.end);
        let after = self.severities_after(&all, duration.tokens.end, next);
        if !after.is_empty() {
            return after;
        }
        let clause = self.clause(index);
        let taken = index.checked_sub(1).map(|p| {
            let end = self.durations.get(p).map_or(0, |d| d.tokens.end);
            (end, self.severities_after(&all, end, duration.tokens.start).len())
        });
        let before: Vec<&(usize, usize, &str)> = all.iter().filter(|s| s.1 <= duration.tokens.start).collect();
        let own: Vec<_> =
            before.iter().filter(|s| s.0 >= previous && s.0 >= clause.start.min(duration.tokens.start)).collect();
        let own_last = own.last().map(|s| s.0);
        let first = self.words.tokens.get(self.range.start).map(|t| t.norm.as_str()).unwrap_or_default();
        let prefixed = FOR.contains(&first) || self.own_acts(&clause, duration).is_empty();
        let carried = before.iter().filter(|s| s.0 >= previous && prefixed).map(|s| s.0).max();
        let own_last = own_last.or(carried);
        let label = before.iter().filter(|s| s.0 < self.range.start + 4).map(|s| s.0).max();
        let free = |at: usize| taken.is_none_or(|(end, n)| n == 0 || at < end || own.len() > n);
        let Some(last) = own_last.filter(|&at| free(at)).or_else(|| label.filter(|_| self.labelled())) else {
            return Vec::new();
        };
        let mut names = Vec::new();
        let mut edge = usize::MAX;
        for s in before.iter().rev().filter(|s| s.0 <= last) {
            if edge != usize::MAX && s.1 + 2 < edge {
                break;
            }
            edge = s.0;
            names.insert(0, s.2);
        }
        names.dedup();
        names
    }

    /// Whether a bracket closes within a word or two: "(critical issues)".
    fn closes_soon(&self, from: usize) -> bool {
        let next = self.words.tokens.get(from..).unwrap_or_default().iter().take(3);
        next.take_while(|t| t.norm != ")").all(|t| !t.norm.ends_with("ed"))
            && self.words.tokens.get(from..).unwrap_or_default().iter().take(4).any(|t| t.norm == ")")
    }

    /// Whether the sentence opens with a label: "Critical: …", "High – …".
    pub(super) fn labelled(&self) -> bool {
        let first =
            self.words.tokens.get(self.range.start..self.range.end.min(self.range.start + 10)).unwrap_or_default();
        first.iter().any(|t| matches!(t.kind, Kind::Mark(':' | '-' | '(' | '→' | '|' | '=')))
    }

    fn severities_after(&self, all: &[(usize, usize, &'static str)], from: usize, to: usize) -> Vec<&'static str> {
        let mut edge = from;
        let mut names: Vec<&'static str> = Vec::new();
        for &(start, end, name) in all.iter().filter(|s| s.0 >= from && s.1 <= to) {
            let bridge = self.words.tokens.get(edge..start).unwrap_or_default();
            let linked = if names.is_empty() {
                let plain = bridge.iter().all(|t| LINKS.contains(&t.norm.as_str()));
                plain
                    && !bridge.is_empty()
                    && bridge.len() <= 4
                    && bridge.iter().all(|t| t.norm != ",")
                    && bridge.iter().all(|t| t.norm != "-")
            } else {
                bridge.len() <= 2
            };
            // "Within 30 days (critical: 7)": a label of what follows.
            let label = self.words.tokens.get(end).is_some_and(|t| matches!(t.kind, Kind::Mark(':' | '=' | '→')));
            // "30 days (critical issues are expedited)": an aside, not whom the time is for.
            let aside = bridge.iter().any(|t| t.norm == "(") && !self.closes_soon(end);
            if !linked || label || aside {
                break;
            }
            names.push(name);
            edge = end;
        }
        names
    }
}

/// Words that open a sentence about some reports only: "For critical issues, …".
const FOR: [&str; 9] = ["for", "in", "on", "if", "für", "pour", "para", "per", "voor"];

/// Words between an amount of time and the severity it is for.
const LINKS: [&str; 28] = [
    "severities",
    "severity",
    "classified",
    "rated",
    "as",
    "issues",
    "for",
    "(",
    "in",
    "on",
    "if",
    "all",
    "any",
    "of",
    "the",
    "a",
    "für",
    "pour",
    "para",
    "per",
    "voor",
    "dla",
    "confirmed",
    "valid",
    "verified",
    "accepted",
    "reported",
    "vulnerabilities",
];

/// What an anchor starts the clock at; `None` for the report itself.
fn starting_point(senses: Senses) -> Option<&'static str> {
    if senses.any(&[Sense::Fix, Sense::Release]) {
        Some("release")
    } else if senses.has(Sense::Receipt) {
        None
    } else if senses.has(Sense::Ack) {
        Some("acknowledgement")
    } else if senses.has(Sense::Assess) {
        Some("assessment")
    } else if senses.has(Sense::Notify) && !senses.has(Sense::Report) {
        Some("notification")
    } else if senses.has(Sense::Report) {
        None
    } else if senses.has(Sense::Investigate) {
        Some("confirmation")
    } else if senses.has(Sense::Respond) {
        Some("first_response")
    } else {
        None
    }
}
