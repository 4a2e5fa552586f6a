//! Of all the promises heard, one target of each kind; the rest by severity.

use super::super::Decision;
use super::super::blocks::Form;
use super::super::judge::Promise;
use super::{Candidate, MOST_WARNINGS, Reader, named};
use crate::clock::policy::{ResponsePolicy, SeverityTargets, Target};
use std::collections::BTreeSet;

impl Reader<'_> {
    pub(super) fn choose(mut self) -> (ResponsePolicy, Vec<Decision>) {
        self.second_answers();
        self.outer_limits();
        let mut policy = ResponsePolicy {
            first_response: self.best(Promise::FirstResponse),
            assessment: self.best(Promise::Assessment),
            fix: self.best(Promise::Fix),
            update_every: self.best(Promise::Update),
            prenotice_before_release: self.best(Promise::Prenotice),
            disclosure_deadline: self.best(Promise::Disclosure),
            postmortem_after_release: self.best(Promise::Postmortem),
            reporter_follow_up_after: self.best(Promise::FollowUp),
            ..ResponsePolicy::default()
        };
        policy.by_severity = self.by_severity();
        if policy.first_response.is_none() && policy.by_severity.iter().any(|s| s.first_response.is_some()) {
            self.warnings.push(
                "first-response-by-severity: until the severity of a report is known, the shortest time counts"
                    .to_owned(),
            );
        }
        self.warnings.truncate(MOST_WARNINGS);
        policy.warnings = self.warnings;
        (policy, self.decisions)
    }

    /// "Acknowledged within a day, answered within a week": the later answer is the assessment.
    fn second_answers(&mut self) {
        let first =
            self.candidates.iter().filter(|c| c.claim.promise == Promise::FirstResponse && c.severities.is_empty());
        let Some(receipt) = first.clone().find(|c| c.claim.receipt).map(|c| c.target.usual_hours()) else { return };
        for c in &mut self.candidates {
            let later =
                c.claim.promise == Promise::FirstResponse && !c.claim.receipt && c.target.usual_hours() > receipt;
            if later {
                (c.claim.promise, c.claim.strength) = (Promise::Assessment, 2);
                if let Some(decision) = self.decisions.get_mut(c.decision) {
                    decision.taken_for = Some(Promise::Assessment.name());
                    decision.why = "a further answer, after the acknowledgement".to_owned();
                }
            }
        }
    }

    /// "Details a week after the release" beside "90 days from the report at the latest": both are promised. The outer
    /// limit is the deadline; the other, where no write-up is promised, is what follows a release.
    fn outer_limits(&mut self) {
        let general = |c: &&Candidate| c.claim.promise == Promise::Disclosure && c.severities.is_empty();
        let outer = self.candidates.iter().filter(general).any(|c| c.claim.from.is_none());
        if !outer || self.candidates.iter().any(|c| c.claim.promise == Promise::Postmortem) {
            return;
        }
        for c in &mut self.candidates {
            let general = c.claim.promise == Promise::Disclosure && c.severities.is_empty();
            if general && c.claim.from == Some("release") {
                c.claim.promise = Promise::Postmortem;
                if let Some(decision) = self.decisions.get_mut(c.decision) {
                    decision.taken_for = Some(Promise::Postmortem.name());
                    decision.why = "details after a release; another sentence limits how long they may wait".to_owned();
                }
            }
        }
    }

    /// The surest general promise of a kind, and of equally sure ones the first.
    fn best(&mut self, promise: Promise) -> Option<Target> {
        let general: Vec<&Candidate> =
            self.candidates.iter().filter(|c| c.claim.promise == promise && c.severities.is_empty()).collect();
        // What holds for all reports comes before what holds for some.
        let narrowed = |c: &Candidate| c.target.applies_to.is_some();
        let sure = |c: &Candidate| {
            (c.claim.strength * 2).saturating_sub(u8::from(c.target.approx) + 3 * u8::from(narrowed(c)))
        };
        let most = general.iter().map(|c| sure(c)).max()?;
        let chosen = general.iter().find(|c| sure(c) == most)?;
        let rival =
            general.iter().find(|c| sure(c) + 2 >= most && c.target.usual_hours() != chosen.target.usual_hours());
        if let Some(rival) = rival {
            let (a, b) = (self.document.line(chosen.span.start), self.document.line(rival.span.start));
            let differs = format!(
                "contradictory: {} is {} on line {a} and {} on line {b}; line {a} counts",
                promise.name(),
                amount(&chosen.target),
                amount(&rival.target)
            );
            if !matches!(promise, Promise::Disclosure) || a != b {
                self.warnings.push(differs);
            }
        }
        let chosen = general.iter().find(|c| sure(c) == most)?;
        Some(self.quoted(chosen))
    }

    fn quoted(&self, candidate: &Candidate) -> Target {
        let mut target = candidate.target.clone();
        let quote = self.document.quote(&candidate.span);
        target.line = Some(self.document.line(candidate.span.start));
        target.quote = Some(quote);
        target
    }

    fn by_severity(&self) -> Vec<SeverityTargets> {
        let mut all: Vec<SeverityTargets> = Vec::new();
        for c in &self.candidates {
            for &severity in &c.severities {
                let at = all.iter().position(|s| s.severity == severity).unwrap_or_else(|| {
                    all.push(SeverityTargets { severity: severity.to_owned(), ..SeverityTargets::default() });
                    all.len() - 1
                });
                let Some(entry) = all.get_mut(at) else { continue };
                let slot = match c.claim.promise {
                    Promise::FirstResponse => &mut entry.first_response,
                    Promise::Assessment => &mut entry.assessment,
                    Promise::Fix => &mut entry.fix,
                    Promise::Update => &mut entry.update_every,
                    Promise::Disclosure => &mut entry.disclosure_deadline,
                    _ => continue,
                };
                if slot.is_none() {
                    *slot = Some(self.quoted(c));
                }
            }
        }
        self.without_number(&mut all);
        all
    }

    /// Severities that stand in the same table or list as the others, with no number: "low: best effort".
    fn without_number(&self, all: &mut Vec<SeverityTargets>) {
        let document = self.document;
        let blocks = || self.candidates.iter().filter(|c| !c.severities.is_empty()).map(|c| c.block);
        let tables: BTreeSet<usize> = blocks().filter_map(|b| document.blocks.get(b)?.place.map(|p| p.table)).collect();
        let leads: BTreeSet<usize> = blocks()
            .filter_map(|b| document.blocks.get(b).filter(|b| b.form == Form::Item && b.place.is_none())?.lead)
            .collect();
        for (words, block) in document.words.iter().zip(&document.blocks) {
            let row = block.place.is_some_and(|p| p.column == 0 && p.row > 0 && tables.contains(&p.table));
            let item = block.form == Form::Item && block.lead.is_some_and(|l| leads.contains(&l));
            if !row && !(item && block.place.is_none()) {
                continue;
            }
            let label = 0..words.tokens.len().min(if row { 6 } else { 3 });
            for (_, _, severity) in words.severities(&label, true) {
                if all.len() < 20 && !all.iter().any(|s| s.severity == severity) {
                    all.push(SeverityTargets { severity: severity.to_owned(), ..SeverityTargets::default() });
                }
            }
        }
    }
}

fn amount(target: &Target) -> String {
    named(target.min, target.amount, target.unit)
}
