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
//! Four more kinds (`early_warning`, `notification`, `final_report`, `cve_publication`) come from [`packs`].
//!
//! A policy may name another start (`from`). While that has not happened, or nobody records such a thing, the clock is
//! absent. Facts count as recorded, whatever now is: `now` only judges what has not been done.
//!
//! *Severities.* A target of the report's severity comes before the general one. Where a first answer is promised by severity
//! only, the shortest counts until the severity is known.
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
pub mod away;
pub mod calendar;
pub mod explain;
mod holidays;
mod judge;
pub mod packs;
pub mod plan;
pub mod policy;
pub mod policy_toml;
pub mod propose;
pub mod published;
mod recurrence;
pub mod stats;
mod trace;
pub mod words;

use jiff::Timestamp;

use crate::case::{CaseState, Fact, ReportState};
pub use anchor::Anchor;
use calendar::{Calendar, Trace};
use judge::{Bench, Run};
use policy::{ResponsePolicy, Target, Unit};

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
    /// To the early warning that a law asks for.
    EarlyWarning,
    /// To the notification that a law asks for.
    Notification,
    /// To the final report that a law asks for.
    FinalReport,
    /// To the CVE record being public.
    CvePublication,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Kind; 11] = [
        Kind::FirstResponse,
        Kind::Assessment,
        Kind::Update,
        Kind::Fix,
        Kind::Prenotice,
        Kind::Disclosure,
        Kind::Postmortem,
        Kind::EarlyWarning,
        Kind::Notification,
        Kind::FinalReport,
        Kind::CvePublication,
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
            Kind::EarlyWarning => "early_warning",
            Kind::Notification => "notification",
            Kind::FinalReport => "final_report",
            Kind::CvePublication => "cve_publication",
        }
    }

    fn pauses(self) -> bool {
        !matches!(self, Kind::FirstResponse | Kind::Prenotice) && packs::of(self).is_none()
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
            // No policy promises these; packs set them.
            Kind::EarlyWarning | Kind::Notification | Kind::FinalReport | Kind::CvePublication => None,
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
    // A first answer is due before anybody knows the severity: until then the shortest promise counts.
    let shortest = policy.shortest_first_response().filter(|_| severity.is_none()).map(|target| {
        let only = "the gravest reports; the severity of this one is not known yet";
        Target { applies_to: Some(only.to_owned()), ..target.clone() }
    });
    if let Some(target) = Kind::FirstResponse.target(policy, severity).or(shortest.as_ref()) {
        // Whatever else a policy may say, waiting for an answer begins when the reporter wrote.
        let (starts, done) = (report.first_written(), report.first_answer());
        let run = Run { starts, done, ended: report.closed_at, pauses: &report.pauses };
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
        let anchor = anchor(target, natural).filter(|anchor| !anchor.ends(kind));
        let Some(starts) = anchor.and_then(|anchor| anchor.at(None, case)) else { continue };
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

/// Targets that set no clock, with the words of the policy for where they start, and why: nobody records such a thing, or what
/// the clock waits for has happened by then. A person should know.
pub fn unclocked(policy: &ResponsePolicy) -> Vec<(Kind, &str, &'static str)> {
    let general = Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.target(policy, None)?)));
    let special = policy.by_severity.iter().flat_map(|entry| {
        Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.target(policy, Some(&entry.severity))?)))
    });
    let why = |kind: Kind, from: &str| match Anchor::read(from) {
        None => Some("which nobody records"),
        Some(anchor) => anchor.ends(kind).then_some("when it is over"),
    };
    let mut found: Vec<(Kind, &str, &str)> = general
        .chain(special)
        .filter(|(kind, _)| !matches!(kind, Kind::FirstResponse | Kind::Prenotice))
        .filter_map(|(kind, target)| Some((kind, target.from.as_deref()?)))
        .filter_map(|(kind, from)| Some((kind, from, why(kind, from)?)))
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

/// Whether a person must see to something overdue. Of a closed report that is only a duty, which closing does not end: told of
/// the report that names its case.
pub fn calls(report: &ReportState, clocks: &[Clock]) -> bool {
    let open = report.closed_at.is_none();
    let counts = |clock: &&Clock| open || (packs::of(clock.kind).is_some() && report.uid == report.case);
    clocks.iter().filter(counts).any(|clock| clock.status == Status::Overdue)
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

impl ResponsePolicy {
    /// What holds where no policy is configured: a first response in 2 working days. It is a stand-in, which `list` and
    /// `check` say.
    pub fn stand_in() -> ResponsePolicy {
        ResponsePolicy { first_response: Some(Target::new(2, Unit::WorkingDay)), ..ResponsePolicy::default() }
    }
}

#[cfg(test)]
mod tests;
