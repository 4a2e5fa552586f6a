//! A document as blocks of prose, each knowing what stands over it: headings, the line that introduces its list, the
//! headers of its table.

use super::text::Prose;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
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
const MOST_BLOCKS: usize = 40_000;

/// Cut a document into blocks.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH;
    let mut builder = Builder { source: text, ..Builder::default() };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        if builder.blocks.len() >= MOST_BLOCKS {
            break;
        }
        builder.event(event, range);
    }
    builder.close();
    builder.blocks
}

#[derive(Default)]
struct Builder<'a> {
    source: &'a str,
    blocks: Vec<Block>,
    open: Option<Block>,
    headings: Vec<(u8, usize)>,
    lists: Vec<Option<usize>>,
    items: Vec<Option<usize>>,
    tables: usize,
    table: Option<Table>,
    link: Option<(usize, String)>,
    skipped: usize,
    code: bool,
    markup: Option<Range<usize>>,
}

#[derive(Default)]
struct Table {
    headers: Vec<usize>,
    row: usize,
    column: usize,
    first: Option<usize>,
    lead: Option<usize>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if !matches!(event, Event::Html(_) | Event::End(TagEnd::HtmlBlock)) {
            self.flush_markup();
        }
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(t) | Event::Code(t) if self.skipped == 0 => self.words(&t, range),
            Event::SoftBreak => self.words(" ", range),
            Event::HardBreak => self.words("\n", range),
            Event::Html(_) => match &mut self.markup {
                Some(held) => held.end = range.end,
                None => self.markup = Some(range),
            },
            Event::InlineHtml(html) if is_link(&html) => {
                self.close_link();
                let at = self.open.as_ref().map_or(0, |b| b.prose.text.len());
                self.link = super::markup::link(&html).map(|target| (at, target));
            }
            Event::InlineHtml(html) if html.to_ascii_lowercase().starts_with("<br") => self.words("\n", range),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.open(Form::Heading);
                if let Some(block) = &mut self.open {
                    block.level = depth(level);
                }
            }
            Tag::Paragraph => self.open(if self.items.is_empty() { Form::Paragraph } else { Form::Item }),
            Tag::List(_) => {
                self.close();
                let lead = self.items.last().copied().flatten().or_else(|| self.paragraph_before());
                self.lists.push(lead);
            }
            Tag::Item => {
                self.close();
                self.items.push(None);
            }
            Tag::CodeBlock(kind) => {
                self.open(Form::Code);
                self.code = true;
                if matches!(&kind, CodeBlockKind::Fenced(info) if !prose_fence(info)) {
                    self.skipped += 1;
                }
            }
            Tag::Table(_) => {
                self.close();
                self.tables += 1;
                self.table = Some(Table { lead: self.paragraph_before(), ..Table::default() });
            }
            Tag::TableRow | Tag::TableHead => {
                if let Some(table) = &mut self.table {
                    (table.column, table.first) = (0, None);
                }
            }
            Tag::TableCell => self.open_cell(),
            Tag::Link { dest_url, .. } => {
                let at = self.open.as_ref().map_or(0, |b| b.prose.text.len());
                self.link = Some((at, dest_url.into_string()));
            }
            Tag::Image { .. } | Tag::MetadataBlock(_) => self.skipped += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph => self.close(),
            TagEnd::List(_) => {
                self.close();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.close();
                self.items.pop();
            }
            TagEnd::CodeBlock => {
                self.close();
                (self.code, self.skipped) = (false, 0);
            }
            TagEnd::TableCell => {
                self.close_cell();
            }
            TagEnd::TableRow | TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.row += 1;
                }
            }
            TagEnd::Table => self.table = None,
            TagEnd::Link => self.close_link(),
            TagEnd::Image | TagEnd::MetadataBlock(_) => self.skipped = self.skipped.saturating_sub(1),
            TagEnd::HtmlBlock => self.flush_markup(),
            _ => {}
        }
    }

    fn words(&mut self, text: &str, range: Range<usize>) {
        if self.open.is_none() {
            self.open(if self.items.is_empty() { Form::Paragraph } else { Form::Item });
        }
        if let Some(block) = &mut self.open {
            block.prose.push(text, range);
        }
    }

    fn open(&mut self, form: Form) {
        self.close();
        let heading = self.headings.last().map(|h| h.1);
        let lead = match form {
            Form::Item => self.lists.last().copied().flatten(),
            _ => None,
        };
        self.open =
            Some(Block { form, prose: Prose::default(), heading, lead, place: None, level: 0, links: Vec::new() });
    }

    fn open_cell(&mut self) {
        self.open(Form::Cell);
        let Some(table) = &mut self.table else { return };
        let header = if table.row == 0 { None } else { table.headers.get(table.column).copied() };
        if let Some(block) = &mut self.open {
            let first = if table.column == 0 { None } else { table.first };
            block.place = Some(Place { table: self.tables, row: table.row, column: table.column, header, first });
            block.lead = table.lead;
        }
    }

    /// Cells are kept even when empty: columns count.
    fn close_cell(&mut self) {
        let Some(block) = self.open.take() else { return };
        let index = self.blocks.len();
        self.blocks.push(block);
        let Some(table) = &mut self.table else { return };
        if table.row == 0 {
            table.headers.push(index);
        }
        if table.column == 0 {
            table.first = Some(index);
        }
        table.column += 1;
    }

    fn close(&mut self) {
        self.close_link();
        let Some(mut block) = self.open.take() else { return };
        if block.prose.text.trim().is_empty() {
            return;
        }
        let index = self.blocks.len();
        if block.form == Form::Heading {
            while self.headings.last().is_some_and(|h| h.0 >= block.level) {
                self.headings.pop();
            }
            block.heading = self.headings.last().map(|h| h.1);
            self.headings.push((block.level, index));
        }
        if let Some(item @ None) = self.items.last_mut() {
            *item = Some(index);
        }
        self.blocks.push(block);
    }

    fn close_link(&mut self) {
        if let (Some((start, target)), Some(block)) = (self.link.take(), &mut self.open) {
            block.links.push(Link { text: start..block.prose.text.len(), target });
        }
    }

    /// The paragraph just before, when it stands under the same heading.
    fn paragraph_before(&self) -> Option<usize> {
        let index = self.blocks.len().checked_sub(1)?;
        let form = self.blocks.get(index)?.form;
        matches!(form, Form::Paragraph | Form::Item).then_some(index)
    }

    /// HTML blocks: tags part the text, comments vanish, links stay.
    fn flush_markup(&mut self) {
        let Some(range) = self.markup.take() else { return };
        let Some(html) = self.source.get(range.clone()) else { return };
        for piece in super::markup::pieces(html) {
            match piece {
                super::markup::Piece::Text(at, text) => {
                    let start = range.start + at.start;
                    self.words(&text, start..range.start + at.end);
                }
                super::markup::Piece::Break => self.close(),
                super::markup::Piece::Link(target) => {
                    self.close_link();
                    if self.open.is_none() {
                        self.open(Form::Paragraph);
                    }
                    let at = self.open.as_ref().map_or(0, |b| b.prose.text.len());
                    self.link = Some((at, target));
                }
                super::markup::Piece::LinkEnd => self.close_link(),
            }
        }
        self.close();
    }
}

/// Whether a fenced block may hold prose: no language, or one that is none.
fn prose_fence(info: &str) -> bool {
    let language = info.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    matches!(
        language.as_str(),
        "" | "text" | "txt" | "plain" | "plaintext" | "md" | "markdown" | "email" | "mail" | "asc" | "pgp" | "gpg"
    )
}

/// Whether inline HTML begins or ends a link.
fn is_link(html: &str) -> bool {
    let start: String = html.chars().take(3).collect::<String>().to_ascii_lowercase();
    start == "<a " || start == "</a"
}

fn depth(level: HeadingLevel) -> u8 {
    level as u8
}
