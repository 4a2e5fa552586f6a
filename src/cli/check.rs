//! `sealpost check`

/// Look at everything that would stop the next poll: configuration, connection, keys and their expiry, permissions.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status 1: the next poll would fail; 3: it would not, but something needs a person.

Example:\n  sealpost check")]
pub struct Args {
    /// Do not connect to servers
    #[arg(long)]
    pub offline: bool,
}
