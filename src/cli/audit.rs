//! `sealpost audit`

/// Verify the ledger: its history chain, its messages, its counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost audit")]
pub struct Args {}
