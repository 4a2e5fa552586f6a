//! What an amount of time is promised for, if it is promised at all, and why.

mod outcome;
mod pool;
mod refuse;
mod waiting;

use self::pool::Pool;
use super::clause::{Anchor, Sentence};
use super::document::Document;
use super::duration::Duration;
use super::sense::{Sense, Senses};
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
        if !spoken && self.under_advice() {
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

    /// Under a heading of advice, features or history, with none nearer that is about reports.
    fn under_advice(&self) -> bool {
        let reports = [Sense::Assess, Sense::Report, Sense::Ack, Sense::Disclose];
        let mut headings =
            self.document.headings(self.block).take_while(|h| !h.any(&reports) || h.has(Sense::Measures));
        headings.any(|h| h.has(Sense::Measures))
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
            return self.rhythm(duration, pool, strong, from);
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
            return self.news(duration, pool, from);
        }
        if pool.has(Sense::Investigate) {
            return one(Promise::Assessment, 2, "the investigation");
        }
        if pool.has(Sense::Release) && self.nearby().has(Sense::Fix) {
            return self.fix(duration, pool, 2, from);
        }
        // "Details are announced 30 days after the release."
        if pool.has(Sense::Notify) && from == Some("release") && self.has_word(&["details"]) {
            return one(Promise::Disclosure, 2, "details are announced after a release");
        }
        if pool.has(Sense::Notify) && pool.said.has(Sense::You) {
            return one(Promise::FirstResponse, 1, "the reporter is told");
        }
        Err("nothing is said to be done in this time")
    }

    /// "Every week": news, if anything.
    fn rhythm(&self, duration: &Duration, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
        let over = self.over();
        // "You hear from us every week."
        let heard = pool.has(Sense::Respond) && pool.distance == 0 && pool.said.has(Sense::You);
        let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
        if before.has(Sense::You) && !before.has(Sense::Us) && before.any(&[Sense::Wait, Sense::Not]) {
            return Err("how often the reporter may ask");
        }
        // "Updates on the work, and its progress, come every week."
        if heard
            || before.has(Sense::Update) && !before.any(&[Sense::Practice, Sense::Users])
            || pool.has(Sense::Update)
            || over.has(Sense::Update)
            || pool.has(Sense::Respond) && self.nearby().has(Sense::Update)
        {
            claim(Promise::Update, strong, from, "a rhythm of news")
        } else {
            Err("a rhythm of something else")
        }
    }

    /// News that come once, by then: a further answer.
    fn news(&self, duration: &Duration, pool: &Pool, from: Option<&'static str>) -> Heard {
        if pool.said.has(Sense::Give) && pool.said.has(Sense::Us) {
            return claim(Promise::Assessment, 1, from, "news once, not as a rhythm");
        }
        let before = self.sentence.set(&(self.sentence.range.start..duration.tokens.start));
        if !before.has(Sense::You)
            && pool.distance == 0
            && self.sentence.label().is_none()
            && !self.names_news(duration)
        {
            return Err("an update of something else");
        }
        claim(Promise::Assessment, 1, from, "news once, by then")
    }

    /// "Status update within 5 days": more than the one word "update", which could be of anything.
    fn names_news(&self, duration: &Duration) -> bool {
        let before = self.sentence.range.start..duration.tokens.start;
        self.sentence.senses_in(&before).any(|(t, s)| s == Sense::Update && t.len() > 1)
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

    /// Whether the sentence has one of some words.
    fn has_word(&self, list: &[&str]) -> bool {
        let words = self.sentence.words.tokens.get(self.sentence.range.clone()).unwrap_or_default();
        words.iter().any(|t| list.contains(&t.norm.as_str()))
    }
}

fn claim(promise: Promise, strength: u8, from: Option<&'static str>, why: &'static str) -> Heard {
    Ok(vec![Claim { promise, strength, from, receipt: false, why }])
}
