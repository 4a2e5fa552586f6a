//! What an answer, a publication or a fix amounts to: which promise, and from when.

use super::super::duration::Duration;
use super::super::sense::Sense;
use super::super::text::Kind;
use super::pool::Pool;
use super::{Claim, Heard, Promise, Scene, claim};
use crate::clock::policy::{Bound, Unit};
use std::ops::Range;

impl Scene<'_> {
    /// An answer: the first one, or one that is more than a first.
    pub(super) fn answer(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
        let receipt = pool.has(Sense::Ack);
        // "Once we took more than 30 days to reply, you may publish" promises no answer.
        if duration.bound == Some(Bound::Min) {
            let after = self.sentence.set(&(duration.tokens.end..self.sentence.range.end));
            if after.has(Sense::Disclose) && pool.distance == 0 {
                return claim(Promise::Disclosure, 3, from, "without an answer until then, details may be public");
            }
        }
        let detailed = pool.said.has(Sense::Detailed) && !receipt;
        if detailed {
            return claim(Promise::Assessment, 4, from, "a detailed answer");
        }
        let mut claims = vec![Claim {
            promise: Promise::FirstResponse,
            strength: if receipt || pool.said.has(Sense::Ack) { strong } else { strong.saturating_sub(1).max(1) },
            // Whom the reporter notified is us: that is the report.
            from: from.filter(|f| *f != "notification"),
            receipt,
            why: "the reporter is answered",
        }];
        // "We let you know within 10 days whether it is accepted": the answer is the verdict.
        let whether = self.sentence.words.tokens.get(duration.tokens.end).is_some_and(|t| t.norm == "whether");
        if whether && !receipt {
            return claim(Promise::Assessment, 4, from, "the verdict");
        }
        if self.assessed_as_well(duration, pool, receipt) {
            claims.push(Claim {
                promise: Promise::Assessment,
                strength: 2,
                from,
                receipt: false,
                why: "assessed by then as well",
            });
        }
        Ok(claims)
    }

    /// Whether the answer brings an assessment by its own time.
    fn assessed_as_well(&self, duration: &Duration, pool: &Pool, receipt: bool) -> bool {
        pool.has(Sense::Assess) && receipt && pool.distance == 0
            || self.with_assessment(duration)
            || self.ends_in_a_list() && self.document.following_list(self.block).has(Sense::Assess)
            || !receipt && self.after_an_assessment(pool)
    }

    /// "We respond within 3 days with our evaluation": an assessment as well.
    fn with_assessment(&self, duration: &Duration) -> bool {
        let after = duration.tokens.end..(duration.tokens.end + 5).min(self.sentence.range.end);
        let words = self.sentence.words.tokens.get(after.clone()).unwrap_or_default();
        words.first().is_some_and(|t| t.norm == "with") && self.sentence.set(&after).has(Sense::Assess)
    }

    /// "We confirm the hole and answer you within 2 days": what stands before the answer shares its time.
    fn after_an_assessment(&self, pool: &Pool) -> bool {
        let opens = self.sentence.set(&(pool.clause.start..pool.clause.start + 1)).has(Sense::And);
        let before = self.sentence.clauses_before(pool.clause.start).first().cloned();
        let shared = before.filter(|c| opens && pool.distance == 0 && c.end == pool.clause.start);
        shared.is_some_and(|c| {
            let acts = self.sentence.acts(&c);
            !self.sentence.set(&c).has(Sense::Soon) && acts.last().is_some_and(|a| a.1 == Sense::Assess)
        })
    }

    /// "You receive within 3 days:", "we get back to you within 3 days with:".
    fn ends_in_a_list(&self) -> bool {
        let last = self.sentence.range.end.checked_sub(1).and_then(|i| self.sentence.words.tokens.get(i));
        let before = self.sentence.range.end.checked_sub(2).and_then(|i| self.sentence.words.tokens.get(i));
        let with = before.is_some_and(|t| matches!(t.norm.as_str(), "with" | "including"));
        let gets = with || self.sentence.set(&self.sentence.range).has(Sense::Receive);
        gets && last.is_some_and(|t| t.kind == Kind::Mark(':'))
    }

    /// What becomes public by then; and the fix, where one sentence promises both.
    pub(super) fn public(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
        let from = from.or_else(|| self.added(duration).then_some("release"));
        if pool.said.has(Sense::Partner)
            && !pool.said.has(Sense::Before)
            && from.is_none()
            && !self.sentence.set(&self.sentence.range).any(&[Sense::Before, Sense::AtMost])
        {
            return Err("told to partners, counted from the report");
        }
        if duration.unit == Unit::Hour && pool.distance >= 2 {
            return Err("too short to be a deadline of publication");
        }
        if pool.has(Sense::Fix) && from.is_none() && self.fix_comes_last(pool) {
            return claim(Promise::Fix, strong.min(3), from, "the fix");
        }
        let mut claims = vec![Claim {
            promise: Promise::Disclosure,
            strength: strong,
            from,
            receipt: false,
            why: "details become public",
        }];
        // "Fixed or publicly disclosed within 90 days" promises both.
        if pool.has(Sense::Fix) && pool.distance == 2 {
            let why = "fixed and public by then";
            claims.push(Claim { promise: Promise::Fix, strength: 3, from, receipt: false, why });
        }
        if pool.has(Sense::Fix)
            && pool.distance == 1
            && pool.said.has(Sense::And)
            && self.sentence.label().as_ref() == Some(&pool.clause)
        {
            claims.push(Claim {
                promise: Promise::Fix,
                strength: 3,
                from,
                receipt: false,
                why: "fixed and public by then",
            });
        }
        let orphan = self.sentence.clauses_before(pool.clause.start).first().cloned();
        // "Fixed or public", "a fix and advisory".
        let either = self.sentence.set(&pool.clause).has(Sense::Or) || self.opens_with_noun(&pool.clause);
        if let Some(orphan) = orphan.filter(|_| either && pool.distance == 0)
            && self.sentence.acts(&(self.sentence.range.start..orphan.end)).iter().any(|a| a.1 == Sense::Fix)
        {
            claims.push(Claim {
                promise: Promise::Fix,
                strength: 3,
                from,
                receipt: false,
                why: "fixed or public by then",
            });
        }
        Ok(claims)
    }

    /// "And advisory", "and an advisory": what shares the verb of the clause before.
    fn opens_with_noun(&self, clause: &Range<usize>) -> bool {
        let words = self.sentence.words.tokens.get(clause.start..clause.end.min(clause.start + 3)).unwrap_or_default();
        let joined = self.sentence.set(&(clause.start..clause.start + 1)).has(Sense::And);
        joined && words.iter().any(|t| matches!(t.norm.as_str(), "advisory" | "advisories" | "disclosure"))
    }

    /// "30 additional days before publication": counted from the fix, not from the report.
    fn added(&self, duration: &Duration) -> bool {
        let words = self.sentence.words.tokens.get(duration.tokens.clone()).unwrap_or_default();
        words.iter().any(|t| ["additional", "more", "further", "extra"].contains(&t.norm.as_str()))
            && duration.bound.is_none()
    }

    /// "Disclosed vulnerabilities are fixed within …": the act next to the amount is the fix.
    fn fix_comes_last(&self, pool: &Pool) -> bool {
        let start = self.sentence.durations.get(self.index).map_or(0, |d| d.tokens.start);
        let nearest =
            pool.acts.iter().filter(|a| a.0 < start && matches!(a.1, Sense::Fix | Sense::Disclose)).max_by_key(|a| a.0);
        nearest.is_some_and(|a| a.1 == Sense::Fix)
            && pool.distance == 0
            && pool.said.any(&[Sense::Us, Sense::Vulnerability, Sense::Report])
            && pool.acts.iter().any(|a| a.1 == Sense::Fix && a.0 + 4 >= start)
    }

    /// A fix, or what only looks like one: time asked for, time for others.
    pub(super) fn fix(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
        let asks = pool.said.has(Sense::Wait) && duration.bound == Some(Bound::Min);
        if asks {
            return claim(Promise::Disclosure, 3, from, "the time the reporter is asked for");
        }
        let after = duration.tokens.end..(duration.tokens.end + 4).min(self.sentence.range.end);
        if self.sentence.set(&after).has(Sense::Before) {
            return Err("a time before something, not a time to fix");
        }
        let others = self.sentence.set(&after).any(&[Sense::Users, Sense::Partner]);
        if others && self.sentence.set(&after).has(Sense::Lasting) {
            return Err("time for others, not for us");
        }
        if pool.said.has(Sense::Users) && pool.said.has(Sense::Duty) {
            return Err("asked of users, not promised");
        }
        if self.sentence.set(&self.sentence.range).has(Sense::Partner) && self.names_a_window() {
            return claim(Promise::Prenotice, 3, None, "a window for partners before a release");
        }
        // Of a fix that is developed by then and one that is out by then, the second is the promise.
        let developed = pool.said.has(Sense::Develop) && !pool.has(Sense::Release);
        let strength = if developed { strong.saturating_sub(1).max(1) } else { strong };
        claim(Promise::Fix, strength, from.filter(|f| *f != "release"), "the fix")
    }

    /// "A two week window": time given, not time taken.
    fn names_a_window(&self) -> bool {
        self.has_word(&["window", "headstart"])
    }
}
