//! `policy propose`, shown.

use std::io::{self, Write};

use serde::Serialize;

use crate::clock::policy::Unit;
use crate::clock::propose::{self, Proposal};
use crate::clock::words;
use crate::output::{FAINT, HEAD, NOTICE, Screen, View, document, styled};

/// The promise a team can keep.
#[derive(Serialize)]
pub struct Proposed {
    /// Reports a person answered.
    pub answered: usize,
    /// Open reports nobody has answered yet.
    pub waiting: usize,
    /// Time to the first answer by the wall clock.
    pub with_weekends: Figures,
    /// The same in working time.
    pub without_weekends: Figures,
    /// The shortest promises that could have been kept, the best first.
    pub promises: Vec<Offer>,
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
    /// `Met`, `Unmet`, `N/A`.
    pub answer: &'static str,
    /// Reports of the last 6 months.
    pub reports: usize,
    /// Answered within 14 days.
    pub in_time: usize,
    /// Not.
    pub late: usize,
    /// Not yet, and not 14 days old.
    pub pending: usize,
    /// For the form.
    pub justification: String,
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
        let badge = found.badge;
        let justification = match badge.reports {
            0 => "No vulnerability was reported in the last 6 months.".to_owned(),
            n => format!("Reports in the last 6 months: {n}; first answered within 14 days: {}.", badge.in_time),
        };
        Proposed {
            answered: found.answered,
            waiting: found.waiting,
            with_weekends: figures(found.wall),
            without_weekends: figures(found.working),
            promises: found.working_days.into_iter().chain(found.hours).map(offer).collect(),
            badge: Badge {
                answer: badge.answer(),
                reports: badge.reports,
                in_time: badge.in_time,
                late: badge.late,
                pending: badge.pending,
                justification,
            },
        }
    }
}

impl View for Proposed {
    fn json(&self) -> serde_json::Value {
        document(self)
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} reports answered by a person, {} waiting", self.answered, self.waiting)?;
        writeln!(
            out,
            "\n{}",
            styled(HEAD, format!("{:27} {:>8}  {:>11}  {:>8}", "First answer", "half", "nine in ten", "worst"))
        )?;
        for (name, f) in [("with weekends", &self.with_weekends), ("without (working time)", &self.without_weekends)] {
            let span = |s: Option<i64>| s.map_or_else(|| "-".to_owned(), words::span);
            writeln!(out, "  {name:25} {:>8}  {:>11}  {:>8}", span(f.p50_s), span(f.p90_s), span(f.worst_s))?;
        }
        writeln!(out, "\n{}", styled(HEAD, "A promise that could have been kept"))?;
        for offer in &self.promises {
            writeln!(out, "  {}", offer.sentence)?;
            let kept = format!("{} of {} reports would have been answered in time", offer.kept, offer.counted);
            writeln!(out, "  {}", styled(FAINT, kept))?;
        }
        if self.promises.is_empty() {
            writeln!(out, "  none: too few answers, or too late, to bear one of 30 working days or 14 days")?;
        } else if self.answered < 10 {
            writeln!(out, "  {}", styled(NOTICE, "few reports bear it; leave yourselves room"))?;
        }
        let b = &self.badge;
        writeln!(out, "\n{}", styled(HEAD, "OpenSSF badge: initial response within 14 days, last 6 months"))?;
        writeln!(out, "  {}  {}", b.answer, b.justification)?;
        if b.pending > 0 {
            writeln!(out, "  {}", styled(NOTICE, format!("{} not answered and not 14 days old yet", b.pending)))?;
        }
        Ok(())
    }
}
