//! `sealpost import FILE…`: the same as `poll`, for files.

use std::path::Path;

use super::intake::Taker;
use super::{App, Done, books, desk, poll, servers};
use crate::cli::import::Args;
use crate::point;
use crate::wire::{Direction, Limits, Progress, files};

/// Runs it. A file that cannot be read stops the run; what was read before it is kept and filed.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let mut ledger = books::write(&config, &books::stamp(app))?;
    let notice = desk::adopt_policy(app, &config, &mut ledger);
    let names: Vec<String> = args.files.iter().map(|f| f.display().to_string()).collect();
    let mut taker = Taker::new(app, &mut ledger, names.join(" "));
    taker.tally.warnings.extend(notice);
    let direction = if args.sent { Direction::Out } else { Direction::In };
    let mut read = Ok(());
    point::reach("import.open");
    for file in &args.files {
        read = read_one(app, file, direction, &mut taker);
        point::reach("import.read");
        if read.is_err() {
            break;
        }
    }
    let settled = taker.settle(&config, false);
    if let (Err(first), Err(_)) = (&read, &settled) {
        return Err(first.clone().into());
    }
    settled?;
    point::reach("import.filed");
    let failed = taker.failed.take();
    let tally = taker.finish(&config, app.quiet)?;
    read?;
    if let Some(e) = failed {
        return Err(e.into());
    }
    Ok(poll::done(tally, &config))
}

fn read_one(app: &App, file: &Path, direction: Direction, taker: &mut Taker<'_>) -> Result<(), crate::error::Error> {
    let limits = Limits::default();
    let summary = if file == Path::new("-") {
        files::read_stream(&mut std::io::stdin().lock(), app.wall, direction, &limits, taker)
    } else {
        let bar = super::progress(app, 0, "reading");
        let mut tell = |p: Progress| bar.set_position(p.done);
        let summary = files::read(file, direction, &limits, taker, &mut tell);
        bar.finish_and_clear();
        summary
    };
    let summary = summary.map_err(|e| servers::wire_error(&e))?;
    taker.tally.warnings.extend(summary.warnings);
    Ok(())
}
