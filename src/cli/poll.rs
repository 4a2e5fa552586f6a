//! `sealpost poll`

/// Fetch what is new, open it, file it, work the clocks, send what waits. Safe to kill and to run again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line only where a person watches or is needed. Exit status 3: mail could not be opened or was quarantined.

Example (crontab):
  */5 * * * *  sealpost poll --quiet")]
pub struct Args {
    /// Look again at mail on which a limit was hit
    #[arg(long)]
    pub retry_quarantined: bool,
    /// Send nothing from the outbox
    #[arg(long)]
    pub no_send: bool,
}
