//! AsciiDoc as far as policies use it: headings, lists, tables, blocks, links, attributes. What a page builder would
//! run (includes, conditions, macros) is left out.

mod inline;
mod table;

use self::inline::Attributes;
use super::build::Builder;
use super::lines::{Flow, Line, lines};
use super::{Block, Form};

/// Cut a document into blocks.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let lines = lines(text);
    let mut reader = Reader {
        build: Builder::default(),
        attributes: Attributes::of(&lines),
        open: Vec::new(),
        source: false,
        header: false,
        joined: false,
    };
    let mut rest = lines.as_slice();
    while !rest.is_empty() && !reader.build.full() {
        let taken = reader.element(rest).max(1);
        rest = rest.get(taken..).unwrap_or_default();
    }
    reader.end_lists(0);
    reader.build.finish()
}

/// How deep lists may be nested.
const DEEPEST: usize = 20;

/// Words that open an admonition.
const ADMONITIONS: [&str; 5] = ["NOTE: ", "TIP: ", "IMPORTANT: ", "WARNING: ", "CAUTION: "];

struct Reader {
    build: Builder,
    attributes: Attributes,
    /// The marks of the lists that are open, the outermost first.
    open: Vec<String>,
    /// Whether the next block is code in some language.
    source: bool,
    /// Whether the next table has headers.
    header: bool,
    /// Whether what comes next belongs to the item before.
    joined: bool,
}

impl Reader {
    /// Read what begins here, and say how many lines it takes.
    fn element(&mut self, lines: &[Line<'_>]) -> usize {
        let Some(line) = lines.first().copied() else { return 1 };
        if line.text.trim() == "+" {
            self.joined = true;
            return 1;
        }
        if line.is_blank() || self.aside(line) {
            return 1;
        }
        let joined = std::mem::take(&mut self.joined);
        if line.text == "////" {
            return past(lines, "////");
        }
        if let Some((level, title)) = heading(line) {
            self.end_lists(0);
            self.build.heading(level);
            self.give(&[title]);
            self.build.close();
            return 1;
        }
        if let Some(fence) = fence(line.text) {
            return self.verbatim(lines, fence);
        }
        // ".What to send": the title of a block stands over it as a heading does.
        let titled = line.text.strip_prefix('.').is_some_and(|t| t.starts_with(|c: char| c.is_alphabetic()));
        if titled && lines.get(1).is_some_and(|l| !l.is_blank()) {
            self.end_lists(0);
            self.build.heading(6);
            self.give(&[line.from(1)]);
            self.build.close();
            return 1;
        }
        if line.text.starts_with("|===") || line.text.starts_with(",===") {
            self.end_lists(0);
            let header = std::mem::take(&mut self.header);
            return table::read(lines, header, &mut self.build, &self.attributes);
        }
        if delimiter(line.text) {
            return 1;
        }
        if let Some((mark, text)) = item(line) {
            return self.item(lines, &mark, text);
        }
        if let Some((term, text)) = term(line) {
            return self.term(lines, term, text);
        }
        self.paragraph(lines, joined)
    }

    fn give(&mut self, lines: &[Line<'_>]) {
        inline::give(&Flow::new(lines, hard_break), &mut self.build, &self.attributes);
    }

    /// Lines that say nothing themselves: attributes, comments, directives, and what they tell of the next block.
    fn aside(&mut self, line: Line<'_>) -> bool {
        let text = line.text;
        if text.starts_with("//") && !text.starts_with("////") {
            return true;
        }
        if text.starts_with('[') && text.ends_with(']') && !text.contains("](") {
            let inner = text.to_ascii_lowercase();
            self.source = inner.starts_with("[source") || inner.starts_with("[listing") && inner.contains(',');
            self.header = inner.contains("header");
            return !inner.starts_with("[[") || inner.ends_with("]]");
        }
        let macros = ["ifdef::", "ifndef::", "ifeval::", "endif::", "include::", "image::", "toc::", "video::"];
        macros.iter().any(|m| text.starts_with(m)) || inline::attribute(text).is_some()
    }

    /// Blocks kept as they are: words unless a language is named.
    fn verbatim(&mut self, lines: &[Line<'_>], fence: &str) -> usize {
        let taken = past(lines, fence);
        let language = std::mem::take(&mut self.source)
            || lines.first().is_some_and(|l| l.text.len() > fence.len() && fence == "```");
        if !language && fence != "++++" {
            self.build.open(Form::Code);
            for line in lines.get(1..taken.saturating_sub(1)).unwrap_or_default() {
                self.build.words(line.text, line.at..line.at + line.text.len());
                self.build.words("\n", line.at + line.text.len()..line.at + line.text.len());
            }
            self.build.close();
        }
        taken
    }

    fn item(&mut self, lines: &[Line<'_>], mark: &str, text: Line<'_>) -> usize {
        match self.open.iter().position(|m| m == mark) {
            Some(at) => {
                self.end_lists(at + 1);
                self.build.item_end();
            }
            None if self.open.len() < DEEPEST => {
                self.build.list();
                self.open.push(mark.to_owned());
            }
            None => self.build.item_end(),
        }
        self.build.item();
        self.build.prose();
        self.rest_of(lines, text)
    }

    /// What stands behind a mark, with the lines that go on from it; gives how many there are.
    fn rest_of(&mut self, lines: &[Line<'_>], text: Line<'_>) -> usize {
        let end = self.run(lines);
        let mut own = vec![text];
        own.extend(lines.get(1..end).unwrap_or_default());
        self.give(&own);
        self.build.close();
        end
    }

    /// "Acknowledgement:: within 3 days"
    fn term(&mut self, lines: &[Line<'_>], term: Line<'_>, text: Line<'_>) -> usize {
        self.end_lists(0);
        self.build.prose();
        self.give(&[term]);
        self.build.words(": ", term.at + term.text.len()..term.at + term.text.len() + 1);
        self.rest_of(lines, text)
    }

    /// A paragraph; a "+" on the line before joins it to the item before.
    fn paragraph(&mut self, lines: &[Line<'_>], joined: bool) -> usize {
        let end = self.run(lines);
        if !joined {
            self.end_lists(0);
        }
        let mut own = lines.get(..end).unwrap_or_default().to_vec();
        if let Some(line) = own.first_mut() {
            let named = ADMONITIONS.iter().find(|a| line.text.starts_with(**a)).map_or(0, |a| a.len());
            *line = line.from(named);
        }
        self.build.prose();
        self.give(&own);
        self.build.close();
        end
    }

    /// How many lines run on from the first: up to a blank one or one that begins something else.
    fn run(&self, lines: &[Line<'_>]) -> usize {
        let rest = lines.get(1..).unwrap_or_default();
        let ends = |l: &Line<'_>| {
            l.is_blank()
                || item(*l).is_some()
                || term(*l).is_some()
                || heading(*l).is_some()
                || fence(l.text).is_some()
                || delimiter(l.text)
                || l.text.starts_with("|===")
                || l.text.trim() == "+"
                || l.text.starts_with("//")
                || l.text.starts_with("endif::")
                || l.text.starts_with("ifdef::")
        };
        rest.iter().position(ends).unwrap_or(rest.len()) + 1
    }

    /// End the lists that are deeper than `keep`.
    fn end_lists(&mut self, keep: usize) {
        while self.open.len() > keep {
            self.build.item_end();
            self.build.list_end();
            self.open.pop();
        }
    }
}

/// How many lines it takes to get past the end of a block that begins here; only its first when it never ends.
fn past(lines: &[Line<'_>], fence: &str) -> usize {
    let inner = lines.get(1..).unwrap_or_default();
    inner.iter().position(|l| l.text == fence).map_or(lines.len(), |e| e + 2)
}

/// "== Title", up to six of them; "##" too.
fn heading<'a>(line: Line<'a>) -> Option<(u8, Line<'a>)> {
    let mark = line.text.chars().next().filter(|c| matches!(c, '=' | '#'))?;
    let level = line.text.chars().take_while(|c| *c == mark).count();
    let good = level <= 6 && line.text.get(level..)?.starts_with(' ');
    good.then(|| (u8::try_from(level).unwrap_or(6), line.from(level)))
}

/// The fence of a block kept as it is.
fn fence(text: &str) -> Option<&'static str> {
    let plain = ["----", "....", "++++"].into_iter().find(|f| text == *f);
    plain.or_else(|| text.starts_with("```").then_some("```"))
}

/// Marks around blocks whose content is read like any other.
fn delimiter(text: &str) -> bool {
    matches!(text, "--" | "'''" | "'''''" | "<<<" | "---" | "***")
        || text.len() >= 4 && ['=', '*', '_'].iter().any(|m| text.chars().all(|c| c == *m))
}

/// A list item: its mark, and its text.
fn item<'a>(line: Line<'a>) -> Option<(String, Line<'a>)> {
    let line = line.trimmed();
    let (mark, rest) = line.text.split_once(' ')?;
    let same = |c: char| !mark.is_empty() && mark.len() <= 6 && mark.chars().all(|m| m == c);
    let counted =
        mark.strip_suffix('.').is_some_and(|n| !n.is_empty() && n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()));
    let mark_name = if counted { "1.".to_owned() } else { mark.to_owned() };
    let good = same('*') || same('.') || mark == "-" || mark == "•" || counted;
    (good && !rest.trim().is_empty()).then(|| {
        let text = line.from(mark.len());
        let boxed = ["[ ] ", "[x] ", "[*] "].iter().find(|b| text.text.starts_with(**b)).map_or(0, |b| b.len());
        (mark_name, text.from(boxed))
    })
}

/// "term:: text".
fn term<'a>(line: Line<'a>) -> Option<(Line<'a>, Line<'a>)> {
    let at = line.text.find("::").filter(|&a| a > 0 && a < 120)?;
    let after = line.text.get(at..)?.trim_start_matches(':');
    let macro_like = line.text.get(..at)?.ends_with("image") || line.text.contains("://") && !after.starts_with(' ');
    let good = (after.is_empty() || after.starts_with(' ')) && !macro_like;
    good.then(|| (line.part(0..at), line.from(line.text.len() - after.len())))
}

/// A line that ends in a break: " +".
fn hard_break(text: &str) -> Option<&str> {
    text.strip_suffix(" +")
}
