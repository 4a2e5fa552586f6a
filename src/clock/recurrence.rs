//! Days that come again: the recurrence rules (RFC 5545, section 3.3.10) that calendars of days off use. All frequencies
//! from daily to yearly, with the parts that name months, days and weekdays; a part that is not understood is refused,
//! because a holiday on the wrong day is a wrong due date.

use jiff::Span;
use jiff::civil::{Date, Weekday};

/// Rules are followed to the end of this year. Due dates beyond it find no recurring holidays.
const LAST_YEAR: i16 = 2199;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// One rule, read.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: i64,
    count: Option<usize>,
    until: Option<Date>,
    months: Vec<i8>,
    month_days: Vec<i8>,
    /// With 0 for "every", 2 for the second, -1 for the last.
    weekdays: Vec<(i8, Weekday)>,
    positions: Vec<i16>,
    week_start: Weekday,
}

impl Rule {
    /// Reads the value of an RRULE property. What day an UNTIL is depends on the event: `until` tells.
    pub(super) fn read(text: &str, until: impl Fn(&str) -> Result<Date, String>) -> Result<Rule, String> {
        let mut rule = Rule {
            frequency: Frequency::Yearly,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut frequency = None;
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("recurrence part “{part}” has no value"))?;
            let value = value.trim().to_ascii_uppercase();
            match name.trim().to_ascii_uppercase().as_str() {
                "FREQ" => frequency = Some(read_frequency(&value)?),
                "INTERVAL" => rule.interval = i64::from(number(&value, 1, 1000)?),
                "COUNT" => rule.count = Some(usize::try_from(number(&value, 1, 1_000_000)?).unwrap_or(usize::MAX)),
                "UNTIL" => rule.until = Some(until(&value)?),
                "BYMONTH" => {
                    rule.months = list(&value, |v| small(v, 1, 12))?;
                    rule.months.sort_unstable();
                    rule.months.dedup();
                }
                "BYMONTHDAY" => rule.month_days = list(&value, |v| small(v, -31, 31))?,
                "BYDAY" => rule.weekdays = list(&value, read_weekday)?,
                "BYSETPOS" => rule.positions = list(&value, |v| Ok(i16::from(small(v, -127, 127)?)))?,
                "WKST" => rule.week_start = read_weekday(&value)?.1,
                other => return Err(format!("recurrence part {other} is not understood; write the days out")),
            }
        }
        rule.frequency = frequency.ok_or_else(|| "recurrence rule without FREQ".to_owned())?;
        Ok(rule)
    }

    /// The days of the rule from `start` on, in order; at most `limit` of them, else an error.
    pub(super) fn days(&self, start: Date, limit: usize) -> Result<Vec<Date>, String> {
        let mut days = Vec::new();
        let mut period = self.first_period(start);
        while let Some(first) = period.filter(|first| first.year() <= LAST_YEAR) {
            if self.until.is_some_and(|until| first > until) {
                break;
            }
            for day in self.in_period(first, start) {
                if self.until.is_some_and(|until| day > until) || self.count.is_some_and(|count| days.len() >= count) {
                    return Ok(days);
                }
                if days.len() >= limit {
                    return Err(format!("recurrence gives more than {limit} days; give it an UNTIL"));
                }
                days.push(day);
            }
            period = self.next_period(first);
        }
        Ok(days)
    }

    fn first_period(&self, start: Date) -> Option<Date> {
        match self.frequency {
            Frequency::Daily => Some(start),
            Frequency::Weekly => {
                let back = start.weekday().since(self.week_start);
                start.checked_sub(Span::new().days(i64::from(back))).ok()
            }
            Frequency::Monthly => Some(start.first_of_month()),
            Frequency::Yearly => Some(start.first_of_year()),
        }
    }

    fn next_period(&self, first: Date) -> Option<Date> {
        let span = match self.frequency {
            Frequency::Daily => Span::new().days(self.interval),
            Frequency::Weekly => Span::new().weeks(self.interval),
            Frequency::Monthly => Span::new().months(self.interval),
            Frequency::Yearly => Span::new().years(self.interval),
        };
        first.checked_add(span).ok()
    }

    /// The days of the rule in the period that begins on `first`, in order, none before `start`.
    fn in_period(&self, first: Date, start: Date) -> Vec<Date> {
        let mut days: Vec<Date> = Vec::new();
        for (from, to) in self.ranges(first, start) {
            let range = from.series(Span::new().days(1)).take_while(|day| *day <= to);
            days.extend(range.filter(|day| self.fits(*day, start)));
        }
        if !self.positions.is_empty() {
            let all = days.clone();
            let total = i16::try_from(all.len()).unwrap_or(i16::MAX);
            let mut at = 0i16;
            days.retain(|_| {
                at += 1;
                self.positions.contains(&at) || self.positions.contains(&(at - total - 1))
            });
        }
        days.retain(|day| *day >= start);
        days
    }

    /// The parts of a period worth looking at: of a year, only the months that the rule can fall into.
    fn ranges(&self, first: Date, start: Date) -> Vec<(Date, Date)> {
        let month = |month: i8| Date::new(first.year(), month, 1).ok().map(|from| (from, from.last_of_month()));
        let plain = self.month_days.is_empty() && self.weekdays.is_empty();
        match self.frequency {
            Frequency::Daily => vec![(first, first)],
            Frequency::Weekly => vec![(first, first.checked_add(Span::new().days(6)).unwrap_or(Date::MAX))],
            Frequency::Monthly => vec![(first, first.last_of_month())],
            Frequency::Yearly if self.months.is_empty() && plain => month(start.month()).into_iter().collect(),
            Frequency::Yearly if self.months.is_empty() => vec![(first, first.last_of_year())],
            Frequency::Yearly => self.months.iter().filter_map(|number| month(*number)).collect(),
        }
    }

    fn fits(&self, day: Date, start: Date) -> bool {
        let months = &self.months;
        let plain = self.month_days.is_empty() && self.weekdays.is_empty();
        let month_fits = match self.frequency {
            Frequency::Yearly if months.is_empty() && plain => day.month() == start.month(),
            _ => months.is_empty() || months.contains(&day.month()),
        };
        if !month_fits {
            return false;
        }
        match self.frequency {
            Frequency::Yearly | Frequency::Monthly if plain => return day.day() == start.day(),
            Frequency::Weekly if plain => return day.weekday() == start.weekday(),
            _ => {}
        }
        let from_end = day.day() - day.days_in_month() - 1;
        let day_fits = self.month_days.is_empty()
            || self.month_days.iter().any(|wanted| *wanted == day.day() || *wanted == from_end);
        day_fits && (self.weekdays.is_empty() || self.weekdays.iter().any(|wanted| self.is_nth(day, *wanted)))
    }

    /// Whether the day is the nth of its weekday: in its year for yearly rules without months, else in its month.
    fn is_nth(&self, day: Date, (nth, weekday): (i8, Weekday)) -> bool {
        if day.weekday() != weekday {
            return false;
        }
        if nth == 0 || matches!(self.frequency, Frequency::Daily | Frequency::Weekly) {
            return true;
        }
        let (position, total) = if self.frequency == Frequency::Yearly && self.months.is_empty() {
            (day.day_of_year(), day.days_in_year())
        } else {
            (i16::from(day.day()), i16::from(day.days_in_month()))
        };
        let nth = i16::from(nth);
        nth == (position - 1) / 7 + 1 || nth == -((total - position) / 7 + 1)
    }
}

fn read_frequency(value: &str) -> Result<Frequency, String> {
    Ok(match value {
        "DAILY" => Frequency::Daily,
        "WEEKLY" => Frequency::Weekly,
        "MONTHLY" => Frequency::Monthly,
        "YEARLY" => Frequency::Yearly,
        other => return Err(format!("frequency “{other}” is none of DAILY, WEEKLY, MONTHLY, YEARLY")),
    })
}

fn read_weekday(value: &str) -> Result<(i8, Weekday), String> {
    let split = value.len().saturating_sub(2);
    let (nth, name) = (value.get(..split).unwrap_or_default(), value.get(split..).unwrap_or_default());
    let weekday = match name {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return Err(format!("“{value}” is not a weekday such as MO or -1SU")),
    };
    Ok((if nth.is_empty() { 0 } else { small(nth, -53, 53)? }, weekday))
}

fn list<T>(value: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    value.split(',').map(|item| read(item.trim())).collect()
}

fn small(value: &str, low: i8, high: i8) -> Result<i8, String> {
    let read = value.trim_start_matches('+').parse::<i8>().ok().filter(|n| (low..=high).contains(n) && *n != 0);
    read.ok_or_else(|| format!("“{value}” is not a number from {low} to {high} (and not 0)"))
}

fn number(value: &str, low: u32, high: u32) -> Result<u32, String> {
    let read = value.parse::<u32>().ok().filter(|n| (low..=high).contains(n));
    read.ok_or_else(|| format!("“{value}” is not a number from {low} to {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rule: &str) -> Result<Rule, String> {
        Rule::read(rule, |until| Date::strptime("%Y%m%d", until.get(..8).unwrap_or(until)).map_err(|e| e.to_string()))
    }

    fn days(rule: &str, start: &str, n: usize) -> Vec<String> {
        let days = read(rule).unwrap().days(start.parse().unwrap(), 100_000).unwrap();
        days.iter().take(n).map(Date::to_string).collect()
    }

    #[test]
    fn the_rules_that_holiday_files_use() {
        assert_eq!(days("FREQ=YEARLY", "2020-12-25", 2), ["2020-12-25", "2021-12-25"]);
        assert_eq!(days("FREQ=YEARLY", "2020-02-29", 2), ["2020-02-29", "2024-02-29"]);
        assert_eq!(days("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2025-11-27", 2), ["2025-11-27", "2026-11-26"]);
        assert_eq!(days("FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", "2025-05-26", 2), ["2025-05-26", "2026-05-25"]);
        assert_eq!(days("FREQ=YEARLY;BYDAY=1SU", "2026-01-01", 2), ["2026-01-04", "2027-01-03"]);
        assert_eq!(
            days("FREQ=YEARLY;INTERVAL=4;BYMONTH=1;BYMONTHDAY=20", "2021-01-20", 2),
            ["2021-01-20", "2025-01-20"]
        );
        assert_eq!(days("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31", 2), ["2026-01-31", "2026-02-28"]);
        assert_eq!(days("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "2026-01-01", 2), ["2026-01-27", "2026-02-24"]);
        assert_eq!(
            days("FREQ=YEARLY;BYMONTH=7,2;BYMONTHDAY=3", "2026-01-01", 3),
            ["2026-02-03", "2026-07-03", "2027-02-03"]
        );
        assert_eq!(days("FREQ=YEARLY;BYMONTH=2", "2026-01-15", 2), ["2026-02-15", "2027-02-15"]);
        assert_eq!(
            days("FREQ=WEEKLY;WKST=SU;BYDAY=SU,SA", "2026-03-05", 3),
            ["2026-03-07", "2026-03-08", "2026-03-14"]
        );
        assert_eq!(days("FREQ=WEEKLY;INTERVAL=2", "2026-03-06", 2), ["2026-03-06", "2026-03-20"]);
        assert_eq!(days("FREQ=DAILY;COUNT=2", "2026-03-06", 9), ["2026-03-06", "2026-03-07"]);
        assert_eq!(
            days("FREQ=YEARLY;UNTIL=20220101T000000Z", "2020-01-01", 9),
            ["2020-01-01", "2021-01-01", "2022-01-01"]
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            "",
            "FREQ=HOURLY",
            "FREQ=YEARLY;BYWEEKNO=20",
            "FREQ=YEARLY;BYMONTH=13",
            "FREQ=YEARLY;COUNT=0",
            "X",
            "FREQ=YEARLY;BYDAY=5XX",
            "FREQ=YEARLY;BYDAY=é",
        ] {
            assert!(read(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(read("FREQ=DAILY").unwrap().days("0001-01-01".parse().unwrap(), 1000).is_err());
    }
}
