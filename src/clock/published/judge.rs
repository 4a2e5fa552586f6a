//! What an amount of time is promised for, if it is promised at all, and why.

mod pool;
mod refuse;
mod waiting;

use self::pool::Pool;
use super::clause::{Anchor, Sentence};
use super::document::Document;
use super::duration::Duration;
use super::sense::{Sense, Senses};
use crate::clock::policy::{Bound, Unit};
use std::ops::Range;

/// What a policy can commit to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    FirstResponse,
    Assessment,
    Fix,
    Update,
    Prenotice,
    Disclosure,
    Postmortem,
    FollowUp,
}

impl Promise {
    /// Whether it can differ by severity, and is then told so.
    pub(super) fn is_graded(self) -> bool {
        !matches!(self, Promise::Prenotice | Promise::Postmortem | Promise::FollowUp)
    }

    /// Its name in the JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Promise::FirstResponse => "first_response",
            Promise::Assessment => "assessment",
            Promise::Fix => "fix",
            Promise::Update => "update_every",
            Promise::Prenotice => "prenotice_before_release",
            Promise::Disclosure => "disclosure_deadline",
            Promise::Postmortem => "postmortem_after_release",
            Promise::FollowUp => "reporter_follow_up_after",
        }
    }
}

/// A promise heard.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// What is promised.
    pub(super) promise: Promise,
    /// How sure the reader is: 5 when the words say exactly this, 1 for a guess.
    pub(super) strength: u8,
    /// What it runs from.
    pub(super) from: Option<&'static str>,
    /// Told by a word for acknowledging.
    pub(super) receipt: bool,
    /// Which rule heard it.
    pub(super) why: &'static str,
}

/// An amount of time in its place.
pub(super) struct Scene<'a> {
    /// The document.
    pub(super) document: &'a Document<'a>,
    /// The block.
    pub(super) block: usize,
    /// The sentence.
    pub(super) sentence: &'a Sentence<'a>,
    /// Which amount of the sentence.
    pub(super) index: usize,
    /// Whether it is for some severities only.
    pub(super) severe: bool,
}

/// The promises heard, or why there is none.
type Heard = Result<Vec<Claim>, &'static str>;

impl Scene<'_> {
    /// What the amount is promised for; or why it is no promise.
    pub(super) fn judge(&self) -> Heard {
        let Some(duration) = self.sentence.durations.get(self.index) else { return Err("no amount of time") };
        if duration.amount.is_none() {
            return Err("too vague to set a clock by");
        }
        let whole = self.sentence.set(&self.sentence.range);
        let spoken = whole.any(&[Sense::Us, Sense::You]);
        if !spoken && self.document.headings(self.block).any(|h| h.has(Sense::Measures)) {
            return Err("under a heading of advice, features or history");
        }
        let clause = self.sentence.clause(self.index);
        if self.not_promised(&clause) {
            return Err("the sentence says that this is not promised");
        }
        let previous = self.index.checked_sub(1).and_then(|p| self.sentence.durations.get(p));
        let left = previous.map_or(self.sentence.range.start, |p| p.tokens.end).min(clause.start)..clause.end;
        if self.sentence.set(&left).has(Sense::History) && !self.requested(duration) {
            return Err("tells what usually happens, not what is promised");
        }
        if self.of_others_habits() {
            return Err("what others usually do");
        }
        if self.in_a_condition(duration) {
            return Err("a condition, not a promise");
        }
        if let Some(heard) = self.waiting(duration).or_else(|| self.asked_silence(duration)) {
            return heard;
        }
        if let Some(heard) = self.around_a_release(duration) {
            return heard;
        }
        let pool = self.pool(duration, &clause);
        self.refused(duration, &clause, &pool)?;
        self.decide(duration, &pool)
    }

    /// "Give us time (usually 90 days) before you publish": how a request is hedged, not history.
    fn requested(&self, duration: &Duration) -> bool {
        let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
        let after = self.sentence.set(&(duration.tokens.end..self.sentence.range.end));
        before.has(Sense::Wait) && after.has(Sense::Before) && after.has(Sense::Disclose)
    }

    fn anchor(&self) -> Option<&Anchor> {
        self.sentence.anchors.get(self.index).and_then(Option::as_ref)
    }

    fn decide(&self, duration: &Duration, pool: &Pool) -> Heard {
        let from = self.anchor().and_then(|a| a.from);
        let strong = 5 - pool.distance.min(3);
        let one = |promise, strength, why| claim(promise, strength, from, why);
        if pool.acts.is_empty() {
            return if self.hands_over_a_plan(duration) {
                one(Promise::Assessment, 3, "a plan or an estimate is handed over")
            } else {
                Err("nothing is said to be done in this time")
            };
        }
        if duration.every {
            let over = self.over();
            // "You hear from us every week."
            let heard = pool.has(Sense::Respond) && pool.distance == 0 && pool.said.has(Sense::You);
            let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
            if before.has(Sense::You) && !before.has(Sense::Us) && before.any(&[Sense::Wait, Sense::Not]) {
                return Err("how often the reporter may ask");
            }
            // "Updates on the work, and its progress, come every week."
            return if heard
                || before.has(Sense::Update) && !before.any(&[Sense::Practice, Sense::Users])
                || pool.has(Sense::Update)
                || over.has(Sense::Update)
                || pool.has(Sense::Respond) && self.nearby().has(Sense::Update)
            {
                one(Promise::Update, strong, "a rhythm of news")
            } else {
                Err("a rhythm of something else")
            };
        }
        if pool.said.has(Sense::Forthcoming) {
            return Err("counted from the report, not before a release");
        }
        if pool.has(Sense::Postmortem) && !pool.has(Sense::Ack) {
            return claim(Promise::Postmortem, strong, Some("release"), "a write-up");
        }
        if pool.has(Sense::Ack) || pool.has(Sense::Respond) {
            return self.answer(duration, pool, strong, from);
        }
        if pool.has(Sense::Disclose) {
            return self.public(duration, pool, strong, from);
        }
        let update = pool.has(Sense::Update) && pool.distance < 2 && !pool.has(Sense::Fix);
        if update && pool.said.has(Sense::Detailed) {
            return one(Promise::Assessment, 3, "detailed news");
        }
        if self.plan_of_a_fix(pool) || update && self.hands_over_a_plan(duration) {
            return one(Promise::Assessment, 3, "a plan or an estimate is handed over");
        }
        if pool.said.has(Sense::Plan) && pool.said.has(Sense::Give) && !pool.has(Sense::Assess) {
            return one(Promise::Assessment, 3, "a plan or an estimate is handed over");
        }
        if pool.has(Sense::Fix) && pool.has(Sense::Assess) {
            let last = pool.acts.iter().rev().find(|a| matches!(a.1, Sense::Fix | Sense::Assess)).map(|a| a.1);
            return match last {
                Some(Sense::Fix) => one(Promise::Fix, strong, "the fix"),
                _ => one(Promise::Assessment, strong, "the assessment"),
            };
        }
        if pool.has(Sense::Assess) {
            return one(Promise::Assessment, strong, "the assessment");
        }
        if pool.has(Sense::Fix) {
            return self.fix(duration, pool, strong, from);
        }
        if pool.has(Sense::Update) {
            if pool.said.has(Sense::Give) && pool.said.has(Sense::Us) {
                return one(Promise::Assessment, 1, "news once, not as a rhythm");
            }
            let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
            if !before.has(Sense::You)
                && pool.distance == 0
                && self.sentence.label().is_none()
                && !self.opens_with_news()
            {
                return Err("an update of something else");
            }
            return one(Promise::Assessment, 1, "news once, by then");
        }
        if pool.has(Sense::Investigate) {
            return one(Promise::Assessment, 2, "the investigation");
        }
        if pool.has(Sense::Release) && self.nearby().has(Sense::Fix) {
            return self.fix(duration, pool, 2, from);
        }
        if pool.has(Sense::Notify) && pool.said.has(Sense::You) {
            return one(Promise::FirstResponse, 1, "the reporter is told");
        }
        Err("nothing is said to be done in this time")
    }

    /// "Status update within 5 days": more than the one word "update", which could be of anything.
    fn opens_with_news(&self) -> bool {
        let first = self.sentence.senses_in(&self.sentence.range).find(|(_, s)| *s == Sense::Update);
        first.is_some_and(|(t, _)| t.len() > 1 && t.start <= self.sentence.range.start + 2)
    }

    /// "Provide a plan or …": the words before the amount hand over a plan.
    fn hands_over_a_plan(&self, duration: &Duration) -> bool {
        let start = self.index.checked_sub(1).and_then(|p| self.sentence.durations.get(p)).map(|p| p.tokens.end);
        let before = self.sentence.set(&(start.unwrap_or(self.sentence.range.start)..duration.tokens.start));
        before.has(Sense::Plan) && before.has(Sense::Give)
    }

    /// "A patch ETA", "a remediation plan": the fix only says what the plan is for. "A fix or a plan" is a fix.
    fn plan_of_a_fix(&self, pool: &Pool) -> bool {
        let all: Vec<(Range<usize>, Sense)> = self.sentence.senses_in(&self.sentence.range).collect();
        let planned = |at: usize| {
            let end = all.iter().find(|f| f.0.start == at && f.1 == Sense::Fix).map_or(at + 1, |f| f.0.end);
            all.iter().any(|f| f.1 == Sense::Plan && f.0.start == end)
        };
        let fixes = |range: &Range<usize>| {
            self.sentence
                .acts(range)
                .into_iter()
                .filter(|a| a.1 == Sense::Fix)
                .map(|a| planned(a.0))
                .collect::<Vec<_>>()
        };
        let own = fixes(&pool.clause);
        let before = self.sentence.clauses_before(pool.clause.start).first().map(fixes).unwrap_or_default();
        let labelled = self.sentence.label().is_some_and(|l| pool.acts.iter().any(|a| a.0 < l.end));
        pool.distance < 2 && !labelled && !own.is_empty() && own.iter().chain(&before).all(|p| *p)
    }

    /// What stands over the amount in its table: the row's first cell and the column's header.
    fn over(&self) -> Senses {
        let place = self.document.blocks.get(self.block).and_then(|b| b.place);
        let over = place.map_or([None, None], |p| [p.first, p.header]);
        over.into_iter().fold(Senses::default(), |s, b| s.with(self.document.senses(b)))
    }

    /// An answer: the first one, or one that is more than a first.
    fn answer(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
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
        if pool.has(Sense::Assess) && receipt && pool.distance == 0 {
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

    fn public(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
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
            && pool.said.any(&[Sense::Us, Sense::Vulnerability])
            && pool.acts.iter().any(|a| a.1 == Sense::Fix && a.0 + 4 >= start)
    }

    fn fix(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
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
        // Of a fix that is developed by then and one that is out by then, the second is the promise.
        let developed = pool.said.has(Sense::Develop) && !pool.has(Sense::Release);
        let strength = if developed { strong.saturating_sub(1).max(1) } else { strong };
        claim(Promise::Fix, strength, from.filter(|f| *f != "release"), "the fix")
    }
}

fn claim(promise: Promise, strength: u8, from: Option<&'static str>, why: &'static str) -> Heard {
    Ok(vec![Claim { promise, strength, from, receipt: false, why }])
}
