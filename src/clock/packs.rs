//! Packs: clocks that others than the published policy set, shipped as data and switched on by the configuration.
//!
//! A pack says whose clock it is. What starts with a fact (active exploitation, disclosure) holds for every case, from the
//! moment the configuration names the pack: a duty is not a promise that a report arrived under, and neither waiting for
//! a reporter nor closing a case ends it. A deadline that starts with the report is a promise like any other: it becomes
//! part of the policy that is adopted next, and only where the published one has none.

use std::sync::OnceLock;

use jiff::Timestamp;
use serde::Deserialize;

use super::anchor::Anchor;
use super::calendar::Calendar;
use super::judge::{Bench, Run};
use super::policy::{ResponsePolicy, Target};
use super::{Clock, Kind, policy_toml};
use crate::case::{CaseState, Fact};

/// The packs that ship with the program: name and data.
const SHIPPED: [(&str, &str); 3] = [
    ("cra", include_str!("packs/cra.toml")),
    ("90-day", include_str!("packs/90-day.toml")),
    ("cve-72h", include_str!("packs/cve-72h.toml")),
];

/// A set of clocks with one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// As the configuration names it.
    pub name: &'static str,
    /// For people.
    pub title: String,
    /// Who owes what it asks.
    pub owed_by: String,
    /// The same in a few words.
    pub note: String,
    duties: Vec<Duty>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Duty {
    kind: Kind,
    target: Target,
    from: Anchor,
    needs: Option<Fact>,
    met_by: Fact,
}

/// The names that a configuration can give, for error messages.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The pack of this name.
pub fn named(name: &str) -> Option<&'static Pack> {
    shipped().iter().find(|pack| pack.name == name)
}

/// The pack that a kind of clock comes from; `None` for the kinds a published policy can set.
pub fn of(kind: Kind) -> Option<&'static Pack> {
    let promised = kind == Kind::Disclosure;
    shipped().iter().find(|pack| !promised && pack.duties.iter().any(|duty| duty.kind == kind))
}

/// Puts the deadlines of packs into a policy that has none of that kind.
pub fn fill(policy: &mut ResponsePolicy, packs: &[&Pack]) {
    let deadlines = packs.iter().flat_map(|pack| &pack.duties).filter(|duty| duty.kind == Kind::Disclosure);
    for duty in deadlines {
        policy.disclosure_deadline.get_or_insert_with(|| duty.target.clone());
    }
}

/// The clocks that packs start for a case. A triage of `invalid` that holds waives what has not been done.
pub fn clocks(case: &CaseState, packs: &[&Pack], calendar: &Calendar, now: Timestamp) -> Vec<Clock> {
    let bench = Bench { calendar, now };
    let duties = packs.iter().flat_map(|pack| &pack.duties).filter(|duty| duty.kind != Kind::Disclosure);
    let mut clocks = Vec::new();
    for duty in duties {
        let Some(starts) = duty.starts(case) else { continue };
        let run = Run { starts, done: case.at(duty.met_by), ended: None, pauses: &[] };
        let mut clock = bench.forward(duty.kind, &duty.target, &run);
        if clock.met_at.is_none() && case.invalid_at().is_some() {
            clock.waive();
        }
        clocks.push(clock);
    }
    clocks
}

impl Duty {
    /// When what starts it and what it needs have both happened.
    fn starts(&self, case: &CaseState) -> Option<Timestamp> {
        let start = self.from.at(None, case)?;
        match self.needs {
            None => Some(start),
            Some(fact) => case.at(fact).map(|at| at.max(start)),
        }
    }
}

fn shipped() -> &'static [Pack] {
    static ALL: OnceLock<Vec<Pack>> = OnceLock::new();
    // That each of them can be read is a test's to say: a pack that cannot would be one the configuration does not know.
    ALL.get_or_init(|| SHIPPED.iter().filter_map(|(name, text)| read(name, text).ok()).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    owed_by: String,
    note: String,
    clock: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: String,
    target: String,
    met_by: Fact,
    needs: Option<Fact>,
    says: String,
}

fn read(name: &'static str, text: &str) -> Result<Pack, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let duty = |entry: Entry| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == entry.kind);
        let kind = kind.ok_or_else(|| format!("no clock is called {}", entry.kind))?;
        let mut target = policy_toml::read_target(&entry.target)?;
        let from = target.from.as_deref().map_or(Some(Anchor::Receipt), Anchor::read);
        let from = from.ok_or_else(|| format!("{} starts nowhere", entry.kind))?;
        target.quote = Some(format!("{}: {}", file.title, entry.says));
        Ok(Duty { kind, target, from, needs: entry.needs, met_by: entry.met_by })
    };
    let duties = file.clock.into_iter().map(duty).collect::<Result<_, String>>()?;
    Ok(Pack { name, title: file.title.clone(), owed_by: file.owed_by, note: file.note, duties })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Recorded;
    use crate::clock::Status;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn case(facts: &[(Fact, &str)]) -> CaseState {
        let recorded = facts.iter().map(|(fact, when)| (*fact, Recorded { at: at(when), note: None }));
        CaseState { received_at: at("2026-03-01T00:00Z"), facts: recorded.collect(), ..CaseState::default() }
    }

    fn shown(facts: &[(Fact, &str)], packs: &[&str], now: &str) -> Vec<(Kind, String, Status)> {
        let packs: Vec<&Pack> = packs.iter().map(|name| named(name).unwrap()).collect();
        let clocks = clocks(&case(facts), &packs, &Calendar::utc(), at(now));
        clocks.iter().map(|c| (c.kind, c.due_at.unwrap().to_string(), c.status)).collect()
    }

    #[test]
    fn every_shipped_pack_can_be_read() {
        for (name, text) in SHIPPED {
            read(name, text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        assert_eq!(names().filter_map(named).count(), SHIPPED.len());
    }

    #[test]
    fn exploitation_starts_two_clocks_in_plain_hours_and_a_measure_the_third() {
        // A Friday evening: neither weekend nor a pause stops them.
        let exploited = (Fact::Exploited, "2026-03-06T18:00Z");
        assert_eq!(shown(&[], &["cra"], "2026-03-06T18:00Z"), []);
        assert_eq!(
            shown(&[exploited], &["cra"], "2026-03-07T19:00Z"),
            [
                (Kind::EarlyWarning, "2026-03-07T18:00:00Z".into(), Status::Overdue),
                (Kind::Notification, "2026-03-09T18:00:00Z".into(), Status::Running),
            ]
        );
        let done = [
            exploited,
            (Fact::EarlyWarned, "2026-03-07T10:00Z"),
            (Fact::Notified, "2026-03-09T19:00Z"),
            (Fact::Released, "2026-03-10T08:00Z"),
        ];
        assert_eq!(
            shown(&done, &["cra"], "2026-03-11T00:00Z"),
            [
                (Kind::EarlyWarning, "2026-03-07T18:00:00Z".into(), Status::Met),
                (Kind::Notification, "2026-03-09T18:00:00Z".into(), Status::Late),
                (Kind::FinalReport, "2026-03-24T08:00:00Z".into(), Status::Running),
            ]
        );
    }

    #[test]
    fn a_measure_before_the_exploitation_starts_the_report_with_the_exploitation() {
        let facts = [(Fact::Fixed, "2026-03-02T00:00Z"), (Fact::Exploited, "2026-03-05T00:00Z")];
        let all = shown(&facts, &["cra"], "2026-03-05T01:00Z");
        assert_eq!(all.last().unwrap().1, "2026-03-19T00:00:00Z");
        assert_eq!(shown(&facts[..1], &["cra"], "2026-03-05T01:00Z"), [], "a fix alone starts nothing");
    }

    #[test]
    fn neither_closing_nor_waiting_ends_a_duty_and_invalid_does() {
        let mut case = case(&[(Fact::Exploited, "2026-03-05T00:00Z")]);
        case.closed_at = Some(at("2026-03-05T06:00Z"));
        case.pauses = vec![(at("2026-03-05T01:00Z"), None)];
        let stand = |case: &CaseState, now: &str| {
            let clocks = clocks(case, &[named("cra").unwrap()], &Calendar::utc(), at(now));
            clocks.iter().map(|c| (c.due_at.unwrap().to_string(), c.status)).collect::<Vec<_>>()
        };
        assert_eq!(
            stand(&case, "2026-03-06T12:00Z"),
            [("2026-03-06T00:00:00Z".into(), Status::Overdue), ("2026-03-08T00:00:00Z".into(), Status::Running),]
        );
        let place = crate::case::Place::default();
        case.triage = Some(crate::case::Triage { fact: Fact::Invalid, at: at("2026-03-05T05:00Z"), place });
        assert!(stand(&case, "2026-03-06T12:00Z").iter().all(|(_, status)| *status == Status::Waived));
    }

    #[test]
    fn a_cve_record_follows_disclosure() {
        let facts = [(Fact::Disclosed, "2026-03-05T12:00Z")];
        assert_eq!(
            shown(&facts, &["cve-72h"], "2026-03-05T12:00Z"),
            [(Kind::CvePublication, "2026-03-08T12:00:00Z".into(), Status::Running)]
        );
    }

    #[test]
    fn ninety_days_fill_a_gap_and_never_replace_a_promise() {
        let pack = [named("90-day").unwrap()];
        let mut policy = ResponsePolicy::stand_in();
        fill(&mut policy, &pack);
        assert_eq!(policy.disclosure_deadline.as_ref().unwrap().amount, 90);
        policy.disclosure_deadline.as_mut().unwrap().amount = 30;
        fill(&mut policy, &pack);
        assert_eq!(policy.disclosure_deadline.unwrap().amount, 30);
    }
}
