//! The promise a team can keep, from how fast it has answered so far.

use jiff::{Span, Timestamp};

use super::calendar::Calendar;
use super::policy::Unit;
use crate::case::{Fact, ReportState};

/// The longest promise that is proposed, in working days: more is none.
const LONGEST: u32 = 30;
/// The share of reports that must have been answered in time for a promise to be proposed.
const SHARE: f64 = 0.95;
/// With fewer reports than this, every one of them must have been.
const FEW: usize = 20;
/// With fewer answers than this, nine in ten is another word for the worst, and nothing bears a promise.
pub const GROUND: usize = 10;
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
    /// The first instant that the question is about.
    pub since: Timestamp,
    /// The ledger knows all of that time.
    pub covered: bool,
    /// Reports received in the last 6 months.
    pub reports: usize,
    /// Answered within 14 days.
    pub in_time: usize,
    /// Answered later, or not at all for more than 14 days.
    pub late: usize,
    /// Not answered, and not 14 days old.
    pub pending: usize,
    /// Beside those: closed without an answer, and nobody said that they were no vulnerability.
    pub unclear: usize,
}

impl Badge {
    /// `Met`, `Unmet` or `N/A`, as the form has it; `?` where the ledger cannot tell.
    pub fn answer(self) -> &'static str {
        match self {
            Badge { late: 1.., .. } => "Unmet",
            Badge { unclear: 1.., .. } => "?",
            Badge { in_time: 1.., .. } => "Met",
            Badge { reports: 0, covered: true, .. } => "N/A",
            _ => "?",
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
    /// Reports that were closed without an answer: they say nothing about answers, and are left out of all figures.
    pub left_out: usize,
    /// By the wall clock: weekends and holidays count.
    pub wall: Figures,
    /// In working time: they do not.
    pub working: Figures,
    /// The shortest promise in working days that could have been kept.
    pub working_days: Option<Promise>,
    /// The shortest promise in hours, of those people make.
    pub hours: Option<Promise>,
    /// How the longest promise there is would have been kept: it tells why there is none.
    pub longest: Promise,
    /// The badge's question.
    pub badge: Badge,
}

impl Proposal {
    /// Whether there are too few answers to promise anything from them.
    pub fn few(&self) -> bool {
        self.answered < GROUND
    }
}

/// Looks at all reports of a ledger that knows what arrived since `began` (`None`: of nothing). One that was closed without
/// an answer says nothing about answers.
pub fn propose<'a>(
    reports: impl IntoIterator<Item = &'a ReportState>,
    began: Option<Timestamp>,
    calendar: &Calendar,
    now: Timestamp,
) -> Proposal {
    let (counted, unanswered): (Vec<&ReportState>, Vec<&ReportState>) =
        reports.into_iter().partition(|report| report.first_answer().is_some() || report.closed_at.is_none());
    let all: Vec<(Timestamp, Option<Timestamp>)> =
        counted.iter().map(|report| (report.first_written(), report.first_answer())).collect();
    let answers: Vec<(Timestamp, Timestamp)> = all.iter().filter_map(|&(wrote, at)| Some((wrote, at?))).collect();
    let seconds = |took: &dyn Fn(Timestamp, Timestamp) -> i64| answers.iter().map(|&(a, b)| took(a, b)).collect();
    let kept = |amount, unit| keep(&all, amount, unit, calendar, now);
    let shortest = |amounts: &[u32], unit| amounts.iter().map(|&n| kept(n, unit)).find(|p| is_safe(p));
    let days: Vec<u32> = (1..=LONGEST).collect();
    Proposal {
        answered: answers.len(),
        waiting: all.len() - answers.len(),
        left_out: unanswered.len(),
        wall: figures(seconds(&|a, b| b.as_second() - a.as_second())),
        working: figures(seconds(&|a, b| calendar.working_time(a, b).as_secs())),
        working_days: shortest(&days, Unit::WorkingDay),
        hours: shortest(&[24, 48, 72, 96, 120, 168, 240, 336], Unit::Hour),
        longest: kept(LONGEST, Unit::WorkingDay),
        badge: badge(&all, &unanswered, began, calendar, now),
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

fn badge(
    all: &[(Timestamp, Option<Timestamp>)],
    unanswered: &[&ReportState],
    began: Option<Timestamp>,
    calendar: &Calendar,
    now: Timestamp,
) -> Badge {
    let since = Span::new().try_months(BADGE_MONTHS).ok();
    let since = since.and_then(|months| now.to_zoned(calendar.zone().clone()).checked_sub(months).ok());
    let since = since.map_or(Timestamp::MIN, |since| since.timestamp());
    let recent: Vec<_> = all.iter().copied().filter(|(wrote, _)| *wrote >= since).collect();
    let Promise { kept, counted, .. } = keep(&recent, BADGE_DAYS, Unit::Day, calendar, now);
    let invalid = |report: &ReportState| report.triage.as_ref().is_some_and(|triage| triage.fact == Fact::Invalid);
    Badge {
        since,
        covered: began.is_some_and(|began| began <= since),
        reports: recent.len(),
        in_time: kept,
        late: counted - kept,
        pending: recent.len() - counted,
        unclear: unanswered.iter().filter(|r| r.first_written() >= since && !invalid(r)).count(),
    }
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
    use crate::case::{Place, Triage};
    use crate::clock::published;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn report(wrote: &str, answered: Option<&str>) -> ReportState {
        let answered_at = answered.map(at).into_iter().collect();
        ReportState { received_at: at(wrote), wrote_at: vec![at(wrote)], answered_at, ..ReportState::default() }
    }

    fn proposal(reports: &[ReportState], now: &str) -> Proposal {
        propose(reports, Some(at("2025-01-01T00:00Z")), &Calendar::utc(), at(now))
    }

    /// (reports, in time, late, pending, unclear) and the answer.
    fn told(badge: Badge) -> ([usize; 5], &'static str) {
        ([badge.reports, badge.in_time, badge.late, badge.pending, badge.unclear], badge.answer())
    }

    #[test]
    fn a_weekend_between_makes_the_difference() {
        // Friday 17:00 to Monday 09:00, and one answered on the same day.
        let reports = [
            report("2026-03-06T17:00Z", Some("2026-03-09T09:00Z")),
            report("2026-03-03T09:00Z", Some("2026-03-03T12:00Z")),
        ];
        let found = proposal(&reports, "2026-03-20T00:00Z");
        assert_eq!(found.wall, Figures { p50_s: Some(10_800), p90_s: Some(230_400), worst_s: Some(230_400) });
        assert_eq!(found.working.worst_s, Some(16 * 3_600));
        let promise = |amount, unit| Some(Promise { amount, unit, kept: 2, counted: 2 });
        assert_eq!(found.working_days, promise(1, Unit::WorkingDay));
        assert_eq!(found.hours, promise(72, Unit::Hour));
        assert_eq!(told(found.badge), ([2, 2, 0, 0, 0], "Met"));
        assert!(found.few(), "two answers are no ground");
    }

    #[test]
    fn silence_counts_once_it_is_too_long() {
        let reports = [report("2026-03-02T09:00Z", Some("2026-03-02T12:00Z")), report("2026-03-16T09:00Z", None)];
        let early = proposal(&reports, "2026-03-16T12:00Z");
        assert_eq!((early.answered, early.waiting, early.working_days.map(|p| p.amount)), (1, 1, Some(1)));
        let later = proposal(&reports, "2026-03-19T12:00Z");
        assert_eq!(later.working_days.map(|p| (p.amount, p.counted)), Some((4, 1)), "shorter ones are broken already");
        let late = proposal(&reports, "2026-06-30T12:00Z");
        assert_eq!((late.working_days, late.longest.counted - late.longest.kept), (None, 1));
        assert_eq!(told(late.badge), ([2, 1, 1, 0, 0], "Unmet"));
    }

    #[test]
    fn nothing_is_claimed_that_the_ledger_cannot_tell() {
        assert_eq!(told(proposal(&[], "2026-06-30T12:00Z").badge), ([0; 5], "N/A"));
        let young = propose(&[], Some(at("2026-06-01T00:00Z")), &Calendar::utc(), at("2026-06-30T12:00Z"));
        assert_eq!((young.badge.answer(), young.badge.covered), ("?", false), "a ledger of four weeks");
        assert_eq!(propose(&[], None, &Calendar::utc(), at("2026-06-30T12:00Z")).badge.answer(), "?");
        let waits = [report("2026-03-02T09:00Z", None)];
        assert_eq!(told(proposal(&waits, "2026-03-03T09:00Z").badge), ([1, 0, 0, 1, 0], "?"), "nobody was answered");
        let closed = ReportState { closed_at: Some(at("2026-03-09T09:00Z")), ..report("2026-03-02T09:00Z", None) };
        let answered = report("2026-03-02T09:00Z", Some("2026-03-03T09:00Z"));
        let found = proposal(&[closed.clone(), answered.clone()], "2026-04-01T09:00Z");
        assert_eq!((found.left_out, told(found.badge)), (1, ([1, 1, 0, 0, 1], "?")), "one was closed in silence");
        let outcome = Triage { fact: Fact::Invalid, at: at("2026-03-09T09:00Z"), place: Place::default() };
        let invalid = ReportState { triage: Some(outcome), ..closed };
        let found = proposal(&[invalid, answered], "2026-04-01T09:00Z");
        assert_eq!((found.left_out, told(found.badge)), (1, ([1, 1, 0, 0, 0], "Met")));
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
