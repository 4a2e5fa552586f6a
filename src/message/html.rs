//! HTML to readable text: no tree, no recursion, and nothing is ever fetched. Links are shown as text.

use html5gum::{StartTag, Token, Tokenizer};

/// How much HTML is converted; the rest is only in the part itself.
const MAX_INPUT: usize = 4 << 20;
/// How deep quotes are shown.
const MAX_QUOTE: usize = 8;

/// Converts a document or a fragment.
pub fn to_text(html: &str) -> String {
    let mut end = html.len().min(MAX_INPUT);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let input = html.get(..end).unwrap_or_default();
    let mut emitter = html5gum::emitters::default::DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut writer = Writer { out: String::with_capacity(input.len() / 2), ..Writer::default() };
    for Ok(token) in Tokenizer::new_with_emitter(input, emitter) {
        match token {
            Token::StartTag(tag) => writer.start(&tag),
            Token::EndTag(tag) => writer.end(&tag.name),
            Token::String(text) => writer.text(&String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    writer.close_link();
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Inside an element whose text is not for reading; its name.
    skipping: Option<&'static str>,
    preformatted: usize,
    quote: usize,
    /// White space waits until something follows it.
    space: bool,
    /// Line ends that wait likewise.
    breaks: usize,
    link: Option<(String, usize)>,
}

const UNREAD: [&str; 8] = ["script", "style", "head", "title", "template", "noscript", "object", "svg"];

impl Writer {
    fn start(&mut self, tag: &StartTag<()>) {
        let name = tag.name.as_slice();
        if self.skipping.is_some() {
            // A missing </head> must not hide the body.
            if name != b"body" {
                return;
            }
            self.skipping = None;
        }
        if let Some(skip) = UNREAD.iter().find(|skip| skip.as_bytes() == name) {
            if !tag.self_closing {
                self.skipping = Some(skip);
            }
            return;
        }
        match name {
            b"br" => self.line_break(),
            b"p" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"ul" | b"ol" | b"table" | b"dl" => self.need(2),
            b"pre" | b"textarea" => {
                self.need(1);
                self.preformatted += 1;
            }
            b"blockquote" => {
                self.need(1);
                self.quote += 1;
            }
            b"li" => {
                self.need(1);
                self.text("-");
                self.space = true;
            }
            b"hr" => {
                self.need(1);
                self.text("----");
                self.need(1);
            }
            b"td" | b"th" => self.space = true,
            b"a" => self.open_link(tag),
            b"img" => self.image(tag),
            _ if is_block(name) => self.need(1),
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8]) {
        if let Some(skip) = self.skipping {
            if skip.as_bytes() == name {
                self.skipping = None;
            }
            return;
        }
        match name {
            b"a" => self.close_link(),
            b"pre" | b"textarea" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.need(1);
            }
            b"blockquote" => {
                self.need(1);
                self.write_breaks();
                self.quote = self.quote.saturating_sub(1);
            }
            b"p" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"ul" | b"ol" | b"table" => self.need(2),
            _ if is_block(name) => self.need(1),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.skipping.is_some() {
            return;
        }
        for c in text.chars() {
            match c {
                '\r' => {}
                '\n' if self.preformatted > 0 => self.line_break(),
                // A no-break space is not collapsed; it becomes a plain one, because people copy it.
                '\u{a0}' => self.write(' '),
                c if c.is_ascii_whitespace() && self.preformatted == 0 => self.space = true,
                c => self.write(c),
            }
        }
    }

    fn write(&mut self, c: char) {
        let at_line_start = self.breaks > 0 || self.out.is_empty();
        self.write_breaks();
        if self.space && !at_line_start && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
        self.space = false;
        if at_line_start || self.out.ends_with('\n') {
            self.out.extend(std::iter::repeat_n("> ", self.quote.min(MAX_QUOTE)));
        }
        self.out.push(c);
    }

    fn write_breaks(&mut self) {
        if self.breaks > 0 && !self.out.is_empty() {
            let kept = self.out.trim_end_matches(' ').len();
            self.out.truncate(kept);
            let have = self.out.bytes().rev().take_while(|b| *b == b'\n').count();
            self.out.extend(std::iter::repeat_n('\n', self.breaks.saturating_sub(have)));
        }
        self.breaks = 0;
    }

    /// At least this many line ends before what comes next.
    fn need(&mut self, count: usize) {
        self.breaks = self.breaks.max(count);
        self.space = false;
    }

    /// One more line end.
    fn line_break(&mut self) {
        if self.out.is_empty() && self.breaks == 0 {
            return;
        }
        self.breaks = (self.breaks + 1).min(100);
        self.space = false;
    }

    fn open_link(&mut self, tag: &StartTag<()>) {
        self.close_link();
        if let Some(target) = attribute(tag, b"href") {
            self.link = Some((target, self.out.len()));
        }
    }

    /// Shows where a link leads when its text does not say so.
    fn close_link(&mut self) {
        let Some((target, began)) = self.link.take() else { return };
        let target = target.trim();
        let shown = self.out.get(began..).unwrap_or_default().trim();
        let address = target.strip_prefix("mailto:").unwrap_or(target);
        let hidden = target.starts_with('#') || target.starts_with("cid:") || target.is_empty();
        if hidden || shown == target || shown == address || shown.trim_end_matches('/') == target.trim_end_matches('/')
        {
            return;
        }
        let note: String = address.chars().filter(|c| !c.is_whitespace()).take(2_000).collect();
        self.space = true;
        self.text(&format!("<{note}>"));
    }

    fn image(&mut self, tag: &StartTag<()>) {
        if let Some(alt) = attribute(tag, b"alt").filter(|alt| !alt.trim().is_empty()) {
            self.text(&format!("[image: {}]", alt.trim()));
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    tag.attributes.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn is_block(name: &[u8]) -> bool {
    matches!(
        name,
        b"div"
            | b"tr"
            | b"section"
            | b"article"
            | b"header"
            | b"footer"
            | b"address"
            | b"body"
            | b"html"
            | b"center"
            | b"dt"
            | b"dd"
            | b"form"
            | b"fieldset"
            | b"figure"
            | b"nav"
            | b"main"
            | b"aside"
            | b"tbody"
            | b"thead"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_reads_as_text() {
        for (html, want) in [
            ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
            ("<html><head><title>x</title><style>p{}</style></head><body>a &amp; b</body>", "a & b"),
            ("<head><title>x</title><body>shown", "shown"),
            ("<a href='https://example.org/x'>here</a>", "here <https://example.org/x>"),
            ("<a href='https://example.org/'>https://example.org</a>", "https://example.org"),
            ("<a href='mailto:a@example.org'>a@example.org</a>", "a@example.org"),
            ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
            ("a<blockquote>q<div>r</div></blockquote>b", "a\n> q\n> r\nb"),
            ("<ul><li>x</li><li>y</li></ul>", "- x\n- y"),
            ("<img src='http://evil.example/x' alt='a cat'>", "[image: a cat]"),
            ("<script>alert(1)</script>ok", "ok"),
            ("x&nbsp;y", "x y"),
        ] {
            assert_eq!(to_text(html), want, "{html}");
        }
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let html = format!("{}x", "<div><blockquote>".repeat(100_000));
        assert!(to_text(&html).ends_with('x'));
    }
}
