//! The real program, killed and starved at every call: nothing is lost, nothing is there twice, no reply goes out twice.
//!
//! `SEALPOST_SOAK` makes it long; `SEALPOST_SEED` chooses where the samples of a short run lie.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod faults;
mod jobs;
mod kills;
mod overlap;
mod power;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use jobs::{Job, Ready};

/// A number that says where samples lie; told when something fails.
fn seed() -> u64 {
    std::env::var("SEALPOST_SEED").map_or(1, |n| n.parse().expect("SEALPOST_SEED is a whole number"))
}

/// `wanted` of the numbers from 1 to `all`, evenly spaced; all of them where there are no more.
fn spread(all: u64, wanted: u64) -> Vec<u64> {
    if wanted >= all {
        return (1..=all).collect();
    }
    let shift = seed().wrapping_mul(2_654_435_761) % (all / wanted);
    (0..wanted).map(|i| 1 + shift + i * (all - 1 - shift) / wanted).collect()
}

/// Numbers without a pattern that matters (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Does `work` for each case on the job's bench; a failure names the case.
fn each<C: std::fmt::Debug>(ready: &Ready, cases: &[C], mut work: impl FnMut(&Ready, &C)) {
    for case in cases {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(ready, case))) {
            eprintln!("the case: {} {case:?}, seed {}", ready.job.name(), seed());
            std::panic::resume_unwind(panic);
        }
    }
}

/// Every place of `point::ALL` is in the source once, and nothing else is.
#[test]
fn every_named_place_is_in_the_source() {
    let mut found = Vec::new();
    let mut folders = vec![bench::project("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let names =
                    text.split("point::reach(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
                found.extend(names);
            }
        }
    }
    found.sort();
    let mut listed: Vec<String> = sealpost::point::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(found, listed);
    let _ = Job::ALL;
}
