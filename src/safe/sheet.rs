//! Cells for spreadsheets.

use super::{Text, line};

/// A field of a CSV file (RFC 4180), always in quotes. What a spreadsheet would compute (CWE-1236) gets an apostrophe before
/// it, as does what follows a semicolon: half of Europe's spreadsheets cut lines there.
pub fn csv_field<T: Text + ?Sized>(text: &T) -> String {
    let shown = line(text);
    let mut cell = String::with_capacity(shown.len() + 3);
    cell.push('"');
    let mut begins = true;
    for c in shown.chars() {
        if begins && computes(c) {
            cell.push('\'');
        }
        begins = c == ';' || (begins && c.is_whitespace());
        if c == '"' {
            cell.push('"');
        }
        cell.push(c);
    }
    cell.push('"');
    cell
}

/// `=`, `+`, `-`, `@` and their wide forms. Tabs and line ends, which work as well, are visible escapes by now.
fn computes(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '−' | '﹢' | '﹣' | '﹦' | '﹫')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_computed() {
        for (text, cell) in [
            ("plain, \"quoted\"", "\"plain, \"\"quoted\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("  @SUM(A1)", "\"  '@SUM(A1)\""),
            ("\t=1", "\"\\x09=1\""),
            ("＝cmd", "\"'＝cmd\""),
            ("a;-2+3", "\"a;'-2+3\""),
            ("a\r\n=b", "\"a\\x0d\\x0a=b\""),
            ("", "\"\""),
        ] {
            assert_eq!(csv_field(text), cell, "{text:?}");
        }
    }
}
