//! The ledger as a whole: what is stored stays, what is changed is found, what dies leaves nothing half done.

mod backup;
mod crash;
mod filing;
mod outbox;
mod private;
mod sample;
mod speed;
mod storing;
mod tamper;
mod versions;

#[path = "../support/mod.rs"]
mod support;
