//! `sealpost key …`

use std::path::PathBuf;

use clap::Subcommand;

/// Keys and certificates.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Our keys, and the certificates seen for each address
    #[command(after_help = "Example:\n  sealpost key list")]
    List,
    /// Make a team key: Curve25519, readable by every GnuPG since 2.1
    #[command(after_help = "Example:\n  sealpost key generate team.pgp --name 'Example security team'")]
    Generate {
        /// The file to write; it must not exist
        file: PathBuf,
        /// A name beside the address
        #[arg(long)]
        name: Option<String>,
        /// Protect it with the passphrase that this command prints
        #[arg(long, value_name = "COMMAND")]
        passphrase_command: Option<String>,
        /// Leave it without a passphrase
        #[arg(long, conflicts_with = "passphrase_command")]
        no_passphrase: bool,
        /// Years until it expires
        #[arg(long, default_value_t = 3, value_name = "YEARS", value_parser = clap::value_parser!(u8).range(1..=20))]
        years: u8,
    },
    /// Keep a certificate as a candidate
    #[command(after_help = "Example:\n  sealpost key import finder.asc")]
    Import {
        /// A file with certificates
        file: PathBuf,
    },
    /// Print our public certificate, or one that is kept
    #[command(after_help = "Example:\n  sealpost key export > team.asc")]
    Export {
        /// Fingerprint or address [default: ours]
        which: Option<String>,
    },
    /// Confirm that a certificate belongs to an address
    #[command(after_help = "\
Compare the fingerprint with its owner over another channel first.

Example:
  sealpost key pin finder@example.net 0123456789ABCDEF0123456789ABCDEF01234567")]
    Pin {
        /// The address
        address: String,
        /// The whole fingerprint
        fingerprint: String,
    },
    /// Look at our keys: expiry of the key and of its encryption subkey, protection, reach
    #[command(after_help = "Example:\n  sealpost key check")]
    Check,
}
