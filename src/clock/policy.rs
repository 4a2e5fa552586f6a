//! `ResponsePolicy`: the targets a project publishes, as data.

use serde::{Deserialize, Serialize};

/// The unit of a target, as written: "48 hours" is not "2 days", and "2 days" is not "2 working days".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 3,600 seconds.
    Hour,
    /// The same local time a calendar day later.
    Day,
    /// The same local time on the next day that is neither weekend nor holiday.
    WorkingDay,
    /// Seven days.
    Week,
    /// The same day of the next month, or its last.
    Month,
}

impl Unit {
    /// The word for so many of it: `working day`, `working days`.
    pub fn word(self, amount: u32) -> &'static str {
        match (self, amount) {
            (Unit::Hour, 1) => "hour",
            (Unit::Hour, _) => "hours",
            (Unit::Day, 1) => "day",
            (Unit::Day, _) => "days",
            (Unit::WorkingDay, 1) => "working day",
            (Unit::WorkingDay, _) => "working days",
            (Unit::Week, 1) => "week",
            (Unit::Week, _) => "weeks",
            (Unit::Month, 1) => "month",
            (Unit::Month, _) => "months",
        }
    }
}

/// Which way an amount binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// "No less than".
    Min,
    /// "No more than".
    Max,
}

/// One amount of time that a policy commits to, with the sentence it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// How many; the upper end of a range.
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
    /// The lower end of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Which way it binds, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// What it runs from when that is not the report: `acknowledgement`, `assessment`, `release`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// "Typically", "on the order of".
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approx: bool,
    /// What alone it holds for, in the document's words ("a straightforward mitigation"); severities are kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<String>,
    /// Not said outright: follows from another promise ("if you do not, write again").
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub implied: bool,
    /// The words, as they stand in the file (white space folded).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The line of the file on which the quote begins, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Target {
    /// A bare target without a source.
    pub fn new(amount: u32, unit: Unit) -> Target {
        Target {
            amount,
            unit,
            min: None,
            bound: None,
            from: None,
            approx: false,
            applies_to: None,
            implied: false,
            quote: None,
            line: None,
        }
    }

    /// About how many hours it is, a working day a little longer than a day: for comparing amounts only, never for a
    /// clock.
    pub fn usual_hours(&self) -> u64 {
        let hours = match self.unit {
            Unit::Hour => 1,
            Unit::Day => 24,
            Unit::WorkingDay => 25,
            Unit::Week => 168,
            Unit::Month => 730,
        };
        u64::from(self.amount) * hours
    }
}

/// Targets that hold for one severity only; a field that is absent falls back to the general one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityTargets {
    /// Lower case, as written: `critical`, `high`, …
    pub severity: String,
    /// To the first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_response: Option<Target>,
    /// To the assessment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessment: Option<Target>,
    /// To the fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Target>,
    /// Cadence of updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_every: Option<Target>,
    /// To public disclosure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure_deadline: Option<Target>,
}

/// All that a published policy commits to (`contract.md`, `policy check`). Vague words commit to nothing and are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponsePolicy {
    /// Channels to report by, in order: addresses, URLs, `github:pvr`.
    pub contacts: Vec<String>,
    /// 40 or 64 upper-case hexadecimal digits.
    pub pgp_fingerprints: Vec<String>,
    /// When the reporter first hears back.
    pub first_response: Option<Target>,
    /// Triage, confirmation, a detailed answer.
    pub assessment: Option<Target>,
    /// The patch.
    pub fix: Option<Target>,
    /// The cadence of progress news.
    pub update_every: Option<Target>,
    /// Between telling people that a release is coming and releasing.
    pub prenotice_before_release: Option<Target>,
    /// After how long details may or will be public.
    pub disclosure_deadline: Option<Target>,
    /// From release to write-up.
    pub postmortem_after_release: Option<Target>,
    /// "If you hear nothing within N, write again."
    pub reporter_follow_up_after: Option<Target>,
    /// What holds for one severity only.
    pub by_severity: Vec<SeverityTargets>,
    /// What a report should hold, in the document's words.
    pub required_report_fields: Vec<String>,
    /// Versions that are supported, as written.
    pub supported_versions: Vec<String>,
    /// What a reader of the policy should know: contradictions, vague promises.
    pub warnings: Vec<String>,
}

impl ResponsePolicy {
    /// Whether any first answer is promised a time, to all reports or by severity.
    pub fn promises_an_answer(&self) -> bool {
        self.first_response.is_some() || self.shortest_first_response().is_some()
    }

    /// Of the first answers promised by severity, the shortest.
    pub fn shortest_first_response(&self) -> Option<&Target> {
        let all = self.by_severity.iter().filter_map(|s| s.first_response.as_ref());
        all.min_by_key(|t| t.usual_hours())
    }
}
