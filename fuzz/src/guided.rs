//! The same targets under libFuzzer, which keeps what reaches new code; `fuzz/run` builds and starts it.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sealpost_fuzz::{Target, named, one};

fn target() -> Target {
    static TARGET: OnceLock<Target> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("SEALPOST_FUZZ").unwrap_or_default();
        named(&name).unwrap_or_else(|| panic!("SEALPOST_FUZZ={name:?} names no target"))
    })
}

fuzz_target!(|input: &[u8]| one(target(), input));
