//! sealpost: the encrypted report mailbox.

pub mod case;
pub mod clock;
pub mod message;
pub mod pgp;
pub mod reply;
pub mod report;
pub mod safe;
pub mod secret;
pub mod verdict;
// wire, ledger, config, error, cli, commands and output join here.
