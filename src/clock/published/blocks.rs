//! A document as blocks of prose, each knowing what stands over it: headings, the line that introduces its list, the
//! headers of its table. One model for every markup; `build` makes it, and a file for each markup drives `build`.

mod asciidoc;
mod build;
mod html;
mod lines;
mod markdown;
mod rst;

use super::Format;
use super::text::Prose;
use std::ops::Range;

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A heading.
    Heading,
    /// A paragraph.
    Paragraph,
    /// An item of a list, or a paragraph in one.
    Item,
    /// A cell of a table.
    Cell,
    /// Code, when it holds prose.
    Code,
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which table of the document.
    pub(super) table: usize,
    /// Row, from 0: the headers.
    pub(super) row: usize,
    /// Column, from 0.
    pub(super) column: usize,
    /// The block of the column's header.
    pub(super) header: Option<usize>,
    /// The block of the row's first cell.
    pub(super) first: Option<usize>,
}

/// A link and what it says.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Where its words stand in the prose.
    pub(super) text: Range<usize>,
    /// Where it leads.
    pub(super) target: String,
}

/// One block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// What it is.
    pub(super) form: Form,
    /// Its words.
    pub(super) prose: Prose,
    /// The block of the nearest heading above, and for a heading the one it stands under.
    pub(super) heading: Option<usize>,
    /// The block that introduces the list it is in: the paragraph before, or the item it is nested in.
    pub(super) lead: Option<usize>,
    /// Where in a table.
    pub(super) place: Option<Place>,
    /// How deep a heading is, 1 to 6; 0 for the rest.
    pub(super) level: u8,
    /// The links in it.
    pub(super) links: Vec<Link>,
}

/// The most blocks a document may have; what comes after is not read.
pub(super) const MOST_BLOCKS: usize = 40_000;

/// Cut a document into blocks.
pub(super) fn blocks(text: &str, format: Format) -> Vec<Block> {
    match format {
        Format::Markdown => markdown::blocks(text),
        Format::ReStructuredText => rst::blocks(text),
        Format::AsciiDoc => asciidoc::blocks(text),
        Format::Html => html::blocks(text),
    }
}
