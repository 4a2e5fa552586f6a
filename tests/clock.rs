//! The clock against its tables of cases: every file in `fixtures/clock` is run, so adding a case needs no Rust.
//!
//! A file gives a calendar, then `[[case]]` tables (a start, a target, the instant it is due) and `[[scenario]]` tables
//! (a policy, what happened, now, and every clock that must come of it).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Time;
use sealpost::case::{self, Event, Fact, Role, What};
use sealpost::clock::calendar::{Calendar, Holidays};
use sealpost::clock::{self, Clock, policy_toml};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    zone: String,
    #[serde(default = "western")]
    weekend: Vec<String>,
    #[serde(default)]
    holidays: Vec<String>,
    hours: Option<[Time; 2]>,
    #[serde(default, rename = "case")]
    cases: Vec<Case>,
    #[serde(default, rename = "scenario")]
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    start: String,
    target: String,
    due: String,
    /// Pauses as `[from, to]`.
    #[serde(default)]
    pauses: Vec<[String; 2]>,
    /// All days passed over, each as `2026-03-07 weekend`.
    skips: Option<Vec<String>>,
    /// Words that the explanation must have.
    #[serde(default)]
    says: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    policy: String,
    /// `TIME VERB [WORD] [@REPORT]`; see [`event`].
    events: Vec<String>,
    now: String,
    /// `KIND STATUS [due=…] [met=…] [not_before=…] [left=…]`, all of them.
    clocks: Vec<String>,
    state: Option<String>,
    /// The report looked at, `a` if it says nothing.
    report: Option<String>,
}

fn western() -> Vec<String> {
    vec!["saturday".into(), "sunday".into()]
}

#[test]
fn every_case_of_every_table_holds() {
    let mut ran = 0;
    let mut failures = Vec::new();
    for path in files() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let table: Table =
            toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let calendar = calendar(&table);
        assert!(!table.cases.is_empty() || !table.scenarios.is_empty(), "{file} has no case");
        for case in &table.cases {
            ran += 1;
            failures.extend(check_case(&calendar, case).err().map(|e| format!("{file}: {}: {e}", case.name)));
        }
        for scenario in &table.scenarios {
            ran += 1;
            failures
                .extend(check_scenario(&calendar, scenario).err().map(|e| format!("{file}: {}: {e}", scenario.name)));
        }
    }
    assert!(ran >= 150, "only {ran} cases were found");
    assert!(failures.is_empty(), "{} of {ran} cases failed:\n{}", failures.len(), failures.join("\n"));
    println!("{ran} cases hold");
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clock");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files
}

fn calendar(table: &Table) -> Calendar {
    let zone = Calendar::zone_named(&table.zone).unwrap();
    let weekend: Vec<_> = table.weekend.iter().map(|day| Calendar::weekday_named(day).unwrap()).collect();
    let mut holidays = Holidays::default();
    for name in &table.holidays {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/calendar").join(name);
        holidays.merge(Holidays::read(&fs::read(path).unwrap(), &zone).unwrap_or_else(|e| panic!("{name}: {e}")));
    }
    let calendar = Calendar::new(zone, &weekend, holidays).unwrap();
    match table.hours {
        Some([open, close]) => calendar.with_hours(open, close).unwrap(),
        None => calendar,
    }
}

fn check_case(calendar: &Calendar, case: &Case) -> Result<(), String> {
    let target = policy_toml::read_target(&case.target)?;
    let pauses: Vec<_> = case.pauses.iter().map(|[from, to]| (time(from), time(to))).collect();
    let due = calendar.due(time(&case.start), &target).and_then(|due| calendar.pause(due, target.unit, &pauses));
    let due = due.map_err(|e| e.to_string())?;
    same("due", &shown(calendar, due.at), &case.due)?;
    if let Some(wanted) = &case.skips {
        let skips: Vec<String> = due.trace.skipped().map(|(date, why)| format!("{date} {why}")).collect();
        same("skips", &skips.join("; "), &wanted.join("; "))?;
    }
    let words: Vec<String> = due.trace.steps.iter().map(|step| step.in_words(calendar.zone())).collect();
    match case.says.iter().find(|said| !words.iter().any(|word| word.contains(said.as_str()))) {
        Some(missing) => Err(format!("“{missing}” is not said, only {words:?}")),
        None => Ok(()),
    }
}

fn check_scenario(calendar: &Calendar, scenario: &Scenario) -> Result<(), String> {
    let policy = policy_toml::read(&scenario.policy).map_err(|e| e.to_string())?;
    let events: Vec<Event> = scenario.events.iter().zip(1..).map(|(line, number)| event(line, number)).collect();
    let reports = case::fold(events.iter());
    let name = scenario.report.as_deref().unwrap_or("a");
    let report = reports.get(name).ok_or("no such report")?;
    let case = case::cases(&reports).remove(&report.case).ok_or("no such case")?;
    let clocks = clock::clocks(report, &case, &policy, calendar, time(&scenario.now));
    let got: Vec<String> = clocks.iter().map(|clock| line(calendar, clock)).collect();
    same("clocks", &got.join("\n  "), &scenario.clocks.join("\n  "))?;
    match &scenario.state {
        Some(state) => same("state", &format!("{:?}", case.state_of(report)).to_lowercase(), state),
        None => Ok(()),
    }
}

fn line(calendar: &Calendar, clock: &Clock) -> String {
    let mut line = format!("{} {}", clock.kind.name(), clock.status.name());
    for (name, at) in [("due", clock.due_at), ("met", clock.met_at), ("not_before", clock.not_before)] {
        line.extend(at.map(|at| format!(" {name}={}", shown(calendar, at))));
    }
    line.extend(clock.remaining_s.map(|left| format!(" left={left}")));
    line
}

/// One event in a line. Mail takes its own name from its place in the list; `@b` names another report than `a`. `report` may
/// give another time of receipt than that of its recording, by a server whose clock differs; `reply` is sent from here, `answer`
/// found in the Sent mailbox.
fn event(line: &str, number: u64) -> Event {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let report = match words.last().and_then(|word| word.strip_prefix('@')) {
        Some(name) => {
            words.pop();
            name.to_owned()
        }
        None => "a".to_owned(),
    };
    let (at, verb, word) = (time(words[0]), words[1], words.get(2).map(|word| (*word).to_owned()));
    let what = match verb {
        "report" => {
            let received_at = word.as_deref().map_or(at, time);
            What::ReportOpened { received_at, reporter: "finder@example.net".into() }
        }
        "reply" => What::Answered { answered_at: at, how: "sent".into() },
        "follow-up" => What::Filed { role: Role::FollowUp },
        "automatic" => What::Filed { role: Role::Automatic },
        "answer" => What::Answered { answered_at: at, how: "sent-mailbox".into() },
        "receipt" => What::Receipted { receipted_at: at },
        "mark" => What::Marked { fact: fact(word.as_deref().unwrap()), happened_at: at, note: None },
        "severity" => What::Severity { severity: word },
        "pause" => What::Paused,
        "resume" => What::Resumed,
        "close" => What::Closed { reason: None, seen: None },
        "reopen" => What::Reopened,
        "link" => What::Linked { case: word.unwrap() },
        "unlink" => What::Unlinked,
        other => panic!("unknown verb {other} in {line}"),
    };
    let mail = matches!(verb, "follow-up" | "automatic" | "answer");
    Event {
        at,
        device: "desk".into(),
        number,
        who: "alice".into(),
        report: Some(report),
        message: mail.then(|| format!("mail{number}")),
        what,
    }
}

fn fact(name: &str) -> Fact {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn shown(calendar: &Calendar, at: Timestamp) -> String {
    at.to_zoned(calendar.zone().clone()).strftime("%Y-%m-%dT%H:%M%:z").to_string()
}

fn same(what: &str, got: &str, wanted: &str) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what} is\n  {got}\nnot\n  {wanted}")) }
}

/// Cases have names of their own, so that a failure can be found.
#[test]
fn names_are_not_used_twice() {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files() {
        let table: Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let names = table.cases.into_iter().map(|case| case.name).chain(table.scenarios.into_iter().map(|s| s.name));
        for name in names {
            if let Some(other) = seen.insert(name.clone(), path.clone()) {
                panic!("“{name}” stands in {} and in {}", other.display(), path.display());
            }
        }
    }
}
