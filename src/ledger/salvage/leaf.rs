//! Rows as they lie on a page: a leaf of a table's b-tree, its cells, and the values in them (SQLite's file format, sections 1.6,
//! 2.1 and 2.3). The pages above, which lead to a leaf, are not needed. Nothing that stands on a page is relied upon: whatever does
//! not fit is not there.

use std::ops::Range;

use super::pages::USABLE;

/// The first byte of a leaf of a table.
const LEAF: u8 = 0x0D;
/// A cell has at least a pointer, a length, a number, and two bytes of its row.
const MOST_CELLS: usize = USABLE / 6;
/// The most bytes of a row that lie on its leaf, and the least where they do not all fit.
const MOST_HERE: usize = USABLE - 35;
const LEAST_HERE: usize = (USABLE - 12) * 32 / 255 - 23;
/// Bytes of a row on each page that it goes on upon, after the number of the next.
const PER_PAGE: usize = USABLE - 4;
/// More columns than any table of ours has.
const MOST_COLUMNS: usize = 32;

/// One row, or the beginning of a long one.
pub(super) struct Cell {
    /// The number of the row.
    pub(super) rowid: i64,
    /// Bytes of the whole row.
    pub(super) size: usize,
    /// Those that lie here.
    pub(super) here: Range<usize>,
    /// The page where it goes on.
    pub(super) next: Option<u32>,
}

/// A value of a row.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    pub(super) fn int(&self) -> Option<i64> {
        if let Value::Int(number) = self { Some(*number) } else { None }
    }

    pub(super) fn text(&self) -> Option<String> {
        if let Value::Text(text) = self { Some(text.clone()) } else { None }
    }

    pub(super) fn blob(&self) -> Option<Vec<u8>> {
        if let Value::Blob(bytes) = self { Some(bytes.clone()) } else { None }
    }
}

/// The cells of a page; none where it is no leaf of a table.
pub(super) fn cells(page: &[u8]) -> Vec<Cell> {
    if page.first() != Some(&LEAF) {
        return Vec::new();
    }
    let count = number(page, 3, 2).and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= MOST_CELLS);
    let pointers = (0..count.unwrap_or_default()).map(|index| number(page, 8 + 2 * index, 2));
    pointers.filter_map(|at| cell(page, usize::try_from(at?).ok()?)).collect()
}

fn cell(page: &[u8], mut at: usize) -> Option<Cell> {
    let size = usize::try_from(varint(page, &mut at)?).ok()?;
    let rowid = varint(page, &mut at)?.cast_signed();
    let here = if size <= MOST_HERE {
        size
    } else {
        let rest = LEAST_HERE + (size - LEAST_HERE) % PER_PAGE;
        if rest <= MOST_HERE { rest } else { LEAST_HERE }
    };
    let end = at.checked_add(here).filter(|end| *end <= USABLE)?;
    let next = if here < size { Some(u32::try_from(number(page, end, 4)?).ok()?) } else { None };
    Some(Cell { rowid, size, here: at..end, next })
}

/// What follows on a page that a row goes on upon: the page after it (0 after the last), and bytes of the row.
pub(super) fn overflow(page: &[u8]) -> Option<(u32, &[u8])> {
    Some((u32::try_from(number(page, 0, 4)?).ok()?, page.get(4..USABLE)?))
}

/// The kind of each column, as a row begins with them, and where the values begin.
pub(super) fn kinds(row: &[u8]) -> Option<(Vec<u64>, usize)> {
    let mut at = 0;
    let end = usize::try_from(varint(row, &mut at)?).ok()?;
    let mut kinds = Vec::new();
    while at < end {
        kinds.push(varint(row, &mut at)?);
        if kinds.len() > MOST_COLUMNS {
            return None;
        }
    }
    (at == end).then_some((kinds, end))
}

/// The values of a whole row.
pub(super) fn values(row: &[u8]) -> Option<Vec<Value>> {
    let (kinds, mut at) = kinds(row)?;
    let mut values = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 => 8,
            // A fraction, which no table of ours has; and two kinds that are not in use.
            7 | 10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let end = at.checked_add(size)?;
        let bytes = row.get(at..end)?;
        at = end;
        values.push(match kind {
            0 => Value::Null,
            8 => Value::Int(0),
            9 => Value::Int(1),
            1..=6 => Value::Int(signed(bytes)),
            _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            _ => Value::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
        });
    }
    (at == row.len()).then_some(values)
}

/// One to eight bytes, the most significant first, in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes.iter().fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i64::from(*byte))
}

/// The same without a sign, of so many bytes.
fn number(page: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = page.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// SQLite's number of one to nine bytes: seven bits of each, all eight of the ninth.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for index in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if index == 8 {
            return Some(number << 8 | u64::from(byte));
        }
        number = number << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_every_length() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x7F], 127),
            (&[0x81, 0x00], 128),
            (&[0xFF; 9], u64::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x05], 5),
        ] {
            let mut at = 0;
            assert_eq!(varint(bytes, &mut at), Some(number), "{bytes:?}");
            assert_eq!(at, bytes.len());
            assert_eq!(varint(&bytes[..bytes.len() - 1], &mut 0), None, "{bytes:?} cut off");
        }
        assert_eq!((signed(&[0xFF]), signed(&[0x80, 0]), signed(&[0x7F; 8])), (-1, -32768, 0x7F7F_7F7F_7F7F_7F7F));
    }

    #[test]
    fn a_row_is_read_to_its_end_or_not_at_all() {
        // NULL, 258, "ab", x'07', 1.
        let row = [6, 0, 2, 17, 14, 9, 1, 2, b'a', b'b', 7];
        let values = values(&row).unwrap();
        assert_eq!(
            values,
            [Value::Null, Value::Int(258), Value::Text("ab".into()), Value::Blob(vec![7]), Value::Int(1)]
        );
        for length in 0..row.len() {
            assert_eq!(super::values(&row[..length]), None, "{length} bytes");
        }
        assert_eq!(super::values(&[&row[..], &[0]].concat()), None, "more than its end");
    }

    proptest! {
        #[test]
        fn any_page_is_read(mut page in proptest::collection::vec(any::<u8>(), USABLE), leaf in any::<bool>()) {
            if leaf {
                page[0] = LEAF;
                page[3] = 0;
            }
            for cell in cells(&page) {
                prop_assert!(cell.here.len() <= cell.size && cell.here.end <= USABLE);
                let row = &page[cell.here];
                let _ = (kinds(row), values(row));
            }
            let _ = overflow(&page);
        }
    }
}
