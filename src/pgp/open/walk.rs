//! Through the parts of a mail in the order a person reads them, opening what is sealed on the way.
//!
//! Everything is a worklist: neither nesting nor sealing again can use up the stack, and a budget bounds how often the
//! library is called.

use sha2::{Digest, Sha256};

use super::carried::Collection;
use super::decrypt::{self, Env, Failed, REFUSED, Reading, Sealing};
use super::verify::{self, Sig};
use crate::message::armor::{self, Block, Kind};
use crate::message::body::{self, Encoding};
use crate::message::fields::Fields;
use crate::message::layer::{self, Layer};
use crate::message::tree::{self, Limits, Part, Tree};
use crate::message::{html, words};
use crate::secret::Plaintext;
use crate::verdict::Format;

/// How often one mail may make the library decrypt or verify.
const MAX_OPERATIONS: usize = 64;
/// How deep sealed things may be in sealed things.
const MAX_SEALS_DEEP: usize = 4;
/// What all layers of one mail may decrypt to together.
const MAX_TOTAL: usize = 64 << 20;

/// Bytes that parts point into.
pub enum Source<'a> {
    /// The mail as it came.
    Raw(&'a [u8]),
    /// What a decryption gave.
    Opened(Plaintext),
}

/// A run of bytes and its parts.
pub struct Unit<'a> {
    /// The bytes.
    pub source: Source<'a>,
    /// Its parts.
    pub tree: Tree,
}

impl Unit<'_> {
    fn bytes(&self) -> &[u8] {
        match &self.source {
            Source::Raw(bytes) => bytes,
            Source::Opened(plaintext) => plaintext.expose(),
        }
    }
}

/// What lies over a piece of content.
#[derive(Clone, Debug, Default)]
pub struct Cover {
    /// The seal it was in.
    pub seal: Option<usize>,
    /// The signature groups that cover it.
    pub groups: Vec<usize>,
}

/// The part whose header fields may be protected ones.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Which unit.
    pub unit: usize,
    /// Which part.
    pub part: usize,
    /// What lies over it.
    pub cover: Cover,
    /// Nothing but cryptography is around it. Otherwise a list or a gateway put text beside it.
    pub whole: bool,
}

impl Payload {
    /// True where some layer lies over it.
    pub fn sealed(&self) -> bool {
        self.cover.seal.is_some() || !self.cover.groups.is_empty()
    }
}

/// How a sealed layer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was opened.
    Opened,
    /// No key here opens it.
    Unopened(String),
    /// It must not be trusted.
    Refused,
}

/// One encrypted layer.
pub struct Seal {
    /// How it ended.
    pub outcome: Outcome,
    /// What it said of itself.
    pub sealing: Sealing,
    /// Of the payload.
    pub payload_sha256: Option<String>,
}

/// A piece of a part: text before, in and after armor differ in what lies over them.
pub struct Piece {
    /// Readable text; `None` for a file.
    pub text: Option<String>,
    /// What lies over it.
    pub cover: Cover,
}

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Text to read.
    Body,
    /// A file.
    File,
    /// Ciphertext that stayed closed: a file that is not content.
    Ciphertext,
    /// A line of ours about what follows.
    Heading,
}

/// A part in the order of reading.
pub struct Leaf {
    /// Which unit.
    pub unit: usize,
    /// Which part of it.
    pub part: usize,
    /// Position in the opened mail.
    pub path: String,
    /// What it is for.
    pub role: Role,
    /// It is shown in the text, rather than kept apart.
    pub shown: bool,
    /// Another form of what is shown.
    pub duplicate: bool,
    /// Armor in its text was opened: its content is the text of its pieces.
    pub inline: bool,
    /// Its pieces; never empty.
    pub pieces: Vec<Piece>,
}

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

    fn visit(&mut self, item: Item) {
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
                self.warn("secret-key-attached: somebody's secret key came with the mail; it was not imported".into());
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

    // ---- encrypted layers -------------------------------------------------------------------------------------------

    fn encrypted(&mut self, item: &Item, data: usize, others: &[usize], mended: bool) {
        self.set_format(if mended { Format::Mixed } else { Format::PgpMime });
        // What somebody put before the ciphertext is read first; what came after, after.
        let (before, after): (Vec<usize>, Vec<usize>) = others.iter().copied().partition(|other| *other < data);
        let blank = |walk: &Self, parts: &[usize]| parts.iter().all(|part| walk.is_blank(item.unit, *part));
        let alone = blank(self, &before) && blank(self, &after);
        for part in after.iter().rev() {
            self.push_child(item, *part);
        }
        let path = if item.path.is_empty() && !alone { number_under("", data) } else { item.path.clone() };
        let first = blank(self, &before);
        let sealed = Item { part: data, path, root: item.root && alone, lead: item.lead && first, ..item.clone() };
        if before.iter().any(|part| !self.is_blank(item.unit, *part)) {
            for part in before.iter().rev() {
                self.push_child(item, *part);
            }
            while let Some(next) = self.stack.pop_if(|next| before.contains(&next.part) && next.unit == item.unit) {
                self.visit(next);
            }
        }
        self.open_entity(&sealed, mended);
    }

    fn push_child(&mut self, item: &Item, part: usize) {
        if self.is_blank(item.unit, part) {
            return;
        }
        let place = self.part(item.unit, item.part).and_then(|p| p.children.iter().position(|child| *child == part));
        let path = number_under(&item.path, place.unwrap_or(0) + 1);
        self.stack.push(Item { part, path, root: false, lead: false, ..item.clone() });
    }

    /// True for text with nothing to read, as gateways leave it around what they took apart.
    fn is_blank(&self, unit: usize, part: usize) -> bool {
        let Some(found) = self.part(unit, part) else { return true };
        if !found.children.is_empty() || !found.media_type().starts_with("text/") || found.body.len() > 4096 {
            return false;
        }
        let text = words::bytes_to_text(&self.prefix(unit, part));
        let text = if found.media_type() == "text/html" { html::to_text(&text) } else { text };
        is_blank_text(&text)
    }

    /// True where something has been shown already: then what is sealed was not the mail, but a thing in it.
    fn something_shown(&self) -> bool {
        self.leaves
            .iter()
            .filter(|leaf| leaf.shown && leaf.role == Role::Body)
            .any(|leaf| leaf.pieces.iter().any(|piece| piece.text.as_deref().is_some_and(|text| !is_blank_text(text))))
    }

    /// Opens the ciphertext of a PGP/MIME layer.
    fn open_entity(&mut self, item: &Item, mended: bool) {
        let separate = !item.root && self.something_shown();
        let bytes = self.decoded(item.unit, item.part);
        if mended && layer::starts_as(bytes.expose()).is_none() && !armor::is_likely(bytes.expose()) {
            self.warn("not-encrypted: what should be an encrypted part holds no OpenPGP data".into());
            return self.push_file(item, Role::File);
        }
        match self.read(message_in(bytes.expose()).as_deref().unwrap_or(bytes.expose()), item) {
            Ok(reading) => {
                if reading.sealing.is_none() && item.cover.seal.is_none() {
                    self.warn("not-encrypted: what should be an encrypted part is not encrypted".into());
                }
                if separate {
                    self.warn(format!(
                        "separate-encrypted: part {} was encrypted by itself and stands after text that was not, so its \
                         text is kept apart",
                        if item.path.is_empty() { "1" } else { &item.path }
                    ));
                }
                let item = Item { shown: item.shown && !separate, ..item.clone() };
                self.enter(&item, reading, None);
            }
            Err(failed) => self.stay_closed(item, failed),
        }
    }

    /// Opens a file that is itself an OpenPGP message.
    fn sealed_file(&mut self, item: &Item) {
        let bytes = self.decoded(item.unit, item.part);
        let found = message_in(bytes.expose());
        let before = self.seals.len();
        match self.read(found.as_deref().unwrap_or(bytes.expose()), item) {
            Ok(reading) => {
                if reading.sealing.is_some() {
                    self.set_format(Format::Attachment);
                }
                let name = self.part(item.unit, item.part).and_then(Part::name).map(str::to_owned);
                let inner = name.as_deref().map(|name| layer::plain_name(name).unwrap_or(name).to_owned());
                let whole = item.root && item.path.is_empty();
                self.enter(&Item { shown: whole, ..item.clone() }, reading, Some(inner));
            }
            Err(Failed::Malformed) if !item.path.is_empty() => {
                self.push_file(item, Role::File);
            }
            Err(failed) => {
                self.stay_closed(item, failed);
                if self.seals.len() > before {
                    self.set_format(Format::Attachment);
                }
            }
        }
    }

    fn read(&mut self, data: &[u8], item: &Item) -> Result<Reading, Failed> {
        self.operations += 1;
        if self.operations > MAX_OPERATIONS || item.seals >= MAX_SEALS_DEEP {
            return Err(Failed::Limit(Sealing::default(), "too many sealed layers"));
        }
        let reading = decrypt::read(data, self.env)?;
        self.total += reading.payload.expose().len();
        if self.total > MAX_TOTAL {
            return Err(Failed::Limit(reading.sealing.unwrap_or_default(), "all layers together are more than 64 MiB"));
        }
        Ok(reading)
    }

    /// Goes on in what was opened. `file` is the name of the file it came in, if it came as one.
    fn enter(&mut self, item: &Item, reading: Reading, file: Option<Option<String>>) {
        let cover = self.cover_with(&item.cover, reading.sealing, reading.sigs, reading.payload.expose());
        let tree = payload_tree(reading.payload.expose(), file.as_ref());
        let unit = self.add_unit(Source::Opened(reading.payload), tree);
        let is_file = file.is_some();
        let item = Item { unit, part: 0, cover, seals: item.seals + 1, ..item.clone() };
        let lone = self.part(unit, 0).is_some_and(|part| part.file_name.is_some() || (is_file && !part.typed));
        if lone && !item.path.is_empty() {
            return self.lone_file(&item);
        }
        self.stack.push(item);
    }

    /// A decrypted file that is no mail: shown only where there is nothing else to read.
    fn lone_file(&mut self, item: &Item) {
        let media_type = self.part(item.unit, item.part).map(|part| part.media_type().to_owned()).unwrap_or_default();
        let text = media_type.starts_with("text/").then(|| {
            let bytes = self.decoded(item.unit, item.part);
            words::decode_charset(bytes.expose(), None)
        });
        if let Some(text) = text.as_ref().filter(|text| armor::is_likely(text.as_bytes())) {
            self.collection.in_text(text.as_bytes());
        }
        self.push_leaf(item, Role::File, vec![Piece { text, cover: item.cover.clone() }]);
    }

    fn cover_with(&mut self, over: &Cover, sealing: Option<Sealing>, sigs: Vec<Sig>, payload: &[u8]) -> Cover {
        let mut cover = over.clone();
        match sealing {
            Some(sealing) => {
                let payload_sha256 = Some(data_encoding::HEXLOWER.encode(&Sha256::digest(payload)));
                self.seals.push(Seal { outcome: Outcome::Opened, sealing, payload_sha256 });
                cover.seal = cover.seal.or(Some(self.seals.len() - 1));
            }
            None => {}
        }
        if !sigs.is_empty() {
            self.groups.push(sigs);
            cover.groups.push(self.groups.len() - 1);
        }
        cover
    }

    fn stay_closed(&mut self, item: &Item, failed: Failed) {
        self.close(failed);
        self.push_file(item, Role::Ciphertext);
    }

    /// Records a layer that stays closed, and why.
    fn close(&mut self, failed: Failed) {
        let (outcome, sealing) = match failed {
            Failed::Unopened(sealing, reason) => (Outcome::Unopened(reason), sealing),
            Failed::Refused(sealing) => (Outcome::Refused, sealing),
            Failed::Limit(sealing, limit) => {
                self.quarantine(limit);
                (Outcome::Unopened(format!("it was not opened because of a limit: {limit}")), sealing)
            }
            Failed::Malformed => {
                let reason = "the encrypted part is damaged or no OpenPGP message; ask the sender to send it again";
                (Outcome::Unopened(reason.into()), Sealing::default())
            }
        };
        self.seals.push(Seal { outcome, sealing, payload_sha256: None });
    }

    // ---- signed layers ----------------------------------------------------------------------------------------------

    fn signed(&mut self, item: Item, content: usize, signature: usize, others: &[usize], mended: bool) {
        let group = self.verify_parts(&item, content, signature, mended);
        if !mended || group.is_some() {
            self.set_format(if mended { Format::Mixed } else { Format::PgpMime });
        }
        let mut cover = item.cover.clone();
        cover.groups.extend(group);
        let children = self.part(item.unit, item.part).map(|part| part.children.clone()).unwrap_or_default();
        let alone = others.iter().all(|part| self.is_blank(item.unit, *part));
        for (number, child) in children.iter().enumerate().rev() {
            if *child == signature {
                continue;
            }
            let covered = *child == content;
            if !covered && self.is_blank(item.unit, *child) {
                continue;
            }
            let path = if alone && !mended { item.path.clone() } else { number_under(&item.path, number + 1) };
            let cover = if covered { cover.clone() } else { item.cover.clone() };
            let root = item.root && covered && alone && !mended;
            let lead = item.lead && covered && children.first() == Some(child);
            self.stack.push(Item { part: *child, path, cover, root, lead, ..item.clone() });
        }
    }

    /// Checks the signature part against the content part as it stands, and as it may have stood.
    fn verify_parts(&mut self, item: &Item, content: usize, signature: usize, mended: bool) -> Option<usize> {
        let signature_bytes = self.decoded(item.unit, signature);
        let packets = signature_in(signature_bytes.expose());
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            self.quarantine("too many sealed layers");
            return None;
        }
        let unit = self.units.get(item.unit)?;
        let whole = unit.bytes().get(unit.tree.parts.get(content)?.whole.clone())?;
        let crlf = with_crlf(whole);
        let stripped = without_trailing_space(&crlf);
        let ended = [crlf.as_slice(), b"\r\n"].concat();
        let file = mended.then(|| self.decoded(item.unit, content));
        let mut forms: Vec<&[u8]> = vec![&crlf, whole, &ended, &stripped];
        if let Some(file) = &file {
            forms.insert(0, file.expose());
        }
        forms.dedup();
        match verify::detached(&packets, &forms, self.env) {
            Ok(sigs) if sigs.is_empty() => self.add_group(vec![unreadable_signature()]),
            Ok(sigs) => self.add_group(sigs),
            Err(limit) => {
                self.quarantine(limit);
                self.add_group(vec![unreadable_signature()])
            }
        }
    }

    fn add_group(&mut self, sigs: Vec<Sig>) -> Option<usize> {
        self.groups.push(sigs);
        Some(self.groups.len() - 1)
    }

    fn smime(&mut self, item: Item, encrypted: bool) {
        self.set_format(Format::Smime);
        if encrypted {
            let reason = "it is encrypted with S/MIME, which is kept and not opened; ask the sender to use OpenPGP";
            let outcome = Outcome::Unopened(reason.into());
            self.seals.push(Seal { outcome, sealing: Sealing::default(), payload_sha256: None });
            return self.push_file(&item, Role::Ciphertext);
        }
        self.warn("smime-signature: the mail is signed with S/MIME, which is not checked".into());
        self.ordinary(item);
    }

    // ---- text -------------------------------------------------------------------------------------------------------

    fn text(&mut self, item: &Item, media_type: &str) {
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
    fn inline(&mut self, bytes: &[u8], item: &Item, charset: Option<&str>) -> Vec<Piece> {
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
                    self.warn(
                        "secret-key-attached: somebody's secret key came with the mail; it was not imported".into(),
                    );
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
    fn inline_message(&mut self, block: &Block, item: &Item, charset: Option<&str>) -> Option<Vec<Piece>> {
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

    fn inline_payload(&mut self, payload: &[u8], inner: &Item, charset: Option<&str>) -> Vec<Piece> {
        if armor::is_likely(payload) && inner.seals < MAX_SEALS_DEEP {
            return self.inline(payload, inner, charset);
        }
        let text = words::decode_charset(payload, charset);
        vec![Piece { text: Some(text), cover: inner.cover.clone() }]
    }

    fn inline_cleartext(&mut self, block: &Block, item: &Item, charset: Option<&str>) -> Option<Vec<Piece>> {
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

/// The reason to give for a seal that stayed closed.
pub fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Opened => None,
        Outcome::Unopened(reason) => Some(reason.clone()),
        Outcome::Refused => Some(REFUSED.into()),
    }
}

/// True for text in which there is nothing to read, only rules and signature separators.
pub fn is_blank_text(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '-' | '_' | '=' | '*' | '\u{feff}' | '\u{200b}'))
}

fn number_under(path: &str, number: usize) -> String {
    if path.is_empty() { number.to_string() } else { format!("{path}.{number}") }
}

fn unreadable_signature() -> Sig {
    Sig { reason: Some("it cannot be read".into()), ..Sig::blank() }
}

/// The first armored message in a body that should be one; `None` where there is no armor.
fn message_in(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) && layer::binary_kind(bytes).is_some() {
        return None;
    }
    armor::find(bytes).into_iter().find(|block| block.kind == Kind::Message).map(|block| block.data)
}

fn signature_in(bytes: &[u8]) -> Vec<u8> {
    let found =
        armor::find(bytes).into_iter().find(|block| block.kind == Kind::Signature || block.kind == Kind::Message);
    found.map_or_else(|| bytes.to_vec(), |block| block.data)
}

/// What was inside: a MIME entity, or text, or a file.
fn payload_tree(payload: &[u8], file: Option<&Option<String>>) -> Tree {
    match file {
        Some(name) if !starts_with_mime(payload) => {
            Tree::single(payload.len(), guess_type(payload, name.as_deref()), name.clone())
        }
        _ => {
            let parsed = tree::parse(payload, Limits::default());
            let known = parsed.parts.first().is_some_and(|root| root.typed || has_known_field(&root.fields));
            if known { parsed } else { Tree::single(payload.len(), guess_type(payload, None), None) }
        }
    }
}

fn has_known_field(fields: &Fields) -> bool {
    ["mime-version", "content-transfer-encoding", "content-disposition", "subject", "from", "date", "message-id"]
        .iter()
        .any(|name| fields.first(name).is_some())
}

fn starts_with_mime(payload: &[u8]) -> bool {
    let start = payload.trim_ascii_start();
    ["content-type:", "mime-version:", "content-transfer-encoding:"]
        .iter()
        .any(|name| start.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())))
}

/// A media type from a file's ending or, without one, from whether it is text.
fn guess_type(payload: &[u8], name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("gz" | "tgz") => "application/gzip",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("py") => "text/x-python",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        _ if std::str::from_utf8(payload).is_ok() && !payload.contains(&0) => "text/plain",
        Some("txt" | "log" | "patch" | "diff") => "text/plain",
        _ if name.is_none() && !payload.iter().take(4096).any(|b| *b == 0) => "text/plain",
        _ => "application/octet-stream",
    }
}

/// Line ends as RFC 3156 section 5 wants them.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let extra = bytes.iter().filter(|b| **b == b'\n').count();
    let mut out = Vec::with_capacity(bytes.len() + extra);
    let mut last = 0;
    for &byte in bytes {
        if byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        last = byte;
    }
    out
}

/// Some senders sign before they cut the white space at the ends of lines.
fn without_trailing_space(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let kept = text.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
        out.extend_from_slice(text.get(..kept).unwrap_or_default());
        if text.len() < line.len() {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}
