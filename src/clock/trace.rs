//! Why a computed instant is what it is: the steps, each in words a maintainer can check against a wall calendar.

use std::fmt;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{Timestamp, tz::TimeZone};

/// How many steps are kept; more are counted in [`Trace::left_out`], so that an absurd target cannot eat memory.
const MAX_STEPS: usize = 400;

/// Why a day does not count as a working day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayOff {
    /// A day of the configured weekend.
    Weekend(Weekday),
    /// A holiday, by its name in the calendar file.
    Holiday(String),
    /// The time zone jumped over the whole day (Apia, 30 December 2011): nobody could work on it.
    NoSuchDay,
}

/// One step on the way from a start to a due instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The start lies outside working time and counts as the opening of the next working day.
    CountedFrom {
        /// The opening.
        at: Timestamp,
    },
    /// A day was passed over while counting working days.
    Skipped {
        /// Which.
        date: Date,
        /// Why.
        why: DayOff,
    },
    /// The month has no such day; its last one is taken.
    MonthEnd {
        /// The day that was taken.
        date: Date,
    },
    /// The local time does not exist on that day (clocks go forward over it): the offset from before the jump is used.
    Gap {
        /// The local time that was wanted.
        local: DateTime,
    },
    /// The local time comes twice on that day (clocks go back): the first is used, so that nothing is done too late.
    Overlap {
        /// The local time that was wanted.
        local: DateTime,
    },
    /// The offset from UTC differs between start and due: the elapsed hours are not a multiple of 24.
    OffsetChanged {
        /// At the start.
        from: Offset,
        /// At the due instant.
        to: Offset,
        /// By daylight saving; else the zone was given another offset.
        saving: bool,
    },
    /// The clock stood still while the reporter was asked.
    Paused {
        /// From.
        from: Timestamp,
        /// To; the present while it lasts.
        to: Timestamp,
        /// The due instant after it.
        due: Timestamp,
    },
    /// The instant lies beyond the year 9999 and cannot be computed.
    OutOfRange,
}

impl Step {
    /// The step as one sentence without a full stop, in the local time of `zone`.
    pub fn in_words(&self, zone: &TimeZone) -> String {
        let local = |t: &Timestamp| t.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string();
        match self {
            Step::CountedFrom { at } => format!("starts outside working time, so it counts from {}", local(at)),
            Step::Skipped { date, why } => format!("{} does not count: {why}", date.strftime("%a %Y-%m-%d")),
            Step::MonthEnd { date } => format!("the month ends on {date}, so that day is taken"),
            Step::Gap { local } => {
                format!("{} does not exist there: clocks go forward over it", local.strftime("%Y-%m-%d %H:%M"))
            }
            Step::Overlap { local } => {
                format!("{} comes twice there: clocks go back; the first is taken", local.strftime("%Y-%m-%d %H:%M"))
            }
            Step::OffsetChanged { from, to, saving } => {
                let why = if *saving { "daylight saving" } else { "the zone was given another offset" };
                format!("{why}: UTC{from} at the start, UTC{to} when due")
            }
            Step::Paused { from, to, due } => {
                format!("paused from {} to {}, so it is due {}", local(from), local(to), local(due))
            }
            Step::OutOfRange => "lies beyond the year 9999".to_owned(),
        }
    }
}

impl fmt::Display for DayOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DayOff::Weekend(_) => f.write_str("weekend"),
            DayOff::Holiday(name) => write!(f, "holiday ({name})"),
            DayOff::NoSuchDay => f.write_str("the time zone skipped this day"),
        }
    }
}

/// The steps behind one instant, in the order in which they were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The steps.
    pub steps: Vec<Step>,
    /// How many more there were.
    pub left_out: u32,
}

impl Trace {
    pub(super) fn push(&mut self, step: Step) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(step);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// The days that were passed over, with the reason of each.
    pub fn skipped(&self) -> impl Iterator<Item = (Date, &DayOff)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Skipped { date, why } => Some((*date, why)),
            _ => None,
        })
    }
}

/// A computed instant and why it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The instant.
    pub at: Timestamp,
    /// Its explanation.
    pub trace: Trace,
}
