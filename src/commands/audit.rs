//! `sealpost audit`

use super::books;
use super::{App, Done};
use crate::output::health::AuditView;

/// Runs it; exit status 1 with problems.
pub fn run(app: &App) -> anyhow::Result<Done> {
    let config = app.config()?;
    let ledger = books::read(app, &config)?;
    let audit = ledger.audit()?;
    let status = u8::from(!audit.ok);
    let view = AuditView {
        ok: audit.ok,
        events: audit.events,
        messages: audit.messages,
        head: audit.head,
        problems: audit.problems.into_iter().map(Into::into).collect(),
    };
    let mut done = Done::new(view);
    done.status = status;
    Ok(done)
}
