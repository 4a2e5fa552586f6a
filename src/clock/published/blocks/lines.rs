//! Lines with their place in the source, and running text made of several of them.

use super::build::Builder;
use std::ops::Range;

/// A line without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Where it begins in the source.
    pub(super) at: usize,
    /// Its text, without white space at its end.
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    /// How many blanks it begins with; a tab counts as eight.
    pub(super) fn indent(self) -> usize {
        self.text
            .chars()
            .map_while(|c| match c {
                ' ' => Some(1),
                '\t' => Some(8),
                _ => None,
            })
            .sum()
    }

    /// Whether nothing stands in it.
    pub(super) fn is_blank(self) -> bool {
        self.text.is_empty()
    }

    /// The line from a byte of its text on, without the blanks there.
    pub(super) fn from(self, byte: usize) -> Line<'a> {
        let rest = self.text.get(byte..).unwrap_or_default();
        let text = rest.trim_start();
        Line { at: self.at + byte.min(self.text.len()) + (rest.len() - text.len()), text }
    }

    /// The line without the blanks it begins with.
    pub(super) fn trimmed(self) -> Line<'a> {
        self.from(0)
    }

    /// Some bytes of it.
    pub(super) fn part(self, range: Range<usize>) -> Line<'a> {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let inner = text.trim_start();
        Line { at: self.at + range.start + (text.len() - inner.len()), text: inner.trim_end() }
    }
}

/// The lines of a text.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    let mut all = Vec::new();
    for line in text.split_inclusive('\n') {
        all.push(Line { at, text: line.trim_end() });
        at += line.len();
    }
    all
}

/// Lines joined to running text, each byte of which knows its place in the source.
pub(super) struct Flow {
    /// The text, lines joined by a blank or, after a hard break, by a line end.
    pub(super) text: String,
    /// (offset in the text, offset in the source), ascending.
    pieces: Vec<(usize, usize)>,
}

impl Flow {
    /// Join lines without their indentation. `hard` says of a line whether it ends in a break, and what of it is text.
    pub(super) fn new(lines: &[Line<'_>], hard: fn(&str) -> Option<&str>) -> Flow {
        let mut flow = Flow { text: String::new(), pieces: Vec::new() };
        let mut join = None;
        for line in lines.iter().map(|l| l.trimmed()).filter(|l| !l.is_blank()) {
            flow.text.extend(join);
            let broken = hard(line.text);
            let cut = broken.filter(|b| line.text.ends_with(b)).map_or(0, |b| line.text.len() - b.len());
            flow.pieces.push((flow.text.len(), line.at + cut));
            flow.text.push_str(broken.unwrap_or(line.text));
            join = Some(if broken.is_some() { '\n' } else { ' ' });
        }
        flow
    }

    /// Give a range of the text to the builder, with its source.
    pub(super) fn give(&self, range: Range<usize>, build: &mut Builder) {
        let mut at = range.start;
        while at < range.end {
            let next = self.pieces.partition_point(|p| p.0 <= at);
            let end = self.pieces.get(next).map_or(range.end, |p| p.0.min(range.end));
            let source = self.source(at);
            build.words(self.text.get(at..end).unwrap_or_default(), source..source + (end - at));
            at = end.max(at + 1);
        }
    }

    /// Where in the source a byte of the text stands.
    pub(super) fn source(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|p| p.0 <= at);
        next.checked_sub(1).and_then(|i| self.pieces.get(i)).map_or(0, |p| p.1 + (at - p.0))
    }
}

/// At most so many bytes of a text.
pub(super) fn start_of(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
