//! `sealpost poll`

/// Fetch what is new, open it, file it, work the clocks, send what waits. Safe to kill and to run again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line only where a person watches or is needed. Exit status 3: mail could not be opened or was quarantined, or a
reply is not out. One that fails for a passing reason stays queued: it is tried with the next poll, then after 5, 15 and
30 minutes, then each hour, for five days; after that it waits for a person.

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
