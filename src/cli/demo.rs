//! `sealpost demo`

use std::path::PathBuf;

/// The main job end to end on sample mail, in a folder of its own, with no server and no set-up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sealpost demo")]
pub struct Args {
    /// The folder [default: a new one below the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}
