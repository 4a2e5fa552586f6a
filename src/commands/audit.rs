//! `sealpost audit`

use super::{App, Done, anchor, books, salvage};
use crate::cli::audit::Args;
use crate::output::health::AuditView;
use crate::safe;

/// Runs it; exit status 1 with problems.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    if let Some(folder) = &args.salvage {
        return salvage::run(app, &config, folder);
    }
    let ledger = books::read(app, &config)?;
    let audit = ledger.audit()?;
    let mut view = AuditView {
        ok: audit.ok,
        events: audit.events,
        messages: audit.messages,
        head: audit.head,
        problems: audit.problems.into_iter().map(Into::into).collect(),
        anchors: None,
        anchors_passed_over: 0,
        wrote: None,
    };
    if !args.anchor.is_empty() {
        let compared = anchor::compare(app, &config, &ledger, &args.anchor)?;
        let broken = compared
            .views
            .iter()
            .filter_map(|a| Some(format!("anchor {}: {}", a.file, safe::line(a.problem.as_ref()?)).into()));
        view.problems.extend(broken);
        view.ok = view.problems.is_empty();
        view.anchors_passed_over = compared.passed_over;
        view.anchors = Some(compared.views);
    }
    if let Some(file) = &args.write_anchor {
        // The signature of the team must not stand under a history that does not hold together.
        if view.ok {
            match anchor::write(app, &config, &ledger, file)? {
                anchor::Written::File(path) => view.wrote = Some(path),
                anchor::Written::ToPrint(raw) => return Ok(Done::new(raw)),
            }
        } else {
            view.problems.push("no anchor was written".into());
        }
    }
    let status = u8::from(!view.ok);
    let mut done = Done::new(view).zone(&config.calendar.zone);
    done.status = status;
    Ok(done)
}
