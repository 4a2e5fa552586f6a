//! sealpost: the encrypted report mailbox.

pub mod case;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod message;
pub mod output;
pub mod pgp;
pub mod report;
pub mod safe;
pub mod secret;
pub mod verdict;
// wire, ledger, config and error join here.
