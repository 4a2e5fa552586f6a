//! The vocabulary: which phrases carry which meaning, per language. Data only; the grammar is in `clause`.
//!
//! Phrases are separated by `|`; a trailing `*` stands for any ending. They are cut into tokens as documents are, so
//! that the same lists serve languages with and without spaces. The longest phrase at a place wins.

mod asian;
mod english;
mod european;
mod russian;

use super::sense::Sense;
use crate::clock::policy::Unit;

/// The words of one language.
pub(super) struct Vocabulary {
    /// Its name in ISO 639-1.
    pub(super) language: &'static str,
    /// Words so common that they tell the language. Empty: always used.
    pub(super) common: &'static str,
    /// Phrases by sense.
    pub(super) senses: &'static [(Sense, &'static str)],
    /// Units of time.
    pub(super) units: &'static [(Unit, &'static str)],
    /// Rhythms in one word.
    pub(super) rhythms: &'static [(u32, Unit, &'static str)],
    /// Numbers spelled out.
    pub(super) numbers: &'static [(u32, &'static str)],
    /// Severities: plain name, whether the word alone is enough, phrases.
    pub(super) severities: &'static [(&'static str, bool, &'static str)],
}

/// Every language the reader knows; English first.
pub(super) fn all() -> impl Iterator<Item = &'static Vocabulary> {
    [&english::ENGLISH, &russian::RUSSIAN].into_iter().chain(european::ALL.iter()).chain(asian::ALL.iter())
}
