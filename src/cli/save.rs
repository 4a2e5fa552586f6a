//! `sealpost save ID PART [FILE]`

use std::path::PathBuf;

/// Write an attachment to a file, mode 0600, never over an existing one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sealpost save 14 2
  sealpost save 14 31:1.2 poc.py")]
pub struct Args {
    /// Number or uid of the report
    pub id: String,
    /// The part's path as `show` prints it; MESSAGE:PATH where the report has several messages
    pub part: String,
    /// Where to [default: the part's own name, made safe, in this folder]
    pub file: Option<PathBuf>,
}
