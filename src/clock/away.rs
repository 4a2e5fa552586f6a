//! Announced times without intake. They move no due date, since the promise stands as published: they only let figures be
//! given with and without them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{Calendar, Due, Holidays, Trace};
use super::{Clock, Kind, Status};
use crate::case::ReportState;

/// The days of a calendar as spans from midnight to midnight, sorted, with days next to each other joined.
pub fn spans(days: &Holidays, zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
    let midnight = |day: Date| day.to_zoned(zone.clone()).ok().map(|start| start.timestamp());
    let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (day, _) in days.iter() {
        let Some((from, to)) = midnight(day).zip(day.tomorrow().ok().and_then(midnight)) else { continue };
        match spans.last_mut() {
            Some((_, end)) if *end >= from => *end = to,
            _ => spans.push((from, to)),
        }
    }
    spans
}

/// The first answer as if time had stood still while the team was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Without {
    /// Seconds from the reporter's first mail to the answer, but for those away.
    pub seconds: Option<i64>,
    /// How the clock stands then; `None` where none was promised.
    pub status: Option<Status>,
}

/// Judges the first answer of a report without the times away. `clocks` are the report's.
pub fn without(
    report: &ReportState,
    clocks: &[Clock],
    calendar: &Calendar,
    away: &[(Timestamp, Timestamp)],
    now: Timestamp,
) -> Without {
    let starts = report.first_written();
    let answered = report.first_answer();
    let seconds = answered.map(|at| at.as_second() - starts.as_second() - overlap(starts, at, away));
    let clock = clocks.iter().find(|clock| clock.kind == Kind::FirstResponse);
    let status = clock.map(|clock| {
        let touched: Vec<_> = away.iter().map(|&(from, to)| (from.max(starts), to)).filter(|(f, t)| f < t).collect();
        let moved = clock.due_at.and_then(|at| {
            let due = Due { at, trace: Trace::default() };
            calendar.pause(due, clock.target.unit, &touched).ok().map(|due| due.at)
        });
        match (clock.status, moved) {
            (Status::Late, Some(due)) if answered.is_some_and(|at| at <= due) => Status::Met,
            (Status::Overdue, Some(due)) if report.closed_at.is_none_or(|at| at <= due) && now <= due => {
                Status::Running
            }
            (status, _) => status,
        }
    });
    Without { seconds, status }
}

fn overlap(from: Timestamp, to: Timestamp, spans: &[(Timestamp, Timestamp)]) -> i64 {
    spans.iter().map(|(a, b)| (to.min(*b).as_second() - from.max(*a).as_second()).max(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CaseState;
    use crate::clock::policy::ResponsePolicy;
    use crate::clock::report_clocks;
    use jiff::civil::date;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn days_next_to_each_other_are_one_span() {
        let days = [(date(2026, 12, 24), ""), (date(2026, 12, 25), ""), (date(2026, 12, 31), "")];
        let days = Holidays::from_days(days.map(|(day, name)| (day, name.to_owned())));
        let two =
            [(at("2026-12-24T00:00Z"), at("2026-12-26T00:00Z")), (at("2026-12-31T00:00Z"), at("2027-01-01T00:00Z"))];
        assert_eq!(spans(&days, &TimeZone::UTC), two);
    }

    #[test]
    fn an_answer_after_the_holidays_is_late_with_them_and_met_without() {
        let (wrote, answered) = (at("2026-12-23T12:00Z"), at("2026-12-30T09:00Z"));
        let report = ReportState {
            received_at: wrote,
            wrote_at: vec![wrote],
            answered_at: vec![answered],
            ..ReportState::default()
        };
        let calendar = Calendar::utc();
        let clocks = report_clocks(&report, &CaseState::default(), &ResponsePolicy::stand_in(), &calendar, answered);
        assert_eq!(clocks[0].status, Status::Late);
        let away = [(at("2026-12-24T00:00Z"), at("2026-12-29T00:00Z"))];
        let figures = without(&report, &clocks, &calendar, &away, answered);
        // 12 hours of the 23rd, the 29th, 9 hours of the 30th.
        assert_eq!(figures, Without { seconds: Some(45 * 3_600), status: Some(Status::Met) });
        let elsewhere = [(at("2027-12-24T00:00Z"), at("2027-12-29T00:00Z"))];
        assert_eq!(without(&report, &clocks, &calendar, &elsewhere, answered).status, Some(Status::Late));
    }
}
