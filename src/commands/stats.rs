//! `sealpost stats`

use jiff::civil::Date;

use super::books;
use super::desk::{self, Desk};
use super::{App, Done};
use crate::cli::stats::{Args, By};
use crate::clock::away;
use crate::clock::stats::{self, Stats, Times};
use crate::config::Config;
use crate::error::usage;
use crate::output::stats as output;
use crate::safe::Foreign;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    app.one_form(args.csv)?;
    let config = app.config()?;
    let view = figures(app, &config, args.since, args.csv || matches!(args.by, Some(By::Month)))?;
    if args.csv {
        return Ok(Done::new(view.table()));
    }
    Ok(Done::new(view).zone(&config.calendar.zone))
}

/// How well the policy was kept since a day.
pub fn figures(app: &App, config: &Config, since: Option<Date>, by_month: bool) -> anyhow::Result<output::Stats> {
    let ledger = books::read(app, config)?;
    let desk = Desk::read(app, config, &ledger)?;
    let zone = &config.calendar.zone;
    let since = match since {
        Some(day) => Some(day.to_zoned(zone.clone()).map_err(|e| usage(format!("--since {day}: {e}")))?.timestamp()),
        None => None,
    };
    let judged: Vec<_> = desk.all().map(|(_, state)| (state, desk.clocks(state))).collect();
    let figures = stats::stats(judged.iter().map(|(state, clocks)| (*state, clocks.as_slice())), since, zone);
    let mut view = view(figures, by_month, desk.notices.iter().map(Foreign::from).collect());
    let (away, doubts) = desk::away(config)?;
    view.notices.extend(doubts.iter().map(Foreign::from));
    if !away.is_empty() {
        let counted = judged.iter().filter(|(state, _)| since.is_none_or(|since| state.received_at >= since));
        let without = counted.map(|(state, clocks)| away::without(state, clocks, &desk.calendar, &away, app.now));
        view.without_away = Some(first_response(stats::first_response_without(without)));
    }
    Ok(view)
}

fn view(s: Stats, by_month: bool, notices: Vec<Foreign>) -> output::Stats {
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
        first_response: first_response(s.first_response),
        without_away: None,
        by_month: by_month.then(|| months.collect()),
        notices,
    }
}

fn first_response(times: Times) -> output::FirstResponse {
    let Times { median_s, p90_s, worst_s, within_policy, counted } = times;
    output::FirstResponse { median_s, p90_s, worst_s, within_policy, counted }
}
