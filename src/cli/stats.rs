//! `sealpost stats`

use clap::ValueEnum;
use jiff::civil::Date;

/// How well the policy was kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reports are counted in the period they arrived in; one that was once late stays late.

Examples:
  sealpost stats
  sealpost stats --since 2026-01-01 --by month
  sealpost stats --csv > months.csv")]
pub struct Args {
    /// Only reports received since this day
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
    /// Split by period
    #[arg(long, value_enum)]
    pub by: Option<By>,
    /// By month, as a table for a spreadsheet
    #[arg(long)]
    pub csv: bool,
}

/// A period.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum By {
    /// Calendar months
    Month,
}
