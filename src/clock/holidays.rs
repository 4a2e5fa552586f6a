//! Days off from iCalendar files (RFC 5545), each with its name.
//!
//! Lines are unfolded and numbered here, so that an error names the line of the file as it is on disk; the `icalendar`
//! crate takes each content line apart. Only what tells a day off is read, so that the oddities of other components in
//! real files do no harm.

use std::collections::{BTreeMap, BTreeSet};

use icalendar::parser::Property;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use thiserror::Error;

use super::recurrence::Rule;

/// More days off than this in one file is a mistake, or an attack.
const MAX_DAYS: usize = 100_000;
/// The longest single event, in days.
const MAX_LENGTH: i64 = 1_000;
/// More recurring events than this likewise: each is followed through all years.
const MAX_RULES: usize = 1_000;
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
    /// What a person should know about the files that were read, with the line.
    pub warnings: Vec<String>,
}

impl Holidays {
    /// Reads one iCalendar file. Events without a time of day are days off, as are events from midnight to midnight;
    /// other events are not, which is said in `warnings`. Instants in UTC are taken to `zone` first.
    pub fn read(bytes: &[u8], zone: &TimeZone) -> Result<Holidays, HolidayError> {
        if bytes.len() > MAX_SIZE {
            return Err(wrong(1, "the file is larger than 16 MiB; a calendar of days off is not"));
        }
        let text = decode(bytes)?;
        let mut holidays = Holidays::default();
        let mut overridden: BTreeSet<(String, Date)> = BTreeSet::new();
        let events = events(text, zone)?;
        if let Some(event) = events.iter().filter(|event| event.rule.is_some()).nth(MAX_RULES) {
            return Err(wrong(event.line, format!("more than {MAX_RULES} recurring events")));
        }
        for event in &events {
            if let Some(date) = event.recurrence_id {
                overridden.insert((event.uid.clone(), date));
            }
        }
        let mut added = 0;
        for event in &events {
            added = holidays.add_event(event, &overridden, added)?;
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
        self.warnings.extend(other.warnings);
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

    /// Adds the days of one event and says how many there are with the `added` ones.
    fn add_event(
        &mut self,
        event: &Event,
        overridden: &BTreeSet<(String, Date)>,
        mut added: usize,
    ) -> Result<usize, HolidayError> {
        if event.cancelled {
            return Ok(added);
        }
        let Some((first, length)) = event.whole_days()? else {
            let name = crate::safe::short(&event.name, 60);
            self.warnings.push(format!("line {}: “{name}” has a time of day, so it is no day off", event.line));
            return Ok(added);
        };
        let mut starts = match &event.rule {
            Some((line, rule)) => rule.days(first, MAX_DAYS).map_err(|what| wrong(*line, what))?,
            None => vec![first],
        };
        starts.extend(&event.more);
        for start in starts {
            let replaced = event.recurrence_id.is_none() && overridden.contains(&(event.uid.clone(), start));
            if replaced || event.except.contains(&start) {
                continue;
            }
            added += length;
            if added > MAX_DAYS {
                return Err(wrong(event.line, format!("more than {MAX_DAYS} days off")));
            }
            for date in start.series(Span::new().days(1)).take(length) {
                self.add(date, &event.name);
            }
        }
        Ok(added)
    }
}

/// A date written as eight digits.
pub(super) fn read_date(text: &str) -> Result<Date, String> {
    let wrong = || format!("“{}” is not a date such as 20261225", crate::safe::short(text, 30));
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    Date::strptime("%Y%m%d", text).map_err(|_| wrong())
}

/// A day or a moment, as a property gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Day(Date),
    Moment(DateTime),
}

impl When {
    fn date(self) -> Date {
        match self {
            When::Day(date) => date,
            When::Moment(at) => at.date(),
        }
    }

    /// `20261225`, `20261225T000000` (local to whatever zone it names) or `20261225T000000Z`.
    fn read(text: &str, zone: &TimeZone) -> Result<When, String> {
        let text = text.trim();
        let Some((date, time)) = text.split_once(['T', 't']) else { return read_date(text).map(When::Day) };
        let date = read_date(date)?;
        let (time, utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        let wrong = || format!("“{}” is not a time such as 20261225T090000", crate::safe::short(text, 30));
        let time = Time::strptime("%H%M%S", time).map_err(|_| wrong())?;
        let local = date.to_datetime(time);
        if !utc {
            return Ok(When::Moment(local));
        }
        let at: Timestamp = TimeZone::UTC.to_timestamp(local).map_err(|_| wrong())?;
        Ok(When::Moment(zone.to_datetime(at)))
    }
}

/// What one VEVENT says, as far as days off go.
#[derive(Debug, Default)]
struct Event {
    line: u32,
    uid: String,
    name: String,
    start: Option<When>,
    end: Option<(u32, When)>,
    duration: Option<(u32, i64)>,
    rule: Option<(u32, Rule)>,
    more: Vec<Date>,
    except: BTreeSet<Date>,
    recurrence_id: Option<Date>,
    cancelled: bool,
}

impl Event {
    /// The first day and how many there are; `None` for an event with a time of day.
    fn whole_days(&self) -> Result<Option<(Date, usize)>, HolidayError> {
        let Some(start) = self.start else { return Err(wrong(self.line, "event without DTSTART")) };
        let line = self.end.map_or(self.line, |(line, _)| line);
        let days = match (start, self.end.map(|(_, end)| end), self.duration) {
            (When::Moment(from), _, _) if from.time() != Time::midnight() => return Ok(None),
            (When::Moment(_), None, None) => return Ok(None),
            (_, Some(When::Moment(to)), _) if to.time() != Time::midnight() => return Ok(None),
            // Some programs write the same day as the end of a single day.
            (_, Some(end), _) if end.date() == start.date() && matches!(start, When::Day(_)) => 1,
            (_, Some(end), _) => i64::from(
                start
                    .date()
                    .until((jiff::Unit::Day, end.date()))
                    .map_err(|_| wrong(line, "end out of range"))?
                    .get_days(),
            ),
            (_, None, Some((_, days))) => days,
            (When::Day(_), None, None) => 1,
        };
        match days {
            0 => Ok(None),
            days if days < 0 => Err(wrong(line, "the event ends before it begins")),
            days if days > MAX_LENGTH => Err(wrong(line, format!("the event is longer than {MAX_LENGTH} days"))),
            days => Ok(Some((start.date(), usize::try_from(days).unwrap_or(1)))),
        }
    }

    fn take(&mut self, line: u32, property: &Property<'_>, zone: &TimeZone) -> Result<(), HolidayError> {
        let value = property.val.as_str();
        let at = |what: String| wrong(line, what);
        let dates = || value.split(',').map(|one| When::read(one, zone).map(When::date));
        match property.name.as_str().to_ascii_uppercase().as_str() {
            "SUMMARY" => self.name = value.to_owned(),
            "UID" => self.uid = value.to_owned(),
            "DTSTART" => self.start = Some(When::read(value, zone).map_err(at)?),
            "DTEND" => self.end = Some((line, When::read(value, zone).map_err(at)?)),
            "DURATION" => self.duration = Some((line, read_days(value).map_err(at)?)),
            "RRULE" => self.rule = Some((line, Rule::read(value).map_err(at)?)),
            "RDATE" => self.more.extend(dates().collect::<Result<Vec<_>, _>>().map_err(at)?),
            "EXDATE" => self.except.extend(dates().collect::<Result<Vec<_>, _>>().map_err(at)?),
            "RECURRENCE-ID" => self.recurrence_id = Some(When::read(value, zone).map_err(at)?.date()),
            "STATUS" => self.cancelled = value.trim().eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
        Ok(())
    }
}

/// Whole days of a duration such as `P1D` or `P2W`; 0 for one with a time of day.
fn read_days(value: &str) -> Result<i64, String> {
    let wrong = || format!("“{}” is not a duration such as P1D", crate::safe::short(value, 30));
    let rest = value.trim().trim_start_matches('+').strip_prefix(['P', 'p']).ok_or_else(wrong)?;
    let count = |digits: &str| digits.parse::<u16>().map(i64::from).map_err(|_| wrong());
    match rest.to_ascii_uppercase() {
        rest if rest.contains('T') => match rest.strip_suffix("DT0H0M0S") {
            Some(days) => count(days),
            None => Ok(0),
        },
        rest => match (rest.strip_suffix('W'), rest.strip_suffix('D')) {
            (Some(weeks), _) => Ok(count(weeks)? * 7),
            (_, Some(days)) => count(days),
            _ => Err(wrong()),
        },
    }
}

/// The events of a file, with the structure around them checked.
fn events(text: &str, zone: &TimeZone) -> Result<Vec<Event>, HolidayError> {
    let mut open: Vec<(u32, String)> = Vec::new();
    let mut found = Vec::new();
    let mut event = Event::default();
    let mut calendars = 0u32;
    for (line, content) in unfold(text) {
        let upper = content.get(..6).unwrap_or(&content).to_ascii_uppercase();
        if upper.starts_with("BEGIN:") {
            let name = content.get(6..).unwrap_or_default().trim().to_ascii_uppercase();
            check_begin(line, &name, open.len())?;
            calendars += u32::from(open.is_empty());
            if name == "VEVENT" {
                event = Event { line, ..Event::default() };
            }
            open.push((line, name));
        } else if upper.starts_with("END:") {
            let name = content.get(4..).unwrap_or_default().trim().to_ascii_uppercase();
            let Some((began, expected)) = open.pop() else {
                return Err(wrong(line, format!("END:{} without BEGIN", crate::safe::short(&name, 30))));
            };
            if name != expected {
                let (name, expected) = (crate::safe::short(&name, 30), crate::safe::short(&expected, 30));
                return Err(wrong(line, format!("END:{name}, but BEGIN:{expected} of line {began} is open")));
            }
            if name == "VEVENT" {
                found.push(std::mem::take(&mut event));
            }
        } else if open.is_empty() {
            return Err(wrong(line, "not an iCalendar file: it should begin with BEGIN:VCALENDAR"));
        } else if open.last().is_some_and(|(_, name)| name == "VEVENT") {
            take_line(&mut event, line, &content, zone)?;
        }
    }
    match open.last() {
        Some((line, name)) => {
            Err(wrong(*line, format!("BEGIN:{} has no END: the file is cut off", crate::safe::short(name, 30))))
        }
        None if calendars == 0 => Err(wrong(1, "the file is empty: it should begin with BEGIN:VCALENDAR")),
        None => Ok(found),
    }
}

fn check_begin(line: u32, name: &str, depth: usize) -> Result<(), HolidayError> {
    if depth == 0 && name != "VCALENDAR" {
        return Err(wrong(line, "not an iCalendar file: it should begin with BEGIN:VCALENDAR"));
    }
    if depth > 8 {
        return Err(wrong(line, "components are nested too deep"));
    }
    Ok(())
}

/// The properties that tell a day off. Others are not even parsed: real files have much in them that no parser likes.
const WANTED: [&str; 10] =
    ["SUMMARY", "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS"];

fn take_line(event: &mut Event, line: u32, content: &str, zone: &TimeZone) -> Result<(), HolidayError> {
    let name = content.split([':', ';']).next().unwrap_or_default().trim();
    if !WANTED.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    if !content.contains(':') {
        return Err(wrong(line, format!("{} has no value", name.to_ascii_uppercase())));
    }
    let property = Property::try_from(content)
        .map_err(|_| wrong(line, format!("cannot be read: “{}”", crate::safe::short(content, 40))))?;
    event.take(line, &property, zone)
}

/// Content lines with the number of the line each begins on (RFC 5545, section 3.1). Blank lines are passed over.
fn unfold(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (number, line) in (1u32..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

fn decode(bytes: &[u8]) -> Result<&str, HolidayError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let breaks = before.iter().filter(|b| **b == b'\n').count();
        wrong(u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1), "not UTF-8 text; save the file as UTF-8")
    })
}

fn wrong(line: u32, what: impl Into<String>) -> HolidayError {
    HolidayError { line, what: what.into() }
}

#[cfg(test)]
mod tests;
