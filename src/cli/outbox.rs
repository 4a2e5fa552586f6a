//! `sealpost outbox`

use clap::Subcommand;

/// What waits to be sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with it
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What can be done with what waits.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List it
    #[command(after_help = "Example:\n  sealpost outbox list")]
    List,
    /// Send what is queued now, also what a poll would try later
    #[command(after_help = "Examples:\n  sealpost outbox send\n  sealpost outbox send 3   (also one that failed)")]
    Send {
        /// Only this one, even if it failed or nobody knows whether it went out
        number: Option<i64>,
    },
    /// Take one out
    #[command(after_help = "Example:\n  sealpost outbox drop 3")]
    Drop {
        /// Its number
        number: i64,
    },
}
