//! `policy propose`, shown.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::policy::Unit;
use crate::clock::propose::{self, GROUND, Proposal};
use crate::clock::words;
use crate::output::{FAINT, HEAD, NOTICE, Screen, View, document, styled, wrap};

/// The promise a team can keep.
#[derive(Serialize)]
pub struct Proposed {
    /// Reports a person answered.
    pub answered: usize,
    /// Open reports nobody has answered yet.
    pub waiting: usize,
    /// Closed without an answer: left out of all figures.
    pub closed_unanswered: usize,
    /// Too few were answered to promise anything from it.
    pub few: bool,
    /// Time to the first answer by the wall clock.
    pub with_weekends: Figures,
    /// The same in working time.
    pub without_weekends: Figures,
    /// The shortest promises that could have been kept, the best first.
    pub promises: Vec<Offer>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
    /// The OpenSSF badge's question on the initial response.
    pub badge: Badge,
}

/// Times to the first answer.
#[derive(Serialize)]
pub struct Figures {
    /// Half took no longer.
    pub p50_s: Option<i64>,
    /// Nine in ten took no longer.
    pub p90_s: Option<i64>,
    /// None took longer.
    pub worst_s: Option<i64>,
}

/// One promise.
#[derive(Serialize)]
pub struct Offer {
    /// How many.
    pub amount: u32,
    /// Of what.
    pub unit: Unit,
    /// Reports that would have been answered in time.
    pub kept: usize,
    /// Of so many.
    pub counted: usize,
    /// For a SECURITY.md.
    pub sentence: String,
}

/// "Initial response within 14 days, for reports of the last 6 months."
#[derive(Serialize)]
pub struct Badge {
    /// `Met`, `Unmet`, `N/A`; `?` where the ledger cannot tell.
    pub answer: &'static str,
    /// The first instant that the question is about.
    pub since: Timestamp,
    /// Reports of the last 6 months.
    pub reports: usize,
    /// Answered within 14 days.
    pub in_time: usize,
    /// Not.
    pub late: usize,
    /// Not yet, and not 14 days old.
    pub pending: usize,
    /// Beside those: closed without an answer, and not marked as no vulnerability.
    pub closed_unanswered: usize,
    /// For the form, where there is an answer.
    pub justification: String,
    /// What a person should know before giving it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

impl Proposed {
    /// From what the core found.
    pub fn new(found: &Proposal) -> Proposed {
        let figures = |f: propose::Figures| Figures { p50_s: f.p50_s, p90_s: f.p90_s, worst_s: f.worst_s };
        let offer = |p: propose::Promise| Offer {
            amount: p.amount,
            unit: p.unit,
            kept: p.kept,
            counted: p.counted,
            sentence: propose::sentence(&p),
        };
        let promises: Vec<Offer> = found.working_days.into_iter().chain(found.hours).map(offer).collect();
        Proposed {
            answered: found.answered,
            waiting: found.waiting,
            closed_unanswered: found.left_out,
            few: found.few(),
            with_weekends: figures(found.wall),
            without_weekends: figures(found.working),
            why_none: promises.is_empty().then(|| why_none(found)),
            promises,
            badge: Badge::new(found.badge),
        }
    }
}

fn why_none(found: &Proposal) -> String {
    let propose::Promise { amount, kept, counted, .. } = found.longest;
    if found.answered == 0 {
        return "none: nobody was answered yet".to_owned();
    }
    format!("none: {} of {} took more than {amount} working days, or still wait", counted - kept, reports(counted))
}

/// `1 report`, `3 reports`.
fn reports(n: usize) -> String {
    if n == 1 { "1 report".to_owned() } else { format!("{n} reports") }
}

impl Badge {
    fn new(found: propose::Badge) -> Badge {
        let (justification, notices) = (justification(&found), notices(&found));
        let propose::Badge { since, reports, in_time, late, pending, unclear, .. } = found;
        let answer = found.answer();
        Badge { answer, since, reports, in_time, late, pending, closed_unanswered: unclear, justification, notices }
    }
}

fn justification(badge: &propose::Badge) -> String {
    match (badge.reports, badge.unclear) {
        (0, 0) if badge.covered => "No vulnerability was reported in the last 6 months.".to_owned(),
        (n, _) => format!("Reports in the last 6 months: {n}; first answered within 14 days: {}.", badge.in_time),
    }
}

fn notices(badge: &propose::Badge) -> Vec<String> {
    let mut told = Vec::new();
    if badge.pending > 0 {
        told.push(format!("{} not answered and not 14 days old yet", reports(badge.pending)));
    }
    if badge.unclear > 0 {
        told.push(format!(
            "{} closed without an answer: Unmet if one was about a vulnerability; if it was not, sealpost mark ID invalid says so",
            reports(badge.unclear)
        ));
    }
    if !badge.covered {
        told.push("the ledger does not go back 6 months: add what you know of the time before it".to_owned());
    }
    told
}

impl View for Proposed {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{} answered by a person, {} waiting", reports(self.answered), self.waiting)?;
        match self.closed_unanswered {
            0 => writeln!(out)?,
            n => writeln!(out, "; {n} closed without an answer, not counted")?,
        }
        self.figures(out)?;
        self.offers(out)?;
        self.badge.show(screen, out)
    }
}

impl Proposed {
    fn figures(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "\n{}",
            styled(HEAD, format!("{:27} {:>8}  {:>11}  {:>8}", "First answer", "half", "nine in ten", "worst"))
        )?;
        let span = |s: Option<i64>| s.map_or_else(|| "-".to_owned(), words::span);
        for (name, f) in [("with weekends", &self.with_weekends), ("without (working time)", &self.without_weekends)] {
            let nine = span(f.p90_s.filter(|_| !self.few));
            writeln!(out, "  {name:25} {:>8}  {nine:>11}  {:>8}", span(f.p50_s), span(f.worst_s))?;
        }
        Ok(())
    }

    fn offers(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", styled(HEAD, "A promise that could have been kept"))?;
        if let Some(why) = &self.why_none {
            return writeln!(out, "  {why}");
        }
        if self.few {
            let ground = format!("fewer than {GROUND} answers bear no promise; so far, this one would have been kept:");
            writeln!(out, "  {}", styled(NOTICE, ground))?;
        }
        for offer in &self.promises {
            writeln!(out, "  {}", offer.sentence)?;
            let kept = format!("{} of {} would have been answered in time", offer.kept, reports(offer.counted));
            writeln!(out, "  {}", styled(FAINT, kept))?;
        }
        Ok(())
    }
}

impl Badge {
    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{}", styled(HEAD, "OpenSSF badge: initial response within 14 days, last 6 months"))?;
        writeln!(out, "  {:5}  {}", self.answer, self.justification)?;
        for notice in &self.notices {
            for line in wrap::whole_words(notice, screen.width.saturating_sub(9)) {
                writeln!(out, "         {}", styled(NOTICE, line))?;
            }
        }
        Ok(())
    }
}
