//! `sealpost policy check`: a file, and what it commits to.

use std::path::{Path, PathBuf};

use super::{App, Done, files};
use crate::cli::policy::{Action, Args};
use crate::clock::policy::ResponsePolicy;
use crate::clock::policy_toml;
use crate::clock::published::{self, LARGEST, Reading};
use crate::error::{Error, Kind, usage};
use crate::output::policy::Checked;
use crate::safe;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let Action::Check { file, explain } = &args.action;
    let file = match file {
        Some(file) => file.clone(),
        None => configured(app)?,
    };
    let bytes = files::read(&file, LARGEST as u64)?;
    let reading = read(&file, &bytes)?;
    Ok(Done::new(Checked::new(file.display().to_string(), reading, *explain)))
}

fn configured(app: &App) -> Result<PathBuf, Error> {
    app.config()?.policy.ok_or_else(|| {
        usage("no policy is configured")
            .hint("name one: sealpost policy check SECURITY.md")
            .hint("or set file in [policy]")
    })
}

/// What a policy file commits to: TOML by its name, else a document for people.
pub fn parse(file: &Path, bytes: &[u8]) -> Result<ResponsePolicy, Error> {
    read(file, bytes).map(|reading| reading.policy)
}

fn read(file: &Path, bytes: &[u8]) -> Result<Reading, Error> {
    let unusable =
        |place: String, why: String| Error::new(Kind::File, format!("{}{place}: {}", file.display(), safe::line(&why)));
    if file.extension().is_some_and(|e| e == "toml") {
        let text = std::str::from_utf8(bytes).map_err(|_| unusable(String::new(), "it is not UTF-8".into()))?;
        let policy = policy_toml::read(text).map_err(|e| unusable(format!(":{}", e.line), e.what))?;
        return Ok(Reading { policy, ..Reading::default() });
    }
    published::read_bytes(bytes).map_err(|e| unusable(String::new(), e.to_string()))
}
