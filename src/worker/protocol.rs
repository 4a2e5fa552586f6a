//! What parent and worker say to each other. Every frame is a byte that tells the kind, four bytes for the length, and fields,
//! each with four bytes for its length.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pgp::open::Context;

/// To the worker: the limits. It shuts itself in and greets.
pub const START: u8 = b'S';
/// To the worker: fingerprints whose secrets are at hand, our certificates, other certificates, and the password to try on a
/// mail that is encrypted with one (empty where there is none: it is no key of ours).
pub const KEYS: u8 = b'K';
/// To the worker: a context and a mail, to be opened.
pub const OPEN: u8 = b'O';
/// To the worker: a context, a mail and the path of a part.
pub const PART: u8 = b'P';
/// To the worker: the beginning of a mail, of which only the header is to be read, and why.
pub const HEADER: u8 = b'H';
/// To the worker: try what is forbidden.
pub const TRY: u8 = b'T';
/// To the worker: the answer to [`ASK`].
pub const SECRET: u8 = b's';

/// From the worker: what its cell is made of.
pub const GREETING: u8 = b'g';
/// From the worker: what does this PKESK unwrap to?
pub const ASK: u8 = b'a';
/// From the worker: what the mail holds, without its text, and the text.
pub const OPENED: u8 = b'o';
/// From the worker: the part, or no field where there is none.
pub const CONTENT: u8 = b'c';
/// From the worker: what came of the trials.
pub const TRIED: u8 = b't';
/// From the worker: a defect in the program, and its place in the source.
pub const DEFECT: u8 = b'd';

/// The longest frame from the worker: 20 MiB of decrypted text may stand thrice in a mail.
pub const MAX_ANSWER: usize = 96 << 20;
/// The longest frame to the worker.
pub const MAX_TASK: usize = 256 << 20;

/// What opening needs besides mail and keys.
#[derive(Serialize, Deserialize)]
pub struct Task {
    now: Timestamp,
    received_at: Option<Timestamp>,
    own_addresses: Vec<String>,
}

impl From<&Context> for Task {
    fn from(context: &Context) -> Task {
        let Context { now, received_at, own_addresses } = context.clone();
        Task { now, received_at, own_addresses }
    }
}

impl From<Task> for Context {
    fn from(task: Task) -> Context {
        Context { now: task.now, received_at: task.received_at, own_addresses: task.own_addresses }
    }
}

/// How much of Landlock the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landlock {
    /// All that is asked for.
    Full,
    /// Files, but not all of the rest.
    Partial,
    /// Nothing.
    None,
}

/// What the worker's cell is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// The kernel refuses files and network by rule.
    pub landlock: Landlock,
    /// The kernel refuses all system calls but a few.
    pub seccomp: bool,
    /// Memory, computing time, files and processes are bounded.
    pub limits: bool,
}

/// One thing that must be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// `files`, `network`, `programs` or `signals`.
    pub what: String,
    /// The words of the refusal; `None` where it was not refused.
    pub refused: Option<String>,
}

/// A worker that tried what is forbidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What its cell is made of.
    pub sandbox: Sandbox,
    /// What came of each trial.
    pub trials: Vec<Trial>,
}
