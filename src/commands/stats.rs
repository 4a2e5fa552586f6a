//! `sealpost stats`

use super::books;
use super::desk::Desk;
use super::{App, Done};
use crate::cli::stats::{Args, By};
use crate::clock::stats::{self, Stats};
use crate::error::usage;
use crate::output::stats as output;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let desk = Desk::read(app, &config, &ledger)?;
    let zone = &config.calendar.zone;
    let since = match args.since {
        Some(day) => Some(day.to_zoned(zone.clone()).map_err(|e| usage(format!("--since {day}: {e}")))?.timestamp()),
        None => None,
    };
    let judged: Vec<_> = desk.all().map(|(_, state)| (state, desk.clocks(state))).collect();
    let figures = stats::stats(judged.iter().map(|(state, clocks)| (*state, clocks.as_slice())), since, zone);
    let view = view(figures, matches!(args.by, Some(By::Month)), desk.notices.clone());
    Ok(Done::new(view).zone(zone))
}

fn view(s: Stats, by_month: bool, notices: Vec<String>) -> output::Stats {
    let months = s.by_month.into_iter().map(|m| output::Month {
        month: m.month,
        reports: m.reports,
        median_s: m.median_s,
        within_policy: m.within_policy,
    });
    output::Stats {
        reports: s.reports,
        answered: s.answered,
        open: s.open,
        overdue: s.overdue,
        first_response: output::FirstResponse {
            median_s: s.first_response.median_s,
            p90_s: s.first_response.p90_s,
            worst_s: s.first_response.worst_s,
            within_policy: s.first_response.within_policy,
            counted: s.first_response.counted,
        },
        by_month: by_month.then(|| months.collect()),
        notices,
    }
}
