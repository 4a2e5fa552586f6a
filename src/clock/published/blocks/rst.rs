//! reStructuredText as far as policies use it: titles, lists, tables, directives, links. What a page builder would run
//! (includes, graphs, tables of contents) is left out.

mod inline;
mod table;

use self::inline::Targets;
use super::build::Builder;
use super::lines::{Flow, Line, lines};
use super::{Block, Form};

/// Cut a document into blocks.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let lines = lines(text);
    let mut reader = Reader { build: Builder::default(), targets: Targets::of(&lines), styles: Vec::new() };
    reader.body(&lines, 0);
    reader.build.finish()
}

/// How deep lists and quotes may be nested; what is deeper is one paragraph.
const DEEPEST: usize = 20;

/// Directives whose content is words.
const SPOKEN: [&str; 22] = [
    "note",
    "warning",
    "important",
    "tip",
    "caution",
    "danger",
    "attention",
    "hint",
    "error",
    "admonition",
    "topic",
    "sidebar",
    "epigraph",
    "container",
    "rubric",
    "only",
    "versionadded",
    "versionchanged",
    "deprecated",
    "tab",
    "dropdown",
    "seealso",
];

struct Reader {
    build: Builder,
    targets: Targets,
    /// The kinds of title met, in order: the character, and whether a line stands over it too.
    styles: Vec<(char, bool)>,
}

/// A list item, a directive's content: lines that belong together, and how many lines they are.
struct Nested<'a> {
    lines: Vec<Line<'a>>,
    taken: usize,
}

impl Reader {
    /// Read lines that belong together.
    fn body(&mut self, lines: &[Line<'_>], depth: usize) {
        let mut rest = lines;
        while let Some(first) = rest.first() {
            if self.build.full() {
                return;
            }
            let taken = if first.is_blank() { 1 } else { self.element(rest, depth).max(1) };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Read what begins here, and say how many lines it takes.
    fn element(&mut self, lines: &[Line<'_>], depth: usize) -> usize {
        let Some(first) = lines.first().copied() else { return 1 };
        if depth >= DEEPEST {
            return self.paragraph(lines, depth);
        }
        if let Some(taken) = self.title(lines) {
            return taken;
        }
        if first.indent() > 0 {
            let nested = nested(lines, 0, 1);
            self.body(&dedented(&nested.lines), depth + 1);
            return nested.taken;
        }
        if first.text == ".." || first.text.starts_with(".. ") {
            return self.explicit(lines, depth);
        }
        if let Some(taken) = table::read(lines, &mut self.build, &self.targets) {
            return taken;
        }
        if marker(first.text).is_some() {
            return self.list(lines, depth);
        }
        if let Some(value) = field(first.text) {
            return self.field(lines, value);
        }
        self.paragraph(lines, depth)
    }

    /// A title with a line under it, or over and under it; or a line across the page.
    fn title(&mut self, lines: &[Line<'_>]) -> Option<usize> {
        let (first, second) = (lines.first()?, lines.get(1).copied());
        let rule = |l: &Line<'_>| ruler(l.text);
        if let Some(mark) = rule(first) {
            let title = second.filter(|l| !l.is_blank())?;
            let closed = lines.get(2).and_then(rule) == Some(mark);
            return closed.then(|| self.heading(title.trimmed(), (mark, true), 3)).or_else(|| {
                let alone = second.is_none_or(|l| l.is_blank());
                alone.then_some(1)
            });
        }
        let mark = second.as_ref().and_then(rule)?;
        let width = second.map_or(0, |l| l.text.chars().count());
        let fits = first.indent() == 0 && (width >= 4 || width >= first.text.chars().count());
        (fits && marker(first.text).is_none_or(|_| width >= first.text.chars().count()))
            .then(|| self.heading(*first, (mark, false), 2))
    }

    fn heading(&mut self, title: Line<'_>, style: (char, bool), taken: usize) -> usize {
        let at = self.styles.iter().position(|s| *s == style).unwrap_or_else(|| {
            if self.styles.len() < 12 {
                self.styles.push(style);
            }
            self.styles.len() - 1
        });
        self.build.heading(u8::try_from(at + 1).unwrap_or(6));
        inline::give(&Flow::new(&[title], |_| None), &mut self.build, &self.targets);
        self.build.close();
        taken
    }

    /// Paragraphs, with what a double colon or deeper lines make of the lines after them.
    fn paragraph(&mut self, lines: &[Line<'_>], depth: usize) -> usize {
        let first = lines.first().map_or(0, |l| l.indent());
        let end = lines.iter().position(|l| l.is_blank() || l.indent() > first).unwrap_or(lines.len()).max(1);
        let own = lines.get(..end).unwrap_or_default();
        self.build.prose();
        inline::give(&Flow::new(own, line_block), &mut self.build, &self.targets);
        self.build.close();
        let after = lines.get(end..).unwrap_or_default();
        let literal = own.last().is_some_and(|l| l.text.ends_with("::"));
        let blank = after.first().is_some_and(|l| l.is_blank());
        if literal && blank {
            let nested = nested(lines, end, first + 1);
            self.literal(&nested.lines);
            return nested.taken;
        }
        if !blank && after.first().is_some_and(|l| l.indent() > first) && depth < DEEPEST {
            // A term and what it means.
            let nested = nested(lines, end, first + 1);
            self.build.list();
            self.build.item();
            self.body(&dedented(&nested.lines), depth + 1);
            self.build.item_end();
            self.build.list_end();
            return nested.taken;
        }
        end
    }

    fn literal(&mut self, lines: &[Line<'_>]) {
        self.build.open(Form::Code);
        for line in lines.iter().filter(|l| !l.is_blank()) {
            self.build.words(line.text, line.at..line.at + line.text.len());
            self.build.words("\n", line.at + line.text.len()..line.at + line.text.len());
        }
        self.build.close();
    }

    fn list(&mut self, lines: &[Line<'_>], depth: usize) -> usize {
        self.build.list();
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            if line.is_blank() {
                at += 1;
                continue;
            }
            let Some(width) = marker(line.text).filter(|_| line.indent() == 0) else { break };
            let mut item = nested(lines, at + 1, 1);
            item.lines.insert(0, line.from(width));
            let rest = dedented(item.lines.get(1..).unwrap_or_default());
            item.lines.truncate(1);
            item.lines.extend(rest);
            self.build.item();
            self.body(&item.lines, depth + 1);
            self.build.item_end();
            at = item.taken;
            if self.build.full() {
                break;
            }
        }
        self.build.list_end();
        at
    }

    /// ":Contact: security@example.org"
    fn field(&mut self, lines: &[Line<'_>], value: usize) -> usize {
        let nested = nested(lines, 1, 1);
        let Some(first) = lines.first() else { return 1 };
        let mut words = vec![first.part(1..first.text.len())];
        words.extend(nested.lines.iter().filter(|l| !l.is_blank()));
        self.build.list();
        self.build.item();
        self.build.prose();
        let name = first.part(1..value);
        self.build.words(name.text, name.at..name.at + name.text.len());
        self.build.words(" ", first.at + value..first.at + value);
        if let Some(line) = words.first_mut() {
            *line = first.from(value);
        }
        inline::give(&Flow::new(&words, |_| None), &mut self.build, &self.targets);
        self.build.item_end();
        self.build.list_end();
        nested.taken
    }

    /// Comments, targets, substitutions, footnotes, directives.
    fn explicit(&mut self, lines: &[Line<'_>], depth: usize) -> usize {
        let content = nested(lines, 1, 1);
        let Some(first) = lines.first() else { return 1 };
        let Some((name, argument)) = directive(*first) else { return content.taken };
        let lines = dedented(&content.lines);
        match name.to_ascii_lowercase().as_str() {
            "list-table" => table::listed(&lines, &mut self.build, &self.targets),
            "csv-table" => table::separated(argument, &lines, &mut self.build, &self.targets),
            "table" => self.body(without_options(&lines), depth + 1),
            name if SPOKEN.contains(&name) => {
                if !argument.is_blank() {
                    self.build.prose();
                    inline::give(&Flow::new(&[argument], |_| None), &mut self.build, &self.targets);
                    self.build.close();
                }
                self.body(without_options(&lines), depth + 1);
            }
            "code-block" | "code" | "parsed-literal" | "sourcecode"
                if matches!(argument.text, "" | "text" | "none" | "console-output" | "email") =>
            {
                self.literal(without_options(&lines));
            }
            _ => {}
        }
        content.taken
    }
}

/// ".. name:: argument": both.
fn directive<'a>(line: Line<'a>) -> Option<(&'a str, Line<'a>)> {
    let rest = line.text.strip_prefix(".. ")?;
    let (name, _) = rest.split_once("::")?;
    let good =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.' | '+'));
    good.then(|| (name, line.from(3 + name.len() + 2)))
}

/// Lines without the options of a directive at their beginning.
fn without_options<'a, 'b>(lines: &'b [Line<'a>]) -> &'b [Line<'a>] {
    let options = lines.iter().take_while(|l| field(l.text).is_some()).count();
    lines.get(options..).unwrap_or_default()
}

/// The lines from `from` on that are blank or indented at least `indent`; and where they end.
fn nested<'a>(lines: &[Line<'a>], from: usize, indent: usize) -> Nested<'a> {
    let rest = lines.get(from..).unwrap_or_default();
    let end = rest.iter().position(|l| !l.is_blank() && l.indent() < indent).unwrap_or(rest.len());
    Nested { lines: rest.get(..end).unwrap_or_default().to_vec(), taken: from + end }
}

/// Lines without the indentation that they share.
fn dedented<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let shared = lines.iter().filter(|l| !l.is_blank()).map(|l| l.indent()).min().unwrap_or(0);
    lines
        .iter()
        .map(|l| {
            let mut width = 0;
            let bytes = l.text.char_indices().find(|(_, c)| {
                let more = width < shared;
                width += if *c == '\t' { 8 } else { 1 };
                !more
            });
            let at = bytes.map_or(l.text.len(), |b| b.0);
            Line { at: l.at + at, text: l.text.get(at..).unwrap_or_default() }
        })
        .collect()
}

/// A line of one punctuation mark, at least three of it.
fn ruler(text: &str) -> Option<char> {
    let first = text.chars().next().filter(char::is_ascii_punctuation)?;
    (text.len() >= 3 && text.chars().all(|c| c == first)).then_some(first)
}

/// How wide the mark of a list item is, with the blank after it: "- ", "2. ", "(a) ", "#. ".
fn marker(text: &str) -> Option<usize> {
    let (mark, _) = text.split_once(' ').unwrap_or((text, ""));
    let bullet = matches!(mark, "-" | "*" | "+" | "•" | "‣");
    let inner = mark.strip_prefix('(').and_then(|m| m.strip_suffix(')')).or_else(|| mark.strip_suffix(['.', ')']));
    let counted = inner.is_some_and(|n| {
        let number = n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit());
        !n.is_empty() && (number || n == "#" || n.len() == 1 && n.bytes().all(|b| b.is_ascii_alphabetic()))
    });
    (bullet || counted).then_some(mark.len())
}

/// Where the value of a field begins: ":name: value".
fn field(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(':').filter(|r| !r.starts_with([':', ' ', '`']))?;
    let end = rest.find(':').filter(|&e| e > 0 && e < 80)?;
    let after = rest.get(end + 1..)?;
    (after.is_empty() || after.starts_with(' ')).then_some(end + 2)
}

/// A line of a line block: "| 12 High Street".
fn line_block(text: &str) -> Option<&str> {
    text.strip_prefix("| ")
}
