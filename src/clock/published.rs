//! A SECURITY.md → `ResponsePolicy`: every promise with the sentence it comes from, and a reason for every number met.
//!
//! The way through the modules is one way:
//!
//! ```text
//! bytes → input → blocks (by format) → text (tokens, sentences) → lexicon (senses) → duration
//!       → clause (who does what) → judge (which promise, or why none) → choose (one target each)
//! ```
//!
//! `words` is the vocabulary, per language, as data; `sense` is what the grammar knows of a word. `contact`,
//! `fingerprint`, `field` and `version` read the rest. The grammar errs on the side of silence: a number that is not
//! understood sets no clock, and [`Decision`]s say so.
//!
//! Work is bounded: a document has at most [`input::LARGEST`] bytes, a sentence at most 300 tokens, and what stands
//! over a block is looked at as a set, never read again.

mod blocks;
mod choose;
mod clause;
mod contact;
mod document;
mod duration;
mod field;
mod fingerprint;
mod format;
mod input;
mod judge;
mod lexicon;
mod markup;
mod sense;
mod text;
mod version;
pub mod whereabouts;
mod words;

pub use format::Format;
pub use input::{InputError, LARGEST};

use super::policy::ResponsePolicy;

/// A policy read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// What the document commits to.
    pub policy: ResponsePolicy,
    /// Every number met, in the order of the document, and what was made of it.
    pub decisions: Vec<Decision>,
    /// The languages it was read in, as ISO 639-1 names.
    pub languages: Vec<&'static str>,
}

/// What was made of a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The line it stands on, from 1.
    pub line: u32,
    /// The words around it, as they stand in the file (white space folded, long ones cut).
    pub quote: String,
    /// The number as understood: "2 working days"; or as written where it counts no time.
    pub number: String,
    /// What it was taken for: the JSON name of a commitment; `None` when for nothing.
    pub taken_for: Option<&'static str>,
    /// Why, or why not.
    pub why: String,
}

/// Read a policy's text, in the markup it seems to be written in.
pub fn read(text: &str) -> Reading {
    read_as(text, Format::of("", text))
}

/// Read a policy's text in a markup.
pub fn read_as(text: &str, format: Format) -> Reading {
    let document = document::Document::new(text, format);
    let (mut policy, decisions) = choose::commitments(&document);
    policy.contacts = contact::contacts(&document);
    policy.pgp_fingerprints = fingerprint::fingerprints(&document);
    policy.required_report_fields = field::required(&document);
    policy.supported_versions = version::supported(&document);
    let languages = document.languages.names();
    Reading { policy, decisions, languages }
}

/// Read a policy's bytes, whatever text they hold (UTF-8, with or without a mark; UTF-16; else Latin-1). The ending of
/// its file's name tells the markup, and where it does not, the text does.
///
/// # Errors
///
/// When it is larger than [`LARGEST`], not text, or empty.
pub fn read_file(name: &str, bytes: &[u8]) -> Result<Reading, InputError> {
    let text = input::text(bytes)?;
    Ok(read_as(&text, Format::of(name, &text)))
}

/// Read a policy's bytes without the name of a file.
///
/// # Errors
///
/// As [`read_file`].
pub fn read_bytes(bytes: &[u8]) -> Result<Reading, InputError> {
    read_file("", bytes)
}
