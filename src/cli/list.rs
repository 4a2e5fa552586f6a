//! `sealpost list`

use crate::case::State;

/// Open reports, the most urgent first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status 3 with --overdue: something is overdue.

Examples:
  sealpost list
  sealpost list --overdue
  sealpost list --search 'heap overflow'
  sealpost list --all --csv > reports.csv")]
pub struct Args {
    /// Closed ones too
    #[arg(long)]
    pub all: bool,
    /// Only those with a clock past due
    #[arg(long)]
    pub overdue: bool,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Option<State>,
    /// Mail that programs sent, instead of reports
    #[arg(long, conflicts_with_all = ["overdue", "state"])]
    pub automatic: bool,
    /// Only those whose subject, sender or opened text has these words
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// As a table for a spreadsheet
    #[arg(long, conflicts_with = "automatic")]
    pub csv: bool,
}

fn state(word: &str) -> Result<State, String> {
    serde_json::from_value(serde_json::Value::String(word.to_ascii_lowercase()))
        .map_err(|_| "new, acknowledged, valid, invalid, fixed, released, disclosed or closed".into())
}
