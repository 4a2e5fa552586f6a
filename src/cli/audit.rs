//! `sealpost audit`

use std::path::PathBuf;

/// Verify the ledger: its history chain, its messages, its counts.
///
/// An anchor is a small text with the number and the hash of the last event, signed by the team key. Kept where whoever can write the
/// ledger cannot, it finds a ledger that was set back as a whole, replaced, or rebuilt with its key.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Exit status 1: there are problems, or not everything could be rescued.

Examples:
  sealpost audit
  sealpost audit --write-anchor ~/anchors        # a new file in this folder
  sealpost audit --anchor ~/anchors              # the ledger against all of them
  sealpost audit --write-anchor - | mail -s anchor team@example.org
  sealpost audit --salvage rescued               # what a damaged ledger still holds")]
pub struct Args {
    /// Hold the ledger against this anchor, or against every file of this folder; can be given again
    #[arg(long, value_name = "FILE")]
    pub anchor: Vec<PathBuf>,
    /// Write an anchor to this new file, or to a new file in this folder; - writes to standard output
    #[arg(long, value_name = "FILE")]
    pub write_anchor: Option<PathBuf>,
    /// Read what can still be read of a damaged ledger into this new folder; the ledger is not changed
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["anchor", "write_anchor"])]
    pub salvage: Option<PathBuf>,
}
