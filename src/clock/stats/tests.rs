use super::*;
use crate::case::{Event, What, cases, fold};
use crate::clock::calendar::Calendar;
use crate::clock::clocks;
use crate::clock::policy::{ResponsePolicy, Target, Unit};

/// Reports received on days of March and April 2026, each answered after so many hours, with a promise of 24 hours.
fn figures(reports: &[(&str, Option<i64>, bool)], now: &str, since: Option<&str>) -> Stats {
    let mut events = Vec::new();
    for (number, (received, answered, closed)) in (1u64..).zip(reports) {
        let at: Timestamp = received.parse().unwrap();
        let mut push = |at: Timestamp, step: u64, what| {
            events.push(Event {
                at,
                device: "desk".into(),
                number: number * 10 + step,
                who: "alice".into(),
                report: Some(format!("r{number}")),
                message: Some(format!("m{number}-{step}")),
                what,
            });
        };
        push(at, 0, What::ReportOpened { received_at: at, reporter: String::new() });
        if let Some(hours) = answered {
            let at = at + jiff::SignedDuration::from_hours(*hours);
            push(at, 1, What::Answered { answered_at: at, how: "sent".into() });
        }
        if *closed {
            push(at + jiff::SignedDuration::from_hours(30), 2, What::Closed { reason: None, seen: None });
        }
    }
    let reports = fold(&events);
    let cases = cases(&reports);
    let policy = ResponsePolicy { first_response: Some(Target::new(24, Unit::Hour)), ..ResponsePolicy::default() };
    let clocked: Vec<(&ReportState, Vec<Clock>)> = reports
        .values()
        .map(|r| (r, clocks(r, &cases[&r.case], &policy, &Calendar::utc(), now.parse().unwrap())))
        .collect();
    let pairs = clocked.iter().map(|(report, clocks)| (*report, clocks.as_slice()));
    stats(pairs, since.map(|since| since.parse().unwrap()), &TimeZone::UTC)
}

#[test]
fn an_empty_ledger_has_no_figures() {
    assert_eq!(figures(&[], "2026-04-01T00:00Z", None), Stats::default());
}

#[test]
fn late_and_overdue_are_outside_running_counts_for_nothing() {
    let got = figures(
        &[
            ("2026-03-01T00:00Z", Some(2), false),
            ("2026-03-02T00:00Z", Some(24), true),
            ("2026-03-03T00:00Z", Some(48), true),
            ("2026-03-30T00:00Z", None, false),
            ("2026-03-31T12:00Z", None, false),
        ],
        "2026-04-01T00:00Z",
        None,
    );
    assert_eq!((got.reports, got.answered, got.open, got.overdue), (5, 3, 3, 1));
    let first = &got.first_response;
    assert_eq!((first.median_s, first.p90_s, first.worst_s), (Some(24 * 3600), Some(48 * 3600), Some(48 * 3600)));
    assert_eq!((first.counted, first.within_policy), (4, Some(0.5)));
}

#[test]
fn closed_when_overdue_counts_as_outside() {
    // Closed after 30 hours, when the promise of 24 had run out.
    let got = figures(&[("2026-03-01T00:00Z", None, true)], "2026-04-01T00:00Z", None);
    assert_eq!((got.first_response.counted, got.first_response.within_policy), (1, Some(0.0)));
    assert_eq!((got.open, got.overdue, got.answered), (0, 0, 0));
}

#[test]
fn ranks_of_many() {
    let reports: Vec<(String, Option<i64>, bool)> =
        (1..=10).map(|n| (format!("2026-03-{n:02}T00:00Z"), Some(n), false)).collect();
    let borrowed: Vec<_> = reports.iter().map(|(at, hours, closed)| (at.as_str(), *hours, *closed)).collect();
    let got = figures(&borrowed, "2026-04-01T00:00Z", None).first_response;
    assert_eq!((got.median_s, got.p90_s, got.worst_s), (Some(19_800), Some(9 * 3600), Some(10 * 3600)));
    assert_eq!((got.counted, got.within_policy), (10, Some(1.0)));
}

#[test]
fn months_and_since_go_by_receipt() {
    let reports = [
        ("2026-02-28T23:00Z", Some(2), false),
        ("2026-03-01T00:00Z", Some(30), false),
        ("2026-03-31T23:59Z", Some(2), false),
        ("2026-05-01T00:00Z", None, false),
    ];
    let got = figures(&reports, "2026-05-01T01:00Z", Some("2026-03-01T00:00Z"));
    let march = Month { month: "2026-03".into(), reports: 2, median_s: Some(16 * 3600), within_policy: Some(0.5) };
    let may = Month { month: "2026-05".into(), reports: 1, median_s: None, within_policy: None };
    assert_eq!((got.reports, got.by_month), (3, vec![march, may]));
}
