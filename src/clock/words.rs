//! Clocks in a few words for a list (`due in 5 h`, `overdue by 2 d`), and instants as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Clock, Status};

/// An instant to the minute with the name of its zone, for times that people agree on: `Mon 2026-03-02 10:15 CET`.
pub fn exact(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// How a clock stands, in at most 24 columns. Amounts are rounded down: never more time than there is.
pub fn due(clock: &Clock, now: Timestamp) -> String {
    let until = |at: Timestamp| at.as_second() - now.as_second();
    match (clock.status, clock.due_at) {
        (Status::Running, Some(at)) => format!("due in {}", span(until(at))),
        (Status::Running, None) => match clock.not_before {
            Some(at) if until(at) > 0 => format!("allowed in {}", span(until(at))),
            _ => "running".to_owned(),
        },
        (Status::Overdue, Some(at)) => format!("overdue by {}", span(-until(at))),
        (Status::Overdue, None) => "overdue".to_owned(),
        (Status::Paused, Some(at)) => format!("paused, {} left", span(until(at))),
        (Status::Paused, None) => "paused".to_owned(),
        (Status::Late, Some(at)) => {
            let by = clock.met_at.map(|done| done.as_second() - at.as_second());
            by.filter(|by| *by > 0).map_or_else(|| "late".to_owned(), |by| format!("late by {}", span(by)))
        }
        (Status::Late, None) => "late".to_owned(),
        (Status::Met, _) => "met".to_owned(),
        (Status::Waived, _) => "waived".to_owned(),
    }
}

/// A number of seconds in one unit that a person can take in: `40 s`, `90 min`, `5 h`, `2 d`, `13 w`. Rounded down.
pub fn span(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = seconds.max(0);
    match seconds {
        s if s < 2 * MINUTE => format!("{s} s"),
        s if s < 2 * HOUR => format!("{} min", s / MINUTE),
        s if s < 2 * DAY => format!("{} h", s / HOUR),
        s if s < 100 * DAY => format!("{} d", s / DAY),
        s => format!("{} w", s / (7 * DAY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Kind;
    use crate::clock::calendar::Trace;
    use crate::clock::policy::{Target, Unit};

    fn clock(status: Status, due: Option<i64>, met: Option<i64>, not_before: Option<i64>) -> Clock {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        Clock {
            kind: Kind::Fix,
            starts_at: at(0),
            due_at: due.map(at),
            met_at: met.map(at),
            status,
            remaining_s: None,
            target: Target::new(1, Unit::Day),
            not_before: not_before.map(at),
            trace: Trace::default(),
        }
    }

    #[test]
    fn every_status_has_its_words() {
        const DAY: i64 = 86_400;
        let cases = [
            (clock(Status::Running, Some(5 * 3_600), None, None), "due in 5 h"),
            (clock(Status::Running, None, None, Some(3 * DAY)), "allowed in 3 d"),
            (clock(Status::Running, None, None, None), "running"),
            (clock(Status::Overdue, Some(-2 * DAY), None, None), "overdue by 2 d"),
            (clock(Status::Paused, Some(5 * DAY), None, None), "paused, 5 d left"),
            (clock(Status::Met, Some(5), Some(4), None), "met"),
            (clock(Status::Late, Some(0), Some(600), None), "late by 10 min"),
            (clock(Status::Waived, Some(0), None, None), "waived"),
        ];
        for (clock, words) in cases {
            assert_eq!(due(&clock, Timestamp::UNIX_EPOCH), words);
        }
        let far = due(&clock(Status::Overdue, Some(-253_370_764_800 / 4), None, None), Timestamp::UNIX_EPOCH);
        assert!(far.len() <= 24, "{far}");
    }

    #[test]
    fn amounts_are_rounded_down_and_short() {
        let cases = [
            (-5, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (21_599, "5 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
            (86_400 * 90, "90 d"),
            (86_400 * 100, "14 w"),
        ];
        for (seconds, words) in cases {
            assert_eq!(span(seconds), words);
        }
    }
}
