//! Hostile and broken servers against the program as people run it: a process, its exit status, what it prints, how much memory it
//! takes, and what the ledger holds afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attacks;
mod certificates;
mod cuts;
mod dates;
mod outbox;
mod place;
mod scripts;
#[path = "../support/mod.rs"]
mod support;
mod thousands;
