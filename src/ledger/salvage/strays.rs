//! Rows found by what they look like, wherever they lie: for a table of which the page is broken that leads to all others.
//!
//! The tables that matter differ in their columns, with one exception (the search index has rows like those of `raw`). A row that
//! is found so was written as it is, since its pages are sealed; whether it is the one looked for its number tells, and of a mail
//! its digest.

use std::path::Path;

use super::leaf::{self, Cell, Value};
use super::pages::{PAGE, Pages};
use crate::ledger::{LedgerKey, Result};

/// A table that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Event,
    Message,
    Raw,
    Outbox,
}

/// What a column holds, as far as a row tells before it is read.
enum Column {
    /// The row's number, which lies elsewhere.
    Id,
    Int,
    Text,
    Blob,
    /// A blob of 32 bytes.
    Digest,
}

impl Table {
    /// Its name in the schema.
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Event => "event",
            Table::Message => "message",
            Table::Raw => "raw",
            Table::Outbox => "outbox",
        }
    }

    /// The column with the row's number.
    pub(super) fn key(self) -> &'static str {
        if self == Table::Raw { "message" } else { "id" }
    }

    /// The columns, as `schema.sql` has them.
    fn columns(self) -> &'static [Column] {
        use Column::{Blob, Digest, Id, Int, Text};
        match self {
            Table::Event => &[Id, Int, Int, Int, Text, Text, Text, Text, Blob, Digest],
            Table::Message => &[Id, Text, Digest, Int, Text, Int, Int, Int],
            Table::Raw => &[Id, Blob],
            Table::Outbox => &[Id, Text, Text, Text, Text, Blob, Text, Int, Text, Text, Int],
        }
    }

    fn of(kinds: &[u64]) -> Option<Table> {
        [Table::Event, Table::Message, Table::Raw, Table::Outbox].into_iter().find(|table| {
            let columns = table.columns();
            columns.len() == kinds.len() && columns.iter().zip(kinds).all(|(column, kind)| column.fits(*kind))
        })
    }
}

impl Column {
    /// Whether a value of this kind (section 2.1 of the file format) can stand in it.
    fn fits(&self, kind: u64) -> bool {
        match self {
            Column::Id => kind == 0,
            Column::Int => matches!(kind, 1..=6 | 8 | 9),
            Column::Text => kind >= 13 && kind % 2 == 1,
            Column::Blob => kind >= 12 && kind % 2 == 0,
            Column::Digest => kind == 12 + 2 * 32,
        }
    }
}

/// Where a row begins.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    table: Table,
    rowid: i64,
    page: u32,
    cell: u16,
}

/// All rows of the tables that are looked for.
pub(super) struct Strays {
    pages: Pages,
    /// In order.
    spots: Vec<Spot>,
    /// Pages that may still be read. No two rows share a page that they go on upon, so no honest file needs more than it has;
    /// in one made by somebody with its key every row could go on over all of it.
    left: u64,
}

impl Strays {
    /// Looks through the whole file.
    pub(super) fn of(path: &Path, key: &LedgerKey) -> Result<Strays> {
        let pages = Pages::of(path, key)?;
        let mut spots = Vec::new();
        for number in 2..=pages.count() {
            let Some(page) = pages.page(number) else { continue };
            for (index, cell) in leaf::cells(&page).into_iter().enumerate() {
                let kinds = page.get(cell.here).and_then(leaf::kinds);
                if let (Some(table), Ok(index)) = (kinds.and_then(|(kinds, _)| Table::of(&kinds)), u16::try_from(index))
                {
                    spots.push(Spot { table, rowid: cell.rowid, page: number, cell: index });
                }
            }
        }
        spots.sort_unstable();
        let left = 4 * u64::from(pages.count()) + 1000;
        Ok(Strays { pages, spots, left })
    }

    /// The highest number of a row in a table.
    pub(super) fn last(&self, table: Table) -> Option<i64> {
        let end = self.spots.partition_point(|spot| spot.table <= table);
        self.spots.get(end.checked_sub(1)?).filter(|spot| spot.table == table).map(|spot| spot.rowid)
    }

    /// The first row of this number from which `fits` makes something.
    pub(super) fn find<T>(&mut self, table: Table, rowid: i64, fits: impl Fn(Vec<Value>) -> Option<T>) -> Option<T> {
        let begin = self.spots.partition_point(|spot| (spot.table, spot.rowid) < (table, rowid));
        let same = |spot: &&Spot| (spot.table, spot.rowid) == (table, rowid);
        let places: Vec<(u32, u16)> =
            self.spots.iter().skip(begin).take_while(same).map(|spot| (spot.page, spot.cell)).collect();
        places.into_iter().find_map(|(page, cell)| self.row(page, cell).and_then(&fits))
    }

    fn row(&mut self, number: u32, index: u16) -> Option<Vec<Value>> {
        let page = self.read(number)?;
        let Cell { size, here, mut next, .. } = leaf::cells(&page).into_iter().nth(index.into())?;
        if size as u64 > u64::from(self.pages.count()) * PAGE {
            return None;
        }
        let mut row = Vec::with_capacity(size);
        row.extend_from_slice(page.get(here)?);
        while row.len() < size {
            let page = self.read(next?)?;
            let (after, bytes) = leaf::overflow(&page)?;
            row.extend_from_slice(bytes.get(..bytes.len().min(size - row.len()))?);
            next = Some(after);
        }
        leaf::values(&row)
    }

    fn read(&mut self, number: u32) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        self.left = self.left.checked_sub(1)?;
        self.pages.page(number)
    }
}
