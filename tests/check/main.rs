//! `sealpost check`: each thing it warns of is provoked for real.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../main_job/bench.rs"]
#[allow(dead_code)]
mod bench;
#[path = "../support/mod.rs"]
mod support;

mod desk;
mod keys;
mod modes;
mod published;
mod servers;
