//! A process of its own for what strangers sent: it reads and opens mail, and holds no secret key.
//!
//! ```text
//! sealpost ── the mail, our certificates ──► the worker: no files, no network, no programs, bounded memory and time
//!          ◄── "what does this unwrap to?" ── (one PKESK, one of our keys)
//!          ── a session key, or none ───────►
//!          ◄── what the mail holds ────────── checked again, because the mail may have taken the worker over
//! ```
//!
//! [`Reader`] is the parent's end, [`serve`] the worker's. A mail that ends the worker, keeps it longer than it may, or makes it
//! talk nonsense is set aside with the reason; the next mail gets a fresh worker. `docs/decisions/0011-worker.md` tells why and
//! what this does not protect.

mod answer;
mod child;
mod frame;
mod limits;
mod process;
mod protocol;
mod reader;
mod sandbox;

pub use child::serve;
pub use limits::Limits;
pub use process::{Death, StartError};
pub use protocol::{Landlock, Probe, Sandbox, Trial};
pub use reader::{PartError, Reader};

/// The hidden argument that makes the program a worker.
pub const ARGUMENT: &str = "--worker";
