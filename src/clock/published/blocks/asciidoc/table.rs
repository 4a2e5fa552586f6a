//! Tables of AsciiDoc: cells after bars, rows as long as the first.

use super::super::build::Builder;
use super::super::lines::{Flow, Line};
use super::inline::{self, Attributes};

/// The most columns a table is believed to have.
const MOST_COLUMNS: usize = 100;

/// A table, from the line that opens it on; how many lines it takes. `headed` when the first row is said to hold headers.
pub(super) fn read(lines: &[Line<'_>], headed: bool, build: &mut Builder, attributes: &Attributes) -> usize {
    let fence = lines.first().map_or("|===", |l| l.text);
    let inner = lines.get(1..).unwrap_or_default();
    let end = inner.iter().position(|l| l.text == fence).unwrap_or(inner.len());
    let inner = inner.get(..end).unwrap_or_default();
    let mark = if fence.starts_with(',') { ',' } else { '|' };
    let spoken = |l: &&Line<'_>| !l.is_blank() && !l.text.starts_with("//");
    let first = inner.iter().find(spoken);
    let columns = first.map_or(1, |l| cells(*l, mark).1.len()).clamp(1, MOST_COLUMNS);
    // A first line that a blank one follows holds the headers, though nothing says so.
    let at = inner.iter().position(|l| spoken(&l)).unwrap_or(0);
    let parted = columns > 1 && inner.get(at + 1).is_some_and(|l| l.is_blank());
    build.table(headed || parted);
    let mut row: Vec<Vec<Line<'_>>> = Vec::new();
    for line in inner.iter().filter(spoken) {
        let (before, new) = cells(*line, mark);
        if let Some(cell) = row.last_mut() {
            cell.push(before);
        }
        for cell in new {
            if row.len() == columns {
                give(&std::mem::take(&mut row), build, attributes);
            }
            row.push(vec![cell]);
        }
        if build.full() {
            break;
        }
    }
    give(&row, build, attributes);
    build.table_end();
    end + 2
}

/// The text before the first bar, and the cells after the bars.
fn cells<'a>(line: Line<'a>, mark: char) -> (Line<'a>, Vec<Line<'a>>) {
    if mark == ',' {
        let mut at = 0;
        let all = line.text.split(',').map(|c| {
            let cell = line.part(at..at + c.len());
            at += c.len() + 1;
            cell
        });
        return (line.part(0..0), all.collect());
    }
    let escaped = |at: usize| line.text.get(..at).is_some_and(|b| b.ends_with('\\'));
    let bars: Vec<usize> = line.text.match_indices('|').map(|(at, _)| at).filter(|&a| !escaped(a)).collect();
    let Some(&first) = bars.first() else { return (line, Vec::new()) };
    let ends = bars.iter().skip(1).copied().chain([line.text.len()]);
    let all = bars.iter().zip(ends).map(|(&start, end)| {
        let cell = line.part(start + 1..end);
        Line { at: cell.at, text: without_format(cell.text) }
    });
    (Line { at: line.at, text: without_format(line.text.get(..first).unwrap_or_default().trim_end()) }, all.collect())
}

/// A cell without the format of the next one, which stands before its bar: "a", "2+", ".2+^".
fn without_format(text: &str) -> &str {
    let (words, last) = text.rsplit_once(' ').unwrap_or(("", text));
    let format = !last.is_empty()
        && last.len() <= 6
        && last
            .chars()
            .all(|c| matches!(c, '0'..='9' | '+' | '.' | '^' | '<' | '>' | '*' | 'a' | 'e' | 'h' | 'm' | 's'))
        && last.contains(['+', '^', '<', '>', '*']) | matches!(last, "a" | "h" | "e" | "s" | "m");
    if format && (!words.is_empty() || last.contains(['+', '^'])) { words.trim_end() } else { text }
}

fn give(row: &[Vec<Line<'_>>], build: &mut Builder, attributes: &Attributes) {
    if row.is_empty() {
        return;
    }
    build.row();
    for cell in row {
        build.open_cell();
        inline::give(&Flow::new(cell, |_| None), build, attributes);
        build.close_cell();
    }
    build.row_end();
}
