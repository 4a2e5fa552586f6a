//! Replies: drafted, sealed, refused, read by other programs; and the certificates they are sealed to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "seal/answers.rs"]
mod answers;
#[path = "seal/certs.rs"]
mod certs;
#[path = "seal/clear.rs"]
mod clear;
#[path = "seal/help.rs"]
mod help;
#[path = "seal/letters.rs"]
mod letters;
#[path = "seal/programs.rs"]
mod programs;
#[path = "seal/refusals.rs"]
mod refusals;
#[path = "seal/wire.rs"]
mod wire;
