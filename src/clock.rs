//! Case and policy and now to due, paused, met, late.
//!
//! A clock is computed when it is read, never stored. Each kind stands for itself: what one of them does changes no other.
//!
//! | kind | of the | starts with | is met by |
//! | --- | --- | --- | --- |
//! | `first_response` | report | the reporter's oldest mail | an answer by a person at or after it |
//! | `update` | report | the latest answer, while work goes on | the next answer |
//! | `assessment` | case | the first report | `valid` or `invalid`, or a fact that presupposes triage |
//! | `fix` | case | the first report | `fixed`; what is `released` is fixed |
//! | `prenotice` | case | `prenotified` | a release no earlier than the notice allows |
//! | `disclosure` | case | the first report | `disclosed`; a write-up discloses |
//! | `postmortem` | case | `released` | `written_up` |
//!
//! A policy may name another start (`from`). While that has not happened, or nobody records such a thing, the clock is
//! absent. Facts count as recorded, whatever now is: `now` only judges what has not been done.
//!
//! *Bounds.* "No less than N" (`bound: min`) is no due date but the earliest moment, `not_before`.
//!
//! *Pauses* move every due date on but that of the first response and of a notice. Reports of one case share the
//! waiting: the case waits while it waits for any of its reporters.
//!
//! *Ends.* Closing waives what was not due yet; what was overdue then stays overdue. A triage of `invalid` that holds
//! waives fix, notice, disclosure and write-up. News is owed until work ends: by closing, release, disclosure, or with
//! the answer that tells a reporter that the report is invalid.

mod anchor;
pub mod calendar;
mod holidays;
pub mod policy;
pub mod policy_toml;
pub mod published;
mod recurrence;
pub mod stats;
mod trace;
pub mod words;

use jiff::Timestamp;

use crate::case::{CaseState, Fact, ReportState};
pub use anchor::Anchor;
use calendar::{Calendar, Due, Step, Trace};
use policy::{Bound, ResponsePolicy, Target, Unit};

/// What a clock measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// To the first answer by a person.
    FirstResponse,
    /// To the outcome of triage.
    Assessment,
    /// To the next news for the reporter.
    Update,
    /// To the fix.
    Fix,
    /// Between telling people that a release is coming and releasing.
    Prenotice,
    /// To details being public.
    Disclosure,
    /// From the release to the write-up.
    Postmortem,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Kind; 7] = [
        Kind::FirstResponse,
        Kind::Assessment,
        Kind::Update,
        Kind::Fix,
        Kind::Prenotice,
        Kind::Disclosure,
        Kind::Postmortem,
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::FirstResponse => "first_response",
            Kind::Assessment => "assessment",
            Kind::Update => "update",
            Kind::Fix => "fix",
            Kind::Prenotice => "prenotice",
            Kind::Disclosure => "disclosure",
            Kind::Postmortem => "postmortem",
        }
    }

    fn pauses(self) -> bool {
        !matches!(self, Kind::FirstResponse | Kind::Prenotice)
    }

    /// The target of this kind: the severity's where it has one, else the general one.
    fn target<'p>(self, policy: &'p ResponsePolicy, severity: Option<&str>) -> Option<&'p Target> {
        let special = |pick: fn(&policy::SeverityTargets) -> Option<&Target>| {
            let severity = severity?;
            policy.by_severity.iter().filter(|entry| same_severity(&entry.severity, severity)).find_map(pick)
        };
        match self {
            Kind::FirstResponse => special(|s| s.first_response.as_ref()).or(policy.first_response.as_ref()),
            Kind::Assessment => special(|s| s.assessment.as_ref()).or(policy.assessment.as_ref()),
            Kind::Update => special(|s| s.update_every.as_ref()).or(policy.update_every.as_ref()),
            Kind::Fix => special(|s| s.fix.as_ref()).or(policy.fix.as_ref()),
            Kind::Prenotice => policy.prenotice_before_release.as_ref(),
            Kind::Disclosure => special(|s| s.disclosure_deadline.as_ref()).or(policy.disclosure_deadline.as_ref()),
            Kind::Postmortem => policy.postmortem_after_release.as_ref(),
        }
    }
}

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not done, and not past due.
    Running,
    /// Not done, and past due.
    Overdue,
    /// Done in time.
    Met,
    /// Done after it was due.
    Late,
    /// Standing still while the reporter is asked.
    Paused,
    /// No longer owed.
    Waived,
}

impl Status {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Overdue => "overdue",
            Status::Met => "met",
            Status::Late => "late",
            Status::Paused => "paused",
            Status::Waived => "waived",
        }
    }
}

/// One clock of a report or of its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// What it measures.
    pub kind: Kind,
    /// When it started.
    pub starts_at: Timestamp,
    /// When it is due; while paused, as if the pause ended now. `None` where there is only an earliest moment.
    pub due_at: Option<Timestamp>,
    /// When it was done, in time or late.
    pub met_at: Option<Timestamp>,
    /// How it stands.
    pub status: Status,
    /// Seconds from now until it is due (below zero when overdue) while it is running, paused or overdue.
    pub remaining_s: Option<i64>,
    /// The target it holds us to.
    pub target: Target,
    /// The earliest moment allowed: to release (`prenotice`) or to disclose (`disclosure` with a lower bound).
    pub not_before: Option<Timestamp>,
    /// Why the due instant, or else the earliest moment, is what it is.
    pub trace: Trace,
}

/// All clocks of a report and of its case, both judged by one policy, in the order of [`Kind::ALL`].
pub fn clocks(
    report: &ReportState,
    case: &CaseState,
    policy: &ResponsePolicy,
    calendar: &Calendar,
    now: Timestamp,
) -> Vec<Clock> {
    let mut all = report_clocks(report, case, policy, calendar, now);
    all.extend(case_clocks(case, policy, calendar, now));
    all.sort_by_key(|clock| clock.kind);
    all
}

/// The clocks that each report has for itself: every reporter is owed an answer. `policy` is the one in force when the
/// report arrived.
pub fn report_clocks(
    report: &ReportState,
    case: &CaseState,
    policy: &ResponsePolicy,
    calendar: &Calendar,
    now: Timestamp,
) -> Vec<Clock> {
    let severity = report.severity.as_deref().or(case.severity.as_deref());
    let bench = Bench { calendar, now };
    let mut clocks = Vec::with_capacity(2);
    if let Some(target) = Kind::FirstResponse.target(policy, severity) {
        // Whatever else a policy may say, waiting for an answer begins when the reporter wrote.
        let (starts, done) = (report.first_written(), report.first_answer());
        let run = Run { starts, done, ended: report.closed_at, pauses: &[] };
        clocks.push(bench.forward(Kind::FirstResponse, target, &run));
    }
    if let Some(target) = Kind::Update.target(policy, severity)
        && let Some((starts, done, ended)) = news(report, case, target)
    {
        let run = Run { starts, done, ended, pauses: &report.pauses };
        clocks.push(bench.forward(Kind::Update, target, &run));
    }
    clocks
}

/// The clocks of a case. `policy` is the one in force when its first report arrived.
pub fn case_clocks(case: &CaseState, policy: &ResponsePolicy, calendar: &Calendar, now: Timestamp) -> Vec<Clock> {
    let bench = Bench { calendar, now };
    let mut clocks = Vec::new();
    for kind in [Kind::Assessment, Kind::Fix, Kind::Prenotice, Kind::Disclosure, Kind::Postmortem] {
        let Some(target) = kind.target(policy, case.severity.as_deref()) else { continue };
        if kind == Kind::Prenotice {
            clocks.extend(bench.notice(target, case));
            continue;
        }
        let natural = if kind == Kind::Postmortem { Anchor::Release } else { Anchor::Receipt };
        let Some(starts) = anchor(target, natural).and_then(|anchor| anchor.at(None, case)) else { continue };
        let done = match kind {
            Kind::Assessment => case.assessed_at(),
            Kind::Fix => case.fixed_at(),
            Kind::Disclosure => case.disclosed_at(),
            _ => case.at(Fact::WrittenUp),
        };
        let run = Run { starts, done, ended: case.closed_at, pauses: &case.pauses };
        let mut clock = bench.forward(kind, target, &run);
        if kind != Kind::Assessment && done.is_none() && case.invalid_at().is_some() {
            clock.waive();
        }
        clocks.push(clock);
    }
    clocks
}

/// Targets whose start nobody records, by the words of the policy: they set no clock, and a person should know.
pub fn unclocked(policy: &ResponsePolicy) -> Vec<(Kind, &str)> {
    let general = Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.target(policy, None)?)));
    let special = policy.by_severity.iter().flat_map(|entry| {
        Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.target(policy, Some(&entry.severity))?)))
    });
    let mut found: Vec<(Kind, &str)> = general
        .chain(special)
        .filter(|(kind, _)| !matches!(kind, Kind::FirstResponse | Kind::Prenotice))
        .filter_map(|(kind, target)| Some((kind, target.from.as_deref()?)))
        .filter(|(_, from)| Anchor::read(from).is_none())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The unfinished clock that is due first, for sorting lists; overdue ones were due before all others.
pub fn nearest(clocks: &[Clock]) -> Option<&Clock> {
    clocks.iter().filter(|clock| clock.is_unfinished() && clock.due_at.is_some()).min_by_key(|c| (c.due_at, c.kind))
}

/// Whether anything is overdue.
pub fn is_overdue(clocks: &[Clock]) -> bool {
    clocks.iter().any(|clock| clock.status == Status::Overdue)
}

/// The earliest moment at which the fix may be released without breaking a promise, where there is such a moment and no
/// release yet: for the warning of `mark released`.
pub fn earliest_release(clocks: &[Clock]) -> Option<Timestamp> {
    clocks
        .iter()
        .filter(|c| c.kind == Kind::Prenotice && c.status == Status::Running)
        .filter_map(|c| c.not_before)
        .max()
}

impl Clock {
    /// Running, paused or overdue.
    pub fn is_unfinished(&self) -> bool {
        matches!(self.status, Status::Running | Status::Paused | Status::Overdue)
    }

    fn waive(&mut self) {
        self.status = Status::Waived;
        self.remaining_s = None;
    }
}

/// From when to when news is owed: (start, the answer that brought it, the end of the duty).
fn news(
    report: &ReportState,
    case: &CaseState,
    target: &Target,
) -> Option<(Timestamp, Option<Timestamp>, Option<Timestamp>)> {
    let first = report.first_answer()?;
    let answers = report.answered_at.iter().copied().filter(|at| *at >= first);
    let told = case.invalid_at().and_then(|invalid| answers.clone().find(|at| *at >= invalid));
    let over = [report.closed_at, case.closed_at, case.at(Fact::Released), case.disclosed_at(), told];
    let ended = over.into_iter().flatten().min();
    let last = answers.clone().filter(|at| ended.is_none_or(|end| *at <= end)).max()?;
    let starts = match anchor(target, Anchor::Answer)? {
        Anchor::Answer | Anchor::Receipt => last,
        other => other.at(Some(report), case)?.max(last),
    };
    Some((starts, answers.clone().find(|at| *at > starts), ended))
}

/// What the target runs from; `None` where it names something that nobody records.
fn anchor(target: &Target, natural: Anchor) -> Option<Anchor> {
    target.from.as_deref().map_or(Some(natural), Anchor::read)
}

/// "Moderate" and "important" are other words for "medium" and "high".
fn same_severity(a: &str, b: &str) -> bool {
    let plain = |s: &str| match s.trim().to_lowercase().as_str() {
        "moderate" => "medium".to_owned(),
        "important" => "high".to_owned(),
        other => other.to_owned(),
    };
    plain(a) == plain(b)
}

/// What happened on one clock.
struct Run<'a> {
    starts: Timestamp,
    done: Option<Timestamp>,
    ended: Option<Timestamp>,
    pauses: &'a [(Timestamp, Option<Timestamp>)],
}

/// Where clocks are judged: a calendar and now.
struct Bench<'a> {
    calendar: &'a Calendar,
    now: Timestamp,
}

impl Bench<'_> {
    /// A clock that runs from its start to its due instant.
    fn forward(&self, kind: Kind, target: &Target, run: &Run<'_>) -> Clock {
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
    fn notice(&self, target: &Target, case: &CaseState) -> Option<Clock> {
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

impl ResponsePolicy {
    /// What holds where no policy is configured: a first response in 2 working days. It is a stand-in, which `list` and
    /// `check` say.
    pub fn stand_in() -> ResponsePolicy {
        ResponsePolicy { first_response: Some(Target::new(2, Unit::WorkingDay)), ..ResponsePolicy::default() }
    }
}

#[cfg(test)]
mod tests;
