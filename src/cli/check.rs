//! `sealpost check`

/// Look at everything that would stop the next poll or make the next report unreadable: configuration, permissions, keys and
/// their published copies, the policy, the ledger and what waits in it, disk and swap, the servers, the Junk mailbox
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status 1: the next poll would fail; 3: it would not, but something needs a person.

Nothing is sent and nothing is fetched from the web: it speaks to the mail servers
alone, and gives up on a dead one after half a minute.

Under cron, with -q, it prints only what needs a person:
  0 8 * * *  sealpost check -q

Examples:
  sealpost check
  sealpost check --offline")]
pub struct Args {
    /// Do not connect to servers
    #[arg(long)]
    pub offline: bool,
}
