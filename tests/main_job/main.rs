//! The main job over real parts: mail made by GnuPG and sq, Dovecot, Exim, replies read by GnuPG. Nothing is mocked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod bench;
mod leaks;
mod memory;
mod polls;
mod reporters;
