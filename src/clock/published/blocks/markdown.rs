//! Markdown, by pulldown-cmark, with the HTML inside it.

use super::super::markup::{self, Piece};
use super::build::Builder;
use super::{Block, Form};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// Cut a Markdown document into blocks.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader { source: text, build: Builder::default(), skipped: 0, markup: None };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        if reader.build.full() {
            break;
        }
        reader.event(event, range);
    }
    reader.build.finish()
}

struct Reader<'a> {
    source: &'a str,
    build: Builder,
    skipped: usize,
    markup: Option<Range<usize>>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if !matches!(event, Event::Html(_) | Event::End(TagEnd::HtmlBlock)) {
            self.flush_markup();
        }
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(t) | Event::Code(t) if self.skipped == 0 => self.build.words(&t, range),
            Event::SoftBreak => self.build.words(" ", range),
            Event::HardBreak => self.build.words("\n", range),
            Event::Html(_) => match &mut self.markup {
                Some(held) => held.end = range.end,
                None => self.markup = Some(range),
            },
            Event::InlineHtml(html) if is_link(&html) => match markup::link(&html) {
                Some(target) => self.build.link(target),
                None => self.build.link_end(),
            },
            Event::InlineHtml(html) if html.to_ascii_lowercase().starts_with("<br") => self.build.words("\n", range),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.build.heading(level as u8),
            Tag::Paragraph => self.build.prose(),
            Tag::List(_) => self.build.list(),
            Tag::Item => self.build.item(),
            Tag::CodeBlock(kind) => {
                self.build.open(Form::Code);
                if matches!(&kind, CodeBlockKind::Fenced(info) if !prose_fence(info)) {
                    self.skipped += 1;
                }
            }
            Tag::Table(_) => self.build.table(true),
            Tag::TableRow | Tag::TableHead => self.build.row(),
            Tag::TableCell => self.build.open_cell(),
            Tag::Link { dest_url, .. } => self.build.link(dest_url.into_string()),
            // A badge says what its link is for.
            Tag::Image { .. } if self.build.in_link() => {}
            Tag::Image { .. } | Tag::MetadataBlock(_) => self.skipped += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph => self.build.close(),
            TagEnd::List(_) => self.build.list_end(),
            TagEnd::Item => self.build.item_end(),
            TagEnd::CodeBlock => {
                self.build.close();
                self.skipped = 0;
            }
            TagEnd::TableCell => self.build.close_cell(),
            TagEnd::TableRow | TagEnd::TableHead => self.build.row_end(),
            TagEnd::Table => self.build.table_end(),
            TagEnd::Link => self.build.link_end(),
            TagEnd::Image | TagEnd::MetadataBlock(_) => self.skipped = self.skipped.saturating_sub(1),
            TagEnd::HtmlBlock => self.flush_markup(),
            _ => {}
        }
    }

    /// HTML blocks: tags part the text, comments vanish, links stay.
    fn flush_markup(&mut self) {
        let Some(range) = self.markup.take() else { return };
        let Some(html) = self.source.get(range.clone()) else { return };
        for piece in markup::pieces(html) {
            match piece {
                Piece::Text(at, text) => self.build.words(&text, range.start + at.start..range.start + at.end),
                Piece::Tag("td" | "th", _) => {}
                Piece::Tag(..) => self.build.close(),
                Piece::CellEnd(at) => self.build.words(": ", range.start + at..range.start + at + 1),
                Piece::Link(target) => {
                    if !self.build.is_open() {
                        self.build.open(Form::Paragraph);
                    }
                    self.build.link(target);
                }
                Piece::LinkEnd => self.build.link_end(),
            }
        }
        self.build.close();
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
