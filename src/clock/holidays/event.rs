//! One VEVENT: which days it takes, or from when to when.

use std::collections::BTreeSet;

use icalendar::parser::Property;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::{HolidayError, Zones, wrong};
use crate::clock::recurrence::Rule;

/// The longest single event, in days.
const MAX_LENGTH: i64 = 1_000;

/// A day or a moment, as a property gives it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum When {
    Day(Date),
    Moment(Moment),
}

/// A local time in the zone it names. One that is given in UTC keeps its instant: in the hour that comes twice the local time
/// does not tell it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    local: DateTime,
    zone: TimeZone,
    exact: Option<Timestamp>,
    /// The zone that it names is not known, and is taken for the team's.
    unsure: bool,
}

impl Moment {
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// A stretch of this length that begins at the same local time of a date.
    pub(super) fn stretch_on(&self, date: Date, length: SignedDuration) -> Option<(Timestamp, Timestamp)> {
        let from = match date == self.local.date() {
            true => self.at()?,
            false => Moment { local: date.to_datetime(self.local.time()), exact: None, ..self.clone() }.at()?,
        };
        Some((from, from.checked_add(length).ok()?))
    }

    fn at(&self) -> Option<Timestamp> {
        self.exact.or_else(|| self.zone.to_ambiguous_timestamp(self.local).compatible().ok())
    }
}

impl When {
    pub(super) fn date(&self) -> Date {
        match self {
            When::Day(date) => *date,
            When::Moment(moment) => moment.local.date(),
        }
    }

    /// A time of day other than midnight, on the wall of the place it names.
    fn has_hours(&self) -> bool {
        matches!(self, When::Moment(moment) if moment.local.time() != Time::midnight())
    }

    /// `20261225`, `20261225T000000` (local to `zone`) or `20261225T000000Z`, which is taken to the team's zone.
    fn read(text: &str, zone: Option<&TimeZone>, team: &TimeZone) -> Result<When, String> {
        let text = text.trim();
        let Some((date, time)) = text.split_once(['T', 't']) else { return read_date(text).map(When::Day) };
        let date = read_date(date)?;
        let (time, utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        let wrong = || format!("“{}” is not a time such as 20261225T090000", crate::safe::short(text, 30));
        let local = date.to_datetime(Time::strptime("%H%M%S", time).map_err(|_| wrong())?);
        if !utc {
            let unsure = zone.is_none();
            return Ok(When::Moment(Moment { local, zone: zone.unwrap_or(team).clone(), exact: None, unsure }));
        }
        let at: Timestamp = TimeZone::UTC.to_timestamp(local).map_err(|_| wrong())?;
        Ok(When::Moment(Moment { local: team.to_datetime(at), zone: team.clone(), exact: Some(at), unsure: false }))
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

/// What one VEVENT says, as far as days off and times away go.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) line: u32,
    pub(super) uid: String,
    pub(super) name: String,
    start: Option<When>,
    end: Option<(u32, When)>,
    duration: Option<(u32, Span)>,
    rule: Option<(u32, String)>,
    more: Vec<Date>,
    pub(super) except: BTreeSet<Date>,
    pub(super) recurrence_id: Option<Date>,
    pub(super) sequence: u32,
    pub(super) cancelled: bool,
}

/// What an event takes at each of its times.
#[derive(Debug, PartialEq)]
pub(super) enum Takes {
    /// So many whole days.
    Days(usize),
    /// A stretch of time that begins at this local time there.
    Time(Moment, SignedDuration),
    /// Nothing: it has no length.
    Nothing,
}

impl Event {
    pub(super) fn on(line: u32) -> Event {
        Event { line, ..Event::default() }
    }

    pub(super) fn recurs(&self) -> bool {
        self.rule.is_some()
    }

    /// All first days of it, at most `limit`.
    pub(super) fn starts(&self, limit: usize) -> Result<Vec<Date>, HolidayError> {
        let start = self.start.as_ref().ok_or_else(|| self.no_start())?;
        let mut starts = match &self.rule {
            Some((line, text)) => {
                let at = |what: String| wrong(*line, what);
                let until = |text: &str| self.until(text, start);
                Rule::read(text, until).and_then(|rule| rule.days(start.date(), limit)).map_err(at)?
            }
            None => vec![start.date()],
        };
        starts.extend(&self.more);
        Ok(starts)
    }

    /// The last day of a rule. An instant is one on the wall of the event's place; where the event has no time of day, its
    /// date is meant as it stands.
    fn until(&self, text: &str, start: &When) -> Result<Date, String> {
        let digits = |text: &str| read_date(text.get(..8).unwrap_or(text));
        let When::Moment(moment) = start else { return digits(text) };
        When::read(text, Some(&moment.zone), &moment.zone).map(|when| when.date())
    }

    fn no_start(&self) -> HolidayError {
        wrong(self.line, "event without DTSTART")
    }

    /// Whole days, where it has no time of day or runs from midnight to midnight; else a stretch of time.
    pub(super) fn takes(&self) -> Result<Takes, HolidayError> {
        let start = self.start.as_ref().ok_or_else(|| self.no_start())?;
        let line = self.end.as_ref().map(|(line, _)| line).or(self.duration.as_ref().map(|(line, _)| line));
        let line = *line.unwrap_or(&self.line);
        let has_hours = start.has_hours()
            || self.end.as_ref().is_some_and(|(_, end)| end.has_hours())
            || self.duration.as_ref().is_some_and(|(_, span)| !is_whole(span));
        if has_hours {
            return self.stretch(start, line);
        }
        let days = match (start, &self.end, &self.duration) {
            // Some programs write the same day as the end of a single day.
            (When::Day(_), Some((_, end)), _) if end.date() == start.date() => 1,
            (_, Some((_, end)), _) => {
                start.date().until((jiff::Unit::Day, end.date())).map_err(|_| far(line))?.get_days()
            }
            (_, None, Some((_, span))) => span.get_weeks().saturating_mul(7).saturating_add(span.get_days()),
            (When::Day(_), None, None) => 1,
            (When::Moment(_), None, None) => 0,
        };
        match i64::from(days) {
            0 => Ok(Takes::Nothing),
            days if days < 0 => Err(wrong(line, "the event ends before it begins")),
            days if days > MAX_LENGTH => Err(too_long(line)),
            days => Ok(Takes::Days(usize::try_from(days).unwrap_or(1))),
        }
    }

    fn stretch(&self, start: &When, line: u32) -> Result<Takes, HolidayError> {
        let first = match start {
            When::Moment(moment) => moment.clone(),
            // A day whose end has a time of day begins at the midnight of the place that the end names.
            When::Day(date) => {
                let Some((_, When::Moment(end))) = &self.end else { return Ok(Takes::Nothing) };
                Moment { local: date.to_datetime(Time::midnight()), exact: None, ..end.clone() }
            }
        };
        let from = first.at().ok_or_else(|| far(line))?;
        let to = match (&self.end, &self.duration) {
            (Some((_, When::Moment(end))), _) => end.at(),
            (Some((_, When::Day(date))), _) => {
                first.zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight())).compatible().ok()
            }
            (None, Some((_, span))) => {
                from.to_zoned(first.zone.clone()).checked_add(*span).ok().map(|to| to.timestamp())
            }
            (None, None) => Some(from),
        };
        let length = from.duration_until(to.ok_or_else(|| far(line))?);
        match length {
            length if length.is_zero() => Ok(Takes::Nothing),
            length if length.is_negative() => Err(wrong(line, "the event ends before it begins")),
            length if length.as_hours() > MAX_LENGTH * 24 => Err(too_long(line)),
            length => Ok(Takes::Time(first, length)),
        }
    }

    pub(super) fn take(
        &mut self,
        line: u32,
        property: &Property<'_>,
        zones: &mut Zones<'_>,
    ) -> Result<(), HolidayError> {
        let value = property.val.as_str();
        let at = |what: String| wrong(line, what);
        let param = |name: &str| property.params.iter().find(|p| p.key.as_str().eq_ignore_ascii_case(name));
        let place = param("TZID").and_then(|p| p.val.as_ref()).map(|name| name.as_str().trim_matches('"'));
        let zone = zones.named(place);
        let when = |text: &str| When::read(text, zone.as_ref(), zones.team);
        let dates = || value.split(',').map(|one| when(one).map(|when| when.date()));
        match property.name.as_str().to_ascii_uppercase().as_str() {
            "SUMMARY" => self.name = value.to_owned(),
            "UID" => self.uid = value.to_owned(),
            "DTSTART" => self.start = Some(when(value).map_err(at)?),
            "DTEND" => self.end = Some((line, when(value).map_err(at)?)),
            "DURATION" => self.duration = Some((line, read_duration(value).map_err(at)?)),
            "RRULE" if self.rule.is_some() => return Err(at("a second RRULE; write the days out".to_owned())),
            "RRULE" => {
                // Read in full once the place is known; what is not understood is refused wherever it stands.
                Rule::read(value, |until| read_date(until.get(..8).unwrap_or(until))).map_err(at)?;
                self.rule = Some((line, value.to_owned()));
            }
            "EXRULE" => return Err(at("EXRULE is not understood; write the days out as EXDATE".to_owned())),
            "RDATE" => self.more.extend(dates().collect::<Result<Vec<_>, _>>().map_err(at)?),
            "EXDATE" => self.except.extend(dates().collect::<Result<Vec<_>, _>>().map_err(at)?),
            "RECURRENCE-ID" if param("RANGE").is_some() => {
                return Err(at("RECURRENCE-ID with RANGE is not understood; write the days out".to_owned()));
            }
            "RECURRENCE-ID" => self.recurrence_id = Some(when(value).map_err(at)?.date()),
            "SEQUENCE" => self.sequence = value.trim().parse().unwrap_or(0),
            "STATUS" => self.cancelled = value.trim().eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
        Ok(())
    }
}

fn is_whole(span: &Span) -> bool {
    (span.get_hours(), span.get_minutes(), span.get_seconds()) == (0, 0, 0)
}

/// A duration such as `P1D`, `P2W` or `P1DT12H`.
fn read_duration(value: &str) -> Result<Span, String> {
    let wrong = || format!("“{}” is not a duration such as P1D", crate::safe::short(value, 30));
    let span: Span = value.trim().trim_start_matches('+').parse().map_err(|_| wrong())?;
    let foreign = (span.get_years(), span.get_months()) != (0, 0);
    if foreign || span.is_negative() { Err(wrong()) } else { Ok(span) }
}

fn far(line: u32) -> HolidayError {
    wrong(line, "end out of range")
}

fn too_long(line: u32) -> HolidayError {
    wrong(line, format!("the event is longer than {MAX_LENGTH} days"))
}
