//! `sealpost report --html FILE`

use std::path::Path;

use serde_json::json;

use super::{App, Done, files, stats};
use crate::cli::report::Args;
use crate::output::page::Page;
use crate::output::{Raw, Said};
use crate::safe;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    let figures = stats::figures(app, &config, args.since, true)?;
    let page = Page {
        address: config.address.as_str().into(),
        since: args.since,
        until: app.now.to_zoned(config.calendar.zone.clone()).date(),
        figures,
    };
    let bytes = page.html().into_bytes();
    if args.html == Path::new("-") {
        return Ok(Done::new(Raw { bytes }));
    }
    files::write_new(&args.html, &bytes)?;
    let file = args.html.to_string_lossy();
    let line = format!("wrote {} ({} bytes): a page that stands alone", safe::line(&file), bytes.len());
    Ok(Done::new(Said { line, json: json!({"file": file, "size": bytes.len()}) }))
}
