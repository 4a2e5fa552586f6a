//! The reader of published policies, against documents and sentences written for it.

use sealpost::clock::policy::{Bound, Target, Unit};
use sealpost::clock::published::{self, InputError, LARGEST, Reading};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const KINDS: [&str; 8] = [
    "first_response",
    "assessment",
    "fix",
    "update_every",
    "prenotice_before_release",
    "disclosure_deadline",
    "postmortem_after_release",
    "reporter_follow_up_after",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/policy")
}

fn target<'a>(reading: &'a Reading, kind: &str) -> Option<&'a Target> {
    let p = &reading.policy;
    match kind {
        "first_response" => &p.first_response,
        "assessment" => &p.assessment,
        "fix" => &p.fix,
        "update_every" => &p.update_every,
        "prenotice_before_release" => &p.prenotice_before_release,
        "disclosure_deadline" => &p.disclosure_deadline,
        "postmortem_after_release" => &p.postmortem_after_release,
        "reporter_follow_up_after" => &p.reporter_follow_up_after,
        other => panic!("no commitment is called {other}"),
    }
    .as_ref()
}

/// "7 day min 1", "90 day min", "48 hour approx".
fn shown(target: &Target) -> String {
    let unit = match target.unit {
        Unit::Hour => "hour",
        Unit::Day => "day",
        Unit::WorkingDay => "working_day",
        Unit::Week => "week",
        Unit::Month => "month",
    };
    let mut text = format!("{} {unit}", target.amount);
    match (target.min, target.bound) {
        (Some(min), _) => text.push_str(&format!(" min {min}")),
        (None, Some(Bound::Min)) => text.push_str(" min"),
        (None, Some(Bound::Max)) => text.push_str(" max"),
        (None, None) => {}
    }
    if target.approx {
        text.push_str(" approx");
    }
    if target.implied {
        text.push_str(" implied");
    }
    text
}

#[derive(Deserialize)]
struct Sentences {
    case: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    text: String,
    #[serde(default)]
    #[allow(dead_code)]
    note: String,
    contacts: Option<Vec<String>>,
    #[serde(flatten)]
    commitments: BTreeMap<String, String>,
}

/// What the reader got wrong about a text.
fn misses(text: &str, commitments: &BTreeMap<String, String>, contacts: Option<&Vec<String>>) -> Vec<String> {
    let reading = published::read(text);
    let mut misses = Vec::new();
    for kind in commitments.keys() {
        assert!(KINDS.contains(&kind.as_str()), "no commitment is called {kind}: {text}");
    }
    for kind in KINDS {
        let got = target(&reading, kind).map(shown);
        let want = commitments.get(kind);
        if got.as_ref() != want {
            misses.push(format!("{kind}: {got:?}, not {want:?}"));
        }
    }
    if let Some(contacts) = contacts
        && *contacts != reading.policy.contacts
    {
        misses.push(format!("contacts: {:?}, not {contacts:?}", reading.policy.contacts));
    }
    misses
}

#[test]
fn sentences_mean_what_they_say() {
    let text = std::fs::read_to_string(fixtures().join("sentences.toml")).unwrap();
    let sentences: Sentences = toml::from_str(&text).unwrap();
    assert!(sentences.case.len() >= 120, "only {} sentences found", sentences.case.len());
    let mut failed = Vec::new();
    for case in &sentences.case {
        // Line endings must not matter.
        for text in [case.text.clone(), case.text.replace('\n', "\r\n")] {
            let misses = misses(&text, &case.commitments, case.contacts.as_ref());
            if !misses.is_empty() {
                failed.push(format!("{:?}\n    {}", text, misses.join("\n    ")));
            }
        }
    }
    failed.dedup();
    assert!(failed.is_empty(), "{} wrong:\n{}", failed.len(), failed.join("\n"));
}

#[derive(Deserialize)]
struct Quoted {
    quote: String,
    line: usize,
}

/// Every quote stands in the file to the letter (white space folded), from its line on.
fn check_quotes(name: &str, text: &str, value: &serde_json::Value) {
    if let Ok(quoted) = serde_json::from_value::<Quoted>(value.clone()) {
        let rest: Vec<&str> = text.lines().skip(quoted.line - 1).collect();
        let folded = rest.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let first = rest.first().map_or(0, |l| l.len());
        let at = folded.find(&quoted.quote);
        assert!(at.is_some_and(|at| at <= first), "{name}: line {} does not begin {:?}", quoted.line, quoted.quote);
        return;
    }
    match value {
        serde_json::Value::Array(values) => values.iter().for_each(|v| check_quotes(name, text, v)),
        serde_json::Value::Object(values) => values.values().for_each(|v| check_quotes(name, text, v)),
        _ => {}
    }
}

#[test]
fn documents_are_read_as_a_person_would() {
    let mut found = 0;
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        if !path.extension().is_some_and(|e| e == "md" || e == "txt" || e == "rst") {
            continue;
        }
        found += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let reading = published::read_bytes(&bytes).unwrap();
        let checked = sealpost::output::policy::Checked::new(name.clone(), reading, false);
        let human = checked.human();
        assert!(human.lines().all(|l| l.chars().count() <= 80 || !l.trim().contains(' ')), "{name}:\n{human}");
        let got = serde_json::to_value(&checked).unwrap();
        check_quotes(&name, std::str::from_utf8(&bytes).unwrap(), &got);
        expected["file"] = serde_json::Value::String(name.clone());
        if got != expected {
            failed.push(format!("{name}: {}", serde_json::to_string_pretty(&got).unwrap()));
        }
    }
    assert!(found >= 6, "only {found} documents found");
    assert!(failed.is_empty(), "not as expected:\n{}", failed.join("\n"));
}

/// The project's own SECURITY.md promises what it says, and nothing else.
#[test]
fn our_own_policy_is_read_to_the_letter() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md")).unwrap();
    let reading = published::read(&text);
    let got: Vec<(&str, String, Option<String>)> =
        KINDS.iter().filter_map(|&kind| target(&reading, kind).map(|t| (kind, shown(t), t.from.clone()))).collect();
    let wanted = [
        ("first_response", "3 working_day", None),
        ("assessment", "10 working_day", None),
        ("update_every", "14 day", None),
        ("prenotice_before_release", "24 hour min", None),
        ("disclosure_deadline", "90 day max", None),
        ("postmortem_after_release", "7 day", Some("release")),
        ("reporter_follow_up_after", "5 working_day", None),
    ];
    let wanted: Vec<_> = wanted.map(|(kind, t, from)| (kind, t.to_owned(), from.map(str::to_owned))).to_vec();
    assert_eq!(got, wanted);
    let severities: Vec<_> =
        reading.policy.by_severity.iter().map(|s| (&*s.severity, s.fix.as_ref().map(shown))).collect();
    assert_eq!(severities, [("critical", Some("30 day".to_owned()))]);
    assert_eq!(reading.policy.contacts, ["security@sealpost.example.org"]);
    assert_eq!(reading.policy.supported_versions, ["0.1.x"]);
    assert_eq!(reading.policy.warnings, [""; 0]);
}

#[test]
fn what_a_target_alone_holds_for_is_kept() {
    let reading = published::read("For vulnerabilities that affect the wire format, we respond within 4 days.");
    assert_eq!(reading.policy.first_response.unwrap().applies_to.as_deref(), Some("that affect the wire format"));
    let reading = published::read("For all vulnerabilities, we respond within 4 days.");
    assert_eq!(reading.policy.first_response.unwrap().applies_to, None);
}

#[test]
fn severities_without_a_number_are_listed_without_one() {
    let table = "| Severity | Fix |\n|---|---|\n| Critical | 7 days |\n| High | 30 days |\n| Low | when we can |\n";
    let list = "We fix by severity:\n\n- Critical: 7 days\n- High: 30 days\n- Low: best effort\n";
    for text in [table, list] {
        let reading = published::read(text);
        let got: Vec<_> =
            reading.policy.by_severity.iter().map(|s| (&*s.severity, s.fix.as_ref().map(shown))).collect();
        let days = |n: &str| Some(format!("{n} day"));
        assert_eq!(got, [("critical", days("7")), ("high", days("30")), ("low", None)], "{text}");
    }
}

#[test]
fn versions_in_prose_are_read_and_rules_are_not() {
    let read = |text: &str| published::read(&format!("# Supported versions\n\n{text}\n")).policy.supported_versions;
    assert_eq!(read("Versions 2.x and v3.1 are supported."), ["2.x", "v3.1"]);
    assert_eq!(read("We support the latest minor release of 3.1."), [""; 0]);
    assert_eq!(read("Versions before 2.0 are not supported."), [""; 0]);
    assert_eq!(read("We follow version 2.0.0 of semantic versioning."), [""; 0]);
}

#[test]
fn business_hours_are_taken_as_plain_hours_and_it_is_said() {
    let reading = published::read("We reply within 16 business hours.");
    assert!(
        reading.policy.warnings.iter().any(|w| w.starts_with("business-hours: line 1")),
        "{:?}",
        reading.policy.warnings
    );
    assert!(published::read("We reply within 16 hours.").policy.warnings.is_empty());
}

#[test]
fn every_number_is_explained() {
    let reading = published::read("We reply within 2 days. Version 3.1 has 12 fixes. A few hours may pass.");
    let told: Vec<(&str, Option<&str>)> = reading.decisions.iter().map(|d| (d.number.as_str(), d.taken_for)).collect();
    assert_eq!(
        told,
        [("2 days", Some("first_response")), ("3.1", None), ("12", None), ("a few hours", None)],
        "{:?}",
        reading.decisions
    );
    assert!(reading.decisions.iter().all(|d| !d.why.is_empty() && d.line == 1 && !d.quote.is_empty()));
}

/// What a document holds reaches a terminal only as visible text.
#[test]
fn documents_cannot_speak_to_the_terminal() {
    let reading = published::read("We reply within 2 days\u{1b}[31m\u{202e}. Mail \u{9b}a@example.org.");
    let human = sealpost::output::policy::Checked::new("a\u{1b}]0;x".into(), reading, true).human();
    assert!(human.contains("2 days"), "{human}");
    assert!(!human.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{human:?}");
}

#[test]
fn size_and_kind_are_checked_first() {
    assert_eq!(published::read_bytes(&vec![b' '; 50 << 20]).err(), Some(InputError::TooLarge));
    assert_eq!(published::read_bytes(&vec![b' '; LARGEST]).map(|r| r.policy.contacts.len()), Ok(0));
    assert!(matches!(published::read_bytes(&[0x89, b'P', b'N', b'G', 0, 0, 0, 1]), Err(InputError::Binary(_))));
}

/// Documents made to cost time: none may take long.
#[test]
fn hostile_documents_end_soon() {
    let fill = |piece: &str| piece.repeat(LARGEST / piece.len());
    let pieces = [
        "> ",
        ">",
        "- ",
        "* a\n  ",
        "[",
        "![",
        "](",
        "<",
        "< ",
        "<a ",
        "<!--",
        "`",
        "**a",
        "_",
        "|",
        "| 1 day ",
        "|-",
        "a|b\n-|-\n",
        "1. ",
        "48 hours ",
        "within 48 hours, ",
        "we fix and we fix or ",
        "# 2 days\n",
        "1 ",
        "1 to ",
        "(5",
        "a at b.c ",
        "@a.b ",
        "security (at) ",
        "(dot)",
        "http://a/",
        "https://",
        "[a](b) ",
        "&#64;",
        "critical ",
        "if not ",
        "a\n\n",
        "- 1 day\n  - ",
        "日",
        "天内 48 ",
        "```\n",
        "~~~",
        "---\n",
        "ABCD ",
        "<td>",
        "<script>",
        "\\",
        "\t",
        "\r",
        "report a vulnerability ",
        "private vulnerability reporting ",
        "| a | b |\n|---|---|\n| 1 | 2 days |\n",
    ];
    let mut slow = Vec::new();
    let mut time = |name: &str, text: &str| {
        let start = Instant::now();
        let _ = published::read(text);
        let took = start.elapsed();
        if took > Duration::from_secs(5) {
            slow.push(format!("{name:?} took {took:?}"));
        }
    };
    for piece in pieces {
        time(piece, &fill(piece));
    }
    let table = format!("|{}\n|{}\n{}", "a|".repeat(500), "-|".repeat(500), ("|1 day".repeat(500) + "\n").repeat(300));
    let quotes = format!("{}\n{}", ">".repeat(LARGEST / 2), "a\n".repeat(LARGEST / 5));
    let deep = (0..1400).map(|n| format!("{}- a\n", " ".repeat(n))).collect::<String>();
    for (name, text) in [("wide table", table), ("deep quotes", quotes), ("deep list", deep)] {
        time(name, text.get(..LARGEST.min(text.len())).unwrap());
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
