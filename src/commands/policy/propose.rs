//! `sealpost policy propose`: the promise that the ledger's own numbers bear.

use crate::clock::propose;
use crate::commands::desk::Desk;
use crate::commands::{App, Done, books};
use crate::output::policy::proposal::Proposed;

/// Runs it.
pub fn run(app: &App) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let desk = Desk::read(app, &config, &ledger)?;
    let proposal = propose::propose(desk.all().map(|(_, state)| state), desk.began, &desk.calendar, app.now);
    Ok(Done::new(Proposed::new(&proposal)).zone(&config.calendar.zone))
}
