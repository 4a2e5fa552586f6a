//! The calendar against a slow, obvious reference that walks through time minute by minute and only ever asks what the
//! clock on the wall shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use proptest::prelude::*;
use sealpost::clock::calendar::{Calendar, Holidays};
use sealpost::clock::policy::Unit;

/// Zones whose clocks do something at one time or another in the years below.
const ZONES: [&str; 22] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Africa/Cairo",
    "Asia/Jerusalem",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Pacific/Chatham",
    "America/Havana",
    // Winter time is the exception there, by law: "daylight saving" of minus one hour.
    "Europe/Dublin",
    // Clocks that move at midnight, where days begin.
    "America/Asuncion",
    "Asia/Beirut",
    "Asia/Gaza",
    "Atlantic/Azores",
    "America/Nuuk",
    "America/Scoresbysund",
    "Asia/Pyongyang",
];
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// About two days, so that a walk sees what follows the wanted minute.
const BEYOND: i64 = 3_000;

#[derive(Clone, Debug)]
struct World {
    zone: &'static str,
    weekend: Vec<Weekday>,
    holidays: Vec<Date>,
    hours: Option<(Time, Time)>,
}

impl World {
    fn calendar(&self) -> Calendar {
        let zone = Calendar::zone_named(self.zone).unwrap();
        let holidays = Holidays::from_days(self.holidays.iter().map(|day| (*day, "off".to_owned())));
        let calendar = Calendar::new(zone, &self.weekend, holidays).unwrap();
        match self.hours {
            Some((open, close)) => calendar.with_hours(open, close).unwrap(),
            None => calendar,
        }
    }

    fn works_on(&self, date: Date) -> bool {
        !self.weekend.contains(&date.weekday()) && !self.holidays.contains(&date)
    }

    fn works_at(&self, wall: DateTime) -> bool {
        self.works_on(wall.date()) && self.hours.is_none_or(|(open, close)| open <= wall.time() && wall.time() < close)
    }

    /// N units later, by walking.
    fn after(&self, zone: &TimeZone, start: Timestamp, amount: u32, unit: Unit) -> Timestamp {
        let wall = zone.to_datetime(start);
        match unit {
            Unit::Hour => (0..amount * 60).fold(start, |at, _| at + MINUTE),
            Unit::Day | Unit::Week => {
                let days = if unit == Unit::Week { amount * 7 } else { amount };
                let date = (0..days).fold(wall.date(), |date, _| date.tomorrow().unwrap());
                minute_on_the_wall(zone, start, date.to_datetime(wall.time()))
            }
            Unit::Month => {
                let months = i32::from(wall.year()) * 12 + i32::from(wall.month()) - 1 + i32::try_from(amount).unwrap();
                let (year, month) = (i16::try_from(months / 12).unwrap(), i8::try_from(months % 12 + 1).unwrap());
                let date = (1..=wall.day()).rev().find_map(|day| Date::new(year, month, day).ok()).unwrap();
                minute_on_the_wall(zone, start, date.to_datetime(wall.time()))
            }
            Unit::WorkingDay => self.working_days(zone, start, amount),
        }
    }

    fn working_days(&self, zone: &TimeZone, start: Timestamp, amount: u32) -> Timestamp {
        let mut at = start;
        let mut time = zone.to_datetime(start).time();
        if !self.works_at(zone.to_datetime(at)) {
            while !self.works_at(zone.to_datetime(at)) {
                at += MINUTE;
            }
            time = self.hours.map_or(Time::midnight(), |(open, _)| open);
        }
        let mut date = zone.to_datetime(at).date();
        let mut counted = 0;
        while counted < amount {
            at += MINUTE;
            let today = zone.to_datetime(at).date();
            if today > date {
                date = today;
                counted += u32::from(self.works_on(today));
            }
        }
        // From a little before, so that a missing first hour of the day is seen.
        minute_on_the_wall(zone, at - SignedDuration::from_hours(4), date.to_datetime(time)).max(start)
    }

    /// Every minute that counts for the unit.
    fn counts(&self, zone: &TimeZone, at: Timestamp, unit: Unit) -> bool {
        unit != Unit::WorkingDay || self.works_at(zone.to_datetime(at))
    }

    fn pause(&self, zone: &TimeZone, due: Timestamp, unit: Unit, from: Timestamp, to: Timestamp) -> Timestamp {
        if from >= due || to <= from {
            return due;
        }
        let mut left = 0;
        let mut at = from;
        while at < due {
            left += u32::from(self.counts(zone, at, unit));
            at += MINUTE;
        }
        let mut at = to;
        while left > 0 {
            left -= u32::from(self.counts(zone, at, unit));
            at += MINUTE;
        }
        at.max(due)
    }
}

/// The first minute from `from` on at which the wall shows `wanted`; where it never does, the minute at which a clock
/// that nobody moved forward would show it.
fn minute_on_the_wall(zone: &TimeZone, from: Timestamp, wanted: DateTime) -> Timestamp {
    let mut at = from;
    let mut before = None;
    let mut walked_past = 0;
    while walked_past < BEYOND {
        let wall = zone.to_datetime(at);
        if wall == wanted {
            return at;
        }
        if wall < wanted && walked_past == 0 {
            before = Some((at, wall));
        }
        walked_past += i64::from(wall > wanted);
        at += MINUTE;
    }
    let (at, wall) = before.unwrap();
    at + wall.duration_until(wanted)
}

fn weekdays() -> impl Strategy<Value = Vec<Weekday>> {
    prop_oneof![
        Just(vec![Weekday::Saturday, Weekday::Sunday]),
        Just(vec![Weekday::Friday, Weekday::Saturday]),
        Just(vec![Weekday::Friday, Weekday::Sunday]),
        Just(vec![Weekday::Sunday]),
        Just(Vec::new()),
    ]
}

/// Mostly none; else such as people keep, and some in the night, where clocks are moved.
fn hours() -> impl Strategy<Value = Option<(Time, Time)>> {
    let span =
        |from: i8, to: i8, minute: i8| Just(Some((Time::constant(from, minute, 0, 0), Time::constant(to, 30, 0, 0))));
    prop_oneof![6 => Just(None), 2 => span(9, 17, 0), 1 => span(0, 2, 0), 1 => span(1, 2, 30), 1 => span(2, 3, 0), 1 => span(22, 23, 0)]
}

/// A place and a minute, often close to a day on which its clocks move.
fn scene() -> impl Strategy<Value = (World, Timestamp)> {
    let hours = hours();
    let zone = prop::sample::select(ZONES.to_vec());
    let holidays = prop::collection::vec(0i64..45, 0..6);
    (zone, weekdays(), hours, holidays, 0i64..17 * 366 * 1440, 0usize..60, -4000i64..200, any::<bool>()).prop_map(
        |(name, weekend, hours, offs, minute, nth, near, close)| {
            let zone = Calendar::zone_named(name).unwrap();
            let first: Timestamp = "2010-01-01T00:00Z".parse().unwrap();
            let moves: Vec<Timestamp> = zone.following(first).map(|t| t.timestamp()).take(34).collect();
            let start = match moves.get(nth % moves.len().max(1)) {
                Some(at) if close => *at + SignedDuration::from_mins(near),
                _ => first + SignedDuration::from_mins(minute),
            };
            let today = zone.to_datetime(start).date();
            let holidays = offs.iter().map(|days| today + Span::new().days(*days)).collect();
            (World { zone: name, weekend, holidays, hours }, start)
        },
    )
}

/// A start from which so many days lead into the hours around a move of the clocks: among them the hour that is skipped
/// and the hour that comes twice, which starts taken anywhere hardly ever reach.
fn landing() -> impl Strategy<Value = (World, Timestamp, u32)> {
    let zone = prop::sample::select(ZONES.to_vec());
    (zone, 0usize..60, -30i64..150, 1u32..12).prop_map(|(name, nth, minutes, days)| {
        let zone = Calendar::zone_named(name).unwrap();
        let first: Timestamp = "2010-01-01T00:00Z".parse().unwrap();
        let moves: Vec<Timestamp> = zone.following(first).map(|t| t.timestamp()).take(34).collect();
        let moved = moves.get(nth % moves.len().max(1)).copied().unwrap_or(first + SignedDuration::from_hours(9_000));
        // What the wall showed just before the move, and on from there as if it had not happened.
        let hour = zone.to_datetime(moved - SignedDuration::from_hours(1)) + SignedDuration::from_mins(minutes);
        let earlier = hour - Span::new().days(i64::from(days));
        let start = zone.to_ambiguous_timestamp(earlier).compatible().unwrap();
        (World { zone: name, weekend: Vec::new(), holidays: Vec::new(), hours: None }, start, days)
    })
}

fn amount() -> impl Strategy<Value = (u32, Unit)> {
    prop_oneof![
        (1u32..200).prop_map(|n| (n, Unit::Hour)),
        (1u32..25).prop_map(|n| (n, Unit::Day)),
        (0u32..12).prop_map(|n| (n, Unit::WorkingDay)),
        (1u32..12).prop_map(|n| (n, Unit::WorkingDay)),
        (1u32..4).prop_map(|n| (n, Unit::Week)),
        (1u32..3).prop_map(|n| (n, Unit::Month)),
    ]
}

/// So many of each property, more when the soak runs.
fn many() -> u32 {
    u32::try_from(support::rounds(2_000)).unwrap_or(u32::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: many(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_calendar_agrees_with_walking((world, start) in scene(), (amount, unit) in amount()) {
        let calendar = world.calendar();
        let due = calendar.after(start, amount, unit).unwrap();
        let walked = world.after(calendar.zone(), start, amount, unit);
        prop_assert_eq!(due.at, walked, "{} {:?}: {:?}", amount, unit, due.trace);
    }

    #[test]
    fn moves_of_the_clocks_are_met_as_walking_meets_them((world, start, days) in landing()) {
        let calendar = world.calendar();
        for unit in [Unit::Day, Unit::WorkingDay] {
            let due = calendar.after(start, days, unit).unwrap();
            let walked = world.after(calendar.zone(), start, days, unit);
            prop_assert_eq!(due.at, walked, "{} {:?}: {:?}", days, unit, due.trace);
        }
    }

    #[test]
    fn pauses_agree_with_walking(
        (world, start) in scene(),
        (amount, unit) in amount(),
        after in 0i64..6000,
        length in 0i64..9000,
    ) {
        let calendar = world.calendar();
        let due = calendar.after(start, amount, unit).unwrap();
        let from = start + SignedDuration::from_mins(after);
        let to = from + SignedDuration::from_mins(length);
        let walked = world.pause(calendar.zone(), due.at, unit, from, to);
        let paused = calendar.pause(due.clone(), unit, &[(from, to)]).unwrap();
        prop_assert_eq!(paused.at, walked);
        prop_assert!(paused.at >= due.at, "a pause never makes anything due earlier");
    }

    #[test]
    fn several_pauses_agree_with_walking(
        (world, start) in scene(),
        (amount, unit) in amount(),
        steps in prop::collection::vec((0i64..2500, 0i64..4000), 1..5),
    ) {
        let calendar = world.calendar();
        let due = calendar.after(start, amount, unit).unwrap();
        let (mut at, mut pauses, mut walked) = (start, Vec::new(), due.at);
        for (gap, length) in steps {
            let from = at + SignedDuration::from_mins(gap);
            at = from + SignedDuration::from_mins(length);
            pauses.push((from, at));
            walked = world.pause(calendar.zone(), walked, unit, from, at);
        }
        prop_assert_eq!(calendar.pause(due, unit, &pauses).unwrap().at, walked, "{:?}", pauses);
    }

    #[test]
    fn two_pauses_that_meet_are_one((world, start) in scene(), (amount, unit) in amount(), a in 0i64..5000, b in 1i64..3000, c in 1i64..3000) {
        let calendar = world.calendar();
        let due = calendar.after(start, amount, unit).unwrap();
        let at = |minutes| start + SignedDuration::from_mins(minutes);
        let split = calendar.pause(due.clone(), unit, &[(at(a), at(a + b)), (at(a + b), at(a + b + c))]).unwrap();
        let whole = calendar.pause(due.clone(), unit, &[(at(a), at(a + b + c))]).unwrap();
        // Only where something was left when the second began: a clock that has run out cannot be paused.
        if split.at > at(a + b) && at(a) < due.at {
            prop_assert_eq!(split.at, whole.at);
        }
    }

    #[test]
    fn counting_back_reaches_no_later_than_counting_forward((world, end) in scene(), (amount, unit) in amount()) {
        let calendar = world.calendar();
        let latest = calendar.before(end, amount, unit).unwrap();
        let reached = world.after(calendar.zone(), latest, amount, unit);
        prop_assert!(reached <= end, "{} {:?} after {} is {}, not by {}", amount, unit, latest, reached, end);
        // And no earlier than it must: later by more than clocks are moved anywhere but in Apia, it is too late.
        if unit != Unit::Month && world.zone != "Pacific/Apia" && world.hours.is_none() {
            let later = latest + SignedDuration::from_hours(2) + MINUTE;
            let reached = world.after(calendar.zone(), later, amount, unit);
            prop_assert!(reached >= end, "{} {:?} after {} is {}, before {}", amount, unit, later, reached, end);
        }
    }

    #[test]
    fn counting_back_from_a_move_of_the_clocks_is_as_good((world, start, days) in landing()) {
        let calendar = world.calendar();
        // What `landing` leads to from the front is led to from behind.
        let zone = calendar.zone();
        let end = zone.to_ambiguous_timestamp(zone.to_datetime(start) + Span::new().days(2 * i64::from(days))).compatible().unwrap();
        for unit in [Unit::Day, Unit::WorkingDay] {
            let latest = calendar.before(end, days, unit).unwrap();
            let reached = world.after(zone, latest, days, unit);
            prop_assert!(reached <= end, "{} {:?} after {} is {}, not by {}", days, unit, latest, reached, end);
        }
    }
}

#[test]
fn the_ends_of_time_are_errors() {
    let calendar = Calendar::utc();
    let start: Timestamp = "9999-12-01T00:00Z".parse().unwrap();
    for unit in [Unit::Hour, Unit::Day, Unit::WorkingDay, Unit::Week, Unit::Month] {
        assert!(calendar.after(start, u32::MAX, unit).is_err(), "{unit:?}");
        assert!(calendar.after(Timestamp::MAX, 1, unit).is_err(), "{unit:?}");
        assert!(calendar.before(Timestamp::MIN, u32::MAX, unit).is_err(), "{unit:?}");
    }
    assert!(calendar.after_working_time(start, SignedDuration::MAX).is_err());
    assert!(calendar.working_time(Timestamp::MAX, Timestamp::MIN).is_zero());
}
