//! Raw mail to a tree of parts (RFC 2046), in one pass and without recursion.

use std::collections::HashMap;
use std::ops::Range;

use super::body::Encoding;
use super::fields::Fields;
use super::mime::Parametrised;

/// What one mail may cost; beyond it the rest stays one undivided part and the mail is quarantined.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep parts may nest.
    pub depth: usize,
    /// How many parts there may be.
    pub parts: usize,
    /// How many bytes all header blocks may have together.
    pub header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 100, parts: 10_000, header_bytes: 1 << 20 }
    }
}

/// One part. Ranges are positions in the bytes that were parsed.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The part around it; `None` for the root.
    pub parent: Option<usize>,
    /// The parts in it, in order.
    pub children: Vec<usize>,
    /// How many parts are around it.
    pub depth: usize,
    /// From the first byte of its header to the last of its body, as a signature covers it (RFC 3156 section 5).
    pub whole: Range<usize>,
    /// Its body.
    pub body: Range<usize>,
    /// Its header.
    pub fields: Fields,
    /// Content-Type; `text/plain` where there is none (RFC 2045 section 5.2).
    pub kind: Parametrised,
    /// True where the header had a Content-Type.
    pub typed: bool,
    /// Content-Disposition.
    pub disposition: Parametrised,
    /// Content-Transfer-Encoding.
    pub encoding: Encoding,
    /// The name of what was inside a file, where it is known better than from a header.
    pub file_name: Option<String>,
}

impl Part {
    /// Lower-case media type.
    pub fn media_type(&self) -> &str {
        &self.kind.value
    }

    /// The sender's name for it: `filename`, else `name`.
    pub fn name(&self) -> Option<&str> {
        if let Some(name) = &self.file_name {
            return Some(name);
        }
        self.disposition
            .get("filename")
            .or_else(|| self.kind.get("name"))
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }

    /// True where the sender calls it a file.
    pub fn is_attachment(&self) -> bool {
        self.disposition.value == "attachment"
    }

    /// True for text that has no name and is not called an attachment: a body.
    pub fn is_body_text(&self) -> bool {
        self.media_type().starts_with("text/") && !self.is_attachment() && self.name().is_none()
    }
}

/// The parts of one run of bytes; the root is the first.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// All parts; children come after their parents.
    pub parts: Vec<Part>,
    /// The limit that was hit, in words.
    pub limit: Option<&'static str>,
}

impl Tree {
    /// A tree of one part without a header.
    pub fn single(length: usize, media_type: &str, name: Option<String>) -> Tree {
        let kind = Parametrised::parse(media_type);
        let part = Part { whole: 0..length, body: 0..length, kind, file_name: name, ..Part::default() };
        Tree { parts: vec![part], limit: None }
    }
}

/// Parses a mail or a MIME entity. It never fails: what is not mail is one part without a header.
pub fn parse(bytes: &[u8], limits: Limits) -> Tree {
    let mut parser = Parser { bytes, limits, ..Parser::new(bytes) };
    parser.run();
    parser.tree
}

enum State {
    /// In the header of the part, which began here.
    Header(usize),
    /// In a body, where only boundaries matter.
    Body,
}

struct Parser<'a> {
    bytes: &'a [u8],
    limits: Limits,
    tree: Tree,
    /// Parts that are still open, outermost first, each with the boundary it waits for.
    open: Vec<(usize, Option<Vec<u8>>)>,
    /// Which open parts wait for a boundary; the innermost is last.
    waiting: HashMap<Vec<u8>, Vec<usize>>,
    header_bytes: usize,
    state: State,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8]) -> Parser<'a> {
        Parser {
            bytes,
            limits: Limits::default(),
            tree: Tree::default(),
            open: Vec::new(),
            waiting: HashMap::new(),
            header_bytes: 0,
            state: State::Body,
        }
    }

    fn run(&mut self) {
        let start = skip_envelope_line(self.bytes);
        self.begin_part(None, start);
        let mut at = start;
        while at < self.bytes.len() {
            let end = line_end(self.bytes, at);
            self.line(at, end);
            at = end;
        }
        let end = self.bytes.len();
        if let State::Header(began) = self.state {
            self.end_header(began, end, end);
        }
        self.close_down_to(0, end, end);
    }

    /// Takes one line, its end included.
    fn line(&mut self, at: usize, end: usize) {
        let line = self.bytes.get(at..end).unwrap_or_default();
        let text = line.trim_ascii_end();
        if text.starts_with(b"--") && self.boundary(text, at, end) {
            return;
        }
        if let State::Header(began) = self.state {
            // White space alone goes on a folded field (RFC 5322 section 4.2); only an empty line ends the header.
            if line.iter().all(|b| matches!(b, b'\r' | b'\n')) {
                self.end_header(began, at, end);
            } else if !looks_like_header(line) {
                // The blank line is missing: the body has begun.
                self.end_header(began, at, at);
            }
        }
    }

    /// True where the line was a boundary that an open part waits for.
    fn boundary(&mut self, text: &[u8], at: usize, end: usize) -> bool {
        let name = text.get(2..).unwrap_or_default();
        let closing = name.strip_suffix(b"--");
        let (level, closes) = match (self.waiting_for(name), closing.and_then(|name| self.waiting_for(name))) {
            (Some(level), _) => (level, false),
            (None, Some(level)) => (level, true),
            (None, None) => return false,
        };
        let content_end = before_line_break(self.bytes, at);
        if let State::Header(began) = self.state {
            let stop = at.max(began);
            self.end_header(began, stop, stop);
        }
        self.close_down_to(level + 1, content_end, end);
        if closes {
            self.stop_waiting(level);
            self.state = State::Body;
        } else if let Some((parent, _)) = self.open.get(level) {
            self.begin_part(Some(*parent), end);
        }
        true
    }

    fn waiting_for(&self, name: &[u8]) -> Option<usize> {
        self.waiting.get(name).and_then(|levels| levels.last().copied())
    }

    fn stop_waiting(&mut self, level: usize) {
        if let Some((_, boundary)) = self.open.get_mut(level)
            && let Some(name) = boundary.take()
            && let Some(levels) = self.waiting.get_mut(&name)
        {
            levels.retain(|other| *other != level);
        }
    }

    fn begin_part(&mut self, parent: Option<usize>, at: usize) {
        if self.tree.parts.len() >= self.limits.parts {
            self.tree.limit = Some("more than 10,000 parts");
            self.state = State::Body;
            return;
        }
        let depth = parent.and_then(|parent| self.tree.parts.get(parent)).map_or(0, |parent| parent.depth + 1);
        let index = self.tree.parts.len();
        self.tree.parts.push(Part { parent, depth, whole: at..at, body: at..at, ..Part::default() });
        if let Some(parent) = parent.and_then(|parent| self.tree.parts.get_mut(parent)) {
            parent.children.push(index);
        }
        self.open.push((index, None));
        self.state = State::Header(at);
    }

    /// The header of the innermost part ends at `end`; its body begins at `body`.
    fn end_header(&mut self, began: usize, end: usize, body: usize) {
        self.state = State::Body;
        let Some(&(index, _)) = self.open.last() else { return };
        let room = self.limits.header_bytes.saturating_sub(self.header_bytes);
        let stop = if end - began > room {
            self.tree.limit = Some("more than 1 MiB of header");
            began + room
        } else {
            end
        };
        self.header_bytes += stop - began;
        let fields = Fields::parse(self.bytes.get(began..stop).unwrap_or_default());
        if fields.truncated {
            self.tree.limit = Some("more than 10,000 header fields");
        }
        let Some(part) = self.tree.parts.get_mut(index) else { return };
        describe(part, fields);
        part.body = body..body;
        self.descend(index, body);
    }

    /// Waits for the parts of a multipart; goes on in the header of an enclosed message.
    fn descend(&mut self, index: usize, body: usize) {
        let Some(part) = self.tree.parts.get(index) else { return };
        let boundary = part.kind.get("boundary").map(|name| name.trim_end().as_bytes().to_vec());
        let divides = part.media_type().starts_with("multipart/") && boundary.as_ref().is_some_and(|b| !b.is_empty());
        let encloses = matches!(part.media_type(), "message/rfc822" | "message/global" | "message/news")
            && part.encoding == Encoding::Identity;
        if (divides || encloses) && part.depth + 1 >= self.limits.depth {
            self.tree.limit = Some("parts nested more than 100 deep");
        } else if encloses {
            self.begin_part(Some(index), body);
        } else if let (true, Some(name)) = (divides, boundary) {
            let level = self.open.len().saturating_sub(1);
            self.waiting.entry(name.clone()).or_default().push(level);
            if let Some(last) = self.open.last_mut() {
                last.1 = Some(name);
            }
        }
    }

    /// Closes open parts until `level` are left. Their content ends before the line break that belongs to the boundary.
    fn close_down_to(&mut self, level: usize, content_end: usize, _line_end: usize) {
        while self.open.len() > level {
            let last = self.open.len() - 1;
            self.stop_waiting(last);
            let Some((index, _)) = self.open.pop() else { return };
            if let Some(part) = self.tree.parts.get_mut(index) {
                part.whole.end = content_end.max(part.whole.start);
                part.body.end = content_end.max(part.body.start);
            }
        }
    }
}

fn describe(part: &mut Part, fields: Fields) {
    let structured = |name: &str| fields.first(name).map(|field| Parametrised::parse(&field.raw_text()));
    let kind = structured("content-type").filter(|kind| kind.value.contains('/'));
    part.typed = kind.is_some();
    part.kind = kind.unwrap_or_else(|| Parametrised::parse("text/plain"));
    part.disposition = structured("content-disposition").unwrap_or_default();
    part.encoding =
        fields.first("content-transfer-encoding").map(|field| Encoding::named(&field.raw_text())).unwrap_or_default();
    part.fields = fields;
}

/// Where the content before a boundary line ends: the line break before it belongs to the boundary (RFC 2046 section 5.1.1).
fn before_line_break(bytes: &[u8], at: usize) -> usize {
    match bytes.get(..at) {
        Some([rest @ .., b'\r', b'\n']) | Some([rest @ .., b'\n']) => rest.len(),
        _ => at,
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(bytes.len(), |found| at + found + 1)
}

/// Skips the `From ` line of an mbox (and an escaped one, and blank lines) before the header.
fn skip_envelope_line(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let end = line_end(bytes, at);
        let line = bytes.get(at..end).unwrap_or_default();
        let skip = line.starts_with(b"From ") || line.starts_with(b">From ") || line.trim_ascii().is_empty();
        if !skip || end >= bytes.len() || at > 4096 {
            return at;
        }
        at = end;
    }
}

fn looks_like_header(line: &[u8]) -> bool {
    if line.starts_with(b" ") || line.starts_with(b"\t") || line.starts_with(b">From ") || line.starts_with(b"From ") {
        return true;
    }
    let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() || *b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(mail: &str) -> String {
        let tree = parse(mail.as_bytes(), Limits::default());
        let mut out = String::new();
        for part in &tree.parts {
            let body = &mail[part.body.clone()];
            let body = if part.children.is_empty() { format!("={body:?}") } else { String::new() };
            out += &format!("{}{}{};", "-".repeat(part.depth), part.media_type(), body);
        }
        out
    }

    #[test]
    fn nesting_and_missing_ends() {
        let mail = "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\nContent-Type: multipart/alternative; \
                    boundary=b\n\n--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>\n--a\nContent-Type: x/y\n\nz\n--a--\nend\n";
        assert_eq!(
            shape(mail),
            "multipart/mixed;-multipart/alternative;--text/plain=\"plain\";--text/html=\"<p>\";-x/y=\"z\";"
        );
    }

    #[test]
    fn an_enclosed_message_is_descended() {
        let mail = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\nSubject: x\n\nin\n--a--\n";
        assert_eq!(shape(mail), "multipart/mixed;-message/rfc822;--text/plain=\"in\";");
    }

    #[test]
    fn a_missing_blank_line_loses_nothing() {
        assert_eq!(shape("Subject: x\nthis is text\nmore\n"), "text/plain=\"this is text\\nmore\\n\";");
        assert_eq!(shape("no header at all\n"), "text/plain=\"no header at all\\n\";");
        assert_eq!(shape("From a@b Thu Jan  1\nSubject: x\n\nhi\n"), "text/plain=\"hi\\n\";");
    }

    #[test]
    fn deep_nesting_stops_at_the_limit_and_keeps_the_rest() {
        let mut mail = String::new();
        for n in 0..2000 {
            mail += &format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
        }
        mail += "\nthe end\n";
        let tree = parse(mail.as_bytes(), Limits::default());
        assert_eq!(tree.parts.len(), 100);
        assert!(tree.limit.is_some());
        let last = tree.parts.last().unwrap();
        assert!(mail[last.body.clone()].ends_with("the end\n"));
    }

    #[test]
    fn many_parts_stop_at_the_limit() {
        let mail = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(30_000));
        let tree = parse(mail.as_bytes(), Limits::default());
        assert_eq!(tree.parts.len(), 10_000);
        assert!(tree.limit.is_some());
    }
}
