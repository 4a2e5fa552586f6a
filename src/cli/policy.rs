//! `sealpost policy`

use std::path::PathBuf;

use clap::Subcommand;

/// The published policy.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with it
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// What a SECURITY.md (or policy.toml) commits to, with the sentence each clock comes from
    ///
    /// Markdown, plain text, reStructuredText, AsciiDoc and HTML are read; the ending of the name tells which, and where it
    /// does not, the text does.
    #[command(
        after_help = "Examples:\n  sealpost policy check SECURITY.md\n  sealpost policy check --explain docs/security.rst"
    )]
    Check {
        /// The file [default: the configured one]
        file: Option<PathBuf>,
        /// Say for every number in the document what it was taken for, and why
        #[arg(long)]
        explain: bool,
    },
    /// Put a policy into force from now on; reports that arrived before keep theirs. A poll does it by itself when the
    /// configured file has changed
    #[command(after_help = "Example:\n  sealpost policy adopt")]
    Adopt {
        /// The file [default: the configured one]
        file: Option<PathBuf>,
    },
    /// Every version that was in force, since when, and what it changed
    #[command(after_help = "Example:\n  sealpost policy log")]
    Log,
    /// The promise that the ledger's own numbers bear, as a sentence for a SECURITY.md
    #[command(after_help = "Example:\n  sealpost policy propose")]
    Propose,
}
