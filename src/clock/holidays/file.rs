//! The lines of an iCalendar file and the structure around its events. Lines are unfolded and numbered here, so that an error
//! names the line of the file as it is on disk; the `icalendar` crate takes each content line apart.

use icalendar::parser::Property;

use super::event::Event;
use super::{HolidayError, Zones, wrong};

/// The events of a file, with the structure around them checked.
pub(super) fn events(text: &str, zones: &mut Zones<'_>) -> Result<Vec<Event>, HolidayError> {
    let mut open: Vec<(u32, String)> = Vec::new();
    let mut found: Vec<Event> = Vec::new();
    let mut event = Event::default();
    let (mut calendars, mut of_this) = (0u32, 0);
    let mut withdrawn = false;
    for (line, content) in unfold(text) {
        let upper = content.get(..6).unwrap_or(&content).to_ascii_uppercase();
        if upper.starts_with("BEGIN:") {
            let name = content.get(6..).unwrap_or_default().trim().to_ascii_uppercase();
            check_begin(line, &name, open.len())?;
            if open.is_empty() {
                (calendars, of_this, withdrawn) = (calendars.saturating_add(1), found.len(), false);
            }
            if name == "VEVENT" {
                event = Event::on(line);
            }
            open.push((line, name));
        } else if upper.starts_with("END:") {
            let name = content.get(4..).unwrap_or_default().trim().to_ascii_uppercase();
            check_end(line, &name, open.pop())?;
            if name == "VEVENT" {
                found.push(std::mem::take(&mut event));
            } else if open.is_empty() && withdrawn {
                found.iter_mut().skip(of_this).for_each(|event| event.cancelled = true);
            }
        } else if open.is_empty() {
            return Err(wrong(line, "not an iCalendar file: it should begin with BEGIN:VCALENDAR"));
        } else if open.last().is_some_and(|(_, name)| name == "VEVENT") {
            take_line(&mut event, line, &content, zones)?;
        } else if open.len() == 1 && content.trim().eq_ignore_ascii_case("METHOD:CANCEL") {
            withdrawn = true;
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

fn check_end(line: u32, name: &str, open: Option<(u32, String)>) -> Result<(), HolidayError> {
    let Some((began, expected)) = open else {
        return Err(wrong(line, format!("END:{} without BEGIN", crate::safe::short(name, 30))));
    };
    if name != expected {
        let (name, expected) = (crate::safe::short(name, 30), crate::safe::short(&expected, 30));
        return Err(wrong(line, format!("END:{name}, but BEGIN:{expected} of line {began} is open")));
    }
    Ok(())
}

/// The properties that tell a day off. Others are not even parsed: real files have much in them that no parser likes.
const WANTED: [&str; 12] = [
    "SUMMARY",
    "UID",
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "EXRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "SEQUENCE",
    "STATUS",
];

fn take_line(event: &mut Event, line: u32, content: &str, zones: &mut Zones<'_>) -> Result<(), HolidayError> {
    let name = content.split([':', ';']).next().unwrap_or_default().trim();
    if !WANTED.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    if !content.contains(':') {
        return Err(wrong(line, format!("{} has no value", name.to_ascii_uppercase())));
    }
    let property = Property::try_from(content)
        .map_err(|_| wrong(line, format!("cannot be read: “{}”", crate::safe::short(content, 40))))?;
    event.take(line, &property, zones)
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

/// The text of the file.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, HolidayError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let breaks = before.iter().filter(|b| **b == b'\n').count();
        wrong(u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1), "not UTF-8 text; save the file as UTF-8")
    })
}
