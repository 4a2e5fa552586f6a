//! Reading and clocking a thousand policies: what `policy check` and `list` do, many times over, beside the Markdown parser
//! alone.
//!
//! `cargo bench --bench policies`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Weekday;
use pulldown_cmark::{Options, Parser};
use sealpost::case::{self, Event, What};
use sealpost::clock::calendar::{Calendar, Holidays};
use sealpost::clock::{self, published};

fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join("fixtures/policy")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "md" || e == "txt"));
    files.push(root.join("SECURITY.md"));
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn event(number: u64, at: &str, what: What) -> Event {
    let (device, who) = ("desk".to_owned(), "alice".to_owned());
    Event { at: at.parse().unwrap(), device, number, who, report: Some("a".into()), message: None, what }
}

fn main() {
    let documents = documents();
    assert!(documents.len() >= 6, "only {} documents found", documents.len());
    let zone = Calendar::zone_named("Europe/Berlin").unwrap();
    let calendar = Calendar::new(zone, &[Weekday::Saturday, Weekday::Sunday], Holidays::default()).unwrap();
    let received_at: Timestamp = "2026-03-06T16:00Z".parse().unwrap();
    let events = [
        event(1, "2026-03-06T16:01Z", What::ReportOpened { received_at, reporter: "finder@example.net".into() }),
        event(2, "2026-03-07T16:01Z", What::Severity { severity: Some("critical".into()) }),
    ];
    let reports = case::fold(&events);
    let cases = case::cases(&reports);
    let now: Timestamp = "2026-03-10T12:00Z".parse().unwrap();

    let (mut parsing, mut reading, mut clocking) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut events_parsed, mut clocks) = (0, 0);
    for number in 0..1_000 {
        // Each one differs, so that nothing can be remembered.
        let text = format!("{}\n\nVersion {number}.\n", documents[number % documents.len()]);
        let start = Instant::now();
        events_parsed += Parser::new_ext(&text, Options::ENABLE_TABLES).count();
        parsing += start.elapsed();
        let start = Instant::now();
        let policy = published::read(&text).policy;
        reading += start.elapsed();
        let start = Instant::now();
        clocks += clock::clocks(&reports["a"], &cases["a"], &policy, &calendar, now).len();
        clocking += start.elapsed();
    }
    assert!(clocks >= 1_000 && events_parsed >= 1_000, "only {clocks} clocks ran");
    println!("1,000 policies: parsed as Markdown in {parsing:?}, read in {reading:?}, {clocks} clocks in {clocking:?}");
    println!("reading / Markdown parser alone: {:.1}", reading.as_secs_f64() / parsing.as_secs_f64());
    println!("clocking / reading: {:.3}", clocking.as_secs_f64() / reading.as_secs_f64());
}
