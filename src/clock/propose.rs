//! The promise a team can keep, from how fast it has answered so far.

use jiff::{Span, Timestamp};

use super::calendar::Calendar;
use super::policy::Unit;
use crate::case::ReportState;

/// The longest promise that is proposed, in working days: more is none.
const LONGEST: u32 = 30;
/// The share of reports that must have been answered in time for a promise to be proposed.
const SHARE: f64 = 0.95;
/// With fewer reports than this, every one of them must have been.
const FEW: usize = 20;
/// Days and months of the OpenSSF best practices badge's question on the initial response.
const BADGE_DAYS: u32 = 14;
const BADGE_MONTHS: i64 = 6;

/// How long something took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Half took no longer (nearest rank).
    pub p50_s: Option<i64>,
    /// Nine in ten took no longer.
    pub p90_s: Option<i64>,
    /// None took longer.
    pub worst_s: Option<i64>,
}

/// A promise, and how it would have been kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promise {
    /// How many.
    pub amount: u32,
    /// Of what: working days, or hours.
    pub unit: Unit,
    /// Reports that would have been answered in time.
    pub kept: usize,
    /// Of so many: those answered, or past it without an answer.
    pub counted: usize,
}

/// The answer to "initial response within 14 days, for reports of the last 6 months".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badge {
    /// Reports received in the last 6 months.
    pub reports: usize,
    /// Answered within 14 days.
    pub in_time: usize,
    /// Answered later, or not at all for more than 14 days.
    pub late: usize,
    /// Not answered, and not 14 days old.
    pub pending: usize,
}

impl Badge {
    /// `Met`, `Unmet` or `N/A`, as the form has it.
    pub fn answer(self) -> &'static str {
        match self {
            Badge { reports: 0, .. } => "N/A",
            Badge { late: 0, .. } => "Met",
            _ => "Unmet",
        }
    }
}

/// What the numbers say.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Reports that were answered by a person.
    pub answered: usize,
    /// Open reports that were not.
    pub waiting: usize,
    /// By the wall clock: weekends and holidays count.
    pub wall: Figures,
    /// In working time: they do not.
    pub working: Figures,
    /// The shortest promise in working days that could have been kept.
    pub working_days: Option<Promise>,
    /// The shortest promise in hours, of those people make.
    pub hours: Option<Promise>,
    /// The badge's question.
    pub badge: Badge,
}

/// Looks at all reports. One that was closed without an answer says nothing about answers.
pub fn propose<'a>(
    reports: impl IntoIterator<Item = &'a ReportState>,
    calendar: &Calendar,
    now: Timestamp,
) -> Proposal {
    let all: Vec<(Timestamp, Option<Timestamp>)> = reports
        .into_iter()
        .filter(|report| report.first_answer().is_some() || report.closed_at.is_none())
        .map(|report| (report.first_written(), report.first_answer()))
        .collect();
    let answers: Vec<(Timestamp, Timestamp)> = all.iter().filter_map(|&(wrote, at)| Some((wrote, at?))).collect();
    let seconds = |took: &dyn Fn(Timestamp, Timestamp) -> i64| answers.iter().map(|&(a, b)| took(a, b)).collect();
    let kept = |amount, unit| keep(&all, amount, unit, calendar, now);
    let shortest = |amounts: &[u32], unit| amounts.iter().map(|&n| kept(n, unit)).find(|p| is_safe(p));
    let days: Vec<u32> = (1..=LONGEST).collect();
    Proposal {
        answered: answers.len(),
        waiting: all.len() - answers.len(),
        wall: figures(seconds(&|a, b| b.as_second() - a.as_second())),
        working: figures(seconds(&|a, b| calendar.working_time(a, b).as_secs())),
        working_days: shortest(&days, Unit::WorkingDay),
        hours: shortest(&[24, 48, 72, 96, 120, 168, 240, 336], Unit::Hour),
        badge: badge(&all, calendar, now),
    }
}

/// The promise in one sentence, for a SECURITY.md.
pub fn sentence(promise: &Promise) -> String {
    let unit = match promise.unit {
        Unit::WorkingDay => "working day",
        _ => "hour",
    };
    let plural = if promise.amount == 1 { "" } else { "s" };
    format!("You will receive a first response, written by a person, within {} {unit}{plural}.", promise.amount)
}

fn is_safe(promise: &Promise) -> bool {
    let Promise { kept, counted, .. } = *promise;
    counted > 0 && if counted < FEW { kept == counted } else { kept as f64 >= SHARE * counted as f64 }
}

fn keep(
    all: &[(Timestamp, Option<Timestamp>)],
    amount: u32,
    unit: Unit,
    calendar: &Calendar,
    now: Timestamp,
) -> Promise {
    let mut promise = Promise { amount, unit, kept: 0, counted: 0 };
    for &(wrote, answered) in all {
        let Ok(due) = calendar.after(wrote, amount, unit) else { continue };
        let in_time = answered.is_some_and(|at| at <= due.at);
        promise.kept += usize::from(in_time);
        promise.counted += usize::from(answered.is_some() || now > due.at);
    }
    promise
}

fn badge(all: &[(Timestamp, Option<Timestamp>)], calendar: &Calendar, now: Timestamp) -> Badge {
    let since = Span::new().try_months(BADGE_MONTHS).ok();
    let since = since.and_then(|months| now.to_zoned(calendar.zone().clone()).checked_sub(months).ok());
    let recent: Vec<_> =
        all.iter().copied().filter(|(wrote, _)| since.as_ref().is_none_or(|s| *wrote >= s.timestamp())).collect();
    let Promise { kept, counted, .. } = keep(&recent, BADGE_DAYS, Unit::Day, calendar, now);
    Badge { reports: recent.len(), in_time: kept, late: counted - kept, pending: recent.len() - counted }
}

fn figures(mut seconds: Vec<i64>) -> Figures {
    seconds.sort_unstable();
    let rank = |percent: usize| (seconds.len() * percent).div_ceil(100).saturating_sub(1);
    Figures {
        p50_s: seconds.get(rank(50)).copied(),
        p90_s: seconds.get(rank(90)).copied(),
        worst_s: seconds.last().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::published;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn report(wrote: &str, answered: Option<&str>) -> ReportState {
        let answered_at = answered.map(at).into_iter().collect();
        ReportState { received_at: at(wrote), wrote_at: vec![at(wrote)], answered_at, ..ReportState::default() }
    }

    #[test]
    fn a_weekend_between_makes_the_difference() {
        // Friday 17:00 to Monday 09:00, and one answered on the same day.
        let reports = [
            report("2026-03-06T17:00Z", Some("2026-03-09T09:00Z")),
            report("2026-03-03T09:00Z", Some("2026-03-03T12:00Z")),
        ];
        let found = propose(&reports, &Calendar::utc(), at("2026-03-20T00:00Z"));
        assert_eq!(found.wall, Figures { p50_s: Some(10_800), p90_s: Some(230_400), worst_s: Some(230_400) });
        assert_eq!(found.working.worst_s, Some(16 * 3_600));
        let promise = |amount, unit| Some(Promise { amount, unit, kept: 2, counted: 2 });
        assert_eq!(found.working_days, promise(1, Unit::WorkingDay));
        assert_eq!(found.hours, promise(72, Unit::Hour));
        assert_eq!(found.badge, Badge { reports: 2, in_time: 2, late: 0, pending: 0 });
        assert_eq!(found.badge.answer(), "Met");
    }

    #[test]
    fn silence_counts_once_it_is_too_long() {
        let reports = [report("2026-03-02T09:00Z", Some("2026-03-02T12:00Z")), report("2026-03-16T09:00Z", None)];
        let early = propose(&reports, &Calendar::utc(), at("2026-03-16T12:00Z"));
        assert_eq!((early.answered, early.waiting, early.working_days.map(|p| p.amount)), (1, 1, Some(1)));
        let later = propose(&reports, &Calendar::utc(), at("2026-03-19T12:00Z"));
        assert_eq!(later.working_days.map(|p| (p.amount, p.counted)), Some((4, 1)), "shorter ones are broken already");
        let late = propose(&reports, &Calendar::utc(), at("2026-06-30T12:00Z"));
        assert_eq!(late.working_days, None);
        assert_eq!((late.badge, late.badge.answer()), (Badge { reports: 2, in_time: 1, late: 1, pending: 0 }, "Unmet"));
        assert_eq!(propose(&[], &Calendar::utc(), at("2026-06-30T12:00Z")).badge.answer(), "N/A");
    }

    #[test]
    fn the_proposed_sentence_is_read_as_the_promise_it_makes() {
        for (amount, unit) in [(1, Unit::WorkingDay), (5, Unit::WorkingDay), (48, Unit::Hour)] {
            let text = sentence(&Promise { amount, unit, kept: 1, counted: 1 });
            let read = published::read(&text).policy.first_response.unwrap();
            assert_eq!((read.amount, read.unit), (amount, unit), "{text}");
        }
    }
}
