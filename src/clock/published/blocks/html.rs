//! A page of HTML: headings, lists, tables, paragraphs, links.

use super::super::markup::{self, Piece};
use super::Block;
use super::build::Builder;

/// Cut a page into blocks.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut build = Builder::default();
    let mut open: Vec<&'static str> = Vec::new();
    for piece in markup::pieces(text) {
        if build.full() {
            break;
        }
        match piece {
            Piece::Text(at, text) if text.trim().is_empty() && !build.is_open() => drop(at),
            Piece::Text(at, text) => build.words(&text, at),
            Piece::Tag(name, false) => begin(&mut build, &mut open, name),
            Piece::Tag(name, true) => end(&mut build, &mut open, name),
            Piece::CellEnd(_) => build.close_cell(),
            Piece::Link(target) => {
                if !build.is_open() {
                    build.prose();
                }
                build.link(target);
            }
            Piece::LinkEnd => build.link_end(),
        }
    }
    build.finish()
}

/// The most elements that may be nested; more are read as if they were not there.
const DEEPEST: usize = 64;

fn begin(build: &mut Builder, open: &mut Vec<&'static str>, name: &'static str) {
    match name {
        "td" | "th" => {
            // Cells need not be ended.
            if build.is_open() {
                build.close_cell();
            }
            return build.open_cell();
        }
        "p" | "div" if open.contains(&"tr") => return,
        "br" => return build.close(),
        _ => build.close(),
    }
    if let Some(level) = level(name) {
        return build.heading(level);
    }
    if name == "li" && open.last() == Some(&"li") {
        end(build, open, "li");
    }
    if open.len() >= DEEPEST {
        return;
    }
    match name {
        "ul" | "ol" | "dl" => build.list(),
        "li" | "dd" => build.item(),
        "table" => build.table(true),
        "tr" => build.row(),
        _ => return,
    }
    open.push(name);
}

/// An element ends, and with it those in it that were not ended.
fn end(build: &mut Builder, open: &mut Vec<&'static str>, name: &'static str) {
    if !(open.contains(&"tr") && matches!(name, "p" | "div")) {
        build.close();
    }
    let Some(at) = open.iter().rposition(|o| *o == name) else { return };
    for inner in open.drain(at..).rev() {
        match inner {
            "ul" | "ol" | "dl" => build.list_end(),
            "li" | "dd" => build.item_end(),
            "table" => build.table_end(),
            "tr" => build.row_end(),
            _ => {}
        }
    }
}

fn level(name: &str) -> Option<u8> {
    let digit = name.strip_prefix('h').and_then(|d| d.parse().ok())?;
    (1..=6).contains(&digit).then_some(digit)
}
