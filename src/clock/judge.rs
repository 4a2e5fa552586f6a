//! How one clock stands: its due instant, moved by pauses, against what was done and what time it is.

use jiff::Timestamp;

use super::calendar::{Calendar, Due, Step, Trace};
use super::policy::{Bound, Target};
use super::{Clock, Kind, Status};
use crate::case::{CaseState, Fact};

/// What happened on one clock.
pub(super) struct Run<'a> {
    pub(super) starts: Timestamp,
    pub(super) done: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) pauses: &'a [(Timestamp, Option<Timestamp>)],
}

/// Where clocks are judged: a calendar and now.
pub(super) struct Bench<'a> {
    pub(super) calendar: &'a Calendar,
    pub(super) now: Timestamp,
}

impl Bench<'_> {
    /// A clock that runs from its start to its due instant.
    pub(super) fn forward(&self, kind: Kind, target: &Target, run: &Run<'_>) -> Clock {
        let stop = run.done.or(run.ended);
        let pauses = if kind.pauses() { self.pauses(run, stop) } else { Vec::new() };
        let due = self.calendar.due(run.starts, target).and_then(|due| self.calendar.pause(due, target.unit, &pauses));
        let (at, trace) = match due {
            Ok(Due { at, trace }) => (Some(at), trace),
            Err(_) => (None, Trace { steps: vec![Step::OutOfRange], left_out: 0 }),
        };
        let waits = kind.pauses() && stop.is_none() && at.is_some_and(|due| self.waits(run, due));
        let mut clock = Clock {
            kind,
            starts_at: run.starts,
            due_at: at,
            met_at: run.done,
            status: Status::Running,
            remaining_s: None,
            target: target.clone(),
            not_before: None,
            trace,
        };
        if target.bound == Some(Bound::Min) {
            clock.not_before = clock.due_at.take();
            self.judge_earliest(&mut clock, run.ended);
        } else {
            self.judge_due(&mut clock, run.ended, waits);
        }
        clock
    }

    fn judge_due(&self, clock: &mut Clock, ended: Option<Timestamp>, waits: bool) {
        let past = |at: Timestamp| clock.due_at.is_some_and(|due| at > due);
        clock.status = match (clock.met_at, ended) {
            (Some(done), _) if past(done) => Status::Late,
            (Some(_), _) => Status::Met,
            (None, Some(end)) if past(end) => Status::Overdue,
            (None, Some(_)) => Status::Waived,
            (None, None) if past(self.now) => Status::Overdue,
            (None, None) if waits => Status::Paused,
            (None, None) => Status::Running,
        };
        if clock.is_unfinished() {
            clock.remaining_s = clock.due_at.map(|due| due.as_second() - self.now.as_second());
        }
    }

    /// "No less than": kept once the earliest moment has passed, or by a deed no earlier. A deed before it is no breach of
    /// a promise of ours (what is asked of the reporter binds the reporter), so the bound is waived.
    fn judge_earliest(&self, clock: &mut Clock, ended: Option<Timestamp>) {
        let before = |at: Timestamp| clock.not_before.is_some_and(|earliest| at < earliest);
        let holds_back = clock.kind == Kind::Disclosure;
        clock.status = match (clock.met_at, ended) {
            (Some(done), _) if holds_back && before(done) => Status::Waived,
            (Some(_), _) => Status::Met,
            (None, Some(end)) if before(end) || !holds_back => Status::Waived,
            (None, _) if before(self.now) || !holds_back => Status::Running,
            (None, _) => Status::Met,
        };
        if clock.status == Status::Running {
            clock.remaining_s = clock.not_before.map(|at| at.as_second() - self.now.as_second());
        }
    }

    /// The clock that counts backwards: from the notice, the earliest moment of release.
    ///
    /// It is running until that moment and met after it, as long as nothing was released before. Released too early, the
    /// notice was late: it had been due that long before the release. Released without any notice, it is overdue. "No
    /// more than N" between notice and release makes the release due instead.
    pub(super) fn notice(&self, target: &Target, case: &CaseState) -> Option<Clock> {
        let (told, released) = (case.at(Fact::Prenotified), case.at(Fact::Released));
        if target.bound == Some(Bound::Max) {
            let run = Run { starts: told?, done: released, ended: case.closed_at, pauses: &[] };
            let mut clock = self.forward(Kind::Prenotice, target, &run);
            clock.not_before =
                target.min.and_then(|min| self.calendar.after(run.starts, min, target.unit).ok()).map(|d| d.at);
            if clock.is_unfinished() && case.invalid_at().is_some() {
                clock.waive();
            }
            return Some(clock);
        }
        let amount = target.min.unwrap_or(target.amount);
        let allowed = told.map(|told| self.calendar.after(told, amount, target.unit));
        let (not_before, trace) = match allowed {
            Some(Ok(Due { at, trace })) => (Some(at), trace),
            Some(Err(_)) => (None, Trace { steps: vec![Step::OutOfRange], left_out: 0 }),
            None => (None, Trace::default()),
        };
        let too_early = |at: Timestamp| not_before.is_none_or(|earliest| at < earliest);
        let latest = |at: Timestamp| self.calendar.before(at, amount, target.unit).ok();
        let (status, due_at) = match (told, released) {
            (None, None) => return None,
            (None, Some(at)) => (Status::Overdue, latest(at)),
            (Some(told), Some(at)) if too_early(at) => (Status::Late, latest(at).map(|due| due.min(told))),
            (Some(_), Some(_)) => (Status::Met, None),
            (Some(_), None) if case.invalid_at().is_some() => (Status::Waived, None),
            (Some(_), None) if case.closed_at.is_some_and(too_early) => (Status::Waived, None),
            (Some(_), None) if too_early(self.now) => (Status::Running, None),
            (Some(_), None) => (Status::Met, None),
        };
        let remaining = match status {
            Status::Running => not_before,
            Status::Overdue => due_at,
            _ => None,
        };
        Some(Clock {
            kind: Kind::Prenotice,
            starts_at: told.or(released)?,
            due_at,
            met_at: told.filter(|_| status != Status::Waived),
            status,
            remaining_s: remaining.map(|at| at.as_second() - self.now.as_second()),
            target: target.clone(),
            not_before,
            trace,
        })
    }

    /// The pauses as far as they touch this run: none before its start, none after it stopped, the open one until then
    /// or now.
    fn pauses(&self, run: &Run<'_>, stop: Option<Timestamp>) -> Vec<(Timestamp, Timestamp)> {
        run.pauses
            .iter()
            .map(|&(from, to)| {
                let to = to.unwrap_or(stop.unwrap_or(self.now));
                (from.max(run.starts), stop.map_or(to, |stop| to.min(stop)))
            })
            .filter(|(from, to)| from < to)
            .collect()
    }

    /// Whether the clock stands still now: the last pause is open and began before the clock ran out.
    fn waits(&self, run: &Run<'_>, due: Timestamp) -> bool {
        run.pauses.last().is_some_and(|&(from, to)| to.is_none() && from <= self.now && self.now <= due)
    }
}
