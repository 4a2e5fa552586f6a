//! What events add up to. The order of arrival never matters: events are put into the order (time, device, number) first,
//! and an event that came twice counts once.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::{Event, Fact, Place, Recorded, ReportState, Role, Triage, Uid, What};

/// The state of every report that was opened. Events about a report whose opening has not arrived yet wait for it.
///
/// Two people doing the same thing twice add up to it being done once, at the earlier time: one answer, one closing, the
/// earliest of each fact. Of two severities, assignees, links or filings of one message the later event holds. A closing
/// does not count against what it did not see. A message is filed where its latest filing says; the reporter's mails are
/// dated by the server's receipt.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<Uid, ReportState> {
    let mut events: Vec<&Event> = events.into_iter().collect();
    events.sort_by(|a, b| (a.at, &a.device, a.number).cmp(&(b.at, &b.device, b.number)));
    let mut known = HashSet::with_capacity(events.len());
    events.retain(|event| known.insert((event.device.as_str(), event.number)));

    let mail = Mail::collect(&events);
    let mut reports: BTreeMap<&str, Builder<'_>> = BTreeMap::new();
    let mut adopted: Vec<(Timestamp, &str)> = Vec::new();
    for event in &events {
        if let What::PolicyAdopted { sha256, .. } = &event.what {
            adopted.push((event.at, sha256));
        }
        if let Some(uid) = &event.report {
            reports.entry(uid).or_default().take(event);
        }
    }
    mail.distribute(&mut reports);
    let mut states: BTreeMap<Uid, ReportState> = reports
        .into_iter()
        .filter(|(_, builder)| builder.opened.is_some())
        .map(|(uid, builder)| (uid.to_owned(), builder.finish(uid, &adopted)))
        .collect();
    super::group::name_cases(&mut states);
    states
}

/// Where each message came to lie, and when it was received.
struct Mail<'a> {
    received: HashMap<&'a str, Timestamp>,
    filed: BTreeMap<&'a str, (&'a str, Role, Timestamp)>,
}

impl<'a> Mail<'a> {
    fn collect(events: &[&'a Event]) -> Mail<'a> {
        let mut mail = Mail { received: HashMap::new(), filed: BTreeMap::new() };
        for event in events {
            let Some(message) = event.message.as_deref() else { continue };
            match &event.what {
                What::Received { received_at, .. } => {
                    let at = mail.received.entry(message).or_insert(*received_at);
                    *at = (*at).min(*received_at);
                }
                What::Filed { role } => {
                    mail.filed.insert(message, (event.report.as_deref().unwrap_or_default(), *role, event.at));
                }
                _ => {}
            }
        }
        mail
    }

    /// Tells each report when its reporter wrote.
    fn distribute(&self, reports: &mut BTreeMap<&'a str, Builder<'a>>) {
        for (message, (report, role, filed_at)) in &self.filed {
            if !matches!(role, Role::Opening | Role::FollowUp) {
                continue;
            }
            if let Some(builder) = reports.get_mut(report) {
                builder.wrote.push(self.received.get(message).copied().unwrap_or(*filed_at));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The reporter wrote: what was waited for has come.
    Wrote,
    /// By event: waiting begins, or ends.
    Wait(bool),
}

/// A report while its events are added up.
#[derive(Default)]
struct Builder<'a> {
    opened: Option<Timestamp>,
    state: ReportState,
    wrote: Vec<Timestamp>,
    answers: BTreeMap<&'a str, Timestamp>,
    turns: Vec<(Timestamp, Turn)>,
    /// The latest event of each device that a closing should have seen.
    latest: BTreeMap<&'a str, u64>,
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: &'a Event) {
        match &event.what {
            What::ReportOpened { received_at, reporter } => self.open(*received_at, reporter),
            What::Answered { answered_at, how } => {
                self.answer(event.message.as_deref(), self.after_receipt(*answered_at, how))
            }
            What::Receipted { receipted_at } => {
                let first = self.state.receipted_at.get_or_insert(*receipted_at);
                *first = (*first).min(*receipted_at);
            }
            What::Marked { fact, happened_at, note } => self.mark(event, *fact, *happened_at, note.as_deref()),
            What::Severity { severity } => {
                self.state.severity = severity.as_ref().map(|s| s.trim().to_lowercase()).filter(|s| !s.is_empty());
                self.state.severity_set = Some(place(event));
            }
            What::Assigned { assignee } => self.state.assignee.clone_from(assignee),
            What::Tagged { tag } => {
                self.state.tags.insert(tag.clone());
            }
            What::Untagged { tag } => {
                self.state.tags.remove(tag);
            }
            What::Linked { case } => self.state.case.clone_from(case),
            What::Unlinked => self.state.case.clear(),
            What::Paused => self.turns.push((event.at, Turn::Wait(true))),
            What::Resumed => self.turns.push((event.at, Turn::Wait(false))),
            What::Closed { seen, .. } => self.close(event, seen.as_ref()),
            What::Reopened => self.reopen(),
            _ => {}
        }
        if is_work(&event.what) {
            self.latest.insert(&event.device, event.number);
        }
    }

    fn open(&mut self, received_at: Timestamp, reporter: &str) {
        self.opened = Some(self.opened.map_or(received_at, |known| known.min(received_at)));
        if self.state.reporter.is_empty() {
            reporter.clone_into(&mut self.state.reporter);
        }
    }

    /// What was sent from here in answer to a report went out after it was received, whatever a server's clock that is
    /// ahead of ours says. Of a mail found elsewhere nobody knows what it answered.
    fn after_receipt(&self, answered_at: Timestamp, how: &str) -> Timestamp {
        self.opened.filter(|_| how == "sent").map_or(answered_at, |received_at| answered_at.max(received_at))
    }

    /// The same mail, seen by two devices or both handed over and found in Sent, is one answer.
    fn answer(&mut self, message: Option<&'a str>, at: Timestamp) {
        match message {
            Some(message) => {
                let known = self.answers.entry(message).or_insert(at);
                *known = (*known).min(at);
            }
            None => self.state.answered_at.push(at),
        }
    }

    fn mark(&mut self, event: &Event, fact: Fact, at: Timestamp, note: Option<&str>) {
        if fact == Fact::Acknowledged {
            self.state.answered_at.push(at);
        }
        let recorded = Recorded { at, note: note.map(str::to_owned) };
        self.state
            .facts
            .entry(fact)
            .and_modify(|known| {
                if at < known.at {
                    *known = recorded.clone();
                }
            })
            .or_insert(recorded);
        if matches!(fact, Fact::Valid | Fact::Invalid) {
            let outcome = Triage { fact, at, place: place(event) };
            if self.state.triage.as_ref().is_none_or(|known| (known.at, &known.place) <= (at, &outcome.place)) {
                self.state.triage = Some(outcome);
            }
        }
    }

    fn close(&mut self, event: &Event, seen: Option<&BTreeMap<String, u64>>) {
        let unseen = |(device, number): (&&str, &u64)| {
            **device != event.device
                && seen.is_some_and(|seen| seen.get(*device).is_none_or(|highest| highest < number))
        };
        if self.latest.iter().any(unseen) {
            self.state.close_contested_at = Some(event.at);
            return;
        }
        self.state.close_contested_at = None;
        self.state.closed_at.get_or_insert(event.at);
        self.turns.push((event.at, Turn::Wait(false)));
    }

    fn reopen(&mut self) {
        self.state.closed_at = None;
        self.state.close_contested_at = None;
    }

    fn finish(mut self, uid: &str, adopted: &[(Timestamp, &str)]) -> ReportState {
        let received_at = self.opened.unwrap_or_default();
        self.wrote.push(received_at);
        self.wrote.sort_unstable();
        self.wrote.dedup();
        self.state.answered_at.extend(self.answers.values());
        self.state.answered_at.sort_unstable();
        self.state.answered_at.dedup();
        self.turns.extend(self.wrote.iter().map(|at| (*at, Turn::Wrote)));
        self.state.pauses = pauses(self.turns);
        // A report from before the first adoption is judged by the first policy there was.
        let in_force = adopted.iter().rev().find(|(at, _)| *at <= received_at).or(adopted.first());
        self.state.policy = in_force.map(|(_, sha256)| (*sha256).to_owned());
        ReportState { uid: uid.to_owned(), received_at, wrote_at: self.wrote, ..self.state }
    }
}

/// Waiting for the reporter lasts until it is ended, the reporter writes, or the report is closed. What is recorded at
/// the same moment counts in the order of events, after the mail.
fn pauses(mut turns: Vec<(Timestamp, Turn)>) -> Vec<(Timestamp, Option<Timestamp>)> {
    turns.sort_by_key(|(at, turn)| (*at, *turn != Turn::Wrote));
    let mut pauses = Vec::new();
    let mut since = None;
    for (at, turn) in turns {
        match (turn, since) {
            (Turn::Wait(true), None) => since = Some(at),
            (Turn::Wait(false) | Turn::Wrote, Some(from)) => {
                if from < at {
                    pauses.push((from, Some(at)));
                }
                since = None;
            }
            _ => {}
        }
    }
    pauses.extend(since.map(|from| (from, None)));
    pauses
}

fn place(event: &Event) -> Place {
    Place { at: event.at, device: event.device.clone(), number: event.number }
}

/// What a closing must have seen to count: what the reporter sent and what people decided.
fn is_work(what: &What) -> bool {
    match what {
        What::Filed { role } => matches!(role, Role::Opening | Role::FollowUp),
        What::Marked { .. } | What::Severity { .. } | What::Linked { .. } | What::Unlinked => true,
        What::Reopened | What::Paused | What::Resumed | What::Assigned { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
