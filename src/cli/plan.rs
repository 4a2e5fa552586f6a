//! `sealpost plan CASE`

/// One timeline of a case: what is due and what is allowed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Times are the team's; where the reporter's mail told an offset from UTC, theirs stand beside them.

Example:
  sealpost plan 14")]
pub struct Args {
    /// Number or uid of the case, or of any of its reports
    pub id: String,
}
