//! `sealpost policy`: what a file commits to; which version is in force; what could be promised.

mod adopt;
mod propose;

use std::path::{Path, PathBuf};

pub use adopt::changes;

use super::{App, Done, files};
use crate::cli::policy::{Action, Args};
use crate::clock;
use crate::clock::policy::ResponsePolicy;
use crate::clock::policy_toml;
use crate::clock::published::{self, LARGEST, Reading};
use crate::error::{Error, Kind, usage};
use crate::output::policy::Checked;
use crate::safe;

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    match &args.action {
        Action::Check { file, explain } => check(app, file.as_deref(), *explain),
        Action::Adopt { file } => adopt::adopt(app, file.as_deref()),
        Action::Log => adopt::log(app),
        Action::Propose => propose::run(app),
    }
}

fn check(app: &App, file: Option<&Path>, explain: bool) -> anyhow::Result<Done> {
    let file = match file {
        Some(file) => file.to_owned(),
        None => configured(app)?,
    };
    let bytes = files::read(&file, LARGEST as u64)?;
    let reading = read(&file, &bytes)?;
    let unclocked = unclocked(&reading.policy);
    let mut checked = Checked::new(file.display().to_string(), reading, explain);
    checked.warnings.extend(unclocked);
    Ok(Done::new(checked))
}

fn configured(app: &App) -> Result<PathBuf, Error> {
    app.config()?.policy.ok_or_else(none_configured)
}

fn none_configured() -> Error {
    usage("no policy is configured")
        .hint("name one, such as sealpost policy check SECURITY.md")
        .hint("or set file in [policy]")
}

/// Promises that nothing can hold anybody to, since nobody records what they count from.
pub fn unclocked(policy: &ResponsePolicy) -> Vec<String> {
    let told = clock::unclocked(policy).into_iter().map(|(kind, from, why)| {
        format!("{} counts from “{}”, {why}: it sets no clock", kind.name(), safe::short(from, 60))
    });
    told.collect()
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
    published::read_file(&file.to_string_lossy(), bytes).map_err(|e| unusable(String::new(), e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::policy::{Target, Unit};

    /// No reading gives such a start any more; a policy that was adopted before may have one.
    #[test]
    fn promises_without_a_clock_are_told_in_words() {
        let mut policy = ResponsePolicy { fix: Some(Target::new(3, Unit::Day)), ..ResponsePolicy::default() };
        assert_eq!(unclocked(&policy), [] as [String; 0]);
        policy.fix = policy.fix.map(|fix| Target { from: Some("a blue\u{1b} moon".into()), ..fix });
        assert_eq!(unclocked(&policy), ["fix counts from “a blue\\x1b moon”, which nobody records: it sets no clock"]);
    }
}
