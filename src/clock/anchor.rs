//! What a target runs from, when that is not the report.

use jiff::Timestamp;

use super::Kind;
use crate::case::{CaseState, Fact, ReportState};

/// A recorded instant that a clock can start at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The receipt of the report.
    Receipt,
    /// The first answer by a person.
    Answer,
    /// The outcome of triage.
    Assessment,
    /// The fix is ready.
    Fix,
    /// People were told that a release is coming.
    Notice,
    /// The release.
    Release,
    /// Details are public.
    Disclosure,
    /// We know of active exploitation.
    Exploitation,
}

/// Words of a policy for each anchor. The first row with a word in the text decides, so "incident response complete" is
/// the release, and "confirmation of the report" is triage.
const VOCABULARY: [(Anchor, &[&str]); 8] = [
    (Anchor::Exploitation, &["exploitation"]),
    (Anchor::Notice, &["prenotice", "prenotif", "pre-notif", "preannounc", "pre-announc"]),
    (Anchor::Release, &["release", "incident", "ship"]),
    (Anchor::Disclosure, &["disclos", "publi", "advisory"]),
    (Anchor::Fix, &["fix", "patch", "remedia", "mitigat", "resol"]),
    (Anchor::Assessment, &["assess", "triage", "confirm", "valid", "verif", "accept", "reproduc", "analysis"]),
    (Anchor::Answer, &["acknowledg", "answer", "response", "reply", "receipt confirm"]),
    (Anchor::Receipt, &["report", "receipt", "receiv", "submission", "submit", "notif"]),
];

impl Anchor {
    /// The anchor that the words of a policy name; `None` for something that nobody records.
    pub fn read(words: &str) -> Option<Anchor> {
        let words = words.to_lowercase();
        VOCABULARY.iter().find(|(_, stems)| stems.iter().any(|stem| words.contains(stem))).map(|(anchor, _)| *anchor)
    }

    /// Whether what a clock of this kind waits for has happened by then: such a clock would be met when it starts. News has
    /// no end of its own, and a notice is always counted from itself.
    pub(super) fn ends(self, kind: Kind) -> bool {
        use Anchor::{Assessment, Disclosure, Fix, Notice, Receipt, Release};
        match kind {
            Kind::FirstResponse => self != Receipt,
            Kind::Assessment => matches!(self, Assessment | Fix | Notice | Release | Disclosure),
            Kind::Fix => matches!(self, Fix | Release),
            Kind::Prenotice => !matches!(self, Notice | Release),
            Kind::Disclosure => self == Disclosure,
            _ => false,
        }
    }

    /// When it happened. For a report's own clocks, `report` is given and the answer is the one to its reporter.
    pub(super) fn at(self, report: Option<&ReportState>, case: &CaseState) -> Option<Timestamp> {
        match self {
            Anchor::Receipt => Some(report.map_or(case.received_at, ReportState::first_written)),
            Anchor::Answer => match report {
                Some(report) => report.first_answer(),
                None => case.answered_at,
            },
            Anchor::Assessment => case.assessed_at(),
            Anchor::Fix => case.fixed_at(),
            Anchor::Notice => case.at(Fact::Prenotified),
            Anchor::Release => case.at(Fact::Released),
            Anchor::Disclosure => case.disclosed_at(),
            Anchor::Exploitation => case.at(Fact::Exploited),
        }
    }
}
