//! What a walk finds: bytes, parts in the order of reading, and what lies over them.

use super::super::decrypt::{REFUSED, Sealing};
use crate::message::tree::Tree;
use crate::secret::Plaintext;

/// Bytes that parts point into.
pub enum Source<'a> {
    /// The mail as it came.
    Raw(&'a [u8]),
    /// What a decryption gave.
    Opened(Plaintext),
}

/// A run of bytes and its parts.
pub struct Unit<'a> {
    /// The bytes.
    pub source: Source<'a>,
    /// Its parts.
    pub tree: Tree,
}

impl Unit<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.source {
            Source::Raw(bytes) => bytes,
            Source::Opened(plaintext) => plaintext.expose(),
        }
    }
}

/// What lies over a piece of content.
#[derive(Clone, Debug, Default)]
pub struct Cover {
    /// The seal it was in.
    pub seal: Option<usize>,
    /// The signature groups that cover it.
    pub groups: Vec<usize>,
}

/// The part whose header fields may be protected ones.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Which unit.
    pub unit: usize,
    /// Which part.
    pub part: usize,
    /// What lies over it.
    pub cover: Cover,
    /// Nothing but cryptography is around it. Otherwise a list or a gateway put text beside it.
    pub whole: bool,
}

impl Payload {
    /// True where some layer lies over it.
    pub fn sealed(&self) -> bool {
        self.cover.seal.is_some() || !self.cover.groups.is_empty()
    }
}

/// How a sealed layer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was opened.
    Opened,
    /// No key here opens it.
    Unopened(String),
    /// It must not be trusted.
    Refused,
}

/// One encrypted layer.
pub struct Seal {
    /// How it ended.
    pub outcome: Outcome,
    /// What it said of itself.
    pub sealing: Sealing,
    /// Of the payload.
    pub payload_sha256: Option<String>,
}

/// A piece of a part: text before, in and after armor differ in what lies over them.
pub struct Piece {
    /// Readable text; `None` for a file.
    pub text: Option<String>,
    /// What lies over it.
    pub cover: Cover,
}

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Text to read.
    Body,
    /// A file.
    File,
    /// Ciphertext that stayed closed: a file that is not content.
    Ciphertext,
    /// A line of ours about what follows.
    Heading,
}

/// A part in the order of reading.
pub struct Leaf {
    /// Which unit.
    pub unit: usize,
    /// Which part of it.
    pub part: usize,
    /// Position in the opened mail.
    pub path: String,
    /// What it is for.
    pub role: Role,
    /// It is shown in the text, rather than kept apart.
    pub shown: bool,
    /// Another form of what is shown.
    pub duplicate: bool,
    /// Armor in its text was opened: its content is the text of its pieces.
    pub inline: bool,
    /// Its pieces; never empty.
    pub pieces: Vec<Piece>,
}

/// The reason to give for a seal that stayed closed.
pub fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Opened => None,
        Outcome::Unopened(reason) => Some(reason.clone()),
        Outcome::Refused => Some(REFUSED.into()),
    }
}
