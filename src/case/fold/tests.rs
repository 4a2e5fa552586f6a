use std::time::Instant;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::case::{CaseState, State, cases};

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

fn event(device: &str, number: u64, minutes: i64, report: &str, what: What) -> Event {
    let (device, who) = (device.to_owned(), "alice".to_owned());
    Event { at: at(minutes), device, number, who, report: Some(report.to_owned()), message: None, what }
}

fn mail(message: &str, event: Event) -> Event {
    Event { message: Some(message.to_owned()), ..event }
}

fn opened(minutes: i64) -> What {
    What::ReportOpened { received_at: at(minutes), reporter: "finder@example.net".to_owned() }
}

fn received(minutes: i64) -> What {
    What::Received { sha256: String::new(), size: 1, received_at: at(minutes), source: "INBOX".to_owned() }
}

fn mark(fact: Fact, minutes: i64) -> What {
    What::Marked { fact, happened_at: at(minutes), note: None }
}

fn severity(name: &str) -> What {
    What::Severity { severity: Some(name.to_owned()) }
}

fn close(seen: &[(&str, u64)]) -> What {
    let seen = seen.iter().map(|(device, number)| ((*device).to_owned(), *number)).collect();
    What::Closed { reason: None, seen: Some(seen) }
}

fn one(events: &[Event]) -> ReportState {
    fold(events).remove("r").unwrap()
}

#[test]
fn a_follow_up_is_dated_by_the_server_wherever_its_receipt_stands() {
    let state = one(&[
        event("a", 1, 10, "r", opened(5)),
        mail("m", event("a", 2, 11, "r", What::Filed { role: Role::FollowUp })),
        mail("m", event("b", 1, 20, "r", received(7))),
        mail("m", event("b", 2, 21, "r", received(8))),
    ]);
    assert_eq!(state.wrote_at, [at(5), at(7)]);
}

#[test]
fn a_message_lies_where_it_was_filed_last() {
    let events = [
        event("a", 1, 1, "r", opened(1)),
        event("a", 2, 2, "s", opened(2)),
        mail("m", event("a", 3, 3, "r", received(3))),
        mail("m", event("a", 4, 4, "r", What::Filed { role: Role::FollowUp })),
        mail("m", event("a", 5, 5, "s", What::Filed { role: Role::FollowUp })),
    ];
    let states = fold(&events);
    assert_eq!(states["r"].wrote_at, [at(1)]);
    assert_eq!(states["s"].wrote_at, [at(2), at(3)]);
}

#[test]
fn two_people_doing_the_same_do_it_once() {
    let answered = |minutes| What::Answered { answered_at: at(minutes), how: "sent".to_owned() };
    let state = one(&[
        event("a", 1, 1, "r", opened(1)),
        event("b", 1, 2, "r", opened(1)),
        mail("m", event("a", 2, 5, "r", answered(5))),
        mail("m", event("b", 2, 6, "r", answered(6))),
        event("a", 3, 7, "r", mark(Fact::Fixed, 7)),
        event("b", 3, 8, "r", mark(Fact::Fixed, 8)),
        event("a", 4, 9, "r", What::Closed { reason: None, seen: None }),
        event("b", 4, 10, "r", What::Closed { reason: None, seen: None }),
    ]);
    assert_eq!(state.answered_at, [at(5)]);
    assert_eq!(state.facts[&Fact::Fixed].at, at(7));
    assert_eq!(state.closed_at, Some(at(9)));
    assert_eq!(state.state(), State::Closed);
}

#[test]
fn the_later_severity_wins_and_can_be_cleared() {
    let mut events = vec![
        event("a", 1, 1, "r", opened(1)),
        event("b", 1, 3, "r", severity("High")),
        event("a", 2, 2, "r", severity("low")),
    ];
    assert_eq!(one(&events).severity.as_deref(), Some("high"));
    events.push(event("a", 3, 4, "r", What::Severity { severity: None }));
    assert_eq!(one(&events).severity, None);
}

#[test]
fn closing_counts_against_what_it_saw_only() {
    let mut events = vec![
        event("a", 1, 1, "r", opened(1)),
        event("b", 1, 2, "r", severity("critical")),
        event("a", 2, 3, "r", close(&[])),
    ];
    let state = one(&events);
    assert_eq!((state.closed_at, state.close_contested_at), (None, Some(at(3))));
    events.push(event("a", 3, 4, "r", close(&[("b", 1)])));
    let state = one(&events);
    assert_eq!((state.closed_at, state.close_contested_at), (Some(at(4)), None));
}

#[test]
fn closing_need_not_see_what_is_about_other_reports() {
    let state = one(&[
        event("a", 1, 1, "r", opened(1)),
        event("b", 1, 2, "s", opened(2)),
        event("b", 2, 2, "s", severity("critical")),
        event("a", 2, 3, "r", close(&[])),
    ]);
    assert_eq!(state.closed_at, Some(at(3)));
}

#[test]
fn a_report_without_its_opening_waits_for_it() {
    assert!(fold(&[event("a", 1, 1, "r", severity("low"))]).is_empty());
}

#[test]
fn the_policy_is_the_one_in_force_at_receipt() {
    let adopt = |number, minutes, name: &str| {
        let what = What::PolicyAdopted { sha256: name.to_owned(), file: "SECURITY.md".to_owned() };
        Event { report: None, ..event("a", number, minutes, "", what) }
    };
    let events = [
        event("a", 9, 30, "early", opened(5)),
        adopt(1, 10, "first"),
        event("a", 2, 15, "middle", opened(15)),
        adopt(3, 20, "second"),
        event("a", 4, 20, "late", opened(20)),
        event("a", 5, 40, "overtaken", opened(19)),
    ];
    let states = fold(&events);
    let policy = |name: &str| states[name].policy.as_deref();
    assert_eq!(policy("early"), Some("first"));
    assert_eq!(policy("middle"), Some("first"));
    assert_eq!(policy("overtaken"), Some("first"));
    assert_eq!(policy("late"), Some("second"));
}

#[test]
fn links_in_a_circle_make_one_case_named_by_the_first() {
    let link = |to: &str| What::Linked { case: to.to_owned() };
    let events = [
        event("a", 1, 1, "x", opened(3)),
        event("a", 2, 2, "y", opened(2)),
        event("a", 3, 3, "z", opened(1)),
        event("a", 4, 4, "x", link("y")),
        event("b", 1, 4, "y", link("x")),
        event("b", 2, 5, "z", link("x")),
    ];
    let reports = fold(&events);
    let cases = cases(&reports);
    assert_eq!(cases.keys().collect::<Vec<_>>(), ["y"]);
    assert_eq!(cases["y"].reports, ["z", "y", "x"]);
    assert_eq!(cases["y"].received_at, at(1));
}

#[test]
fn a_case_may_be_named_by_a_report_that_has_not_arrived() {
    let events = [
        event("a", 1, 1, "x", opened(1)),
        event("a", 2, 2, "y", opened(2)),
        event("a", 3, 3, "x", What::Linked { case: "elsewhere".to_owned() }),
        event("a", 4, 3, "y", What::Linked { case: "elsewhere".to_owned() }),
    ];
    assert_eq!(cases(&fold(&events))["elsewhere"].reports, ["x", "y"]);
}

#[test]
fn a_very_long_chain_of_links_is_followed() {
    let name = |n: i64| format!("r{n:06}");
    let mut events = Vec::new();
    for n in 0..20_000i64 {
        let number = u64::try_from(n).unwrap() * 2 + 1;
        events.push(event("a", number, n, &name(n), opened(n)));
        events.push(event("a", number + 1, n, &name(n), What::Linked { case: name(n + 1) }));
    }
    let began = Instant::now();
    let reports = fold(&events);
    assert!(reports.values().all(|report| report.case == name(20_000)));
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}

#[test]
fn fifty_thousand_events_take_well_under_a_second() {
    let mut events = Vec::new();
    for n in 0..50_000u64 {
        let minutes = i64::try_from(n).unwrap();
        let report = format!("r{}", n % 5_000);
        let what = match n / 5_000 {
            0 => opened(minutes),
            1 => severity("high"),
            2 | 3 => What::Filed { role: Role::FollowUp },
            4 => What::Paused,
            5 => What::Resumed,
            6 => mark(Fact::Valid, minutes),
            7 => What::Noted { text: "note".to_owned() },
            8 => What::Tagged { tag: format!("t{n}") },
            _ => What::Closed { reason: None, seen: None },
        };
        events.push(mail(&format!("m{n}"), event("a", n, minutes, &report, what)));
    }
    events.reverse();
    let began = Instant::now();
    let reports = fold(&events);
    let grouped = cases(&reports);
    let took = began.elapsed();
    assert_eq!((reports.len(), grouped.len()), (5_000, 5_000));
    assert!(took.as_millis() < 1_000, "{took:?}");
    println!("50,000 events in {took:?}");
}

fn any_what() -> impl Strategy<Value = What> {
    let fact = prop::sample::select(vec![Fact::Acknowledged, Fact::Valid, Fact::Invalid, Fact::Fixed, Fact::Released]);
    let name = || prop::sample::select(vec!["p", "q", "r", "s"]);
    prop_oneof![
        3 => (0i64..50).prop_map(opened),
        1 => (0i64..50).prop_map(received),
        1 => prop::sample::select(vec![Role::Opening, Role::FollowUp, Role::Automatic]).prop_map(|role| What::Filed { role }),
        1 => (0i64..50).prop_map(|m| What::Answered { answered_at: at(m), how: "sent".to_owned() }),
        2 => (fact, 0i64..50).prop_map(|(fact, m)| mark(fact, m)),
        1 => prop::sample::select(vec!["low", "high"]).prop_map(severity),
        1 => name().prop_map(|n| What::Linked { case: n.to_owned() }),
        1 => Just(What::Unlinked),
        1 => Just(What::Paused),
        1 => Just(What::Resumed),
        1 => Just(What::Closed { reason: None, seen: None }),
        1 => (0u64..20).prop_map(|n| close(&[("a", n)])),
        1 => Just(What::Reopened),
        1 => name().prop_map(|n| What::PolicyAdopted { sha256: n.to_owned(), file: String::new() }),
        1 => name().prop_map(|n| What::Tagged { tag: n.to_owned() }),
        1 => name().prop_map(|n| What::Untagged { tag: n.to_owned() }),
        1 => name().prop_map(|n| What::Assigned { assignee: Some(n.to_owned()) }),
    ]
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let one = (
        prop::sample::select(vec!["a", "b", "c"]),
        0i64..12,
        prop::sample::select(vec!["p", "q", "r", "s"]),
        prop::option::of(prop::sample::select(vec!["m1", "m2", "m3"])),
        any_what(),
    );
    prop::collection::vec(one, 1..40).prop_map(|list| {
        let numbered = list.into_iter().zip(1u64..);
        numbered
            .map(|((device, minutes, report, message, what), number)| Event {
                message: message.map(str::to_owned),
                ..event(device, number, minutes, report, what)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (events, shuffled) in any_events().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        again in 0usize..40,
    ) {
        let mut shuffled = shuffled;
        // What arrives twice counts once.
        shuffled.extend(events.iter().take(again).cloned());
        let (first, second) = (fold(&events), fold(&shuffled));
        prop_assert_eq!(cases(&first), cases(&second));
        prop_assert_eq!(first, second);
    }

    #[test]
    fn every_report_is_in_one_case_and_pauses_are_apart(events in any_events()) {
        let reports = fold(&events);
        let cases = cases(&reports);
        let members: usize = cases.values().map(|case: &CaseState| case.reports.len()).sum();
        prop_assert_eq!(members, reports.len());
        for report in reports.values() {
            prop_assert!(cases[&report.case].reports.contains(&report.uid));
        }
        for pauses in reports.values().map(|r| &r.pauses).chain(cases.values().map(|c| &c.pauses)) {
            for pair in pauses.windows(2) {
                prop_assert!(pair[0].1.is_some_and(|end| end <= pair[1].0), "{pauses:?}");
            }
        }
    }
}
