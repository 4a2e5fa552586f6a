//! `sealpost open FILE`

use std::path::PathBuf;

/// Open one mail and say what it is, storing nothing: for trying keys and looking at odd mail.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A mail that is encrypted with nothing but a password is tried with the passphrase of our keys,
then a person is asked; poll and import leave it closed.

Examples:
  sealpost open report.eml
  sealpost open --password-file agreed.txt report.eml")]
pub struct Args {
    /// A mail, or a bare OpenPGP message; - is standard input
    pub file: PathBuf,
    /// The first line of FILE is the password of a mail that is encrypted with one
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}
