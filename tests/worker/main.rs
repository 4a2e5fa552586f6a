//! The process that reads mail, attacked: by mail that uses up what it may have, by people who kill and stop it, and by programs
//! that take its place and lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod cell;
mod kills;
mod liars;
mod make;
mod polls;
mod secrets;
