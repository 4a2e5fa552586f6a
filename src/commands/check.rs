//! `sealpost check`: everything that would stop the next poll, or make the next report unreadable.
//!
//! Each room looks at one thing and gives its findings; none of them stops another. The servers come last: whatever they
//! do, and however long they take over it, the rest was looked at.

mod junk;
mod ledger;
mod machine;
mod own;
mod permissions;
mod policy;
mod published;
mod servers;

use super::{App, Done, sandbox};
use crate::cli::check::Args;
use crate::output::health::{Finding, Health};

pub use own::own_keys;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let mut found = vec![Finding::ok("config", config.file.display().to_string())];
    found.extend(permissions::look(&config));
    found.extend(own::own_keys(app, &config));
    found.push(sandbox::look(app));
    found.extend(published::look(app, &config));
    let (books, more) = ledger::look(app, &config);
    found.extend(policy::look(&config, books.as_ref(), app.now));
    found.extend(more);
    found.extend(machine::look(&config));
    if args.offline {
        found.extend(junk::maildir(&config, books.as_ref()));
    } else {
        found.extend(servers::look(app, &config, books.as_ref()));
    }
    Ok(done(app, found).zone(&config.calendar.zone))
}

/// Findings, with the exit status they come to.
pub fn done(app: &App, findings: Vec<Finding>) -> Done {
    let health = Health::new(findings).quiet(app.quiet);
    let status = health.status();
    let mut done = Done::new(health);
    done.status = status;
    done
}
