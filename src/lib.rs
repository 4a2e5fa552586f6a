//! sealpost: the encrypted report mailbox.

pub mod case;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod error;
pub mod ledger;
pub mod message;
pub mod output;
pub mod pgp;
pub mod point;
pub mod reply;
pub mod report;
pub mod safe;
pub mod secret;
pub mod verdict;
pub mod wire;
