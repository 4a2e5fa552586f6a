//! `sealpost open FILE`

use std::path::PathBuf;

/// Open one mail and say what it is, storing nothing: for trying keys and looking at odd mail.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost open report.eml")]
pub struct Args {
    /// A mail, or a bare OpenPGP message; - is standard input
    pub file: PathBuf,
}
