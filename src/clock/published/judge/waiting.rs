//! Amounts that somebody waits: the reporter for an answer, the public for details, users for a release.

use super::super::duration::Duration;
use super::super::sense::Sense;
use super::super::text::{self, Kind};
use super::{Heard, Promise, Scene, claim};
use std::ops::Range;

impl Scene<'_> {
    /// "If you hear nothing within N, write again"; "give us N before you publish".
    pub(super) fn waiting(&self, duration: &Duration) -> Option<Heard> {
        let all = self.sentence.set(&self.sentence.range);
        if all.has(Sense::If)
            && all.any(&[Sense::Not, Sense::NoPromise])
            && let Some(heard) = self.unanswered(duration)
        {
            return Some(heard);
        }
        if self.shown_first(duration) || self.told_to_us(duration) {
            return Some(Err("what the reporter shows or tells us beforehand"));
        }
        let clause = self.sentence.clause(self.index);
        let said = self.sentence.set(&clause);
        let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
        let rest = self.sentence.set(&(duration.tokens.end..self.sentence.range.end));
        let answered = rest.any(&[Sense::Ack, Sense::Respond]) && !all.any(&[Sense::Disclose, Sense::Fix]);
        if self.silence(duration) {
            return Some(claim(Promise::FollowUp, 4, None, "silence until then is a reason to write again"));
        }
        if before.has(Sense::Wait) && rest.has(Sense::Before) && rest.has(Sense::FollowUp)
            || said.has(Sense::FollowUp)
                && !said.any(&[Sense::Assess, Sense::Ack, Sense::Give, Sense::Us])
                && self.asked_to_write_again(duration)
        {
            return Some(claim(Promise::FollowUp, 4, None, "the reporter may write again then"));
        }
        if before.has(Sense::Wait) && !said.any(&[Sense::Us, Sense::Ack]) | !answered {
            if answered {
                return Some(claim(Promise::FirstResponse, 3, None, "the time asked for until an answer"));
            }
            if self.asks(duration)
                && (all.any(&[Sense::Disclose, Sense::Fix, Sense::Before, Sense::Investigate, Sense::Assess])
                    || self.nearby().has(Sense::Disclose))
            {
                return Some(claim(
                    Promise::Disclosure,
                    4,
                    self.anchor().and_then(|a| a.from),
                    "the time the reporter is asked to wait before publishing",
                ));
            }
        }
        None
    }

    /// "Show us a draft of your article at least 10 days before it appears."
    fn shown_first(&self, duration: &Duration) -> bool {
        let words = self.sentence.words.tokens.get(self.sentence.range.start..duration.tokens.start);
        let text =
            words.unwrap_or_default().iter().any(|t| matches!(t.norm.as_str(), "draft" | "drafts" | "manuscript"));
        text && self.sentence.set(&(duration.tokens.end..self.sentence.range.end)).has(Sense::Before)
    }

    /// "Give us notice at least 10 days before you publish."
    fn told_to_us(&self, duration: &Duration) -> bool {
        let words =
            self.sentence.words.tokens.get(self.sentence.range.start..duration.tokens.start).unwrap_or_default();
        let us = words.windows(2).any(|w| {
            matches!(w, [a, b] if b.norm == "us" && ["notify", "inform", "tell", "give", "warn", "alert"].contains(&a.norm.as_str()))
        });
        let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
        us && before.has(Sense::Notify)
            && self.sentence.set(&(duration.tokens.end..self.sentence.range.end)).has(Sense::Before)
    }

    /// "Please keep the details to yourself for N": a limit on an embargo that is asked of the reporter, whatever else
    /// ends it ("until a fix is released"). What we do in a part of the sentence of its own is not what is asked.
    pub(super) fn asked_silence(&self, duration: &Duration) -> Option<Heard> {
        let start = self.sentence.range.start;
        let quiet = self.quiet()?;
        let before = self.sentence.set(&(start..quiet.start.max(start + 1)));
        let owed = before.has(Sense::Duty) && (before.any(&[Sense::You, Sense::Report]) || before.has(Sense::Please));
        let asked = before.has(Sense::Please) || owed || self.opens_quietly(&quiet);
        let clause = self.sentence.clause(self.index);
        let own = self.sentence.set(&clause);
        let apart = clause.start > quiet.start;
        let ours = apart && own.has(Sense::Us) && !own.has(Sense::Silence);
        let answers = own.any(&[Sense::Ack, Sense::Respond, Sense::Assess, Sense::Investigate, Sense::Receive]);
        // What is fixed or released in a part of its own is our work, unless the silence lasts until then.
        let until = self.sentence.set(&(clause.start.max(quiet.end).min(duration.tokens.start)..duration.tokens.start));
        let fixed = until.any(&[Sense::Fix, Sense::Release]) && !until.has(Sense::Before);
        if !asked || ours || answers || fixed || duration.tokens.start < quiet.start && !self.leads_to(duration, &quiet)
        {
            return None;
        }
        let from = self.anchor().and_then(|a| a.from);
        Some(claim(Promise::Disclosure, 4, from, "how long the reporter is asked to keep silent"))
    }

    /// The words that say silence. Verbs for telling say it only after "not" ("do not share") or "refrain".
    fn quiet(&self) -> Option<Range<usize>> {
        let telling = ["share", "reveal", "discuss", "discussing", "sharing"];
        let mut before = self.sentence.range.start;
        let mut denied = usize::MAX;
        for (tokens, sense) in self.sentence.senses_in(&self.sentence.range) {
            let near = tokens.start <= denied.saturating_add(3) && denied < tokens.start;
            let word = self.sentence.words.tokens.get(tokens.start).map(|t| t.norm.as_str()).unwrap_or_default();
            match sense {
                Sense::Not | Sense::Wait => denied = tokens.start,
                // A private channel is not kept silent about; a finding can be.
                Sense::Silence if word.starts_with("private") && !self.kept(tokens.start) => {}
                Sense::Silence if !telling.contains(&word) || near => return Some(tokens),
                Sense::Disclose | Sense::Publish if near => return Some(before.max(denied)..tokens.end),
                _ => {}
            }
            before = tokens.start;
        }
        None
    }

    fn kept(&self, at: usize) -> bool {
        let near = at.saturating_sub(8).max(self.sentence.range.start)..at;
        let words = self.sentence.words.tokens.get(near).unwrap_or_default();
        words
            .iter()
            .any(|t| ["keep", "keeping", "kept", "hold", "remain", "remains", "stay"].contains(&t.norm.as_str()))
    }

    /// An imperative: the sentence opens with a word for keeping something, or for not telling it.
    fn opens_quietly(&self, quiet: &Range<usize>) -> bool {
        let first = self.sentence.words.tokens.get(self.sentence.range.start).map(|t| t.norm.as_str());
        let keep =
            first.is_some_and(|w| ["keep", "hold", "treat", "do", "refrain", "maintain", "observe"].contains(&w));
        keep && quiet.start <= self.sentence.range.start + 8
    }

    /// "For 90 days, please keep it to yourself": the amount opens the request.
    fn leads_to(&self, duration: &Duration, quiet: &Range<usize>) -> bool {
        let before = self.sentence.range.start..duration.tokens.start;
        let around = self.sentence.set(&before).with(self.sentence.set(&(duration.tokens.end..quiet.start)));
        before.len() <= 5 && !around.any(&[Sense::Fix, Sense::Us, Sense::Release, Sense::Ack, Sense::Respond])
    }

    /// "Wait", "give us" or "allow" close before the amount.
    fn asks(&self, duration: &Duration) -> bool {
        let near = duration.tokens.start.saturating_sub(12).max(self.sentence.range.start)..duration.tokens.start;
        self.sentence.set(&near).has(Sense::Wait)
    }

    /// "Write again after 3 days", by the reporter: what we follow up is an answer.
    fn asked_to_write_again(&self, duration: &Duration) -> bool {
        let before = self.sentence.range.start..duration.tokens.start;
        self.sentence.senses_in(&before).any(|(t, s)| s == Sense::FollowUp && !self.sentence.is_ours(t.start))
    }

    /// "No reply within 3 days?", without an "if".
    fn silence(&self, duration: &Duration) -> bool {
        let range = self.sentence.range.start..duration.tokens.end;
        let not = self.sentence.senses_in(&range).find(|(_, s)| *s == Sense::Not).map(|(t, _)| t.end);
        let Some(not) = not else { return false };
        // "Have you heard nothing from us", "no reply".
        let near = not.saturating_sub(3).max(self.sentence.range.start)..(not + 4).min(self.sentence.range.end);
        let near = self.sentence.set(&near);
        let last = self.sentence.range.end.checked_sub(1).and_then(|i| self.sentence.words.tokens.get(i));
        let asks = last.is_some_and(|t| t.kind == Kind::Mark('?'));
        let all = self.sentence.set(&self.sentence.range);
        near.any(&[Sense::Ack, Sense::Respond, Sense::Receive])
            && !self.sentence.set(&(self.sentence.range.start..not)).any(&[Sense::Us])
            && (asks || all.any(&[Sense::FollowUp, Sense::Send]))
            && !all.has(Sense::Disclose)
    }

    /// A condition that something did not happen within the amount.
    fn unanswered(&self, duration: &Duration) -> Option<Heard> {
        let find = |sense: Sense, from: usize| {
            self.sentence.senses_in(&(from..self.sentence.range.end)).find(|(_, s)| *s == sense).map(|(t, _)| t)
        };
        let condition = find(Sense::If, self.sentence.range.start)?;
        // In languages that put the condition last, "not" may come before the word for "if".
        let verb_last =
            self.sentence.words.tokens.get(condition.start).is_some_and(|t| t.norm.chars().all(text::unspaced));
        let from = if verb_last { self.sentence.range.start } else { condition.end };
        // "Does not provide" is also how a promise is denied.
        let not =
            [find(Sense::Not, from), find(Sense::NoPromise, from)].into_iter().flatten().min_by_key(|t| t.start)?;
        if not.start > duration.tokens.end + 12 || (!verb_last && condition.start > duration.tokens.end) {
            return None;
        }
        let end = self.comma_after(not.end);
        if duration.tokens.start > end {
            return None;
        }
        let condition_words = from..end.max(duration.tokens.end);
        let said = self.sentence.set(&condition_words);
        let who = self.sentence.set(&(condition.end..not.end));
        let consequence = self
            .sentence
            .set(&(end..self.sentence.range.end))
            .with(self.sentence.set(&(self.sentence.range.start..condition.start)));
        let reporter_silent = self.from_you(&condition_words)
            || (who.has(Sense::You)
                && !said.has(Sense::Receive)
                && !who.has(Sense::Us)
                && !self.hears(&condition_words));
        if said.any(&[Sense::Ack, Sense::Respond, Sense::Receive, Sense::Update]) && !said.has(Sense::Fix) {
            if reporter_silent && !verb_last {
                return Some(Err("what happens when the reporter does not answer"));
            }
            if consequence.has(Sense::Disclose) && !consequence.any(&[Sense::FollowUp, Sense::Send]) {
                return Some(claim(
                    Promise::Disclosure,
                    3,
                    None,
                    "when nothing was heard until then, details may be public",
                ));
            }
            return Some(claim(
                Promise::FollowUp,
                5,
                None,
                "when nothing was heard until then, the reporter should write again",
            ));
        }
        if said.any(&[Sense::Fix, Sense::Release]) && consequence.has(Sense::Disclose) {
            return Some(claim(Promise::Disclosure, 4, None, "without a fix until then, details may be public"));
        }
        if said.has(Sense::Disclose) { None } else { Some(Err("a condition, not a promise")) }
    }

    pub(super) fn comma_after(&self, at: usize) -> usize {
        let rest = at..self.sentence.range.end;
        let mark = rest.clone().find(|&i| {
            self.sentence.words.tokens.get(i).is_some_and(|t| matches!(t.kind, Kind::Mark(',' | ';' | '.')))
        });
        mark.unwrap_or(rest.end)
    }

    pub(super) fn hears(&self, range: &Range<usize>) -> bool {
        let words = self.sentence.words.tokens.get(range.clone()).unwrap_or_default();
        words.iter().any(|t| ["hear", "heard", "get", "got", "receive", "received", "see"].contains(&t.norm.as_str()))
    }

    fn from_you(&self, range: &Range<usize>) -> bool {
        let words = self.sentence.words.tokens.get(range.clone()).unwrap_or_default();
        words
            .windows(2)
            .any(|w| matches!(w, [a, b] if a.norm == "from" && matches!(b.norm.as_str(), "you" | "reporter")))
            || words.windows(3).any(
                |w| matches!(w, [a, _, b] if a.norm == "from" && matches!(b.norm.as_str(), "reporter" | "researcher")),
            )
    }

    /// Notices before a release, write-ups after it.
    pub(super) fn around_a_release(&self, duration: &Duration) -> Option<Heard> {
        let all = self.sentence.set(&self.sentence.range);
        let clause = self.sentence.set(&self.sentence.clause(self.index));
        let rest = self.sentence.set(&(duration.tokens.end..self.sentence.range.end));
        let anchor = self.anchor();
        let told = anchor.is_some_and(|a| {
            a.senses.has(Sense::Notify) && !a.senses.any(&[Sense::Fix, Sense::Release, Sense::Report])
        });
        if told && all.any(&[Sense::Fix, Sense::Release]) && !all.any(&[Sense::Ack, Sense::Respond]) {
            return Some(claim(Promise::Prenotice, 5, None, "between telling people and releasing"));
        }
        let released = anchor.is_some_and(|a| a.senses.any(&[Sense::Fix, Sense::Release, Sense::Disclose]));
        if all.has(Sense::Postmortem) && (released || clause.has(Sense::Postmortem)) && !all.has(Sense::Ack) {
            return Some(claim(Promise::Postmortem, 5, Some("release"), "a write-up after the release"));
        }
        let ahead = self.sentence.set(&(duration.tokens.end..(duration.tokens.end + 8).min(self.sentence.range.end)));
        let noticed = all.any(&[Sense::Notify, Sense::Partner]);
        let to_release = rest.any(&[Sense::Release, Sense::Disclose, Sense::Fix]);
        if noticed && ahead.has(Sense::Before) && !all.any(&[Sense::Wait, Sense::Practice]) {
            if to_release || all.any(&[Sense::Release, Sense::Fix, Sense::Disclose]) {
                return Some(claim(Promise::Prenotice, 5, None, "told ahead of a release"));
            }
        }
        let notice =
            ahead.has(Sense::Notify) && duration.tokens.end + 3 >= self.first(Sense::Notify, duration.tokens.end);
        if notice
            && all.any(&[Sense::Release, Sense::Disclose, Sense::Partner])
            && !all.any(&[Sense::Wait, Sense::Ack])
            && !told
        {
            return Some(claim(Promise::Prenotice, 3, None, "notice of a release"));
        }
        None
    }

    fn first(&self, sense: Sense, from: usize) -> usize {
        self.sentence
            .senses_in(&(from..self.sentence.range.end))
            .find(|(_, s)| *s == sense)
            .map_or(usize::MAX, |(t, _)| t.start)
    }
}
