//! Text, and the armor in it.

use super::super::decrypt::{Failed, Sealing};
use super::super::verify;
use super::sealed::starts_with_mime;
use super::signed::unreadable_signature;
use super::{Item, MAX_OPERATIONS, MAX_SEALS_DEEP, Outcome, Payload, Piece, Role, Seal, Source, Walk};
use crate::message::armor::{self, Block, Kind};
use crate::message::tree::{self, Limits};
use crate::message::{body, html, words};
use crate::verdict::Format;

impl Walk<'_, '_> {
    pub(super) fn text(&mut self, item: &Item, media_type: &str) {
        let Some(part) = self.part(item.unit, item.part) else { return };
        let legacy = part.kind.get("hp-legacy-display").is_some_and(|value| value.trim() == "1")
            && self.payload.as_ref().is_some_and(Payload::sealed);
        let charset = part.kind.get("charset").map(str::to_owned);
        let flowed = part.kind.get("format").is_some_and(|format| format.eq_ignore_ascii_case("flowed"));
        let delsp = part.kind.get("delsp").is_some_and(|delsp| delsp.eq_ignore_ascii_case("yes"));
        let bytes = self.decoded(item.unit, item.part);
        let plain = |bytes: &[u8]| words::decode_charset(bytes, charset.as_deref());
        let has_armor = armor::is_likely(bytes.expose());
        let pieces = if media_type == "text/html" {
            let source = plain(bytes.expose());
            let text = html::to_text(&if legacy { without_legacy_html(source) } else { source });
            if armor::is_likely(text.as_bytes()) && !item.duplicate {
                self.inline(text.as_bytes(), item, Some("utf-8"))
            } else {
                vec![Piece { text: Some(text), cover: item.cover.clone() }]
            }
        } else if has_armor && !item.duplicate {
            self.inline(bytes.expose(), item, charset.as_deref())
        } else {
            let text = plain(bytes.expose());
            let text = if legacy { without_legacy_lines(&text).to_owned() } else { text };
            let text = if flowed { body::unflow(&text, delsp) } else { text };
            vec![Piece { text: Some(text), cover: item.cover.clone() }]
        };
        let duplicate = item.duplicate && has_armor;
        let item = Item { duplicate, ..item.clone() };
        self.push_leaf(&item, Role::Body, pieces);
    }

    /// Cuts text at its armor and opens what is in it.
    pub(super) fn inline(&mut self, bytes: &[u8], item: &Item, charset: Option<&str>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = 0;
        let plain = |range: std::ops::Range<usize>| {
            let text = words::decode_charset(bytes.get(range).unwrap_or_default(), charset);
            Piece { text: Some(text), cover: item.cover.clone() }
        };
        for block in armor::find(bytes) {
            let range = block.range.clone();
            let opened = match block.kind {
                Kind::Message => self.inline_message(&block, item, charset),
                Kind::Cleartext => self.inline_cleartext(&block, item, charset),
                Kind::PublicKey => {
                    self.collection.attached(&block.data);
                    None
                }
                Kind::PrivateKey => {
                    self.warn_of_secret_key();
                    None
                }
                Kind::Signature => None,
            };
            let Some(opened) = opened else { continue };
            pieces.push(plain(at..range.start));
            pieces.extend(opened);
            at = range.end;
        }
        pieces.push(plain(at..bytes.len()));
        pieces.retain(|piece| piece.text.as_deref().is_some_and(|text| !text.trim().is_empty()));
        if pieces.is_empty() {
            pieces.push(Piece { text: Some(String::new()), cover: item.cover.clone() });
        }
        pieces
    }

    /// The text of a message in armor; `None` leaves the armor as it stands.
    pub(super) fn inline_message(&mut self, block: &Block, item: &Item, charset: Option<&str>) -> Option<Vec<Piece>> {
        match self.read(&block.data, item) {
            Ok(reading) => {
                self.set_format(Format::Inline);
                let cover = self.cover_with(&item.cover, reading.sealing, reading.sigs, reading.payload.expose());
                let payload = reading.payload;
                let inner = Item { cover, seals: item.seals + 1, ..item.clone() };
                if starts_with_mime(payload.expose()) {
                    let tree = tree::parse(payload.expose(), Limits::default());
                    let unit = self.add_unit(Source::Opened(payload), tree);
                    self.stack.push(Item { unit, part: 0, ..inner });
                    return Some(Vec::new());
                }
                let charset = block.charset.as_deref().or_else(|| {
                    // The sender's program encoded before it encrypted: UTF-8 if it can be, else as the body says.
                    if std::str::from_utf8(payload.expose()).is_ok() { Some("utf-8") } else { charset }
                });
                Some(self.inline_payload(payload.expose(), &inner, charset))
            }
            Err(Failed::Malformed) => {
                let outcome = Outcome::Unopened("the armor holds no OpenPGP message that can be read".into());
                self.set_format(Format::Inline);
                self.seals.push(Seal { outcome, sealing: Sealing::default(), payload_sha256: None });
                None
            }
            Err(failed) => {
                self.set_format(Format::Inline);
                self.close(failed);
                Some(Vec::new())
            }
        }
    }

    pub(super) fn inline_payload(&mut self, payload: &[u8], inner: &Item, charset: Option<&str>) -> Vec<Piece> {
        if armor::is_likely(payload) && inner.seals < MAX_SEALS_DEEP {
            return self.inline(payload, inner, charset);
        }
        let text = words::decode_charset(payload, charset);
        vec![Piece { text: Some(text), cover: inner.cover.clone() }]
    }

    pub(super) fn inline_cleartext(&mut self, block: &Block, item: &Item, charset: Option<&str>) -> Option<Vec<Piece>> {
        let (shown, signed) = block.cleartext.as_ref()?;
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            self.quarantine("too many sealed layers");
            return None;
        }
        self.set_format(Format::Inline);
        let mut sigs = verify::detached(&block.data, &[signed], self.env).unwrap_or_default();
        if sigs.is_empty() {
            sigs.push(unreadable_signature());
        }
        if block.odd_header {
            for sig in &mut sigs {
                sig.proof = verify::Proof::Bad;
                sig.reason = Some("the signed text has a header line that no signature covers".into());
            }
        }
        let mut cover = item.cover.clone();
        cover.groups.extend(self.add_group(sigs));
        let charset = block.charset.as_deref().or(charset);
        let text = words::decode_charset(shown, charset);
        Some(vec![Piece { text: Some(text), cover }])
    }
}

/// Cuts the copy of header fields that RFC 9788 section 5.2 puts before the text for programs that do not know better.
fn without_legacy_lines(text: &str) -> &str {
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        let line = line.trim_end();
        if line.is_empty() && rest.len() < text.len() {
            return after;
        }
        let field = line.split_once(':').is_some_and(|(name, _)| crate::message::fields::is_name(name));
        if !field && !line.starts_with([' ', '\t']) {
            return text;
        }
        rest = after;
    }
    text
}

/// The same in HTML: a `div` of its own class.
fn without_legacy_html(html: String) -> String {
    let Some(class) = html.find("header-protection-legacy-display") else { return html };
    let (before, after) = html.split_at(class);
    match (before.rfind("<div"), after.find("</div>")) {
        (Some(start), Some(end)) => {
            let rest = after.get(end + 6..).unwrap_or_default();
            format!("{}{rest}", before.get(..start).unwrap_or_default())
        }
        _ => html,
    }
}
