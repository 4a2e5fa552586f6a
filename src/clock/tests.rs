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
    assert_eq!(unclocked(&policy), [(Kind::Fix, "a blue moon")]);
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
    let target =
        |policy: &ResponsePolicy, severity| Kind::FirstResponse.target(policy, severity).map(|t| (t.amount, t.unit));
    assert_eq!(target(&policy, None), Some((36, Unit::Hour)));
    assert_eq!(target(&policy, Some("low")), Some((2, Unit::Week)));
    assert_eq!(target(&policy, Some("none")), None);
    policy.first_response = Some(Target::new(5, Unit::Day));
    assert_eq!(target(&policy, None), Some((5, Unit::Day)));
}

#[test]
fn the_stand_in_is_two_working_days() {
    assert_eq!(ResponsePolicy::stand_in().first_response, Some(Target::new(2, Unit::WorkingDay)));
}
