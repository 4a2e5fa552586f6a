//! Which markup a document is written in.

/// A markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Markdown, and plain text, which reads well as Markdown.
    Markdown,
    /// reStructuredText.
    ReStructuredText,
    /// AsciiDoc.
    AsciiDoc,
    /// A page of HTML.
    Html,
}

/// Endings of file names.
const ENDINGS: [(&str, Format); 11] = [
    ("md", Format::Markdown),
    ("markdown", Format::Markdown),
    ("mdx", Format::Markdown),
    ("mdown", Format::Markdown),
    ("rst", Format::ReStructuredText),
    ("rest", Format::ReStructuredText),
    ("adoc", Format::AsciiDoc),
    ("asciidoc", Format::AsciiDoc),
    ("html", Format::Html),
    ("htm", Format::Html),
    ("xhtml", Format::Html),
];

/// How many lines are looked at to tell the markup by its content.
const LOOKED_AT: usize = 2_000;

impl Format {
    /// By the ending of a file's name, else by the text: Markdown unless something says otherwise.
    pub fn of(name: &str, text: &str) -> Format {
        let ending = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
        let named = ENDINGS.iter().find(|(e, _)| *e == ending).map(|(_, f)| *f);
        named.unwrap_or_else(|| Format::by_content(text))
    }

    fn by_content(text: &str) -> Format {
        let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
        if start.starts_with("<!doctype html") || start.starts_with("<html") {
            return Format::Html;
        }
        let lines = || text.lines().take(LOOKED_AT).map(str::trim_end);
        let markdown = lines().any(|l| l.starts_with("# ") || l.starts_with("## ") || l.starts_with("```"));
        let explicit = |l: &str| l.strip_prefix(".. ").is_some_and(|r| r.starts_with('_') || r.contains("::"));
        let linked = |l: &str| l.contains("`_") && l.contains('`');
        if !markdown && lines().any(|l| explicit(l) || l.contains(">`_")) || lines().filter(|l| linked(l)).count() > 1 {
            return Format::ReStructuredText;
        }
        let titled = |l: &str| {
            let rest = l.trim_start_matches('=');
            let level = l.len() - rest.len();
            (1..=5).contains(&level) && rest.starts_with(' ') && !rest.ends_with('=') && rest.len() > 1
        };
        if !markdown && lines().any(titled) { Format::AsciiDoc } else { Format::Markdown }
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_ending_decides_then_the_text() {
        for (name, text, format) in [
            ("SECURITY.md", "== Reporting", Format::Markdown),
            ("SECURITY.rst", "# Reporting", Format::ReStructuredText),
            ("a.b/SECURITY.ADOC", "", Format::AsciiDoc),
            ("SECURITY.html", "", Format::Html),
            ("SECURITY", "# Reporting\n\nMail us.", Format::Markdown),
            ("SECURITY", "Reporting\n=========\n\nMail us.", Format::Markdown),
            ("security.txt", ".. note::\n\n   Mail us.", Format::ReStructuredText),
            ("security.txt", "See `our page <https://example.org>`_.", Format::ReStructuredText),
            ("SECURITY", "= Security\n\nMail us.", Format::AsciiDoc),
            ("SECURITY", "<!DOCTYPE html>\n<html></html>", Format::Html),
            ("SECURITY", "Mail us within 2 days.", Format::Markdown),
        ] {
            assert_eq!(Format::of(name, text), format, "{name}: {text}");
        }
    }
}
