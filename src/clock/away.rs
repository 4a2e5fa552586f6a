//! Announced times without intake. They move no due date, since the promise stands as published: they only let figures be
//! given with and without them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{Calendar, Due, Holidays, Trace};
use super::{Clock, Kind, Status};
use crate::case::ReportState;

/// The days of a calendar from midnight to midnight, and its events with a time of day, sorted, with those that touch or
/// overlap joined.
pub fn spans(days: &Holidays, zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
    let midnight = |day: Date| day.to_zoned(zone.clone()).ok().map(|start| start.timestamp());
    let whole = days.iter().filter_map(|(day, _)| midnight(day).zip(day.tomorrow().ok().and_then(midnight)));
    let mut all: Vec<(Timestamp, Timestamp)> = whole.chain(days.times().iter().copied()).collect();
    all.sort_unstable();
    let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in all {
        match spans.last_mut() {
            Some((_, end)) if *end >= from => *end = to.max(*end),
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
        let touched: Vec<_> = since(starts, away).map(|&(from, to)| (from.max(starts), to)).collect();
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

/// The spans that end after an instant.
fn since(at: Timestamp, spans: &[(Timestamp, Timestamp)]) -> impl Iterator<Item = &(Timestamp, Timestamp)> {
    spans.iter().skip(spans.partition_point(|(_, end)| *end <= at))
}

fn overlap(from: Timestamp, to: Timestamp, spans: &[(Timestamp, Timestamp)]) -> i64 {
    let touched = since(from, spans).take_while(|(begin, _)| *begin < to);
    touched.map(|(begin, end)| to.min(*end).as_second() - from.max(*begin).as_second()).sum()
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
    fn times_of_day_count_and_what_overlaps_counts_once() {
        let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260302T120000Z\nDTEND:20260304T080000Z\nEND:VEVENT\n\
                    BEGIN:VEVENT\nDTSTART:20260303\nDTEND:20260305\nEND:VEVENT\n\
                    BEGIN:VEVENT\nDTSTART:20260303T000000Z\nDURATION:PT1H\nEND:VEVENT\n\
                    BEGIN:VEVENT\nDTSTART:20260310T220000Z\nDURATION:P1DT2H\nEND:VEVENT\nEND:VCALENDAR";
        let days = Holidays::read(text.as_bytes(), &TimeZone::UTC).unwrap();
        let two =
            [(at("2026-03-02T12:00Z"), at("2026-03-05T00:00Z")), (at("2026-03-10T22:00Z"), at("2026-03-12T00:00Z"))];
        assert_eq!(spans(&days, &TimeZone::UTC), two);
        assert_eq!(overlap(at("2026-03-01T00:00Z"), at("2026-03-11T00:00Z"), &two), (60 + 2) * 3_600);
        assert_eq!(overlap(at("2026-03-03T00:00Z"), at("2026-03-04T00:00Z"), &two), 24 * 3_600);
        assert_eq!(overlap(at("2026-03-05T00:00Z"), at("2026-03-10T22:00Z"), &two), 0);
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
