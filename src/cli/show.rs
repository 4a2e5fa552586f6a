//! `sealpost show ID`

/// One report: its verdicts, clocks, messages and history.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sealpost show 14
  sealpost show 14 --why-due
  sealpost show 14 --raw 31 > as-it-came.eml")]
pub struct Args {
    /// Number or uid of the report
    pub id: String,
    /// Write this message as it came, to standard output
    #[arg(long, value_name = "MESSAGE")]
    pub raw: Option<i64>,
    /// Say for every clock which days were skipped and why: weekends, holidays by name, daylight saving
    #[arg(long, conflicts_with = "raw")]
    pub why_due: bool,
}
