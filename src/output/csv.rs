//! Tables for spreadsheets (RFC 4180): one head, one line a row, lines end with CRLF.

use std::io::{self, Write};

use super::{Screen, View};
use crate::safe::{self, Text};

/// A value in a table.
pub struct Cell(String);

impl Cell {
    /// Words, ours or a stranger's: always in quotes, never computed.
    pub fn words<T: Text + ?Sized>(text: &T) -> Cell {
        Cell(safe::csv_field(text))
    }

    /// A number, which spreadsheets may add up.
    pub fn number(value: impl Into<i128>) -> Cell {
        Cell(value.into().to_string())
    }

    /// Nothing where there is no value.
    pub fn maybe(value: Option<Cell>) -> Cell {
        value.unwrap_or(Cell(String::new()))
    }
}

/// A table, and the document that says the same in JSON.
pub struct Table {
    /// Names of the columns.
    pub head: &'static [&'static str],
    /// As many cells each.
    pub rows: Vec<Vec<Cell>>,
    /// The same for scripts.
    pub document: serde_json::Value,
}

impl View for Table {
    fn is_raw(&self) -> bool {
        true
    }

    fn json(&self) -> serde_json::Value {
        self.document.clone()
    }

    fn show(&self, _: &Screen, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}\r\n", self.head.join(","))?;
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(|cell| cell.0.as_str()).collect();
            write!(out, "{}\r\n", cells.join(","))?;
        }
        Ok(())
    }
}
