//! `sealpost open`.

use std::path::PathBuf;

use clap::Args;

/// Open one mail and say what it is, storing nothing
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sealpost open report.eml\n  sealpost --json open - < report.eml")]
pub struct OpenArgs {
    /// The mail, or a bare OpenPGP message; `-` reads standard input
    pub file: PathBuf,
}
