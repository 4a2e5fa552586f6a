//! Reports to cases: a case is all the work on one vulnerability, told by one report or several.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Fact, Recorded, ReportState, State, Triage, Uid};

/// What the reports of one case add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseState {
    /// Its name: the uid of the report that the others are linked to.
    pub uid: Uid,
    /// Its reports in the order of receipt.
    pub reports: Vec<Uid>,
    /// When the first of them was received.
    pub received_at: Timestamp,
    /// When a person of ours first answered any of them.
    pub answered_at: Option<Timestamp>,
    /// Facts, the earliest of each over all reports.
    pub facts: BTreeMap<Fact, Recorded>,
    /// The outcome of triage that happened last on any report.
    pub triage: Option<Triage>,
    /// The severity that was set last on any report, lower case.
    pub severity: Option<String>,
    /// Waiting for any of the reporters: from, to (`None` while it lasts), sorted and apart.
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// When the last of its reports was closed, while all are.
    pub closed_at: Option<Timestamp>,
    /// The policy in force when its first report arrived: SHA-256 of the file.
    pub policy: Option<String>,
}

/// The cases of all reports, by name. Each report is in exactly one.
pub fn cases(reports: &BTreeMap<Uid, ReportState>) -> BTreeMap<Uid, CaseState> {
    let mut members: BTreeMap<&Uid, Vec<&ReportState>> = BTreeMap::new();
    for report in reports.values() {
        members.entry(&report.case).or_default().push(report);
    }
    members.into_iter().map(|(uid, reports)| (uid.clone(), CaseState::add_up(uid, reports))).collect()
}

impl CaseState {
    /// A report's state, with what is known of its whole case: a duplicate is fixed when its case is.
    pub fn state_of(&self, report: &ReportState) -> State {
        let answered = report.first_answer().is_some();
        super::state_from(report.closed_at.is_some(), &self.facts, self.triage.as_ref(), answered)
    }

    /// When the vulnerability was judged: the first triage fact, or the first fact that presupposes one.
    pub fn assessed_at(&self) -> Option<Timestamp> {
        use Fact::{Disclosed, Fixed, Invalid, Prenotified, Released, Valid, WrittenUp};
        self.first_of(&[Valid, Invalid, Fixed, Prenotified, Released, Disclosed, WrittenUp])
    }

    /// When the fix was ready: what is released is fixed.
    pub fn fixed_at(&self) -> Option<Timestamp> {
        self.first_of(&[Fact::Fixed, Fact::Released])
    }

    /// When details became public: a write-up makes them so.
    pub fn disclosed_at(&self) -> Option<Timestamp> {
        self.first_of(&[Fact::Disclosed, Fact::WrittenUp])
    }

    /// When a fact happened.
    pub fn at(&self, fact: Fact) -> Option<Timestamp> {
        self.facts.get(&fact).map(|recorded| recorded.at)
    }

    /// When triage found that there is nothing to fix, if that holds.
    pub fn invalid_at(&self) -> Option<Timestamp> {
        self.triage.as_ref().filter(|triage| triage.fact == Fact::Invalid).map(|triage| triage.at)
    }

    fn first_of(&self, facts: &[Fact]) -> Option<Timestamp> {
        facts.iter().filter_map(|fact| self.at(*fact)).min()
    }

    fn add_up(uid: &Uid, mut reports: Vec<&ReportState>) -> CaseState {
        reports.sort_by(|a, b| (a.received_at, &a.uid).cmp(&(b.received_at, &b.uid)));
        let mut case = CaseState { uid: uid.clone(), ..CaseState::default() };
        if let Some(first) = reports.first() {
            case.received_at = first.received_at;
            case.policy.clone_from(&first.policy);
        }
        case.answered_at = reports.iter().filter_map(|report| report.first_answer()).min();
        case.triage =
            reports.iter().filter_map(|r| r.triage.clone()).max_by(|a, b| (a.at, &a.place).cmp(&(b.at, &b.place)));
        let latest = reports.iter().filter(|report| report.severity_set.is_some()).max_by_key(|r| &r.severity_set);
        case.severity = latest.and_then(|report| report.severity.clone());
        let all_closed = reports.iter().all(|report| report.closed_at.is_some());
        case.closed_at = reports.iter().filter_map(|report| report.closed_at).max().filter(|_| all_closed);
        case.pauses = union(reports.iter().flat_map(|report| report.pauses.iter().copied()).collect());
        for report in &reports {
            for (fact, recorded) in &report.facts {
                let known = case.facts.entry(*fact).or_insert_with(|| recorded.clone());
                if recorded.at < known.at {
                    *known = recorded.clone();
                }
            }
        }
        case.reports = reports.into_iter().map(|report| report.uid.clone()).collect();
        case
    }
}

/// Replaces the link in each report's `case` by the name of its case, at the end of the chain of links. Where links run
/// in a circle (two people linked two reports to each other at once), the case is named by its report received first.
pub(super) fn name_cases(reports: &mut BTreeMap<Uid, ReportState>) {
    let mut named: BTreeMap<Uid, Uid> = BTreeMap::new();
    for start in reports.keys() {
        let mut path: Vec<&Uid> = Vec::new();
        let mut on_path: BTreeMap<&Uid, usize> = BTreeMap::new();
        let mut at = start;
        let name = loop {
            if let Some(name) = named.get(at) {
                break name.clone();
            }
            if let Some(circle) = on_path.get(at).and_then(|from| path.get(*from..)) {
                let first = circle.iter().min_by_key(|uid| (reports.get(**uid).map(|r| r.received_at), **uid));
                break first.map_or_else(|| at.clone(), |uid| (*uid).clone());
            }
            on_path.insert(at, path.len());
            path.push(at);
            match reports.get(at).map(|report| &report.case).filter(|case| !case.is_empty()) {
                Some(next) => at = next,
                None => break at.clone(),
            }
        };
        named.extend(path.into_iter().map(|uid| (uid.clone(), name.clone())));
    }
    for (uid, report) in reports.iter_mut() {
        report.case = named.remove(uid).unwrap_or_else(|| uid.clone());
    }
}

/// Intervals sorted and joined where they meet; an open one swallows all that follow.
fn union(mut pauses: Vec<(Timestamp, Option<Timestamp>)>) -> Vec<(Timestamp, Option<Timestamp>)> {
    pauses.sort_by_key(|(from, _)| *from);
    let mut joined: Vec<(Timestamp, Option<Timestamp>)> = Vec::with_capacity(pauses.len());
    for (from, to) in pauses {
        match joined.last_mut() {
            Some((_, end)) if end.is_none_or(|end| from <= end) => {
                *end = end.and_then(|end| to.map(|to| to.max(end)));
            }
            _ => joined.push((from, to)),
        }
    }
    joined
}
