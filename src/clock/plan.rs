//! One timeline of a case: what happened, what is due, what is allowed.

use jiff::Timestamp;

use super::calendar::Calendar;
use super::policy::{Bound, Target};
use super::{Clock, Kind, Status};
use crate::case::{CaseState, Fact, ReportState, Uid};

/// What an instant of the timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A report arrived.
    Received,
    /// A reporter was first answered by a person.
    Answered,
    /// A fact was recorded.
    Happened(Fact),
    /// Waiting for a reporter began: clocks stand still from here on.
    Waits,
    /// It ended.
    WaitEnded,
    /// Something is due.
    Due(Kind),
    /// The last moment to tell people, if the release is to be when the fix is due.
    NoticeBy,
    /// From here on it is allowed.
    Allowed(Kind),
}

/// One instant of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub mark: Mark,
    /// The report it is about; `None` for what the case has once.
    pub report: Option<Uid>,
    /// How its clock stands.
    pub status: Option<Status>,
}

/// The earliest release that keeps the promise of notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// Nobody was told yet: it holds if they are told now.
    pub if_told_now: bool,
}

/// The timeline of a case, oldest first. Each report comes with its clocks; what the case has once is taken from the
/// first of them.
pub fn timeline(
    case: &CaseState,
    reports: &[(&ReportState, Vec<Clock>)],
    notice: Option<&Target>,
    calendar: &Calendar,
) -> Vec<Entry> {
    let mut all = Vec::new();
    for (index, (report, clocks)) in reports.iter().enumerate() {
        let uid = Some(report.uid.clone());
        all.push(Entry { at: report.received_at, mark: Mark::Received, report: uid.clone(), status: None });
        let answered = report.first_answer();
        all.extend(answered.map(|at| Entry { at, mark: Mark::Answered, report: uid.clone(), status: None }));
        for clock in clocks {
            let own = matches!(clock.kind, Kind::FirstResponse | Kind::Update);
            if own || index == 0 {
                all.extend(entries(clock, uid.as_ref().filter(|_| own)));
            }
        }
    }
    all.extend(case.facts.iter().map(|(fact, r)| Entry {
        at: r.at,
        mark: Mark::Happened(*fact),
        report: None,
        status: None,
    }));
    let still = |at, mark| Entry { at, mark, report: None, status: None };
    for (from, to) in &case.pauses {
        all.push(still(*from, Mark::Waits));
        all.extend(to.map(|to| still(to, Mark::WaitEnded)));
    }
    let fix = reports.first().and_then(|(_, clocks)| clocks.iter().find(|c| c.kind == Kind::Fix && c.is_unfinished()));
    if let (Some(due), Some(notice)) = (fix.and_then(|c| c.due_at), notice.filter(|n| n.bound != Some(Bound::Max)))
        && case.at(Fact::Prenotified).is_none()
        && case.at(Fact::Released).is_none()
        && let Ok(at) = calendar.before(due, notice.min.unwrap_or(notice.amount), notice.unit)
    {
        all.push(Entry { at, mark: Mark::NoticeBy, report: None, status: None });
    }
    all.sort_by(|a, b| (a.at, a.mark, &a.report).cmp(&(b.at, b.mark, &b.report)));
    all
}

/// When the fix may be released, where notice is promised and nothing was released yet.
pub fn release(case: &CaseState, notice: Option<&Target>, calendar: &Calendar, now: Timestamp) -> Option<Release> {
    let notice = notice.filter(|n| n.bound != Some(Bound::Max) && case.at(Fact::Released).is_none())?;
    let told = case.at(Fact::Prenotified);
    let due = calendar.after(told.unwrap_or(now), notice.min.unwrap_or(notice.amount), notice.unit).ok()?;
    Some(Release { at: due.at, if_told_now: told.is_none() })
}

/// Due instants and earliest moments of what is not done, or was done too late. What was done in time stands there as the
/// fact that did it.
fn entries(clock: &Clock, report: Option<&Uid>) -> impl Iterator<Item = Entry> {
    let open = clock.is_unfinished() || clock.status == Status::Late;
    let due = clock.due_at.filter(|_| open).map(|at| (at, Mark::Due(clock.kind)));
    let allowed = clock.not_before.filter(|_| open).map(|at| (at, Mark::Allowed(clock.kind)));
    let (report, status) = (report.cloned(), clock.status);
    due.into_iter().chain(allowed).map(move |(at, mark)| Entry {
        at,
        mark,
        report: report.clone(),
        status: Some(status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Recorded;
    use crate::clock::{clocks, policy_toml};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn due_allowed_and_done_in_one_row() {
        let policy = policy_toml::read(
            "first_response = \"2 days\"\nfix = \"10 days\"\nprenotice_before_release = \"at least 24 hours\"",
        )
        .unwrap();
        let received_at = at("2026-03-02T09:00Z");
        let report =
            ReportState { uid: "a".into(), received_at, wrote_at: vec![received_at], ..ReportState::default() };
        let mut case = CaseState { uid: "a".into(), received_at, ..CaseState::default() };
        let calendar = Calendar::utc();
        let now = at("2026-03-03T00:00Z");
        let notice = policy.prenotice_before_release.as_ref();
        let row = |case: &CaseState| -> Vec<(String, Mark)> {
            let all = [(&report, clocks(&report, case, &policy, &calendar, now))];
            timeline(case, &all, notice, &calendar).into_iter().map(|e| (e.at.to_string(), e.mark)).collect()
        };
        assert_eq!(
            row(&case),
            [
                ("2026-03-02T09:00:00Z".into(), Mark::Received),
                ("2026-03-04T09:00:00Z".into(), Mark::Due(Kind::FirstResponse)),
                ("2026-03-11T09:00:00Z".into(), Mark::NoticeBy),
                ("2026-03-12T09:00:00Z".into(), Mark::Due(Kind::Fix)),
            ]
        );
        let told_now = release(&case, notice, &calendar, now);
        assert_eq!(told_now, Some(Release { at: at("2026-03-04T00:00Z"), if_told_now: true }));
        case.facts.insert(Fact::Prenotified, Recorded { at: at("2026-03-02T20:00Z"), note: None });
        assert!(row(&case).contains(&("2026-03-03T20:00:00Z".into(), Mark::Allowed(Kind::Prenotice))));
        assert!(row(&case).iter().all(|(_, mark)| *mark != Mark::NoticeBy));
        let told = release(&case, notice, &calendar, now);
        assert_eq!(told, Some(Release { at: at("2026-03-03T20:00Z"), if_told_now: false }));
        case.facts.insert(Fact::Released, Recorded { at: at("2026-03-02T21:00Z"), note: None });
        assert_eq!(release(&case, notice, &calendar, now), None);
        // Three hours before the 24 are over: the notice had been due that much earlier.
        assert!(row(&case).contains(&("2026-03-01T21:00:00Z".into(), Mark::Due(Kind::Prenotice))));
        assert!(row(&case).contains(&("2026-03-03T20:00:00Z".into(), Mark::Allowed(Kind::Prenotice))));
        case.pauses = vec![(at("2026-03-02T10:00Z"), Some(at("2026-03-02T11:00Z"))), (at("2026-03-02T12:00Z"), None)];
        let waits: Vec<(String, Mark)> =
            row(&case).into_iter().filter(|(_, mark)| matches!(mark, Mark::Waits | Mark::WaitEnded)).collect();
        assert_eq!(
            waits,
            [
                ("2026-03-02T10:00:00Z".into(), Mark::Waits),
                ("2026-03-02T11:00:00Z".into(), Mark::WaitEnded),
                ("2026-03-02T12:00:00Z".into(), Mark::Waits),
            ]
        );
    }
}
