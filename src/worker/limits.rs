//! What one mail may cost.

use serde::{Deserialize, Serialize};

/// The limits of a worker. The parent chooses them and tells the worker first of all.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of computing for one mail.
    pub cpu_s: u64,
    /// Milliseconds on the wall clock for one mail; while a person is asked for a PIN they do not count.
    pub wall_ms: u64,
    /// Session keys that it may ask for in one mail.
    pub questions: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { memory: 1 << 30, cpu_s: 10, wall_ms: 30_000, questions: 1_000 }
    }
}
