//! How well the policy was kept: figures over reports, by the period in which they arrived.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::away::Without;
use super::{Clock, Kind, Status, calls};
use crate::case::ReportState;

/// The figures of `stats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Reports that arrived.
    pub reports: usize,
    /// Of these, answered by a person.
    pub answered: usize,
    /// Of these, not closed.
    pub open: usize,
    /// Of these, those with something overdue; of closed ones only a duty counts, which closing does not end.
    pub overdue: usize,
    /// How fast the first answers came.
    pub first_response: Times,
    /// The same by month of receipt, in order; months without a report are left out.
    pub by_month: Vec<Month>,
}

/// How fast first answers by a person came, in seconds of wall time from the reporter's first mail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// The middle one; the mean of the middle two, rounded down, where there are two. `None` without any answer.
    pub median_s: Option<i64>,
    /// Nine in ten answers came at least this fast (nearest rank).
    pub p90_s: Option<i64>,
    /// The slowest.
    pub worst_s: Option<i64>,
    /// The share of `counted` that was answered in time. `None` where nothing counts.
    pub within_policy: Option<f64>,
    /// The reports that `within_policy` is over: those whose first response was met, was late, or is overdue. One that is
    /// still running counts for nothing yet, one that was closed before it was due never does.
    pub counted: usize,
}

/// The figures of one month of receipt.
#[derive(Clone, Debug, PartialEq)]
pub struct Month {
    /// Such as `2026-03`, in the team's time zone.
    pub month: String,
    /// Reports that arrived.
    pub reports: usize,
    /// As in [`Times`].
    pub median_s: Option<i64>,
    /// As in [`Times`].
    pub within_policy: Option<f64>,
}

/// Adds up reports that were received at or after `since`, each with its clocks.
pub fn stats<'a>(
    reports: impl IntoIterator<Item = (&'a ReportState, &'a [Clock])>,
    since: Option<Timestamp>,
    zone: &TimeZone,
) -> Stats {
    let mut stats = Stats::default();
    let mut all = Sample::default();
    let mut months: BTreeMap<String, Sample> = BTreeMap::new();
    for (report, clocks) in reports {
        if since.is_some_and(|since| report.received_at < since) {
            continue;
        }
        let open = report.closed_at.is_none();
        stats.open += usize::from(open);
        stats.overdue += usize::from(calls(report, clocks));
        let month = report.received_at.to_zoned(zone.clone()).strftime("%Y-%m").to_string();
        all.add(report, clocks);
        months.entry(month).or_default().add(report, clocks);
    }
    stats.reports = all.reports;
    stats.answered = all.times.len();
    stats.first_response = all.figures();
    stats.by_month = months
        .into_iter()
        .map(|(month, sample)| {
            let reports = sample.reports;
            let Times { median_s, within_policy, .. } = sample.figures();
            Month { month, reports, median_s, within_policy }
        })
        .collect();
    stats
}

/// The first answers as if time had stood still while the team was away, one item a report (`away::without`).
pub fn first_response_without(reports: impl IntoIterator<Item = Without>) -> Times {
    let mut sample = Sample::default();
    reports.into_iter().for_each(|report| sample.count(report.seconds, report.status));
    sample.figures()
}

#[derive(Default)]
struct Sample {
    reports: usize,
    times: Vec<i64>,
    within: usize,
    counted: usize,
}

impl Sample {
    fn add(&mut self, report: &ReportState, clocks: &[Clock]) {
        self.reports += 1;
        let answer = report.first_answer().map(|at| at.as_second() - report.first_written().as_second());
        self.count(answer, clocks.iter().find(|clock| clock.kind == Kind::FirstResponse).map(|clock| clock.status));
    }

    fn count(&mut self, seconds: Option<i64>, status: Option<Status>) {
        self.times.extend(seconds);
        match status {
            Some(Status::Met) => {
                self.within += 1;
                self.counted += 1;
            }
            Some(Status::Late | Status::Overdue) => self.counted += 1,
            _ => {}
        }
    }

    fn figures(mut self) -> Times {
        self.times.sort_unstable();
        let n = self.times.len();
        let at = |index: usize| self.times.get(index).copied();
        let median_s = match (at(n.saturating_sub(1) / 2), at(n / 2)) {
            (Some(low), Some(high)) => Some(low.midpoint(high)),
            _ => None,
        };
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        Times {
            median_s,
            p90_s: at((n * 9).div_ceil(10).saturating_sub(1)),
            worst_s: self.times.last().copied(),
            within_policy: share(self.within, self.counted),
            counted: self.counted,
        }
    }
}

#[cfg(test)]
mod tests;
