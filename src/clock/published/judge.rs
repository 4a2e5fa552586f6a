//! What an amount of time is promised for, if it is promised at all, and why.

use super::clause::{Anchor, Sentence};
use super::document::Document;
use super::duration::Duration;
use super::sense::{Sense, Senses};
use super::text::Kind;
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

type Heard = Result<Vec<Claim>, &'static str>;

impl Scene<'_> {
    /// What the amount is promised for; or why it is no promise.
    pub(super) fn judge(&self) -> Heard {
        let Some(duration) = self.sentence.durations.get(self.index) else { return Err("no amount of time") };
        if duration.amount.is_none() {
            return Err("too vague to set a clock by");
        }
        let clause = self.sentence.clause(self.index);
        if self.not_promised(&clause) {
            return Err("the sentence says that this is not promised");
        }
        let previous = self.index.checked_sub(1).and_then(|p| self.sentence.durations.get(p));
        let left = previous.map_or(self.sentence.range.start, |p| p.tokens.end).min(clause.start)..clause.end;
        if self.sentence.set(&left).has(Sense::History) {
            return Err("tells what usually happens, not what is promised");
        }
        if let Some(heard) = self.waiting(duration) {
            return heard;
        }
        if let Some(heard) = self.around_a_release(duration) {
            return heard;
        }
        let pool = self.pool(duration, &clause);
        self.refused(duration, &clause, &pool)?;
        self.decide(duration, &pool)
    }

    fn anchor(&self) -> Option<&Anchor> {
        self.sentence.anchors.get(self.index).and_then(Option::as_ref)
    }

    fn not_promised(&self, clause: &Range<usize>) -> bool {
        let end = self.sentence.durations.get(self.index).map_or(clause.end, |d| d.tokens.end);
        self.sentence.set(&(clause.start..end)).has(Sense::NoPromise)
    }

    /// "If you hear nothing within N, write again"; "give us N before you publish".
    fn waiting(&self, duration: &Duration) -> Option<Heard> {
        let all = self.sentence.set(&self.sentence.range);
        if all.has(Sense::If)
            && all.has(Sense::Not)
            && let Some(heard) = self.unanswered(duration)
        {
            return Some(heard);
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
                && self.precedes(Sense::FollowUp, Sense::After)
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

    /// "Wait", "give us" or "allow" close before the amount.
    fn asks(&self, duration: &Duration) -> bool {
        let near = duration.tokens.start.saturating_sub(12).max(self.sentence.range.start)..duration.tokens.start;
        self.sentence.set(&near).has(Sense::Wait)
    }

    fn precedes(&self, first: Sense, _then: Sense) -> bool {
        let start = self.sentence.durations.get(self.index).map_or(0, |d| d.tokens.start);
        self.sentence.senses_in(&(self.sentence.range.start..start)).any(|(_, s)| s == first)
    }

    /// "No reply within 3 days?", without an "if".
    fn silence(&self, duration: &Duration) -> bool {
        let range = self.sentence.range.start..duration.tokens.end;
        let not = self.sentence.senses_in(&range).find(|(_, s)| *s == Sense::Not).map(|(t, _)| t.end);
        let Some(not) = not else { return false };
        let near = self.sentence.set(&(not..(not + 4).min(self.sentence.range.end)));
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
            self.sentence.words.tokens.get(condition.start).is_some_and(|t| t.norm.chars().all(super::text::unspaced));
        let from = if verb_last { self.sentence.range.start } else { condition.end };
        let not = find(Sense::Not, from)?;
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

    fn comma_after(&self, at: usize) -> usize {
        let rest = at..self.sentence.range.end;
        let mark = rest.clone().find(|&i| {
            self.sentence.words.tokens.get(i).is_some_and(|t| matches!(t.kind, Kind::Mark(',' | ';' | '.')))
        });
        mark.unwrap_or(rest.end)
    }

    fn hears(&self, range: &Range<usize>) -> bool {
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
    fn around_a_release(&self, duration: &Duration) -> Option<Heard> {
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

    /// The acts the amount can belong to: its clause's, else those of the clauses beside it, else what stands over it.
    fn pool(&self, duration: &Duration, clause: &Range<usize>) -> Pool {
        let mut own = self.sentence.own_acts(clause, duration);
        self.joined(&mut own, clause);
        if let Some(both) = self.labelled(duration, clause, &own) {
            return both;
        }
        if !own.is_empty() {
            return Pool::new(own, clause.clone(), 0, self.sentence.set(clause));
        }
        let before = self.sentence.clauses_before(clause.start);
        let after = self.sentence.clauses_after(clause.end);
        let some = |c: &Range<usize>| !self.sentence.acts(c).is_empty();
        let near = match (before.iter().find(|c| some(c)), after.iter().find(|c| some(c))) {
            (Some(b), _) => Some(b),
            (None, after) => after,
        };
        if let Some(c) = near {
            let set = self.sentence.set(c).with(self.sentence.set(clause));
            return Pool::new(self.sentence.acts(c), c.clone(), 1, set);
        }
        // "Fix critical issues within 7 days and others within 30": the act before the amount before.
        if let Some(previous) = self.index.checked_sub(1) {
            let other = self.sentence.clause(previous);
            let acts = self.sentence.acts(&other);
            if !acts.is_empty() {
                return Pool::new(acts, other.clone(), 1, self.sentence.set(&other).with(self.sentence.set(clause)));
            }
        }
        let inherited = self.severe || self.index > 0 && self.bracketed(duration);
        if inherited {
            let whole = self.sentence.range.clone();
            let acts = self.sentence.acts(&whole);
            if !acts.is_empty() {
                return Pool::new(acts, whole.clone(), 1, self.sentence.set(&whole));
            }
        }
        self.context(duration)
    }

    /// "Acknowledged *and analysed* within 3 days": an answer joined to a weaker act shares its time.
    fn joined(&self, own: &mut Vec<(usize, Sense)>, clause: &Range<usize>) {
        let weak = !own.is_empty() && own.iter().all(|a| matches!(a.1, Sense::Investigate | Sense::Assess));
        let linked = self.sentence.set(&(clause.start..clause.start + 1)).has(Sense::And);
        let Some(before) = self
            .sentence
            .clauses_before(clause.start)
            .first()
            .cloned()
            .filter(|c| weak && linked && c.end == clause.start)
        else {
            return;
        };
        let answer = self.sentence.acts(&before).into_iter().find(|a| matches!(a.1, Sense::Ack | Sense::Respond));
        if let Some(answer) = answer.filter(|_| !self.sentence.set(&before).has(Sense::Soon)) {
            own.retain(|a| a.1 == Sense::Assess);
            own.insert(0, (answer.0, Sense::Ack));
        }
    }

    /// The act of the label that opens the sentence, where the clause has none of its own or only a weak one.
    fn labelled(&self, duration: &Duration, clause: &Range<usize>, own: &[(usize, Sense)]) -> Option<Pool> {
        let label = self.sentence.label().filter(|l| l.end <= duration.tokens.start)?;
        let named = self.sentence.set(&label);
        let said = named.with(self.sentence.set(clause));
        let weak =
            own.iter().all(|a| matches!(a.1, Sense::Investigate | Sense::Notify | Sense::Update)) && !duration.every;
        if weak && named.has(Sense::Fix) && named.has(Sense::Disclose) {
            return Some(Pool::new(vec![(label.start, Sense::Fix), (label.end, Sense::Disclose)], label, 1, said));
        }
        let act = single(named).filter(|_| weak)?;
        Some(Pool::new(vec![(label.start, act)], label, 1, said))
    }

    fn bracketed(&self, duration: &Duration) -> bool {
        let before = duration.tokens.start.checked_sub(1).and_then(|i| self.sentence.words.tokens.get(i));
        before.is_some_and(|t| t.kind == Kind::Mark('(')) || self.severe
    }

    /// What stands over the amount: the row's label, the column's header, the line before the list, the heading.
    fn context(&self, duration: &Duration) -> Pool {
        let document = self.document;
        let Some(block) = document.blocks.get(self.block) else { return Pool::default() };
        let length = self.sentence.range.end - self.sentence.range.start;
        let leading = duration.tokens.start <= self.sentence.range.start + 2;
        if self.sentence.set(&self.sentence.range).has(Sense::Steps) {
            return self.steps();
        }
        if length > 16 && !leading && !self.severe && block.place.is_none() && !self.follows_rule() {
            return Pool::default();
        }
        let place = block.place;
        let above = place.and_then(|p| p.first).into_iter().chain(place.and_then(|p| p.header)).chain(block.lead);
        let own_heading = document.headings(self.block).next();
        let opening = self.opening();
        let lead_of_lead = block.lead.and_then(|l| document.blocks.get(l)).and_then(|b| b.lead);
        let sets = above.chain(lead_of_lead).map(|b| document.senses(Some(b))).chain(own_heading);
        let sets = opening.into_iter().chain(sets);
        for set in sets {
            if let Some(act) = single(set) {
                return Pool { acts: vec![(0, act)], clause: 0..0, distance: 2, said: set };
            }
        }
        Pool::default()
    }

    /// The sentence that opens the block, where it names the subject: "Public disclosure is coordinated. The default
    /// is 90 days."
    fn opening(&self) -> Option<Senses> {
        let first = self.sentence.words.sentences.first()?;
        (first.start < self.sentence.range.start && first.end - first.start <= 12).then(|| self.sentence.set(first))
    }

    /// "These steps": what the list that follows tells to do, else what the heading names.
    fn steps(&self) -> Pool {
        let list = self.document.following_list(self.block);
        let heading = self.document.headings(self.block).next().unwrap_or_default();
        let act = if list.has(Sense::Assess) {
            Some(Sense::Assess)
        } else {
            single(heading).filter(|a| matches!(a, Sense::Fix | Sense::Assess | Sense::Ack | Sense::Respond))
        };
        match act {
            Some(act) => Pool { acts: vec![(0, act)], clause: 0..0, distance: 2, said: Senses::default() },
            None => Pool::default(),
        }
    }

    /// "We follow a 90-day policy."
    fn follows_rule(&self) -> bool {
        let said = self.sentence.set(&self.sentence.range);
        said.has(Sense::Timeline)
    }

    /// What stands near: the sentence, its heading, what introduces its list.
    fn nearby(&self) -> Senses {
        let lead = self.document.blocks.get(self.block).and_then(|b| b.lead);
        let heading = self.document.headings(self.block).next().unwrap_or_default();
        self.sentence.set(&self.sentence.range).with(heading).with(self.document.senses(lead))
    }

    /// Amounts that belong to something else than the handling of a report.
    fn refused(&self, duration: &Duration, clause: &Range<usize>, pool: &Pool) -> Result<(), &'static str> {
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
        if said.has(Sense::Practice) && !answers {
            return Err("housekeeping or advice, not the handling of a report");
        }
        if said.has(Sense::Announce) && !answers && !pool.has(Sense::Fix) && !said.has(Sense::Vulnerability) {
            return Err("about announcements and release notes");
        }
        if said.has(Sense::Money) && !answers && !pool.has(Sense::Fix) {
            return Err("about rewards");
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

    /// "Not" or "without" right before an act.
    fn denied(&self, act: usize) -> bool {
        let near = act.saturating_sub(2).max(self.sentence.range.start)..act;
        self.sentence.set(&near).has(Sense::Not)
    }

    fn decide(&self, duration: &Duration, pool: &Pool) -> Heard {
        let from = self.anchor().and_then(|a| a.from);
        let strong = 5 - pool.distance.min(3);
        let one = |promise, strength, why| claim(promise, strength, from, why);
        if pool.acts.is_empty() {
            return Err("nothing is said to be done in this time");
        }
        if duration.every {
            return if pool.has(Sense::Update) || pool.has(Sense::Respond) && self.nearby().has(Sense::Update) {
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
            return self.answer(pool, strong, from);
        }
        if pool.has(Sense::Disclose) {
            return self.public(duration, pool, strong, from);
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
            if !pool.said.has(Sense::You) && pool.distance == 0 && self.sentence.label().is_none() {
                return Err("an update of something else");
            }
            return one(Promise::Update, 1, "news of the progress by then");
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

    /// An answer: the first one, or one that is more than a first.
    fn answer(&self, pool: &Pool, strong: u8, from: Option<&'static str>) -> Heard {
        let receipt = pool.has(Sense::Ack);
        let detailed = pool.said.has(Sense::Detailed) && !receipt;
        if detailed {
            return claim(Promise::Assessment, 4, from, "a detailed answer");
        }
        let mut claims = vec![Claim {
            promise: Promise::FirstResponse,
            strength: if receipt || pool.said.has(Sense::Ack) { strong } else { strong.saturating_sub(1).max(1) },
            from,
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
        let either = self.sentence.set(&pool.clause).has(Sense::Or);
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
        if pool.said.has(Sense::Users) && pool.said.has(Sense::Duty) {
            return Err("asked of users, not promised");
        }
        claim(Promise::Fix, strong, from.filter(|f| *f != "release"), "the fix")
    }
}

/// The one act a heading or a label names; none where it names several that differ.
fn single(set: Senses) -> Option<Sense> {
    let answers = set.any(&[Sense::Ack, Sense::Respond]);
    let named = [Sense::Fix, Sense::Disclose, Sense::Update, Sense::Assess, Sense::Postmortem];
    let others: Vec<Sense> = named.into_iter().filter(|&s| set.has(s)).collect();
    match (answers, others.as_slice()) {
        (true, []) => Some(if set.has(Sense::Ack) { Sense::Ack } else { Sense::Respond }),
        (false, [one]) => Some(*one),
        (false, [Sense::Fix, Sense::Assess]) | (true, [_, ..]) => None,
        (false, []) => None,
        (false, [_, ..]) => None,
    }
}

/// The acts an amount can belong to.
#[derive(Default)]
struct Pool {
    acts: Vec<(usize, Sense)>,
    clause: Range<usize>,
    /// 0 in the amount's own clause, 1 in another, 2 in what stands over it.
    distance: u8,
    /// All the senses there.
    said: Senses,
}

impl Pool {
    fn new(acts: Vec<(usize, Sense)>, clause: Range<usize>, distance: u8, said: Senses) -> Pool {
        Pool { acts, clause, distance, said }
    }

    fn has(&self, sense: Sense) -> bool {
        self.acts.iter().any(|a| a.1 == sense)
    }
}

fn claim(promise: Promise, strength: u8, from: Option<&'static str>, why: &'static str) -> Heard {
    Ok(vec![Claim { promise, strength, from, receipt: false, why }])
}
