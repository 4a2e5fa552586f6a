//! `sealpost report`

use std::path::PathBuf;

use jiff::civil::Date;

/// A page that draws how well the policy was kept: the figures of `stats`, by month; nothing of any mail.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The page stands alone: no script, nothing fetched, nothing that a mail said. It is written
with mode 0600 and never over an existing file; - is standard output.

Examples:
  sealpost report --html policy.html
  sealpost report --since 2026-01-01 --html - > /srv/www/security.html")]
pub struct Args {
    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,
    /// Only reports received since this day
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
}
