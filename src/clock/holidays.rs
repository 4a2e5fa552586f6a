//! Days off, and other times, from iCalendar files (RFC 5545), each day with its name.
//!
//! Only what tells when an event is is read, so that the oddities of other components in real files do no harm. What would
//! change the days and is not understood is refused: a holiday on the wrong day is a wrong due date.

mod event;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};
use thiserror::Error;

use event::{Event, Takes};

/// More days off than this in one file is a mistake, or an attack.
const MAX_DAYS: usize = 100_000;
/// More recurring events than this likewise: each is followed through all years.
const MAX_RULES: usize = 1_000;
/// So many warnings are kept of each kind: who reads the first knows what is wrong.
const MAX_WARNINGS: usize = 20;
/// A file larger than this is refused, in bytes.
const MAX_SIZE: usize = 16 << 20;

/// Why a calendar file cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct HolidayError {
    /// The line of the file, from 1.
    pub line: u32,
    /// What is wrong there.
    pub what: String,
}

/// Days off by date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    days: BTreeMap<Date, String>,
    times: Vec<(Timestamp, Timestamp)>,
    /// What a person should know about the files that were read, with the line.
    pub warnings: Vec<String>,
    /// The same, where they are read for days off: events with a time of day are none.
    pub no_days: Vec<String>,
}

impl Holidays {
    /// Reads one iCalendar file. Events without a time of day are days off, as are events from midnight to midnight; other
    /// events are none, which is said in `no_days`: they are [`times`](Holidays::times).
    pub fn read(bytes: &[u8], zone: &TimeZone) -> Result<Holidays, HolidayError> {
        if bytes.len() > MAX_SIZE {
            return Err(wrong(1, "the file is larger than 16 MiB; a calendar of days off is not"));
        }
        let text = file::decode(bytes)?;
        let mut holidays = Holidays::default();
        let events = file::events(text, &mut Zones { team: zone, known: BTreeMap::new() })?;
        if let Some(event) = events.iter().filter(|event| event.recurs()).nth(MAX_RULES) {
            return Err(wrong(event.line, format!("more than {MAX_RULES} recurring events")));
        }
        let mut overridden: BTreeSet<(&str, Date)> = BTreeSet::new();
        let mut newest: BTreeMap<(&str, Option<Date>), u32> = BTreeMap::new();
        for event in events.iter().filter(|event| !event.uid.is_empty()) {
            overridden.extend(event.recurrence_id.map(|date| (event.uid.as_str(), date)));
            let known = newest.entry((&event.uid, event.recurrence_id)).or_default();
            *known = event.sequence.max(*known);
        }
        let mut added = 0;
        for event in &events {
            // A later version of an event in the same file, its cancelling for instance, replaces it.
            let outdated = newest.get(&(event.uid.as_str(), event.recurrence_id)).is_some_and(|n| *n > event.sequence);
            if !outdated && !event.cancelled {
                added = holidays.add_event(event, &overridden, added)?;
            }
        }
        if events.is_empty() {
            holidays.warnings.push("the file has no events: no day off comes from it".to_owned());
        }
        Ok(holidays)
    }

    /// Days off from a list of dates and names.
    pub fn from_days(days: impl IntoIterator<Item = (Date, String)>) -> Holidays {
        let mut holidays = Holidays::default();
        days.into_iter().for_each(|(date, name)| holidays.add(date, &name));
        holidays
    }

    /// Adds the days of another file. A day that both have keeps both names.
    pub fn merge(&mut self, other: Holidays) {
        other.days.into_iter().for_each(|(date, name)| self.add(date, &name));
        self.times.extend(other.times);
        self.warnings.extend(other.warnings);
        self.no_days.extend(other.no_days);
    }

    /// The events that have a time of day, from when to when, in the order of the file.
    pub fn times(&self) -> &[(Timestamp, Timestamp)] {
        &self.times
    }

    /// The last day off.
    pub fn last(&self) -> Option<Date> {
        self.days.keys().next_back().copied()
    }

    /// The name of the day off on this date, safe to print.
    pub fn name(&self, date: Date) -> Option<&str> {
        self.days.get(&date).map(String::as_str)
    }

    /// All days off, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Date, &str)> {
        self.days.iter().map(|(date, name)| (*date, name.as_str()))
    }

    fn add(&mut self, date: Date, name: &str) {
        let name = crate::safe::short(name.trim(), 80);
        let name = if name.is_empty() { "unnamed".to_owned() } else { name };
        let slot = self.days.entry(date).or_default();
        if slot.is_empty() {
            *slot = name;
        } else if slot.len() < 400 && !slot.split(" / ").any(|one| one == name) {
            slot.push_str(" / ");
            slot.push_str(&name);
        }
    }

    /// Adds what one event takes, and says how much that is with the `added` before it.
    fn add_event(
        &mut self,
        event: &Event,
        overridden: &BTreeSet<(&str, Date)>,
        mut added: usize,
    ) -> Result<usize, HolidayError> {
        let takes = event.takes()?;
        self.doubt(event, &takes);
        let length = match &takes {
            Takes::Nothing => return Ok(added),
            Takes::Days(days) => *days,
            Takes::Time(..) => 1,
        };
        for start in event.starts(MAX_DAYS)? {
            let replaced = event.recurrence_id.is_none() && overridden.contains(&(event.uid.as_str(), start));
            if replaced || event.except.contains(&start) {
                continue;
            }
            added += length;
            if added > MAX_DAYS {
                return Err(wrong(event.line, format!("more than {MAX_DAYS} days off")));
            }
            match &takes {
                Takes::Time(first, length) => self.times.extend(first.stretch_on(start, *length)),
                _ => start.series(Span::new().days(1)).take(length).for_each(|date| self.add(date, &event.name)),
            }
        }
        Ok(added)
    }

    fn doubt(&mut self, event: &Event, takes: &Takes) {
        let (line, name) = (event.line, crate::safe::short(&event.name, 60));
        let note = |list: &mut Vec<String>, words: &str| {
            if list.len() < MAX_WARNINGS {
                list.push(format!("line {line}: “{name}” {words}"));
            }
        };
        match takes {
            Takes::Time(first, _) => {
                note(&mut self.no_days, "has a time of day, so it is no day off");
                if first.is_unsure() {
                    note(
                        &mut self.warnings,
                        "names a time zone that is not known here; its hours are taken for the team's",
                    );
                }
            }
            Takes::Nothing => note(&mut self.warnings, "has a time of day and no end, so it takes no time"),
            Takes::Days(_) => {}
        }
    }
}

/// The zones that a file names.
struct Zones<'z> {
    team: &'z TimeZone,
    known: BTreeMap<String, Option<TimeZone>>,
}

impl Zones<'_> {
    /// The zone of a TZID; `None` for one that is not known here, and `Some` of the team's where none is named.
    fn named(&mut self, name: Option<&str>) -> Option<TimeZone> {
        let Some(name) = name else { return Some(self.team.clone()) };
        let look = || TimeZoneDatabase::bundled().get(name).ok();
        self.known.entry(name.to_owned()).or_insert_with(look).clone()
    }
}

fn wrong(line: u32, what: impl Into<String>) -> HolidayError {
    HolidayError { line, what: what.into() }
}

#[cfg(test)]
mod tests;
