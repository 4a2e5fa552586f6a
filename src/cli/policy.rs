//! `sealpost policy`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The published policy and what it promises.
#[derive(Clone, Debug, Subcommand)]
pub enum Policy {
    /// What a SECURITY.md commits to, with the sentence each clock comes from
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
}

/// `sealpost policy check`.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// The policy to read: Markdown, reStructuredText, AsciiDoc or plain text
    pub file: PathBuf,
    /// List every number met, what it was taken for, and why
    #[arg(long)]
    pub explain: bool,
}

const CHECK_EXAMPLES: &str = "Examples:
  sealpost policy check SECURITY.md
  sealpost policy check --explain SECURITY.md
  sealpost --json policy check SECURITY.md";
