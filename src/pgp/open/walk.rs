//! Through the parts of a mail in the order a person reads them, opening what is sealed on the way.
//!
//! Everything is a worklist: neither nesting nor sealing again can use up the stack, and a budget bounds how often the
//! library is called.

mod found;
mod sealed;
mod signed;
mod text;

use super::carried::Collection;
use super::decrypt::Env;
use super::verify::Sig;
use crate::message::armor::Kind;
use crate::message::body::Encoding;
use crate::message::layer::{self, Layer};
use crate::message::tree::{self, Limits, Part, Tree};
use crate::secret::Plaintext;
use crate::verdict::Format;

pub use found::{Cover, Leaf, Outcome, Payload, Piece, Role, Seal, Source, Unit, reason};

/// How often one mail may make the library decrypt or verify.
const MAX_OPERATIONS: usize = 64;
/// How deep sealed things may be in sealed things.
const MAX_SEALS_DEEP: usize = 4;
/// What all layers of one mail may decrypt to together.
const MAX_TOTAL: usize = 64 << 20;

#[derive(Clone)]
struct Item {
    unit: usize,
    part: usize,
    path: String,
    cover: Cover,
    /// All that is around it is cryptography: its header may be a protected one.
    root: bool,
    /// It is what a list or a gateway put its own text around: the first thing in the mail that is not blank.
    lead: bool,
    shown: bool,
    duplicate: bool,
    /// It is the ciphertext of PGP/MIME, mended or not.
    open: Option<bool>,
    seals: usize,
}

/// The state of one walk, and afterwards its result.
pub struct Walk<'a, 'e> {
    env: &'e Env<'e>,
    /// Bytes and parts.
    pub units: Vec<Unit<'a>>,
    /// The parts, in the order of reading.
    pub leaves: Vec<Leaf>,
    /// The encrypted layers.
    pub seals: Vec<Seal>,
    /// The signatures, in the groups that cover the same content.
    pub groups: Vec<Vec<Sig>>,
    /// The shape, from the outermost layer.
    pub format: Option<Format>,
    /// Slugs and words.
    pub warnings: Vec<String>,
    /// The limit that was hit.
    pub quarantined: Option<String>,
    /// The root of what the outermost layers held.
    pub payload: Option<Payload>,
    /// Certificates that came along.
    pub collection: Collection,
    operations: usize,
    total: usize,
    stack: Vec<Item>,
}

impl<'a, 'e> Walk<'a, 'e> {
    /// Walks a mail, or a bare OpenPGP message.
    pub fn run(raw: &'a [u8], env: &'e Env<'e>) -> Walk<'a, 'e> {
        let mut walk = Walk {
            env,
            units: Vec::new(),
            leaves: Vec::new(),
            seals: Vec::new(),
            groups: Vec::new(),
            format: None,
            warnings: Vec::new(),
            quarantined: None,
            payload: None,
            collection: Collection::default(),
            operations: 0,
            total: 0,
            stack: Vec::new(),
        };
        let bare = layer::starts_as(raw).is_some();
        let tree = if bare {
            walk.format = Some(Format::Openpgp);
            let text = raw.trim_ascii_start().starts_with(b"-----BEGIN");
            Tree::single(raw.len(), if text { "text/plain" } else { "application/octet-stream" }, None)
        } else {
            tree::parse(raw, Limits::default())
        };
        walk.add_unit(Source::Raw(raw), tree);
        walk.stack.push(Item {
            unit: 0,
            part: 0,
            path: String::new(),
            cover: Cover::default(),
            root: true,
            lead: true,
            shown: true,
            duplicate: false,
            open: None,
            seals: 0,
        });
        while let Some(item) = walk.stack.pop() {
            walk.visit(item);
        }
        walk
    }

    /// The part of a leaf.
    pub fn part_of(&self, leaf: &Leaf) -> Option<&Part> {
        self.part(leaf.unit, leaf.part)
    }

    /// A part.
    pub fn part(&self, unit: usize, part: usize) -> Option<&Part> {
        self.units.get(unit).and_then(|unit| unit.tree.parts.get(part))
    }

    /// The decoded bytes of a part.
    pub fn decoded(&self, unit: usize, part: usize) -> Plaintext {
        let bytes = match (self.units.get(unit), self.part(unit, part)) {
            (Some(unit), Some(part)) => {
                let body = unit.bytes().get(part.body.clone()).unwrap_or_default();
                let mut decoded = part.encoding.decode(body);
                std::mem::take(&mut *decoded)
            }
            _ => Vec::new(),
        };
        Plaintext::new(bytes)
    }

    /// The first decoded bytes of a part: enough to tell what it is.
    fn prefix(&self, unit: usize, part: usize) -> Vec<u8> {
        let (Some(unit), Some(part)) = (self.units.get(unit), self.part(unit, part)) else { return Vec::new() };
        let body = unit.bytes().get(part.body.clone()).unwrap_or_default();
        let mut decoded = part.encoding.decode(body.get(..8192).unwrap_or(body));
        std::mem::take(&mut *decoded)
    }

    fn add_unit(&mut self, source: Source<'a>, tree: Tree) -> usize {
        if let Some(limit) = tree.limit {
            self.quarantine(limit);
        }
        self.units.push(Unit { source, tree });
        self.units.len() - 1
    }

    fn quarantine(&mut self, limit: &str) {
        self.quarantined.get_or_insert_with(|| limit.to_owned());
    }

    /// Adds a warning once.
    pub fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) && self.warnings.len() < 100 {
            self.warnings.push(warning);
        }
    }

    fn warn_of_secret_key(&mut self) {
        self.warn("secret-key-attached: somebody's secret key came with the mail; it was not imported".into());
    }

    fn visit(&mut self, item: Item) {
        if let Some(mended) = item.open {
            return self.open_entity(&Item { open: None, ..item }, mended);
        }
        let Some(unit) = self.units.get(item.unit) else { return };
        match layer::of(&unit.tree, item.part, |part| self.prefix(item.unit, part)) {
            Layer::Encrypted { data, others, mended } => self.encrypted(&item, data, &others, mended),
            Layer::Signed { content, signature, others, mended } => {
                self.signed(item, content, signature, &others, mended);
            }
            Layer::Smime { encrypted } => self.smime(item, encrypted),
            Layer::Tnef => {
                self.warn(
                    "tnef: the mail holds an Outlook container (winmail.dat), which is kept and not opened".into(),
                );
                self.push_file(&item, Role::File);
            }
            Layer::None => self.ordinary(item),
        }
    }

    fn ordinary(&mut self, item: Item) {
        let sealed = item.cover.seal.is_some() || !item.cover.groups.is_empty();
        if (item.root || (item.lead && sealed)) && self.payload.as_ref().is_none_or(|payload| !payload.sealed()) {
            let Item { unit, part, ref cover, root: whole, .. } = item;
            self.payload = Some(Payload { unit, part, cover: cover.clone(), whole });
        }
        let Some(part) = self.part(item.unit, item.part) else { return };
        if !part.children.is_empty() {
            return self.descend(item);
        }
        if part.encoding != Encoding::Identity && matches!(part.media_type(), "message/rfc822" | "message/global") {
            return self.encoded_message(&item);
        }
        self.leaf(item);
    }

    /// A message that was encoded to be enclosed, which RFC 2046 section 5.2.1 forbids and some programs do.
    fn encoded_message(&mut self, item: &Item) {
        let bytes = self.decoded(item.unit, item.part);
        self.total += bytes.expose().len();
        if self.total > MAX_TOTAL || item.seals >= MAX_SEALS_DEEP {
            self.quarantine("all layers together are more than 64 MiB");
            return self.push_file(item, Role::File);
        }
        let mut tree = tree::parse(bytes.expose(), Limits::default());
        if let Some(root) = tree.parts.first_mut() {
            root.depth = 1;
        }
        let unit = self.add_unit(Source::Opened(bytes), tree);
        let inner = Item {
            unit,
            part: 0,
            path: number_under(&item.path, 1),
            root: false,
            lead: false,
            seals: item.seals + 1,
            ..item.clone()
        };
        if item.shown {
            self.forwarded(&inner, 0);
        }
        self.stack.push(inner);
    }

    /// Puts the children on the stack, the first on top.
    fn descend(&mut self, item: Item) {
        let Some(part) = self.part(item.unit, item.part) else { return };
        let children = part.children.clone();
        let (media_type, is_report) = (part.media_type().to_owned(), part.media_type() == "multipart/report");
        let chosen = (media_type == "multipart/alternative").then(|| self.choose(item.unit, &children)).flatten();
        let encloses = media_type.starts_with("message/");
        if encloses
            && item.shown
            && let Some(child) = children.first()
        {
            self.forwarded(&item, *child);
        }
        let lead = (item.lead && media_type == "multipart/mixed")
            .then(|| children.iter().copied().find(|child| !self.is_blank(item.unit, *child)))
            .flatten();
        for (number, child) in children.iter().enumerate().rev() {
            let duplicate = chosen.is_some_and(|chosen| chosen != *child);
            // What a bounce gives back was not said by its sender.
            let returned =
                is_report && self.part(item.unit, *child).is_some_and(|p| p.media_type().starts_with("message/"));
            self.stack.push(Item {
                part: *child,
                path: number_under(&item.path, number + 1),
                root: false,
                lead: lead == Some(*child),
                shown: item.shown && !duplicate && !returned,
                duplicate: item.duplicate || duplicate,
                ..item.clone()
            });
        }
    }

    /// Which of several forms of one content is shown: plain text, else HTML, else the last, as RFC 2046 section 5.1.4 says.
    fn choose(&self, unit: usize, children: &[usize]) -> Option<usize> {
        let rank = |child: usize| {
            let mut part = child;
            for _ in 0..100 {
                match self.part(unit, part) {
                    Some(found) if !found.children.is_empty() => part = *found.children.first().unwrap_or(&part),
                    _ => break,
                }
            }
            let found = self.part(unit, part);
            let blank = self.prefix(unit, part).iter().all(u8::is_ascii_whitespace);
            match found.map(Part::media_type) {
                _ if blank => 0,
                Some("text/plain" | "application/pgp" | "application/pgp-encrypted") => 4,
                Some("text/html") => 3,
                Some(kind) if kind.starts_with("text/") => 2,
                _ => 1,
            }
        };
        children.iter().copied().rev().max_by_key(|child| rank(*child))
    }

    fn forwarded(&mut self, item: &Item, child: usize) {
        let Some(part) = self.part(item.unit, child) else { return };
        let line = |name: &str, label: &str| {
            part.fields.first(name).map(|field| format!("{label}: {}\n", field.text())).unwrap_or_default()
        };
        let text = format!(
            "---------- forwarded message ----------\n{}{}{}",
            line("from", "From"),
            line("date", "Date"),
            line("subject", "Subject")
        );
        self.push_leaf(item, Role::Heading, vec![Piece { text: Some(text), cover: item.cover.clone() }]);
    }

    fn push_leaf(&mut self, item: &Item, role: Role, pieces: Vec<Piece>) {
        let path = if item.path.is_empty() { "1".to_owned() } else { item.path.clone() };
        let (shown, duplicate) = (item.shown, item.duplicate);
        let over = |piece: &Piece| (piece.cover.seal, piece.cover.groups.len());
        let inline = pieces.iter().any(|piece| over(piece) != (item.cover.seal, item.cover.groups.len()));
        self.leaves.push(Leaf { unit: item.unit, part: item.part, path, role, shown, duplicate, inline, pieces });
    }

    fn push_file(&mut self, item: &Item, role: Role) {
        self.push_leaf(item, role, vec![Piece { text: None, cover: item.cover.clone() }]);
    }

    fn leaf(&mut self, item: Item) {
        let Some(part) = self.part(item.unit, item.part) else { return };
        let media_type = part.media_type().to_owned();
        let readable = matches!(media_type.as_str(), "text/plain" | "text/html" | "text/enriched" | "text/richtext")
            || media_type == "application/pgp"
            || (item.path.is_empty() && media_type.starts_with("text/"))
            // A multipart whose boundary never comes hides nothing.
            || media_type.starts_with("multipart/");
        let named = part.name().is_some() && !(item.path.is_empty() && !part.is_attachment());
        let kind = layer::starts_as(&self.prefix(item.unit, item.part));
        let text_part = readable && !part.is_attachment() && !named;
        if self.is_legacy_part(&item) {
            return;
        }
        match kind {
            Some(Kind::Message) if !text_part && self.may_be_sealed_file(&item) => self.sealed_file(&item),
            Some(Kind::PublicKey) if !text_part => {
                let bytes = self.decoded(item.unit, item.part);
                self.collection.attached(bytes.expose());
                self.push_file(&item, Role::File);
            }
            Some(Kind::PrivateKey) if !text_part => {
                self.warn_of_secret_key();
                self.push_file(&item, Role::File);
            }
            Some(Kind::Message | Kind::Signature | Kind::PublicKey | Kind::PrivateKey)
                if !self.prefix(item.unit, item.part).trim_ascii_start().starts_with(b"-") =>
            {
                self.push_file(&item, Role::File);
            }
            _ if text_part || (readable && kind == Some(Kind::Cleartext)) => self.text(&item, &media_type),
            _ => {
                if media_type == "application/autocrypt-setup" {
                    self.sealed_file(&item);
                } else {
                    self.push_file(&item, Role::File);
                }
            }
        }
    }

    /// The older form of the same: a first part that repeats the protected fields and is not meant to be shown.
    fn is_legacy_part(&self, item: &Item) -> bool {
        let Some(payload) = self.payload.as_ref().filter(|payload| payload.sealed()) else { return false };
        let Some(part) = self.part(item.unit, item.part) else { return false };
        payload.unit == item.unit
            && part.parent == Some(payload.part)
            && part.kind.get("protected-headers").is_some()
            && matches!(part.media_type(), "text/rfc822-headers" | "text/plain")
            && self.part(payload.unit, payload.part).is_some_and(|root| {
                root.kind.get("protected-headers").is_some() && root.children.first() == Some(&item.part)
            })
    }

    /// Ciphertext by its content; a type that plainly says otherwise (an image, an archive) is believed.
    fn may_be_sealed_file(&self, item: &Item) -> bool {
        let Some(part) = self.part(item.unit, item.part) else { return false };
        let armored = self.prefix(item.unit, item.part).trim_ascii_start().starts_with(b"-----BEGIN PGP");
        let named = part.name().is_some_and(|name| layer::plain_name(name).is_some());
        let media_type = part.media_type();
        let typed = media_type.starts_with("application/pgp")
            || media_type == "application/x-pgp"
            || media_type.starts_with("application/vnd.gnupg");
        armored || named || typed || item.path.is_empty()
    }

    fn set_format(&mut self, format: Format) {
        self.format.get_or_insert(format);
    }
}

/// True for text in which there is nothing to read, only rules and signature separators.
pub fn is_blank_text(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '-' | '_' | '=' | '*' | '\u{feff}' | '\u{200b}'))
}

fn number_under(path: &str, number: usize) -> String {
    if path.is_empty() { number.to_string() } else { format!("{path}.{number}") }
}
