//! What `stats` prints.

use std::io::{self, Write};

use serde::Serialize;

use super::csv::{Cell, Table};
use super::{ALARM, FAINT, HEAD, NOTICE, Screen, View, WELL, document, styled};
use crate::clock::propose::GROUND;
use crate::clock::words;
use crate::safe::{self, Foreign};

/// How well the policy was kept.
#[derive(Serialize)]
pub struct Stats {
    /// Reports received in the period.
    pub reports: usize,
    /// Those a person answered.
    pub answered: usize,
    /// Those not closed.
    pub open: usize,
    /// Open ones with a clock past due.
    pub overdue: usize,
    /// Time to the first answer by a person.
    pub first_response: FirstResponse,
    /// The same as if time had stood still while the team was away; absent where no such times are configured.
    #[serde(rename = "first_response_without_away", skip_serializing_if = "Option::is_none")]
    pub without_away: Option<FirstResponse>,
    /// By month of arrival, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_month: Option<Vec<Month>>,
    /// What a person should know: a stand-in policy, say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Foreign>,
}

/// Time to the first answer by a person.
#[derive(Serialize)]
pub struct FirstResponse {
    /// Half took no longer.
    pub median_s: Option<i64>,
    /// Nine in ten took no longer.
    pub p90_s: Option<i64>,
    /// None took longer.
    pub worst_s: Option<i64>,
    /// The share answered in time, of those answered or past due.
    pub within_policy: Option<f64>,
    /// How many that share is of.
    pub counted: usize,
}

/// One month.
#[derive(Serialize)]
pub struct Month {
    /// `2026-03`.
    pub month: String,
    /// Reports received.
    pub reports: usize,
    /// Half took no longer.
    pub median_s: Option<i64>,
    /// As above.
    pub within_policy: Option<f64>,
}

impl View for Stats {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        for notice in &self.notices {
            writeln!(out, "{}", styled(NOTICE, safe::line(notice)))?;
        }
        let overdue = format!("{} overdue", self.overdue);
        let overdue = if self.overdue > 0 { styled(ALARM, overdue) } else { overdue };
        writeln!(
            out,
            "{} {}, {} answered by a person, {} open, {overdue}",
            self.reports,
            if self.reports == 1 { "report" } else { "reports" },
            self.answered,
            self.open
        )?;
        let few = self.answered < GROUND;
        self.first_response.lines("First answer by a person", few, out)?;
        if let Some(without) = &self.without_away {
            without.lines("The same without announced times away", few, out)?;
        }
        if let Some(months) = &self.by_month {
            writeln!(
                out,
                "\n{}",
                styled(HEAD, format!("{:9} {:>7}  {:>12}  {:>8}", "Month", "reports", "median", "in time"))
            )?;
            for month in months {
                let median = month.median_s.map_or_else(|| "-".into(), words::span);
                writeln!(
                    out,
                    "{:9} {:>7}  {median:>12}  {:>8}",
                    month.month,
                    month.reports,
                    plain_share(month.within_policy)
                )?;
            }
        }
        Ok(())
    }
}

impl Stats {
    /// The months for a spreadsheet.
    pub fn table(&self) -> Table {
        let row = |month: &Month| {
            vec![
                Cell::words(&month.month),
                Cell::number(month.reports as u64),
                Cell::maybe(month.median_s.map(Cell::number)),
                Cell::maybe(month.within_policy.map(|share| Cell::number((share * 1000.0).floor() as i64))),
            ]
        };
        let rows = self.by_month.iter().flatten().map(row).collect();
        Table { head: &["month", "reports", "median_s", "within_policy_per_mille"], rows, document: document(self) }
    }
}

impl FirstResponse {
    /// Of a `few` answers "nine in ten" is another word for the worst, and is left out.
    fn lines(&self, title: &str, few: bool, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", styled(HEAD, title))?;
        let p90 = self.p90_s.filter(|_| !few);
        for (name, value) in [("median", self.median_s), ("nine in ten", p90), ("worst", self.worst_s)] {
            writeln!(out, "  {name:12} {}", value.map_or_else(|| "-".into(), words::span))?;
        }
        let counted = styled(FAINT, format!("of {} answered or past due", self.counted));
        writeln!(out, "  {:12} {} {counted}", "in time", share(self.within_policy))
    }
}

fn share(value: Option<f64>) -> String {
    let style = match value {
        Some(v) if v >= 0.75 => WELL,
        Some(v) if v < 0.25 => ALARM,
        Some(_) => NOTICE,
        None => FAINT,
    };
    styled(style, plain_share(value))
}

/// Rounded down: 99.96 % is not "100 %".
pub fn plain_share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |v| format!("{:.1} %", (v * 1000.0).floor() / 10.0))
}
