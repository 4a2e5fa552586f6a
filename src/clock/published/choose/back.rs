//! Sentences without an amount that speak of the one before: "if you do not hear by then, write again".

use super::super::clause::Sentence;
use super::super::judge::{Claim, Promise};
use super::super::sense::Sense;
use super::super::text::Kind;
use super::{Candidate, Reader};

impl Reader<'_> {
    /// "If you do not, please follow up": after a promise of an answer, its time is the time to write again.
    pub(super) fn implied(&mut self, block: usize, sentence: &Sentence<'_>) {
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
    pub(super) fn otherwise(&mut self, block: usize, sentence: &Sentence<'_>) {
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
}

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
