//! `sealpost import FILE…`

use std::path::PathBuf;

/// File mail that did not come over IMAP, exactly as `poll` does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sealpost import report.eml
  sealpost import ~/Mail/old-security.mbox ~/Maildir/.security
  sealpost import - < report.eml")]
pub struct Args {
    /// .eml files, mbox files, Maildir folders; - reads one mail from standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// This is mail that we sent
    #[arg(long)]
    pub sent: bool,
}
