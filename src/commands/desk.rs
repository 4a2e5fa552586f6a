//! What lies on the maintainer's desk: reports as their events have them, their cases, and the clocks that follow.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::App;
use crate::case::{self, CaseState, ReportState, Uid, What};
use crate::clock::calendar::{Calendar, Holidays};
use crate::clock::packs::{self, Pack};
use crate::clock::policy::{ResponsePolicy, Target};
use crate::clock::{self, Clock};
use crate::config::{CalendarConfig, Config};
use crate::error::{Error, Kind, not_found};
use crate::ledger::{AdoptedPolicy, Ledger, ReportRow};
use crate::output::report::{CandidateView, ClockView, Person, ReportView};
use crate::safe::{self, Foreign};
use crate::verdict::{EncryptionStatus, SignatureStatus};

/// A policy larger than this is no policy.
const POLICY_LIMIT: u64 = 1 << 20;

/// Everything that judging reports needs.
pub struct Desk {
    reports: BTreeMap<Uid, ReportState>,
    cases: BTreeMap<Uid, CaseState>,
    rows: BTreeMap<Uid, ReportRow>,
    suggested: HashMap<Uid, Vec<(Uid, String)>>,
    /// Versions by the file's SHA-256, oldest first: one file can be in force again, read otherwise or with other packs.
    policies: HashMap<String, Vec<(Timestamp, ResponsePolicy)>>,
    current: ResponsePolicy,
    packs: Vec<&'static Pack>,
    /// The team's calendar.
    pub calendar: Calendar,
    /// What a person should know: a stand-in policy, say.
    pub notices: Vec<String>,
    /// Since when this ledger knows what arrives: its first event, or the first report where that is older.
    pub began: Option<Timestamp>,
    now: Timestamp,
}

/// What reports are judged by: the policies, the packs, the calendar.
pub struct Rules {
    policies: HashMap<String, Vec<(Timestamp, ResponsePolicy)>>,
    current: ResponsePolicy,
    packs: Vec<&'static Pack>,
    calendar: Calendar,
    notices: Vec<String>,
}

impl Rules {
    /// Reads them; an error where a report could not be judged by them.
    pub fn read(config: &Config, ledger: &Ledger, now: Timestamp) -> Result<Rules, Error> {
        let adopted = ledger.policies()?;
        let packs = packs_of(config)?;
        let mut notices = Vec::new();
        let current = match (AdoptedPolicy::in_force(&adopted, now), published_policy(config)) {
            (Some(held), published) => {
                // The reports and their clocks can be looked at while somebody edits the document.
                if let Err(e) = published {
                    notices.push(format!("{}; the policy last read stays in force", safe::line(&e.message)));
                }
                held.policy.clone()
            }
            (None, Err(e)) => return Err(e),
            (None, Ok(Some((_, policy)))) => policy,
            (None, Ok(None)) => {
                notices.push("no policy is configured: as a stand-in, a first answer is due in 2 working days".into());
                let mut policy = ResponsePolicy::stand_in();
                packs::fill(&mut policy, &packs);
                policy
            }
        };
        if notices.is_empty() && !current.promises_an_answer() {
            notices.push(
                "the policy promises no time to a first answer; sealpost policy check shows what it does promise"
                    .into(),
            );
        }
        let mut policies: HashMap<String, Vec<(Timestamp, ResponsePolicy)>> = HashMap::new();
        for version in adopted {
            policies.entry(version.sha256).or_default().push((version.adopted_at, version.policy));
        }
        let calendar = calendar(config)?;
        Ok(Rules { policies, current, packs, calendar, notices })
    }
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
        let began = events.iter().map(|e| e.at).chain(reports.values().map(|r| r.received_at)).min();
        let Rules { policies, current, packs, calendar, notices } = Rules::read(config, ledger, app.now)?;
        Ok(Desk { reports, cases, rows, suggested, policies, current, packs, calendar, notices, began, now: app.now })
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

    /// The clocks of a report, by the policy in force when it arrived, and those of packs.
    pub fn clocks(&self, report: &ReportState) -> Vec<Clock> {
        let Some(case) = self.case(report) else { return Vec::new() };
        let (calendar, now) = (&self.calendar, self.now);
        let mut clocks = clock::report_clocks(report, case, self.policy_of(report), calendar, now);
        clocks.extend(clock::case_clocks(case, self.policy_of_case(case, report), calendar, now));
        clocks.sort_by_key(|clock| clock.kind);
        clocks.extend(packs::clocks(case, &self.packs, &self.calendar, self.now));
        clocks
    }

    /// The policy that a case is held to: that of its first report.
    fn policy_of_case(&self, case: &CaseState, report: &ReportState) -> &ResponsePolicy {
        let first = case.reports.first().and_then(|uid| self.reports.get(uid));
        self.policy_of(first.unwrap_or(report))
    }

    /// The notice before a release that a case's policy promises.
    pub fn notice(&self, report: &ReportState) -> Option<&Target> {
        let case = self.case(report)?;
        self.policy_of_case(case, report).prenotice_before_release.as_ref()
    }

    /// The policy that a report is held to: the version in force when it arrived.
    pub fn policy_of(&self, report: &ReportState) -> &ResponsePolicy {
        let versions = report.policy.as_ref().and_then(|sha256| self.policies.get(sha256));
        let held = versions
            .and_then(|all| all.iter().rev().find(|(since, _)| *since <= report.received_at).or_else(|| all.first()));
        held.map_or(&self.current, |(_, policy)| policy)
    }

    /// Reports with a clock past due that somebody must see to.
    pub fn overdue(&self) -> usize {
        self.reports.values().filter(|r| clock::calls(r, &self.clocks(r))).count()
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
            subject: opened.and_then(|o| o.subject.clone()).unwrap_or_default().into(),
            reporter: Person {
                address: (&row.reporter).into(),
                name: opened.and_then(|o| o.name.as_ref()).filter(|n| !n.is_empty()).map(Foreign::from),
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
            severity: state.severity.as_ref().map(Foreign::from),
            assignee: state.assignee.as_ref().map(Foreign::from),
            tags: state.tags.iter().map(Foreign::from).collect(),
            unanswered: unanswered(state),
            news_since_closing: state.closed_at.is_some_and(|closed| state.wrote_at.iter().any(|at| *at > closed)),
            quarantined: opened.and_then(|o| o.quarantined.as_ref()).map(Foreign::from),
        }
    }

    fn candidates(&self, uid: &str) -> Vec<CandidateView> {
        let suggested = self.suggested.get(uid).map(Vec::as_slice).unwrap_or_default();
        suggested
            .iter()
            .filter_map(|(other, why)| {
                Some(CandidateView { report: self.number(other)?, score: 1.0, flagged: true, why: vec![why.into()] })
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
    read_policy(path, &packs_of(config)?).map(Some)
}

/// A policy file, read, with the deadlines of packs where it has none.
pub fn read_policy(path: &Path, packs: &[&Pack]) -> Result<(Vec<u8>, ResponsePolicy), Error> {
    let bytes = super::files::read(path, POLICY_LIMIT)?;
    let mut policy = super::policy::parse(path, &bytes)?;
    packs::fill(&mut policy, packs);
    Ok((bytes, policy))
}

/// Puts a new version of the published policy into force from now on, and gives what is to be said of it. A report keeps
/// the one it arrived under. That a policy cannot be read is no reason to leave mail where it is.
pub fn adopt_policy(app: &App, config: &Config, ledger: &mut Ledger) -> Option<String> {
    adopt_published(app, config, ledger).unwrap_or_else(|e| {
        let held = ledger.policy_in_force(app.now).is_ok_and(|held| held.is_some());
        // Where none was ever read, the first look at a clock fails and says why.
        held.then(|| format!("{e}; the policy last read stays in force"))
    })
}

fn adopt_published(app: &App, config: &Config, ledger: &mut Ledger) -> Result<Option<String>, Error> {
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
    Ok((adopted.is_some() && !first)
        .then(|| format!("{name} has changed ({digest}): it holds for reports from now on")))
}

/// The calendar that the configuration describes.
pub fn calendar(config: &Config) -> Result<Calendar, Error> {
    let CalendarConfig { zone, weekend, holidays, hours } = &config.calendar;
    let calendar = Calendar::new(zone.clone(), weekend, days_off(holidays, config)?);
    let calendar = calendar.and_then(|calendar| match hours {
        Some((open, close)) => calendar.with_hours(*open, *close),
        None => Ok(calendar),
    });
    calendar.map_err(|e| Error::new(Kind::Config, e.to_string()))
}

/// The announced times without intake, as spans in the team's zone, and what is to be said of their files.
pub fn away(config: &Config) -> Result<(Vec<(Timestamp, Timestamp)>, Vec<String>), Error> {
    let days = days_off(&config.away, config)?;
    Ok((crate::clock::away::spans(&days, &config.calendar.zone), days.warnings))
}

/// What is in iCalendar files. Warnings name their file.
pub fn days_off(files: &[PathBuf], config: &Config) -> Result<Holidays, Error> {
    let mut days = Holidays::default();
    for path in files {
        let bytes = super::files::read(path, POLICY_LIMIT * 8)?;
        let wrong = |e: String| Error::new(Kind::Config, format!("{}: {e}", path.display()));
        let mut more = Holidays::read(&bytes, &config.calendar.zone).map_err(|e| wrong(e.to_string()))?;
        let named = |warning: &mut String| warning.insert_str(0, &format!("{}: ", path.display()));
        more.warnings.iter_mut().chain(&mut more.no_days).for_each(named);
        days.merge(more);
    }
    Ok(days)
}

/// The packs that the configuration names.
pub fn packs_of(config: &Config) -> Result<Vec<&'static Pack>, Error> {
    let mut chosen: Vec<&'static Pack> = Vec::new();
    for wanted in &config.packs {
        let pack = packs::named(&wanted.name).ok_or_else(|| {
            let known: Vec<String> = packs::names().map(|name| format!("\"{name}\"")).collect();
            let place = format!("{}:{}", config.file.display(), wanted.line);
            Error::new(Kind::Config, format!("{place}: expected a pack: {}", known.join(", ")))
        })?;
        if !chosen.contains(&pack) {
            chosen.push(pack);
        }
    }
    Ok(chosen)
}
