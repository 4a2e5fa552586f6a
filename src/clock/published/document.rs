//! A document with everything the grammar asks of it: blocks, tokens, phrases, sentences.

use super::Format;
use super::blocks::{self, Block, Form};
use super::lexicon::{self, Found, Languages};
use super::sense::{Meaning, Senses};
use super::text::{self, Token};
use std::ops::Range;

/// A block read: its tokens, what they say, its sentences.
pub(super) struct Words {
    /// The tokens.
    pub(super) tokens: Vec<Token>,
    /// The phrases of the vocabulary among them, in order.
    pub(super) found: Vec<Found>,
    /// Sentences: ranges of token indexes.
    pub(super) sentences: Vec<Range<usize>>,
    /// The senses of the whole block.
    pub(super) senses: Senses,
}

/// A document.
pub(super) struct Document<'a> {
    /// The file's text.
    pub(super) source: &'a str,
    /// Its blocks.
    pub(super) blocks: Vec<Block>,
    /// Their words, one for one.
    pub(super) words: Vec<Words>,
    /// The languages it was read in.
    pub(super) languages: Languages,
    lines: Vec<usize>,
}

impl<'a> Document<'a> {
    /// Read a text.
    pub(super) fn new(source: &'a str, format: Format) -> Document<'a> {
        let blocks = blocks::blocks(source, format);
        let languages = Languages::of(source);
        let words = blocks.iter().map(|b| Words::new(&b.prose.text, &languages)).collect();
        let lines = source.match_indices('\n').map(|(at, _)| at).collect();
        Document { source, blocks, words, languages, lines }
    }

    /// The line of an offset in the source, from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|&l| l < offset) + 1).unwrap_or(u32::MAX)
    }

    /// The source of some tokens of a block.
    pub(super) fn span(&self, block: usize, tokens: &Range<usize>) -> Range<usize> {
        let (Some(b), Some(w)) = (self.blocks.get(block), self.words.get(block)) else { return 0..0 };
        let start = w.tokens.get(tokens.start).map_or(0, |t| t.range.start);
        let end = tokens.end.checked_sub(1).and_then(|e| w.tokens.get(e)).map_or(start, |t| t.range.end);
        b.prose.span(&(start..end))
    }

    /// A span with the emphasis marks that touch it.
    pub(super) fn emphasised(&self, span: Range<usize>) -> Range<usize> {
        let mark = |c: &u8| matches!(c, b'*' | b'_' | b'`');
        let before = self.source.as_bytes().get(..span.start).unwrap_or_default();
        let after = self.source.as_bytes().get(span.end..).unwrap_or_default();
        let left = before.iter().rev().take(3).take_while(|c| mark(c)).count();
        let right = after.iter().take(3).take_while(|c| mark(c)).count();
        span.start - left..span.end + right
    }

    /// What stands in the file there, white space folded.
    pub(super) fn quote(&self, span: &Range<usize>) -> String {
        let (mut start, mut end) = (span.start.min(self.source.len()), span.end.min(self.source.len()));
        while !self.source.is_char_boundary(start) {
            start -= 1;
        }
        while !self.source.is_char_boundary(end) {
            end += 1;
        }
        text::folded(self.source.get(start..end).unwrap_or_default())
    }

    /// The senses of a block, when there is one.
    pub(super) fn senses(&self, block: Option<usize>) -> Senses {
        block.and_then(|b| self.words.get(b)).map(|w| w.senses).unwrap_or_default()
    }

    /// The cell after a row's first one.
    pub(super) fn beside(&self, block: usize) -> Option<usize> {
        let place = self.blocks.get(block)?.place.filter(|p| p.column == 0 && p.row > 0)?;
        let there = self.blocks.get(block + 1)?.place?;
        ((there.table, there.row) == (place.table, place.row)).then_some(block + 1)
    }

    /// The senses of the headings over a block, the innermost first; at most six.
    pub(super) fn headings(&self, block: usize) -> impl Iterator<Item = Senses> {
        let above = |b: usize| self.blocks.get(b).and_then(|b| b.heading);
        std::iter::successors(above(block), move |&b| above(b)).take(6).map(|b| self.senses(Some(b)))
    }

    /// The senses of what stands in lists after a block, up to the next paragraph or heading; and of how many blocks.
    pub(super) fn following_list(&self, block: usize) -> Senses {
        let rest = self.blocks.iter().enumerate().skip(block + 1).take(40);
        rest.take_while(|(_, b)| b.form == Form::Item).fold(Senses::default(), |s, (i, _)| s.with(self.senses(Some(i))))
    }
}

impl Words {
    fn new(text: &str, languages: &Languages) -> Words {
        let tokens = text::tokens(text);
        let found = lexicon::find(languages, &tokens);
        let sentences = text::sentences(text, &tokens);
        let senses = lexicon::senses(&found);
        Words { tokens, found, sentences, senses }
    }

    /// The phrases found within some tokens.
    pub(super) fn within(&self, range: &Range<usize>) -> impl Iterator<Item = &Found> {
        let first = self.found.partition_point(|f| f.tokens.start < range.start);
        let end = range.end;
        self.found.get(first..).unwrap_or_default().iter().take_while(move |f| f.tokens.start < end)
    }

    /// The senses of some tokens.
    pub(super) fn said(&self, range: &Range<usize>) -> Senses {
        let senses = self.within(range).filter_map(|f| match f.meaning {
            Meaning::Sense(s) if s != super::sense::Sense::Noise => Some(s),
            _ => None,
        });
        senses.collect()
    }

    /// The severities named among some tokens, with their places; `graded` where the block's place (a cell, a label)
    /// makes of "high" a severity.
    pub(super) fn severities(&self, range: &Range<usize>, graded: bool) -> Vec<(usize, usize, &'static str)> {
        let mut all: Vec<(usize, usize, &'static str)> = Vec::new();
        let graded = graded
            || self.within(range).any(|f| match f.meaning {
                Meaning::Severity(_, false) => self.graded(&(f.tokens.start.saturating_sub(4)..f.tokens.end + 5)),
                _ => false,
            });
        for f in self.within(range) {
            let Meaning::Severity(name, alone) = f.meaning else { continue };
            // "High-quality" grades nothing.
            let compound = self.tokens.get(f.tokens.end).is_some_and(|t| t.norm == "-" && !t.spaced);
            if !alone
                && compound
                && self.tokens.get(f.tokens.end + 1).is_some_and(|t| !t.spaced && !GRADED.contains(&t.norm.as_str()))
            {
                continue;
            }
            let near = f.tokens.start.saturating_sub(4)..f.tokens.end + 5;
            if (alone || graded || self.graded(&near)) && all.last().is_none_or(|l| l.1 <= f.tokens.start) {
                all.push((f.tokens.start, f.tokens.end, name));
            }
        }
        all
    }

    fn graded(&self, range: &Range<usize>) -> bool {
        self.within(range).any(|f| f.meaning == Meaning::Sense(super::sense::Sense::Graded))
            || self.within(range).filter(|f| matches!(f.meaning, Meaning::Severity(..))).count() > 1
            || self.tokens.get(range.clone()).unwrap_or_default().iter().any(|t| GRADED.contains(&t.norm.as_str()))
    }
}

/// Words that grade even where they carry another sense ("vulnerabilities" is also what is spoken of).
const GRADED: [&str; 8] =
    ["severity", "priority", "risk", "issues", "vulnerabilities", "vulnerability", "bugs", "findings"];
