//! sealpost: the encrypted report mailbox.

pub mod case;
pub mod clock;
pub mod ledger;
pub mod message;
pub mod pgp;
pub mod report;
pub mod safe;
pub mod secret;
pub mod verdict;
// wire, config, error, cli, commands and output join here.
