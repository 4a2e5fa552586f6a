//! Strangers' text, made safe for where it goes: a terminal, a shell, a file's name, a spreadsheet, a page, JSON.
//!
//! Everything that came in a mail, from a server or out of a certificate is hostile when printed (CWE-150): it is
//! shown through this module or not at all. What `output` holds of it is [`Foreign`], which has no `Display`: forgetting to
//! choose a way does not compile. Behind that stands a [`Wall`], which every byte for a terminal passes.

mod foreign;
mod html;
mod json;
mod name;
mod sheet;
mod wall;

use std::fmt::Write as _;

pub use foreign::{Foreign, Text};
pub use html::html;
pub use json::Careful;
pub use name::file_name;
pub use sheet::csv_field;
pub use wall::Wall;

/// One line of a stranger's text: every control character, line ends and tabs too, becomes a visible escape.
pub fn line<T: Text + ?Sized>(text: &T) -> String {
    escape(text.text(), |_| false)
}

/// Several lines of a stranger's text: line feeds and tabs stay, everything else as in [`line`].
pub fn lines<T: Text + ?Sized>(text: &T) -> String {
    escape(&text.text().replace("\r\n", "\n"), |c| c == '\n' || c == '\t')
}

/// [`line`], cut to `width` characters with an ellipsis where it was longer.
pub fn short<T: Text + ?Sized>(text: &T, width: usize) -> String {
    let safe = line(text);
    if safe.chars().count() <= width {
        return safe;
    }
    let mut cut: String = safe.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// [`line`] as one word of a command that a person may paste into a shell. Addresses may hold `` ` ``, `$`, `|` and `&`
/// (RFC 5322, atext); quoted, they are nothing but themselves.
pub fn word<T: Text + ?Sized>(text: &T) -> String {
    let safe = line(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !safe.is_empty() && !safe.starts_with('-') && safe.chars().all(plain) {
        return safe;
    }
    format!("'{}'", safe.replace('\'', "'\\''"))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) || !is_unsafe(c) {
            out.push(c);
        } else if (c as u32) < 0x100 {
            let _ = write!(out, "\\x{:02x}", c as u32);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
    }
    out
}

/// C0, DEL, C1, bidirectional controls, zero-width and invisible characters, tags, line and paragraph separators,
/// private use and noncharacters: what can hide, reorder or command.
fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{fff0}'..='\u{fff8}'
        | '\u{e000}'..='\u{f8ff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
        || (c as u32) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_not_sent() {
        assert_eq!(line("a\x1b[31mb\u{9b}c\u{202e}d\ne"), "a\\x1b[31mb\\x9bc\\u{202e}d\\x0ae");
        assert_eq!(lines("a\r\n\tb\rc"), "a\n\tb\\x0dc");
        assert_eq!(line("Grüße, 日本 🦀"), "Grüße, 日本 🦀");
    }

    #[test]
    fn a_word_stays_a_word_in_a_shell() {
        assert_eq!(word("finder@example.net"), "finder@example.net");
        assert_eq!(word("`id`@example.net"), "'`id`@example.net'");
        assert_eq!(word("o'brien$x@example.net"), "'o'\\''brien$x@example.net'");
        assert_eq!(word(""), "''");
    }

    #[test]
    fn short_cuts_by_characters() {
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("äöü", 3), "äöü");
    }

    proptest::proptest! {
        /// Whatever it is: nothing that could command, hide or reorder gets out, by any way.
        #[test]
        fn any_text_is_harmless(text in proptest::collection::vec(proptest::prelude::any::<char>(), 0..80)) {
            let text: String = text.into_iter().collect();
            for out in [line(&text), short(&text, 20), word(&text), csv_field(&text), html(&text), file_name(&text, "part")] {
                proptest::prop_assert!(!out.chars().any(is_unsafe), "{out:?}");
            }
            proptest::prop_assert!(!lines(&text).chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'));
            let name = file_name(&text, "part");
            proptest::prop_assert!(!name.is_empty() && name.len() <= 200 && !name.contains(['/', '\\']), "{name:?}");
            let page = html(&text);
            proptest::prop_assert!(!page.contains(['<', '>', '"', '\'', '`']), "{page:?}");
            let cell = csv_field(&text);
            let inner = cell.get(1..cell.len() - 1).unwrap_or_default().replace("\"\"", "");
            proptest::prop_assert!(!inner.contains('"') && !inner.trim_start().starts_with(['=', '+', '-', '@']), "{cell:?}");
        }
    }
}
