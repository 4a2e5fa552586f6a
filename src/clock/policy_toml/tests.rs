use super::*;

const FULL: &str = r#"# Ours
contacts = ["security@example.org", "github:pvr"]
pgp_fingerprints = ["0123 4567 89ab cdef 0123  4567 89ab cdef 0123 4567"]
first_response = "2 working days"
assessment = "3 to 5 days"
fix = "30 days from assessment"
update_every = { amount = 1, unit = "week", approx = true, quote = "about once a week" }
prenotice_before_release = "at least 24 hours"
disclosure_deadline = { amount = 90, unit = "day", bound = "max" }
postmortem_after_release = "1 week"
reporter_follow_up_after = "48h"
required_report_fields = ["version", "steps"]
supported_versions = ["2.x"]

[[by_severity]]
severity = "Critical"
first_response = "24 hours"
fix = "7 days"

[[by_severity]]
severity = "low"

[by_severity.update_every]
amount = 1
unit = "month"
"#;

#[test]
fn everything_is_read() {
    let policy = read(FULL).unwrap();
    let bare = |t: &Option<Target>| t.clone().map(|t| Target { quote: None, line: None, ..t });
    assert_eq!(policy.contacts, ["security@example.org", "github:pvr"]);
    assert_eq!(policy.pgp_fingerprints, ["0123456789ABCDEF0123456789ABCDEF01234567"]);
    assert_eq!(bare(&policy.first_response), Some(Target::new(2, Unit::WorkingDay)));
    assert_eq!(bare(&policy.assessment), Some(Target { min: Some(3), ..Target::new(5, Unit::Day) }));
    assert_eq!(bare(&policy.fix), Some(Target { from: Some("assessment".into()), ..Target::new(30, Unit::Day) }));
    assert_eq!(bare(&policy.update_every), Some(Target { approx: true, ..Target::new(1, Unit::Week) }));
    let notice = Target { bound: Some(Bound::Min), ..Target::new(24, Unit::Hour) };
    assert_eq!(bare(&policy.prenotice_before_release), Some(notice));
    let deadline = Target { bound: Some(Bound::Max), ..Target::new(90, Unit::Day) };
    assert_eq!(bare(&policy.disclosure_deadline), Some(deadline));
    assert_eq!(bare(&policy.reporter_follow_up_after), Some(Target::new(48, Unit::Hour)));
    assert_eq!(policy.by_severity[0].severity, "critical");
    assert_eq!(bare(&policy.by_severity[0].fix), Some(Target::new(7, Unit::Day)));
    assert_eq!(bare(&policy.by_severity[1].update_every), Some(Target::new(1, Unit::Month)));
    assert_eq!(policy.required_report_fields, ["version", "steps"]);
}

#[test]
fn each_target_names_its_line_and_words() {
    let policy = read(FULL).unwrap();
    let first = policy.first_response.unwrap();
    assert_eq!((first.line, first.quote.as_deref()), (Some(4), Some("first_response = \"2 working days\"")));
    let update = policy.update_every.unwrap();
    assert_eq!((update.line, update.quote.as_deref()), (Some(7), Some("about once a week")));
    assert_eq!(policy.by_severity[0].fix.as_ref().unwrap().line, Some(18));
}

#[test]
fn mistakes_name_the_line() {
    let cases = [
        ("first_response = \"2 days\"\nfrist_response = 1", 2, "unknown field"),
        ("\nfirst_response = \"2 fortnights\"", 2, "“2 fortnights” is no amount of time"),
        ("first_response = 48", 1, "an amount of time such as"),
        ("first_response = \"0 days\"", 1, "amount of 0"),
        ("a = ", 1, ""),
        ("first_response = \"-2 days\"", 1, "no amount of time"),
        ("first_response = \"5 to 3 days\"", 1, "lower end"),
        ("first_response = \"4294967295 days\"", 1, "hundred years"),
        ("first_response = \"4294967296 days\"", 1, "no amount of time"),
        ("fix = \"3 days after fix\"", 1, "the fix cannot be counted from “fix”, when it is over"),
        ("fix = \"3 days after release\"", 1, "when it is over"),
        ("\nfirst_response = \"3 days from triage\"", 2, "the first response cannot be counted from “triage”"),
        ("assessment = \"3 days from confirmation\"", 1, "when it is over"),
        ("disclosure_deadline = \"3 days after disclosure\"", 1, "when it is over"),
        ("prenotice_before_release = \"2 days from report\"", 1, "the prenotice cannot be counted"),
        ("first_response = \"at least 3 days\"", 1, "“at least” promises no first response"),
        ("update_every = { amount = 3, unit = \"day\", bound = \"min\" }", 1, "“at least” promises no update"),
        ("first_response = { amount = 1.5, unit = \"day\" }", 1, "“1.5” is no amount; expected a whole number"),
        ("first_response = { amount = -2, unit = \"day\" }", 1, "“-2” is no amount"),
        ("first_response = { amount = \"2\", unit = \"day\" }", 1, "is no amount; expected a whole number"),
        ("first_response = { amount = 4294967296, unit = \"day\" }", 1, "is no amount"),
        (
            "[[by_severity]]\nseverity = \"medium\"\nfix = \"3 days\"\n[[by_severity]]\nseverity = \"Moderate\"",
            5,
            "given twice",
        ),
        ("fix = \"3 days after full moon\"", 1, "full moon"),
        ("fix = { amount = 3, unit = \"fortnight\" }", 1, "fortnight"),
        ("fix = { amount = 3, unit = \"day\", colour = 1 }", 1, "unknown field"),
        ("fix = { unit = \"day\" }", 1, "missing field"),
        ("[[by_severity]]\nseverity = \"low\"\n[[by_severity]]\nseverity = \"Low\"", 4, "twice"),
        ("[[by_severity]]\nfix = \"3 days\"", 1, "severity"),
        ("pgp_fingerprints = [\n\"ABCD\"\n]", 2, "40 or 64"),
        ("first_response = \"2 days\"\nfirst_response = \"2 days\"", 2, "duplicate"),
    ];
    for (text, line, part) in cases {
        let error = read(text).expect_err(text);
        assert_eq!(error.line, line, "{error} for {text:?}");
        assert!(error.what.contains(part), "{error} for {text:?}");
    }
}

#[test]
fn an_empty_policy_promises_nothing() {
    assert_eq!(read("").unwrap(), ResponsePolicy::default());
    assert_eq!(read("\u{feff}first_response = \"1 week\"").unwrap().first_response.unwrap().line, Some(1));
}

#[test]
fn amounts_in_words() {
    let target = |amount, unit| Target::new(amount, unit);
    let after = |from: &str, target| Target { from: Some(from.to_owned()), ..target };
    let cases = [
        ("2 Business Days", target(2, Unit::WorkingDay)),
        ("1 workday", target(1, Unit::WorkingDay)),
        ("within 48h", target(48, Unit::Hour)),
        ("3-5 days", Target { min: Some(3), ..target(5, Unit::Day) }),
        ("3 – 5 weeks", Target { min: Some(3), ..target(5, Unit::Week) }),
        ("about 2 months", Target { approx: true, ..target(2, Unit::Month) }),
        ("no less than 24 hours", Target { bound: Some(Bound::Min), ..target(24, Unit::Hour) }),
        ("no more than 7 calendar days", Target { bound: Some(Bound::Max), ..target(7, Unit::Day) }),
        ("1 week after the release", after("release", target(1, Unit::Week))),
    ];
    for (words, wanted) in cases {
        assert_eq!(read_target(words), Ok(wanted), "{words}");
    }
    for bad in ["", "soon", "two days", "days", "2", "2 d ays", "2 - days", "1 to 2 to 3 days", "٢ days", "2 days from"]
    {
        assert!(read_target(bad).is_err(), "{bad:?} was read as {:?}", read_target(bad));
    }
}
