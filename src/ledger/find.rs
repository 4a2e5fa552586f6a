//! From what a person typed to what is meant: a number, the beginning of a uid, words of a mail.

use super::read::{MessageRow, ReportRow};
use super::{Ledger, LedgerError, Result};
use crate::case::Uid;

/// Fewer digits of a uid than this are taken for a number or for nothing.
const MIN_UID_PREFIX: usize = 4;

/// Up to this many digits a name of digits alone is a number first; a uid has at least ten.
const MAX_NUMBER_DIGITS: usize = 9;

impl Ledger {
    /// The report called `name`: its number here, its uid, or the beginning of its uid where that is unique.
    pub fn resolve_report(&self, name: &str) -> Result<ReportRow> {
        let found = match number(name) {
            Some(id) => self.reports_where("WHERE r.id = ?1", &[&id])?,
            None => Vec::new(),
        };
        let found = if found.is_empty() { self.reports_like(name)? } else { found };
        only("report", name, found, |report| &report.uid)
    }

    /// The message called `name`: its number here, its uid, or the beginning of its uid where that is unique.
    pub fn resolve_message(&self, name: &str) -> Result<MessageRow> {
        let found = match number(name) {
            Some(id) => self.messages_where("WHERE m.id = ?1", &[&id])?,
            None => Vec::new(),
        };
        let found = if found.is_empty() { self.messages_like(name)? } else { found };
        only("message", name, found, |message| &message.uid)
    }

    /// The uids of the reports in whose mails all words of `text` (or words that begin so) stand, the best match first.
    pub fn search(&self, text: &str) -> Result<Vec<Uid>> {
        let Some(query) = fts_query(text) else { return Ok(Vec::new()) };
        let mut statement = self.conn.prepare_cached(
            "SELECT f.report FROM (SELECT rowid AS message, rank AS score FROM search WHERE search MATCH ?1) s
             JOIN filing f ON f.message = s.message WHERE f.report <> '' GROUP BY f.report ORDER BY min(s.score)",
        )?;
        let found = statement.query_map([query], |row| row.get(0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    fn reports_like(&self, name: &str) -> Result<Vec<ReportRow>> {
        match uid_range(name) {
            Some((from, to)) => self.reports_where("WHERE r.uid >= ?1 AND r.uid < ?2 ORDER BY r.uid", &[&from, &to]),
            None => Ok(Vec::new()),
        }
    }

    fn messages_like(&self, name: &str) -> Result<Vec<MessageRow>> {
        match uid_range(name) {
            Some((from, to)) => self.messages_where("WHERE m.uid >= ?1 AND m.uid < ?2 ORDER BY m.uid", &[&from, &to]),
            None => Ok(Vec::new()),
        }
    }
}

fn number(name: &str) -> Option<i64> {
    let digits = name.strip_prefix('#').unwrap_or(name);
    let plain = (1..=MAX_NUMBER_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// The uids that begin with `name`: from it, up to and without the second. `g` follows every hexadecimal digit.
fn uid_range(name: &str) -> Option<(String, String)> {
    let name = name.to_ascii_lowercase();
    let plausible = (MIN_UID_PREFIX..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    plausible.then(|| (name.clone(), format!("{name}g")))
}

/// The one that was meant. A whole uid wins over longer ones that begin with it; it sorts first.
fn only<T>(kind: &'static str, name: &str, found: Vec<T>, uid: impl Fn(&T) -> &Uid) -> Result<T> {
    let count = found.len();
    let exact = found.first().is_some_and(|first| uid(first).eq_ignore_ascii_case(name));
    match found.into_iter().next() {
        Some(first) if count == 1 || exact => Ok(first),
        Some(_) => Err(LedgerError::Ambiguous { kind, name: name.into(), count }),
        None => Err(LedgerError::NotFound { kind, name: name.into() }),
    }
}

/// Each word as a quoted string that may go on, so that nothing typed is taken for the query language of FTS5.
fn fts_query(text: &str) -> Option<String> {
    let mut query = String::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter == '\0') {
        if !word.chars().any(char::is_alphanumeric) {
            continue;
        }
        query.push('"');
        query.push_str(&spaced(word).trim().replace('"', "\"\""));
        query.push_str("\"* ");
    }
    (!query.is_empty()).then_some(query)
}

/// Puts spaces around each letter of scripts that are written without them, which the tokenizer would otherwise take
/// for one long word; a word of a search becomes the phrase of its letters.
pub(super) fn spaced(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    for letter in text.chars() {
        if is_unspaced(letter) {
            out.push(' ');
            out.push(letter);
            out.push(' ');
        } else {
            out.push(letter);
        }
    }
    out
}

/// Thai, Lao and Khmer; kana; Han.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{0E00}'..='\u{0EFF}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3134F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_never_query_language() {
        assert_eq!(fts_query("heap over").as_deref(), Some("\"heap\"* \"over\"* "));
        assert_eq!(fts_query("a\" OR subject:x").as_deref(), Some("\"a\"\"\"* \"OR\"* \"subject:x\"* "));
        assert_eq!(fts_query(" ** \"\" - \0"), None);
    }

    #[test]
    fn numbers_and_uids_are_told_apart() {
        assert_eq!(number("14"), Some(14));
        assert_eq!(number("#14"), Some(14));
        assert_eq!(number("1234567890"), None);
        assert_eq!(uid_range("B3F0").map(|range| range.0).as_deref(), Some("b3f0"));
        assert_eq!(uid_range("b3f"), None);
        assert_eq!(uid_range("b3f0%"), None);
    }
}
