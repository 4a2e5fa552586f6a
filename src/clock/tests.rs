use super::*;

#[test]
fn an_anchor_is_read_from_the_words_of_policies() {
    let cases = [
        ("acknowledgement", Some(Anchor::Answer)),
        ("triage", Some(Anchor::Assessment)),
        ("confirmation", Some(Anchor::Assessment)),
        ("the release", Some(Anchor::Release)),
        ("incident response complete", Some(Anchor::Release)),
        ("notification", Some(Anchor::Receipt)),
        ("a blue moon", None),
    ];
    for (words, anchor) in cases {
        assert_eq!(Anchor::read(words), anchor, "{words}");
    }
}

#[test]
fn a_start_that_nobody_records_is_named() {
    let from = |words: &str| Some(Target { from: Some(words.into()), ..Target::new(1, Unit::Week) });
    let policy = ResponsePolicy { fix: from("a blue moon"), assessment: from("receipt"), ..ResponsePolicy::default() };
    assert_eq!(unclocked(&policy), [(Kind::Fix, "a blue moon", "which nobody records")]);
}

#[test]
fn a_clock_does_not_start_with_what_it_waits_for() {
    let from = |words: &str| Some(Target { from: Some(words.into()), ..Target::new(1, Unit::Week) });
    let policy = ResponsePolicy {
        fix: from("release of the patch"),
        assessment: from("confirmation"),
        disclosure_deadline: from("release"),
        ..ResponsePolicy::default()
    };
    let told: Vec<(Kind, &str)> = unclocked(&policy).into_iter().map(|(kind, _, why)| (kind, why)).collect();
    assert_eq!(told, [(Kind::Assessment, "when it is over"), (Kind::Fix, "when it is over")]);
    let at: Timestamp = "2026-03-02T00:00Z".parse().unwrap();
    let recorded = crate::case::Recorded { at, note: None };
    let facts = [(Fact::Valid, recorded.clone()), (Fact::Released, recorded)].into_iter().collect();
    let case = CaseState { received_at: at, facts, ..CaseState::default() };
    let kinds: Vec<Kind> = case_clocks(&case, &policy, &Calendar::utc(), at).iter().map(|clock| clock.kind).collect();
    assert_eq!(kinds, [Kind::Disclosure], "none is met for nothing");
}

#[test]
fn before_the_severity_is_known_the_shortest_answer_counts() {
    let graded = |severity: &str, amount, unit| policy::SeverityTargets {
        severity: severity.into(),
        first_response: Some(Target::new(amount, unit)),
        ..policy::SeverityTargets::default()
    };
    let by_severity =
        vec![graded("low", 2, Unit::Week), graded("critical", 36, Unit::Hour), graded("high", 2, Unit::Day)];
    let mut policy = ResponsePolicy { by_severity, ..ResponsePolicy::default() };
    let calendar = Calendar::utc();
    let received_at: Timestamp = "2026-03-02T09:00Z".parse().unwrap();
    let promised = |policy: &ResponsePolicy, severity: Option<&str>| {
        let severity = severity.map(str::to_owned);
        let report = ReportState { received_at, wrote_at: vec![received_at], severity, ..ReportState::default() };
        let clocks = report_clocks(&report, &CaseState::default(), policy, &calendar, received_at);
        let target = clocks.into_iter().find(|c| c.kind == Kind::FirstResponse).map(|c| c.target);
        target.map(|t| (t.amount, t.unit, t.applies_to.is_some()))
    };
    assert_eq!(promised(&policy, None), Some((36, Unit::Hour, true)));
    assert_eq!(promised(&policy, Some("low")), Some((2, Unit::Week, false)));
    assert_eq!(promised(&policy, Some("none")), None);
    policy.first_response = Some(Target::new(5, Unit::Day));
    assert_eq!(promised(&policy, None), Some((5, Unit::Day, false)));
}

#[test]
fn the_stand_in_is_two_working_days() {
    assert_eq!(ResponsePolicy::stand_in().first_response, Some(Target::new(2, Unit::WorkingDay)));
}
