//! Which acts an amount of time belongs to: those of its clause, of the clauses beside it, of what stands over it.

use super::super::duration::Duration;
use super::super::sense::{Sense, Senses};
use super::super::text::Kind;
use super::Scene;
use std::ops::Range;

impl Scene<'_> {
    /// The acts the amount can belong to: its clause's, else those of the clauses beside it, else what stands over it.
    pub(super) fn pool(&self, duration: &Duration, clause: &Range<usize>) -> Pool {
        let mut own = self.sentence.own_acts(clause, duration);
        self.joined(&mut own, clause);
        if let Some(both) = self.labelled(duration, clause, &own) {
            return both;
        }
        if !own.is_empty() {
            return Pool::new(own, clause.clone(), 0, self.sentence.set(clause));
        }
        let before = self.outside_brackets(clause);
        let after = self.sentence.clauses_after(clause.end);
        // "Publication | after a fix ships, or 90 days": the row says what is done, the cell only when.
        let in_row = self.document.blocks.get(self.block).is_some_and(|b| b.place.is_some_and(|p| p.column > 0));
        let opens = |c: &Range<usize>| self.sentence.set(&(c.start..c.end.min(c.start + 2)));
        // "After the fix is released (or after 90 days), you may publish."
        let rest = self.sentence.set(&(duration.tokens.end..self.sentence.range.end));
        let only_when = in_row || rest.has(Sense::You) && rest.has(Sense::Disclose);
        let when = |c: &Range<usize>| only_when && opens(c).any(&[Sense::After, Sense::Every]);
        let some = |c: &Range<usize>| !self.sentence.acts(c).is_empty() && !when(c);
        let near = match (before.iter().find(|c| some(c)), after.iter().find(|c| some(c))) {
            (Some(b), _) => Some(b),
            (None, after) => after,
        };
        if let Some(c) = near {
            let set = self.sentence.set(c).with(self.sentence.set(clause));
            let mut acts = self.sentence.acts(c);
            self.joined(&mut acts, c);
            return Pool::new(acts, c.clone(), 1, set);
        }
        // "Fix critical issues within 7 days and others within 30": the act before the amount before.
        if let Some(previous) = self.index.checked_sub(1) {
            let other = self.sentence.clause(previous);
            let mut acts = self.sentence.acts(&other);
            // "On a disclosure timeline, fixes take 14 days and 30 days": what stands next to the amount before.
            let start = self.sentence.durations.get(previous).map_or(0, |d| d.tokens.start);
            if let Some(nearest) = acts.iter().filter(|a| a.0 < start).max_by_key(|a| a.0).copied()
                && nearest.1 == Sense::Fix
            {
                acts.retain(|a| a.1 != Sense::Disclose);
            }
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

    /// The clauses before, the nearest first; what stands in brackets right before the amount is an aside: "a detailed
    /// answer (with a workaround) within 10 days".
    fn outside_brackets(&self, clause: &Range<usize>) -> Vec<Range<usize>> {
        let opens =
            |i: usize, mark: char| self.sentence.words.tokens.get(i).is_some_and(|t| t.kind == Kind::Mark(mark));
        let mut before = self.sentence.clauses_before(clause.start);
        if opens(clause.start, ')')
            && let Some(aside) = before.iter().position(|c| opens(c.start, '('))
            && before.len() > aside + 1
        {
            before.drain(..=aside);
        }
        before
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
            own.iter().all(|a| a.0 < label.end || matches!(a.1, Sense::Investigate | Sense::Notify | Sense::Update))
                && !duration.every;
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
        if let Some(listed) = self.listed() {
            return listed;
        }
        if let Some(told) = self.told_beside(duration) {
            return told;
        }
        let (first, header) = (place.and_then(|p| p.first), place.and_then(|p| p.header));
        let by_column = place.is_some_and(|p| self.columns_differ(p.table));
        let (near, far) = if by_column { (header, first) } else { (first, header) };
        // The row's first cell may be a mere number: "1 | Acknowledge | within 3 days".
        let row = place.map_or(0..0, |p| self.block.saturating_sub(p.column.saturating_sub(1))..self.block);
        let above = near.into_iter().chain(far).chain(row).chain(block.lead);
        let own_heading = document.headings(self.block).next();
        let opening = self.opening();
        let lead_of_lead = block.lead.and_then(|l| document.blocks.get(l)).and_then(|b| b.lead);
        let sets = above.chain(lead_of_lead).map(|b| document.senses(Some(b))).chain(own_heading);
        let sets = opening.into_iter().chain(sets);
        for set in sets {
            if let Some(act) = single(set) {
                return Pool { acts: vec![(0, act)], clause: 0..0, distance: 2, said: set };
            }
            if place.is_some() && set.has(Sense::Fix) && set.has(Sense::Disclose) && set.has(Sense::And) {
                let acts = vec![(0, Sense::Fix), (0, Sense::Disclose)];
                return Pool { acts, clause: 0..0, distance: 2, said: set };
            }
        }
        Pool::default()
    }

    /// "Within 3 days you receive:", and a list of what.
    fn listed(&self) -> Option<Pool> {
        let last = self.sentence.range.end.checked_sub(1).and_then(|i| self.sentence.words.tokens.get(i))?;
        let said = self.sentence.set(&self.sentence.range);
        if last.kind != Kind::Mark(':') || !said.any(&[Sense::Receive, Sense::Give, Sense::Us]) {
            return None;
        }
        let list = self.document.following_list(self.block);
        let telling = [Sense::Ack, Sense::Respond, Sense::Assess, Sense::Plan];
        let mut acts: Vec<(usize, Sense)> = telling.into_iter().filter(|s| list.has(*s)).map(|s| (0, s)).collect();
        acts.retain(|a| a.1 != Sense::Plan || !list.any(&[Sense::Ack, Sense::Respond, Sense::Assess]));
        acts.iter_mut().filter(|a| a.1 == Sense::Plan).for_each(|a| a.1 = Sense::Assess);
        (!acts.is_empty()).then(|| Pool { acts, clause: 0..0, distance: 2, said: said.with(list) })
    }

    /// "Within 3 days | We confirm that we have your report": the row's first cell says when, the next one what.
    fn told_beside(&self, duration: &Duration) -> Option<Pool> {
        let beside = self.document.beside(self.block)?;
        let said = self.document.senses(Some(beside));
        let telling = [Sense::Ack, Sense::Assess, Sense::Respond, Sense::Fix, Sense::Disclose, Sense::Investigate];
        let spoken = said.any(&[Sense::Us, Sense::You]);
        let act = if duration.every {
            said.has(Sense::Update).then_some(Sense::Update)
        } else {
            // "Day | 2": a day in a schedule is no amount of time.
            let words = self.sentence.words.tokens.get(duration.tokens.clone()).unwrap_or_default();
            let counted = words.iter().any(|t| t.kind == Kind::Word);
            telling.into_iter().find(|s| said.has(*s) && spoken).or_else(|| single(said).filter(|_| counted))
        };
        Some(Pool { acts: vec![(0, act?)], clause: 0..0, distance: 2, said })
    }

    /// Whether the columns of a table name different acts, so that its rows name something else: whom it is for, how
    /// severe it is.
    fn columns_differ(&self, table: usize) -> bool {
        let Some(at) = self.document.blocks.get(self.block).and_then(|b| b.place).filter(|p| p.table == table) else {
            return false;
        };
        let row = self.block - at.column.min(self.block);
        let headers =
            (0..12).filter_map(|c| self.document.blocks.get(row + c)?.place.filter(|p| p.row == at.row)?.header);
        let acts: Vec<Sense> = headers.filter_map(|h| single(self.document.senses(Some(h)))).collect();
        acts.windows(2).any(|w| matches!(w, [a, b] if a != b))
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
            single(heading)
                .filter(|a| matches!(a, Sense::Fix | Sense::Assess | Sense::Ack | Sense::Respond | Sense::Postmortem))
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
    pub(super) fn nearby(&self) -> Senses {
        let lead = self.document.blocks.get(self.block).and_then(|b| b.lead);
        let heading = self.document.headings(self.block).next().unwrap_or_default();
        self.sentence.set(&self.sentence.range).with(heading).with(self.document.senses(lead))
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
pub(super) struct Pool {
    pub(super) acts: Vec<(usize, Sense)>,
    pub(super) clause: Range<usize>,
    /// 0 in the amount's own clause, 1 in another, 2 in what stands over it.
    pub(super) distance: u8,
    /// All the senses there.
    pub(super) said: Senses,
}

impl Pool {
    fn new(acts: Vec<(usize, Sense)>, clause: Range<usize>, distance: u8, said: Senses) -> Pool {
        Pool { acts, clause, distance, said }
    }

    pub(super) fn has(&self, sense: Sense) -> bool {
        self.acts.iter().any(|a| a.1 == sense)
    }
}
