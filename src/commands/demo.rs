//! `sealpost demo`
use super::{App, Done};
use crate::cli::demo::Args;
/// Runs it.
pub fn run(_app: &App, _args: &Args) -> anyhow::Result<Done> {
    anyhow::bail!("later")
}
