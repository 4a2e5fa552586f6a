//! sealpost: the encrypted report mailbox.
//!
//! # The way of a mail
//!
//! ```text
//! wire → message → verdict → report → case → clock → reply
//! ```
//!
//! `commands::poll` asks [`wire`] for what is new and has the [`ledger`] make the raw mail durable before anything looks into
//! it. Then [`message`] takes the mail apart, [`pgp::open`] opens and verifies what it finds, and both end in one
//! [`verdict`] inside one [`report::Opened`]. [`case::filing`] decides where the mail belongs; what was decided is appended to the
//! ledger as events. Nothing else is remembered: a report, its case and its clocks are what their events add up to
//! ([`case::fold`], [`mod@clock`]), computed anew for each question. An answer is drafted by [`reply`], sealed by [`pgp::seal`], and
//! handed over by [`wire::outbox`].
//!
//! # Layers
//!
//! - **The core** ([`message`], [`verdict`], [`report`], [`case`], [`mod@clock`], [`reply`]): values and pure functions. No file, no
//!   socket, no SQL, no OpenPGP library, no wall clock; each file imports only those above it.
//! - **The edges** ([`wire`], [`pgp`], [`ledger`]): one outside library each. They do not know each other, but that the outbox
//!   takes what [`pgp::seal`] made.
//! - **The worker** ([`worker`]): the process that reads mail. It may use [`pgp`] and the core, and meets no server and no ledger; the
//!   secret keys stay with its parent, who answers for one message at a time.
//! - **The leaves** ([`secret`], [`safe`], [`point`]): import nothing of ours.
//! - **The shell** ([`cli`], [`commands`], [`output`], [`config`], [`error`]): arguments, glue, words. A command is three files of
//!   one name.
//!
//! `tests/tidy.rs` keeps this so.
//!
//! # What never happens
//!
//! - A mail is never looked into before it is durable, and never dropped, whatever is found in it.
//! - Not a byte of a decryption is shown before its integrity is proved, and no reason tells an attacker how it failed.
//! - No status is claimed that the cryptography does not prove; what came with a mail proves nothing about it.
//! - No function sends a reply that is not [`pgp::seal::Sealed`], and nothing that was handed to a server in doubt is sent again.
//! - Nothing reads the time but `main.rs`: now is an argument.
//! - No event is changed or removed; the ledger only grows.
//! - Nothing a stranger wrote reaches a terminal, a path or a page but through [`safe`].
//! - The process that reads strangers' mail holds no secret key of ours and opens no file.
//! - A secret has no `Display`, no `Serialize`, and is wiped when it goes.

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
pub mod worker;
