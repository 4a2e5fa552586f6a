//! The reader of published policies, against documents and sentences written for it.

use sealpost::clock::policy::{Bound, Target, Unit};
use sealpost::clock::published::{self, Format, InputError, LARGEST, Reading};
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
    fields: Option<Vec<String>>,
    versions: Option<Vec<String>>,
    /// "critical fix 7 day", in the order of the document.
    by_severity: Option<Vec<String>>,
    #[serde(flatten)]
    commitments: BTreeMap<String, String>,
}

/// What the reader got wrong about a text.
fn misses(text: &str, case: &Sentence) -> Vec<String> {
    let (commitments, contacts) = (&case.commitments, case.contacts.as_ref());
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
    // A clock that starts with something nobody records would never run.
    if let Some(from) = reading.policy.first_response.as_ref().and_then(|t| t.from.as_ref()) {
        misses.push(format!("the first response runs from {from:?}, not from the report"));
    }
    if let Some(contacts) = contacts
        && *contacts != reading.policy.contacts
    {
        misses.push(format!("contacts: {:?}, not {contacts:?}", reading.policy.contacts));
    }
    if let Some(fields) = &case.fields
        && *fields != reading.policy.required_report_fields
    {
        misses.push(format!("fields: {:?}, not {fields:?}", reading.policy.required_report_fields));
    }
    if let Some(versions) = &case.versions
        && *versions != reading.policy.supported_versions
    {
        misses.push(format!("versions: {:?}, not {versions:?}", reading.policy.supported_versions));
    }
    if let Some(by_severity) = &case.by_severity {
        let got = graded(&reading);
        if *by_severity != got {
            misses.push(format!("by severity: {got:?}, not {by_severity:?}"));
        }
    }
    misses
}

/// What is promised for each severity; a severity without any is its name alone.
fn graded(reading: &published::Reading) -> Vec<String> {
    let mut all = Vec::new();
    for s in &reading.policy.by_severity {
        let kinds = [
            ("first_response", &s.first_response),
            ("assessment", &s.assessment),
            ("fix", &s.fix),
            ("update_every", &s.update_every),
            ("disclosure_deadline", &s.disclosure_deadline),
        ];
        let said = kinds.iter().filter_map(|(kind, t)| Some(format!("{} {kind} {}", s.severity, shown(t.as_ref()?))));
        let before = all.len();
        all.extend(said);
        if all.len() == before {
            all.push(s.severity.clone());
        }
    }
    all
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
            let misses = misses(&text, case);
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
        if !path.extension().is_some_and(|e| ["md", "txt", "rst", "adoc", "html"].iter().any(|m| e == *m)) {
            continue;
        }
        found += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let reading = published::read_file(&name, &bytes).unwrap();
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
    assert!(found >= 9, "only {found} documents found");
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
    assert_eq!(published::read_bytes(&vec![b'a'; LARGEST]).map(|r| r.policy.contacts.len()), Ok(0));
    for empty in ["", " \n\t\n", "\u{feff}", "\u{feff}\n"] {
        assert_eq!(published::read_bytes(empty.as_bytes()).err(), Some(InputError::Empty), "{empty:?}");
    }
    assert!(matches!(published::read_bytes(&[0x89, b'P', b'N', b'G', 0, 0, 0, 1]), Err(InputError::Binary(_))));
}

/// Documents made to cost time: none may take long. What costs its length squared shows in a smaller one
/// too: it would take minutes.
#[test]
fn hostile_documents_end_soon() {
    let size = if std::env::var_os("SEALPOST_SOAK").is_some() { LARGEST } else { LARGEST / 16 };
    let fill = |piece: &str| piece.repeat(size / piece.len());
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
        ".. ",
        ".. a:: b\n\n",
        "`a <b>`_ ",
        "``",
        "a_ ",
        "|a| ",
        ":a:`",
        ".. _a: b\n",
        "====\n",
        "a\n=\n",
        "== a\n",
        "|===\n",
        "| a\n",
        "{a}",
        ":a: b\n",
        "----\n",
        "<<",
        "https://a[",
        "link:a[",
        "a:: b\n",
        "* a\n** b\n",
        "+---+\n",
        "+-\n| a\n",
        "===  ===\na b\n",
        ".. list-table::\n\n   * - a\n",
        "a\n  b\n",
        "::\n\n",
        "[a]\n",
        "<tr>",
        "<ul><li>",
        "<h1>",
        "please include the version, ",
    ];
    let mut slow = Vec::new();
    let mut time = |name: &str, text: &str| {
        for format in [Format::Markdown, Format::ReStructuredText, Format::AsciiDoc, Format::Html] {
            let start = Instant::now();
            let _ = published::read_as(text, format);
            let took = start.elapsed();
            if took > Duration::from_secs(30) {
                slow.push(format!("{name:?} as {format:?} took {took:?}"));
            }
        }
    };
    for piece in pieces {
        time(piece, &fill(piece));
    }
    let table = format!("|{}\n|{}\n{}", "a|".repeat(500), "-|".repeat(500), ("|1 day".repeat(500) + "\n").repeat(300));
    let quotes = format!("{}\n{}", ">".repeat(LARGEST / 2), "a\n".repeat(LARGEST / 5));
    let deep = (0..1400).map(|n| format!("{}- a\n", " ".repeat(n))).collect::<String>();
    for (name, text) in [("wide table", table), ("deep quotes", quotes), ("deep list", deep)] {
        time(name, text.get(..size.min(text.len())).unwrap());
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// Two promises of one thing: the reader takes the first and says so, whatever stands between them.
#[test]
fn contradictions_are_told() {
    let reading = published::read("We acknowledge reports within 24 hours.\n\nReports are acknowledged within 4 days.");
    assert_eq!(target(&reading, "first_response").map(shown).as_deref(), Some("24 hour"));
    let told = "contradictory: first_response is 24 hours on line 1 and 4 days on line 3; line 1 counts";
    assert_eq!(reading.policy.warnings, [told]);
    let agreed = published::read("We acknowledge reports within 2 days.\n\n- Acknowledgement: 2 days\n");
    assert!(agreed.policy.warnings.is_empty(), "{:?}", agreed.policy.warnings);
}

/// What was not read is told: a promise after it must not seem to be missing.
#[test]
fn a_document_with_too_many_paragraphs_says_where_reading_ended() {
    let text = format!("{}\nWe reply within 2 days.\n", "a\n\n".repeat(60_000));
    let reading = published::read(&text);
    assert_eq!(target(&reading, "first_response"), None);
    assert!(
        reading.policy.warnings.iter().any(|w| w.starts_with("too-long: nothing after line 79999")),
        "{:?}",
        reading.policy.warnings
    );
}

/// The same policy in four markups is one policy.
#[test]
fn every_markup_tells_the_same() {
    let texts = [
        (
            "SECURITY.md",
            "# Security\n\n## Reporting\n\nMail [us](mailto:security@example.org).\n\n| Step | Time |\n|---|---|\n| Acknowledgement | 2 days |\n| Assessment | 9 days |\n| Status update | every 5 days |\n\n* Details become public after 60 days.\n",
        ),
        (
            "SECURITY.rst",
            "Security\n========\n\nReporting\n---------\n\nMail `us <mailto:security@example.org>`_.\n\n===============  ============\nStep             Time\n===============  ============\nAcknowledgement  2 days\nAssessment       9 days\nStatus update    every 5 days\n===============  ============\n\n* Details become public after 60 days.\n",
        ),
        (
            "grid.rst",
            "Security\n========\n\nReporting\n---------\n\nMail us_.\n\n.. _us: mailto:security@example.org\n\n+-----------------+--------------+\n| Step            | Time         |\n+=================+==============+\n| Acknowledgement | 2 days       |\n+-----------------+--------------+\n| Assessment      | 9 days       |\n+-----------------+--------------+\n| Status update   | every 5 days |\n+-----------------+--------------+\n\n* Details become public after 60\n  days.\n",
        ),
        (
            "csv.rst",
            "Security\n########\n\nMail us: security@example.org\n\n.. csv-table::\n   :header: Step, Time\n\n   Acknowledgement, 2 days\n   \"Assessment\", \"9 days\"\n   Status update, every 5 days\n\n#. Details become public after 60 days.\n",
        ),
        (
            "SECURITY.adoc",
            "= Security\n:mail: security@example.org\n\n== Reporting\n\nMail mailto:{mail}[us].\n\n[options=\"header\"]\n|===\n|Step |Time\n|Acknowledgement |2 days\n|Assessment |9 days\n|Status update |every 5 days\n|===\n\n* Details become public after 60 days.\n",
        ),
        (
            "SECURITY.html",
            "<!doctype html><html><body><h1>Security</h1><h2>Reporting</h2><p>Mail <a href=\"mailto:security@example.org\">us</a>.</p><table><tr><th>Step</th><th>Time</th></tr><tr><td>Acknowledgement</td><td>2 days</td></tr><tr><td>Assessment</td><td>9 days</td></tr><tr><td>Status update</td><td>every 5 days</td></tr></table><ul><li>Details become public\nafter 60 days.</li></ul></body></html>",
        ),
    ];
    for (name, text) in texts {
        let reading = published::read_file(name, text.as_bytes()).unwrap();
        let got: Vec<(&str, String)> =
            KINDS.iter().filter_map(|&kind| target(&reading, kind).map(|t| (kind, shown(t)))).collect();
        let wanted = [
            ("first_response", "2 day"),
            ("assessment", "9 day"),
            ("update_every", "5 day"),
            ("disclosure_deadline", "60 day"),
        ];
        assert_eq!(got, wanted.map(|(k, v)| (k, v.to_owned())), "{name}");
        assert_eq!(reading.policy.contacts, ["security@example.org"], "{name}");
    }
}

/// What a page builder would leave out is not read: comments, code, includes.
#[test]
fn what_is_no_prose_sets_no_clock() {
    let texts = [
        (
            "a.rst",
            ".. We reply within 2 days.\n\n.. code-block:: python\n\n   wait(\"We reply within 2 days\")\n\n.. image:: a.png\n   :alt: We reply within 2 days\n\nText.\n",
        ),
        (
            "a.adoc",
            "// We reply within 2 days.\n////\nWe reply within 2 days.\n////\n\n[source,python]\n----\n# We reply within 2 days\n----\n\nText.\n",
        ),
        (
            "a.html",
            "<html><!-- We reply within 2 days. --><script>// We reply within 2 days.</script><style>/* We reply within 2 days. */</style><p>Text.</p></html>",
        ),
    ];
    for (name, text) in texts {
        let reading = published::read_file(name, text.as_bytes()).unwrap();
        assert_eq!(target(&reading, "first_response"), None, "{name}");
    }
}
