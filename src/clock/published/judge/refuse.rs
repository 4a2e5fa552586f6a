//! Amounts that are promised to nobody who reports: denied, conditional, about something or someone else.

use super::super::duration::Duration;
use super::super::sense::Sense;
use super::super::text::Kind;
use super::Scene;
use super::pool::Pool;
use std::ops::Range;

impl Scene<'_> {
    pub(super) fn not_promised(&self, clause: &Range<usize>) -> bool {
        let end = self.sentence.durations.get(self.index).map_or(clause.end, |d| d.tokens.end);
        // "If we do not provide an answer within 9 days, …" denies no promise.
        let first = self.sentence.range.start;
        let condition = self.sentence.set(&(first..first + 1)).has(Sense::If) && !self.comma_between(first, end);
        self.sentence.set(&(clause.start..end)).has(Sense::NoPromise) && !condition
    }

    /// Amounts that belong to something else than the handling of a report.
    pub(super) fn refused(&self, duration: &Duration, clause: &Range<usize>, pool: &Pool) -> Result<(), &'static str> {
        let said = self.sentence.set(clause).with(pool.said);
        let answers = pool.has(Sense::Ack) || pool.has(Sense::Respond) || pool.has(Sense::Assess);
        let near = duration.tokens.start.saturating_sub(4).max(self.sentence.range.start)..duration.tokens.start;
        let deadline = self.sentence.set(&near).any(&[Sense::Within, Sense::AtMost]);
        let lasting = duration.tokens.start.saturating_sub(1).max(self.sentence.range.start)..duration.tokens.start;
        if self.sentence.set(&lasting).has(Sense::Lasting)
            && pool.has(Sense::Fix)
            && !answers
            && !pool.has(Sense::Disclose)
        {
            return Err("how long fixes are provided for");
        }
        if said.has(Sense::Support) && !answers && !deadline && !pool.has(Sense::Disclose) {
            return Err("how long versions are supported");
        }
        let of_reports =
            self.sentence.set(&self.sentence.range).any(&[Sense::Us, Sense::You, Sense::Report, Sense::Vulnerability]);
        if self.sentence.set(&self.sentence.range).has(Sense::Soon) && self.may_take(clause) {
            return Err("a caution beside a vague promise");
        }
        let tabled = self.document.blocks.get(self.block).is_some_and(|b| b.place.is_some());
        if tabled && self.document.headings(self.block).next().is_some_and(|h| h.has(Sense::Versions)) && !answers {
            return Err("how long versions are supported");
        }
        if self.has_word(&["cra", "gdpr", "enisa", "csirt", "csirts", "regulator", "regulators", "authorities"])
            && !answers
        {
            return Err("a duty towards authorities; packs know those");
        }
        if self.lead_opens(&["incident", "breach", "compromise", "dependency", "dependencies"]) && !answers {
            return Err("what is done about something else than a report");
        }
        let stretched = self.sentence.words.tokens.get(clause.start.min(duration.tokens.start)..duration.tokens.start);
        if stretched.unwrap_or_default().iter().any(|t| t.norm.starts_with("exten")) && !pool.has(Sense::Disclose) {
            return Err("how far a time may be stretched");
        }
        if said.has(Sense::Practice) && !(answers && of_reports) {
            return Err("housekeeping or advice, not the handling of a report");
        }
        let after_release = self.anchor().is_some_and(|a| a.from == Some("release")) && self.has_word(&["details"]);
        if said.has(Sense::Announce)
            && !after_release
            && !answers
            && !pool.has(Sense::Fix)
            && !said.has(Sense::Vulnerability)
        {
            return Err("about announcements and release notes");
        }
        if said.has(Sense::Money) && !answers && !pool.has(Sense::Fix) {
            return Err("about rewards");
        }
        if self.for_customers() {
            return Err("promised to customers, not to whoever reports");
        }
        if self.document.headings(self.block).next().is_some_and(|h| h.has(Sense::Announce) && !h.any(&REPORTING)) {
            return Err("under a heading on announcements");
        }
        let whole = self.sentence.set(&self.sentence.range);
        if whole.has(Sense::Others) && !whole.any(&[Sense::Us, Sense::You, Sense::Report, Sense::Vulnerability]) {
            return Err("what someone or something else does");
        }
        if pool.distance == 0
            && pool.acts.iter().all(|a| matches!(a.1, Sense::Ack | Sense::Respond) && self.denied(a.0))
            && !pool.acts.is_empty()
        {
            return Err("what happens without an answer");
        }
        let before = clause.start.min(duration.tokens.start)..duration.tokens.start;
        let duty = self.sentence.senses_in(&before).find(|(_, s)| *s == Sense::Duty).map(|(t, _)| t);
        if let Some(duty) = duty {
            let who = self.sentence.set(&(before.start..duty.start));
            let others = who.any(&[Sense::Users, Sense::Partner])
                || (who.has(Sense::You) && !who.any(&[Sense::Report, Sense::Us]));
            let gets = self.sentence.set(&(duty.end..(duty.end + 3).min(self.sentence.range.end))).has(Sense::Receive)
                || self.hears(&(duty.end..(duty.end + 3).min(self.sentence.range.end)));
            if others && !gets && !pool.has(Sense::Disclose) && !said.has(Sense::Wait) {
                return Err("asked of someone else, not promised");
            }
        }
        Ok(())
    }

    /// "While the standard of the industry is 90 days, we …"
    pub(super) fn of_others_habits(&self) -> bool {
        let words = self.sentence.words.tokens.get(self.sentence.range.clone()).unwrap_or_default();
        let opens =
            words.first().is_some_and(|t| ["while", "although", "though", "whereas"].contains(&t.norm.as_str()));
        opens && words.iter().any(|t| t.norm.starts_with("industr"))
    }

    /// "If a fix is available within 7 days of the introduction, …": what has to be so, said of nobody's promise.
    pub(super) fn in_a_condition(&self, duration: &Duration) -> bool {
        let first = self.sentence.range.start;
        let before = first..duration.tokens.start;
        let condition = self.sentence.senses_in(&before).filter(|(_, s)| *s == Sense::If).last().map(|(t, _)| t);
        let Some(condition) = condition else { return false };
        // "…, or if": the condition that opens the sentence goes on.
        let opens = self.sentence.set(&(first..first + 1)).has(Sense::If);
        let goes_on = condition.start.checked_sub(1).is_some_and(|i| self.sentence.set(&(i..i + 1)).has(Sense::Or));
        if condition.start != first && !(opens && goes_on) {
            return false;
        }
        let inside = condition.end..duration.tokens.start;
        let ends = self.comma_between(duration.tokens.end, self.sentence.range.end);
        let promised = self.sentence.set(&inside).any(&[Sense::Us, Sense::You, Sense::Not, Sense::NoPromise])
            || self
                .sentence
                .words
                .tokens
                .get(inside.clone())
                .unwrap_or_default()
                .iter()
                .any(|t| matches!(t.norm.as_str(), "will" | "shall" | "aim" | "expect" | "can"));
        // "If two weeks pass and nobody has replied, …" is told by what the reporter should do then.
        let rest = self.sentence.set(&(duration.tokens.end..self.comma_after(duration.tokens.end)));
        let waits = rest.has(Sense::Not) && rest.any(&[Sense::Ack, Sense::Respond, Sense::Receive]);
        ends && !self.comma_between(inside.start, inside.end)
            && !promised
            && !waits
            && !self.sentence.unspaced(condition.start)
    }

    fn comma_between(&self, from: usize, to: usize) -> bool {
        let tokens = self.sentence.words.tokens.get(from..to).unwrap_or_default();
        tokens.iter().any(|t| t.kind == Kind::Mark(','))
    }

    /// "If an incident occurs:", "if a dependency is affected:" over the list.
    fn lead_opens(&self, words: &[&str]) -> bool {
        let lead = self.document.blocks.get(self.block).and_then(|b| b.lead);
        let Some(lead) = lead.and_then(|l| self.document.words.get(l)) else { return false };
        lead.said(&(0..1)).has(Sense::If) && lead.tokens.iter().any(|t| words.contains(&t.norm.as_str()))
    }

    /// A row for those who pay: "Enterprise customers".
    fn for_customers(&self) -> bool {
        let first = self.document.blocks.get(self.block).and_then(|b| b.place).and_then(|p| p.first);
        let words = first.and_then(|f| self.document.words.get(f));
        words.is_some_and(|w| w.tokens.iter().any(|t| CUSTOMERS.contains(&t.norm.as_str())))
    }

    /// "It may take": "as soon as we can, although it may take a day".
    fn may_take(&self, clause: &Range<usize>) -> bool {
        let words = self.sentence.words.tokens.get(clause.clone()).unwrap_or_default();
        words.windows(2).any(
            |w| matches!(w, [a, b] if matches!(a.norm.as_str(), "may" | "might" | "can" | "could") && b.norm == "take"),
        )
    }

    /// "Not" or "without" right before an act.
    fn denied(&self, act: usize) -> bool {
        let near = act.saturating_sub(2).max(self.sentence.range.start)..act;
        self.sentence.set(&near).has(Sense::Not)
    }
}

/// Senses of headings that are about reports after all.
const REPORTING: [Sense; 5] = [Sense::Report, Sense::Vulnerability, Sense::Disclose, Sense::Send, Sense::Respond];

/// Those who are promised more than whoever reports.
const CUSTOMERS: [&str; 5] = ["customer", "customers", "enterprise", "subscribers", "premium"];
