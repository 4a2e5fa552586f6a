//! Working days, holidays and time zones: from a start and an amount of time to an instant, with the reasons.
//!
//! Hours are 3,600 seconds each. A day later is the same local time on the next date, a week is seven of them, a month
//! the same day of the next month or its last. N working days later is the same local time on the Nth following day that
//! is neither weekend nor holiday, where a start outside working time first moves to the opening of the next working day.
//! A local time that daylight saving skips keeps the offset from before the jump; one that comes twice is the first of
//! the two (what RFC 5545, section 3.3.5, asks of calendars).

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Span, Timestamp};
use thiserror::Error;

pub use super::holidays::Holidays;
use super::policy::{Target, Unit};
pub use super::trace::{DayOff, Due, Step, Trace};

/// How often counting backwards is put right where clocks are moved: a day that a zone skipped takes two.
const STEPS_BACK: u32 = 4;

/// Why a calendar cannot be made, or an instant not be computed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// No such zone in the bundled time zone data.
    #[error("unknown time zone “{0}”; give an IANA name such as Europe/Berlin")]
    UnknownZone(String),
    /// Not the English name of a day of the week.
    #[error("unknown day of the week “{0}”; write monday, tuesday, …")]
    UnknownWeekday(String),
    /// No day of the week is left to work on.
    #[error("the weekend has all seven days; leave at least one working day")]
    NoWorkingDay,
    /// The working hours are empty or turned round.
    #[error("working hours must open before they close on the same day, such as 09:00-17:00")]
    BadHours,
    /// Beyond the year 9999.
    #[error("the instant lies beyond the year 9999; use a smaller amount of time")]
    OutOfRange,
}

/// When a team works: its time zone, its weekend, its holidays and, if it says so, its hours.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    weekend: Vec<Weekday>,
    holidays: Holidays,
    hours: Option<(Time, Time)>,
}

impl Calendar {
    /// A calendar whose working days are whole days, midnight to midnight. The weekend may be empty.
    pub fn new(zone: TimeZone, weekend: &[Weekday], holidays: Holidays) -> Result<Calendar, CalendarError> {
        let mut days: Vec<Weekday> = Vec::with_capacity(7);
        weekend.iter().for_each(|day| {
            if !days.contains(day) {
                days.push(*day);
            }
        });
        if days.len() >= 7 {
            return Err(CalendarError::NoWorkingDay);
        }
        Ok(Calendar { zone, weekend: days, holidays, hours: None })
    }

    /// The calendar of a team that configured nothing: UTC, Saturday and Sunday off, no holidays.
    pub fn utc() -> Calendar {
        let weekend = vec![Weekday::Saturday, Weekday::Sunday];
        Calendar { zone: TimeZone::UTC, weekend, holidays: Holidays::default(), hours: None }
    }

    /// The same calendar with working hours on each working day. A moment before opening counts as the opening, one
    /// after closing as the next working day's.
    pub fn with_hours(self, open: Time, close: Time) -> Result<Calendar, CalendarError> {
        if open >= close {
            return Err(CalendarError::BadHours);
        }
        Ok(Calendar { hours: Some((open, close)), ..self })
    }

    /// The zone of this IANA name, from the data compiled into the program.
    pub fn zone_named(name: &str) -> Result<TimeZone, CalendarError> {
        TimeZoneDatabase::bundled().get(name).map_err(|_| CalendarError::UnknownZone(crate::safe::short(name, 60)))
    }

    /// The day of the week of this English name, in any case.
    pub fn weekday_named(name: &str) -> Result<Weekday, CalendarError> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "monday" | "mon" => Weekday::Monday,
            "tuesday" | "tue" => Weekday::Tuesday,
            "wednesday" | "wed" => Weekday::Wednesday,
            "thursday" | "thu" => Weekday::Thursday,
            "friday" | "fri" => Weekday::Friday,
            "saturday" | "sat" => Weekday::Saturday,
            "sunday" | "sun" => Weekday::Sunday,
            _ => return Err(CalendarError::UnknownWeekday(crate::safe::short(name, 30))),
        })
    }

    /// The zone in which days begin and end.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The local date and time of an instant.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// Why nobody works on this date; `None` on a working day.
    pub fn day_off(&self, date: Date) -> Option<DayOff> {
        if self.is_missing(date) {
            return Some(DayOff::NoSuchDay);
        }
        if self.weekend.contains(&date.weekday()) {
            return Some(DayOff::Weekend(date.weekday()));
        }
        self.holidays.name(date).map(|name| DayOff::Holiday(name.to_owned()))
    }

    /// The instant the target's amount after `start`. The bound of the target is not looked at.
    pub fn due(&self, start: Timestamp, target: &Target) -> Result<Due, CalendarError> {
        self.after(start, target.amount, target.unit)
    }

    /// The instant `amount` units after `start`.
    pub fn after(&self, start: Timestamp, amount: u32, unit: Unit) -> Result<Due, CalendarError> {
        let mut trace = Trace::default();
        let at = match unit {
            Unit::Hour => shift_hours(start, i64::from(amount))?,
            Unit::WorkingDay => self.working_days_after(start, amount, &mut trace)?,
            Unit::Day | Unit::Week | Unit::Month if amount == 0 => start,
            Unit::Day | Unit::Week | Unit::Month => {
                let local = self.local(start);
                let date = shift_date(local.date(), i64::from(amount), unit)?;
                if unit == Unit::Month && date.day() != local.date().day() {
                    trace.push(Step::MonthEnd { date });
                }
                self.instant(date.to_datetime(local.time()), &mut trace)?
            }
        };
        self.note_offsets(start, at, unit, &mut trace);
        Ok(Due { at, trace })
    }

    /// The latest instant from which `amount` units reach no further than `end`: for times that count backwards. Where
    /// clocks are moved on the way it is up to that much earlier, and never later.
    pub fn before(&self, end: Timestamp, amount: u32, unit: Unit) -> Result<Timestamp, CalendarError> {
        let mut at = match unit {
            Unit::Hour => shift_hours(end, -i64::from(amount))?,
            Unit::WorkingDay => self.working_days_before(end, amount)?,
            _ => {
                let local = self.local(end);
                let date = shift_date(local.date(), -i64::from(amount), unit)?;
                self.instant(date.to_datetime(local.time()), &mut Trace::default())?
            }
        };
        // Whoever is told by then must have been told in time: a local time that is skipped there lies later than it says.
        for _ in 0..STEPS_BACK {
            let over = end.duration_until(self.after(at, amount, unit)?.at);
            if over <= SignedDuration::ZERO {
                break;
            }
            at = at.checked_sub(over).map_err(|_| CalendarError::OutOfRange)?;
        }
        Ok(at)
    }

    /// The working time between two instants: real seconds on working days (inside the hours, where there are some).
    /// Nothing where `to` is not after `from`.
    pub fn working_time(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        let mut total = SignedDuration::ZERO;
        let mut date = Some(self.local(from).date());
        while let Some(day) = date {
            if self.opens(day).is_none_or(|open| open >= to) {
                break;
            }
            for (open, close) in self.open_spans(day) {
                let (open, close) = (open.max(from), close.min(to));
                if open < close {
                    total += open.duration_until(close);
                }
            }
            date = day.tomorrow().ok();
        }
        total
    }

    /// The instant at which this much working time has passed since `from`.
    pub fn after_working_time(&self, from: Timestamp, amount: SignedDuration) -> Result<Timestamp, CalendarError> {
        let mut left = amount;
        let mut date = self.local(from).date();
        if left <= SignedDuration::ZERO {
            return Ok(from);
        }
        loop {
            for (open, close) in self.open_spans(date) {
                let open = open.max(from);
                if open < close {
                    let here = open.duration_until(close);
                    if left <= here {
                        return open.checked_add(left).map_err(|_| CalendarError::OutOfRange);
                    }
                    left -= here;
                }
            }
            date = date.tomorrow().map_err(|_| CalendarError::OutOfRange)?;
        }
    }

    /// A due instant moved on by pauses, each `(from, to)`, sorted and apart from each other. At the beginning of a pause
    /// what is left stands still, at its end it runs on, so that ending one never makes a clock jump to overdue. Working
    /// days lose only working time; all other units lose every second. A pause that begins when the clock has run out
    /// changes nothing.
    pub fn pause(&self, due: Due, unit: Unit, pauses: &[(Timestamp, Timestamp)]) -> Result<Due, CalendarError> {
        let Due { mut at, mut trace } = due;
        for &(from, to) in pauses {
            if from >= at {
                break;
            }
            if to <= from {
                continue;
            }
            let moved = if unit == Unit::WorkingDay {
                self.after_working_time(to, self.working_time(from, at))?
            } else {
                to.checked_add(from.duration_until(at)).map_err(|_| CalendarError::OutOfRange)?
            };
            at = at.max(moved);
            trace.push(Step::Paused { from, to, due: at });
        }
        Ok(Due { at, trace })
    }

    fn working_days_after(&self, start: Timestamp, days: u32, trace: &mut Trace) -> Result<Timestamp, CalendarError> {
        let local = self.local(start);
        let (mut date, time) = if self.is_open(local) {
            (local.date(), local.time())
        } else {
            let (date, at) = self.opening(start, trace)?;
            trace.push(Step::CountedFrom { at });
            if days == 0 {
                return Ok(at);
            }
            (date, self.hours.map_or(Time::midnight(), |(open, _)| open))
        };
        if days == 0 {
            return Ok(start);
        }
        for _ in 0..days {
            date = self.next_working_day(date, trace)?;
        }
        self.instant(date.to_datetime(time), trace)
    }

    /// Inside working time, the same local time on an earlier day. An end outside it is as good as the last second before the
    /// closing before it.
    fn working_days_before(&self, end: Timestamp, days: u32) -> Result<Timestamp, CalendarError> {
        let local = self.local(end);
        let (opens, closes) = self.hours.map_or((Time::midnight(), None), |(open, close)| (open, Some(close)));
        let works = self.day_off(local.date()).is_none();
        let closed = works && closes.is_some_and(|close| local.time() >= close);
        let inside = works && !closed && local.time() >= opens;
        let mut date = local.date();
        if !inside && !closed {
            date = self.working_day_before(date)?;
        }
        for _ in 0..days {
            date = self.working_day_before(date)?;
        }
        if inside {
            return self.instant(date.to_datetime(local.time()), &mut Trace::default());
        }
        loop {
            // The closing itself is outside working time already.
            if let Some((_, close)) = self.open_spans(date).last() {
                return close.checked_sub(SignedDuration::from_secs(1)).map_err(|_| CalendarError::OutOfRange);
            }
            date = self.working_day_before(date)?;
        }
    }

    fn working_day_before(&self, mut date: Date) -> Result<Date, CalendarError> {
        loop {
            date = date.yesterday().map_err(|_| CalendarError::OutOfRange)?;
            if self.day_off(date).is_none() {
                return Ok(date);
            }
        }
    }

    /// Whether it is working time when the wall shows this.
    fn is_open(&self, local: DateTime) -> bool {
        self.day_off(local.date()).is_none()
            && self.hours.is_none_or(|(open, close)| open <= local.time() && local.time() < close)
    }

    /// The next opening after an instant outside working time, and its date.
    fn opening(&self, start: Timestamp, trace: &mut Trace) -> Result<(Date, Timestamp), CalendarError> {
        let mut date = self.local(start).date();
        if let Some(why) = self.day_off(date) {
            trace.push(Step::Skipped { date, why });
        }
        loop {
            if let Some((open, _)) = self.open_spans(date).into_iter().find(|(open, _)| *open > start) {
                return Ok((date, open));
            }
            date = self.next_working_day(date, trace)?;
        }
    }

    fn next_working_day(&self, mut date: Date, trace: &mut Trace) -> Result<Date, CalendarError> {
        loop {
            date = date.tomorrow().map_err(|_| CalendarError::OutOfRange)?;
            match self.day_off(date) {
                None => return Ok(date),
                Some(why) => trace.push(Step::Skipped { date, why }),
            }
        }
    }

    /// The local time as an instant; daylight saving is resolved, and said in the trace.
    fn instant(&self, local: DateTime, trace: &mut Trace) -> Result<Timestamp, CalendarError> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {}
            AmbiguousOffset::Gap { .. } => trace.push(Step::Gap { local }),
            AmbiguousOffset::Fold { .. } => trace.push(Step::Overlap { local }),
        }
        ambiguous.compatible().map_err(|_| CalendarError::OutOfRange)
    }

    fn note_offsets(&self, start: Timestamp, at: Timestamp, unit: Unit, trace: &mut Trace) {
        let (before, after) = (self.zone.to_offset_info(start), self.zone.to_offset_info(at));
        let (from, to) = (before.offset(), after.offset());
        if from != to && unit != Unit::Hour {
            trace.push(Step::OffsetChanged { from, to, saving: before.dst() != after.dst() });
        }
    }

    /// The first instant of a date, or of what follows where the zone skips it.
    fn opens(&self, date: Date) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight())).compatible().ok()
    }

    /// When the wall shows working time on a date: never on a day off, and in more than one piece where clocks are moved
    /// within the hours.
    fn open_spans(&self, date: Date) -> Vec<(Timestamp, Timestamp)> {
        let next = date.tomorrow().ok().and_then(|next| self.opens(next));
        let (Some(begins), Some(ends), None) = (self.opens(date), next, self.day_off(date)) else { return Vec::new() };
        let Some((open, close)) = self.hours else { return vec![(begins, ends)] };
        let moves = self.zone.following(begins).map(|moved| moved.timestamp()).take_while(|at| *at < ends);
        let (mut spans, mut from) = (Vec::with_capacity(1), begins);
        for to in moves.chain([ends]) {
            let offset = self.zone.to_offset(from);
            let at = |time| offset.to_timestamp(date.to_datetime(time)).ok();
            if let (Some(open), Some(close)) = (at(open), at(close))
                && open.max(from) < close.min(to)
            {
                spans.push((open.max(from), close.min(to)));
            }
            from = to;
        }
        spans
    }

    fn is_missing(&self, date: Date) -> bool {
        self.opens(date).is_some_and(|first| self.local(first).date() != date)
    }
}

fn shift_hours(start: Timestamp, hours: i64) -> Result<Timestamp, CalendarError> {
    start.checked_add(SignedDuration::from_hours(hours)).map_err(|_| CalendarError::OutOfRange)
}

fn shift_date(date: Date, amount: i64, unit: Unit) -> Result<Date, CalendarError> {
    let span = match unit {
        Unit::Month => Span::new().try_months(amount),
        Unit::Week => Span::new().try_weeks(amount),
        _ => Span::new().try_days(amount),
    };
    span.and_then(|span| date.checked_add(span)).map_err(|_| CalendarError::OutOfRange)
}
