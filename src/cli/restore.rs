//! `sealpost restore FILE`

use std::path::PathBuf;

/// Put a backup in place of a ledger that was lost.
///
/// It is decrypted and verified as a whole before anything is put in place. Nothing is sent by itself afterwards: replies that waited
/// when the backup was made may have gone out since, and a person decides about each. The next poll fetches what came since.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sealpost restore /media/stick/ledger.pgp
  sealpost restore --replace ledger.pgp          # the ledger that is here is moved aside
  sealpost restore --key-only ledger.pgp         # only the key is lost, the ledger is here")]
pub struct Args {
    /// The backup
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Move a ledger that is here aside
    #[arg(long)]
    pub replace: bool,
    /// Take a backup that the team key did not sign: anybody could have made it
    #[arg(long)]
    pub unsigned: bool,
    /// Put only the key in place, for the ledger that is here
    #[arg(long, conflicts_with = "replace")]
    pub key_only: bool,
}
