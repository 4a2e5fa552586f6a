//! Makes blocks of what a reader of some markup tells: begin a heading, a list, a row; here are words.

use super::super::text::Prose;
use super::{Block, Form, Link, MOST_BLOCKS, Place};
use std::ops::Range;

/// Blocks in the making.
#[derive(Default)]
pub(super) struct Builder {
    blocks: Vec<Block>,
    open: Option<Block>,
    headings: Vec<(u8, usize)>,
    lists: Vec<Option<usize>>,
    items: Vec<Option<usize>>,
    tables: usize,
    table: Option<Table>,
    link: Option<(usize, String)>,
}

#[derive(Default)]
struct Table {
    headers: Vec<usize>,
    row: usize,
    column: usize,
    first: Option<usize>,
    lead: Option<usize>,
}

impl Builder {
    /// Append words to the open block, which begins where none is.
    pub(super) fn words(&mut self, text: &str, range: Range<usize>) {
        if self.open.is_none() {
            self.prose();
        }
        if let Some(block) = &mut self.open {
            block.prose.push(text, range);
        }
    }

    /// Begin a block.
    pub(super) fn open(&mut self, form: Form) {
        self.close();
        let heading = self.headings.last().map(|h| h.1);
        let lead = match form {
            Form::Item => self.lists.last().copied().flatten(),
            _ => None,
        };
        self.open =
            Some(Block { form, prose: Prose::default(), heading, lead, place: None, level: 0, links: Vec::new() });
    }

    /// Begin a cell of the open row.
    pub(super) fn open_cell(&mut self) {
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
    pub(super) fn close_cell(&mut self) {
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

    /// End the open block; an empty one vanishes.
    pub(super) fn close(&mut self) {
        self.link_end();
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

    /// Whether a link is open.
    pub(super) fn in_link(&self) -> bool {
        self.link.is_some()
    }

    /// End the open link.
    pub(super) fn link_end(&mut self) {
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

    /// Begin a paragraph, or an item where a list is open.
    pub(super) fn prose(&mut self) {
        self.open(if self.items.is_empty() { Form::Paragraph } else { Form::Item });
    }

    /// Begin a heading, 1 to 6.
    pub(super) fn heading(&mut self, level: u8) {
        self.open(Form::Heading);
        if let Some(block) = &mut self.open {
            block.level = level.clamp(1, 6);
        }
    }

    /// Begin a link in the open block, or in a new one: an item may begin with its link.
    pub(super) fn link(&mut self, target: String) {
        self.link_end();
        if self.open.is_none() {
            self.prose();
        }
        let at = self.open.as_ref().map_or(0, |b| b.prose.text.len());
        self.link = Some((at, target));
    }

    /// Whether a block is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Begin a list, introduced by the paragraph before or the item it is nested in.
    pub(super) fn list(&mut self) {
        self.close();
        let lead = self.items.last().copied().flatten().or_else(|| self.paragraph_before());
        self.lists.push(lead);
    }

    /// End a list.
    pub(super) fn list_end(&mut self) {
        self.close();
        self.lists.pop();
    }

    /// Begin an item.
    pub(super) fn item(&mut self) {
        self.close();
        self.items.push(None);
    }

    /// End an item.
    pub(super) fn item_end(&mut self) {
        self.close();
        self.items.pop();
    }

    /// Begin a table; `headed` when its first row holds headers.
    pub(super) fn table(&mut self, headed: bool) {
        self.close();
        self.tables += 1;
        self.table = Some(Table { lead: self.paragraph_before(), row: usize::from(!headed), ..Table::default() });
    }

    /// Begin a row.
    pub(super) fn row(&mut self) {
        if let Some(table) = &mut self.table {
            (table.column, table.first) = (0, None);
        }
    }

    /// End a row.
    pub(super) fn row_end(&mut self) {
        if let Some(table) = &mut self.table {
            table.row += 1;
        }
    }

    /// End a table.
    pub(super) fn table_end(&mut self) {
        self.close();
        self.table = None;
    }

    /// Whether no more blocks are taken.
    pub(super) fn full(&self) -> bool {
        self.blocks.len() >= MOST_BLOCKS
    }

    /// The blocks.
    pub(super) fn finish(mut self) -> Vec<Block> {
        self.close();
        self.blocks
    }
}
