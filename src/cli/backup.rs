//! `sealpost backup FILE`

use std::path::PathBuf;

/// Write a copy of the ledger with its key, signed by the team key and encrypted to it.
///
/// A poll may run meanwhile. Where the team key is at hand the backup is read back and verified by restoring it; without it, it is
/// written and the command says that it was not verified. Nothing of it ever lies unencrypted on the disk.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status 1: the ledger in the backup does not hold together; the file was written nevertheless.

Examples:
  sealpost backup /media/stick/ledger.pgp
  sealpost backup /srv/backups                   # a new file in this folder
  gpg --decrypt ledger.pgp | tar t               # what is in it: backup.json, ledger.key, ledger.db"
)]
pub struct Args {
    /// The new file, or a folder for it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
