//! `sealpost init`

use std::path::PathBuf;

/// Without answers on the command line it asks for them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sealpost init
  sealpost init --address security@example.org --imap imap.example.org \\
      --password-command 'pass show mail/security' --new-key")]
pub struct Args {
    /// The mailbox's own address
    #[arg(long)]
    pub address: Option<String>,
    /// Host of the IMAP server
    #[arg(long, value_name = "HOST", conflicts_with = "maildir")]
    pub imap: Option<String>,
    /// Port of the IMAP server
    #[arg(long, value_name = "PORT", requires = "imap")]
    pub imap_port: Option<u16>,
    /// A Maildir that another program fills, instead of IMAP
    #[arg(long, value_name = "FOLDER")]
    pub maildir: Option<PathBuf>,
    /// Host of the SMTP server
    #[arg(long, value_name = "HOST")]
    pub smtp: Option<String>,
    /// Port of the SMTP server
    #[arg(long, value_name = "PORT", requires = "smtp")]
    pub smtp_port: Option<u16>,
    /// Login name, where it is not the address
    #[arg(long)]
    pub user: Option<String>,
    /// A command that prints the password of both servers
    #[arg(long, value_name = "COMMAND")]
    pub password_command: Option<String>,
    /// An extra trust root for the servers, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The published policy
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Make a team key
    #[arg(long, conflicts_with = "key")]
    pub new_key: bool,
    /// Use this team key (a file with the secret key)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A command that prints the passphrase of the team key
    #[arg(long, value_name = "COMMAND")]
    pub passphrase_command: Option<String>,
}
