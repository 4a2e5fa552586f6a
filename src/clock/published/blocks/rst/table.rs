//! Tables of reStructuredText: drawn with lines, drawn with rulers, listed, separated by commas.

use super::super::build::Builder;
use super::super::lines::{Flow, Line};
use super::inline::{self, Targets};
use super::{marker, without_options};
use std::ops::Range;

/// A table that is drawn: "+---+---+" or "=== ===". How many lines it takes; `None` when none begins here.
pub(super) fn read(lines: &[Line<'_>], build: &mut Builder, targets: &Targets) -> Option<usize> {
    let first = lines.first()?;
    if first.text.starts_with("+-") && first.text.chars().all(|c| matches!(c, '+' | '-')) {
        Some(grid(lines, build, targets))
    } else if first.text.starts_with("==")
        && first.text.contains("= =") | first.text.contains("=  ")
        && ruled(first.text)
    {
        simple(lines, build, targets)
    } else {
        None
    }
}

fn ruled(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '=' | ' '))
}

/// Rows between lines of dashes; a line of "=" ends the headers.
fn grid(lines: &[Line<'_>], build: &mut Builder, targets: &Targets) -> usize {
    let end = lines.iter().position(|l| !l.text.starts_with(['+', '|'])).unwrap_or(lines.len());
    let lines = lines.get(..end).unwrap_or_default();
    build.table(lines.iter().any(|l| l.text.starts_with("+=")));
    let mut row: Vec<Vec<Line<'_>>> = Vec::new();
    for line in lines {
        if line.text.starts_with(['+']) {
            give_row(&std::mem::take(&mut row), build, targets);
            continue;
        }
        let mut at = 1;
        let inner = line.text.get(1..).unwrap_or_default();
        for (column, cell) in inner.trim_end_matches('|').split('|').take(MOST_COLUMNS).enumerate() {
            if row.len() <= column {
                row.push(Vec::new());
            }
            if let Some(cells) = row.get_mut(column) {
                cells.push(line.part(at..at + cell.len()));
            }
            at += cell.len() + 1;
        }
    }
    give_row(&row, build, targets);
    build.table_end();
    end
}

/// The most columns of a row that are read.
const MOST_COLUMNS: usize = 100;

/// Columns as wide as the "=" of the first line.
fn simple(lines: &[Line<'_>], build: &mut Builder, targets: &Targets) -> Option<usize> {
    let first = lines.first()?;
    let rulers: Vec<usize> = lines
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, l)| l.text.starts_with("==") && ruled(l.text))
        .map(|(i, _)| i)
        .take(2)
        .collect();
    let closing = lines.iter().enumerate().skip(1).take_while(|(_, l)| !l.is_blank()).count() + 1;
    let rulers: Vec<usize> = rulers.into_iter().filter(|r| *r < closing).collect();
    let (header, end) = match rulers.as_slice() {
        [] => return None,
        // Some write the line under the headers in dashes.
        [end] => (lines.get(2).filter(|l| l.text.starts_with("--")).map(|_| 2), *end),
        [header, end, ..] => (Some(*header), *end),
    };
    let columns = columns(first.text);
    build.table(header.is_some());
    rows(lines.get(1..end)?, &columns, build, targets);
    build.table_end();
    Some(end + 1)
}

fn rows(lines: &[Line<'_>], columns: &[Range<usize>], build: &mut Builder, targets: &Targets) {
    let mut row: Vec<Vec<Line<'_>>> = Vec::new();
    for line in lines {
        if line.text.chars().all(|c| matches!(c, '=' | '-' | ' ')) {
            give_row(&std::mem::take(&mut row), build, targets);
            continue;
        }
        let cells: Vec<Line<'_>> = columns.iter().map(|c| cell(*line, c)).collect();
        // A line without a first cell goes on with the row before.
        if cells.first().is_some_and(|c| !c.is_blank()) {
            give_row(&std::mem::take(&mut row), build, targets);
        }
        row.resize_with(cells.len(), Vec::new);
        for (column, cell) in row.iter_mut().zip(cells) {
            column.push(cell);
        }
    }
    give_row(&row, build, targets);
}

/// The ranges of characters under the "=" of a ruler; the last goes on to the end.
fn columns(ruler: &str) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for (at, c) in ruler.chars().enumerate() {
        match all.last_mut() {
            Some(last) if c == '=' && last.end == at => last.end = at + 1,
            _ if c == '=' => all.push(at..at + 1),
            _ => {}
        }
    }
    if let Some(last) = all.last_mut() {
        last.end = usize::MAX;
    }
    all.truncate(MOST_COLUMNS);
    all
}

/// The characters of a line in a column.
fn cell<'a>(line: Line<'a>, column: &Range<usize>) -> Line<'a> {
    let byte = |n: usize| line.text.char_indices().nth(n).map_or(line.text.len(), |c| c.0);
    line.part(byte(column.start)..byte(column.end))
}

fn give_row(row: &[Vec<Line<'_>>], build: &mut Builder, targets: &Targets) {
    if row.is_empty() || build.full() {
        return;
    }
    build.row();
    for cell in row {
        build.open_cell();
        inline::give(&Flow::new(cell, |_| None), build, targets);
        build.close_cell();
    }
    build.row_end();
}

/// ".. list-table::": a list of rows, each a list of cells.
pub(super) fn listed(lines: &[Line<'_>], build: &mut Builder, targets: &Targets) {
    let header = lines
        .iter()
        .take_while(|l| l.text.starts_with(':'))
        .any(|l| l.text.strip_prefix(":header-rows:").is_some_and(|n| n.trim() != "0"));
    build.table(header);
    let mut row: Vec<Vec<Line<'_>>> = Vec::new();
    for line in without_options(lines).iter().filter(|l| !l.is_blank()) {
        let mut line = *line;
        let new_row = line.indent() == 0 && marker(line.text).is_some();
        if new_row {
            give_row(&std::mem::take(&mut row), build, targets);
            line = line.from(1);
        }
        let line = line.trimmed();
        let new_cell = line.text == "-" || line.text.starts_with("- ") || line.text.starts_with("* ");
        if new_cell && row.len() < MOST_COLUMNS {
            row.push(vec![line.from(1)]);
        } else if let Some(cell) = row.last_mut() {
            cell.push(line);
        }
    }
    give_row(&row, build, targets);
    build.table_end();
}

/// ".. csv-table::": cells separated by commas, perhaps in quotation marks.
pub(super) fn separated(_title: Line<'_>, lines: &[Line<'_>], build: &mut Builder, targets: &Targets) {
    let options = lines.iter().take_while(|l| l.text.starts_with(':'));
    let mut headed = false;
    let mut header = None;
    for option in options {
        if option.text.starts_with(":header:") {
            header = Some(option.from(":header:".len()));
        }
        headed |= option.text.strip_prefix(":header-rows:").is_some_and(|n| n.trim() != "0");
    }
    build.table(headed || header.is_some());
    let body = without_options(lines).iter().filter(|l| !l.is_blank()).copied();
    for line in header.into_iter().chain(body) {
        let row: Vec<Vec<Line<'_>>> = commas(line).into_iter().map(|c| vec![c]).collect();
        give_row(&row, build, targets);
    }
    build.table_end();
}

fn commas(line: Line<'_>) -> Vec<Line<'_>> {
    let mut cells = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in line.text.char_indices().chain([(line.text.len(), ',')]) {
        match c {
            '"' => quoted = !quoted,
            ',' if (!quoted || at == line.text.len()) && cells.len() < MOST_COLUMNS => {
                let cell = line.part(start..at);
                let inner = cell.text.strip_prefix('"').map_or(cell, |_| cell.from(1));
                cells.push(Line { at: inner.at, text: inner.text.trim_end_matches('"') });
                start = at + 1;
            }
            _ => {}
        }
    }
    cells
}
