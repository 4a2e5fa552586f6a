//! What lies on the maintainer's desk: reports as their events have them, their cases, and the clocks that follow.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::App;
use crate::case::{self, CaseState, ReportState, Uid, What};
use crate::clock::calendar::{Calendar, Holidays};
use crate::clock::policy::ResponsePolicy;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::error::{Error, Kind, not_found};
use crate::ledger::{Ledger, ReportRow};
use crate::output::report::{CandidateView, ClockView, Person, ReportView};
use crate::safe;
use crate::verdict::{EncryptionStatus, SignatureStatus};

/// A policy larger than this is no policy.
const POLICY_LIMIT: u64 = 1 << 20;

/// Everything that judging reports needs.
pub struct Desk {
    reports: BTreeMap<Uid, ReportState>,
    cases: BTreeMap<Uid, CaseState>,
    rows: BTreeMap<Uid, ReportRow>,
    suggested: HashMap<Uid, Vec<(Uid, String)>>,
    policies: HashMap<String, ResponsePolicy>,
    current: ResponsePolicy,
    /// The team's calendar.
    pub calendar: Calendar,
    /// What a person should know: a stand-in policy, say.
    pub notices: Vec<String>,
    now: Timestamp,
}

impl Desk {
    /// Reads the ledger's events and rows, the policy and the calendar.
    pub fn read(app: &App, config: &Config, ledger: &Ledger) -> Result<Desk, Error> {
        let events = ledger.events()?;
        let reports = case::fold(&events);
        let cases = case::cases(&reports);
        let rows = ledger.reports()?.into_iter().map(|row| (row.uid.clone(), row)).collect();
        let mut suggested: HashMap<Uid, Vec<(Uid, String)>> = HashMap::new();
        for event in &events {
            if let (Some(report), What::Suggested { other, why }) = (&event.report, &event.what) {
                suggested.entry(report.clone()).or_default().push((other.clone(), why.clone()));
            }
        }
        let adopted = ledger.policies()?;
        let mut notices = Vec::new();
        let current = match (adopted.last(), published_policy(config)) {
            (Some(newest), published) => {
                // The reports and their clocks can be looked at while somebody edits the document.
                if let Err(e) = published {
                    notices.push(format!("{}; the policy last read stays in force", safe::line(&e.message)));
                }
                newest.policy.clone()
            }
            (None, Err(e)) => return Err(e),
            (None, Ok(Some((_, policy)))) => policy,
            (None, Ok(None)) => {
                notices.push("no policy is configured: as a stand-in, a first answer is due in 2 working days".into());
                ResponsePolicy::stand_in()
            }
        };
        if notices.is_empty() && current.first_response.is_none() {
            notices.push(
                "the policy promises no time to a first answer; sealpost policy check shows what it does promise"
                    .into(),
            );
        }
        let policies = adopted.into_iter().map(|a| (a.sha256, a.policy)).collect();
        let calendar = calendar(config)?;
        Ok(Desk { reports, cases, rows, suggested, policies, current, calendar, notices, now: app.now })
    }

    /// Every report with its number, in the order of the numbers.
    pub fn all(&self) -> impl Iterator<Item = (&ReportRow, &ReportState)> {
        let mut both: Vec<_> = self.rows.values().filter_map(|row| Some((row, self.reports.get(&row.uid)?))).collect();
        both.sort_by_key(|(row, _)| row.id);
        both.into_iter()
    }

    /// One report.
    pub fn report(&self, uid: &str) -> Option<&ReportState> {
        self.reports.get(uid)
    }

    /// The case that a report belongs to.
    pub fn case(&self, report: &ReportState) -> Option<&CaseState> {
        self.cases.get(&report.case)
    }

    /// The clocks of a report, by the policy in force when it arrived.
    pub fn clocks(&self, report: &ReportState) -> Vec<Clock> {
        let policy = report.policy.as_ref().and_then(|sha256| self.policies.get(sha256)).unwrap_or(&self.current);
        match self.case(report) {
            Some(case) => clock::clocks(report, case, policy, &self.calendar, self.now),
            None => Vec::new(),
        }
    }

    /// Open reports with a clock past due.
    pub fn overdue(&self) -> usize {
        self.reports.values().filter(|r| r.closed_at.is_none() && clock::is_overdue(&self.clocks(r))).count()
    }

    /// The number of a report here.
    pub fn number(&self, uid: &str) -> Option<i64> {
        self.rows.get(uid).map(|row| row.id.0)
    }

    /// REPORT of the contract.
    pub fn view(&self, row: &ReportRow, state: &ReportState) -> ReportView {
        let opened = row.opening.as_ref().and_then(|m| m.opened.as_ref());
        let clocks = self.clocks(state);
        let case = self.case(state);
        let id = row.id.0;
        let first = self.number(&state.case).unwrap_or(id);
        ReportView {
            id,
            uid: row.uid.clone(),
            state: case.map_or_else(|| state.state(), |case| case.state_of(state)),
            subject: opened.and_then(|o| o.subject.clone()).unwrap_or_default(),
            reporter: Person {
                address: row.reporter.clone(),
                name: opened.and_then(|o| o.name.clone()).filter(|n| !n.is_empty()),
            },
            received_at: row.received_at,
            // A mail that nothing has looked at yet is not known to be open to anybody.
            encryption: opened.map_or(EncryptionStatus::Unopened, |o| o.encryption),
            signature: opened.map_or(SignatureStatus::None, |o| o.signature),
            messages: usize::try_from(row.messages).unwrap_or(usize::MAX),
            clocks: clocks.iter().map(|c| ClockView::new(c, self.now)).collect(),
            case: first,
            duplicate_of: (first != id).then_some(first),
            candidates: self.candidates(&row.uid),
            severity: state.severity.clone(),
            assignee: state.assignee.clone(),
            tags: state.tags.iter().cloned().collect(),
            unanswered: unanswered(state),
            news_since_closing: state.closed_at.is_some_and(|closed| state.wrote_at.iter().any(|at| *at > closed)),
            quarantined: opened.and_then(|o| o.quarantined.clone()),
        }
    }

    fn candidates(&self, uid: &str) -> Vec<CandidateView> {
        let suggested = self.suggested.get(uid).map(Vec::as_slice).unwrap_or_default();
        suggested
            .iter()
            .filter_map(|(other, why)| {
                Some(CandidateView { report: self.number(other)?, score: 1.0, flagged: true, why: vec![why.clone()] })
            })
            .take(10)
            .collect()
    }
}

/// Mails of the reporter since our last answer.
fn unanswered(state: &ReportState) -> usize {
    let last = state.answered_at.iter().max();
    state.wrote_at.iter().filter(|at| last.is_none_or(|answer| *at > answer)).count()
}

/// What `resolve` found, or the words for it.
pub fn resolve(ledger: &Ledger, name: &str) -> Result<ReportRow, Error> {
    ledger.resolve_report(name).map_err(|e| match e {
        crate::ledger::LedgerError::NotFound { .. } => {
            not_found(format!("there is no report {name}")).hint("sealpost list --all shows the numbers")
        }
        other => other.into(),
    })
}

/// The configured policy, read; `None` where none is configured.
pub fn published_policy(config: &Config) -> Result<Option<(Vec<u8>, ResponsePolicy)>, Error> {
    let Some(path) = &config.policy else { return Ok(None) };
    let bytes = super::files::read(path, POLICY_LIMIT)?;
    let policy = super::policy::parse(path, &bytes)?;
    Ok(Some((bytes, policy)))
}

/// Puts a new version of the published policy into force from now on. A report keeps the one it arrived under.
pub fn adopt_policy(app: &App, config: &Config, ledger: &mut Ledger) -> Result<Option<String>, Error> {
    let Some((bytes, policy)) = published_policy(config)? else { return Ok(None) };
    let name = config
        .policy
        .as_ref()
        .and_then(|p| p.file_name())
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let first = ledger.policies()?.is_empty();
    let adopted = ledger.adopt_policy(&name, &bytes, &policy, &super::books::stamp(app))?;
    let digest: String = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)).chars().take(12).collect();
    Ok((adopted && !first).then(|| format!("{name} has changed ({digest}): it holds for reports from now on")))
}

/// The calendar that the configuration describes.
pub fn calendar(config: &Config) -> Result<Calendar, Error> {
    let mut holidays = Holidays::default();
    for path in &config.calendar.holidays {
        let bytes = super::files::read(path, POLICY_LIMIT * 8)?;
        let wrong = |e: String| Error::new(Kind::Config, format!("{}: {e}", path.display()));
        let more = Holidays::read(&bytes, &config.calendar.zone).map_err(|e| wrong(e.to_string()))?;
        holidays.merge(more);
    }
    Calendar::new(config.calendar.zone.clone(), &config.calendar.weekend, holidays)
        .map_err(|e| Error::new(Kind::Config, e.to_string()))
}
