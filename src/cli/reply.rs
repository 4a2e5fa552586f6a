//! `sealpost reply ID`

use std::path::PathBuf;

/// Write, sign, encrypt and send an answer to the reporter.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Opens $EDITOR, shows what will be sent and to which key, and asks. With --message-file it asks nothing: where a person
must decide, it sends nothing, exits with 2 and gives the command that decides.

Examples:
  sealpost reply 14
  sealpost reply 14 --template acknowledge
  sealpost reply 14 --message-file answer.txt --dry-run")]
pub struct Args {
    /// Number or uid of the report
    pub id: String,
    /// Take the text from this file; - is standard input
    #[arg(long, value_name = "FILE")]
    pub message_file: Option<PathBuf>,
    /// Begin with this template
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// Attach a file
    #[arg(long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// Show what would be sent and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Answer to this address, where the mail asks for another than its sender's
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// Put it into the outbox only; the next poll sends it
    #[arg(long)]
    pub later: bool,
    /// Send without encryption: the words `send ADDRESS in the clear`, with the reporter's address
    #[arg(long, value_name = "WORDS")]
    pub plaintext: Option<String>,
}
