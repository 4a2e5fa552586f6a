//! What holds of every clock, whatever happened: nothing here knows how an instant is computed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use sealpost::case::{Event, Fact, What, cases, fold};
use sealpost::clock::calendar::{Calendar, Holidays};
use sealpost::clock::policy::ResponsePolicy;
use sealpost::clock::{Clock, Kind, Status, clocks, earliest_release, is_overdue, nearest, policy_toml};

fn policy() -> ResponsePolicy {
    let text = r#"
        first_response = "2 working days"
        assessment = "5 working days"
        update_every = "1 week"
        fix = "1 month from assessment"
        prenotice_before_release = "at least 24 hours"
        disclosure_deadline = "90 days"
        postmortem_after_release = "1 week"
        [[by_severity]]
        severity = "high"
        fix = "7 days"
    "#;
    policy_toml::read(text).unwrap()
}

fn at(hours: i64) -> Timestamp {
    "2026-03-01T00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn what() -> impl Strategy<Value = What> {
    let facts = vec![
        Fact::Acknowledged,
        Fact::Valid,
        Fact::Invalid,
        Fact::Fixed,
        Fact::Prenotified,
        Fact::Released,
        Fact::Disclosed,
        Fact::WrittenUp,
        Fact::Exploited,
        Fact::EarlyWarned,
    ];
    let fact = prop::sample::select(facts);
    prop_oneof![
        3 => (fact, 0i64..4000).prop_map(|(fact, h)| What::Marked { fact, happened_at: at(h), note: None }),
        2 => (0i64..4000).prop_map(|h| What::Answered { answered_at: at(h), how: "sent".into() }),
        1 => Just(What::Paused),
        1 => Just(What::Resumed),
        1 => Just(What::Closed { reason: None, seen: None }),
        1 => Just(What::Reopened),
        1 => Just(What::Severity { severity: Some("high".into()) }),
        1 => Just(What::Linked { case: "a".into() }),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = (prop::sample::select(vec!["a", "b"]), 0i64..4000, what());
    prop::collection::vec(one, 0..14).prop_map(|list| {
        let opened =
            ["a", "b"].map(|name| (name, 10, What::ReportOpened { received_at: at(10), reporter: String::new() }));
        let all = opened.into_iter().chain(list).zip(1u64..);
        all.map(|((report, hours, what), number)| Event {
            at: at(hours),
            device: "desk".into(),
            number,
            who: "alice".into(),
            report: Some(report.into()),
            message: None,
            what,
        })
        .collect()
    })
}

fn check(clock: &Clock, now: Timestamp) -> Result<(), TestCaseError> {
    let Clock { due_at, met_at, status, remaining_s, .. } = clock;
    let unfinished = matches!(status, Status::Running | Status::Paused | Status::Overdue);
    prop_assert_eq!(remaining_s.is_some(), unfinished, "{:?}", clock);
    match status {
        Status::Met | Status::Late => prop_assert!(met_at.is_some(), "{:?}", clock),
        Status::Overdue => prop_assert!(remaining_s.is_some_and(|left| left < 0) || clock.kind == Kind::Prenotice),
        Status::Running | Status::Paused => prop_assert!(remaining_s.is_some_and(|left| left >= 0), "{:?}", clock),
        Status::Waived => {}
    }
    if let (Some(due), Some(met)) = (due_at, met_at) {
        prop_assert_eq!(*status == Status::Late, met > due, "{:?}", clock);
    }
    if let (Some(due), false) = (due_at, met_at.is_some() || *status == Status::Waived) {
        prop_assert_eq!(*status == Status::Overdue, *due < now || clock.kind == Kind::Prenotice, "{:?}", clock);
    }
    prop_assert!(due_at.is_some() || clock.not_before.is_some(), "{:?}", clock);
    prop_assert!(!(clock.kind == Kind::FirstResponse && *status == Status::Paused));
    Ok(())
}

/// So many of each property, more when the soak runs.
fn many() -> u32 {
    u32::try_from(support::rounds(3_000)).unwrap_or(u32::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: many(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_clock_says_one_thing(events in events(), now in 4000i64..9000) {
        let (calendar, policy, now) = (Calendar::utc(), policy(), at(now));
        let reports = fold(&events);
        let cases = cases(&reports);
        for report in reports.values() {
            let clocks = clocks(report, &cases[&report.case], &policy, &calendar, now);
            for clock in &clocks {
                check(clock, now)?;
            }
            let kinds: Vec<Kind> = clocks.iter().map(|clock| clock.kind).collect();
            prop_assert!(kinds.windows(2).all(|pair| pair[0] < pair[1]), "one clock of each kind, in order: {:?}", kinds);
            prop_assert!(!is_overdue(&clocks) || nearest(&clocks).is_some_and(|c| c.status == Status::Overdue));
            prop_assert!(earliest_release(&clocks).is_none_or(|earliest| earliest > now));
        }
    }

    #[test]
    fn what_was_late_stays_late(events in events(), now in 4000i64..9000, later in 0i64..5000) {
        let (calendar, policy) = (Calendar::utc(), policy());
        let reports = fold(&events);
        let cases = cases(&reports);
        for report in reports.values() {
            let case = &cases[&report.case];
            let first = clocks(report, case, &policy, &calendar, at(now));
            let second = clocks(report, case, &policy, &calendar, at(now + later));
            for (first, second) in first.iter().zip(&second) {
                let done = matches!(first.status, Status::Met | Status::Late | Status::Waived | Status::Overdue);
                prop_assert!(!done || first.status == second.status, "{:?} became {:?}", first, second);
            }
        }
    }
}

#[test]
fn ten_thousand_reports_are_clocked_in_a_moment() {
    let zone = Calendar::zone_named("Europe/Berlin").unwrap();
    let weekend = ["saturday", "sunday"].map(|day| Calendar::weekday_named(day).unwrap());
    let calendar = Calendar::new(zone, &weekend, Holidays::default()).unwrap();
    let opened = |n: u64| Event {
        at: at(i64::try_from(n).unwrap()),
        device: "desk".into(),
        number: n,
        who: "poll".into(),
        report: Some(format!("r{n}")),
        message: None,
        what: What::ReportOpened { received_at: at(i64::try_from(n).unwrap()), reporter: String::new() },
    };
    let events: Vec<Event> = (1..=10_000).map(opened).collect();
    let (reports, policy) = (fold(&events), policy());
    let cases = cases(&reports);
    let began = Instant::now();
    let count: usize = reports.values().map(|r| clocks(r, &cases[&r.case], &policy, &calendar, at(20_000)).len()).sum();
    println!("{count} clocks in {:?}", began.elapsed());
    assert_eq!(count, 30_000);
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}
